//! Who sees whom: care follows from appointments, and follows the person.

use std::collections::BTreeSet;

use futures::future::join_all;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::ListReachedRequest;
use galen_contracts::patients::v1::care_directory_client::CareDirectoryClient;
use galen_contracts::scheduling::v1::{
    AppointmentBooked, AppointmentCheckedIn, AppointmentFulfilled, AppointmentMissed,
    AppointmentRescheduled, AppointmentStarted, NoShowReverted,
};
use galen_patients::care::store::Carer;
use galen_patients::patient::index;
use galen_patients::patient::search::{Bound, Filter};
use galen_service::{Peers, Service as _};
use http::StatusCode;
use serde_json::{Value, json};
use sqlx::Executor as _;

use crate::hospital::{Doctor, Hospital, Visit, column, full_record, id};

/// A problem without what is different in every answer.
fn without_trace(mut problem: Value) -> Value {
    if let Some(members) = problem.as_object_mut() {
        members.remove("traceId");
        members.remove("instance");
    }
    problem
}

#[tokio::test]
async fn whom_a_doctor_does_not_care_for_does_not_exist() {
    let hospital = Hospital::open().await;
    let patient = full_record(&hospital, "Anna", "1985-03-12").await;
    let nobody = hospital.clock.uuid().to_string();
    let entry = column(
        &hospital
            .nurse()
            .get(&format!("/patients/{patient}/notes"))
            .await
            .body,
        "id",
    )
    .remove(0);
    let (doctor, other) = (hospital.doctor(), hospital.doctor());

    for path in [
        "",
        "/coverages",
        "/allergies",
        "/conditions",
        "/notes",
        "/vitals",
        "/timeline",
    ] {
        let reply = doctor
            .caller
            .get(&format!("/patients/{patient}{path}"))
            .await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        let missing = doctor
            .caller
            .get(&format!("/patients/{nobody}{path}"))
            .await;
        assert_eq!(
            without_trace(reply.body),
            without_trace(missing.body),
            "{path}"
        );
    }
    let writes = async |doctor: &Doctor| {
        let code = json!({ "system": "http://snomed.info/sct", "code": "1", "display": "x" });
        let coded = json!({ "code": code, "clinicalStatus": "ACTIVE" });
        let mut answers = Vec::new();
        for (path, body) in [
            ("allergies".to_owned(), coded.clone()),
            ("conditions".to_owned(), coded),
            ("notes".to_owned(), json!({ "text": "x" })),
            (
                "vitals".to_owned(),
                json!({ "kind": "HEART_RATE", "value": 72, "unit": "/min" }),
            ),
            (
                format!("notes/{entry}/entered-in-error"),
                json!({ "reason": "x" }),
            ),
        ] {
            let path = format!("/patients/{patient}/{path}");
            answers.push(doctor.caller.post(&path, body).await.status.as_u16());
        }
        answers
    };
    assert_eq!(writes(&doctor).await, [404; 5]);

    hospital.book(&patient, &doctor).await;
    hospital.hear().await;
    assert_eq!(doctor.sees(&patient).await, StatusCode::OK);
    assert_eq!(other.sees(&patient).await, StatusCode::NOT_FOUND);
    for path in ["/coverages", "/allergies", "/timeline"] {
        let reply = doctor
            .caller
            .get(&format!("/patients/{patient}{path}"))
            .await;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
    }
    assert_eq!(writes(&doctor).await, [201, 201, 201, 201, 200]);
    assert_eq!(writes(&other).await, [404; 5]);
    hospital.is_sound().await;
}

