//! The SQL of searching.
//!
//! Lists are in the order of family names, and people type beginnings of names in any
//! order. Whoever matches does so in one of a few ways: some word begins the family
//! name and the others are among the further names, or all are among the further names.
//! Each way is a range of the list's own index or a set from the trigrams, gives a page
//! in order, and the pages are put together. One condition over the whole name would
//! look simpler, and would make the planner walk the list from its beginning to find a
//! family name that stands at its end.

use galen_storage::{Error, SqlDate};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::search::{Bound, Filter};
use crate::care;

/// A place in the order of lists.
pub struct Position {
    family_key: String,
    given_key: String,
    id: Uuid,
}

/// Where a record stands in the order of lists. A cursor names the record only, so
/// that no name gets into an address.
pub async fn position(connection: &mut PgConnection, id: Uuid) -> Result<Option<Position>, Error> {
    let row = sqlx::query("select family_key, given_key from patient where id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        let (family_key, given_key) = (row.try_get("family_key")?, row.try_get("given_key")?);
        Ok(Position {
            family_key,
            given_key,
            id,
        })
    })
    .transpose()
}

/// The ids of one page and one more.
pub async fn search(
    connection: &mut PgConnection,
    filter: &Filter,
    after: Option<&Position>,
    limit: u16,
) -> Result<Vec<Uuid>, Error> {
    let rows = i64::from(limit) + 1;
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new("");
    if let Bound::Cared(carer) = &filter.bound {
        care::store::with_cared(&mut sql, carer);
    }
    sql.push("select id from (");
    match filter.tokens.as_deref() {
        None => page(&mut sql, filter, after, rows, |_| {}),
        Some([]) => return Ok(Vec::new()),
        Some(tokens) => {
            for (place, family) in tokens.iter().enumerate() {
                page(&mut sql, filter, after, rows, |sql| {
                    sql.push(" and p.family_key like ")
                        .push_bind(format!("{family}%"));
                    let others = tokens
                        .iter()
                        .enumerate()
                        .filter(|(other, _)| *other != place);
                    others.for_each(|(_, token)| among_further(sql, token));
                });
                sql.push(" union ");
            }
            page(&mut sql, filter, after, rows, |sql| {
                tokens.iter().for_each(|token| among_further(sql, token));
                if 1 < tokens.len() {
                    sql.push(" and p.has_several_further");
                }
            });
        }
    }
    sql.push(") as found order by family_key, given_key, id limit ")
        .push_bind(rows);
    // Planned anew each time, for these words: what is best for a rare name is far
    // from best for a common one.
    Ok(sql
        .build_query_scalar()
        .persistent(false)
        .fetch_all(connection)
        .await?)
}

fn among_further(sql: &mut QueryBuilder<Postgres>, token: &str) {
    sql.push(" and p.further_tokens like ")
        .push_bind(format!("% {token}%"));
}

/// One page of those that match in one way. Only the conditions that are asked for
/// are written.
fn page(
    sql: &mut QueryBuilder<Postgres>,
    filter: &Filter,
    after: Option<&Position>,
    rows: i64,
    names: impl FnOnce(&mut QueryBuilder<Postgres>),
) {
    sql.push("(select p.id, p.family_key, p.given_key from patient p where ");
    match filter.status {
        Some(status) => sql.push("p.status = ").push_bind(status.name()),
        None if filter.names_one() => sql.push("p.merged_into is null"),
        None => sql.push("p.status in ('ACTIVE', 'DECEASED')"),
    };
    names(sql);
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
    if let Some(identifier) = &filter.identifier {
        let record = if filter.status.is_none() {
            "survivor_of(i.patient_id)"
        } else {
            "i.patient_id"
        };
        sql.push(" and p.id = (select ").push(record);
        sql.push(" from patient_identifier i where i.system = ")
            .push_bind(identifier.system.clone());
        sql.push(" and i.value = ")
            .push_bind(identifier.value.clone())
            .push(")");
    }
    if let Some(birth_date) = filter.birth_date {
        sql.push(" and p.birth_date = ")
            .push_bind(SqlDate::from(birth_date));
    }
    if let Some(phone) = &filter.phone_key {
        sql.push(" and p.phone_key = ").push_bind(phone.clone());
    }
    if let Some(email) = &filter.email_key {
        sql.push(" and p.email_key = ").push_bind(email.clone());
    }
    match filter.bound {
        Bound::Everybody => {}
        // As an array, so that the planner looks these records up and never walks the
        // names of a whole hospital to find the few that are cared for.
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
    if let Some(after) = after {
        sql.push(" and (p.family_key, p.given_key, p.id) > (")
            .push_bind(after.family_key.clone());
        sql.push(", ")
            .push_bind(after.given_key.clone())
            .push(", ")
            .push_bind(after.id)
            .push(")");
    }
    sql.push(" order by p.family_key, p.given_key, p.id limit ")
        .push_bind(rows)
        .push(")");
}
