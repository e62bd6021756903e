//! Searching sealed records.
//!
//! The database intersects sets of blind indexes and walks them in the order of lists,
//! the newest record first, because it can neither read names nor order by them. What it
//! finds is opened and compared with what was asked for before anybody sees it: the
//! beginnings that names are indexed by are shorter than the words people type, and two
//! beginnings can share an index.

use galen_storage::Error;
use galen_vault::{BlindIndex, Vault};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::model::Patient;
use super::person::{self, Person};
use super::search::{Bound, Filter};
use super::{blind, store};
use crate::care;

/// Most records that are opened at a time.
const MOST_OPENED: i64 = 1_000;

/// Whether there is such a record.
pub async fn exists(connection: &mut PgConnection, id: Uuid) -> Result<bool, Error> {
    Ok(
        sqlx::query_scalar("select exists (select from patient where id = $1)")
            .bind(id)
            .fetch_one(connection)
            .await?,
    )
}

/// The records of one page and one more, opened.
///
/// # Errors
/// When one does not open, or the database or the master keys fail.
pub async fn search(
    connection: &mut PgConnection,
    vault: &Vault,
    filter: &Filter,
    mut after: Option<Uuid>,
    limit: u16,
) -> Result<Vec<(Patient, Person)>, galen_vault::Error> {
    let wanted = usize::from(limit) + 1;
    let mut found = Vec::with_capacity(wanted);
    if filter.tokens.as_ref().is_some_and(Vec::is_empty) {
        return Ok(found);
    }
    let mut rows = i64::from(limit) + 1;
    loop {
        let ids = candidates(connection, vault, filter, after, rows).await?;
        let patients = store::load(connection, &ids).await?;
        let persons = person::open_all(vault, connection, &patients).await?;
        for (patient, person) in patients.into_iter().zip(persons) {
            if let Some(person) = person.filter(|person| filter.matches(person)) {
                found.push((patient, person));
            }
        }
        let is_last = i64::try_from(ids.len()).is_ok_and(|found| found < rows);
        if is_last || wanted <= found.len() {
            found.truncate(wanted);
            return Ok(found);
        }
        after = ids.last().copied();
        rows = (2 * rows).min(MOST_OPENED);
    }
}

/// Some records that the indexes find.
async fn candidates(
    connection: &mut PgConnection,
    vault: &Vault,
    filter: &Filter,
    after: Option<Uuid>,
    rows: i64,
) -> Result<Vec<Uuid>, Error> {
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new("");
    if let Bound::Cared(carer) = &filter.bound {
        care::store::with_cared(&mut sql, carer);
    }
    sql.push("select p.id from patient p where ");
    match filter.status {
        Some(status) => sql.push("p.status = ").push_bind(status.name()),
        None if filter.names_one() => sql.push("p.merged_into is null"),
        None => sql.push("p.status in ('ACTIVE', 'DECEASED')"),
    };
    narrow(&mut sql, vault, filter);
    reach(&mut sql, &filter.bound);
    if let Some(after) = after {
        sql.push(" and p.id < ").push_bind(after);
    }
    sql.push(" order by p.id desc limit ").push_bind(rows);
    // Planned anew each time, for these words: what is best for a rare name is far
    // from best for a common one.
    Ok(sql
        .build_query_scalar()
        .persistent(false)
        .fetch_all(connection)
        .await?)
}

/// What is asked for. Only the conditions that are asked for are written.
fn narrow(sql: &mut QueryBuilder<Postgres>, vault: &Vault, filter: &Filter) {
    if let Some(mrn) = &filter.mrn {
        let record = if filter.status.is_none() {
            "survivor_of(q.id)"
        } else {
            "q.id"
        };
        sql.push(" and p.id = (select ")
            .push(record)
            .push(" from patient q where q.mrn = ")
            .push_bind(mrn.as_str().to_owned())
            .push(")");
    }
    for index in blind::identifiers(vault, filter.identifier.as_slice()) {
        let record = if filter.status.is_none() {
            "survivor_of(i.patient_id)"
        } else {
            "i.patient_id"
        };
        sql.push(" and p.id = (select ")
            .push(record)
            .push(" from patient_identifier i where i.identifier_index = ");
        sql.push_bind(index.bytes().to_vec()).push(")");
    }
    let mut equal = |column: &str, index: Option<BlindIndex>| {
        if let Some(index) = index {
            sql.push(" and p.").push(column).push(" = ");
            sql.push_bind(index.bytes().to_vec());
        }
    };
    equal(
        "birth_date_index",
        filter.birth_date.map(|day| blind::birth_date(vault, day)),
    );
    equal(
        "phone_index",
        filter
            .phone_key
            .as_deref()
            .map(|key| blind::phone(vault, key)),
    );
    equal(
        "email_index",
        filter
            .email_key
            .as_deref()
            .map(|key| blind::email(vault, key)),
    );
    for token in blind::sought(vault, filter.tokens.as_deref().unwrap_or_default()) {
        sql.push(" and p.id in (select t.patient_id from patient_name_token t where t.token = ");
        sql.push_bind(token.bytes().to_vec()).push(")");
    }
}

/// Whose records may be found.
fn reach(sql: &mut QueryBuilder<Postgres>, bound: &Bound) {
    match bound {
        Bound::Everybody => {}
        // As an array, so that the planner looks these records up and never walks the
        // whole hospital to find the few that are cared for.
        Bound::Cared(_) => {
            sql.push(" and p.id = any (array(select id from cared))");
        }
        Bound::Own { user, claimed } => {
            sql.push(
                " and p.id in (select records_of(survivor_of(o.id)) from patient o where o.user_id = ",
            )
            .push_bind(user.uuid());
            sql.push(" or o.id = ")
                .push_bind(claimed.map(|id| id.uuid()))
                .push(")");
        }
    }
}
