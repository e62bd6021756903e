//! All SQL about denials.

use galen_contracts::ids::PatientId;
use galen_kernel::{Currency, Id, Money, Timestamp};
use galen_storage::{Columns as _, Error, Tx, ts};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use sqlx::postgres::PgRow;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::claim::answer::Group;
use crate::claim::event::Resolution;
use crate::claim::model::{Claim, ClaimId};
use crate::position::Position;

/// What a [`DenialId`] identifies.
pub enum DenialKind {}

/// A denial's id.
pub type DenialId = Id<DenialKind>;

/// Where a denial stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DenialStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Nobody has done anything about it.
    Open,
    /// The payer was asked again.
    Worked,
    /// The payer has taken it back.
    Overturned,
    /// It was given up.
    Upheld,
}

impl Status {
    const ALL: [Self; 4] = [Self::Open, Self::Worked, Self::Overturned, Self::Upheld];

    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Worked => "WORKED",
            Self::Overturned => "OVERTURNED",
            Self::Upheld => "UPHELD",
        }
    }
}

/// What was done about a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DenialAction)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// The claim was replaced by a better one.
    Correct,
    /// The payer was asked to decide again.
    Appeal,
    /// Nobody pays.
    WriteOff,
    /// The patient pays.
    Patient,
}

impl Action {
    const ALL: [Self; 4] = [Self::Correct, Self::Appeal, Self::WriteOff, Self::Patient];

    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Correct => "CORRECT",
            Self::Appeal => "APPEAL",
            Self::WriteOff => "WRITE_OFF",
            Self::Patient => "PATIENT",
        }
    }
}

impl From<Resolution> for Action {
    fn from(resolution: Resolution) -> Self {
        match resolution {
            Resolution::WriteOff => Self::WriteOff,
            Resolution::Patient => Self::Patient,
        }
    }
}

/// A denial.
#[derive(Debug)]
pub struct Denial {
    /// Which.
    pub id: DenialId,
    /// The claim that was denied last.
    pub claim: ClaimId,
    /// Its line.
    pub sequence: u16,
    /// Whose.
    pub patient: PatientId,
    /// Who denied.
    pub payer: Uuid,
    /// Whose fault it is.
    pub group: String,
    /// Why (X12 CARC).
    pub reason: String,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub status: Status,
    /// What was done about it.
    pub action: Option<Action>,
    /// Since when.
    pub opened_at: Timestamp,
    /// Until when.
    pub closed_at: Option<Timestamp>,
    /// Rises by one with every change.
    pub version: i64,
}

fn read(row: &PgRow) -> Result<Denial, Error> {
    let wrong = |column| Error::Inconsistent { column };
    let (status, action) = (row.text("status")?, row.opt_text("action")?);
    let currency: Currency = row
        .text("currency")?
        .parse()
        .map_err(|_| wrong("billing.denial.currency"))?;
    let sequence: i32 = row.col("sequence")?;
    Ok(Denial {
        id: row.id("id")?,
        claim: row.id("claim_id")?,
        sequence: u16::try_from(sequence).map_err(|_| wrong("billing.denial.sequence"))?,
        patient: row.id("patient_id")?,
        payer: row.col("payer_id")?,
        group: row.text("group_code")?,
        reason: row.text("reason")?,
        amount: Money {
            minor: row.col("amount")?,
            currency,
        },
        status: Status::ALL
            .into_iter()
            .find(|known| known.name() == status)
            .ok_or(wrong("billing.denial.status"))?,
        action: match action {
            None => None,
            Some(action) => Some(
                Action::ALL
                    .into_iter()
                    .find(|known| known.name() == action)
                    .ok_or(wrong("billing.denial.action"))?,
            ),
        },
        opened_at: row.instant("opened_at")?,
        closed_at: row.opt_instant("closed_at")?,
        version: row.col("version")?,
    })
}

const fn code(group: Group) -> &'static str {
    match group {
        Group::Contractual => "CO",
        Group::Patient => "PR",
        Group::Other => "OA",
        Group::Payer => "PI",
    }
}

