//! All SQL about orders to payment providers.

use galen_kernel::{Money, Timestamp};
use galen_storage::{Columns as _, Error, Ts, ts};
use galen_vault::Sealed;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;

use super::model::{Progress, State};
use crate::account::Owner;
use crate::payout::iban::Iban;
use crate::provider::{Direction, ProviderReference, Reason};

/// A new order: stored together with the hold of its money.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Its id, that of its hold, and our reference.
    pub id: Uuid,
    /// Which way.
    pub direction: Direction,
    /// Of which provider.
    pub provider: &'static str,
    /// Of which wallet.
    pub wallet: Uuid,
    /// How much.
    pub amount: Money,
    /// Where to; of payouts.
    pub destination: Option<Sealed<Iban>>,
    /// When.
    pub requested_at: Timestamp,
    /// Until when it is to be decided.
    pub deadline: Timestamp,
}

/// An order as it is.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its id, that of its hold, and our reference.
    pub id: Uuid,
    /// Which way.
    pub direction: Direction,
    /// Of which provider.
    pub provider: String,
    /// Of which wallet.
    pub wallet: Uuid,
    /// Whose wallet.
    pub owner: Owner,
    /// How much.
    pub amount: Money,
    /// Where to; of payouts.
    pub destination: Option<Sealed<Iban>>,
    /// When.
    pub requested_at: Timestamp,
    /// What changes of it.
    pub progress: Progress,
    /// Rises by one with every change.
    pub version: i64,
}

impl Order {
    /// Who its destination is about: the owner of the wallet, or the wallet where that is
    /// the hospital.
    #[must_use]
    pub fn subject(&self) -> Uuid {
        self.owner.id().unwrap_or(self.wallet)
    }
}

/// SQL for [`Order::subject`] of a row `t`.
pub(crate) const SUBJECT: &str = "(select coalesce(i.owner_id, i.public_id) from account_info i where i.public_id = t.wallet_id)";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select o.id, o.direction, o.provider, o.wallet_id, i.owner_kind, i.owner_id, o.amount, o.currency, o.sealed_destination,
                    o.requested_at, o.deadline, o.state, o.told, o.attempts, o.due_at, o.provider_reference, o.reason,
                    o.decided_at, o.version
             from provider_order o join account_info i on i.public_id = o.wallet_id ",
            $rest
        )
    };
}

fn read(row: &PgRow) -> Result<Order, Error> {
    let inconsistent = |column| Error::Inconsistent { column };
    let currency = row.text("currency")?;
    let attempts: i32 = row.col("attempts")?;
    let reference = row.opt_text("provider_reference")?;
    Ok(Order {
        id: row.col("id")?,
        direction: Direction::read(&row.text("direction")?)
            .ok_or_else(|| inconsistent("securepay.provider_order.direction"))?,
        provider: row.text("provider")?,
        wallet: row.col("wallet_id")?,
        owner: match (row.opt_text("owner_kind")?.as_deref(), row.col("owner_id")?) {
            (Some("PATIENT"), Some(id)) => Owner::Patient(id),
            (Some("INSURER"), Some(id)) => Owner::Insurer(id),
            (Some("HOSPITAL"), None) => Owner::Hospital,
            _ => return Err(inconsistent("securepay.account_info.owner_kind")),
        },
        amount: Money {
            minor: row.col("amount")?,
            currency: currency
                .parse()
                .map_err(|_| inconsistent("securepay.provider_order.currency"))?,
        },
        destination: row.try_get("sealed_destination")?,
        requested_at: row.instant("requested_at")?,
        progress: Progress {
            state: State::read(&row.text("state")?)
                .ok_or_else(|| inconsistent("securepay.provider_order.state"))?,
            told: row.col("told")?,
            attempts: u32::try_from(attempts)
                .map_err(|_| inconsistent("securepay.provider_order.attempts"))?,
            due_at: row.opt_instant("due_at")?,
            deadline: row.instant("deadline")?,
            provider_reference: reference
                .map(|text| {
                    ProviderReference::new(text)
                        .ok_or_else(|| inconsistent("securepay.provider_order.provider_reference"))
                })
                .transpose()?,
            reason: row.opt_text("reason")?.map(|code| Reason::new(&code)),
            decided_at: row.opt_instant("decided_at")?,
        },
        version: row.col("version")?,
    })
}

