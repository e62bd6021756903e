//! A day at the hospital, played through the public API.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use galen_client::{Client, ClientError, Reply};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::missing;
use crate::latency::Latencies;
use crate::progress::Progress;

/// Journeys under way at once.
const CONCURRENCY: usize = 12;
/// How long a message may take before the demo calls it lost.
const TOLD_WITHIN: Duration = Duration::from_secs(30);

/// Who works in the demo.
pub(crate) struct Staff {
    reception: Client,
    physician: Client,
    patients: Vec<String>,
}

/// What a day came to.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Played {
    registered: u64,
    seen: u64,
    moved: u64,
    cancelled: u64,
    contested: u64,
    released: u64,
    told: u64,
    lost_race: u64,
}

/// How a journey goes.
#[derive(Debug, Clone, Copy)]
enum Journey {
    /// A new patient is registered, books, is seen.
    Newcomer,
    /// A known patient books, confirms, checks in, is seen.
    Seen,
    /// The booking is moved, and then kept.
    Moved,
    /// The booking is cancelled.
    Cancelled,
    /// Two patients want the same slot at once.
    Contested,
    /// A slot is held and never booked; it runs out by itself.
    LeftToRunOut,
}

impl Journey {
    /// Twenty journeys are eleven seen, three new, two moved, two cancelled, one
    /// contested and one that never books.
    const fn of(number: u32) -> Self {
        match number % 20 {
            0..=10 => Self::Seen,
            11..=13 => Self::Newcomer,
            14 | 15 => Self::Moved,
            16 | 17 => Self::Cancelled,
            18 => Self::Contested,
            _ => Self::LeftToRunOut,
        }
    }
}

impl Staff {
    /// The front desk.
    pub(super) const fn reception(&self) -> &Client {
        &self.reception
    }

    /// Somebody who sees patients.
    pub(super) const fn physician(&self) -> &Client {
        &self.physician
    }

    /// Makes accounts for the front desk and a physician, and looks up who is known.
    ///
    /// # Errors
    /// When the API refuses.
    pub(crate) async fn hire(admin: &Client) -> Result<Self, ClientError> {
        let reception = account(admin, "reception", "RECEPTIONIST").await?;
        let physician = account(admin, "physician", "DOCTOR").await?;
        let mut patients = Vec::new();
        let mut cursor = String::new();
        loop {
            let page: Value = reception
                .get(&format!("/api/v1/patients?limit=200{cursor}"))
                .await?
                .success()?;
            let active = page["items"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|patient| patient["status"] == "ACTIVE");
            patients.extend(active.filter_map(|patient| patient["id"].as_str().map(str::to_owned)));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => {
                    return Ok(Self {
                        reception,
                        physician,
                        patients,
                    });
                }
            }
        }
    }
}

/// Makes an account with a role, and logs in.
///
/// # Errors
/// When the API refuses.
pub(super) async fn account(admin: &Client, name: &str, role: &str) -> Result<Client, ClientError> {
    let username = format!("demo-{name}-{}", &Uuid::new_v4().simple().to_string()[..8]);
    let password = Uuid::new_v4().to_string();
    let body = json!({ "username": username, "password": password, "roles": [role] });
    admin.post("/api/v1/users", &body).await?.check()?;
    let client = admin.anonymous();
    client.login(&username, &password).await?;
    Ok(client)
}

/// Registers somebody whom nobody knew.
///
/// # Errors
/// When the API refuses.
pub(super) async fn newcomer(reception: &Client) -> Result<String, ClientError> {
    let unique = Uuid::new_v4().simple().to_string();
    let letters = |digits: &str| {
        digits
            .chars()
            .map(|c| char::from(b'a' + c.to_digit(16).map_or(0, |d| d as u8)))
            .collect::<String>()
    };
    let body = json!({
        "givenName": "Newcomer",
        "familyName": format!("Demo{}", letters(&unique[..10])),
        "birthDate": "1990-06-15",
        "sex": "UNKNOWN",
        "email": format!("{unique}@example.com"),
    });
    let reply = reception
        .post("/api/v1/patients?acknowledgeDuplicates=true", &body)
        .await?;
    Ok(id(&reply.success::<Value>()?))
}

/// Plays that many journeys.
///
/// # Errors
/// The first refusal that no journey expects.
pub(crate) async fn play(
    staff: &Staff,
    journeys: u32,
    latencies: &Latencies,
) -> Result<Played, ClientError> {
    let progress = Progress::bar("journeys", u64::from(journeys), false);
    let next_slot = AtomicU64::new(0);
    let slots = free_slots(staff, latencies, journeys).await?;
    let played = stream::iter(0..journeys)
        .map(|number| {
            let player = Player {
                staff,
                latencies,
                slots: &slots,
                next_slot: &next_slot,
                number,
            };
            let progress = &progress;
            async move {
                let played = player.play().await;
                progress.step();
                played
            }
        })
        .buffer_unordered(CONCURRENCY)
        .try_fold(Played::default(), |mut sum, one| async move {
            sum.add(one);
            Ok(sum)
        })
        .await?;
    progress.finish();
    Ok(played)
}

