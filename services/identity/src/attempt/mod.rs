//! Failed attempts to prove who one is, counted so that guessing gets slow.
//!
//! What is counted are passwords and one-time codes, because they can be guessed.
//! Links and refresh tokens are 256 random bits, access tokens and passkeys signatures:
//! nobody guesses those, so nothing is counted for them, and no pause is for them.
//!
//! Three counts, each with its own pause:
//!
//! - **An account, by strangers**: everybody who tries a name from somewhere it has
//!   not logged in from shares one count. A botnet is as slow as one machine.
//! - **An account, where it is familiar**: an address from which the account has
//!   logged in has a count of its own. Whoever guesses at somebody's account
//!   from elsewhere slows down strangers, and does not lock its owner out.
//! - **An address, for all accounts** that are not familiar there, so that trying one
//!   password with many names is slow, too.
//!
//! The first two are the "device cookies" of OWASP ("Slow Down Online Guessing
//! Attacks with Device Cookies"), with the address instead of the cookie: clients of
//! the API keep no cookies. It is weaker in one thing: whoever shares an address with
//! the owner shares their count there. A session that is open is never in question: renewing it
//! needs no password.
//!
//! An address is the connection's other end, or who a trusted proxy says; no header of
//! a client changes it. Addresses of one [`Household`] are one.

pub(crate) mod model;
pub(crate) mod pressure;
pub(crate) mod store;

use galen_contracts::ids::UserId;
use galen_kernel::{Household, Problem, Timestamp};
use galen_storage::{Db, Error};
use sqlx::{PgConnection, PgExecutor};

use self::model::{Paused, Subject};
use crate::account::Account;
use crate::session::device::Device;

/// Somebody tries to prove that they own an account, which may not exist.
pub(crate) struct Attempt {
    subject: Subject,
    account: Option<UserId>,
    household: Option<Household>,
}

/// Why an attempt is not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// It has to wait.
    #[error(transparent)]
    Paused(#[from] Paused),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] Error),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Paused(paused) => paused.into(),
            Refusal::Storage(error) => error.into(),
        }
    }
}

impl Attempt {
    /// With a name as typed, and the account of that name.
    pub(crate) fn at(username: &str, account: Option<&Account>, from: &Device) -> Self {
        Self {
            subject: Subject::of(username),
            account: account.map(|account| account.id),
            household: from.household(),
        }
    }

    /// Refuses while there is a pause, whatever is shown. To be asked before a turn to
    /// hash is waited for, so that guesses keep nobody else waiting; and again with
    /// the turn, because failures are counted while it is held: guesses side by
    /// side are then at most as many as there are turns.
    pub(crate) async fn refuse_paused(
        &self,
        db: impl PgExecutor<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match store::standing(db, self).await?.closed_for(now) {
            Some(wait) => Err(Paused { wait }.into()),
            None => Ok(()),
        }
    }

    /// Forgets the failures of the account there, which is familiar from now on. To be
    /// asked when everything that was shown is right.
    pub(crate) async fn succeeded(
        &self,
        db: &Db,
        account: &Account,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = db.begin().await?;
        store::welcome(tx.conn(), account, self.household, now).await?;
        tx.commit().await
    }

    /// Counts a failure, for the account and for the address.
    pub(crate) async fn failed(&self, tx: &mut PgConnection, now: Timestamp) -> Result<(), Error> {
        if !store::count_at_familiar_place(&mut *tx, self, now).await? {
            store::count_of_strangers(&mut *tx, &self.subject, now).await?;
        }
        if let Some(household) = self.household {
            store::count_of_address(tx, household, now).await?;
        }
        Ok(())
    }
}
