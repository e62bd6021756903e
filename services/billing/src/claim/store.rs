//! All SQL about claims.

use galen_contracts::ids::PatientId;
use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, Tx, date, ts};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::event::Event;
use super::model::{Claim, ClaimId, Facts, Status};

/// Stores a new claim.
///
/// # Errors
/// When there is another one to this payer for the part (`claim_alive`), or the
/// database fails.
pub async fn begin(tx: &mut Tx, facts: Facts, at: Timestamp) -> Result<Claim, Error> {
    let claim = Claim::prepared(facts, at);
    let facts = &claim.facts;
    sqlx::query(
        "insert into claim (id, root_id, replaces_id, invoice_id, patient_id, payer_id, ordinal, currency, status,
             charged, received, outstanding, file_by, prepared_at, part, take, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
             (select coalesce(max(take), 0) + 1 from claim where root_id = $2), 1)",
    )
    .bind(facts.id.uuid())
    .bind(facts.root.uuid())
    .bind(facts.replaces.map(|id| id.uuid()))
    .bind(facts.invoice)
    .bind(facts.patient.uuid())
    .bind(facts.payer)
    .bind(i16::from(facts.ordinal))
    .bind(facts.currency.code())
    .bind(claim.status.name())
    .bind(claim.charged())
    .bind(claim.received())
    .bind(claim.outstanding())
    .bind(facts.file_by.map(date))
    .bind(ts(at))
    .bind(i16::try_from(facts.part).unwrap_or(i16::MAX))
    .execute(tx.conn())
    .await?;
    let event = Event::Prepared(Box::new(facts.clone()));
    store_event(tx.conn(), &claim, &event, at).await?;
    store_lines(tx.conn(), &claim).await?;
    Ok(claim)
}

/// Applies an event to a claim that was loaded [for update](lock), and stores both.
///
/// # Errors
/// When the database fails.
pub async fn append(
    tx: &mut Tx,
    claim: &mut Claim,
    event: Event,
    at: Timestamp,
) -> Result<(), Error> {
    claim.apply(&event, at);
    let stored = sqlx::query(
        "update claim set status = $3, outcome = $4, received = $5, outstanding = $6, submitted_at = $7,
             follow_up_since = null, version = $2
         where id = $1 and version = $2 - 1",
    )
    .bind(claim.facts.id.uuid())
    .bind(claim.version)
    .bind(claim.status.name())
    .bind(claim.outcome.map(super::answer::Outcome::name))
    .bind(claim.received())
    .bind(claim.outstanding())
    .bind(claim.submitted_at.map(ts))
    .execute(tx.conn())
    .await?;
    Error::unless_rows("append to a claim", 1, stored.rows_affected())?;
    store_event(tx.conn(), claim, &event, at).await?;
    if event.moves_lines() {
        store_lines(tx.conn(), claim).await?;
    }
    Ok(())
}

async fn store_event(
    db: &mut PgConnection,
    claim: &Claim,
    event: &Event,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "insert into claim_event (claim_id, version, at, kind, status, data) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(claim.facts.id.uuid())
    .bind(claim.version)
    .bind(ts(at))
    .bind(event.kind())
    .bind(claim.status.name())
    .bind(Json(event))
    .execute(db)
    .await?;
    Ok(())
}

async fn store_lines(db: &mut PgConnection, claim: &Claim) -> Result<(), Error> {
    let lines = &claim.facts.lines;
    let of = |amount: fn(&super::model::Line) -> i64| lines.iter().map(amount).collect::<Vec<_>>();
    sqlx::query(
        "insert into claim_line (claim_id, sequence, charge_id, service_code, quantity, pre_authorisation,
             charged, received, written_off, left_over, prior, outstanding)
         select $1, given.* from unnest($2::integer[], $3::uuid[], $4::text[], $5::bigint[], $6::text[],
             $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[]) as given
         on conflict (claim_id, sequence) do update set pre_authorisation = excluded.pre_authorisation,
             received = excluded.received, written_off = excluded.written_off, left_over = excluded.left_over,
             prior = excluded.prior, outstanding = excluded.outstanding",
    )
    .bind(claim.facts.id.uuid())
    .bind(lines.iter().map(|l| i32::from(l.sequence)).collect::<Vec<_>>())
    .bind(lines.iter().map(|l| l.charge_id).collect::<Vec<_>>())
    .bind(lines.iter().map(|l| l.code.as_str()).collect::<Vec<_>>())
    .bind(of(|l| i64::from(l.quantity)))
    .bind(lines.iter().map(|l| l.pre_authorisation.as_deref()).collect::<Vec<_>>())
    .bind(of(|l| l.charge))
    .bind(of(|l| l.position.received))
    .bind(of(|l| l.position.written_off))
    .bind(of(|l| l.position.left_over))
    .bind(of(|l| l.position.prior))
    .bind(of(|l| l.position.outstanding))
    .execute(db)
    .await?;
    Ok(())
}

