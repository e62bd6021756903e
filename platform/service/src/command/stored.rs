//! What is stored of an answer: sealed, because it repeats what the request wrote.
//!
//! An answer lives for a day, so the subject of its data key is the day on which it was
//! given. When the last answer of a day is forgotten, the day is erased: copies of the
//! database that are older open no more either, once the master key was replaced.

use bytes::Bytes;
use galen_kernel::{Problem, Timestamp};
use galen_storage::{Error, Migration, Ts};
use galen_vault::{Column, Sealed, SealedColumn, Subject, Vault};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::deferred::KEY_TAKEN;
use super::{IdempotencyKey, in_progress, reused};
use crate::outcome::{Answer, Halt};

/// Answers are sealed from here on. Those that were stored before stay as they were for
/// the rest of their day.
pub const SEALED_ANSWERS: Migration = Migration {
    name: "0000_idempotency_sealed",
    sql: "
alter table idempotency
    -- Made of the caller and the key: what the answer is bound to.
    add id uuid,
    -- The day: whose data key it is.
    add subject uuid,
    -- The fingerprint of the request, the headers and the body.
    add answer bytea check (octet_length(answer) >= 45),
    alter fingerprint drop not null,
    alter headers drop not null,
    alter body drop not null,
    add constraint idempotency_sealed_or_old check (
        (num_nonnulls(id, subject, answer), num_nonnulls(fingerprint, headers, body)) in ((3, 0), (0, 3)));
",
};

/// The answers of a service, as the tools see them.
pub(crate) const fn sealed_answers(service: &'static str) -> SealedColumn {
    SealedColumn {
        place: answer(service).place(),
        row: "id",
        subject: "t.subject",
    }
}

const fn answer(service: &'static str) -> Column<Stored> {
    Column::new(service, "idempotency", "answer")
}

/// The part of an answer that says something about persons.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    /// Of the request: what it can be guessed by.
    fingerprint: [u8; 32],
    /// Visible ASCII, as handlers answer with.
    headers: Vec<(String, String)>,
    /// JSON.
    body: String,
}

/// What the database gives back of an answer.
pub(super) struct Row {
    status: i16,
    sealed: Option<(Subject, Sealed<Stored>)>,
    /// Stored before answers were sealed.
    open: Option<Stored>,
}

impl Row {
    pub(super) fn read(row: &PgRow) -> Result<Self, Error> {
        let answer: Option<Sealed<Stored>> = row.try_get("answer")?;
        let subject: Option<Uuid> = row.try_get("subject")?;
        Ok(Self {
            status: row.try_get("status")?,
            sealed: subject.map(Subject::from).zip(answer),
            open: match row.try_get::<Option<&[u8]>, _>("fingerprint")? {
                Some(fingerprint) => Some(Stored {
                    fingerprint: fingerprint
                        .try_into()
                        .map_err(|_| inconsistent("idempotency.fingerprint"))?,
                    headers: serde_json::from_value(row.try_get("headers")?)
                        .map_err(|_| inconsistent("idempotency.headers"))?,
                    body: String::from_utf8(row.try_get("body")?)
                        .map_err(|_| inconsistent("idempotency.body"))?,
                }),
                None => None,
            },
        })
    }

    /// What the stored answer means for this request: a replay, or a refusal when the
    /// request is another one.
    pub(super) async fn settles(
        self,
        claim: &IdempotencyKey,
        vault: &Vault,
        service: &'static str,
        connection: &mut PgConnection,
    ) -> Result<Halt, Problem> {
        let stored = match (self.sealed, self.open) {
            (Some((subject, sealed)), _) => {
                let keys = vault.keyring(connection, [&sealed]).await?;
                keys.open(&answer(service), subject, row_id(claim), &sealed)?
                    .into_inner()
            }
            (None, Some(open)) => open,
            (None, None) => return Err(inconsistent("idempotency.answer").into()),
        };
        if stored.fingerprint != claim.fingerprint {
            return Ok(reused().into());
        }
        let answer = Answer {
            status: u16::try_from(self.status)
                .ok()
                .and_then(|status| StatusCode::from_u16(status).ok())
                .ok_or(inconsistent("idempotency.status"))?,
            headers: headers(&stored.headers).ok_or(inconsistent("idempotency.answer"))?,
            body: Bytes::from(stored.body),
        };
        Ok(Halt::Replay(Box::new(answer)))
    }
}

const fn inconsistent(column: &'static str) -> Error {
    Error::Inconsistent { column }
}

