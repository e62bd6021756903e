//! Who is asking, and what they may.
//!
//! The Cedar policies in `policies/` are the only place where a role is tied to a
//! permission; the code of services names permissions, never roles.

pub mod authentication;
pub mod grants;
pub mod permission;
pub mod policy;
pub mod principal;
pub mod reach;
pub mod revocation;
pub mod roles;
pub mod token;

pub use authentication::{Authentication, Method, RECENTLY};
pub use grants::Grants;
pub use permission::Permission;
pub use policy::PolicyError;
pub use principal::{Principal, Scope};
pub use reach::Reach;
pub use revocation::EndedSessions;
pub use roles::Role;
pub use token::{KeySet, SigningKey, TokenError, Verified};
