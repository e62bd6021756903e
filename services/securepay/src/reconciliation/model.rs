//! Lines of statements and what becomes of them. Pure.

use galen_kernel::{Problem, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::statement::Direction;
use crate::account;
use crate::ledger::{AccountId, Amount, Group, Operation, Rejection, Request, Stamp, TransferId};

/// Ids that follow from other ids are made in this name space (RFC 9562, version 5).
const NAMES: Uuid = uuid::uuid!("0198f0aa-6d4e-7c1b-9f52-2b7c1f5c9e01");

/// What postings of bank lines are called in the ledger.
pub const POSTING_CODE: i16 = 7;

/// What the money of a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = BankLinePurpose)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Purpose {
    /// A payment provider settled top-ups, or paid a payout.
    Provider,
    /// Somebody's wallet.
    Wallet,
    /// What billing has booked as received already: an insurer's remittance.
    Remittance,
    /// It was earned: interest.
    Revenue,
    /// It was given up: a bank's fee.
    WriteOff,
    /// It was there before the books began.
    Equity,
}

impl Purpose {
    const ALL: [Self; 6] = [
        Self::Provider,
        Self::Wallet,
        Self::Remittance,
        Self::Revenue,
        Self::WriteOff,
        Self::Equity,
    ];

    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "PROVIDER",
            Self::Wallet => "WALLET",
            Self::Remittance => "REMITTANCE",
            Self::Revenue => "REVENUE",
            Self::WriteOff => "WRITE_OFF",
            Self::Equity => "EQUITY",
        }
    }

    /// Reads [`Purpose::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// Of which kind the account is where such money rests. What billing has booked as
    /// received is in the bank account of the hospital as a whole, which has no
    /// statements: it is empty when every remittance was seen on one.
    #[must_use]
    pub const fn kind(self) -> account::Kind {
        match self {
            Self::Provider => account::Kind::Clearing,
            Self::Wallet => account::Kind::Wallet,
            Self::Remittance => account::Kind::Bank,
            Self::Revenue => account::Kind::Revenue,
            Self::WriteOff => account::Kind::WriteOff,
            Self::Equity => account::Kind::Equity,
        }
    }
}

/// Whether it is known what a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BankLineStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It is.
    Matched,
    /// It is not: its money rests in suspense.
    Unmatched,
}

/// How long ago a line was booked, in days of the hospital.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[schema(as = BankLineAge)]
pub enum Age {
    /// 0 to 2.
    #[serde(rename = "UP_TO_2_DAYS")]
    UpTo2Days,
    /// 3 to 7.
    #[serde(rename = "UP_TO_7_DAYS")]
    UpTo7Days,
    /// 8 to 30.
    #[serde(rename = "UP_TO_30_DAYS")]
    UpTo30Days,
    /// More.
    #[serde(rename = "OVER_30_DAYS")]
    Over30Days,
}

impl Age {
    /// Every one, the youngest first.
    pub const ALL: [Self; 4] = [
        Self::UpTo2Days,
        Self::UpTo7Days,
        Self::UpTo30Days,
        Self::Over30Days,
    ];

    /// Of so many days. What the bank dated ahead is young.
    #[must_use]
    pub const fn of(days: i32) -> Self {
        match days {
            ..=2 => Self::UpTo2Days,
            3..=7 => Self::UpTo7Days,
            8..=30 => Self::UpTo30Days,
            31.. => Self::Over30Days,
        }
    }

    /// The fewest and the most days.
    #[must_use]
    pub const fn days(self) -> (i32, i32) {
        match self {
            Self::UpTo2Days => (i32::MIN, 2),
            Self::UpTo7Days => (3, 7),
            Self::UpTo30Days => (8, 30),
            Self::Over30Days => (31, i32::MAX),
        }
    }
}

/// The instant at which a day of the hospital ends and the next one begins; `None` at the
/// end of the calendar. Days on which clocks change are longer or shorter, and where
/// midnight is skipped, the day ends at the first instant after it.
#[must_use]
pub fn end_of_day(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let next = day.tomorrow().ok()?;
    Some(next.to_zoned(zone.clone()).ok()?.timestamp())
}

/// Where the money of a line is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// What it is for; `None`: suspense.
    pub purpose: Option<Purpose>,
    /// The account in the ledger.
    pub account: AccountId,
    /// The wallet, when it is one.
    pub wallet: Option<Uuid>,
}