/// Free slots of the coming hours, enough for every journey and its second choices.
async fn free_slots(
    staff: &Staff,
    latencies: &Latencies,
    journeys: u32,
) -> Result<Vec<Value>, ClientError> {
    let from = Timestamp::now() + SignedDuration::from_mins(15);
    let to = from + SignedDuration::from_hours(6);
    let specialties = [
        "General Practice",
        "Internal Medicine",
        "Orthopedics",
        "Emergency Medicine",
        "Psychiatry",
        "Pediatrics",
        "Dermatology",
        "Cardiology",
    ];
    let mut slots = Vec::new();
    for specialty in specialties {
        let mut cursor = String::new();
        loop {
            let path = format!(
                "/api/v1/slots?specialty={}&from={from}&to={to}&serviceType=CONSULTATION&limit=200{cursor}",
                specialty.replace(' ', "%20")
            );
            let began = Instant::now();
            let page: Value = staff.reception.get(&path).await?.success()?;
            latencies.record("find slots", began.elapsed());
            slots.extend(page["items"].as_array().into_iter().flatten().cloned());
            match page["nextCursor"].as_str() {
                Some(next) if slots.len() < journeys as usize * 4 => {
                    cursor = format!("&cursor={next}")
                }
                _ => break,
            }
        }
    }
    Ok(slots)
}

struct Player<'a> {
    staff: &'a Staff,
    latencies: &'a Latencies,
    slots: &'a [Value],
    next_slot: &'a AtomicU64,
    number: u32,
}

