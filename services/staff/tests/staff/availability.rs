//! Whether somebody works, over REST and gRPC.

use galen_access::Role;
use galen_contracts::convert::to_wire;
use galen_contracts::staff::v1::staff_directory_client::StaffDirectoryClient;
use galen_contracts::staff::v1::{CheckAvailabilityRequest, GetPractitionersRequest};
use galen_service::{Peers, Service as _};
use http::StatusCode;
use serde_json::{Value, json};
use tonic::Code;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::hospital::{Hospital, at, shift};

fn directory(hospital: &Hospital) -> StaffDirectoryClient<Channel> {
    let routes = hospital.staff.rpc().expect("staff answers questions");
    StaffDirectoryClient::new(Peers::in_memory([("staff", routes)]).channel("staff"))
}

#[tokio::test]
async fn shifts_and_leave_decide() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    hospital
        .clinic(&id, "2025-03-10T08:00:00Z", "2025-03-10T16:00:00Z")
        .await;
    let night = shift("2025-03-10T16:00:00Z", "2025-03-11T06:00:00Z", "NIGHT");
    assert_eq!(
        hospital
            .admin()
            .post(&format!("/practitioners/{id}/shifts"), night)
            .await
            .status,
        StatusCode::CREATED
    );
    let leave = hospital
        .leave(&id, "2025-03-11T00:00:00Z", "2025-03-12T00:00:00Z")
        .await;

    let patient = hospital.api.as_role(Role::Patient);
    let ask = async |start: &str, end: &str, service: &str| {
        let query =
            format!("start=2025-03-{start}:00Z&end=2025-03-{end}:00Z&serviceType={service}");
        let reply = patient
            .get(&format!("/practitioners/{id}/availability?{query}"))
            .await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        (
            reply.body["available"].as_bool().expect("yes or no"),
            reply.body["reasonCode"].as_str().map(str::to_owned),
        )
    };
    let no = |reason: &str| (false, Some(reason.to_owned()));
    assert_eq!(
        ask("10T15:30", "10T16:30", "CONSULTATION").await,
        (true, None),
        "clinic and night join"
    );
    assert_eq!(
        ask("10T07:30", "10T08:30", "CONSULTATION").await,
        no("OUTSIDE_SHIFT")
    );
    assert_eq!(
        ask("10T09:00", "10T10:00", "SURGERY").await,
        no("OUTSIDE_SHIFT")
    );
    assert_eq!(
        ask("11T01:00", "11T02:00", "FOLLOW_UP").await,
        (true, None),
        "only asked for"
    );

    let decide = async |verb: &str| {
        hospital
            .admin()
            .post(
                &format!("/practitioners/{id}/leaves/{leave}/{verb}"),
                Value::Null,
            )
            .await
            .status
    };
    assert_eq!(decide("approve").await, StatusCode::OK);
    assert_eq!(
        ask("11T01:00", "11T02:00", "FOLLOW_UP").await,
        no("ON_LEAVE")
    );
    assert_eq!(
        ask("10T23:00", "11T00:00", "FOLLOW_UP").await,
        (true, None),
        "up to the first moment of the leave"
    );
    assert_eq!(decide("withdraw").await, StatusCode::OK);
    assert_eq!(ask("11T01:00", "11T02:00", "FOLLOW_UP").await, (true, None));

    let ended = hospital
        .admin()
        .post(&format!("/practitioners/{id}/deactivate"), Value::Null)
        .await;
    assert_eq!(ended.status, StatusCode::OK);
    assert_eq!(
        ask("10T09:00", "10T10:00", "CONSULTATION").await,
        no("INACTIVE")
    );
}