#[tokio::test]
async fn what_is_called_off_is_no_reason_any_more_and_what_took_place_stays_one() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let doctor = hospital.doctor();

    let mut first = hospital.book(&patient, &doctor).await;
    let mut second = hospital.book(&patient, &doctor).await;
    hospital.cancel(&mut first).await;
    hospital.hear().await;
    assert_eq!(doctor.sees(&patient).await, StatusCode::OK, "one is left");
    hospital.cancel(&mut second).await;
    hospital.hear().await;
    assert_eq!(doctor.sees(&patient).await, StatusCode::NOT_FOUND);

    let mut seen = hospital.book(&patient, &doctor).await;
    for round in 0..3 {
        match round {
            0 => {
                let appointment = seen.next();
                hospital
                    .scheduling_says(&AppointmentCheckedIn { appointment })
                    .await;
            }
            1 => {
                let appointment = seen.next();
                hospital
                    .scheduling_says(&AppointmentStarted { appointment })
                    .await;
            }
            _ => {
                let appointment = seen.next();
                hospital
                    .scheduling_says(&AppointmentFulfilled { appointment })
                    .await;
            }
        }
        hospital.hear().await;
        assert_eq!(doctor.sees(&patient).await, StatusCode::OK, "{round}");
    }
    hospital.is_sound().await;
}

#[tokio::test]
async fn who_did_not_come_is_still_cared_for() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let doctor = hospital.doctor();
    let mut visit = hospital.book(&patient, &doctor).await;
    let appointment = visit.next();
    hospital
        .scheduling_says(&AppointmentMissed { appointment })
        .await;
    hospital.hear().await;
    assert_eq!(doctor.sees(&patient).await, StatusCode::OK);
    let appointment = visit.next();
    hospital
        .scheduling_says(&NoShowReverted { appointment })
        .await;
    hospital.hear().await;
    assert_eq!(doctor.sees(&patient).await, StatusCode::OK);
}

#[tokio::test]
async fn care_moves_with_an_appointment_to_another_doctor() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let (from, to) = (hospital.doctor(), hospital.doctor());
    let mut visit = hospital.book(&patient, &from).await;
    hospital.hear().await;
    let appointment = visit.next();
    hospital
        .scheduling_says(&AppointmentRescheduled {
            appointment,
            replaced_by_id: String::new(),
        })
        .await;
    hospital.book(&patient, &to).await;
    hospital.hear().await;
    assert_eq!(from.sees(&patient).await, StatusCode::NOT_FOUND);
    assert_eq!(to.sees(&patient).await, StatusCode::OK);
}

#[tokio::test]
async fn care_follows_the_person_through_merges() {
    let hospital = Hospital::open().await;
    let retired = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let survivor = hospital.somebody("Ana", "Schmidt", "1985-03-12").await;
    let (early, late) = (hospital.doctor(), hospital.doctor());
    hospital.book(&retired, &early).await;
    hospital.hear().await;
    assert_eq!(early.sees(&survivor).await, StatusCode::NOT_FOUND);

    assert_eq!(
        hospital.merge(&retired, &survivor).await.status,
        StatusCode::OK
    );
    // Booked for the number on the old card.
    hospital.book(&survivor, &late).await;
    hospital.hear().await;
    for doctor in [&early, &late] {
        assert_eq!(doctor.sees(&survivor).await, StatusCode::OK);
        assert_eq!(doctor.sees(&retired).await, StatusCode::OK);
        let found = doctor.caller.get("/patients").await.body;
        assert_eq!(column(&found, "id"), [survivor.as_str()]);
        let found = doctor.caller.get("/patients?status=MERGED").await.body;
        assert_eq!(column(&found, "id"), [retired.as_str()]);
    }

    assert_eq!(hospital.unmerge(&retired).await.status, StatusCode::OK);
    assert_eq!(early.sees(&retired).await, StatusCode::OK);
    assert_eq!(early.sees(&survivor).await, StatusCode::NOT_FOUND);
    assert_eq!(late.sees(&survivor).await, StatusCode::OK);
    assert_eq!(late.sees(&retired).await, StatusCode::NOT_FOUND);
    hospital.is_sound().await;
}

