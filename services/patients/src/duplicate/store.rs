//! All SQL of duplicates: finding records worth comparing, and the queue of pairs.

use galen_contracts::ids::{PatientId, UserId};
use galen_kernel::{Id, Timestamp};
use galen_storage::{Error, Ts};
use galen_vault::{BlindIndex, Sealed, Vault};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::list::DuplicateStatus;
use super::model::{Match, Profile, Reason, compare};
use crate::merge::model::Decision;
use crate::patient::blind;
use crate::patient::demographics::Identifier;
use crate::patient::person::{PERSON, Person};

/// Marker of the ids of pairs.
pub enum Duplicate {}
/// The id of a pair.
pub type DuplicateId = Id<Duplicate>;

/// A record that may be the same person.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The record, after following merges.
    pub id: PatientId,
    /// Its number.
    pub mrn: String,
    /// How alike it is.
    pub found: Match,
}

/// Records that are at least `threshold` alike, the most alike first. Blocking keeps
/// the comparison small: born on the same day; names that begin alike (or in each
/// other's place) and born in the same year; the same name; the same telephone, mail
/// or national id. The blocks are blind indexes, so the database finds them without
/// reading anybody. Each is cut to those with the most beginnings of names in common, so
/// that a birth date or number that is entered when nothing is known does not compare
/// everybody. Merged records are compared, too, and answered as the record they became.
///
/// # Errors
/// When a record to compare does not open, or the database or the master keys fail.
pub async fn candidates(
    vault: &Vault,
    connection: &mut PgConnection,
    profile: &Profile,
    except: Option<PatientId>,
    threshold: f64,
) -> Result<Vec<Candidate>, galen_vault::Error> {
    let born = profile.birth_date;
    let beginnings = [
        blind::beginning(vault, &profile.family, born),
        blind::beginning(vault, &profile.given, born),
    ];
    let bytes = |index: BlindIndex| index.bytes().to_vec();
    let rows = sqlx::query(
        "with near as (
             (select p.id from patient p where birth_date_index = $1
              order by (select count(*) from patient_name_token t where t.patient_id = p.id and t.token = any($2)) desc, id desc limit 200)
             union
             (select p.id from patient p where beginning_index = any($3)
              order by (select count(*) from patient_name_token t where t.patient_id = p.id and t.token = any($2)) desc, id desc limit 200)
             union
             (select p.id from patient p where name_index = $4 order by id desc limit 100)
             union
             (select p.id from patient p where phone_index = $5
              order by (select count(*) from patient_name_token t where t.patient_id = p.id and t.token = any($2)) desc, id desc limit 50)
             union
             (select p.id from patient p where email_index = $6
              order by (select count(*) from patient_name_token t where t.patient_id = p.id and t.token = any($2)) desc, id desc limit 50)
             union
             (select p.id from patient p where national_id_index = $7)
         )
         select p.id, p.demographics, s.id as survivor_id, s.mrn as survivor_mrn
         from near
         join patient p using (id)
         join patient s on s.id = case when p.merged_into is null then p.id else survivor_of(p.id) end
         where s.id is distinct from survivor_of($8)",
    )
    .bind(bytes(blind::birth_date(vault, born)))
    .bind(blind::bytes(&blind::name_tokens(vault, profile)))
    .bind(blind::bytes(&beginnings))
    .bind(bytes(blind::whole_name(vault, profile)))
    .bind(profile.phone.as_deref().map(|key| bytes(blind::phone(vault, key))))
    .bind(profile.email.as_deref().map(|key| bytes(blind::email(vault, key))))
    .bind(profile.national_id.as_deref().map(|key| bytes(blind::national_id(vault, key))))
    .bind(except.map(|id| id.uuid()))
    .fetch_all(&mut *connection)
    .await?;
    compared(vault, connection, profile, threshold, &rows).await
}

/// Opens the records of a block and compares them.
async fn compared(
    vault: &Vault,
    connection: &mut PgConnection,
    profile: &Profile,
    threshold: f64,
    rows: &[PgRow],
) -> Result<Vec<Candidate>, galen_vault::Error> {
    let sealed: Vec<Sealed<Person>> = rows
        .iter()
        .map(|row| row.try_get("demographics"))
        .collect::<Result<_, _>>()?;
    let keys = vault.keyring(connection, &sealed).await?;
    let mut found: Vec<Candidate> = Vec::new();
    for (row, sealed) in rows.iter().zip(&sealed) {
        let id: Uuid = row.try_get("id")?;
        let person = match keys.open(&PERSON, id, id, sealed) {
            Ok(person) => person.into_inner(),
            // Nobody any more.
            Err(galen_vault::Error::Erased) => continue,
            Err(error) => return Err(error),
        };
        let candidate = Candidate {
            id: PatientId::from_uuid(row.try_get("survivor_id")?),
            mrn: row.try_get("survivor_mrn")?,
            found: compare(profile, &Profile::from(&person.demographics)),
        };
        if candidate.found.score < threshold {
            continue;
        }
        match found.iter_mut().find(|other| other.id == candidate.id) {
            Some(other) if other.found.score < candidate.found.score => *other = candidate,
            Some(_) => {}
            None => found.push(candidate),
        }
    }
    found.sort_by(|a, b| {
        b.found
            .score
            .total_cmp(&a.found.score)
            .then(a.id.cmp(&b.id))
    });
    Ok(found)
}

