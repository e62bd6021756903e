//! What a handler takes: [`Cx`] (who asks and whether they may), [`Body`], [`Xml`],
//! [`Params`] and [`PathIds`], all of which refuse precisely, and [`Accept`].

mod accept;
mod body;
mod conditions;
mod gate;

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use galen_access::{Authentication, Permission, Principal, Scope};
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_kernel::{Clock, Problem, Timestamp};
use galen_storage::Db;
use galen_vault::Vault;
use http::request::Parts;
use uuid::Uuid;

pub use accept::Accept;
pub use body::{Body, Params, PathIds, Xml};
pub(crate) use body::{collect, too_large};
pub(crate) use conditions::Fingerprint;
pub use conditions::{IDEMPOTENCY_KEY, RequiredKey};
pub use gate::{Caller, Gate};

use crate::audit::Note;
use crate::command::{self, Claim, Command, Deferred, IdempotencyKey};
use crate::outcome::Halt;

/// What a request needs before its handler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: login, registration, public keys.
    Nobody,
    /// Any valid access token.
    Anybody,
    /// A role that grants this; [`Cx::scope`] says how far it reaches.
    Permission(Permission),
}

/// Declared by every request type (or by a unit type for requests without one).
/// A handler gets a [`Cx`], and with it a transaction, for such a type only.
pub trait Requires: Send + Sync + 'static {
    /// What it needs.
    const NEEDS: Needs;
    /// Whether the caller must have shown who they are within
    /// [`RECENTLY`](galen_access::RECENTLY): for what a browser left alone, or a stolen
    /// token, must not do. Where that depends on what is asked, the handler calls
    /// [`Cx::expect_recent_authentication`].
    const STEP_UP: bool = false;
    /// Whether the caller must send an `Idempotency-Key`: for what must not happen twice
    /// because an answer was lost. The operation documents it with [`RequiredKey`].
    const IDEMPOTENT: bool = false;
}

/// One authorised request of type `R`. Extracting it answers 401 or 403 when the
/// caller may not.
pub struct Cx<R> {
    caller: Option<Arc<Caller>>,
    scope: Scope,
    if_match: Option<Vec<i64>>,
    idempotency: Option<IdempotencyKey>,
    vault: Option<Vault>,
    clock: Clock,
    note: Arc<Note>,
    _request: PhantomData<fn(R)>,
}

impl<R: Requires> Cx<R> {
    /// Who asks. Only absent under [`Needs::Nobody`].
    ///
    /// # Errors
    /// 401 when nobody is logged in.
    pub fn principal(&self) -> Result<&Principal, Problem> {
        match &self.caller {
            Some(caller) => Ok(&caller.principal),
            None => Err(Problem::unauthenticated()),
        }
    }