/// A claim as its events made it, with them.
#[derive(Debug, Clone)]
pub struct Told {
    /// The claim.
    pub claim: Claim,
    /// What happened, and when.
    pub history: Vec<(Timestamp, Event)>,
}

/// Reads a claim with its history.
///
/// # Errors
/// When the database fails, or the history has no beginning.
pub async fn get(db: impl PgExecutor<'_>, id: ClaimId) -> Result<Option<Told>, Error> {
    let rows = sqlx::query("select at, data from claim_event where claim_id = $1 order by version")
        .bind(id.uuid())
        .fetch_all(db)
        .await?;
    let history = rows
        .iter()
        .map(|row| Ok((row.instant("at")?, row.col::<Json<Event>>("data")?.0)))
        .collect::<Result<Vec<_>, Error>>()?;
    let Some((first, rest)) = history.split_first() else {
        return Ok(None);
    };
    let (at, Event::Prepared(facts)) = first else {
        return Err(Error::Inconsistent {
            column: "billing.claim_event.data",
        });
    };
    let mut claim = Claim::prepared((**facts).clone(), *at);
    for (at, event) in rest {
        claim.apply(event, *at);
    }
    Ok(Some(Told { claim, history }))
}

/// Reads a claim that is about to change; who comes second waits.
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &mut Tx, id: ClaimId) -> Result<Option<Claim>, Error> {
    let found = sqlx::query("select id from claim where id = $1 for update")
        .bind(id.uuid())
        .fetch_optional(tx.conn())
        .await?;
    if found.is_none() {
        return Ok(None);
    }
    Ok(get(tx.conn(), id).await?.map(|told| told.claim))
}

/// The claims of the same part to the payers after that of a claim, in their order: of
/// those that replaced each other the last. One that was withdrawn for another to come
/// still stands for its payer.
///
/// # Errors
/// When the database fails.
pub async fn after(db: impl PgExecutor<'_>, facts: &Facts) -> Result<Vec<ClaimId>, Error> {
    sqlx::query(
        "select distinct on (c.ordinal) c.id from claim c
         where c.invoice_id = $1 and c.part = $2 and c.ordinal > $3
           and (c.status <> 'VOIDED' or c.outstanding > 0)
           and not exists (select from claim n where n.root_id = c.root_id and n.take > c.take)
         order by c.ordinal, c.status = 'VOIDED', c.prepared_at desc",
    )
    .bind(facts.invoice)
    .bind(i16::try_from(facts.part).unwrap_or(i16::MAX))
    .bind(i16::from(facts.ordinal))
    .fetch_all(db)
    .await?
    .iter()
    .map(|row| row.id("id"))
    .collect()
}

/// The first claim to a payer for an invoice that was withdrawn while something was asked
/// for, and that no other took the place of.
///
/// # Errors
/// When the database fails.
pub async fn withdrawn(
    db: impl PgExecutor<'_>,
    invoice: Uuid,
    payer: Uuid,
) -> Result<Option<ClaimId>, Error> {
    let row = sqlx::query(
        "select c.id from claim c
         where c.invoice_id = $1 and c.payer_id = $2 and c.status = 'VOIDED' and c.outstanding > 0
           and not exists (select from claim n where n.root_id = c.root_id and n.take > c.take)
         order by c.part, c.ordinal, c.take desc, c.id limit 1",
    )
    .bind(invoice)
    .bind(payer)
    .fetch_optional(db)
    .await?;
    row.map(|row| row.id("id")).transpose()
}

