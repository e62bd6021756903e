//! Places an order: its money is put on hold, and the order and the answer commit with
//! that.

use std::sync::Arc;

use galen_access::Scope;
use galen_contracts::ids::PatientId;
use galen_kernel::{Money, Problem};
use galen_service::{Answer, Cx, Outcome, Requires};
use galen_storage::Error;
use galen_vault::Sealed;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::after;
use super::pursue::code;
use super::store::{self, NewOrder};
use crate::SecurePay;
use crate::account::{self, Account, Kind, Owner, PublicId};
use crate::ledger::{Amount, Group, Operation, Request, TransferId};
use crate::payout::iban::Iban;
use crate::provider::Direction;
use crate::writer::{Fact, Rider};

/// A wallet that the caller may use.
///
/// # Errors
/// 404 when there is none, or when it is out of reach.
pub(crate) async fn wallet<R: Requires>(
    cx: &Cx<R>,
    db: &mut PgConnection,
    id: Uuid,
) -> Result<Account, Problem> {
    let account = account::by_id(&mut *db, PublicId::from_uuid(id)).await?;
    let wallet = account
        .filter(|account| account.kind == Kind::Wallet)
        .ok_or_else(Problem::not_found)?;
    reach(cx, db, wallet.owner).await?;
    Ok(wallet)
}

/// 404 unless things of this owner are within reach; a patient's under any of the ids they
/// had.
///
/// # Errors
/// 404, or when the database fails.
pub(crate) async fn reach<R: Requires>(
    cx: &Cx<R>,
    db: &mut PgConnection,
    owner: Owner,
) -> Result<(), Problem> {
    let scope = cx.scope();
    let Owner::Patient(patient) = owner else {
        return match scope {
            Scope::Any => Ok(()),
            Scope::Care { .. } | Scope::Own { .. } => Err(Problem::not_found()),
        };
    };
    let Err(unknown) = cx.reach_patient(PatientId::from_uuid(patient)) else {
        return Ok(());
    };
    match scope.own_patient() {
        Some(own) if store::is_same_patient(db, own.uuid(), patient).await? => Ok(()),
        Some(_) | None => Err(unknown),
    }
}

/// What is asked for.
pub(crate) struct Wish {
    /// The order's id.
    pub(crate) id: Uuid,
    /// From or to which wallet.
    pub(crate) wallet: Account,
    /// How much.
    pub(crate) amount: Money,
    /// Where to; of payouts.
    pub(crate) destination: Option<Sealed<Iban>>,
}

/// Places an order with the provider.
///
/// # Errors
/// 409 without a provider, on another currency, and as the ledger refuses.
pub(crate) async fn place<R: Requires>(
    cx: &Cx<R>,
    s: &Arc<SecurePay>,
    direction: Direction,
    wish: Wish,
    answer: impl Fn(&NewOrder) -> Answer + Send + Sync + 'static,
) -> Outcome {
    let Wish {
        id,
        wallet,
        amount,
        destination,
    } = wish;
    let provider = s.provider.as_ref().ok_or_else(|| {
        Problem::conflict(
            "NO_PAYMENT_PROVIDER",
            "This hospital has no payment provider.",
        )
    })?;
    if amount.currency != wallet.currency {
        return Err(
            Problem::conflict("CURRENCY_MISMATCH", "The accounts have other currencies.").into(),
        );
    }
    let minor = Amount::new(amount.minor)
        .ok_or_else(|| Problem::internal("an amount that was checked is not more than zero"))?;
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let (kind, owner) = (Kind::Clearing, Owner::Hospital);
    let clearing = account::open(&mut connection, cx.clock(), kind, owner, amount.currency).await?;
    drop(connection);
    let (debit, credit) = match direction {
        Direction::In => (clearing.id, wallet.id),
        Direction::Out => (wallet.id, clearing.id),
    };
    let order = NewOrder {
        id,
        direction,
        provider: provider.pursuit.provider(),
        wallet: wallet.public_id.uuid(),
        amount,
        destination,
        requested_at: cx.now(),
        deadline: after(cx.now(), provider.deadline),
    };
    let group = Group::of(Request {
        id: TransferId(id),
        operation: Operation::Hold {
            debit,
            credit,
            amount: minor,
            // It ends when the provider says so.
            expires_at: None,
        },
        code: code(direction),
        reference: Some(id),
    });
    let rider = Rider {
        deferred: cx.deferred()?,
        facts: vec![Fact::Order(order.clone())],
        answer: Box::new(move |_| answer(&order)),
    };
    let done = s.ledger.carry(group, rider).await?;
    provider.pursuit.bell().notify_one();
    Ok(done)
}