/// Merging and booking at once, in whatever order: whoever has an appointment with any
/// record of the person sees the person, and nobody else does.
#[tokio::test]
async fn bookings_cancellations_and_merges_may_come_in_any_order() {
    let hospital = Hospital::open().await;
    let stranger = hospital.doctor();
    let other = hospital.somebody("Karl", "Kowalski", "1970-01-01").await;
    for round in 0..4 {
        let retired = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
        let survivor = hospital.somebody("Ana", "Schmidt", "1985-03-12").await;
        let doctors: Vec<Doctor> = (0..6).map(|_| hospital.doctor()).collect();
        let records = [&retired, &survivor, &other];
        let booked = join_all(
            doctors
                .iter()
                .enumerate()
                .map(|(n, doctor)| hospital.book(records[n % 3], doctor)),
        );
        let (merged, mut visits, ()) =
            futures::join!(hospital.merge(&retired, &survivor), booked, hospital.hear());
        assert_eq!(merged.status, StatusCode::OK);
        let parted = round % 2 == 1;
        let part = async {
            if parted {
                assert_eq!(hospital.unmerge(&retired).await.status, StatusCode::OK);
            }
        };
        let cancel = async {
            for visit in &mut visits[3..] {
                hospital.cancel(visit).await;
            }
        };
        futures::join!(part, cancel, hospital.hear());
        hospital.hear().await;

        for (n, doctor) in doctors.iter().enumerate() {
            let sees: Vec<bool> = join_all(records.iter().map(|record| doctor.sees(record)))
                .await
                .into_iter()
                .map(|status| status == StatusCode::OK)
                .collect();
            let of_person = |records: [usize; 2]| n < 3 && records.contains(&(n % 3));
            let expected = if parted {
                [of_person([0, 0]), of_person([1, 1]), of_person([2, 2])]
            } else {
                [of_person([0, 1]), of_person([0, 1]), of_person([2, 2])]
            };
            assert_eq!(sees, expected, "round {round}, doctor {n}");
        }
        assert_eq!(stranger.sees(&survivor).await, StatusCode::NOT_FOUND);
    }
    hospital.is_sound().await;
}

#[tokio::test]
async fn pages_hold_everybody_cared_for_once_and_nobody_else() {
    let hospital = Hospital::open().await;
    let (doctor, other) = (hospital.doctor(), hospital.doctor());
    let mut cared = BTreeSet::new();
    let mut strangers = Vec::new();
    let mut visits: Vec<(String, Visit)> = Vec::new();
    for n in 0..24 {
        let patient = hospital
            .somebody(
                ["Anna", "Änne", "Ben"][n % 3],
                ["Schmidt", "Šmid", "Álvarez", "smith"][n % 4],
                &format!("19{:02}-01-01", 10 + n),
            )
            .await;
        if n % 2 == 0 {
            let visit = hospital.book(&patient, &doctor).await;
            cared.insert(patient.clone());
            visits.push((patient, visit));
        } else {
            hospital.book(&patient, &other).await;
            strangers.push(patient);
        }
    }
    hospital.hear().await;

    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = doctor
            .caller
            .get(&format!("/patients?limit=5{next}"))
            .await
            .body;
        let page_ids = column(&page, "id");
        let last = page_ids.last().cloned();
        seen.extend(page_ids);
        // The care for whom the page ended with ends: the next page goes on there.
        if let Some((_, visit)) = visits.iter_mut().find(|(id, _)| Some(id) == last.as_ref()) {
            hospital.cancel(visit).await;
            hospital.hear().await;
        }
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), cared.len());
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), cared);

    for stranger in &strangers[..2] {
        let stranger: PatientId = stranger.parse().expect("an id");
        let cursor = galen_kernel::Cursor::encode(&stranger.uuid());
        let told = doctor
            .caller
            .get(&format!("/patients?cursor={cursor}"))
            .await;
        let cursor = galen_kernel::Cursor::encode(&hospital.clock.uuid());
        let missing = doctor
            .caller
            .get(&format!("/patients?cursor={cursor}"))
            .await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST);
        assert_eq!(without_trace(told.body), without_trace(missing.body));
    }
}