/// A claim in a list.
#[derive(Debug)]
pub struct Summary {
    /// Which.
    pub id: ClaimId,
    /// Where it stands in the list.
    pub at: At,
    /// Of which invoice.
    pub invoice: Uuid,
    /// Whose.
    pub patient: PatientId,
    /// Who is asked.
    pub payer: Uuid,
    /// 1: who is asked first.
    pub ordinal: i16,
    /// Of all amounts.
    pub currency: String,
    /// Where it is on its way.
    pub status: Status,
    /// What the payer decided.
    pub outcome: Option<super::answer::Outcome>,
    /// Minor units.
    pub charged: i64,
    /// Minor units.
    pub received: i64,
    /// Minor units.
    pub outstanding: i64,
    /// The last day on which the payer takes it.
    pub file_by: Option<jiff::civil::Date>,
    /// When it was submitted first.
    pub submitted_at: Option<Timestamp>,
    /// Since when somebody should ask the payer in person.
    pub follow_up_since: Option<Timestamp>,
    /// Rises by one with every change.
    pub version: i64,
}

fn read(row: &PgRow) -> Result<Summary, Error> {
    let status = row.text("status")?;
    let outcome = row.opt_text("outcome")?;
    Ok(Summary {
        id: row.id("id")?,
        at: At(
            row.instant("prepared_at")?,
            row.col("root_id")?,
            row.col("take")?,
        ),
        invoice: row.col("invoice_id")?,
        patient: row.id("patient_id")?,
        payer: row.col("payer_id")?,
        ordinal: row.col("ordinal")?,
        currency: row.text("currency")?,
        status: Status::ALL
            .into_iter()
            .find(|known| known.name() == status)
            .ok_or(Error::Inconsistent {
                column: "billing.claim.status",
            })?,
        outcome: outcome.as_deref().and_then(super::answer::Outcome::read),
        charged: row.col("charged")?,
        received: row.col("received")?,
        outstanding: row.col("outstanding")?,
        file_by: row.opt_date("file_by")?,
        submitted_at: row.opt_instant("submitted_at")?,
        follow_up_since: row.opt_instant("follow_up_since")?,
        version: row.col("version")?,
    })
}

/// Which claims are looked for; `None` does not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// Whose.
    pub patient: Option<Uuid>,
    /// Who is asked.
    pub payer: Option<Uuid>,
    /// Of which invoice.
    pub invoice: Option<Uuid>,
    /// Where on their way.
    pub status: Option<Status>,
    /// Only those about which somebody should ask.
    pub follow_up: bool,
}

/// A position in the list: when it was prepared, the first of those that replaced each
/// other, and which of them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct At(pub Timestamp, pub Uuid, pub i32);

/// A page, newest first.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    after: Option<At>,
    limit: u16,
) -> Result<Vec<Summary>, Error> {
    sqlx::query(
        "select * from claim
         where ($1::uuid is null or patient_id = $1)
           and ($2::uuid is null or payer_id = $2)
           and ($3::uuid is null or invoice_id = $3)
           and ($4::text is null or status = $4)
           and (not $5 or follow_up_since is not null)
           and ($6::timestamptz is null or (prepared_at, root_id, take) < ($6, $7, $8))
         order by prepared_at desc, root_id desc, take desc
         limit $9",
    )
    .bind(filter.patient)
    .bind(filter.payer)
    .bind(filter.invoice)
    .bind(filter.status.map(Status::name))
    .bind(filter.follow_up)
    .bind(after.map(|at| ts(at.0)))
    .bind(after.map(|at| at.1))
    .bind(after.map(|at| at.2))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Marks what has waited too long for an answer; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn mark_unanswered(
    db: impl PgExecutor<'_>,
    before: Timestamp,
    now: Timestamp,
) -> Result<u64, Error> {
    let marked = sqlx::query(
        "update claim set follow_up_since = $2
         where status in ('SUBMITTED', 'ACKNOWLEDGED', 'PENDED') and submitted_at < $1 and follow_up_since is null",
    )
    .bind(ts(before))
    .bind(ts(now))
    .execute(db)
    .await?;
    Ok(marked.rows_affected())
}
