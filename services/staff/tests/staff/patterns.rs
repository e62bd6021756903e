//! Weekly patterns: their shifts now, every night, and until they end.

use galen_contracts::staff::v1::{ShiftCancelled, ShiftsPlanned};
use galen_kernel::Timestamp;
use galen_staff::jobs;
use http::StatusCode;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hospital::{Hospital, all, at, id_of, shift};

fn weekly(weekdays: &[&str], start: &str, end: &str) -> Value {
    json!({ "weekdays": weekdays, "startTime": start, "endTime": end, "kind": "CLINIC", "validFrom": "2025-03-01" })
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("the zone is known")
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count * 24)
}

async fn starts(hospital: &Hospital, id: &str) -> Vec<Timestamp> {
    let page = hospital
        .admin()
        .get(&format!("/practitioners/{id}/shifts?limit=200"))
        .await;
    all(&page, "start").into_iter().map(at).collect()
}

#[tokio::test]
async fn a_pattern_plans_the_weeks_ahead_on_the_clock_of_the_hospital() {
    let hospital = Hospital::open_with(berlin(), &[]).await;
    let id = hospital.practitioner("Yılmaz").await;
    let path = format!("/practitioners/{id}/shift-patterns");
    let created = hospital
        .admin()
        .post(&path, weekly(&["FRI", "MON"], "22:00", "06:00"))
        .await;
    let pattern = id_of(&created);
    assert_eq!(
        (created.body["created"].as_u64(), &created.body["skipped"]),
        (Some(24), &json!([]))
    );
    assert_eq!(created.body["weekdays"], json!(["MON", "FRI"]));
    assert_eq!(
        (
            created.body["startTime"].as_str(),
            created.body["weeksInterval"].as_i64()
        ),
        (Some("22:00"), Some(1))
    );
    assert_eq!(created.body["plannedUntil"], "2025-05-26");

    let planned = starts(&hospital, &id).await;
    assert_eq!(planned.len(), 24);
    assert_eq!(planned[0], at("2025-03-03T21:00:00Z"), "winter");
    assert_eq!(planned[23], at("2025-05-23T20:00:00Z"), "summer");
    assert!(
        planned
            .iter()
            .all(|start| berlin().to_datetime(*start).hour() == 22)
    );

    let told: Vec<ShiftsPlanned> = hospital.events(&id).await;
    assert_eq!(
        told.iter()
            .map(|event| event.shifts.len())
            .collect::<Vec<_>>(),
        [24],
        "one event for all"
    );
    let listed = hospital.admin().get(&path).await;
    assert_eq!(all(&listed, "id"), [pattern.as_str()]);
}

#[tokio::test]
async fn what_was_planned_by_hand_goes_first() {
    let hospital = Hospital::open_with(berlin(), &[("staff.horizon_days", "40")]).await;
    let id = hospital.practitioner("Yılmaz").await;
    hospital
        .clinic(&id, "2025-03-10T14:00:00Z", "2025-03-10T18:00:00Z")
        .await;
    let mut body = weekly(&["MON"], "08:00", "16:00");
    body["validTo"] = json!("2025-04-07");
    let created = hospital
        .admin()
        .post(&format!("/practitioners/{id}/shift-patterns"), body)
        .await;
    assert_eq!(created.body["created"], 5, "{}", created.body);
    assert_eq!(
        created.body["skipped"],
        json!([{ "date": "2025-03-10", "reason": "SHIFT_OVERLAP" }])
    );

    let hour = weekly(&["SUN"], "02:00", "03:00");
    let created = hospital
        .admin()
        .post(&format!("/practitioners/{id}/shift-patterns"), hour)
        .await;
    assert_eq!(
        created.body["skipped"],
        json!([{ "date": "2025-03-30", "reason": "NO_SUCH_TIME" }]),
        "the clocks go forward"
    );
}

