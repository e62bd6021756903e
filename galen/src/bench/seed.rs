//! What the workloads run on: doctors with shifts through the API, and a full agenda.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use galen_client::{Client, ClientError};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::Bench;

/// What is there now.
pub(crate) struct Seed {
    /// Doctors with a shift round the clock.
    pub(crate) doctors: Vec<String>,
    /// Patients to book for.
    pub(crate) patients: Vec<String>,
    /// Where the seeded agenda begins.
    pub(crate) origin: Timestamp,
}

/// Days the agenda is spread over.
pub(crate) const DAYS: i64 = 20;
/// Seeded bookings a doctor and day, a quarter of an hour each, from eight o'clock on.
const PER_DAY: i64 = 5;

/// Registers what is missing and fills the agenda with `options.bookings` bookings.
///
/// # Errors
/// When the API or the database refuses.
pub(crate) async fn sow(
    client: &Client,
    options: &Bench,
) -> Result<Seed, Box<dyn std::error::Error>> {
    let now = Timestamp::now().as_second();
    let origin = Timestamp::from_second(now - now.rem_euclid(86_400) + 86_400)?;
    let mut doctors = known(
        client,
        "/api/v1/practitioners?specialty=Benchmark&active=true",
    )
    .await?;
    let missing = options.doctors.saturating_sub(doctors.len());
    let fresh: Vec<String> = stream::iter(0..missing)
        .map(|_| doctor(client, origin))
        .buffer_unordered(8)
        .try_collect()
        .await?;
    doctors.extend(fresh);
    let patients = stream::iter(0..64)
        .map(|_| patient(client))
        .buffer_unordered(8)
        .try_collect()
        .await?;
    if options.bookings > 0 {
        fill(options, origin).await?;
    }
    Ok(Seed {
        doctors,
        patients,
        origin,
    })
}

async fn known(client: &Client, path: &str) -> Result<Vec<String>, ClientError> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page: Value = client
            .get(&format!("{path}&limit=200{cursor}"))
            .await?
            .success()?;
        ids.extend(
            page["items"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|item| item["id"].as_str().map(str::to_owned)),
        );
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(ids),
        }
    }
}

async fn doctor(client: &Client, origin: Timestamp) -> Result<String, ClientError> {
    let body = json!({
        "givenName": "Bench", "familyName": "Doctor", "specialty": "Benchmark", "department": "Benchmark",
        "licenseNumber": Uuid::new_v4().to_string(),
    });
    let view: Value = client
        .post("/api/v1/practitioners", &body)
        .await?
        .success()?;
    let id = view["id"].as_str().unwrap_or_default().to_owned();
    let pattern = json!({
        "weekdays": ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"], "startTime": "00:00", "endTime": "00:00",
        "kind": "CLINIC", "validFrom": origin.to_string()[..10],
    });
    client
        .post(
            &format!("/api/v1/practitioners/{id}/shift-patterns"),
            &pattern,
        )
        .await?
        .check()?;
    Ok(id)
}

async fn patient(client: &Client) -> Result<String, ClientError> {
    let letters: String = Uuid::new_v4()
        .simple()
        .to_string()
        .chars()
        .map(|c| char::from(b'a' + c.to_digit(16).map_or(0, |d| d as u8)))
        .collect();
    let body = json!({ "givenName": "Bench", "familyName": letters, "birthDate": "1980-01-01", "sex": "UNKNOWN" });
    let view: Value = client
        .post("/api/v1/patients?acknowledgeDuplicates=true", &body)
        .await?
        .success()?;
    Ok(view["id"].as_str().unwrap_or_default().to_owned())
}

/// Fills the agenda behind the API's back, as twenty days of booking would have.
/// Waits until scheduling has heard of every doctor's shifts.
async fn fill(options: &Bench, origin: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
    let admin = galen_storage::Cluster::running(&options.data_dir)?
        .ok_or("no hospital runs on the data directory")?;
    let pool = sqlx::PgPool::connect_with(admin).await?;
    let wanted = i64::try_from(options.doctors)?;
    loop {
        let heard: i64 = sqlx::query_scalar(
            "select count(*) from scheduling.practitioner p where p.specialty = 'Benchmark'
             and exists (select from scheduling.working_time w where w.practitioner_id = p.id)",
        )
        .fetch_one(&pool)
        .await?;
        if heard >= wanted {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let first = origin + SignedDuration::from_hours(8);
    let filled = sqlx::query(
        "with slot as (
             select gen_random_uuid() as id, gen_random_uuid() as patient_id, p.id as practitioner_id,
                    $1::timestamptz + d * interval '1 day' + s * interval '30 minutes' as start_at
             from scheduling.practitioner p, generate_series(0, $2 - 1) d, generate_series(0, $3 - 1) s
             where p.specialty = 'Benchmark'
               and not exists (select from scheduling.claim c where c.practitioner_id = p.id)
             limit $4
         ), booked as (
             insert into scheduling.appointment (id, patient_id, practitioner_id, start_at, end_at, service_type, payment_mode, status, booked_at)
             select id, patient_id, practitioner_id, start_at, start_at + interval '15 minutes', 'CONSULTATION', 'SELF_PAY', 'BOOKED', now() from slot
         )
         insert into scheduling.claim (id, kind, practitioner_id, patient_id, start_at, end_at)
         select id, 'APPOINTMENT', practitioner_id, patient_id, start_at, start_at + interval '15 minutes' from slot",
    )
    .bind(galen_storage::ts(first))
    .bind(i32::try_from(DAYS)?)
    .bind(i32::try_from(PER_DAY)?)
    .bind(i64::try_from(options.bookings)?)
    .execute(&pool)
    .await?
    .rows_affected();
    // One statement each: several in one message would be one transaction.
    for table in ["appointment", "claim", "roster", "practitioner"] {
        let vacuum = sqlx::AssertSqlSafe(format!("vacuum (analyze) scheduling.{table}"));
        sqlx::raw_sql(vacuum).execute(&pool).await?;
    }
    println!("{} doctors, {filled} bookings added", options.doctors);
    Ok(())
}
