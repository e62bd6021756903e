//! Doctor options and free slots.

use galen_contracts::ids::PractitionerId;
use galen_contracts::staff::v1::{PractitionerChanged, ShiftKind};
use galen_kernel::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::hospital::{Hospital, at, lock, minutes, order};

async fn options(hospital: &Hospital, start: Timestamp, end: Timestamp, rest: &str) -> Value {
    let path = format!("/appointments/doctor-options?start={start}&end={end}{rest}");
    let reply = hospital.desk().get(&path).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

fn verdicts(body: &Value) -> Vec<(String, String)> {
    let items = body["items"].as_array().expect("items");
    let verdict = |item: &Value| {
        let verdict = item["reason"]
            .as_str()
            .unwrap_or(if item["available"] == true {
                "FREE"
            } else {
                "?"
            });
        (
            item["practitionerId"].as_str().expect("an id").to_owned(),
            verdict.to_owned(),
        )
    };
    items.iter().map(verdict).collect()
}

const CONSULTATION: &str = "&serviceType=CONSULTATION";

#[tokio::test]
async fn shifts_leave_bookings_and_holds_decide() {
    let hospital = Hospital::open().await;
    let free = hospital.practitioner().await;
    let booked = hospital.practitioner().await;
    let held = hospital.practitioner().await;
    let away = hospital.practitioner().await;
    let idle = hospital.register("Cardiology").await;
    let operating = hospital.register("Surgery").await;
    hospital
        .plan(operating, at(2, 8, 0), at(2, 16, 0), ShiftKind::Surgery)
        .await;
    let on_call = hospital.register("Surgery").await;
    hospital
        .plan(on_call, at(2, 8, 0), at(2, 16, 0), ShiftKind::OnCall)
        .await;
    let gone = hospital.practitioner().await;
    hospital.deactivate(gone).await;
    hospital
        .approve_leave(away, at(2, 9, 15), at(2, 12, 0))
        .await;
    hospital
        .booked(hospital.patient(), booked, at(2, 9, 15))
        .await;
    let hold = json!({ "practitionerId": held, "start": at(2, 8, 45), "end": at(2, 9, 15), "serviceType": "CONSULTATION" });
    hospital.desk().post("/slots/hold", hold).await;
    hospital.settle().await;
    let wanted = |verdicts: &[(PractitionerId, &str)]| -> Vec<(String, String)> {
        let mut wanted: Vec<_> = verdicts
            .iter()
            .map(|(id, verdict)| (id.to_string(), (*verdict).to_owned()))
            .collect();
        wanted.sort();
        wanted
    };
    let found = options(&hospital, at(2, 9, 0), at(2, 9, 30), CONSULTATION).await;
    let all = [
        (free, "FREE"),
        (booked, "BOOKED"),
        (held, "BOOKED"),
        (away, "ON_LEAVE"),
        (idle, "OUTSIDE_SHIFT"),
        (operating, "OUTSIDE_SHIFT"),
        (on_call, "OUTSIDE_SHIFT"),
    ];
    assert_eq!(verdicts(&found), wanted(&all));
    let first = found["items"]
        .as_array()
        .expect("items")
        .iter()
        .find(|item| item["practitionerId"] == json!(free))
        .expect("listed");
    assert_eq!(
        (&first["name"], &first["specialty"], &first["available"]),
        (&json!("Ada Yılmaz"), &json!("Cardiology"), &json!(true))
    );
    let surgery = options(
        &hospital,
        at(2, 9, 0),
        at(2, 9, 30),
        "&serviceType=SURGERY&specialty=surgery",
    )
    .await;
    assert_eq!(
        verdicts(&surgery),
        wanted(&[(operating, "FREE"), (on_call, "OUTSIDE_SHIFT")])
    );
    let adjacent = options(
        &hospital,
        at(2, 8, 0),
        at(2, 8, 45),
        "&serviceType=CONSULTATION&available=true",
    )
    .await;
    assert_eq!(
        verdicts(&adjacent),
        wanted(&[
            (free, "FREE"),
            (booked, "FREE"),
            (held, "FREE"),
            (away, "FREE")
        ])
    );
    let taken = options(
        &hospital,
        at(2, 9, 0),
        at(2, 9, 30),
        "&serviceType=CONSULTATION&available=false&specialty=CARDIOLOGY",
    )
    .await;
    assert_eq!(
        verdicts(&taken),
        wanted(&[
            (booked, "BOOKED"),
            (held, "BOOKED"),
            (away, "ON_LEAVE"),
            (idle, "OUTSIDE_SHIFT")
        ])
    );
    hospital.clock.advance(minutes(5));
    let later = options(
        &hospital,
        at(2, 9, 0),
        at(2, 9, 30),
        "&serviceType=CONSULTATION&available=true",
    )
    .await;
    assert_eq!(
        verdicts(&later),
        wanted(&[(free, "FREE"), (held, "FREE")]),
        "an expired hold is in nobody's way"
    );
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let hospital = Hospital::open().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        let id = hospital
            .register(if n % 2 == 0 { "Cardiology" } else { "Urology" })
            .await;
        hospital
            .plan(id, at(2, 8, 0), at(2, 16, 0), ShiftKind::Clinic)
            .await;
        ids.push(id.to_string());
    }
    hospital.settle().await;
    ids.sort();
    for (filter, wanted) in [("", ids.clone()), ("&available=true", ids.clone())] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = options(
                &hospital,
                at(2, 9, 0),
                at(2, 9, 30),
                &format!("{CONSULTATION}{filter}&limit=3{cursor}"),
            )
            .await;
            seen.extend(verdicts(&page).into_iter().map(|(id, _)| id));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, wanted);
    }
    let urologists = options(
        &hospital,
        at(2, 9, 0),
        at(2, 9, 30),
        "&serviceType=CONSULTATION&specialty=%20urology&limit=2",
    )
    .await;
    assert_eq!(
        (
            verdicts(&urologists).len(),
            urologists["nextCursor"].is_string()
        ),
        (2, true)
    );
    let nobody = options(
        &hospital,
        at(2, 9, 0),
        at(2, 9, 30),
        "&serviceType=CONSULTATION&specialty=Alchemy",
    )
    .await;
    assert_eq!(nobody, json!({ "items": [], "nextCursor": null }));
}