#[tokio::test]
async fn nightly_work_goes_on_where_it_stopped() {
    let hospital = Hospital::open_with(TimeZone::UTC, &[("staff.horizon_days", "14")]).await;
    let id = hospital.practitioner("Yılmaz").await;
    let created = hospital
        .admin()
        .post(
            &format!("/practitioners/{id}/shift-patterns"),
            weekly(&["MON", "WED"], "08:00", "16:00"),
        )
        .await;
    assert_eq!(created.body["created"], 4);
    let extend = || jobs::extend_patterns::run(&hospital.staff);
    assert_eq!(extend().await.ok(), Some(0), "nothing new is in reach");

    // Somebody takes a Wednesday off by hand: it stays off.
    let second = all(
        &hospital
            .admin()
            .get(&format!("/practitioners/{id}/shifts"))
            .await,
        "id",
    )[1]
    .to_owned();
    assert_eq!(
        hospital
            .admin()
            .delete(&format!("/practitioners/{id}/shifts/{second}"))
            .await
            .status,
        StatusCode::NO_CONTENT
    );

    hospital.clock.advance(days(7));
    assert_eq!(extend().await.ok(), Some(2));
    assert_eq!(extend().await.ok(), Some(0), "once is enough");
    hospital.clock.advance(days(100));
    assert_eq!(
        extend().await.ok(),
        Some(4),
        "the days gone by are not made up for"
    );
    assert_eq!(starts(&hospital, &id).await.len(), 9);
    assert_eq!(hospital.events::<ShiftsPlanned>(&id).await.len(), 3);
}

#[tokio::test]
async fn replicas_that_plan_the_same_night_plan_it_once() {
    let hospital = Hospital::open_with(TimeZone::UTC, &[("staff.horizon_days", "14")]).await;
    for name in ["Yılmaz", "Öztürk", "Zhang"] {
        let id = hospital.practitioner(name).await;
        id_of(
            &hospital
                .admin()
                .post(
                    &format!("/practitioners/{id}/shift-patterns"),
                    weekly(&["MON"], "08:00", "16:00"),
                )
                .await,
        );
    }
    hospital.clock.advance(days(7));
    let runs =
        futures::future::join_all((0..4).map(|_| jobs::extend_patterns::run(&hospital.staff)))
            .await;
    let planned: u64 = runs
        .into_iter()
        .map(|run| run.expect("the database is there"))
        .sum();
    assert_eq!(planned, 3);
}

#[tokio::test]
async fn nobody_is_planned_after_the_end() {
    let hospital = Hospital::open_with(TimeZone::UTC, &[("staff.horizon_days", "14")]).await;
    let admin = hospital.admin();
    let leaver = hospital.practitioner("Yılmaz").await;
    let stayer = hospital.practitioner("Öztürk").await;
    for id in [&leaver, &stayer] {
        let mut body = weekly(&["MON"], "08:00", "16:00");
        if *id == stayer {
            body["validTo"] = json!("2025-03-10");
        }
        id_of(
            &admin
                .post(&format!("/practitioners/{id}/shift-patterns"), body)
                .await,
        );
    }
    assert_eq!(
        admin
            .post(&format!("/practitioners/{leaver}/deactivate"), Value::Null)
            .await
            .status,
        StatusCode::OK
    );
    hospital.clock.advance(days(14));
    assert_eq!(
        jobs::extend_patterns::run(&hospital.staff).await.ok(),
        Some(0)
    );
}