/// A transfer for a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Of the transfer.
    pub id: Uuid,
    /// Whose.
    pub line: Uuid,
    /// Which one of the line's.
    pub number: i32,
    /// From.
    pub debit: AccountId,
    /// To.
    pub credit: AccountId,
    /// How much; minor units.
    pub amount: i64,
    /// Where the money rests afterwards.
    pub target: Target,
}

/// What a line of a statement is called.
#[must_use]
pub fn line_id(statement: Uuid, number: i32) -> Uuid {
    Uuid::new_v5(&NAMES, format!("{statement}/{number}").as_bytes())
}

/// What an account at a bank is called.
#[must_use]
pub fn bank_account_id(number: &str, currency: &str) -> Uuid {
    Uuid::new_v5(&NAMES, format!("{currency}/{number}").as_bytes())
}

/// The first transfer of a line: money that came is debited to the bank, as what the bank
/// owes the hospital, and credited to what it is for; money that went the other way round.
#[must_use]
pub fn book(line: Uuid, signed: i64, bank: AccountId, target: Target) -> Move {
    movement(line, 1, signed, bank, target)
}

/// A later transfer of a line: away from where its money rests.
#[must_use]
pub fn reassign(line: Uuid, number: i32, signed: i64, from: AccountId, target: Target) -> Move {
    movement(line, number, signed, from, target)
}

fn movement(line: Uuid, number: i32, signed: i64, from: AccountId, target: Target) -> Move {
    let (debit, credit) = match direction(signed) {
        Direction::In => (from, target.account),
        Direction::Out => (target.account, from),
    };
    Move {
        id: Uuid::new_v5(&line, number.to_string().as_bytes()),
        line,
        number,
        debit,
        credit,
        amount: signed.saturating_abs(),
        target,
    }
}

/// Whether an amount came or went.
#[must_use]
pub const fn direction(signed: i64) -> Direction {
    if signed > 0 {
        Direction::In
    } else {
        Direction::Out
    }
}

/// What the ledger is asked for moves, all or none of them; `None` when there are none.
#[must_use]
pub fn group(moves: &[Move]) -> Option<Group> {
    let requests = moves.iter().filter_map(|one| {
        Some(Request {
            id: TransferId(one.id),
            operation: Operation::Transfer {
                debit: one.debit,
                credit: one.credit,
                amount: Amount::new(one.amount)?,
            },
            code: POSTING_CODE,
            reference: Some(one.line),
        })
    });
    Group::new(requests.collect())
}

/// The first stamp after an instant: what is before it happened until then.
#[must_use]
pub fn after(instant: Timestamp) -> Stamp {
    Stamp(instant.as_microsecond().saturating_add(1))
}

