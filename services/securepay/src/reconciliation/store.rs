//! All SQL about bank accounts, their statements and lines.

use galen_contracts::ids::PatientId;
use galen_kernel::{Currency, Money, Timestamp};
use galen_storage::{Columns as _, Error, SqlDate, date, ts};
use galen_vault::{Column, Sealed, SealedColumn};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Move, Purpose, Status, Target, bank_account_id};
use super::statement::{Said, Statement};
use crate::ledger::{AccountId, Posting};

/// What others wrote into a line.
pub(super) const SAID: Column<Said> = Column::new("securepay", "bank_line", "said");
/// Why somebody moved the money of a line.
pub(super) const REASON: Column<String> = Column::new("securepay", "bank_line_move", "reason");

/// What is sealed: with a key of its statement.
pub(crate) const SEALED: &[SealedColumn] = &[
    SealedColumn {
        place: SAID.place(),
        row: "id",
        subject: "t.statement_id",
    },
    SealedColumn {
        place: REASON.place(),
        row: "id",
        subject: "t.statement_id",
    },
];

/// A statement that was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Imported {
    pub(super) id: Uuid,
    pub(super) account: String,
    pub(super) currency: Currency,
    pub(super) name: String,
    pub(super) fingerprint: Vec<u8>,
    pub(super) place: i32,
    pub(super) opening: i64,
    pub(super) closing: i64,
    pub(super) closed_on: Date,
    pub(super) imported_at: Timestamp,
    pub(super) matched: i64,
    pub(super) unmatched: i64,
}

/// A line with what became of it.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) id: Uuid,
    pub(super) statement: Uuid,
    pub(super) number: i32,
    pub(super) amount: Money,
    pub(super) booked_on: Date,
    pub(super) value_on: Option<Date>,
    pub(super) is_return: bool,
    pub(super) bank_reference: Option<String>,
    pub(super) said: Option<Sealed<Said>>,
    pub(super) rests: Target,
    pub(super) because: String,
    pub(super) version: i64,
    pub(super) candidates: Vec<Uuid>,
    /// Transfers so far, and whether one of them is on its way.
    pub(super) moves: i32,
    pub(super) moving: bool,
}

/// A new line.
pub(super) struct NewLine {
    pub(super) id: Uuid,
    pub(super) number: i32,
    pub(super) amount: i64,
    pub(super) booked_on: Date,
    pub(super) value_on: Option<Date>,
    pub(super) is_return: bool,
    pub(super) bank_reference: Option<String>,
    pub(super) said: Option<Sealed<Said>>,
    pub(super) because: &'static str,
    pub(super) candidates: Vec<Uuid>,
    pub(super) book: Move,
}

/// Gives an account at a bank, which is made when its first statement comes. Whoever
/// imports another statement of it waits until the transaction ends.
pub(super) async fn lock_account(
    db: &mut PgConnection,
    number: &str,
    currency: Currency,
    now: Timestamp,
) -> Result<Uuid, Error> {
    let id = sqlx::query_scalar(
        "insert into bank_account (id, number, currency, opened_at) values ($1, $2, $3, $4)
         on conflict on constraint bank_account_once do update set number = excluded.number
         returning id",
    )
    .bind(bank_account_id(number, currency.code()))
    .bind(number)
    .bind(currency.code())
    .bind(ts(now))
    .fetch_one(db)
    .await?;
    Ok(id)
}

const IMPORTED: &str = "
select s.id, a.number as account, a.currency, s.name, s.fingerprint, s.place, s.opening, s.closing, s.closed_on, s.imported_at,
       (select count(*) from bank_line l where l.statement_id = s.id and l.number > 0 and l.purpose is not null) as matched,
       (select count(*) from bank_line l where l.statement_id = s.id and l.number > 0 and l.purpose is null) as unmatched
from bank_statement s join bank_account a on a.id = s.bank_account_id";

