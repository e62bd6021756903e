//! Who is asking, and what they may.
//!
//! The table in [`roles`] is the only place where a role is tied to a permission;
//! the code of services names permissions, never roles.

pub mod permission;
pub mod principal;
pub mod roles;
pub mod token;

pub use permission::Permission;
pub use principal::{Principal, Scope};
pub use roles::Role;
pub use token::{KeySet, SigningKey, TokenError};
