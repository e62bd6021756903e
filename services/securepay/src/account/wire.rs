//! What other services say, read precisely: whatever is wrong is named.

use std::collections::HashMap;

use galen_contracts::convert;
use galen_contracts::securepay::v1 as wire;
use galen_kernel::{Currency, Problem};
use galen_service::rpc::status;
use galen_storage::Error;
use tonic::Status;
use uuid::Uuid;

use super::{Account, PublicId};
use crate::SecurePay;
use crate::ledger::book::Answer;
use crate::ledger::{AccountId, Amount, Kind, Posting, Rejection};
use crate::writer::Unanswered;

/// `INVALID_ARGUMENT`.
pub(crate) fn invalid(error: impl std::fmt::Display) -> Status {
    Status::invalid_argument(error.to_string())
}

/// The database failed.
pub(crate) fn failed(error: Error) -> Status {
    status(error.into())
}

/// The ledger did not answer.
pub(crate) fn unanswered(error: Unanswered) -> Status {
    status(error.into())
}

/// An id.
pub(crate) fn uuid(field: &'static str, text: &str) -> Result<Uuid, Status> {
    convert::id::<()>(field, text)
        .map(|id| id.uuid())
        .map_err(invalid)
}

/// An id that may be empty.
pub(crate) fn optional_uuid(field: &'static str, text: &str) -> Result<Option<Uuid>, Status> {
    convert::optional_id::<()>(field, text)
        .map(|id| id.map(|id| id.uuid()))
        .map_err(invalid)
}

/// A `UUIDv7` that the caller made, which is what makes a request repeatable.
pub(crate) fn made(field: &'static str, text: &str) -> Result<Uuid, Status> {
    let id = uuid(field, text)?;
    if id.get_version_num() == 7 {
        Ok(id)
    } else {
        Err(invalid(format_args!("{field} must be a UUIDv7")))
    }
}

/// A currency.
pub(crate) fn currency(field: &'static str, code: &str) -> Result<Currency, Status> {
    code.parse()
        .map_err(|error| invalid(format_args!("{field} {error}")))
}

/// An amount that moves.
pub(crate) fn amount(
    field: &'static str,
    given: Option<&wire::Money>,
) -> Result<(Amount, Currency), Status> {
    let given = given.ok_or_else(|| invalid(format_args!("{field} is missing")))?;
    let amount = Amount::new(given.minor)
        .ok_or_else(|| invalid(format_args!("{field}.minor must be more than zero")))?;
    let currency = given
        .currency
        .parse()
        .map_err(|error| invalid(format_args!("{field}.currency {error}")))?;
    Ok((amount, currency))
}

/// An amount of the account that it leaves.
pub(crate) fn of_account(
    field: &'static str,
    given: Option<&wire::Money>,
    account: &Account,
) -> Result<Amount, Status> {
    let (amount, currency) = amount(field, given)?;
    if currency == account.currency {
        Ok(amount)
    } else {
        Err(invalid(format_args!(
            "{field}.currency is not that of the account"
        )))
    }
}

/// An amount on its way out.
pub(crate) fn money(minor: i64, currency: Currency) -> wire::Money {
    wire::Money {
        minor,
        currency: currency.code().to_owned(),
    }
}

/// Accounts by what everybody calls them; `NOT_FOUND` names the field of the first one
/// that is none.
pub(crate) async fn accounts(
    pay: &SecurePay,
    wanted: &[(&'static str, Uuid)],
) -> Result<Vec<Account>, Status> {
    let ids: Vec<PublicId> = wanted
        .iter()
        .map(|(_, id)| PublicId::from_uuid(*id))
        .collect();
    let found = pay.accounts.by_ids(&pay.db, &ids).await.map_err(failed)?;
    let by_id: HashMap<PublicId, Account> = found
        .into_iter()
        .map(|account| (account.public_id, account))
        .collect();
    ids.iter()
        .zip(wanted)
        .map(|(id, (field, _))| {
            let found = by_id.get(id).copied();
            found.ok_or_else(|| Status::not_found(format!("{field} names no account")))
        })
        .collect()
}

/// The postings of a group, or `FAILED_PRECONDITION` with the code of why it is refused.
pub(crate) fn posted(answers: Vec<Answer>) -> Result<Vec<Posting>, Status> {
    let refused = answers.iter().find_map(|answer| match answer {
        Err(Rejection::GroupRefused(_)) | Ok(_) => None,
        Err(rejection) => Some(*rejection),
    });
    match refused {
        Some(rejection) => Err(status(Problem::from(rejection))),
        None => answers
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|rejection| status(Problem::from(rejection))),
    }
}

/// From which wallet, to which other account, and how much.
pub(crate) async fn leaving(
    pay: &SecurePay,
    (from, to): (&str, &str),
    given: Option<&wire::Money>,
) -> Result<(Account, Account, Amount), Status> {
    let from = uuid("from_account_id", from)?;
    let to = uuid("to_account_id", to)?;
    if from == to {
        return Err(invalid("to_account_id must be another account"));
    }
    amount("amount", given)?;
    let wanted = [("from_account_id", from), ("to_account_id", to)];
    let found = accounts(pay, &wanted).await?;
    let (from, to) = (found[0], found[1]);
    if from.kind != super::Kind::Wallet {
        return Err(invalid("from_account_id must be a wallet"));
    }
    Ok((from, to, of_account("amount", given, &from)?))
}

/// A posting between two accounts, as one of them sees it.
pub(crate) fn entry(
    posting: &Posting,
    debit: &Account,
    credit: &Account,
    of: AccountId,
) -> wire::Entry {
    let kind = match posting.kind {
        Kind::Transfer => wire::EntryKind::Transfer,
        Kind::Hold => wire::EntryKind::Hold,
        Kind::Capture => wire::EntryKind::Capture,
        Kind::Void => wire::EntryKind::Release,
        Kind::Expiry => wire::EntryKind::Expiry,
        Kind::Refund => wire::EntryKind::Refund,
    };
    wire::Entry {
        at: posting.at.0,
        transfer_id: posting.id.0.to_string(),
        kind: kind.into(),
        debit_account_id: debit.public_id.to_string(),
        credit_account_id: credit.public_id.to_string(),
        amount: Some(money(posting.amount.minor(), debit.currency)),
        reference_id: posting
            .reference
            .map(|id| id.to_string())
            .unwrap_or_default(),
        balance: if of == posting.debit {
            posting.debit_balance
        } else {
            posting.credit_balance
        },
    }
}
