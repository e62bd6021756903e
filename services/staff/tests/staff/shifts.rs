//! Planning, listing and cancelling single shifts.

use galen_contracts::convert::to_wire;
use galen_contracts::staff::v1::{ShiftCancelled, ShiftKind, ShiftsPlanned};
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hospital::{Hospital, all, at, id_of, shift};

#[tokio::test]
async fn a_shift_may_go_over_midnight() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let path = format!("/practitioners/{id}/shifts");
    let planned = hospital
        .admin()
        .post(
            &path,
            shift(
                "2025-03-03T22:00:00+03:00",
                "2025-03-04T06:00:00+03:00",
                "NIGHT",
            ),
        )
        .await;
    let shift_id = id_of(&planned);
    assert_eq!(planned.body["start"], "2025-03-03T19:00:00Z");
    assert_eq!(planned.body["end"], "2025-03-04T03:00:00Z");
    assert_eq!(planned.header("etag"), Some("\"1\""));
    assert_eq!(
        hospital.admin().get(&path).await.body["items"],
        json!([planned.body])
    );

    let told: Vec<ShiftsPlanned> = hospital.events(&id).await;
    let [event] = told.as_slice() else {
        panic!("one event and not {told:?}")
    };
    assert_eq!(event.shifts[0].shift_id, shift_id);
    assert_eq!(
        event.shifts[0].start,
        Some(to_wire(at("2025-03-03T19:00:00Z")))
    );
    assert_eq!(event.shifts[0].kind(), ShiftKind::Night);
}

#[tokio::test]
async fn nobody_works_in_two_places_at_a_time() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let other = hospital.practitioner("Öztürk").await;
    let admin = hospital.admin();
    let plan = async |who: &str, start: &str, end: &str, kind: &str| {
        let body = shift(
            &format!("2025-03-03T{start}:00Z"),
            &format!("2025-03-03T{end}:00Z"),
            kind,
        );
        let reply = admin
            .post(&format!("/practitioners/{who}/shifts"), body)
            .await;
        (reply.status.as_u16(), reply.code().map(str::to_owned))
    };
    let taken = (409, Some("SHIFT_OVERLAP".to_owned()));
    assert_eq!(plan(&id, "08:00", "12:00", "CLINIC").await, (201, None));
    assert_eq!(plan(&id, "11:59", "13:00", "SURGERY").await, taken);
    assert_eq!(plan(&id, "09:00", "10:00", "CLINIC").await, taken);
    assert_eq!(
        plan(&id, "12:00", "13:00", "SURGERY").await,
        (201, None),
        "adjacent"
    );
    assert_eq!(
        plan(&other, "08:00", "12:00", "CLINIC").await,
        (201, None),
        "somebody else"
    );
    assert_eq!(
        plan(&id, "07:00", "18:00", "ON_CALL").await,
        (201, None),
        "on call beside working"
    );
    assert_eq!(
        plan(&id, "17:00", "20:00", "ON_CALL").await,
        taken,
        "on call twice"
    );
}

#[tokio::test]
async fn of_many_clerks_who_plan_the_same_time_one_succeeds() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let path = format!("/practitioners/{id}/shifts");
    let attempts = (0..12).map(|n| {
        let (path, admin) = (path.clone(), hospital.admin());
        async move {
            admin
                .post(
                    &path,
                    shift(
                        &format!("2025-03-03T{:02}:00:00Z", 8 + n % 3),
                        "2025-03-03T16:00:00Z",
                        "CLINIC",
                    ),
                )
                .await
        }
    });
    let replies = futures::future::join_all(attempts).await;
    let planned = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::CREATED)
        .count();
    let refused = replies
        .iter()
        .filter(|reply| reply.code() == Some("SHIFT_OVERLAP"))
        .count();
    assert_eq!((planned, refused), (1, 11));
    assert_eq!(hospital.events::<ShiftsPlanned>(&id).await.len(), 1);
}

