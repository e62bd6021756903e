//! Real concurrency against the public API. Every race is run a hundred times.

use std::collections::HashSet;

use futures::future::join_all;
use galen_client::Client;
use http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::world::{booking, doctor, eventually, expect_status, patient, text, tomorrow};

/// How often each race is repeated.
const ROUNDS: usize = 100;

/// Waits until scheduling has heard of a doctor's shifts.
async fn bookable(admin: &Client, practitioner: &str) {
    eventually("the doctor becomes bookable", || async {
        let (from, to) = (tomorrow(0), tomorrow(24 * 60));
        let path = format!("/api/v1/slots?practitionerId={practitioner}&from={from}&to={to}&serviceType=CONSULTATION&limit=1");
        let reply = admin.get(&path).await.map_err(|e| e.to_string())?;
        let page: Value = reply.json().map_err(|e| e.to_string())?;
        if page["items"].as_array().is_some_and(|items| !items.is_empty()) { Ok(page) } else { Err(page.to_string()) }
    })
    .await;
}

/// Two hundred patients want one slot: one gets it, all others hear that it is taken.
pub(crate) async fn one_slot_is_booked_once(admin: Client) {
    let practitioner = doctor(&admin, 4).await;
    let patients = join_all((0..200).map(|_| patient(&admin))).await;
    bookable(&admin, &practitioner).await;
    for round in 0..ROUNDS {
        let start = tomorrow(i64::try_from(round).expect("small") * 20);
        let attempts = patients.iter().map(|patient| {
            let (admin, body) = (admin.clone(), booking(patient, &practitioner, start, 20));
            async move {
                admin
                    .post("/api/v1/appointments", &body)
                    .await
                    .expect("an answer")
            }
        });
        let mut booked = 0;
        for reply in join_all(attempts).await {
            match reply.status.as_u16() {
                201 => booked += 1,
                409 => assert_eq!(reply.code(), "SLOT_TAKEN", "round {round}"),
                other => panic!(
                    "round {round}: {other} {}",
                    String::from_utf8_lossy(&reply.body)
                ),
            }
        }
        assert_eq!(booked, 1, "round {round}");
    }
}

/// Random overlapping wishes at once: what is accepted never overlaps, and what is
/// refused overlaps something accepted (a maximal set, as any serial order gives).
pub(crate) async fn overlapping_wishes_agree_with_a_model(admin: Client) {
    let practitioner = doctor(&admin, 10).await;
    let patients = join_all((0..16).map(|_| patient(&admin))).await;
    bookable(&admin, &practitioner).await;
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    for round in 0..ROUNDS {
        // Each round has two hours of its own.
        let origin = tomorrow(i64::try_from(round).expect("small") * 120);
        let wishes: Vec<(i64, i64)> = (0..16)
            .map(|_| {
                let start = random.random_range(0..20) * 5;
                (start, start + random.random_range(1..=4) * 5)
            })
            .collect();
        let attempts = wishes.iter().zip(&patients).map(|(&(from, to), patient)| {
            let body = booking(
                patient,
                &practitioner,
                origin + SignedDuration::from_mins(from),
                to - from,
            );
            let admin = admin.clone();
            async move {
                admin
                    .post("/api/v1/appointments", &body)
                    .await
                    .expect("an answer")
            }
        });
        let replies = join_all(attempts).await;
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        for (wish, reply) in wishes.iter().zip(&replies) {
            match reply.status.as_u16() {
                201 => accepted.push(*wish),
                409 => refused.push(*wish),
                other => panic!(
                    "round {round}: {other} {}",
                    String::from_utf8_lossy(&reply.body)
                ),
            }
        }
        let overlap = |a: &(i64, i64), b: &(i64, i64)| a.0 < b.1 && b.0 < a.1;
        for (at, wish) in accepted.iter().enumerate() {
            assert!(
                !accepted[at + 1..].iter().any(|other| overlap(wish, other)),
                "round {round}: {accepted:?} overlap"
            );
        }
        for wish in &refused {
            assert!(
                accepted.iter().any(|other| overlap(wish, other)),
                "round {round}: {wish:?} refused for nothing"
            );
        }
    }
}