#[tokio::test]
async fn searches_find_only_whom_the_doctor_cares_for() {
    let hospital = Hospital::open().await;
    let doctor = hospital.doctor();
    let (mine, other) = (
        hospital.register(json!({ "givenName": "Anna", "familyName": "Schmidt", "birthDate": "1985-03-12", "sex": "FEMALE", "phone": "030 1234567" })).await,
        hospital.register(json!({ "givenName": "Anna", "familyName": "Schmidt", "birthDate": "1986-03-12", "sex": "FEMALE", "phone": "030 1234567" })).await,
    );
    hospital.book(&id(&mine), &doctor).await;
    hospital.hear().await;
    for (query, found) in [
        (String::new(), 1),
        ("query=schmidt".to_owned(), 1),
        ("query=anna+schm".to_owned(), 1),
        ("phone=0301234567".to_owned(), 1),
        ("birthDate=1986-03-12".to_owned(), 0),
        (
            format!("mrn={}", mine["mrn"].as_str().unwrap_or_default()),
            1,
        ),
        (
            format!("mrn={}", other["mrn"].as_str().unwrap_or_default()),
            0,
        ),
    ] {
        let page = doctor.caller.get(&format!("/patients?{query}")).await.body;
        assert_eq!(column(&page, "id"), vec![id(&mine); found], "{query}");
    }
}

#[tokio::test]
async fn a_doctor_who_is_ill_reads_their_own_record() {
    let hospital = Hospital::open().await;
    let own = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let doctor = hospital.doctor();
    let ill = Doctor {
        caller: hospital.knowing(&doctor.caller, &own),
        ..doctor
    };
    assert_eq!(ill.sees(&own).await, StatusCode::OK);
    let found = ill.caller.get("/patients").await.body;
    assert_eq!(column(&found, "id"), [own]);
}

/// What a doctor's list takes depends on how many they care for, not on how many there
/// are.
#[tokio::test]
async fn many_people_do_not_slow_a_doctors_list_down() {
    let hospital = Hospital::open().await;
    hospital.people_move_in().await;
    let grounds = "
        insert into care_ground (source, source_id, patient_id, practitioner_id, since, took_place, version)
        select 'APPOINTMENT', gen_random_uuid(), id, '00000000-0000-0000-0000-000000000001', registered_at, true, 1
        from patient order by id limit 60;
        insert into care_ground (source, source_id, patient_id, practitioner_id, since, took_place, version)
        select 'APPOINTMENT', gen_random_uuid(), id, '00000000-0000-0000-0000-000000000002', registered_at, true, 1
        from patient;
        analyze care_ground;";
    hospital
        .db
        .pool()
        .execute(grounds)
        .await
        .expect("they are treated");
    let carer = Carer {
        practitioner: "00000000-0000-0000-0000-000000000001"
            .parse()
            .expect("an id"),
        user: hospital.clock.id(),
        own: None,
        at: hospital.clock.now(),
    };
    let everybody = Filter {
        tokens: None,
        mrn: None,
        birth_date: None,
        phone_key: None,
        email_key: None,
        identifier: None,
        status: None,
        bound: Bound::Cared(carer),
    };
    let mut tx = hospital.db.begin().await.expect("a transaction");
    let before = crate::searching::rows_read(&mut tx).await;
    let found = index::search(&mut tx, &hospital.vault, &everybody, None, 50)
        .await
        .expect("an answer");
    let after = crate::searching::rows_read(&mut tx).await;
    let (scanned, read) = (after.0 - before.0, after.1 - before.1);
    assert_eq!(found.len(), 51);
    assert!(
        scanned == 0 && read <= 500,
        "{scanned} rows scanned, {read} read"
    );
}

