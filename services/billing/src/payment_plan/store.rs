//! All SQL about payment plans.

use galen_kernel::{Currency, Timestamp};
use galen_storage::{Columns as _, Error, SqlDate, Tx, date, ts};
use jiff::civil::Date;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::error::PaymentPlanError;
use super::model::{Instalment, PaymentPlan, PaymentPlanId, Planned, Status};
use crate::invoice::model::InvoiceId;
use crate::position::Position;

const fn bad(column: &'static str) -> Error {
    Error::Inconsistent { column }
}

/// The rows of plans, without their parts.
fn read(row: &PgRow) -> Result<PaymentPlan, Error> {
    let currency: Result<Currency, _> = row.text("currency")?.parse();
    let agreed_by: Option<Uuid> = row.col("agreed_by")?;
    Ok(PaymentPlan {
        id: row.id("id")?,
        patient: row.id("patient_id")?,
        currency: currency.map_err(|_| bad("billing.payment_plan.currency"))?,
        status: Status::read(&row.text("status")?).ok_or(bad("billing.payment_plan.status"))?,
        instalments: Vec::new(),
        invoices: Vec::new(),
        proposed: (row.col("proposed_by")?, row.instant("proposed_at")?),
        agreed: agreed_by.zip(row.opt_instant("agreed_at")?),
        ended_at: row.opt_instant("ended_at")?,
        version: row.col("version")?,
    })
}

/// The parts of plans, as they are now: two questions, however many plans.
async fn complete(db: &mut PgConnection, plans: &mut [PaymentPlan]) -> Result<(), Error> {
    let ids: Vec<Uuid> = plans.iter().map(|plan| plan.id.uuid()).collect();
    let instalments = sqlx::query(
        "select plan_id, due_on, minor from payment_plan_instalment
         where plan_id = any($1) order by plan_id, place",
    )
    .bind(&ids)
    .fetch_all(&mut *db)
    .await?;
    let invoices = sqlx::query(
        "select p.plan_id, p.invoice_id, p.planned, p.billed, i.billed as billed_now, i.billed - i.settled as due_now
         from payment_plan_invoice p join invoice i on i.id = p.invoice_id
         where p.plan_id = any($1) order by p.plan_id, p.place",
    )
    .bind(&ids)
    .fetch_all(db)
    .await?;
    for row in &instalments {
        let instalment = Instalment {
            due_on: row.date("due_on")?,
            amount: row.col("minor")?,
        };
        part_of(plans, row)?.instalments.push(instalment);
    }
    for row in &invoices {
        let planned = Planned {
            invoice: row.col("invoice_id")?,
            planned: row.col("planned")?,
            billed: row.col("billed")?,
            billed_now: row.col("billed_now")?,
            due_now: row.col("due_now")?,
        };
        part_of(plans, row)?.invoices.push(planned);
    }
    Ok(())
}

fn part_of<'a>(plans: &'a mut [PaymentPlan], row: &PgRow) -> Result<&'a mut PaymentPlan, Error> {
    let id: PaymentPlanId = row.id("plan_id")?;
    plans
        .iter_mut()
        .find(|plan| plan.id == id)
        .ok_or(bad("billing.payment_plan.id"))
}

async fn whole(db: &mut PgConnection, row: Option<PgRow>) -> Result<Option<PaymentPlan>, Error> {
    let Some(row) = row else { return Ok(None) };
    let mut plans = [read(&row)?];
    complete(db, &mut plans).await?;
    let [plan] = plans;
    Ok(Some(plan))
}

/// Stores a new one.
///
/// # Errors
/// When one of its invoices is in another plan that is not over, or the database fails.
pub async fn insert(tx: &mut Tx, plan: &PaymentPlan) -> Result<(), PaymentPlanError> {
    sqlx::query(
        "insert into payment_plan (id, patient_id, currency, total, status, proposed_by, proposed_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(plan.id.uuid())
    .bind(plan.patient.uuid())
    .bind(plan.currency.code())
    .bind(plan.total())
    .bind(plan.status.name())
    .bind(plan.proposed.0)
    .bind(ts(plan.proposed.1))
    .bind(plan.version)
    .execute(tx.conn())
    .await?;
    let days: Vec<SqlDate> = plan.instalments.iter().map(|i| date(i.due_on)).collect();
    let amounts: Vec<i64> = plan.instalments.iter().map(|i| i.amount).collect();
    sqlx::query(
        "insert into payment_plan_instalment (plan_id, place, due_on, minor)
         select $1, i.place - 1, i.due_on, i.minor
         from unnest($2::date[], $3::bigint[]) with ordinality as i (due_on, minor, place)",
    )
    .bind(plan.id.uuid())
    .bind(days)
    .bind(amounts)
    .execute(tx.conn())
    .await?;
    let column = |of: fn(&Planned) -> i64| plan.invoices.iter().map(of).collect::<Vec<i64>>();
    let invoices: Vec<Uuid> = plan.invoices.iter().map(|each| each.invoice).collect();
    let inserted = sqlx::query(
        "insert into payment_plan_invoice (plan_id, invoice_id, place, planned, billed, live)
         select $1, i.invoice_id, i.place - 1, i.planned, i.billed, true
         from unnest($2::uuid[], $3::bigint[], $4::bigint[]) with ordinality as i (invoice_id, planned, billed, place)
         on conflict (invoice_id) where live do nothing",
    )
    .bind(plan.id.uuid())
    .bind(invoices)
    .bind(column(|each| each.planned))
    .bind(column(|each| each.billed))
    .execute(tx.conn())
    .await?;
    if usize::try_from(inserted.rows_affected()) == Ok(plan.invoices.len()) {
        Ok(())
    } else {
        Err(PaymentPlanError::AlreadyPlanned)
    }
}

/// Reads one.
///
/// # Errors
/// When the database fails.
pub async fn get(db: &mut PgConnection, id: PaymentPlanId) -> Result<Option<PaymentPlan>, Error> {
    let row = sqlx::query("select * from payment_plan where id = $1")
        .bind(id.uuid())
        .fetch_optional(&mut *db)
        .await?;
    whole(db, row).await
}

/// Reads one and locks it. What its invoices owe is read afterwards. Whoever locks an
/// invoice as well has locked it before.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn lock(tx: &mut Tx, id: PaymentPlanId) -> Result<PaymentPlan, PaymentPlanError> {
    let row = sqlx::query("select * from payment_plan where id = $1 for update")
        .bind(id.uuid())
        .fetch_optional(tx.conn())
        .await?;
    let plan = whole(tx.conn(), row).await?;
    plan.ok_or(PaymentPlanError::Unknown)
}