/// Stores an answer.
pub(super) async fn store(
    connection: &mut PgConnection,
    vault: &Vault,
    service: &'static str,
    claim: &IdempotencyKey,
    given: &Answer,
    now: Timestamp,
) -> Result<(), Problem> {
    let (subject, answer) = seal(connection, vault, service, claim, given, now).await?;
    let stored = sqlx::query(
        "insert into idempotency (caller, key, id, subject, status, answer, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&claim.caller)
    .bind(&claim.key)
    .bind(row_id(claim))
    .bind(subject)
    .bind(given.status.as_u16().cast_signed())
    .bind(answer)
    .bind(Ts::from(now))
    .execute(connection)
    .await;
    match stored.map_err(Error::from) {
        Ok(_) => Ok(()),
        // A command that somebody else commits takes no lock, and was faster.
        Err(error) if error.constraint() == Some(KEY_TAKEN) => Err(in_progress()),
        Err(error) => Err(error.into()),
    }
}

/// Makes sure that answers can be sealed now.
pub(super) async fn ready(
    connection: &mut PgConnection,
    vault: &Vault,
    now: Timestamp,
) -> Result<(), Problem> {
    vault.key_of(connection, day(now)).await?;
    Ok(())
}

/// Seals an answer; also says whose data key it is.
pub(super) async fn seal(
    connection: &mut PgConnection,
    vault: &Vault,
    service: &'static str,
    claim: &IdempotencyKey,
    given: &Answer,
    now: Timestamp,
) -> Result<(Uuid, Sealed<Stored>), Problem> {
    let subject = day(now);
    let key = vault.key_of(connection, subject).await?;
    let stored = Stored {
        fingerprint: claim.fingerprint,
        headers: given
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect(),
        body: String::from_utf8(given.body.to_vec()).map_err(Problem::internal)?,
    };
    let sealed = key.seal(&answer(service), row_id(claim), &stored)?;
    Ok((subject.uuid(), sealed))
}

/// Erases the days before an instant of which every answer is forgotten; returns how
/// many.
///
/// # Errors
/// When the database fails.
pub async fn erase_days(vault: &Vault, before: Timestamp) -> Result<u64, galen_vault::Error> {
    let first = day(Timestamp::UNIX_EPOCH).uuid();
    vault.erase_range(first..day(before).uuid()).await
}

/// The subject of the answers of a day (UTC): its digits, in an id of our own kind (RFC
/// 9562, version 8), in the order of the days.
fn day(at: Timestamp) -> Subject {
    let date = at.to_zoned(TimeZone::UTC).date();
    let (year, month, day) = (date.year(), date.month(), date.day());
    let id = format!("67616c65-6e00-8000-8000-0000{year:04}{month:02}{day:02}");
    let id: Uuid = id.parse().expect("years have four digits");
    id.into()
}

/// What an answer is bound to: the caller and the key.
pub(super) fn row_id(claim: &IdempotencyKey) -> Uuid {
    let mut hash = Sha256::new();
    hash.update((claim.caller.len() as u64).to_be_bytes());
    hash.update(&claim.caller);
    hash.update(&claim.key);
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

fn headers(stored: &[(String, String)]) -> Option<HeaderMap> {
    stored
        .iter()
        .map(|(name, value)| {
            Some((
                HeaderName::try_from(name).ok()?,
                HeaderValue::try_from(value).ok()?,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_are_in_order_and_begin_at_midnight() {
        let day_of = |text: &str| day(text.parse().expect("an instant")).uuid();
        assert_eq!(
            day_of("2026-11-02T23:59:59.999999999Z").to_string(),
            "67616c65-6e00-8000-8000-000020261102"
        );
        assert!(day_of("2026-11-02T23:59:59Z") < day_of("2026-11-03T00:00:00Z"));
        assert!(day_of("2026-12-31T12:00:00Z") < day_of("2027-01-01T00:00:00Z"));
    }

    proptest! {
        #[test]
        fn callers_and_keys_do_not_run_together(caller in "[a-b]{0,3}", key in "[a-b]{1,3}", other in "[a-b]{0,3}", others in "[a-b]{1,3}") {
            let id = |caller: &str, key: &str| row_id(&IdempotencyKey {
                caller: caller.to_owned(),
                key: key.to_owned(),
                fingerprint: [0; 32],
            });
            prop_assert_eq!(id(&caller, &key) == id(&other, &others), (caller, key) == (other, others));
        }
    }
}