impl Player<'_> {
    async fn play(&self) -> Result<Played, ClientError> {
        let mut played = Played::default();
        let journey = Journey::of(self.number);
        let patient = if matches!(journey, Journey::Newcomer) {
            played.registered += 1;
            self.register().await?
        } else {
            self.staff.patients[self.number as usize % self.staff.patients.len().max(1)].clone()
        };
        match journey {
            Journey::LeftToRunOut => {
                if self.hold(&patient, self.slot()).await?.is_some() {
                    played.released += 1;
                }
            }
            Journey::Contested => {
                let other = &self.staff.patients
                    [(self.number as usize + 7) % self.staff.patients.len().max(1)];
                let slot = self.slot();
                let (one, two) = tokio::join!(
                    self.book(&patient, slot, None),
                    self.book(other, slot, None)
                );
                let booked = u64::from(one?.is_some()) + u64::from(two?.is_some());
                played.contested += 1;
                played.lost_race += 2 - booked;
            }
            Journey::Seen | Journey::Newcomer | Journey::Moved | Journey::Cancelled => {
                let Some(appointment) = self.booked(&patient, &mut played).await? else {
                    return Ok(played);
                };
                self.told(&patient, &appointment).await?;
                played.told += 1;
                match journey {
                    Journey::Moved => {
                        let slot = self.slot();
                        let body = json!({ "start": slot["start"], "end": slot["end"], "practitionerId": slot["practitionerId"] });
                        let reply = self
                            .step(&self.staff.reception, &appointment, "reschedule", &body)
                            .await?;
                        if reply.status.as_u16() == 409 {
                            played.lost_race += 1;
                        } else {
                            reply.check()?;
                            played.moved += 1;
                        }
                    }
                    Journey::Cancelled => {
                        self.step(&self.staff.reception, &appointment, "cancel", &json!({}))
                            .await?
                            .check()?;
                        played.cancelled += 1;
                    }
                    _ => {
                        self.step(&self.staff.reception, &appointment, "confirm", &json!({}))
                            .await?
                            .check()?;
                        self.step(&self.staff.reception, &appointment, "check-in", &json!({}))
                            .await?
                            .check()?;
                        self.step(&self.staff.physician, &appointment, "start", &json!({}))
                            .await?
                            .check()?;
                        self.step(&self.staff.physician, &appointment, "complete", &json!({}))
                            .await?
                            .check()?;
                        played.seen += 1;
                    }
                }
            }
        }
        Ok(played)
    }

    /// The next slot nobody in this demo has tried.
    fn slot(&self) -> &Value {
        let at = self.next_slot.fetch_add(1, Ordering::Relaxed);
        let stride = self.slots.len().max(1) as u64;
        // Spread over doctors: neighbours in the list belong to the same one.
        &self.slots[usize::try_from(at.wrapping_mul(7919) % stride).unwrap_or(0)]
    }

    async fn register(&self) -> Result<String, ClientError> {
        let began = Instant::now();
        let id = newcomer(&self.staff.reception).await;
        self.latencies.record("register", began.elapsed());
        id
    }

    /// Holds and books, with another slot when somebody was quicker.
    async fn booked(
        &self,
        patient: &str,
        played: &mut Played,
    ) -> Result<Option<String>, ClientError> {
        for _ in 0..5 {
            let slot = self.slot();
            self.options(slot).await?;
            if let Some(hold) = self.hold(patient, slot).await?
                && let Some(appointment) = self.book(patient, slot, Some(&hold)).await?
            {
                return Ok(Some(appointment));
            }
            played.lost_race += 1;
        }
        Ok(None)
    }

    async fn options(&self, slot: &Value) -> Result<(), ClientError> {
        let (start, end) = (
            slot["start"].as_str().unwrap_or_default(),
            slot["end"].as_str().unwrap_or_default(),
        );
        let path = format!(
            "/api/v1/appointments/doctor-options?start={start}&end={end}&serviceType=CONSULTATION"
        );
        let began = Instant::now();
        let reply = self.staff.reception.get(&path).await?;
        self.latencies.record("doctor options", began.elapsed());
        reply.check()
    }

    async fn hold(&self, patient: &str, slot: &Value) -> Result<Option<Value>, ClientError> {
        let body = json!({
            "practitionerId": slot["practitionerId"], "start": slot["start"], "end": slot["end"],
            "serviceType": "CONSULTATION", "patientId": patient,
        });
        let began = Instant::now();
        let reply = self
            .staff
            .reception
            .post("/api/v1/slots/hold", &body)
            .await?;
        self.latencies.record("hold", began.elapsed());
        taken_or(&reply).map(|held| held.map(|held| held["holdId"].clone()))
    }

    async fn book(
        &self,
        patient: &str,
        slot: &Value,
        hold: Option<&Value>,
    ) -> Result<Option<String>, ClientError> {
        let mut body = json!({
            "patientId": patient, "practitionerId": slot["practitionerId"], "start": slot["start"], "end": slot["end"],
            "serviceType": "CONSULTATION", "paymentMode": "SELF_PAY",
        });
        if let Some(hold) = hold {
            body["holdId"] = hold.clone();
        }
        let began = Instant::now();
        let reply = self
            .staff
            .reception
            .post("/api/v1/appointments", &body)
            .await?;
        self.latencies.record("book", began.elapsed());
        taken_or(&reply).map(|view| view.map(|view| id(&view)))
    }

    async fn step(
        &self,
        who: &Client,
        appointment: &str,
        step: &'static str,
        body: &Value,
    ) -> Result<Reply, ClientError> {
        let began = Instant::now();
        let reply = who
            .post(&format!("/api/v1/appointments/{appointment}/{step}"), body)
            .await?;
        self.latencies.record(step, began.elapsed());
        Ok(reply)
    }

    /// Waits for the confirmation to be sent.
    async fn told(&self, patient: &str, appointment: &str) -> Result<(), ClientError> {
        let began = Instant::now();
        let path = format!("/api/v1/notifications?recipientId={patient}&limit=200");
        loop {
            let page: Value = self.staff.reception.get(&path).await?.success()?;
            let sent = page["items"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|message| {
                    message["status"] == "SENT"
                        && message["template"] == "APPOINTMENT_CONFIRMATION"
                        && message["aboutId"] == appointment
                });
            if sent {
                self.latencies.record("told after booking", began.elapsed());
                return Ok(());
            }
            if began.elapsed() > TOLD_WITHIN {
                let what = format!(
                    "appointment {appointment} was booked and its patient not told within {TOLD_WITHIN:?}"
                );
                return Err(missing(&what, &page));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The answer, or `None` when somebody was quicker.
fn taken_or(reply: &Reply) -> Result<Option<Value>, ClientError> {
    if reply.status.as_u16() == 409
        && matches!(
            reply.code().as_str(),
            "SLOT_TAKEN" | "PATIENT_BUSY" | "PRACTITIONER_UNAVAILABLE"
        )
    {
        return Ok(None);
    }
    reply.success().map(Some)
}

fn id(view: &Value) -> String {
    view["id"].as_str().unwrap_or_default().to_owned()
}

impl Played {
    /// Adds another day.
    pub(crate) fn add(&mut self, other: Self) {
        self.registered += other.registered;
        self.seen += other.seen;
        self.moved += other.moved;
        self.cancelled += other.cancelled;
        self.contested += other.contested;
        self.released += other.released;
        self.told += other.told;
        self.lost_race += other.lost_race;
    }
}

/// A line per kind of event.
impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, what) in [
            (self.registered, "patients registered at the desk"),
            (self.told, "patients told of their booking"),
            (self.seen, "seen by a doctor"),
            (self.moved, "bookings moved"),
            (self.cancelled, "bookings cancelled"),
            (self.released, "slots held and left to run out"),
            (self.contested, "slots wanted by two at once"),
            (self.lost_race, "times somebody else was quicker"),
        ] {
            writeln!(f, "  {count:>6} {what}")?;
        }
        Ok(())
    }
}
