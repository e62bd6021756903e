//! How roles are shown, and how their schema describes them.

use galen_access::{Grants, Permission, Reach, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, Type};

use super::model::CustomRole;

/// A role.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleView {
    /// Its name.
    #[schema(pattern = "^[A-Z][A-Z0-9_]{2,39}$")]
    name: String,
    /// What it is for; built-in roles need no description.
    description: Option<String>,
    /// Every hospital has it, and nobody can change it.
    built_in: bool,
    /// What it permits.
    permissions: Vec<GrantView>,
    /// As in the `ETag`; built-in roles have none.
    version: Option<i64>,
}

/// Something that a role permits, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GrantView {
    /// The permission.
    #[schema(schema_with = permission_schema)]
    permission: Permission,
    /// One's own records, those of whom one cares for, or all. Not every permission can
    /// be bounded.
    #[schema(schema_with = reach_schema)]
    reach: Reach,
}

impl GrantView {
    /// What is granted.
    pub(crate) const fn grant(&self) -> (Permission, Reach) {
        (self.permission, self.reach)
    }
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        let grant = |permission: &Permission| Some((*permission, role.grants(*permission)?));
        Self {
            name: role.name().to_owned(),
            description: None,
            built_in: true,
            permissions: granted(Permission::ALL.iter().filter_map(grant)),
            version: None,
        }
    }
}

impl From<&CustomRole> for RoleView {
    fn from(role: &CustomRole) -> Self {
        Self {
            name: role.name.as_str().to_owned(),
            description: Some(role.description.clone()),
            built_in: false,
            permissions: granted(Grants::iter(&role.grants)),
            version: Some(role.version),
        }
    }
}

fn granted(grants: impl Iterator<Item = (Permission, Reach)>) -> Vec<GrantView> {
    grants
        .map(|(permission, reach)| GrantView { permission, reach })
        .collect()
}

/// The schema of the name of a role.
pub(crate) fn role_schema() -> Object {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!(
            "A role: {}, or one that the hospital made.",
            names.join(", ")
        )))
        .pattern(Some("^[A-Z][A-Z0-9_]{2,39}$"))
        .build()
}

/// The schema of an account's roles.
pub(crate) fn roles_schema() -> Array {
    ArrayBuilder::new()
        .description(Some("The roles of the account."))
        .items(role_schema())
        .min_items(Some(1))
        .build()
}

/// The schema of one permission.
pub(crate) fn permission_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(
            Permission::ALL.iter().map(|permission| permission.name()),
        ))
        .build()
}

fn reach_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Reach::ALL.iter().map(|reach| reach.name())))
        .build()
}