#[tokio::test]
async fn an_ended_pattern_takes_its_coming_shifts_with_it() {
    let hospital = Hospital::open_with(TimeZone::UTC, &[("staff.horizon_days", "28")]).await;
    let id = hospital.practitioner("Yılmaz").await;
    let pattern = id_of(
        &hospital
            .admin()
            .post(
                &format!("/practitioners/{id}/shift-patterns"),
                weekly(&["MON"], "08:00", "16:00"),
            )
            .await,
    );
    hospital
        .clinic(&id, "2025-03-18T08:00:00Z", "2025-03-18T16:00:00Z")
        .await;
    // The shift of the second Monday is under way.
    hospital
        .clock
        .advance(days(7) + SignedDuration::from_hours(6));

    let path = format!("/practitioners/{id}/shift-patterns/{pattern}");
    let admin = hospital.admin();
    assert_eq!(
        admin.if_match(2).delete(&path).await.status,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(
        admin.if_match(1).delete(&path).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(admin.delete(&path).await.status, StatusCode::NOT_FOUND);
    let kept = [
        "2025-03-03T08:00:00Z",
        "2025-03-10T08:00:00Z",
        "2025-03-18T08:00:00Z",
    ]
    .map(at);
    assert_eq!(starts(&hospital, &id).await, kept);
    assert_eq!(hospital.events::<ShiftCancelled>(&id).await.len(), 2);
    assert!(
        all(
            &admin
                .get(&format!("/practitioners/{id}/shift-patterns"))
                .await,
            "id"
        )
        .is_empty()
    );

    hospital.clock.advance(days(28));
    assert_eq!(
        jobs::extend_patterns::run(&hospital.staff).await.ok(),
        Some(0)
    );
}

#[tokio::test]
async fn events_stay_small() {
    let hospital = Hospital::open_with(TimeZone::UTC, &[("staff.horizon_days", "450")]).await;
    let id = hospital.practitioner("Yılmaz").await;
    let all_week = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let created = hospital
        .admin()
        .post(
            &format!("/practitioners/{id}/shift-patterns"),
            weekly(&all_week, "08:00", "08:00"),
        )
        .await;
    assert_eq!(created.body["created"], 450);
    let told: Vec<ShiftsPlanned> = hospital.events(&id).await;
    assert_eq!(
        told.iter()
            .map(|event| event.shifts.len())
            .collect::<Vec<_>>(),
        [200, 200, 50]
    );
}

#[tokio::test]
async fn patterns_and_hands_that_plan_at_the_same_time_do_not_overlap() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let base = format!("/practitioners/{id}");
    let admin = hospital.admin();
    let (patterns, hands) = (format!("{base}/shift-patterns"), format!("{base}/shifts"));
    let (one, two, by_hand) = futures::join!(
        admin.post(&patterns, weekly(&["MON", "TUE"], "08:00", "16:00")),
        admin.post(&patterns, weekly(&["TUE", "WED"], "12:00", "20:00")),
        admin.post(
            &hands,
            shift("2025-03-04T10:00:00Z", "2025-03-04T13:00:00Z", "SURGERY")
        ),
    );
    let made =
        |reply: &galen_service::testing::Reply| reply.body["created"].as_u64().expect("a number");
    let by_hand = u64::from(by_hand.status == StatusCode::CREATED);
    let skipped = [&one, &two]
        .iter()
        .map(|reply| reply.body["skipped"].as_array().map_or(0, Vec::len))
        .sum::<usize>();
    assert_eq!(made(&one) + made(&two), 48 - skipped as u64);
    assert_eq!(
        starts(&hospital, &id).await.len() as u64,
        made(&one) + made(&two) + by_hand
    );
}

#[tokio::test]
async fn what_is_no_pattern_is_refused() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let admin = hospital.admin();
    let path = format!("/practitioners/{id}/shift-patterns");
    let body = json!({
        "weekdays": ["MON", "MON"], "startTime": "8:00", "endTime": "24:00", "kind": "CLINIC",
        "validFrom": "2025-03-01", "validTo": "2025-02-28", "weeksInterval": 0,
    });
    let refused = admin.post(&path, body).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused.pointers(),
        [
            "/weekdays",
            "/startTime",
            "/endTime",
            "/validTo",
            "/weeksInterval"
        ]
    );
    for (field, value) in [
        ("weekdays", json!([])),
        ("weekdays", json!(["MONDAY"])),
        ("validFrom", json!("-000001-01-01")),
        ("validFrom", json!("2025-02-30")),
        ("weeksInterval", json!(53)),
        ("weeksInterval", json!(99_999)),
        ("kind", json!("LUNCH")),
    ] {
        let mut body = weekly(&["MON"], "08:00", "16:00");
        body[field] = value.clone();
        let refused = admin.post(&path, body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{field} {value}");
        assert!(
            refused.pointers()[0].starts_with(&format!("/{field}")),
            "{field} {value}"
        );
    }
    let mut distant = weekly(&["MON"], "08:00", "16:00");
    distant["validFrom"] = json!("9999-12-31");
    assert_eq!(admin.post(&path, distant).await.body["created"], 0);
    let nobody = format!("/practitioners/{}/shift-patterns", Uuid::nil());
    assert_eq!(
        admin
            .post(&nobody, weekly(&["MON"], "08:00", "16:00"))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(admin.get(&nobody).await.status, StatusCode::NOT_FOUND);
}
