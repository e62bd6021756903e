//! Seals what an earlier version stored in clear, when the service starts: in batches,
//! so that a start that is stopped goes on where it was. A later version drops the
//! columns in clear, and this file with them.

use galen_contracts::ids::PatientId;
use galen_kernel::Text;
use galen_storage::{Columns as _, Db, Error};
use galen_vault::{BlindIndex, Column, Vault};
use serde::Serialize;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::break_glass::store::{COMMENT, REASON};
use crate::coverage::model::Card;
use crate::coverage::store::CARD;
use crate::record::allergy::model::{Allergy, Category, Criticality, Status as AllergyStatus};
use crate::record::condition::model::{Condition, Period, Status as ConditionStatus};
use crate::record::model::Coding;
use crate::record::note::model::Note;
use crate::record::store::{Content, ERROR_REASON, SOURCE_VALUE, source_index};
use crate::record::vital::model::{Sign, Vital};

/// Rows in one transaction.
const BATCH: i64 = 200;

/// Seals what is in clear in the clinical record, coverages and broken glasses.
///
/// # Errors
/// When the database fails, or a row holds what its column cannot hold.
pub(crate) async fn seal(db: &Db, vault: &Vault) -> Result<(), galen_vault::Error> {
    let rows = Rows { db, vault };
    rows.seal(
        &Allergy::COLUMN,
        "select t.entry_id as id, e.patient_id, t.* from allergy t join entry e on e.id = t.entry_id
         where t.content is null order by t.entry_id limit $1 for update of t",
        "update allergy set content = $2, code_system = null, code = null, code_display = null, clinical_status = null,
                            category = null, criticality = null, reaction = null, onset = null
         where entry_id = $1 and content is null",
        allergy,
    )
    .await?;
    rows.seal(
        &Condition::COLUMN,
        "select t.entry_id as id, e.patient_id, t.* from condition t join entry e on e.id = t.entry_id
         where t.content is null order by t.entry_id limit $1 for update of t",
        "update condition set content = $2, code_system = null, code = null, code_display = null, clinical_status = null,
                              onset = null, abatement = null
         where entry_id = $1 and content is null",
        condition,
    )
    .await?;
    rows.seal(
        &Note::COLUMN,
        "select t.entry_id as id, e.patient_id, t.* from note t join entry e on e.id = t.entry_id
         where t.content is null order by t.entry_id limit $1 for update of t",
        "update note set content = $2, title = null, body = null where entry_id = $1 and content is null",
        note,
    )
    .await?;
    rows.seal(
        &Vital::COLUMN,
        "select t.entry_id as id, e.patient_id, t.loinc, t.value::float8 as value, t.unit
         from vital t join entry e on e.id = t.entry_id
         where t.content is null order by t.entry_id limit $1 for update of t",
        "update vital set content = $2, loinc = null, value = null, unit = null where entry_id = $1 and content is null",
        vital,
    )
    .await?;
    rows.seal_numbers().await?;
    rows.seal(
        &ERROR_REASON,
        "select id, patient_id, error_reason as text from entry where error_reason is not null order by id limit $1 for update",
        "update entry set sealed_error_reason = $2, error_reason = null where id = $1 and error_reason is not null",
        |row| text(row, "text"),
    )
    .await?;
    rows.seal(
        &CARD,
        "select * from coverage where card is null order by id limit $1 for update",
        "update coverage set card = $2, policy_number = null, payer_name = null where id = $1 and card is null",
        card,
    )
    .await?;
    rows.seal(
        &REASON,
        "select id, patient_id, reason as text from break_glass where reason is not null order by id limit $1 for update",
        "update break_glass set sealed_reason = $2, reason = null where id = $1 and reason is not null",
        |row| text(row, "text"),
    )
    .await?;
    rows.seal(
        &COMMENT,
        "select r.break_glass_id as id, b.patient_id, r.comment as text
         from break_glass_review r join break_glass b on b.id = r.break_glass_id
         where r.comment is not null order by r.break_glass_id limit $1 for update of r",
        "update break_glass_review set sealed_comment = $2, comment = null where break_glass_id = $1 and comment is not null",
        |row| text(row, "text"),
    )
    .await
}

struct Rows<'a> {
    db: &'a Db,
    vault: &'a Vault,
}