/// Stores new orders, all of them or none.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut PgConnection, orders: &[&NewOrder]) -> Result<(), Error> {
    if orders.is_empty() {
        return Ok(());
    }
    let of = |each: fn(&NewOrder) -> Uuid| -> Vec<Uuid> {
        orders.iter().map(|order| each(order)).collect()
    };
    let text = |each: fn(&NewOrder) -> &str| -> Vec<&str> {
        orders.iter().map(|order| each(order)).collect()
    };
    let instant = |each: fn(&NewOrder) -> Timestamp| -> Vec<Ts> {
        orders.iter().map(|order| ts(each(order))).collect()
    };
    let amounts: Vec<i64> = orders.iter().map(|order| order.amount.minor).collect();
    let destinations: Vec<Option<Sealed<Iban>>> = orders
        .iter()
        .map(|order| order.destination.clone())
        .collect();
    sqlx::query(
        "insert into provider_order
             (id, direction, provider, wallet_id, amount, currency, sealed_destination, requested_at, deadline,
              state, told, attempts, due_at, version)
         select n.id, n.direction, n.provider, n.wallet_id, n.amount, n.currency, n.destination, n.requested_at, n.deadline,
                'PENDING', false, 0, n.requested_at, 1
         from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::text[], $7::bytea[], $8::timestamptz[], $9::timestamptz[])
              n (id, direction, provider, wallet_id, amount, currency, destination, requested_at, deadline)",
    )
    .bind(of(|order| order.id))
    .bind(text(|order| order.direction.name()))
    .bind(text(|order| order.provider))
    .bind(of(|order| order.wallet))
    .bind(amounts)
    .bind(text(|order| order.amount.currency.code()))
    .bind(destinations)
    .bind(instant(|order| order.requested_at))
    .bind(instant(|order| order.deadline))
    .execute(db)
    .await?;
    Ok(())
}

/// Reads one of a direction.
///
/// # Errors
/// When the database fails.
pub async fn get(
    db: impl PgExecutor<'_>,
    direction: Direction,
    id: Uuid,
) -> Result<Option<Order>, Error> {
    let row = sqlx::query(select!("where o.id = $1 and o.direction = $2"))
        .bind(id)
        .bind(direction.name())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Which orders are looked for; `None` does not restrict.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Which way.
    pub direction: Direction,
    /// Of this wallet.
    pub wallet: Option<Uuid>,
    /// In one of these states.
    pub states: Option<Vec<State>>,
    /// Of wallets of a patient with this record, or one that was merged with it.
    pub patient: Option<Uuid>,
}

