//! Who may what, as Cedar policies: the files in `policies/`, read once.
//!
//! A policy is asked about a record of somebody else, of a patient whom the caller
//! cares for, and of the caller's own. What it answers is how far a permission
//! *reaches*, and with that a service bounds its SQL. All answers for a set of roles
//! are found at once and kept: a request costs a look-up.

mod explain;
mod source;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, Response, RestrictedExpression, Schema,
};
use moka::sync::Cache;

pub use explain::{Because, Case, Explanation};
pub use source::PolicyError;

use crate::{Grants, Permission, Reach, Role};

/// Sets of roles that are remembered; a hospital has some dozens.
const REMEMBERED: u64 = 1_000;

/// The hospital's policies. Broken ones permit nothing, and [`check`] says so at the
/// start.
static HOSPITAL: LazyLock<Result<Policies, PolicyError>> = LazyLock::new(|| {
    Policies::read(
        include_str!("../../policies/schema.cedarschema"),
        &[
            include_str!("../../policies/administration.cedar"),
            include_str!("../../policies/desks.cedar"),
            include_str!("../../policies/care.cedar"),
            include_str!("../../policies/patient.cedar"),
        ],
    )
});

/// Whether the policies can be used; to be asked before anything is served.
///
/// # Errors
/// What is wrong with them.
pub fn check() -> Result<(), &'static PolicyError> {
    HOSPITAL.as_ref().map(|_| ())
}

/// How far a permission reaches for somebody; `None` when no policy grants it.
#[must_use]
pub fn reach(holder: &Holder, permission: Permission) -> Option<Reach> {
    HOSPITAL.as_ref().ok()?.reach(holder, permission)
}

/// Why somebody may or may not do something.
///
/// # Errors
/// As [`check`].
pub fn explain(
    holder: &Holder,
    permission: Permission,
) -> Result<Explanation, &'static PolicyError> {
    HOSPITAL
        .as_ref()
        .map(|policies| policies.explain(holder, permission))
}

/// How far a permission can reach at all: what belongs to nobody in particular has no
/// owner to be bounded to.
#[must_use]
pub fn reaches(permission: Permission) -> &'static [Reach] {
    HOSPITAL
        .as_ref()
        .map_or(&[], |policies| policies.kind(permission).reaches())
}

/// Somebody, as the policies see them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Holder {
    /// A bit for each role.
    roles: u16,
    grants: Grants,
    patient: bool,
    practitioner: bool,
}

impl Holder {
    /// Somebody with these built-in roles and what custom roles grant, and whether a
    /// patient's and a practitioner's record belong to them.
    #[must_use]
    pub fn new(roles: &[Role], grants: &Grants, patient: bool, practitioner: bool) -> Self {
        Self {
            roles: roles.iter().fold(0, |bits, role| bits | bit(*role)),
            grants: grants.clone(),
            patient,
            practitioner,
        }
    }

    fn roles(&self) -> impl Iterator<Item = Role> {
        Role::ALL
            .iter()
            .copied()
            .filter(|role| self.roles & bit(*role) != 0)
    }
}

const fn bit(role: Role) -> u16 {
    1 << role as u16
}

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What belongs to nobody in particular.
    Hospital,
    /// What belongs to somebody.
    Record,
    /// What belongs to a patient, where it is known who cares for them.
    PatientRecord,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Hospital, Self::Record, Self::PatientRecord];

    const fn name(self) -> &'static str {
        match self {
            Self::Hospital => "Hospital",
            Self::Record => "Record",
            Self::PatientRecord => "PatientRecord",
        }
    }

    const fn reaches(self) -> &'static [Reach] {
        match self {
            Self::Hospital => &[Reach::Any],
            Self::Record => &[Reach::Own, Reach::Any],
            Self::PatientRecord => &[Reach::Own, Reach::Care, Reach::Any],
        }
    }
}

/// How far each permission reaches, in the order of [`Permission::ALL`].
type Row = [Option<Reach>; Permission::ALL.len()];

/// A set of policies that fits its schema.
struct Policies {
    schema: Schema,
    set: PolicySet,
    kinds: HashMap<Permission, Kind>,
    rows: Cache<Holder, Arc<Row>>,
}

impl Policies {
    fn read(schema: &str, files: &[&str]) -> Result<Self, PolicyError> {
        let schema = source::schema(schema)?;
        Ok(Self {
            set: source::policies(files, &schema)?,
            kinds: source::kinds(&schema)?,
            schema,
            rows: Cache::new(REMEMBERED),
        })
    }