impl Rows<'_> {
    /// Seals one column. `select` gives at most `$1` rows that are in clear, with `id` and
    /// `patient_id`; `update` stores the sealed value `$2` of the row `$1` and empties
    /// what was in clear.
    async fn seal<T: Serialize>(
        &self,
        column: &Column<T>,
        select: &'static str,
        update: &'static str,
        read: impl Fn(&PgRow) -> Result<T, Error>,
    ) -> Result<(), galen_vault::Error> {
        loop {
            let mut tx = self.db.pool().begin().await?;
            let rows = sqlx::query(select).bind(BATCH).fetch_all(&mut *tx).await?;
            for row in &rows {
                let (id, patient): (Uuid, PatientId) = (row.col("id")?, row.id("patient_id")?);
                let key = self.vault.key_of(&mut tx, patient).await?;
                let done = sqlx::query(update)
                    .bind(id)
                    .bind(key.seal(column, id, &read(row)?)?)
                    .execute(&mut *tx)
                    .await?;
                Error::unless_rows("seal what is in clear", 1, done.rows_affected())?;
            }
            tx.commit().await?;
            if rows.is_empty() {
                return Ok(());
            }
            tracing::info!(column = %column.place(), rows = rows.len(), "sealed");
        }
    }

    /// Seals the numbers of entries in other systems, which are indexed as well.
    async fn seal_numbers(&self) -> Result<(), galen_vault::Error> {
        loop {
            let mut tx = self.db.pool().begin().await?;
            let rows = sqlx::query(
                "select id, patient_id, source_system, source_value from entry
                 where source_value is not null order by id limit $1 for update",
            )
            .bind(BATCH)
            .fetch_all(&mut *tx)
            .await?;
            for row in &rows {
                let (id, patient): (Uuid, PatientId) = (row.col("id")?, row.id("patient_id")?);
                let value = row.text("source_value")?;
                let index: BlindIndex =
                    source_index(self.vault, &row.text("source_system")?, &value);
                let key = self.vault.key_of(&mut tx, patient).await?;
                let done = sqlx::query(
                    "update entry set sealed_source_value = $2, source_value_index = $3, source_value = null
                     where id = $1 and source_value is not null",
                )
                .bind(id)
                .bind(key.seal(&SOURCE_VALUE, id, &value)?)
                .bind(index.bytes())
                .execute(&mut *tx)
                .await?;
                Error::unless_rows("seal what is in clear", 1, done.rows_affected())?;
            }
            tx.commit().await?;
            if rows.is_empty() {
                return Ok(());
            }
            tracing::info!(column = %SOURCE_VALUE.place(), rows = rows.len(), "sealed");
        }
    }
}

/// What a column in clear was checked for.
const fn inconsistent(column: &'static str) -> Error {
    Error::Inconsistent { column }
}

fn text<const MOST: usize>(row: &PgRow, column: &'static str) -> Result<Text<MOST>, Error> {
    row.text(column)?
        .try_into()
        .map_err(|_| inconsistent(column))
}

fn opt_text<const MOST: usize>(
    row: &PgRow,
    column: &'static str,
) -> Result<Option<Text<MOST>>, Error> {
    row.opt_text(column)?
        .map(|text| text.try_into().map_err(|_| inconsistent(column)))
        .transpose()
}

fn coding(row: &PgRow) -> Result<Coding, Error> {
    Ok(Coding {
        system: text(row, "code_system")?,
        code: text(row, "code")?,
        display: text(row, "code_display")?,
    })
}

fn allergy(row: &PgRow) -> Result<Allergy, Error> {
    let category = row.opt_text("category")?.map(|name| {
        Category::from_name(&name).ok_or_else(|| inconsistent("patients.allergy.category"))
    });
    let criticality = row.opt_text("criticality")?.map(|name| {
        Criticality::from_name(&name).ok_or_else(|| inconsistent("patients.allergy.criticality"))
    });
    Ok(Allergy {
        code: coding(row)?,
        clinical_status: AllergyStatus::from_name(&row.text("clinical_status")?)
            .ok_or_else(|| inconsistent("patients.allergy.clinical_status"))?,
        category: category.transpose()?,
        criticality: criticality.transpose()?,
        reaction: opt_text(row, "reaction")?,
        onset: row.opt_date("onset")?,
    })
}

fn condition(row: &PgRow) -> Result<Condition, Error> {
    Ok(Condition {
        code: coding(row)?,
        clinical_status: ConditionStatus::from_name(&row.text("clinical_status")?)
            .ok_or_else(|| inconsistent("patients.condition.clinical_status"))?,
        period: Period::new(row.opt_date("onset")?, row.opt_date("abatement")?)
            .map_err(|_| inconsistent("patients.condition.abatement"))?,
    })
}

fn note(row: &PgRow) -> Result<Note, Error> {
    Ok(Note {
        title: opt_text(row, "title")?,
        text: text(row, "body")?,
    })
}

fn vital(row: &PgRow) -> Result<Vital, Error> {
    let sign = Sign::from_loinc(&row.text("loinc")?)
        .ok_or_else(|| inconsistent("patients.vital.loinc"))?;
    Vital::measure(sign, row.col("value")?, &row.text("unit")?)
        .map_err(|_| inconsistent("patients.vital.value"))
}

fn card(row: &PgRow) -> Result<Card, Error> {
    Ok(Card {
        policy_number: text(row, "policy_number")?,
        payer_name: opt_text(row, "payer_name")?,
    })
}