/// A page, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    behind: Option<(Timestamp, Uuid)>,
    limit: u16,
) -> Result<Vec<Order>, Error> {
    let states: Option<Vec<&str>> = filter
        .states
        .as_ref()
        .map(|states| states.iter().map(|state| state.name()).collect());
    sqlx::query(select!(
        "where o.direction = $1
           and ($2::uuid is null or o.wallet_id = $2)
           and ($3::text[] is null or o.state = any ($3))
           and ($4::uuid is null or (i.owner_kind = 'PATIENT' and i.owner_id in (select ids_of_patient($4))))
           and (o.requested_at, o.id) > (coalesce($5, '-infinity'), coalesce($6, '00000000-0000-0000-0000-000000000000'))
         order by o.requested_at, o.id
         limit $7"
    ))
    .bind(filter.direction.name())
    .bind(filter.wallet)
    .bind(states)
    .bind(filter.patient)
    .bind(behind.map(|(at, _)| ts(at)))
    .bind(behind.map(|(_, id)| id))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Takes up orders that are due and that nobody else is taking up: what they were, and
/// what they are now.
///
/// # Errors
/// When the database fails.
pub async fn take_up(
    db: &mut PgConnection,
    provider: &str,
    now: Timestamp,
    most: i64,
) -> Result<Vec<(Progress, Order)>, Error> {
    let rows = sqlx::query(select!(
        "where o.due_at <= $1 and o.provider = $2
         order by o.due_at
         limit $3
         for update of o skip locked"
    ))
    .bind(ts(now))
    .bind(provider)
    .bind(most)
    .fetch_all(&mut *db)
    .await?;
    let mut taken = Vec::with_capacity(rows.len());
    for row in &rows {
        let before = read(row)?;
        let after = Order {
            progress: before.progress.taken_up(now),
            version: before.version + 1,
            ..before.clone()
        };
        taken.push((before.progress, after));
    }
    let of = |each: fn(&Order) -> Uuid| taken.iter().map(|(_, o)| each(o)).collect::<Vec<_>>();
    let told: Vec<bool> = taken.iter().map(|(_, o)| o.progress.told).collect();
    let attempts: Vec<i32> = taken
        .iter()
        .map(|(_, o)| i32::try_from(o.progress.attempts).unwrap_or(i32::MAX))
        .collect();
    let due: Vec<_> = taken
        .iter()
        .map(|(_, o)| o.progress.due_at.map(ts))
        .collect();
    let done = sqlx::query(
        "update provider_order o
         set told = n.told, attempts = n.attempts, due_at = n.due_at, version = o.version + 1
         from unnest($1::uuid[], $2::boolean[], $3::integer[], $4::timestamptz[]) n (id, told, attempts, due_at)
         where o.id = n.id",
    )
    .bind(of(|order| order.id))
    .bind(told)
    .bind(attempts)
    .bind(due)
    .execute(db)
    .await?;
    if done.rows_affected() == taken.len() as u64 {
        Ok(taken)
    } else {
        Err(Error::Inconsistent {
            column: "securepay.provider_order.id",
        })
    }
}

/// Writes down what changed; `false` when the order has changed since it was read.
///
/// # Errors
/// When the database fails.
pub async fn save(
    db: &mut PgConnection,
    order: &Order,
    progress: &Progress,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update provider_order
         set state = $3, told = $4, due_at = $5, provider_reference = $6, reason = $7, decided_at = $8, version = version + 1
         where id = $1 and version = $2",
    )
    .bind(order.id)
    .bind(order.version)
    .bind(progress.state.name())
    .bind(progress.told)
    .bind(progress.due_at.map(ts))
    .bind(progress.provider_reference.as_ref().map(ProviderReference::as_str))
    .bind(progress.reason.as_ref().map(Reason::code))
    .bind(progress.decided_at.map(ts))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Locks the order that a webhook is about.
///
/// # Errors
/// When the database fails.
pub async fn lock(db: &mut PgConnection, provider: &str, id: Uuid) -> Result<Option<Order>, Error> {
    let row = sqlx::query(select!(
        "where o.id = $1 and o.provider = $2
         for update of o"
    ))
    .bind(id)
    .bind(provider)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Reads one, whichever way its money goes.
///
/// # Errors
/// When the database fails.
pub async fn any(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Order>, Error> {
    let row = sqlx::query(select!("where o.id = $1"))
        .bind(id)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Locks one, whichever way its money goes.
///
/// # Errors
/// When the database fails.
pub async fn lock_any(db: &mut PgConnection, id: Uuid) -> Result<Option<Order>, Error> {
    let row = sqlx::query(select!("where o.id = $1 for update of o"))
        .bind(id)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Whether two records are, or were merged into, the same person.
///
/// # Errors
/// When the database fails.
pub async fn is_same_patient(
    db: impl PgExecutor<'_>,
    one: Uuid,
    other: Uuid,
) -> Result<bool, Error> {
    Ok(
        sqlx::query_scalar("select $2 in (select ids_of_patient($1))")
            .bind(one)
            .bind(other)
            .fetch_one(db)
            .await?,
    )
}
