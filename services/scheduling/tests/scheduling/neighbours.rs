//! What happens when records are closed, merged and restored.

use galen_contracts::patients::v1::{
    PatientDeactivated, PatientErased, PatientStatus, PatientsMerged, PatientsUnmerged,
};
use serde_json::{Value, json};

use crate::hospital::{Hospital, at, minutes, order};

#[tokio::test]
async fn nothing_stays_booked_or_waiting_for_a_closed_record() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let (patient, waiting) = (hospital.patient(), hospital.patient());
    let past = hospital.booked(patient, practitioner, at(2, 8, 0)).await;
    let arrived = hospital.booked(patient, practitioner, at(2, 9, 0)).await;
    let ahead = hospital.booked(patient, practitioner, at(2, 14, 0)).await;
    hospital
        .desk()
        .post(&format!("/appointments/{arrived}/check-in"), Value::Null)
        .await;
    let entry = |patient| json!({ "patientId": patient, "practitionerId": practitioner, "serviceType": "CONSULTATION", "earliest": at(2, 0, 0), "latest": at(4, 0, 0) });
    let gone = hospital.desk().post("/waitlist", entry(patient)).await.body["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let next = hospital.desk().post("/waitlist", entry(waiting)).await.body["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    hospital.pass(minutes(150)).await;
    hospital.record_is(patient, PatientStatus::Inactive, None);
    hospital
        .patients_tell(&PatientDeactivated {
            patient_id: patient.to_string(),
            reason_code: "MOVED".into(),
        })
        .await;
    hospital.settle().await;
    assert_eq!(
        hospital.appointment(&past).await["status"],
        "BOOKED",
        "what has begun is left to the desk"
    );
    assert_eq!(hospital.appointment(&arrived).await["status"], "CHECKED_IN");
    let cancelled = hospital.appointment(&ahead).await;
    assert_eq!(
        cancelled["cancellation"],
        json!({ "reasonCode": "PATIENT_DEACTIVATED", "by": "SYSTEM" })
    );
    assert_eq!(
        hospital.desk().get(&format!("/waitlist/{gone}")).await.body["status"],
        "WITHDRAWN"
    );
    let offered = hospital.desk().get(&format!("/waitlist/{next}")).await.body;
    assert_eq!(
        offered["offer"]["start"],
        json!(at(2, 14, 0)),
        "the freed time is offered on"
    );
    let refused = hospital.book(patient, practitioner, at(2, 15, 0)).await;
    assert_eq!(
        refused.code(),
        Some("PATIENT_INACTIVE"),
        "also when it was active a second ago"
    );
    hospital.verify().await;
}