/// The record that already has one of these numbers, and which kind it is.
pub async fn holder(
    vault: &Vault,
    connection: &mut PgConnection,
    national_id: Option<&str>,
    identifiers: &[Identifier],
) -> Result<Option<Candidate>, Error> {
    let row = sqlx::query(
        "select s.id, s.mrn, held.reason
         from (
             select id, 'SAME_NATIONAL_ID' as reason from patient where national_id_index = $1
             union all
             select i.patient_id, 'SAME_IDENTIFIER' from patient_identifier i where i.identifier_index = any($2)
         ) as held
         join patient s on s.id = survivor_of(held.id)
         limit 1",
    )
    .bind(national_id.map(|key| blind::national_id(vault, key).bytes().to_vec()))
    .bind(blind::bytes(&blind::identifiers(vault, identifiers)))
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let reason: &str = row.try_get("reason")?;
        let reason = if reason == Reason::SameNationalId.name() {
            Reason::SameNationalId
        } else {
            Reason::SameIdentifier
        };
        Ok(Candidate {
            id: PatientId::from_uuid(row.try_get("id")?),
            mrn: row.try_get("mrn")?,
            found: Match {
                score: 1.0,
                reasons: vec![reason],
            },
        })
    })
    .transpose()
}

/// Two records as a pair, whichever way it was found.
fn pair(a: PatientId, b: PatientId) -> (Uuid, Uuid) {
    (a.min(b).uuid(), a.max(b).uuid())
}

/// Brings the open pairs of a record up to date: new ones come in, scores change, and
/// those that are no longer alike go. What somebody has decided stays.
pub async fn refresh(
    connection: &mut PgConnection,
    id: PatientId,
    alike: &[Candidate],
    new_id: impl Fn() -> Uuid,
    now: Timestamp,
) -> Result<(), Error> {
    // In the order of the pairs, so that two refreshes cannot wait for each other.
    let mut pairs: Vec<((Uuid, Uuid), &Match)> =
        alike.iter().map(|c| (pair(id, c.id), &c.found)).collect();
    pairs.sort_by_key(|(pair, _)| *pair);
    for ((low, high), found) in &pairs {
        let reasons: Vec<&str> = found.reasons.iter().map(|reason| reason.name()).collect();
        sqlx::query(
            "insert into duplicate (id, low_id, high_id, score, reasons, status, found_at) values ($1, $2, $3, $4, $5, 'OPEN', $6)
             on conflict on constraint duplicate_pair_unique do update
             set score = excluded.score, reasons = excluded.reasons, version = duplicate.version + 1
             where duplicate.status = 'OPEN' and (duplicate.score, duplicate.reasons) is distinct from (excluded.score, excluded.reasons)",
        )
        .bind(new_id())
        .bind(low)
        .bind(high)
        .bind(found.score)
        .bind(reasons)
        .bind(Ts::from(now))
        .execute(&mut *connection)
        .await?;
    }
    let others: Vec<Uuid> = alike.iter().map(|candidate| candidate.id.uuid()).collect();
    sqlx::query(
        "delete from duplicate
         where status = 'OPEN' and ((low_id = $1 and high_id <> all ($2)) or (high_id = $1 and low_id <> all ($2)))",
    )
    .bind(id.uuid())
    .bind(others)
    .execute(connection)
    .await?;
    Ok(())
}

/// A pair of the queue.
#[derive(Clone)]
pub struct Pair {
    /// Its id.
    pub id: DuplicateId,
    /// The two records, the older first, with their numbers.
    pub records: [(PatientId, String); 2],
    /// How alike they are.
    pub found: Match,
    /// What became of it.
    pub status: DuplicateStatus,
    /// When it was found.
    pub found_at: Timestamp,
    /// Who decided, when and why.
    pub decision: Option<Decision>,
    /// Rises by one per change.
    pub version: i64,
}

/// Where a page of the queue ended: the score as its bits, so that it is exact.
pub type Position = (u64, Uuid);

