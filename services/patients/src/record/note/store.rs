//! All SQL of what a note says.

use galen_storage::Error;
use sqlx::{PgConnection, Row as _};

use super::super::model::{Entry, EntryId};
use super::super::store::{Wanted, entry, page as entries, select_entries};
use super::model::Note;

/// Adds what an entry says.
pub async fn insert(connection: &mut PgConnection, id: EntryId, note: &Note) -> Result<(), Error> {
    sqlx::query("insert into note (entry_id, title, body) values ($1, $2, $3)")
        .bind(id.uuid())
        .bind(&note.title)
        .bind(&note.text)
        .execute(connection)
        .await?;
    Ok(())
}

/// A page of the notes of a record, latest first.
pub async fn page(
    connection: &mut PgConnection,
    wanted: Wanted,
) -> Result<Vec<(Entry, Note)>, Error> {
    const STATEMENT: &str = select_entries!("c.title, c.body", "note");
    let rows = entries(connection, STATEMENT, wanted).await?;
    rows.iter()
        .map(|row| {
            Ok((
                entry(row)?,
                Note {
                    title: row.try_get("title")?,
                    text: row.try_get("body")?,
                },
            ))
        })
        .collect()
}