#[tokio::test]
async fn merged_records_are_one_person_until_they_are_not() {
    let hospital = Hospital::open().await;
    let (one, other) = (hospital.practitioner().await, hospital.practitioner().await);
    let (survivor, retired) = (hospital.patient(), hospital.patient());
    let early = hospital.booked(retired, one, at(2, 9, 0)).await;
    let late = hospital.booked(survivor, one, at(2, 11, 0)).await;
    let both = hospital.booked(retired, other, at(2, 11, 15)).await;
    hospital.record_is(retired, PatientStatus::Merged, Some(survivor));
    let merge = PatientsMerged {
        survivor_id: survivor.to_string(),
        retired_id: retired.to_string(),
        merge_id: hospital.clock.uuid().to_string(),
    };
    hospital.patients_tell(&merge).await;
    hospital.settle().await;
    let found = async |id| {
        let body = hospital
            .desk()
            .get(&format!("/appointments?patientId={id}"))
            .await
            .body;
        let items = body["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["id"].as_str().expect("an id").to_owned());
        items.collect::<Vec<_>>()
    };
    assert_eq!(
        found(survivor).await,
        [early.clone(), late.clone(), both.clone()]
    );
    assert_eq!(
        found(retired).await,
        [early.clone(), late.clone(), both.clone()]
    );
    let twice = hospital.appointment(&both).await;
    assert_eq!(
        (&twice["needsReschedule"], &twice["needsRescheduleReason"]),
        (&json!(true), &json!("PATIENT_BUSY"))
    );
    assert!(
        hospital
            .told(&both)
            .await
            .contains(&"appointment-needs-reschedule".to_owned())
    );
    let busy = hospital.book(survivor, other, at(2, 9, 15)).await;
    assert_eq!(busy.code(), Some("PATIENT_BUSY"), "one person, one place");
    let own = hospital.api.as_patient(survivor);
    assert_eq!(own.get(&format!("/appointments/{early}")).await.status, 200);
    assert_eq!(
        own.post(&format!("/appointments/{early}/confirm"), Value::Null)
            .await
            .status,
        200
    );
    hospital.verify().await;

    hospital.record_is(retired, PatientStatus::Active, None);
    let unmerge = PatientsUnmerged {
        survivor_id: survivor.to_string(),
        restored_id: retired.to_string(),
        merge_id: merge.merge_id,
    };
    hospital.patients_tell(&unmerge).await;
    hospital.settle().await;
    assert_eq!(found(survivor).await, [late]);
    assert_eq!(found(retired).await, [early, both]);
    assert_eq!(
        hospital.book(survivor, other, at(2, 9, 15)).await.status,
        201
    );
    hospital.verify().await;
}

#[tokio::test]
async fn chains_of_merges_are_followed_and_undone_one_by_one() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let (a, b, c) = (hospital.patient(), hospital.patient(), hospital.patient());
    for (patient, hour) in [(a, 9), (b, 10), (c, 11)] {
        hospital.booked(patient, practitioner, at(2, hour, 0)).await;
    }
    for (retired, survivor) in [(a, b), (b, c)] {
        let merge_id = hospital.clock.uuid().to_string();
        hospital
            .patients_tell(&PatientsMerged {
                survivor_id: survivor.to_string(),
                retired_id: retired.to_string(),
                merge_id,
            })
            .await;
        hospital.settle().await;
    }
    let count = async |id| {
        hospital
            .desk()
            .get(&format!("/appointments?patientId={id}"))
            .await
            .body["items"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(
        (count(a).await, count(b).await, count(c).await),
        (Some(3), Some(3), Some(3))
    );
    hospital
        .patients_tell(&PatientsUnmerged {
            survivor_id: c.to_string(),
            restored_id: b.to_string(),
            merge_id: "x".into(),
        })
        .await;
    hospital.settle().await;
    assert_eq!(
        (count(a).await, count(b).await, count(c).await),
        (Some(2), Some(2), Some(1))
    );
    hospital.verify().await;
}

#[tokio::test]
async fn why_somebody_came_goes_when_they_are_erased_and_that_they_came_stays() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let (patient, other) = (hospital.patient(), hospital.patient());
    let booked = async |patient, start| {
        let mut wish = order(patient, practitioner, start, 30);
        wish["reason"] = "zq-reason".into();
        let reply = hospital.desk().post("/appointments", wish).await;
        assert_eq!(reply.body["reason"], "zq-reason", "{}", reply.body);
        reply.body["id"].as_str().expect("an id").to_owned()
    };
    let past = booked(patient, at(2, 8, 0)).await;
    let ahead = booked(patient, at(2, 14, 0)).await;
    let others = booked(other, at(2, 15, 0)).await;
    hospital.pass(minutes(150)).await;
    for _ in 0..2 {
        hospital
            .patients_tell(&PatientErased {
                patient_id: patient.to_string(),
            })
            .await;
        hospital.settle().await;
    }
    let past = hospital.appointment(&past).await;
    assert_eq!(
        (&past["status"], &past["reason"]),
        (&json!("BOOKED"), &json!(null))
    );
    let ahead = hospital.appointment(&ahead).await;
    assert_eq!(
        (&ahead["cancellation"]["reasonCode"], &ahead["reason"]),
        (&json!("PATIENT_ERASED"), &json!(null))
    );
    assert_eq!(hospital.appointment(&others).await["reason"], "zq-reason");
    hospital.verify().await;
}