/// The statement of an account that has a name.
pub(super) async fn named(
    db: impl PgExecutor<'_>,
    account: Uuid,
    name: &str,
) -> Result<Option<Imported>, Error> {
    let sql = format!("{IMPORTED} where s.bank_account_id = $1 and s.name = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(account)
        .bind(name)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(imported).transpose()
}

/// The last statement of an account.
pub(super) async fn last(
    db: impl PgExecutor<'_>,
    account: Uuid,
) -> Result<Option<Imported>, Error> {
    let sql = format!("{IMPORTED} where s.bank_account_id = $1 order by s.place desc limit 1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(account)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(imported).transpose()
}

/// One statement.
pub(super) async fn statement(
    db: impl PgExecutor<'_>,
    id: Uuid,
) -> Result<Option<Imported>, Error> {
    let sql = format!("{IMPORTED} where s.id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(imported).transpose()
}

/// A position in the list of statements: when it was imported, its id.
#[derive(Serialize, Deserialize)]
pub(super) struct StatementPosition(pub(super) Timestamp, Uuid);

impl StatementPosition {
    pub(super) const fn of(statement: &Imported) -> Self {
        Self(statement.imported_at, statement.id)
    }
}

/// A page of statements, the latest first.
pub(super) async fn statements(
    db: impl PgExecutor<'_>,
    after: Option<&StatementPosition>,
    limit: u16,
) -> Result<Vec<Imported>, Error> {
    let sql = format!(
        "{IMPORTED}
         where $1::timestamptz is null or (s.imported_at, s.id) < ($1, $2)
         order by s.imported_at desc, s.id desc limit $3"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(after.map(|position| ts(position.0)))
        .bind(after.map(|position| position.1))
        .bind(i64::from(limit) + 1)
        .fetch_all(db)
        .await?;
    rows.iter().map(imported).collect()
}

/// Stores a statement with its lines and their first transfers, in four statements
/// however many there are.
pub(super) async fn insert(
    db: &mut PgConnection,
    (id, account, place): (Uuid, Uuid, i32),
    statement: &Statement,
    lines: &[NewLine],
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "insert into bank_statement (id, bank_account_id, place, name, fingerprint, opening, closing, closed_on, imported_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id)
    .bind(account)
    .bind(place)
    .bind(&statement.id)
    .bind(&statement.fingerprint()[..])
    .bind(statement.opening)
    .bind(statement.closing)
    .bind(date(statement.closed_on))
    .bind(ts(now))
    .execute(&mut *db)
    .await?;
    let ids: Vec<Uuid> = lines.iter().map(|line| line.id).collect();
    let purposes: Vec<Option<&str>> = lines
        .iter()
        .map(|line| line.book.target.purpose.map(Purpose::name))
        .collect();
    let rests: Vec<i64> = lines.iter().map(|l| l.book.target.account.0).collect();
    let because: Vec<&str> = lines.iter().map(|line| line.because).collect();
    let values: Vec<Option<SqlDate>> = lines.iter().map(|l| l.value_on.map(date)).collect();
    let banks: Vec<Option<&str>> = lines.iter().map(|l| l.bank_reference.as_deref()).collect();
    sqlx::query(
        "insert into bank_line (statement_id, id, number, amount, booked_on, value_on, is_return, bank_reference, said,
                                purpose, account_id, because)
         select $1, * from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::date[], $6::date[], $7::boolean[], $8::text[], $9::bytea[],
                                  $10::text[], $11::bigint[], $12::text[])",
    )
    .bind(id)
    .bind(&ids)
    .bind(lines.iter().map(|l| l.number).collect::<Vec<_>>())
    .bind(lines.iter().map(|l| l.amount).collect::<Vec<_>>())
    .bind(lines.iter().map(|l| date(l.booked_on)).collect::<Vec<_>>())
    .bind(values)
    .bind(lines.iter().map(|l| l.is_return).collect::<Vec<_>>())
    .bind(banks)
    .bind(lines.iter().map(|l| l.said.clone()).collect::<Vec<_>>())
    .bind(&purposes)
    .bind(&rests)
    .bind(&because)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "insert into bank_line_move (statement_id, group_id, asked_at, id, line_id, number, debit_id, credit_id, amount, purpose, account_id, because)
         select $1, $1, $2, * from unnest($3::uuid[], $4::uuid[], $5::integer[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::bigint[], $11::text[])",
    )
    .bind(id)
    .bind(ts(now))
    .bind(lines.iter().map(|l| l.book.id).collect::<Vec<_>>())
    .bind(&ids)
    .bind(lines.iter().map(|l| l.book.number).collect::<Vec<_>>())
    .bind(lines.iter().map(|l| l.book.debit.0).collect::<Vec<_>>())
    .bind(lines.iter().map(|l| l.book.credit.0).collect::<Vec<_>>())
    .bind(lines.iter().map(|l| l.book.amount).collect::<Vec<_>>())
    .bind(&purposes)
    .bind(&rests)
    .bind(&because)
    .execute(&mut *db)
    .await?;
    let found: Vec<(Uuid, Uuid)> = lines
        .iter()
        .flat_map(|line| line.candidates.iter().map(|id| (*id, line.id)))
        .collect();
    let (found, found_on): (Vec<Uuid>, Vec<Uuid>) = found.into_iter().unzip();
    sqlx::query("insert into bank_line_candidate (id, line_id) select * from unnest($1::uuid[], $2::uuid[])")
        .bind(found)
        .bind(found_on)
        .execute(db)
        .await?;
    Ok(())
}

const LINE: &str = "
select l.id, l.statement_id, l.number, l.amount, a.currency, l.booked_on, l.value_on, l.is_return, l.bank_reference, l.said,
       l.purpose, l.account_id, l.wallet_id, l.because, l.version,
       array(select c.id from bank_line_candidate c where c.line_id = l.id order by c.id) as candidates,
       (select max(m.number) from bank_line_move m where m.line_id = l.id) as moves,
       exists(select from bank_line_move m where m.line_id = l.id and m.state = 'OPEN') as moving
from bank_line l join bank_statement s on s.id = l.statement_id join bank_account a on a.id = s.bank_account_id";

/// One line.
pub(super) async fn line(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Line>, Error> {
    let sql = format!("{LINE} where l.id = $1 and l.number > 0");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read_line).transpose()
}

/// One line, until the transaction ends.
pub(super) async fn lock_line(db: &mut PgConnection, id: Uuid) -> Result<Option<Line>, Error> {
    sqlx::query("select from bank_line where id = $1 for update")
        .bind(id)
        .execute(&mut *db)
        .await?;
    line(db, id).await
}

/// Which lines are looked for; `None` does not restrict.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) statement: Option<Uuid>,
    pub(super) status: Option<Status>,
    /// The first and the last day.
    pub(super) booked: Option<(Date, Date)>,
}

/// A position in the list of lines: when it was booked, its statement, its number.
#[derive(Serialize, Deserialize)]
pub(super) struct LinePosition(pub(super) Date, Uuid, i32);

impl LinePosition {
    pub(super) const fn of(line: &Line) -> Self {
        Self(line.booked_on, line.statement, line.number)
    }
}

/// A page of lines, the oldest first.
pub(super) async fn lines(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    after: Option<&LinePosition>,
    limit: u16,
) -> Result<Vec<Line>, Error> {
    let sql = format!(
        "{LINE}
         where l.number > 0
           and ($1::uuid is null or l.statement_id = $1)
           and ($2::boolean is null or (l.purpose is not null) = $2)
           and ($3::date is null or l.booked_on between $3 and $4)
           and ($5::date is null or (l.booked_on, l.statement_id, l.number) > ($5, $6, $7))
         order by l.booked_on, l.statement_id, l.number limit $8"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(filter.statement)
        .bind(filter.status.map(|status| status == Status::Matched))
        .bind(filter.booked.map(|(first, _)| date(first)))
        .bind(filter.booked.map(|(_, last)| date(last)))
        .bind(after.map(|position| date(position.0)))
        .bind(after.map(|position| position.1))
        .bind(after.map(|position| position.2))
        .bind(i64::from(limit) + 1)
        .fetch_all(db)
        .await?;
    rows.iter().map(read_line).collect()
}

/// Somebody who asks for a transfer, and why.
pub(super) struct Asked<'a> {
    pub(super) by: Uuid,
    pub(super) at: Timestamp,
    pub(super) because: &'a str,
    pub(super) reason: Option<Sealed<String>>,
}

/// Stores what is to be transferred, before it is.
pub(super) async fn ask(
    db: &mut PgConnection,
    statement: Uuid,
    one: &Move,
    asked: Asked<'_>,
) -> Result<(), Error> {
    sqlx::query(
        "insert into bank_line_move (id, line_id, statement_id, number, group_id, debit_id, credit_id, amount,
                                     purpose, account_id, wallet_id, because, reason, asked_by, asked_at)
         values ($1, $2, $3, $4, $1, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(one.id)
    .bind(one.line)
    .bind(statement)
    .bind(one.number)
    .bind(one.debit.0)
    .bind(one.credit.0)
    .bind(one.amount)
    .bind(one.target.purpose.map(Purpose::name))
    .bind(one.target.account.0)
    .bind(one.target.wallet)
    .bind(asked.because)
    .bind(asked.reason)
    .bind(asked.by)
    .bind(ts(asked.at))
    .execute(db)
    .await?;
    Ok(())
}

/// The moves that are transferred next, in their order, and the group they are.
pub(super) async fn next(
    db: impl PgExecutor<'_>,
    without: &[Uuid],
) -> Result<Option<(Uuid, Vec<Move>)>, Error> {
    let rows = sqlx::query(
        "select id, line_id, number, debit_id, credit_id, amount, purpose, account_id, wallet_id, group_id
         from bank_line_move
         where state = 'OPEN'
           and group_id = (select group_id from bank_line_move where state = 'OPEN' and group_id <> all ($1) order by asked limit 1)
         order by asked",
    )
    .bind(without)
    .fetch_all(db)
    .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let group = first.col("group_id")?;
    Ok(Some((
        group,
        rows.iter().map(read_move).collect::<Result<_, _>>()?,
    )))
}

/// Marks moves as done; returns how many were not before. Their lines are then what they
/// were moved for.
pub(super) async fn posted(db: &mut PgConnection, postings: &[Posting]) -> Result<u64, Error> {
    let ids: Vec<Uuid> = postings.iter().map(|posting| posting.id.0).collect();
    let stamps: Vec<i64> = postings.iter().map(|posting| posting.at.0).collect();
    let done = sqlx::query_scalar::<_, i64>(
        "with done as (
             update bank_line_move m set state = 'POSTED', stamp = p.stamp
             from unnest($1::uuid[], $2::bigint[]) as p (id, stamp)
             where m.id = p.id and m.state = 'OPEN'
             returning m.line_id, m.number, m.purpose, m.account_id, m.wallet_id, m.because
         ), moved as (
             update bank_line l
             set purpose = d.purpose, account_id = d.account_id, wallet_id = d.wallet_id, because = d.because, version = l.version + 1
             from done d where l.id = d.line_id and d.number > 1
             returning l.id, l.purpose
         ), freed as (
             -- What was found on it may be found on another one.
             delete from bank_line_candidate c using moved m where c.line_id = m.id
         )
         select count(*) from done",
    )
    .bind(&ids)
    .bind(stamps)
    .fetch_one(&mut *db)
    .await?;
    forget_of_erased(db, &ids).await?;
    Ok(done.unsigned_abs())
}

/// Money of these moves may have come to somebody who was erased before: then what is
/// written on their lines goes as well.
async fn forget_of_erased(db: &mut PgConnection, moves: &[Uuid]) -> Result<(), Error> {
    let erased: Vec<Uuid> = sqlx::query_scalar(
        "select distinct i.owner_id
         from bank_line_move m
         join account_info i on i.public_id = m.wallet_id and i.owner_kind = 'PATIENT'
         where m.id = any ($1)
           and exists (select from data_key k where k.subject = i.owner_id and k.erased_at is not null)",
    )
    .bind(moves)
    .fetch_all(&mut *db)
    .await?;
    for patient in erased {
        forget(db, PatientId::from_uuid(patient)).await?;
    }
    Ok(())
}

/// Forgets what others wrote on the lines whose money is a patient's, and why somebody
/// moved the money of lines that ever were taken for the patient's. The amounts stay:
/// the books must.
///
/// # Errors
/// When the database fails.
pub(crate) async fn forget(db: &mut PgConnection, patient: PatientId) -> Result<(), Error> {
    sqlx::query(
        "with wallet as (
             select public_id from account_info where owner_kind = 'PATIENT' and owner_id = $1
         ), line as (
             update bank_line set said = null, version = version + 1
             where wallet_id in (select public_id from wallet) and said is not null
         )
         update bank_line_move set reason = null
         where reason is not null
           and line_id in (select line_id from bank_line_move where wallet_id in (select public_id from wallet))",
    )
    .bind(patient.uuid())
    .execute(db)
    .await?;
    Ok(())
}

