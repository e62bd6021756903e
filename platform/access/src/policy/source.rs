//! Reading policies, and refusing those that do not fit.

use std::collections::HashMap;

use cedar_policy::{
    Effect, EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};

use super::{Kind, uid};
use crate::{Grants, Permission, Reach};

/// The role of those who have custom roles.
pub(super) const CUSTOM: &str = "CUSTOM";

/// What is wrong with the policies.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// They are not Cedar.
    #[error("the policies cannot be read: {0}")]
    Unreadable(String),
    /// One has no `@id`, or one that another has.
    #[error("policy {0} needs an @id of its own and says with @why what it is for")]
    Unnamed(String),
    /// They speak of what the schema does not know, or never apply.
    #[error("the policies do not fit their schema: {0}")]
    Misfit(String),
    /// The schema and the permissions of the code differ.
    #[error("{0} must be an action of the schema on exactly one kind of record")]
    Action(String),
}

pub(super) fn schema(text: &str) -> Result<Schema, PolicyError> {
    let (schema, warnings) = Schema::from_cedarschema_str(text)
        .map_err(|error| PolicyError::Unreadable(error.to_string()))?;
    match warnings.into_iter().next() {
        Some(warning) => Err(PolicyError::Misfit(warning.to_string())),
        None => Ok(schema),
    }
}

/// All policies of the files under their own ids.
pub(super) fn policies(files: &[&str], schema: &Schema) -> Result<PolicySet, PolicyError> {
    let mut set = PolicySet::new();
    for file in files {
        let read: PolicySet = file
            .parse()
            .map_err(|error| PolicyError::Unreadable(format!("{error}")))?;
        for policy in read.policies() {
            let unnamed = || PolicyError::Unnamed(policy.to_string());
            let id = policy.annotation("id").ok_or_else(unnamed)?;
            if policy.annotation("why").is_none_or(str::is_empty) {
                return Err(unnamed());
            }
            set.add(policy.new_id(PolicyId::new(id)))
                .map_err(|_| unnamed())?;
        }
    }
    let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    if result.validation_passed_without_warnings() {
        Ok(set)
    } else {
        Err(PolicyError::Misfit(result.to_string()))
    }
}

/// What each permission is about. The schema's actions and the permissions of the code
/// are the same, but for groups of actions, which nobody can ask for.
pub(super) fn kinds(schema: &Schema) -> Result<HashMap<Permission, Kind>, PolicyError> {
    let mut kinds = HashMap::new();
    for permission in Permission::ALL {
        let action = uid("Action", permission.name());
        let kind = kind(schema, &action)
            .ok_or_else(|| PolicyError::Action(permission.name().to_owned()))?;
        kinds.insert(*permission, kind);
    }
    for action in schema.actions() {
        let about = schema.resources_for_action(action).map(Iterator::count);
        let known = action.id().unescaped().parse::<Permission>().is_ok();
        if about.is_some_and(|count| count > 0) && !known {
            return Err(PolicyError::Action(action.to_string()));
        }
    }
    Ok(kinds)
}

fn kind(schema: &Schema, action: &EntityUid) -> Option<Kind> {
    let mut types = schema.resources_for_action(action)?;
    let (Some(only), None) = (types.next(), types.next()) else {
        return None;
    };
    let name = only.to_string();
    Kind::ALL.into_iter().find(|kind| kind.name() == name)
}

/// The policies that custom roles stand for: one a grant.
pub(super) fn custom(grants: &Grants) -> impl Iterator<Item = Result<Policy, PolicyError>> {
    grants.iter().map(|(permission, reach)| {
        // Both names are from closed lists: nothing that anybody typed gets in here.
        let condition = match reach {
            Reach::Any => "",
            Reach::Care => "when { resource.own || resource.caredFor }",
            Reach::Own => "when { resource.own }",
        };
        let action = permission.name();
        let text = format!(
            "@why(\"A role that the hospital made grants it.\")
             permit (principal in Role::\"{CUSTOM}\", action == Action::\"{action}\", resource) {condition};"
        );
        Policy::parse(Some(PolicyId::new(format!("custom/{action}"))), text)
            .map_err(|error| PolicyError::Unreadable(error.to_string()))
    })
}

/// Whether a policy takes away.
pub(super) fn forbids(policy: &Policy) -> bool {
    policy.effect() == Effect::Forbid
}