#[tokio::test]
async fn a_long_shift_from_the_day_before_counts() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    hospital
        .clinic(&id, "2025-03-10T00:00:00Z", "2025-03-11T12:00:00Z")
        .await;
    let path = format!(
        "/practitioners/{id}/availability?start=2025-03-11T11:59:00Z&end=2025-03-11T12:00:00Z&serviceType=PROCEDURE"
    );
    assert_eq!(
        hospital.admin().get(&path).await.body,
        json!({ "available": true })
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let admin = hospital.admin();
    for (query, pointer) in [
        (
            "start=2025-03-10T08:00:00Z&end=2025-03-10T08:00:00Z&serviceType=SURGERY",
            "?end",
        ),
        (
            "start=2025-03-10T08:00:00Z&end=2025-03-17T08:00:01Z&serviceType=SURGERY",
            "?end",
        ),
        (
            "start=-000001-03-10T08:00:00Z&end=2025-03-17T08:00:00Z&serviceType=SURGERY",
            "?start",
        ),
        (
            "start=2025-03-10T08:00:00Z&end=2025-03-10T09:00:00Z&serviceType=HAIRCUT",
            "?serviceType",
        ),
        (
            "start=2025-03-10T08:00:00Z&end=2025-03-10T09:00:00Z",
            "?serviceType",
        ),
    ] {
        let refused = admin
            .get(&format!("/practitioners/{id}/availability?{query}"))
            .await;
        assert_eq!(
            (refused.status, refused.pointers()),
            (StatusCode::BAD_REQUEST, vec![pointer]),
            "{query}"
        );
    }
    let query = "start=2025-03-10T08:00:00Z&end=2025-03-10T09:00:00Z&serviceType=SURGERY";
    let nobody = admin
        .get(&format!(
            "/practitioners/{}/availability?{query}",
            Uuid::nil()
        ))
        .await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    let billing = hospital
        .api
        .as_role(Role::Billing)
        .get(&format!("/practitioners/{id}/availability?{query}"))
        .await;
    assert_eq!(billing.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn other_services_ask_for_names() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let other = hospital.practitioner("Öztürk").await;
    let mut directory = directory(&hospital);
    let wanted = vec![id.clone(), Uuid::nil().to_string(), other];
    let known = directory
        .get_practitioners(GetPractitionersRequest {
            practitioner_ids: wanted,
        })
        .await
        .expect("an answer");
    let mut names: Vec<String> = known
        .into_inner()
        .practitioners
        .into_iter()
        .map(|p| p.family_name)
        .collect();
    names.sort();
    assert_eq!(names, ["Yılmaz", "Öztürk"]);

    let too_many = GetPractitionersRequest {
        practitioner_ids: vec![id; 501],
    };
    assert_eq!(
        directory
            .get_practitioners(too_many)
            .await
            .expect_err("too many")
            .code(),
        Code::InvalidArgument
    );
    let malformed = GetPractitionersRequest {
        practitioner_ids: vec!["somebody".into()],
    };
    assert_eq!(
        directory
            .get_practitioners(malformed)
            .await
            .expect_err("no id")
            .code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn other_services_ask_who_works() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    hospital
        .clinic(&id, "2025-03-10T08:00:00Z", "2025-03-10T16:00:00Z")
        .await;
    let mut directory = directory(&hospital);
    let question = CheckAvailabilityRequest {
        practitioner_id: id,
        start: Some(to_wire(at("2025-03-10T09:00:00Z"))),
        end: Some(to_wire(at("2025-03-10T10:00:00Z"))),
        service_type: "VACCINATION".into(),
    };
    let yes = directory
        .check_availability(question.clone())
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!((yes.available, yes.reason_code.as_str()), (true, ""));
    let unknown = CheckAvailabilityRequest {
        practitioner_id: Uuid::nil().to_string(),
        ..question.clone()
    };
    let no = directory
        .check_availability(unknown)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!((no.available, no.reason_code.as_str()), (false, "UNKNOWN"));

    for wrong in [
        CheckAvailabilityRequest {
            practitioner_id: String::new(),
            ..question.clone()
        },
        CheckAvailabilityRequest {
            start: None,
            ..question.clone()
        },
        CheckAvailabilityRequest {
            end: question.start,
            ..question.clone()
        },
        CheckAvailabilityRequest {
            end: Some(to_wire(at("2025-04-10T10:00:00Z"))),
            ..question.clone()
        },
        CheckAvailabilityRequest {
            service_type: "HAIRCUT".into(),
            ..question.clone()
        },
    ] {
        assert_eq!(
            directory
                .check_availability(wrong.clone())
                .await
                .expect_err("wrong")
                .code(),
            Code::InvalidArgument,
            "{wrong:?}"
        );
    }
}
