//! One line of the log.

use serde::Serialize;
use uuid::Uuid;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// Personal data was shown.
    Read,
    /// Something was changed.
    Write,
    /// Something was refused: without a valid token, without the permission, or
    /// because the caller may not even know that it exists.
    Deny,
    /// Somebody came or went: logins that succeed and fail, renewals, forgotten
    /// passwords.
    Login,
    /// Something was changed that concerns the system or the rights of others.
    Admin,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "actor_kind",
    content = "actor",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Actor {
    /// An account.
    User(Uuid),
    /// Another service; empty when its connection does not say which.
    Service(String),
    /// Nobody who is known.
    Anonymous,
}

/// An entry, before the log gives it a time, the service that wrote it, and a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// `UUIDv7`.
    pub id: Uuid,
    /// What kind of thing.
    pub kind: Kind,
    /// Who.
    #[serde(flatten)]
    pub actor: Actor,
    /// In which login.
    pub session: Option<Uuid>,
    /// As what.
    pub roles: Vec<String>,
    /// What: method and route, or the gRPC method.
    pub action: String,
    /// What it needed.
    pub permission: Option<&'static str>,
    /// The kind of thing it was done to, as the path names it.
    pub subject_kind: Option<String>,
    /// Which one.
    pub subject: Option<String>,
    /// The patients whose data were shown or changed.
    pub patients: Vec<Uuid>,
    /// How it ended: the HTTP status.
    pub status: u16,
    /// Why: how far the permission reached, a stated purpose, or the code of the
    /// refusal.
    pub reason: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// In which trace: 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// What the client calls the request.
    pub request_id: Option<String>,
}