#[tokio::test]
async fn what_is_no_shift_is_refused() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let admin = hospital.admin();
    let path = format!("/practitioners/{id}/shifts");
    for (start, end, pointer) in [
        ("2025-03-03T08:00:00Z", "2025-03-03T08:00:00Z", "/end"),
        ("2025-03-03T08:00:00Z", "2025-03-03T07:00:00Z", "/end"),
        ("2025-03-03T08:00:00Z", "2025-03-04T20:00:01Z", "/end"),
        ("-004000-03-03T08:00:00Z", "2025-03-03T08:00:00Z", "/start"),
        ("2025-03-03T08:00:00", "2025-03-03T09:00:00Z", "/start"),
        ("tomorrow", "2025-03-03T09:00:00Z", "/start"),
    ] {
        let refused = admin.post(&path, shift(start, end, "CLINIC")).await;
        assert_eq!(
            (refused.status, refused.pointers()),
            (StatusCode::BAD_REQUEST, vec![pointer]),
            "{start} to {end}"
        );
    }
    let refused = admin
        .post(
            &path,
            shift("2025-03-03T08:00:00Z", "2025-03-03T09:00:00Z", "LUNCH"),
        )
        .await;
    assert_eq!(
        (refused.status, refused.pointers()),
        (StatusCode::BAD_REQUEST, vec!["/kind"])
    );
    let longest = admin
        .post(
            &path,
            shift("2025-03-03T08:00:00Z", "2025-03-04T20:00:00Z", "ON_CALL"),
        )
        .await;
    assert_eq!(longest.status, StatusCode::CREATED);
    let nobody = format!("/practitioners/{}/shifts", Uuid::nil());
    assert_eq!(
        admin
            .post(
                &nobody,
                shift("2025-03-03T08:00:00Z", "2025-03-03T09:00:00Z", "CLINIC")
            )
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(admin.get(&nobody).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_list_has_what_reaches_into_its_window() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let days: Vec<String> = (3..8)
        .map(|day| format!("2025-03-{day:02}T08:00:00Z"))
        .collect();
    for day in &days {
        hospital.clinic(&id, day, &day.replace("T08", "T16")).await;
    }
    let admin = hospital.admin();
    let starts = async |query: &str| {
        let page = admin
            .get(&format!("/practitioners/{id}/shifts{query}"))
            .await;
        all(&page, "start")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(starts("").await, days);
    assert_eq!(
        starts("?from=2025-03-04T15:59:59Z&to=2025-03-06T08:00:00Z").await,
        days[1..3]
    );
    assert_eq!(starts("?from=2025-03-04T16:00:00Z").await, days[2..]);
    assert_eq!(starts("?to=2025-03-04T08:00:01Z").await, days[..2]);
    assert_eq!(
        starts("?from=2025-03-05T00:00:00Z&to=2025-03-04T00:00:00Z").await,
        Vec::<String>::new()
    );

    let first = admin
        .get(&format!("/practitioners/{id}/shifts?limit=3"))
        .await;
    let cursor = first.body["nextCursor"].as_str().expect("there is more");
    assert_eq!(all(&first, "start"), days[..3]);
    assert_eq!(starts(&format!("?cursor={cursor}")).await, days[3..]);
    let refused = admin
        .get(&format!(
            "/practitioners/{id}/shifts?from=-000100-01-01T00:00:00Z"
        ))
        .await;
    assert_eq!(
        (refused.status, refused.pointers()),
        (StatusCode::BAD_REQUEST, vec!["?from"])
    );
}

#[tokio::test]
async fn a_cancelled_shift_is_gone_and_its_time_is_free() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let other = hospital.practitioner("Öztürk").await;
    let shift_id = hospital
        .clinic(&id, "2025-03-03T08:00:00Z", "2025-03-03T16:00:00Z")
        .await;
    let admin = hospital.admin();
    let path = format!("/practitioners/{id}/shifts/{shift_id}");

    assert_eq!(
        admin
            .delete(&format!("/practitioners/{other}/shifts/{shift_id}"))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        admin.if_match(7).delete(&path).await.status,
        StatusCode::PRECONDITION_FAILED
    );
    let cancelled = admin.if_match(1).delete(&path).await;
    assert_eq!(
        (cancelled.status, cancelled.body),
        (StatusCode::NO_CONTENT, Value::Null)
    );
    assert_eq!(admin.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert!(
        all(
            &admin.get(&format!("/practitioners/{id}/shifts")).await,
            "id"
        )
        .is_empty()
    );
    hospital
        .clinic(&id, "2025-03-03T09:00:00Z", "2025-03-03T10:00:00Z")
        .await;

    let told: Vec<ShiftCancelled> = hospital.events(&id).await;
    assert_eq!(
        told,
        [ShiftCancelled {
            practitioner_id: id,
            shift_id
        }]
    );
}

#[tokio::test]
async fn of_many_who_cancel_a_shift_one_does() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let shift_id = hospital
        .clinic(&id, "2025-03-03T08:00:00Z", "2025-03-03T16:00:00Z")
        .await;
    let path = format!("/practitioners/{id}/shifts/{shift_id}");
    let admin = hospital.admin();
    let replies = futures::future::join_all((0..6).map(|_| admin.delete(&path))).await;
    let done = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::NO_CONTENT)
        .count();
    let late = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::NOT_FOUND)
        .count();
    assert_eq!((done, late), (1, 5));
    assert_eq!(hospital.events::<ShiftCancelled>(&id).await.len(), 1);
}