    fn kind(&self, permission: Permission) -> Kind {
        // Reading them found one for every permission.
        *self.kinds.get(&permission).unwrap_or(&Kind::Hospital)
    }

    fn reach(&self, holder: &Holder, permission: Permission) -> Option<Reach> {
        let row = match self.rows.get(holder) {
            Some(known) => known,
            None => {
                let found = Arc::new(self.row(holder));
                self.rows.insert(holder.clone(), Arc::clone(&found));
                found
            }
        };
        row.get(permission as usize).copied().flatten()
    }

    fn row(&self, holder: &Holder) -> Row {
        let mut row = [None; Permission::ALL.len()];
        let Some(question) = Question::new(self, holder) else {
            return row;
        };
        for (held, permission) in row.iter_mut().zip(Permission::ALL) {
            // The widest reach within which everything is permitted: a policy that
            // permits the wider and forbids the narrower leaves a hole that SQL cannot
            // be bounded by, and grants nothing.
            *held = self
                .kind(*permission)
                .reaches()
                .iter()
                .copied()
                .take_while(|reach| question.permits(*permission, *reach))
                .last();
        }
        row
    }
}

/// The policies, asked for one holder.
struct Question<'a> {
    policies: &'a Policies,
    set: PolicySet,
    entities: Entities,
}

impl<'a> Question<'a> {
    /// `None` when the holder does not fit the schema, which the tests rule out.
    fn new(policies: &'a Policies, holder: &Holder) -> Option<Self> {
        let mut roles: Vec<EntityUid> = holder.roles().map(|r| uid("Role", r.name())).collect();
        let mut set = policies.set.clone();
        if !holder.grants.is_empty() {
            roles.push(uid("Role", source::CUSTOM));
            for policy in source::custom(&holder.grants) {
                set.add(policy.ok()?).ok()?;
            }
        }
        let caller = entity(
            caller(),
            &[
                ("patient", holder.patient),
                ("practitioner", holder.practitioner),
            ],
            roles.iter().cloned(),
        )?;
        let mut entities = vec![caller];
        entities.extend(
            roles
                .into_iter()
                .map(|role| Entity::new_no_attrs(role, std::collections::HashSet::new())),
        );
        for kind in Kind::ALL {
            for reach in kind.reaches() {
                let own = ("own", *reach == Reach::Own);
                let cared_for = ("caredFor", *reach == Reach::Care);
                let attributes: &[(&str, bool)] = match kind {
                    Kind::Hospital => &[],
                    Kind::Record => &[own],
                    Kind::PatientRecord => &[own, cared_for],
                };
                entities.push(entity(resource(kind, *reach), attributes, [])?);
            }
        }
        Some(Self {
            policies,
            set,
            entities: Entities::from_entities(entities, Some(&policies.schema)).ok()?,
        })
    }

    fn ask(&self, permission: Permission, reach: Reach) -> Option<Response> {
        let request = Request::new(
            caller(),
            uid("Action", permission.name()),
            resource(self.policies.kind(permission), reach),
            Context::empty(),
            Some(&self.policies.schema),
        )
        .ok()?;
        Some(Authorizer::new().is_authorized(&request, &self.set, &self.entities))
    }

    /// A policy that cannot be evaluated may be one that forbids.
    fn permits(&self, permission: Permission, reach: Reach) -> bool {
        self.ask(permission, reach).is_some_and(|response| {
            response.decision() == Decision::Allow
                && response.diagnostics().errors().next().is_none()
        })
    }
}

fn caller() -> EntityUid {
    uid("User", "caller")
}

fn resource(kind: Kind, reach: Reach) -> EntityUid {
    uid(kind.name(), reach.name())
}

fn uid(kind: &'static str, id: &str) -> EntityUid {
    let kind: EntityTypeName = kind.parse().expect("the names of types are identifiers");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

fn entity(
    uid: EntityUid,
    attributes: &[(&str, bool)],
    parents: impl IntoIterator<Item = EntityUid>,
) -> Option<Entity> {
    let attributes = attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), RestrictedExpression::new_bool(*value)))
        .collect();
    Entity::new(uid, attributes, parents.into_iter().collect()).ok()
}

#[cfg(test)]
mod tests;