#[tokio::test]
async fn the_grounds_of_care_can_be_made_anew_from_the_log() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let (stays, goes) = (hospital.doctor(), hospital.doctor());
    hospital.book(&patient, &stays).await;
    let mut visit = hospital.book(&patient, &goes).await;
    hospital.cancel(&mut visit).await;
    hospital.hear().await;
    hospital
        .db
        .pool()
        .execute("delete from care_ground")
        .await
        .expect("the owner may do anything");
    assert_eq!(stays.sees(&patient).await, StatusCode::NOT_FOUND);
    assert_eq!(hospital.rebuild("patients.care").await, Some(3));
    assert_eq!(stays.sees(&patient).await, StatusCode::OK);
    assert_eq!(goes.sees(&patient).await, StatusCode::NOT_FOUND);
    hospital.is_sound().await;
}

/// The same facts said again, as after a restored backup of scheduling: nothing that
/// ended begins again.
#[tokio::test]
async fn hearing_of_an_appointment_again_changes_nothing() {
    let hospital = Hospital::open().await;
    let patient = hospital.somebody("Anna", "Schmidt", "1985-03-12").await;
    let doctor = hospital.doctor();
    let mut visit = hospital.book(&patient, &doctor).await;
    let booked = visit.clone();
    hospital.cancel(&mut visit).await;
    hospital.hear().await;
    hospital
        .scheduling_says(&AppointmentBooked {
            appointment: Some(booked.current()),
            replaces_id: String::new(),
        })
        .await;
    hospital.hear().await;
    assert_eq!(doctor.sees(&patient).await, StatusCode::NOT_FOUND);
}

/// What the live stream asks before it tells somebody of a patient.
#[tokio::test]
async fn other_services_are_told_whom_somebody_may_see() {
    let hospital = Hospital::open().await;
    let mut asked = Vec::new();
    for n in 0..4 {
        asked.push(
            hospital
                .somebody("Anna", "Schmidt", &format!("198{n}-03-12"))
                .await,
        );
    }
    let [booked, retired, broken, stranger] = &asked[..] else {
        panic!("four were registered");
    };
    let doctor = hospital.doctor();
    hospital.book(booked, &doctor).await;
    hospital.hear().await;
    assert_eq!(hospital.merge(retired, booked).await.status, StatusCode::OK);
    doctor.breaks_the_glass(broken, "Unconscious", 1).await;

    let peers = Peers::in_memory([("patients", hospital.patients.rpc().expect("it answers"))]);
    let mut client = CareDirectoryClient::new(peers.channel("patients"));
    let question = ListReachedRequest {
        practitioner_id: doctor.practitioner.to_string(),
        user_id: doctor.caller.principal().user_id.to_string(),
        patient_ids: asked
            .iter()
            .cloned()
            .chain([booked.clone(), hospital.clock.uuid().to_string()])
            .collect(),
    };
    let mut reached = async |question: ListReachedRequest| {
        let answer = client.list_reached(question).await.expect("an answer");
        answer
            .into_inner()
            .patient_ids
            .into_iter()
            .collect::<BTreeSet<_>>()
    };
    let expected = [booked, retired, broken].map(Clone::clone);
    assert_eq!(reached(question.clone()).await, BTreeSet::from(expected));
    hospital.clock.advance(jiff::SignedDuration::from_mins(1));
    let expected = [booked, retired].map(Clone::clone);
    assert_eq!(reached(question.clone()).await, BTreeSet::from(expected));
    assert!(!reached(question.clone()).await.contains(stranger));

    for wrong in [
        ListReachedRequest {
            practitioner_id: "x".to_owned(),
            ..question.clone()
        },
        ListReachedRequest {
            patient_ids: vec!["x".to_owned()],
            ..question.clone()
        },
        ListReachedRequest {
            patient_ids: vec![stranger.clone(); 1001],
            ..question
        },
    ] {
        let refused = client.list_reached(wrong).await.expect_err("it is refused");
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    }
}
