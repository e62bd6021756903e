//! Passkeys (WebAuthn Level 3, <https://www.w3.org/TR/webauthn-3/>): keys that an
//! authenticator holds and uses only after it has verified its user, by a PIN or a
//! finger, and only for this hospital's own site. Their signature is a login by itself.
//!
//! Every passkey is discoverable: its authenticator knows whose it is. A login
//! therefore never has to say which keys an account has, and nothing can be learnt by
//! asking for somebody's.

pub(crate) mod credential;
pub(crate) mod list;
pub(crate) mod log_in;
pub(crate) mod model;
pub(crate) mod register;
pub(crate) mod relying_party;
pub(crate) mod remove;
pub(crate) mod store;

pub(crate) use relying_party::RelyingParty;