/// Reads and locks the one that an invoice is in and that is not over.
///
/// # Errors
/// When the database fails.
pub async fn lock_of(tx: &mut Tx, invoice: InvoiceId) -> Result<Option<PaymentPlan>, Error> {
    let row = sqlx::query(
        "select p.* from payment_plan p
         join payment_plan_invoice i on i.plan_id = p.id
         where i.invoice_id = $1 and i.live
         for update of p",
    )
    .bind(invoice.uuid())
    .fetch_optional(tx.conn())
    .await?;
    whole(tx.conn(), row).await
}

/// Stores a change of a locked one.
///
/// # Errors
/// When somebody else changed it, or the database fails.
pub async fn change(tx: &mut Tx, plan: &PaymentPlan) -> Result<(), Error> {
    let done = sqlx::query(
        "update payment_plan set status = $3, agreed_by = $4, agreed_at = $5, ended_at = $6, version = $2
         where id = $1 and version = $2 - 1",
    )
    .bind(plan.id.uuid())
    .bind(plan.version)
    .bind(plan.status.name())
    .bind(plan.agreed.map(|(by, _)| by))
    .bind(plan.agreed.map(|(_, at)| ts(at)))
    .bind(plan.ended_at.map(ts))
    .execute(tx.conn())
    .await?;
    Error::unless_rows("change a payment plan", 1, done.rows_affected())?;
    if !plan.status.is_live() {
        let freed =
            sqlx::query("update payment_plan_invoice set live = false where plan_id = $1 and live")
                .bind(plan.id.uuid())
                .execute(tx.conn())
                .await?;
        let all = plan.invoices.len() as u64;
        Error::unless_rows("free the invoices of a plan", all, freed.rows_affected())?;
    }
    Ok(())
}

/// The plan that is followed for an invoice, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn followed_for(
    db: impl PgExecutor<'_>,
    invoice: InvoiceId,
) -> Result<Option<Uuid>, Error> {
    Ok(sqlx::query_scalar(
        "select p.id from payment_plan p
         join payment_plan_invoice i on i.plan_id = p.id
         where i.invoice_id = $1 and i.live and p.status = 'ACTIVE'",
    )
    .bind(invoice.uuid())
    .fetch_optional(db)
    .await?)
}

/// The plans of some records that were followed at an instant, with what is owed of their
/// invoices now.
///
/// # Errors
/// When the database fails.
pub async fn followed_at(
    db: &mut PgConnection,
    records: &[Uuid],
    at: Timestamp,
) -> Result<Vec<PaymentPlan>, Error> {
    let rows = sqlx::query(
        "select * from payment_plan
         where patient_id = any ($1) and agreed_at < $2 and (ended_at is null or ended_at >= $2)
         order by agreed_at, id",
    )
    .bind(records)
    .bind(ts(at))
    .fetch_all(&mut *db)
    .await?;
    let mut plans: Vec<PaymentPlan> = rows.iter().map(read).collect::<Result<_, _>>()?;
    complete(db, &mut plans).await?;
    Ok(plans)
}

/// Plans that are followed and have an instalment from before a day.
///
/// # Errors
/// When the database fails.
pub async fn with_instalments_before(
    db: impl PgExecutor<'_>,
    day: Date,
    after: Option<Uuid>,
    most: i64,
) -> Result<Vec<PaymentPlanId>, Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select p.id from payment_plan p
         where p.status = 'ACTIVE' and ($2::uuid is null or p.id > $2)
           and exists (select from payment_plan_instalment i where i.plan_id = p.id and i.due_on < $1)
         order by p.id limit $3",
    )
    .bind(date(day))
    .bind(after)
    .bind(most)
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(PaymentPlanId::from_uuid).collect())
}

/// A page of plans by when they were proposed.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &mut PgConnection,
    patient: Option<Uuid>,
    status: Option<Status>,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<PaymentPlan>, Error> {
    let rows = sqlx::query(
        "select * from payment_plan
         where ($1::uuid is null or patient_id = $1)
           and ($2::text is null or status = $2)
           and ($3::timestamptz is null or (proposed_at, id) > ($3, $4))
         order by proposed_at, id
         limit $5",
    )
    .bind(patient)
    .bind(status.map(Status::name))
    .bind(after.map(|position| ts(position.0)))
    .bind(after.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(&mut *db)
    .await?;
    let mut plans: Vec<PaymentPlan> = rows.iter().map(read).collect::<Result<_, _>>()?;
    complete(db, &mut plans).await?;
    Ok(plans)
}