/// Marks a move as refused: nothing of it was done.
pub(super) async fn refused(db: impl PgExecutor<'_>, id: Uuid) -> Result<(), Error> {
    sqlx::query("update bank_line_move set state = 'REFUSED' where id = $1 and state = 'OPEN'")
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

fn read_currency(row: &PgRow) -> Result<Currency, Error> {
    row.text("currency")?
        .parse()
        .map_err(|_| Error::Inconsistent {
            column: "securepay.bank_account.currency",
        })
}

fn imported(row: &PgRow) -> Result<Imported, Error> {
    Ok(Imported {
        id: row.col("id")?,
        account: row.text("account")?,
        currency: read_currency(row)?,
        name: row.text("name")?,
        fingerprint: row.col("fingerprint")?,
        place: row.col("place")?,
        opening: row.col("opening")?,
        closing: row.col("closing")?,
        closed_on: row.date("closed_on")?,
        imported_at: row.instant("imported_at")?,
        matched: row.col("matched")?,
        unmatched: row.col("unmatched")?,
    })
}

fn target(row: &PgRow) -> Result<Target, Error> {
    let purpose = row
        .opt_text("purpose")?
        .map(|name| {
            Purpose::from_name(&name).ok_or(Error::Inconsistent {
                column: "securepay.bank_line.purpose",
            })
        })
        .transpose()?;
    Ok(Target {
        purpose,
        account: AccountId(row.col("account_id")?),
        wallet: row.col("wallet_id")?,
    })
}

fn read_line(row: &PgRow) -> Result<Line, Error> {
    Ok(Line {
        id: row.col("id")?,
        statement: row.col("statement_id")?,
        number: row.col("number")?,
        amount: Money {
            minor: row.col("amount")?,
            currency: read_currency(row)?,
        },
        booked_on: row.date("booked_on")?,
        value_on: row.opt_date("value_on")?,
        is_return: row.col("is_return")?,
        bank_reference: row.opt_text("bank_reference")?,
        said: row.col("said")?,
        rests: target(row)?,
        because: row.text("because")?,
        version: row.col("version")?,
        candidates: row.col("candidates")?,
        moves: row.col("moves")?,
        moving: row.col("moving")?,
    })
}

fn read_move(row: &PgRow) -> Result<Move, Error> {
    Ok(Move {
        id: row.col("id")?,
        line: row.col("line_id")?,
        number: row.col("number")?,
        debit: AccountId(row.col("debit_id")?),
        credit: AccountId(row.col("credit_id")?),
        amount: row.col("amount")?,
        target: target(row)?,
    })
}