/// A payer has answered: what it denies is open, what it denied before and does not any
/// more is overturned.
///
/// # Errors
/// When the database fails.
pub async fn answered(tx: &mut Tx, claim: &Claim, now: Timestamp) -> Result<(), Error> {
    let mut overturned = Vec::new();
    for line in &claim.facts.lines {
        let answer = claim.answers.iter().find(|a| a.sequence == line.sequence);
        let reason = answer
            .into_iter()
            .flat_map(super::super::answer::LineAnswer::denials)
            .max_by_key(|adjustment| adjustment.amount);
        let denied = line.position.outstanding - claim.unheard(line.sequence).asked;
        match reason {
            Some(reason) if denied > 0 => {
                sqlx::query(
                    "insert into denial (id, root_id, claim_id, sequence, patient_id, payer_id, group_code, reason,
                         amount, currency, status, opened_at, version)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'OPEN', $11, 1)
                     on conflict (root_id, sequence) do update set claim_id = excluded.claim_id,
                         group_code = excluded.group_code, reason = excluded.reason, amount = excluded.amount,
                         status = 'OPEN', action = null, closed_at = null, version = denial.version + 1",
                )
                .bind(tx.clock().uuid())
                .bind(claim.facts.root.uuid())
                .bind(claim.facts.id.uuid())
                .bind(i32::from(line.sequence))
                .bind(claim.facts.patient.uuid())
                .bind(claim.facts.payer)
                .bind(code(reason.group))
                .bind(&reason.reason)
                .bind(denied)
                .bind(claim.facts.currency.code())
                .bind(ts(now))
                .execute(tx.conn())
                .await?;
            }
            _ => overturned.push(i32::from(line.sequence)),
        }
    }
    sqlx::query(
        "update denial set status = 'OVERTURNED', closed_at = $3, version = version + 1
         where root_id = $1 and sequence = any($2) and status in ('OPEN', 'WORKED')",
    )
    .bind(claim.facts.root.uuid())
    .bind(overturned)
    .bind(ts(now))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The payer was asked again about all that is open of a claim.
///
/// # Errors
/// When the database fails.
pub async fn worked(tx: &mut Tx, claim: &Claim, action: Action) -> Result<(), Error> {
    sqlx::query(
        "update denial set status = 'WORKED', action = $2, version = version + 1
         where root_id = $1 and status in ('OPEN', 'WORKED')",
    )
    .bind(claim.facts.root.uuid())
    .bind(action.name())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// It was given up.
///
/// # Errors
/// When the database fails, or it is not the denial's turn.
pub async fn upheld(
    tx: &mut Tx,
    denial: &Denial,
    action: Action,
    now: Timestamp,
) -> Result<(), Error> {
    let stored = sqlx::query(
        "update denial set status = 'UPHELD', action = $2, closed_at = $3, version = version + 1
         where id = $1 and version = $4",
    )
    .bind(denial.id.uuid())
    .bind(action.name())
    .bind(ts(now))
    .bind(denial.version)
    .execute(tx.conn())
    .await?;
    Error::unless_rows("uphold a denial", 1, stored.rows_affected())
}

/// Reads one.
///
/// # Errors
/// When the database fails.
pub async fn get(db: impl PgExecutor<'_>, id: DenialId) -> Result<Option<Denial>, Error> {
    let row = sqlx::query("select * from denial where id = $1")
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// A page, newest first.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    status: Option<Status>,
    claim: Option<Uuid>,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Denial>, Error> {
    sqlx::query(
        "select * from denial
         where ($1::text is null or status = $1)
           and ($2::uuid is null or claim_id = $2)
           and ($3::timestamptz is null or (opened_at, id) < ($3, $4))
         order by opened_at desc, id desc
         limit $5",
    )
    .bind(status.map(Status::name))
    .bind(claim)
    .bind(after.map(|at| ts(at.0)))
    .bind(after.map(|at| at.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}