/// A page of the queue, most alike first. Pairs of merged records are left out while
/// they are merged, unless the merge is what is asked for.
pub async fn page(
    connection: &mut PgConnection,
    status: DuplicateStatus,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Pair>, Error> {
    let rows = sqlx::query(
        "select d.*, l.mrn as low_mrn, h.mrn as high_mrn
         from duplicate d join patient l on l.id = d.low_id join patient h on h.id = d.high_id
         where d.status = $1
           and (d.status <> 'OPEN' or (l.merged_into is null and h.merged_into is null))
           and ($2::float8 is null or d.score < $2 or (d.score = $2 and d.id > $3))
         order by d.score desc, d.id
         limit $4",
    )
    .bind(status.name())
    .bind(after.map(|(bits, _)| f64::from_bits(bits)))
    .bind(after.map(|(_, id)| id))
    .bind(i64::from(limit) + 1)
    .fetch_all(connection)
    .await?;
    rows.iter().map(from_row).collect()
}

/// Locks a pair and loads it.
pub async fn find_for_update(
    connection: &mut PgConnection,
    id: DuplicateId,
) -> Result<Option<Pair>, Error> {
    let row = sqlx::query(
        "select d.*, l.mrn as low_mrn, h.mrn as high_mrn
         from duplicate d join patient l on l.id = d.low_id join patient h on h.id = d.high_id
         where d.id = $1 for update of d",
    )
    .bind(id.uuid())
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(from_row).transpose()
}

fn from_row(row: &PgRow) -> Result<Pair, Error> {
    let inconsistent = |column| Error::Inconsistent { column };
    let status: &str = row.try_get("status")?;
    let reasons: Vec<String> = row.try_get("reasons")?;
    let reasons: Option<Vec<Reason>> = reasons.iter().map(|name| Reason::from_name(name)).collect();
    let decided: (Option<Uuid>, Option<Ts>, Option<String>) = (
        row.try_get("decided_by")?,
        row.try_get("decided_at")?,
        row.try_get("decision_reason")?,
    );
    Ok(Pair {
        id: DuplicateId::from_uuid(row.try_get("id")?),
        records: [
            (
                PatientId::from_uuid(row.try_get("low_id")?),
                row.try_get("low_mrn")?,
            ),
            (
                PatientId::from_uuid(row.try_get("high_id")?),
                row.try_get("high_mrn")?,
            ),
        ],
        found: Match {
            score: row.try_get("score")?,
            reasons: reasons.ok_or_else(|| inconsistent("patients.duplicate.reasons"))?,
        },
        status: DuplicateStatus::from_name(status)
            .ok_or_else(|| inconsistent("patients.duplicate.status"))?,
        found_at: row.try_get::<Ts, _>("found_at")?.to_jiff(),
        decision: match decided {
            (Some(by), Some(at), Some(reason)) => Some(Decision {
                by: UserId::from_uuid(by),
                at: at.to_jiff(),
                reason,
            }),
            _ => None,
        },
        version: row.try_get("version")?,
    })
}

/// Remembers that an open pair is not one person.
pub async fn dismiss(
    connection: &mut PgConnection,
    id: DuplicateId,
    version: i64,
    decision: &Decision,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update duplicate set status = 'DISMISSED', decided_by = $3, decided_at = $4, decision_reason = $5, version = version + 1
         where id = $1 and version = $2 and status = 'OPEN'",
    )
    .bind(id.uuid())
    .bind(version)
    .bind(decision.by.uuid())
    .bind(Ts::from(decision.at))
    .bind(&decision.reason)
    .execute(connection)
    .await?;
    Error::unless_rows("dismiss duplicate", 1, done.rows_affected())
}

/// Notes what a merge or its undoing decided about the pair, if need be as a pair that
/// no finder found.
pub async fn decide(
    connection: &mut PgConnection,
    (a, b): (PatientId, PatientId),
    status: DuplicateStatus,
    decision: &Decision,
    new_id: Uuid,
) -> Result<(), Error> {
    let (low, high) = pair(a, b);
    sqlx::query(
        "insert into duplicate (id, low_id, high_id, score, reasons, status, found_at, decided_by, decided_at, decision_reason)
         values ($1, $2, $3, 0, '{}', $4, $5, $6, $5, $7)
         on conflict on constraint duplicate_pair_unique do update
         set status = excluded.status, decided_by = excluded.decided_by, decided_at = excluded.decided_at,
             decision_reason = excluded.decision_reason, version = duplicate.version + 1",
    )
    .bind(new_id)
    .bind(low)
    .bind(high)
    .bind(status.name())
    .bind(Ts::from(decision.at))
    .bind(decision.by.uuid())
    .bind(&decision.reason)
    .execute(connection)
    .await?;
    Ok(())
}
