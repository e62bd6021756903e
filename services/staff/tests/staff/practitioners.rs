//! Registering, finding, changing and deactivating practitioners.

use galen_access::Role;
use galen_contracts::staff::v1::{PractitionerChanged, PractitionerRegistered};
use galen_kernel::Cursor;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hospital::{Hospital, all, id_of};

fn ada() -> Value {
    json!({
        "givenName": " Ada ", "familyName": "Yılmaz", "email": "ada@example.org", "specialty": "Cardiology",
        "licenseNumber": "TR-1", "department": "Heart centre",
        "identifiers": [{ "system": "npi", "value": "7" }],
    })
}

#[tokio::test]
async fn who_is_registered_can_be_read() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin();
    let registered = admin.post("/practitioners", ada()).await;
    let id = id_of(&registered);
    assert_eq!(registered.header("etag"), Some("\"1\""));
    assert_eq!(
        registered.header("location"),
        Some(format!("/api/v1/practitioners/{id}").as_str())
    );
    assert_eq!(
        registered.body["givenName"], "Ada",
        "blanks at the ends are cut"
    );

    let read = admin.get(&format!("/practitioners/{id}")).await;
    assert_eq!(read.body, registered.body);
    assert_eq!(
        admin
            .get(&format!("/practitioners/{}", Uuid::nil()))
            .await
            .status,
        StatusCode::NOT_FOUND
    );

    let told: Vec<PractitionerRegistered> = hospital.events(&id).await;
    assert_eq!(
        told,
        [PractitionerRegistered {
            practitioner_id: id,
            specialty: "Cardiology".into(),
            department: "Heart centre".into()
        }]
    );
}

#[tokio::test]
async fn a_repeated_request_registers_once() {
    let hospital = Hospital::open().await;
    let desk = hospital.admin().key("import-1");
    let first = desk.post("/practitioners", ada()).await;
    let again = desk.post("/practitioners", ada()).await;
    assert_eq!(
        (again.status, &again.bytes),
        (StatusCode::CREATED, &first.bytes)
    );
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn licence_identifier_and_account_belong_to_one() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin();
    let account = Uuid::now_v7();
    let mut first = ada();
    first["userId"] = json!(account);
    id_of(&admin.post("/practitioners", first).await);

    let again = admin.post("/practitioners", ada()).await;
    assert_eq!(
        (again.status, again.code()),
        (StatusCode::CONFLICT, Some("IDENTIFIER_EXISTS")),
        "asked before the licence"
    );
    let mut other = ada();
    other["identifiers"] = json!([]);
    assert_eq!(
        admin.post("/practitioners", other.clone()).await.code(),
        Some("LICENSE_NUMBER_EXISTS")
    );
    other["licenseNumber"] = json!("TR-2");
    other["userId"] = json!(account);
    assert_eq!(
        admin.post("/practitioners", other.clone()).await.code(),
        Some("USER_LINKED")
    );
    other["userId"] = Value::Null;
    let second = id_of(&admin.post("/practitioners", other).await);

    let change = async |body| admin.patch(&format!("/practitioners/{second}"), body).await;
    assert_eq!(
        change(json!({ "licenseNumber": "TR-1" })).await.code(),
        Some("LICENSE_NUMBER_EXISTS")
    );
    assert_eq!(
        change(json!({ "identifiers": [{ "system": "npi", "value": "7" }] }))
            .await
            .code(),
        Some("IDENTIFIER_EXISTS")
    );
    assert_eq!(
        change(json!({ "userId": account })).await.code(),
        Some("USER_LINKED")
    );
}

#[tokio::test]
async fn licence_address_and_account_are_shown_to_managers_and_oneself() {
    let hospital = Hospital::open().await;
    let mut body = ada();
    body["userId"] = json!(Uuid::now_v7());
    let id = id_of(&hospital.admin().post("/practitioners", body).await);
    let path = format!("/practitioners/{id}");
    let secrets =
        |view: &Value| ["email", "licenseNumber", "userId"].map(|field| view.get(field).is_some());

    assert_eq!(secrets(&hospital.admin().get(&path).await.body), [true; 3]);
    assert_eq!(
        secrets(&hospital.doctor(&id).get(&path).await.body),
        [true; 3]
    );
    for role in [Role::Receptionist, Role::Doctor, Role::Nurse, Role::Auditor] {
        let colleague = hospital.api.as_role(role);
        assert_eq!(
            secrets(&colleague.get(&path).await.body),
            [false; 3],
            "{role}"
        );
        assert_eq!(
            secrets(&colleague.get("/practitioners").await.body["items"][0]),
            [false; 3],
            "{role}"
        );
    }
}

