//! All SQL about pre-authorisations.

use galen_contracts::ids::PatientId;
use galen_kernel::{Id, Timestamp};
use galen_storage::{Columns as _, Error, Tx, date, ts};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use sqlx::postgres::PgRow;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::claim::error::ClaimError;
use crate::claim::model::Claim;
use crate::position::Position;

/// What an [`AuthorisationId`] identifies.
pub enum AuthorisationKind {}

/// A pre-authorisation's id.
pub type AuthorisationId = Id<AuthorisationKind>;

/// Where a pre-authorisation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PreAuthorisationStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The payer has not decided.
    Draft,
    /// It agrees.
    Approved,
    /// It does not.
    Denied,
}

impl Status {
    const ALL: [Self; 3] = [Self::Draft, Self::Approved, Self::Denied];

    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Approved => "APPROVED",
            Self::Denied => "DENIED",
        }
    }
}

/// A pre-authorisation.
#[derive(Debug)]
pub struct Authorisation {
    /// Which.
    pub id: AuthorisationId,
    /// What the payer calls it.
    pub number: Option<String>,
    /// For whom.
    pub patient: PatientId,
    /// Who agrees.
    pub payer: Uuid,
    /// To what.
    pub code: String,
    /// How many units.
    pub quantity: u32,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// Where it stands.
    pub status: Status,
    /// Since when it is asked for.
    pub requested_at: Timestamp,
    /// Rises by one with every change.
    pub version: i64,
}

fn read(row: &PgRow) -> Result<Authorisation, Error> {
    let status = row.text("status")?;
    let quantity: i64 = row.col("quantity")?;
    Ok(Authorisation {
        id: row.id("id")?,
        number: row.opt_text("number")?,
        patient: row.id("patient_id")?,
        payer: row.col("payer_id")?,
        code: row.text("service_code")?,
        quantity: u32::try_from(quantity).map_err(|_| Error::Inconsistent {
            column: "billing.pre_authorisation.quantity",
        })?,
        from: row.date("valid_from")?,
        to: row.date("valid_to")?,
        status: Status::ALL
            .into_iter()
            .find(|known| known.name() == status)
            .ok_or(Error::Inconsistent {
                column: "billing.pre_authorisation.status",
            })?,
        requested_at: row.instant("requested_at")?,
        version: row.col("version")?,
    })
}

/// Stores a new one.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: impl PgExecutor<'_>, asked: &Authorisation) -> Result<(), Error> {
    sqlx::query(
        "insert into pre_authorisation (id, patient_id, payer_id, service_code, quantity, valid_from, valid_to,
             status, requested_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(asked.id.uuid())
    .bind(asked.patient.uuid())
    .bind(asked.payer)
    .bind(&asked.code)
    .bind(i64::from(asked.quantity))
    .bind(date(asked.from))
    .bind(date(asked.to))
    .bind(asked.status.name())
    .bind(ts(asked.requested_at))
    .bind(asked.version)
    .execute(db)
    .await?;
    Ok(())
}

/// Those that payers have not decided about.
///
/// # Errors
/// When the database fails.
pub async fn undecided(db: impl PgExecutor<'_>) -> Result<Vec<Authorisation>, Error> {
    sqlx::query("select * from pre_authorisation where status = 'DRAFT' order by requested_at, id limit 100")
        .fetch_all(db)
        .await?
        .iter()
        .map(read)
        .collect()
}

/// A payer has decided; the first answer counts.
///
/// # Errors
/// When the database fails.
pub async fn decide(
    db: impl PgExecutor<'_>,
    id: AuthorisationId,
    number: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let stored = sqlx::query(
        "update pre_authorisation set number = $2, decided_at = $3, version = version + 1,
             status = case when $2::text is null then 'DENIED' else 'APPROVED' end
         where id = $1 and status = 'DRAFT'",
    )
    .bind(id.uuid())
    .bind(number)
    .bind(ts(now))
    .execute(db)
    .await?;
    Ok(stored.rows_affected() == 1)
}

/// Which are looked for; `None` does not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// For whom.
    pub patient: Option<Uuid>,
    /// Who agrees.
    pub payer: Option<Uuid>,
    /// Where they stand.
    pub status: Option<Status>,
}

/// A page, newest first.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Authorisation>, Error> {
    sqlx::query(
        "select * from pre_authorisation
         where ($1::uuid is null or patient_id = $1)
           and ($2::uuid is null or payer_id = $2)
           and ($3::text is null or status = $3)
           and ($4::timestamptz is null or (requested_at, id) < ($4, $5))
         order by requested_at desc, id desc
         limit $6",
    )
    .bind(filter.patient)
    .bind(filter.payer)
    .bind(filter.status.map(Status::name))
    .bind(after.map(|at| ts(at.0)))
    .bind(after.map(|at| at.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Checks that what a claim uses of agreements is left of them. What a claim uses follows
/// from its lines, as long as it is neither replaced nor withdrawn. The agreements are
/// locked until the commit, so that two claims do not use the same unit.
///
/// # Errors
/// [`ClaimError::Exhausted`], or when the database fails.
pub async fn use_up(tx: &mut Tx, claim: &Claim) -> Result<(), ClaimError> {
    let numbers: Vec<&str> = claim
        .facts
        .lines
        .iter()
        .filter_map(|line| line.pre_authorisation.as_deref())
        .collect();
    if numbers.is_empty() {
        return Ok(());
    }
    sqlx::query("select id from pre_authorisation where number = any($1) order by id for update")
        .bind(&numbers)
        .execute(tx.conn())
        .await
        .map_err(Error::from)?;
    let exhausted: bool = sqlx::query_scalar(
        "select exists (
             select from pre_authorisation p
             join claim_line l on l.pre_authorisation = p.number
             join claim c on c.id = l.claim_id and c.status not in ('REPLACED', 'VOIDED')
             where p.number = any($1)
             group by p.id
             having sum(l.quantity) > p.quantity)",
    )
    .bind(&numbers)
    .fetch_one(tx.conn())
    .await
    .map_err(Error::from)?;
    if exhausted {
        Err(ClaimError::Exhausted)
    } else {
        Ok(())
    }
}