#[tokio::test]
async fn nights_and_adjacent_shifts_are_one_presence() {
    let hospital = Hospital::open().await;
    let id = hospital.register("Cardiology").await;
    hospital
        .plan(id, at(2, 20, 0), at(3, 6, 0), ShiftKind::Night)
        .await;
    let morning = hospital
        .plan(id, at(3, 6, 0), at(3, 12, 0), ShiftKind::Clinic)
        .await;
    hospital.settle().await;
    let verdict = async |start, end| {
        verdicts(&options(&hospital, start, end, CONSULTATION).await)[0]
            .1
            .clone()
    };
    assert_eq!(verdict(at(2, 23, 30), at(3, 0, 30)).await, "FREE");
    assert_eq!(verdict(at(3, 5, 0), at(3, 7, 0)).await, "FREE");
    assert_eq!(verdict(at(2, 20, 0), at(3, 8, 0)).await, "FREE");
    assert_eq!(verdict(at(3, 11, 30), at(3, 12, 1)).await, "OUTSIDE_SHIFT");
    let leave = hospital.approve_leave(id, at(3, 0, 0), at(3, 5, 0)).await;
    hospital.settle().await;
    assert_eq!(verdict(at(2, 23, 30), at(3, 0, 30)).await, "ON_LEAVE");
    assert_eq!(verdict(at(3, 5, 0), at(3, 7, 0)).await, "FREE");
    hospital.withdraw_leave(id, leave).await;
    hospital.cancel_shift(id, morning).await;
    hospital.settle().await;
    assert_eq!(verdict(at(2, 23, 30), at(3, 0, 30)).await, "FREE");
    assert_eq!(verdict(at(3, 5, 0), at(3, 7, 0)).await, "OUTSIDE_SHIFT");
}

