//! What adding an entry of any kind comes down to, and what listing does.

use galen_access::Permission;
use galen_contracts::convert::to_wire;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::RecordEntryAdded;
use galen_eventing::Publish as _;
use galen_kernel::{Cursor, Problem, Timestamp, Violations, page};
use galen_service::{Cx, Needs, Requires};
use galen_storage::Tx;
use galen_vault::Vault;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::{Entry, EntryError, EntryId};
use super::store::{self, Content, Position, Wanted};
use crate::input;
use crate::patient::body::IdentifierBody;
use crate::patient::demographics::Identifier;
use crate::patient::reach::reached;
use crate::patient::reader::Reader;

/// What any new entry comes with.
pub struct NewEntry {
    /// When it was true of the patient.
    pub happened_at: Timestamp,
    /// The entry it takes the place of.
    pub amends: Option<EntryId>,
    /// Its number in another system.
    pub source: Option<Identifier>,
}

/// Reads the number that another system knows an entry by.
pub fn source(
    violations: &mut Violations,
    given: Option<&IdentifierBody>,
    now: Timestamp,
) -> Option<Identifier> {
    Reader {
        violations,
        now,
        zone: &TimeZone::UTC,
        home: None,
    }
    .identifier("/identifier", given?)
}

/// Adds an entry to the record of a patient within reach, and says so.
///
/// # Errors
/// When the record is merged or out of reach, or what is amended no longer stands.
pub async fn open<R: Requires, C: Content>(
    cx: &Cx<R>,
    vault: &Vault,
    tx: &mut Tx,
    patient_id: PatientId,
    new: NewEntry,
    content: &C,
) -> Result<Entry, Problem> {
    reached(cx, tx, patient_id).await?.writable()?;
    if let Some(amended) = new.amends {
        let amended = store::find_for_update(vault, tx, patient_id, C::KIND, amended).await?;
        amended.ok_or(EntryError::NothingToAmend)?.stands()?;
    }
    let entry = Entry {
        id: cx.clock().id(),
        patient_id,
        happened_at: new.happened_at,
        recorded_by: cx.principal()?.user_id,
        recorded_at: cx.now(),
        amends: new.amends,
        amended_by: None,
        source: new.source,
        error: None,
        version: 1,
    };
    store::insert(vault, tx, &entry, content).await?;
    tx.publish(&RecordEntryAdded {
        patient_id: patient_id.to_string(),
        entry_id: entry.id.to_string(),
        kind: C::KIND.name().to_owned(),
        recorded_at: Some(to_wire(entry.recorded_at)),
    });
    Ok(entry)
}

/// Which entries of the record.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListEntries {
    /// Also what was amended or made in error.
    #[serde(default)]
    #[param(required = false, default = false)]
    history: bool,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where the page before ended.
    cursor: Option<String>,
}

impl Requires for ListEntries {
    const NEEDS: Needs = Needs::Permission(Permission::RecordRead);
}

impl ListEntries {
    /// Reads which page of a record is wanted.
    ///
    /// # Errors
    /// 400 for a limit or cursor that cannot be.
    pub fn of(&self, patient: PatientId) -> Result<Wanted, Problem> {
        let after: Option<Position> = self.cursor.as_deref().map(Cursor::decode).transpose()?;
        if after.is_some_and(|(at, _)| !input::is_on_record(at)) {
            return Err(input::stray_cursor());
        }
        Ok(Wanted {
            patient,
            history: self.history,
            after,
            limit: page::limit(self.limit)?,
        })
    }
}