    /// When the caller's access token ends, for answers that could outlive it.
    #[must_use]
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.caller.as_ref().map(|caller| caller.until)
    }

    /// How far the permission reaches.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// 404 unless the patient's things are within reach.
    ///
    /// # Errors
    /// 404: the caller may not even know.
    pub fn reach_patient(&self, id: PatientId) -> Result<(), Problem> {
        self.concerns(id);
        if self.scope.covers_patient(id) {
            Ok(())
        } else {
            Err(Problem::not_found())
        }
    }

    /// 404 unless the practitioner's things are within reach.
    ///
    /// # Errors
    /// 404: the caller may not even know.
    pub fn reach_practitioner(&self, id: PractitionerId) -> Result<(), Problem> {
        if self.scope.covers_practitioner(id) {
            Ok(())
        } else {
            Err(Problem::not_found())
        }
    }

    /// 403 `STEP_UP_REQUIRED` unless the caller showed lately who they are.
    ///
    /// # Errors
    /// 403, or 401 when nobody is logged in.
    pub fn expect_recent_authentication(&self) -> Result<(), Problem> {
        gate::recent(self.caller.as_deref(), self.now())
    }

    /// When and how the caller showed who they are.
    #[must_use]
    pub fn authentication(&self) -> Option<&Authentication> {
        self.caller.as_ref().map(|caller| &caller.authentication)
    }

    /// An id that is the same whenever the caller repeats a request with its idempotency
    /// key, for what a command begins before its transaction; `None` without a key.
    #[must_use]
    pub fn request_id(&self) -> Option<Uuid> {
        let given = self.idempotency.as_ref()?;
        let name = format!("{}/{}", given.caller, given.key);
        Some(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock, for new ids.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Checks `If-Match` against the loaded version; fine when there is none.
    ///
    /// # Errors
    /// 412 when it names another version.
    pub fn expect_version(&self, actual: i64) -> Result<(), Problem> {
        match &self.if_match {
            Some(expected) if !expected.contains(&actual) => Err(Problem::stale()),
            _ => Ok(()),
        }
    }

    /// Answers at once when the idempotency key was used before. Call it before
    /// slow questions to other services; [`Cx::begin`] checks again.
    ///
    /// # Errors
    /// [`Halt::Replay`], 422 on another body, 409 while the first still runs.
    pub async fn replayed(&self, db: &Db) -> Result<(), Halt> {
        match self.claim()? {
            Some(claim) => command::look_up(db, &claim).await,
            None => Ok(()),
        }
    }

    /// Starts the transaction of a command and claims its idempotency key in it.
    ///
    /// # Errors
    /// As [`Cx::replayed`], and when the database cannot be reached.
    pub async fn begin(&self, db: &Db) -> Result<Command, Halt> {
        Command::begin(db, self.claim()?, Arc::clone(&self.note)).await
    }

    /// The command for somebody else to commit, together with those of others: its
    /// idempotency key, and what the audit log is to hold of it. Say what it is
    /// [about](Cx::about) before it is committed.
    ///
    /// # Errors
    /// Never in a host.
    pub fn deferred(&self) -> Result<Deferred, Problem> {
        Ok(Deferred::new(self.claim()?, Arc::clone(&self.note)))
    }

    fn claim(&self) -> Result<Option<Claim>, Problem> {
        match (&self.idempotency, &self.vault) {
            (None, _) => Ok(None),
            (Some(key), Some(vault)) => Ok(Some(Claim {
                key: key.clone(),
                vault: vault.clone(),
            })),
            (Some(_), None) => Err(Problem::internal("a route is served without its vault")),
        }
    }

    /// Tells the audit log what is concerned, where the path does not say it. Ids
    /// only: what somebody typed may be anything.
    pub fn about(&self, kind: &'static str, id: impl ToString) {
        self.note.about(kind, id.to_string());
    }

    /// Tells the audit log whose data are concerned.
    pub fn concerns(&self, patient: PatientId) {
        self.note.concerns(patient.uuid());
    }

    /// Tells the audit log for which purpose, as a code: `BREAK_GLASS`.
    pub fn because(&self, purpose: &'static str) {
        self.note.because(purpose);
    }
}

impl<S: Send + Sync, R: Requires> FromRequestParts<S> for Cx<R> {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Halt> {
        let gate = parts
            .extensions
            .get::<Gate>()
            .cloned()
            .ok_or_else(|| Problem::internal("a route is served without its gate"))?;
        let note = parts
            .extensions
            .get::<Arc<Note>>()
            .cloned()
            .ok_or_else(|| Problem::internal("a route is served without its audit"))?;
        let caller = gate.identify(&parts.headers, &mut parts.extensions);
        note.asked(R::NEEDS, caller.clone());
        let scope = gate::scope(caller.as_deref(), R::NEEDS)?;
        if R::STEP_UP {
            gate::recent(caller.as_deref(), gate.clock.now())?;
        }
        note.reaches(scope);
        let idempotency = conditions::idempotency_key(parts, caller.as_deref())?;
        if R::IDEMPOTENT && idempotency.is_none() {
            return Err(conditions::key_required().into());
        }
        Ok(Self {
            if_match: conditions::if_match(&parts.headers)?,
            idempotency,
            vault: parts.extensions.get().cloned(),
            caller,
            scope,
            clock: gate.clock,
            note,
            _request: PhantomData,
        })
    }
}