/// A change of somebody's time, in hours of two days.
#[derive(Debug, Clone)]
enum Change {
    Plan(usize, i64, i64, ShiftKind),
    CancelShift(usize),
    Leave(usize, i64, i64),
    WithdrawLeave(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let kinds = vec![
        ShiftKind::Clinic,
        ShiftKind::Night,
        ShiftKind::Surgery,
        ShiftKind::OnCall,
    ];
    prop_oneof![
        4 => (0_usize..3, 0_i64..40, 1_i64..12, prop::sample::select(kinds)).prop_map(|(who, from, long, kind)| Change::Plan(who, from, long, kind)),
        1 => (0_usize..20).prop_map(Change::CancelShift),
        2 => (0_usize..3, 0_i64..40, 1_i64..30).prop_map(|(who, from, long)| Change::Leave(who, from, long)),
        1 => (0_usize..10).prop_map(Change::WithdrawLeave),
    ]
}

#[tokio::test]
async fn the_roster_says_what_staff_would_say_whatever_they_did() {
    let mut runner = TestRunner::deterministic();
    for round in 0..3 {
        let hospital = Hospital::open().await;
        let mut who = Vec::new();
        for _ in 0..3 {
            who.push(hospital.register("Cardiology").await);
        }
        let changes = prop::collection::vec(change(), 25)
            .new_tree(&mut runner)
            .expect("a sample")
            .current();
        let (mut shifts, mut leaves) = (Vec::new(), Vec::new());
        let hour = |n: i64| at(2, 0, 0) + minutes(60 * n);
        for change in &changes {
            match change {
                Change::Plan(n, from, long, kind) => shifts.push((
                    who[*n],
                    hospital
                        .plan(who[*n], hour(*from), hour(from + long), *kind)
                        .await,
                )),
                Change::CancelShift(n) if *n < shifts.len() => {
                    let (who, shift) = shifts.swap_remove(*n);
                    hospital.cancel_shift(who, shift).await;
                }
                Change::Leave(n, from, long) => leaves.push((
                    who[*n],
                    hospital
                        .approve_leave(who[*n], hour(*from), hour(from + long))
                        .await,
                )),
                Change::WithdrawLeave(n) if *n < leaves.len() => {
                    let (who, leave) = leaves.swap_remove(*n);
                    hospital.withdraw_leave(who, leave).await;
                }
                Change::CancelShift(_) | Change::WithdrawLeave(_) => {}
            }
        }
        hospital.settle().await;
        for (service, surgery) in [("CONSULTATION", false), ("SURGERY", true)] {
            for hour in 0..55 {
                let start = at(2, 0, 0) + minutes(60 * hour - 15);
                let end = start + minutes(60);
                let found =
                    options(&hospital, start, end, &format!("&serviceType={service}")).await;
                for (id, verdict) in verdicts(&found) {
                    let id = id.parse().expect("an id");
                    let said = hospital.world.availability(id, start, end, surgery);
                    assert_eq!(
                        verdict == "FREE",
                        said.is_ok(),
                        "round {round}, {start} {service}: {verdict} but {said:?}; {changes:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_changed_name_is_shown_as_soon_as_it_is_told() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner().await;
    let shown = async || {
        options(&hospital, at(2, 9, 0), at(2, 9, 30), CONSULTATION).await["items"][0].clone()
    };
    assert_eq!(shown().await["name"], "Ada Yılmaz");
    lock(&hospital.world.names).insert(id.uuid(), ("Demir".to_owned(), "Urology".to_owned()));
    assert_eq!(shown().await["name"], "Ada Yılmaz");
    let changed = PractitionerChanged {
        practitioner_id: id.to_string(),
        specialty: "Urology".into(),
        department: "Ward".into(),
    };
    hospital.staff_tell(&changed).await;
    hospital.settle().await;
    assert_eq!(
        (&shown().await["name"], &shown().await["specialty"]),
        (&json!("Ada Demir"), &json!("Urology"))
    );
}

#[tokio::test]
async fn slots_are_what_can_then_be_booked() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    hospital
        .booked(hospital.patient(), practitioner, at(2, 9, 0))
        .await;
    let desk = hospital.desk();
    let path = format!(
        "/slots?practitionerId={practitioner}&from={}&to={}&serviceType=PROCEDURE",
        at(2, 0, 0),
        at(9, 0, 0)
    );
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = desk.get(&format!("{path}&limit=4{cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        found.extend(page.body["items"].as_array().expect("items").clone());
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found.len(), 15, "seven on Monday, eight on Tuesday");
    assert_eq!(found[0]["start"], json!(at(2, 8, 0)));
    assert_eq!(found[1]["start"], json!(at(2, 10, 0)));
    assert_eq!(found[0]["name"], "Ada Yılmaz");
    for slot in &found {
        let start: Timestamp = slot["start"]
            .as_str()
            .expect("an instant")
            .parse()
            .expect("an instant");
        assert_eq!(
            desk.post(
                "/appointments",
                order(hospital.patient(), practitioner, start, 60)
            )
            .await
            .status,
            201,
            "{slot}"
        );
    }
    assert_eq!(desk.get(&path).await.body["items"], json!([]));
    hospital.verify().await;
}

#[tokio::test]
async fn slots_of_a_specialty_come_by_time_and_not_in_the_past() {
    let hospital = Hospital::open().await;
    let mut both = [hospital.practitioner().await, hospital.practitioner().await];
    both.sort();
    let [one, other] = both;
    hospital.clock.advance(minutes(125));
    let path = format!(
        "/slots?specialty=cardiology&from={}&to={}&serviceType=CONSULTATION&limit=4",
        at(1, 0, 0),
        at(4, 0, 0)
    );
    let found = hospital.desk().get(&path).await.body;
    let wanted: Vec<(Timestamp, String)> = vec![
        (at(2, 8, 30), one.to_string()),
        (at(2, 8, 30), other.to_string()),
        (at(2, 9, 0), one.to_string()),
        (at(2, 9, 0), other.to_string()),
    ];
    let got: Vec<(Timestamp, String)> = found["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|slot| {
            (
                slot["start"]
                    .as_str()
                    .expect("start")
                    .parse()
                    .expect("an instant"),
                slot["practitionerId"].as_str().expect("id").to_owned(),
            )
        })
        .collect();
    assert_eq!(got, wanted);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let hospital = Hospital::open().await;
    let id = hospital.clock.uuid();
    for (path, pointer) in [
        ("/appointments/doctor-options?start=2026-03-02T09:00:00Z&end=2026-03-02T09:00:00Z&serviceType=CONSULTATION".to_owned(), "?end"),
        ("/appointments/doctor-options?start=2026-03-02T09:00:00Z&end=2026-03-03T09:00:00Z&serviceType=CONSULTATION".to_owned(), "?end"),
        ("/appointments/doctor-options?start=2026-03-02T09:00:00Z&end=2026-03-02T10:00:00Z&serviceType=X".to_owned(), "?serviceType"),
        ("/appointments/doctor-options?start=2026-03-02T09:00:00Z&end=2026-03-02T10:00:00Z&serviceType=SURGERY&limit=0".to_owned(), "?limit"),
        ("/appointments/doctor-options?start=2026-03-02T09:00:00Z&end=2026-03-02T10:00:00Z&serviceType=SURGERY&limit=201".to_owned(), "?limit"),
        ("/appointments/doctor-options?start=2026-03-02T09:00:00Z&end=2026-03-02T10:00:00Z&serviceType=SURGERY&cursor=x".to_owned(), "?cursor"),
        ("/appointments/doctor-options?start=2026-03-02T09:00:00Z&end=2026-03-02T10:00:00Z&serviceType=SURGERY&specialty=%20".to_owned(), "?specialty"),
        ("/appointments/doctor-options?start=-009999-03-02T09:00:00Z&end=2026-03-02T10:00:00Z&serviceType=SURGERY".to_owned(), "?start"),
        ("/slots?from=2026-03-02T09:00:00Z&to=2026-03-03T09:00:00Z&serviceType=SURGERY".to_owned(), "?practitionerId"),
        (format!("/slots?from=2026-03-02T09:00:00Z&to=2026-03-03T09:00:00Z&serviceType=SURGERY&practitionerId={id}&specialty=x"), "?practitionerId"),
        (format!("/slots?from=2026-03-02T09:00:00Z&to=2026-04-03T09:00:00Z&serviceType=SURGERY&practitionerId={id}"), "?to"),
        ("/appointments?from=-009999-03-02T09:00:00Z".to_owned(), "?from"),
        ("/appointments?cursor=x".to_owned(), "?cursor"),
        ("/waitlist?cursor=x".to_owned(), "?cursor"),
    ] {
        let refused = hospital.desk().get(&path).await;
        assert_eq!((refused.status.as_u16(), refused.pointers()), (400, vec![pointer]), "{path} {}", refused.body);
    }
}
