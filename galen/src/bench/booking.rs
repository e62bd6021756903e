//! Booking free slots, each once.

use std::sync::Arc;

use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use jiff::SignedDuration;

use super::load::Workload;
use super::seed::{DAYS, Seed};

struct Booking {
    doctors: Vec<String>,
    patients: Vec<String>,
    origin: jiff::Timestamp,
    host: String,
    authorization: String,
    /// Keeps the runs of one benchmark apart.
    round: u8,
}

/// How many rounds an afternoon has room for.
pub(crate) const ROUNDS: u8 = 8;

/// Ten minutes each, in the afternoons: no two requests want the same doctor or
/// patient at the same time, if each run has a round of its own.
pub(crate) fn workload(url: &str, token: &str, seed: &Seed, round: u8) -> Arc<impl Workload> {
    Arc::new(Booking {
        doctors: seed.doctors.clone(),
        patients: seed.patients.clone(),
        origin: seed.origin,
        host: url.trim_start_matches("http://").to_owned(),
        authorization: format!("Bearer {token}"),
        round,
    })
}

impl Workload for Booking {
    fn request(&self, number: u64) -> Option<Request<Full<Bytes>>> {
        // Each time belongs to as many bookings as there are patients; every one of
        // them gets another doctor.
        let number = i64::try_from(number).ok()?;
        let (patients, doctors) = (
            i64::try_from(self.patients.len()).ok()?,
            i64::try_from(self.doctors.len()).ok()?,
        );
        let (patient, time) = (number % patients, number / patients);
        let doctor = (patient + time * patients) % doctors;
        let (day, slot) = (time / 8 % DAYS, time % 8);
        // A second round over the days would meet the first one.
        let minute = 12 * 60 + i64::from(self.round) * 90 + slot * 10;
        if time / 8 >= DAYS {
            return None;
        }
        let start =
            self.origin + SignedDuration::from_hours(24 * day) + SignedDuration::from_mins(minute);
        let end = start + SignedDuration::from_mins(10);
        let body = format!(
            r#"{{"patientId":"{}","practitionerId":"{}","start":"{start}","end":"{end}","serviceType":"CONSULTATION","paymentMode":"SELF_PAY"}}"#,
            self.patients[usize::try_from(patient).ok()?],
            self.doctors[usize::try_from(doctor).ok()?],
        );
        Request::post("/api/v1/appointments")
            .header("host", &self.host)
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .header(
                "idempotency-key",
                format!("bench-{}-{number}-{}", self.round, self.origin.as_second()),
            )
            .body(Full::from(body))
            .ok()
    }

    fn check(&self, status: StatusCode, body: &[u8]) -> Result<(), String> {
        let booked =
            status == StatusCode::CREATED && body.windows(8).any(|window| window == b"\"BOOKED\"");
        if booked {
            Ok(())
        } else {
            Err(format!(
                "{status} {}",
                String::from_utf8_lossy(&body[..body.len().min(300)])
            ))
        }
    }
}
