//! Whose money a caller may see and move.
//!
//! Money stays in the wallet where it is when two records turn out to be one person:
//! balances of wallets are not moved by a merge, which may be undone. Whoever has one of
//! the records reaches the wallets of all of them instead, for as long as they are
//! merged.

use galen_access::Scope;
use galen_contracts::ids::PatientId;
use galen_kernel::Problem;
use galen_service::{Cx, Requires, records};
use galen_storage::Error;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::account::{Account, Kind, Owner};

/// How far a caller reaches: everything, or the wallets of some records that are one
/// person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach(Option<Vec<Uuid>>);

impl Reach {
    /// As far as a permission does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(scope: Scope, db: impl PgExecutor<'_>) -> Result<Self, Error> {
        Ok(Self(match (scope, scope.own_patient()) {
            (Scope::Any, _) => None,
            (_, None) => Some(Vec::new()),
            (_, Some(own)) => Some(records::ids_of(db, own).await?),
        }))
    }

    /// The records; `None`: everything.
    #[must_use]
    pub fn records(&self) -> Option<&[Uuid]> {
        self.0.as_deref()
    }

    /// Whether somebody's things are within reach.
    #[must_use]
    pub fn covers_patient(&self, patient: Uuid) -> bool {
        self.0.as_ref().is_none_or(|own| own.contains(&patient))
    }

    /// Whether an account is within reach.
    #[must_use]
    pub fn covers(&self, account: &Account) -> bool {
        match (&self.0, account.kind, account.owner) {
            (None, _, _) => true,
            (Some(own), Kind::Wallet, Owner::Patient(patient)) => own.contains(&patient),
            (Some(_), _, _) => false,
        }
    }

    /// The wallet, unless it is none or out of reach; tells the audit log whose it is.
    ///
    /// # Errors
    /// 404: the caller may not even know.
    pub fn wallet<R: Requires>(
        &self,
        cx: &Cx<R>,
        account: Option<Account>,
    ) -> Result<Account, Problem> {
        let account = account
            .filter(|account| account.kind == Kind::Wallet)
            .ok_or_else(Problem::not_found)?;
        concerns(cx, &account);
        if self.covers(&account) {
            Ok(account)
        } else {
            Err(Problem::not_found())
        }
    }
}

/// Tells the audit log whose money it is about.
pub(crate) fn concerns<R: Requires>(cx: &Cx<R>, account: &Account) {
    if let Owner::Patient(patient) = account.owner {
        cx.concerns(PatientId::from_uuid(patient));
    }
}
