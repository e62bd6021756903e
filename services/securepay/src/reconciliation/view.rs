//! Statements and lines as the API shows them.

use galen_kernel::{Currency, Money, Timestamp};
use galen_service::MoneyView;
use galen_vault::{Keyring, Sealed, Vault};
use jiff::civil::Date;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Purpose, StatementError, Status, direction};
use super::statement::{Direction, Said};
use super::store::{Imported, Line, SAID};

/// A bank's statement that was imported.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BankStatement)]
#[serde(rename_all = "camelCase")]
pub struct StatementView {
    /// Its id.
    pub id: Uuid,
    /// The account at the bank: an IBAN, or the bank's own number.
    pub account: String,
    /// What the bank calls it.
    pub name: String,
    /// Its place among the statements of the account, from one.
    pub number: i32,
    /// Before its first entry.
    pub opening: MoneyView,
    /// After its last one.
    pub closing: MoneyView,
    /// The day of the closing balance.
    pub closed_on: Date,
    /// Lines of which it is known what they are for.
    pub matched: i64,
    /// Lines that wait for somebody to find out.
    pub unmatched: i64,
    /// When it was imported.
    pub imported_at: Timestamp,
}

impl From<Imported> for StatementView {
    fn from(statement: Imported) -> Self {
        Self {
            id: statement.id,
            account: statement.account,
            name: statement.name,
            number: statement.place,
            opening: money(statement.opening, statement.currency),
            closing: money(statement.closing, statement.currency),
            closed_on: statement.closed_on,
            matched: statement.matched,
            unmatched: statement.unmatched,
            imported_at: statement.imported_at,
        }
    }
}

fn money(minor: i64, currency: Currency) -> MoneyView {
    Money { minor, currency }.into()
}

/// A booked entry of a statement.
#[derive(Serialize, ToSchema)]
#[schema(as = BankLine)]
#[serde(rename_all = "camelCase")]
pub struct LineView {
    /// Its id.
    pub id: Uuid,
    /// Of which statement.
    pub statement_id: Uuid,
    /// Its place among the entries of the statement, from one.
    pub number: i32,
    /// How much.
    pub amount: MoneyView,
    /// Whether it came onto the account or went from it.
    pub direction: DirectionView,
    /// When the bank booked it.
    pub booked_on: Date,
    /// From when on it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_on: Option<Date>,
    /// It came back, or undoes another one.
    pub is_return: bool,
    /// What the bank calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank_reference: Option<String>,
    /// What whoever ordered it calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_to_end_id: Option<String>,
    /// What it is about, as a reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What it is about, in somebody's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The other side's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// The other side's account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party_account: Option<String>,
    /// Whether it is known what it is for.
    pub status: Status,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// Whose wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wallet_id: Option<Uuid>,
    /// Top-ups and payouts that were found on it.
    pub found: Vec<Uuid>,
    /// Why it is matched or not: the rule that decided, or that somebody did.
    #[schema(example = "END_TO_END_ID")]
    pub because: String,
    /// Its money is on its way between two accounts.
    pub moving: bool,
    /// For `If-Match`.
    pub version: i64,
}

/// Whether money came or went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BankEntryDirection)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DirectionView {
    /// Onto the account.
    In,
    /// From the account.
    Out,
}

impl LineView {
    /// A line with what others wrote into it.
    pub(super) async fn open(
        vault: &Vault,
        db: &mut PgConnection,
        line: Line,
    ) -> Result<Self, StatementError> {
        let ring = vault.keyring(db, &line.said).await?;
        Self::of(&ring, line)
    }

    /// Lines with what others wrote into them: one query for all keys.
    pub(super) async fn open_all(
        vault: &Vault,
        db: &mut PgConnection,
        lines: Vec<Line>,
    ) -> Result<Vec<Self>, StatementError> {
        let sealed: Vec<&Sealed<Said>> = lines.iter().filter_map(|l| l.said.as_ref()).collect();
        let ring = vault.keyring(db, sealed).await?;
        lines
            .into_iter()
            .map(|line| Self::of(&ring, line))
            .collect()
    }

    fn of(ring: &Keyring, line: Line) -> Result<Self, StatementError> {
        let said = match &line.said {
            None => Said::default(),
            Some(sealed) => ring
                .open(&SAID, line.statement, line.id, sealed)?
                .into_inner(),
        };
        Ok(Self {
            id: line.id,
            statement_id: line.statement,
            number: line.number,
            amount: money(line.amount.minor.saturating_abs(), line.amount.currency),
            direction: match direction(line.amount.minor) {
                Direction::In => DirectionView::In,
                Direction::Out => DirectionView::Out,
            },
            booked_on: line.booked_on,
            value_on: line.value_on,
            is_return: line.is_return,
            bank_reference: line.bank_reference,
            end_to_end_id: said.end_to_end_id,
            reference: said.reference,
            text: said.text,
            party: said.party,
            party_account: said.party_account,
            status: match line.rests.purpose {
                Some(_) => Status::Matched,
                None => Status::Unmatched,
            },
            purpose: line.rests.purpose,
            wallet_id: line.rests.wallet,
            found: line.candidates,
            because: line.because,
            moving: line.moving,
            version: line.version,
        })
    }
}