#[tokio::test]
async fn only_managers_write_and_only_staff_reads() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let path = format!("/practitioners/{id}");
    for role in Role::ALL
        .iter()
        .copied()
        .filter(|role| *role != Role::Admin)
    {
        let caller = hospital.api.as_role(role);
        let reads = if matches!(role, Role::Patient | Role::Operator) {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::OK
        };
        assert_eq!(caller.get("/practitioners").await.status, reads, "{role}");
        assert_eq!(caller.get(&path).await.status, reads, "{role}");
        assert_eq!(
            caller.get(&format!("{path}/shifts")).await.status,
            reads,
            "{role}"
        );
        assert_eq!(
            caller.post("/practitioners", ada()).await.status,
            StatusCode::FORBIDDEN,
            "{role}"
        );
        assert_eq!(
            caller.patch(&path, json!({})).await.status,
            StatusCode::FORBIDDEN,
            "{role}"
        );
        assert_eq!(
            caller
                .post(&format!("{path}/deactivate"), Value::Null)
                .await
                .status,
            StatusCode::FORBIDDEN,
            "{role}"
        );
    }
    assert_eq!(
        hospital.api.anonymous().get("/practitioners").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn lists_follow_names_over_all_pages() {
    let hospital = Hospital::open().await;
    for family in ["Öztürk", "oduya", "Ödön", "Zhang", "Ångström", "Öztürk"] {
        hospital.practitioner(family).await;
    }
    let admin = hospital.admin();
    let mut names = Vec::new();
    let mut next = String::new();
    loop {
        let page = admin.get(&format!("/practitioners?limit=2{next}")).await;
        names.extend(all(&page, "familyName").into_iter().map(str::to_owned));
        match page.body["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(
        names,
        ["Ångström", "Ödön", "oduya", "Öztürk", "Öztürk", "Zhang"]
    );
}

#[tokio::test]
async fn every_filter_restricts() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin();
    id_of(&admin.post("/practitioners", ada()).await);
    let mut eve = ada();
    for (field, value) in [
        ("givenName", "Eve"),
        ("familyName", "O'Neill-Müller"),
        ("specialty", "Pädiatrie"),
        ("licenseNumber", "TR-2"),
    ] {
        eve[field] = json!(value);
    }
    eve["identifiers"] =
        json!([{ "system": "urn:x|y", "value": "7" }, { "system": "npi", "value": "8|9" }]);
    // A system with a bar in it cannot be asked for; a value with one can.
    let eve = id_of(&admin.post("/practitioners", eve).await);
    assert_eq!(
        admin
            .post(&format!("/practitioners/{eve}/deactivate"), Value::Null)
            .await
            .status,
        StatusCode::OK
    );

    for (query, expected) in [
        ("", vec!["Eve", "Ada"]),
        ("?query=muller", vec!["Eve"]),
        ("?query=EVE+o%27ne", vec!["Eve"]),
        ("?query=eve+yilmaz", vec![]),
        ("?query=%25", vec![]),
        ("?specialty=padiatrie", vec!["Eve"]),
        ("?specialty=Card", vec![]),
        ("?active=true", vec!["Ada"]),
        ("?active=false", vec!["Eve"]),
        ("?identifier=npi%7C7", vec!["Ada"]),
        ("?identifier=npi%7C8%7C9", vec!["Eve"]),
        ("?identifier=npi%7C10", vec![]),
        ("?identifier=npi%7C7&active=false", vec![]),
    ] {
        assert_eq!(
            all(
                &admin.get(&format!("/practitioners{query}")).await,
                "givenName"
            ),
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin();
    let body = json!({
        "givenName": " ", "familyName": "x".repeat(101), "email": "nobody", "specialty": "a\u{7}b", "licenseNumber": "", "department": "\u{2003}",
        "identifiers": [{ "system": "npi", "value": "" }, { "system": "npi", "value": "" }],
    });
    let refused = admin.post("/practitioners", body).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let wrong = [
        "/givenName",
        "/familyName",
        "/email",
        "/specialty",
        "/licenseNumber",
        "/department",
        "/identifiers/0/value",
        "/identifiers/1/value",
        "/identifiers",
    ];
    assert_eq!(refused.pointers(), wrong);

    for (query, pointer) in [
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("identifier=npi", "?identifier"),
        ("query=+", "?query"),
        ("speciality=x", "?speciality"),
        ("cursor=x", "?cursor"),
    ] {
        let refused = admin.get(&format!("/practitioners?{query}")).await;
        assert_eq!(
            (refused.status, refused.pointers().first().copied()),
            (StatusCode::BAD_REQUEST, Some(pointer)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_forged_cursor_is_refused() {
    let hospital = Hospital::open().await;
    let id = hospital.practitioner("Yılmaz").await;
    let admin = hospital.admin();
    let unstorable = Cursor::encode(&("a\0", "b", Uuid::nil()));
    assert_eq!(
        admin
            .get(&format!("/practitioners?cursor={unstorable}"))
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
    let ancient = Cursor::encode(&("-009000-01-01T00:00:00Z", Uuid::nil()));
    for list in ["shifts", "leaves"] {
        let refused = admin
            .get(&format!("/practitioners/{id}/{list}?cursor={ancient}"))
            .await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{list}");
    }
}

#[tokio::test]
async fn a_change_touches_what_it_names() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin();
    let before = admin.post("/practitioners", ada()).await;
    let id = id_of(&before);
    let path = format!("/practitioners/{id}");

    let changed = admin
        .if_match(1)
        .patch(&path, json!({ "specialty": "Surgery", "email": null }))
        .await;
    assert_eq!(
        (changed.status, changed.header("etag")),
        (StatusCode::OK, Some("\"2\""))
    );
    let mut expected = before.body.clone();
    expected["specialty"] = json!("Surgery");
    expected["version"] = json!(2);
    expected
        .as_object_mut()
        .expect("a view is an object")
        .remove("email");
    assert_eq!(changed.body, expected);
    assert_eq!(admin.get(&path).await.body, expected);

    assert_eq!(
        admin
            .if_match(1)
            .patch(&path, json!({ "specialty": "Oncology" }))
            .await
            .status,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(
        admin.patch(&path, json!({})).await.body,
        expected,
        "nothing to change"
    );
    assert_eq!(
        admin
            .patch(&path, json!({ "specialty": "Surgery" }))
            .await
            .body,
        expected,
        "already so"
    );
    let private = admin
        .patch(&path, json!({ "licenseNumber": "TR-9", "identifiers": [] }))
        .await;
    assert_eq!(
        (
            private.body["version"].as_i64(),
            private.body["identifiers"].as_array().map(Vec::len)
        ),
        (Some(3), Some(0))
    );

    let refused = admin.patch(&path, json!({ "givenName": null })).await;
    assert_eq!(
        (refused.status, refused.pointers()),
        (StatusCode::BAD_REQUEST, vec!["/givenName"])
    );
    let unknown = format!("/practitioners/{}", Uuid::nil());
    assert_eq!(
        admin
            .patch(&unknown, json!({ "specialty": "Surgery" }))
            .await
            .status,
        StatusCode::NOT_FOUND
    );

    let told: Vec<PractitionerChanged> = hospital.events(&id).await;
    assert_eq!(told.len(), 1, "others hear of what concerns them");
    assert_eq!(told[0].specialty, "Surgery");
}

#[tokio::test]
async fn whose_practice_ended_is_not_planned() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin();
    let id = hospital.practitioner("Yılmaz").await;
    let path = format!("/practitioners/{id}");
    let ended = admin.post(&format!("{path}/deactivate"), Value::Null).await;
    assert_eq!(
        (ended.status, ended.body["active"].as_bool()),
        (StatusCode::OK, Some(false))
    );
    assert_eq!(
        admin
            .post(&format!("{path}/deactivate"), Value::Null)
            .await
            .code(),
        Some("PRACTITIONER_INACTIVE")
    );

    let interval = json!({ "start": "2025-03-03T08:00:00Z", "end": "2025-03-03T16:00:00Z" });
    let mut shift = interval.clone();
    shift["kind"] = json!("CLINIC");
    assert_eq!(
        admin.post(&format!("{path}/shifts"), shift).await.code(),
        Some("PRACTITIONER_INACTIVE")
    );
    let mut leave = interval;
    leave["kind"] = json!("SICK");
    assert_eq!(
        admin.post(&format!("{path}/leaves"), leave).await.code(),
        Some("PRACTITIONER_INACTIVE")
    );
    assert_eq!(
        hospital.told(&id).await,
        ["practitioner-registered", "practitioner-deactivated"]
    );
}

#[tokio::test]
async fn of_two_who_register_the_same_one_succeeds() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin();
    let attempts = (0..8).map(|_| admin.post("/practitioners", ada()));
    let replies = futures::future::join_all(attempts).await;
    let created = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::CREATED)
        .count();
    let refused = replies
        .iter()
        .filter(|reply| reply.code() == Some("IDENTIFIER_EXISTS"))
        .count();
    assert_eq!((created, refused), (1, 7));
}