/// Eight clerks merge the same two records, in both directions: one merge happens.
pub(crate) async fn two_records_are_merged_once(admin: Client) {
    for round in 0..ROUNDS {
        let (left, right) = (patient(&admin).await, patient(&admin).await);
        let attempts = (0..8).map(|clerk| {
            let (retired, survivor) = if clerk % 2 == 0 {
                (&left, &right)
            } else {
                (&right, &left)
            };
            let path = format!("/api/v1/patients/{retired}/merge");
            let body = json!({ "intoId": survivor, "reason": "same person" });
            let admin = admin.clone();
            async move { admin.post(&path, &body).await.expect("an answer") }
        });
        let replies = join_all(attempts).await;
        let merged = replies
            .iter()
            .filter(|reply| reply.status.is_success())
            .count();
        assert_eq!(merged, 1, "round {round}");
        assert!(
            replies
                .iter()
                .all(|reply| reply.status.is_success() || reply.status.as_u16() == 409),
            "round {round}"
        );
        let (left, right) = (
            expect_status(
                &admin
                    .get(&format!("/api/v1/patients/{left}"))
                    .await
                    .expect("an answer"),
                200,
            ),
            expect_status(
                &admin
                    .get(&format!("/api/v1/patients/{right}"))
                    .await
                    .expect("an answer"),
                200,
            ),
        );
        let statuses: HashSet<String> = [text(&left, "status"), text(&right, "status")].into();
        assert_eq!(
            statuses,
            HashSet::from(["ACTIVE".to_owned(), "MERGED".to_owned()]),
            "round {round}"
        );
    }
}

/// A refresh token used by eight at once renews for one; the family is then revoked,
/// because nobody can tell which of them is the thief.
pub(crate) async fn a_refresh_token_renews_once(admin: Client) {
    let username = format!("race-{}", uuid::Uuid::new_v4().simple());
    let password = "a long enough password";
    let body = json!({ "username": username, "password": password, "roles": ["RECEPTIONIST"] });
    expect_status(
        &admin.post("/api/v1/users", &body).await.expect("an answer"),
        201,
    );
    for round in 0..ROUNDS {
        let anonymous = admin.anonymous();
        let login = json!({ "username": username, "password": password });
        let reply = anonymous
            .send(
                Method::POST,
                "/api/v1/auth/login",
                Some(&login),
                HeaderMap::new(),
            )
            .await
            .expect("an answer");
        let refresh = json!({ "refreshToken": text(&expect_status(&reply, 200), "refreshToken") });
        let attempts = (0..8).map(|_| {
            anonymous.send(
                Method::POST,
                "/api/v1/auth/refresh",
                Some(&refresh),
                HeaderMap::new(),
            )
        });
        let replies: Vec<_> = join_all(attempts)
            .await
            .into_iter()
            .map(|reply| reply.expect("an answer"))
            .collect();
        let renewed: Vec<_> = replies
            .iter()
            .filter(|reply| reply.status.as_u16() == 200)
            .collect();
        assert_eq!(renewed.len(), 1, "round {round}");
        assert!(
            replies
                .iter()
                .all(|reply| matches!(reply.status.as_u16(), 200 | 401)),
            "round {round}"
        );
        let next = json!({ "refreshToken": text(&expect_status(renewed[0], 200), "refreshToken") });
        let reply = anonymous
            .send(
                Method::POST,
                "/api/v1/auth/refresh",
                Some(&next),
                HeaderMap::new(),
            )
            .await
            .expect("an answer");
        assert_eq!(
            reply.status.as_u16(),
            401,
            "round {round}: the family outlives the reuse"
        );
    }
}

/// A hundred identical POSTs with one key: one effect, one answer, byte for byte.
pub(crate) async fn identical_posts_have_one_effect(admin: Client) {
    let practitioner = doctor(&admin, 4).await;
    let patient = patient(&admin).await;
    bookable(&admin, &practitioner).await;
    for round in 0..ROUNDS {
        let start: Timestamp = tomorrow(i64::try_from(round).expect("small") * 20);
        let body = booking(&patient, &practitioner, start, 20);
        let key = format!("identical-{round}-{practitioner}");
        let attempts = (0..100).map(|_| admin.post_as("/api/v1/appointments", &body, &key));
        let replies: Vec<_> = join_all(attempts)
            .await
            .into_iter()
            .map(|reply| reply.expect("an answer"))
            .collect();
        let first = &replies[0];
        expect_status(first, 201);
        assert!(
            replies
                .iter()
                .all(|reply| reply.status == first.status && reply.body == first.body),
            "round {round}"
        );
        let replayed = replies
            .iter()
            .filter(|reply| reply.header("idempotency-replayed") == Some("true"))
            .count();
        assert_eq!(replayed, 99, "round {round}");
        let mut other = body.clone();
        other["serviceType"] = "FOLLOW_UP".into();
        let reply = admin
            .post_as("/api/v1/appointments", &other, &key)
            .await
            .expect("an answer");
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (422, "IDEMPOTENCY_KEY_REUSED"),
            "round {round}"
        );
    }
    let path = format!("/api/v1/appointments?patientId={patient}&limit=200");
    let page = expect_status(&admin.get(&path).await.expect("an answer"), 200);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(ROUNDS));
}
