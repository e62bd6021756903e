//! What a handler takes: [`Cx`] (who asks and whether they may), [`Body`],
//! [`Params`] and [`PathIds`], all of which refuse precisely.

use std::marker::PhantomData;

use axum::extract::{FromRequest, FromRequestParts, Request};
use galen_access::{Permission, Principal, Scope};
use galen_contracts::ids::{PatientId, PractitionerId};
use galen_kernel::{Clock, Problem, Timestamp};
use galen_storage::Db;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::command::{Command, IdempotencyKey};
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
}

/// One authorised request of type `R`. Extracting it answers 401 or 403 when the
/// caller may not.
pub struct Cx<R> {
    principal: Option<Principal>,
    scope: Scope,
    if_match: Option<i64>,
    idempotency: Option<IdempotencyKey>,
    clock: Clock,
    _request: PhantomData<fn(R)>,
}

impl<R: Requires> Cx<R> {
    /// Who asks. Only absent under [`Needs::Nobody`].
    ///
    /// # Errors
    /// 401 when nobody is logged in.
    pub fn principal(&self) -> Result<&Principal, Problem> {
        self.principal.as_ref().ok_or_else(Problem::unauthenticated)
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
        if self.scope.covers_patient(id) { Ok(()) } else { Err(Problem::not_found()) }
    }

    /// 404 unless the practitioner's things are within reach.
    ///
    /// # Errors
    /// 404: the caller may not even know.
    pub fn reach_practitioner(&self, id: PractitionerId) -> Result<(), Problem> {
        if self.scope.covers_practitioner(id) { Ok(()) } else { Err(Problem::not_found()) }
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
        match self.if_match {
            Some(expected) if expected != actual => Err(Problem::stale()),
            _ => Ok(()),
        }
    }

    /// Answers at once when the idempotency key was used before. Call it before
    /// slow questions to other services; [`Cx::begin`] checks again.
    ///
    /// # Errors
    /// [`Halt::Replay`], 422 on another body, 409 while the first still runs.
    pub async fn replayed(&self, db: &Db) -> Result<(), Halt> {
        let _ = (db, &self.idempotency);
        todo!()
    }

    /// Starts the transaction of a command and claims its idempotency key in it.
    ///
    /// # Errors
    /// As [`Cx::replayed`], and when the database cannot be reached.
    pub async fn begin(&self, db: &Db) -> Result<Command, Halt> {
        let _ = db;
        todo!()
    }
}

impl<S: Send + Sync, R: Requires> FromRequestParts<S> for Cx<R> {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let _ = (parts, state);
        todo!()
    }
}

/// A JSON body of type `T`. Refuses other content types (415), bad UTF-8 or JSON,
/// unknown fields and wrong types (400 with a pointer).
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Halt;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let _ = (request, state);
        todo!()
    }
}

/// Query parameters of type `T`. Refuses unknown and malformed ones (400).
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let _ = (parts, state);
        todo!()
    }
}

/// Path parameters, as ids or tuples of ids. What is not an id names nothing: 404.
#[derive(Debug)]
pub struct PathIds<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathIds<T> {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let _ = (parts, state);
        todo!()
    }
}