/// Why something about a statement is refused.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// It is not a statement, or does not add up.
    #[error(transparent)]
    Unreadable(#[from] super::camt::CamtError),
    /// There is none, or no such line.
    #[error("no such statement or line")]
    Unknown,
    /// The account has another statement of this name.
    #[error("the account has another statement of this name")]
    Differs,
    /// It does not begin where the last one ended.
    #[error("the last statement closed with another balance")]
    DoesNotFollow {
        /// What the last one closed with, as the API writes it.
        closing: String,
        /// And what it is called.
        name: String,
    },
    /// Money would be on its way twice.
    #[error("the line is being moved")]
    Moving,
    /// It is for something else already.
    #[error("the line is matched")]
    Matched,
    /// There is nothing to undo.
    #[error("the line is not matched")]
    NotMatched,
    /// What it is to be matched with is not there.
    #[error("no such wallet")]
    NoSuchWallet,
    /// A line of one currency, a wallet of another.
    #[error("the wallet is of another currency")]
    OtherCurrency,
    /// The ledger refuses.
    #[error(transparent)]
    Refused(#[from] Rejection),
    /// Whether it was done is not known yet; it will be.
    #[error(transparent)]
    Unanswered(#[from] crate::writer::Unanswered),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
    /// What is sealed does not open.
    #[error(transparent)]
    Vault(#[from] galen_vault::Error),
}

impl From<StatementError> for Problem {
    fn from(error: StatementError) -> Self {
        use super::camt::CamtError;
        match error {
            StatementError::Unreadable(CamtError::Wrong {
                path,
                code,
                message,
            }) => {
                let mut problem = Self::invalid_field(path, code, message);
                problem.code = "STATEMENT_INVALID";
                problem.title = "The statement is not as the standard says, or does not add up.";
                problem
            }
            StatementError::Unreadable(CamtError::Xml(error)) => Self::new(
                400,
                "MALFORMED_XML",
                "The body is not an XML document as it is read here.",
            )
            .with_detail(format!("the document {error}")),
            StatementError::Unreadable(CamtError::NotAStatement) => Self::new(
                400,
                "NOT_A_STATEMENT",
                "The document is not a camt.053 statement.",
            ),
            StatementError::Unknown => Self::not_found(),
            StatementError::Differs => Self::conflict(
                "STATEMENT_DIFFERS",
                "The account has a statement of this name that says something else.",
            ),
            StatementError::DoesNotFollow { closing, name } => Self::conflict(
                "STATEMENT_DOES_NOT_FOLLOW",
                "The statement does not begin where the last one of its account ended.",
            )
            .with("closing", closing.into())
            .with("statement", name.into()),
            StatementError::Moving => Self::conflict(
                "BANK_LINE_IS_MOVING",
                "The money of the line is on its way.",
            )
            .retry_after(1),
            StatementError::Matched => Self::conflict(
                "BANK_LINE_IS_MATCHED",
                "The line is matched with something else.",
            ),
            StatementError::NotMatched => {
                Self::conflict("BANK_LINE_IS_NOT_MATCHED", "The line is not matched.")
            }
            StatementError::NoSuchWallet => {
                Self::invalid_field("/walletId", "UNKNOWN_WALLET", "names no wallet")
            }
            StatementError::OtherCurrency => Self::invalid_field(
                "/walletId",
                "CURRENCY_MISMATCH",
                "is of another currency than the line",
            ),
            StatementError::Refused(rejection) => rejection.into(),
            StatementError::Unanswered(error) => Self::unavailable(error),
            StatementError::Storage(error) => error.into(),
            StatementError::Vault(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    #[test]
    fn a_day_ends_when_the_next_one_begins() {
        let hours = |day: &str, zone: &TimeZone| {
            let day: Date = day.parse().unwrap();
            let (start, end) = (
                end_of_day(day.yesterday().unwrap(), zone).unwrap(),
                end_of_day(day, zone).unwrap(),
            );
            end.duration_since(start).as_hours()
        };
        let berlin = zone("Europe/Berlin");
        assert_eq!(hours("2026-03-28", &berlin), 24);
        assert_eq!(hours("2026-03-29", &berlin), 23);
        assert_eq!(hours("2026-10-25", &berlin), 25);
        // Clocks go from 23:59:59 to 01:00:00.
        assert_eq!(hours("2026-04-24", &zone("Africa/Cairo")), 23);
        assert_eq!(end_of_day(Date::MAX, &berlin), None);
    }

    #[test]
    fn every_age_has_its_days() {
        for days in -10..400 {
            let (fewest, most) = Age::of(days).days();
            assert!((fewest..=most).contains(&days), "{days}");
        }
    }

    #[test]
    fn money_that_came_is_the_banks_debt_and_goes_back_the_same_way() {
        let target = |account| Target {
            purpose: None,
            account: AccountId(account),
            wallet: None,
        };
        let line = line_id(Uuid::nil(), 1);
        let came = book(line, 500, AccountId(1), target(2));
        assert_eq!(
            (came.debit, came.credit, came.amount),
            (AccountId(1), AccountId(2), 500)
        );
        let on = reassign(line, 2, 500, AccountId(2), target(3));
        assert_eq!((on.debit, on.credit), (AccountId(2), AccountId(3)));
        let went = book(line, -500, AccountId(1), target(2));
        assert_eq!((went.debit, went.credit), (AccountId(2), AccountId(1)));
        let on = reassign(line, 2, -500, AccountId(2), target(3));
        assert_eq!((on.debit, on.credit), (AccountId(3), AccountId(2)));
        assert_eq!(came.id, went.id, "it follows from the line");
        assert_ne!(came.id, on.id);
    }

    #[test]
    fn purposes_are_read_as_they_are_written() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_name(purpose.name()), Some(purpose));
        }
        assert_eq!(Purpose::from_name("wallet"), None);
    }
}
