//! Lists of appointments, and what other services may ask.

use galen_contracts::convert::to_wire;
use galen_contracts::scheduling::v1::ListOpenAppointmentsRequest;
use galen_contracts::scheduling::v1::schedule_client::ScheduleClient;
use galen_service::{Peers, Service as _};
use serde_json::{Value, json};

use crate::hospital::{Hospital, at, minutes};

fn ids(body: &Value) -> Vec<String> {
    body["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[tokio::test]
async fn lists_are_filtered_and_paged_by_start() {
    let hospital = Hospital::open().await;
    let (one, other) = (hospital.practitioner().await, hospital.practitioner().await);
    let (ann, bob) = (hospital.patient(), hospital.patient());
    let mut all = Vec::new();
    for n in 0..6 {
        let (patient, practitioner) = if n % 2 == 0 { (ann, one) } else { (bob, other) };
        all.push(
            hospital
                .booked(patient, practitioner, at(2, 9, 0) + minutes(30 * n))
                .await,
        );
    }
    let desk = hospital.desk();
    desk.post(&format!("/appointments/{}/cancel", all[0]), json!({}))
        .await;
    let list = async |filter: String| ids(&desk.get(&format!("/appointments?{filter}")).await.body);
    let pick =
        |places: &[usize]| -> Vec<String> { places.iter().map(|n| all[*n].clone()).collect() };
    assert_eq!(list(String::new()).await, all);
    assert_eq!(list(format!("patientId={ann}")).await, pick(&[0, 2, 4]));
    assert_eq!(
        list(format!("practitionerId={other}")).await,
        pick(&[1, 3, 5])
    );
    assert_eq!(
        list(format!("patientId={ann}&practitionerId={other}")).await,
        pick(&[])
    );
    assert_eq!(
        list(format!("from={}&to={}", at(2, 9, 30), at(2, 10, 30))).await,
        pick(&[1, 2])
    );
    assert_eq!(list("status=CANCELLED".to_owned()).await, pick(&[0]));
    assert_eq!(
        list(format!(
            "patientId={ann}&status=BOOKED&needsReschedule=false"
        ))
        .await,
        pick(&[2, 4])
    );
    assert_eq!(list("needsReschedule=true".to_owned()).await, pick(&[]));
    for filter in [
        String::new(),
        format!("patientId={ann}&"),
        format!("practitionerId={one}&"),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = desk
                .get(&format!("/appointments?{filter}limit=2{cursor}"))
                .await
                .body;
            seen.extend(ids(&page));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, list(filter.trim_end_matches('&').to_owned()).await);
    }
}

#[tokio::test]
async fn other_services_see_what_is_open() {
    let hospital = Hospital::open().await;
    let practitioner = hospital.practitioner().await;
    let mut all = Vec::new();
    for n in 0..4 {
        all.push(
            hospital
                .booked(
                    hospital.patient(),
                    practitioner,
                    at(2, 9, 0) + minutes(30 * n),
                )
                .await,
        );
    }
    hospital
        .desk()
        .post(&format!("/appointments/{}/cancel", all[1]), json!({}))
        .await;
    hospital
        .desk()
        .post(&format!("/appointments/{}/check-in", all[2]), Value::Null)
        .await;
    let peers = Peers::in_memory([(
        "scheduling",
        hospital.service.rpc().expect("scheduling answers"),
    )]);
    let mut client = ScheduleClient::new(peers.channel("scheduling"));
    let question = |start, end| ListOpenAppointmentsRequest {
        practitioner_id: practitioner.to_string(),
        start: Some(to_wire(start)),
        end: Some(to_wire(end)),
    };
    let open = client
        .list_open_appointments(question(at(2, 9, 15), at(2, 10, 30)))
        .await
        .expect("an answer")
        .into_inner();
    let open: Vec<(String, String)> = open
        .appointments
        .into_iter()
        .map(|a| (a.appointment_id, a.status))
        .collect();
    assert_eq!(
        open,
        [
            (all[0].clone(), "BOOKED".to_owned()),
            (all[2].clone(), "CHECKED_IN".to_owned())
        ]
    );
    let nonsense = client
        .list_open_appointments(question(at(2, 10, 0), at(2, 10, 0)))
        .await
        .expect_err("no interval");
    assert_eq!(nonsense.code(), tonic::Code::InvalidArgument);
}
