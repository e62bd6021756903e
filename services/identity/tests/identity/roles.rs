//! Roles that the hospital makes: what they permit, who may make them, who has them.

use futures::future::join_all;
use galen_access::{Permission, Reach};
use galen_contracts::identity::v1::SessionsEnded;
use http::StatusCode;
use serde_json::{Value, json};

use crate::hospital::{ADMIN_PASSWORD, Hospital, PASSWORD, Tokens, nowhere, tokens};

fn clerk() -> Value {
    json!({
        "name": "WARD_CLERK",
        "description": "Knows who is on the ward.",
        "permissions": [
            { "permission": "PATIENT_READ", "reach": "CARE" },
            { "permission": "STAFF_READ", "reach": "ANY" },
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_the_hospital_is_given_like_a_built_in_one() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let made = admin.post("/roles", clerk()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.header("location"), Some("/api/v1/roles/WARD_CLERK"));
    assert_eq!(made.body["builtIn"], false);

    let user = hospital.hire(&admin, "clerk", &["WARD_CLERK"]).await;
    assert_eq!(user["roles"], json!(["WARD_CLERK"]));
    let session = hospital.log_in("clerk", PASSWORD).await;
    let principal = hospital.holder_of(&session);
    assert_eq!(principal.get("/users").await.status, StatusCode::FORBIDDEN);
    let verified = hospital.principal_of(&session);
    assert_eq!(verified.roles, []);
    assert_eq!(verified.reach(Permission::PatientRead), Some(Reach::Care));
    assert_eq!(verified.reach(Permission::StaffRead), Some(Reach::Any));
    assert_eq!(verified.reach(Permission::RecordRead), None);
    let me = principal.get("/auth/me").await.body;
    assert_eq!(me["permissions"], json!(["PATIENT_READ", "STAFF_READ"]));
    assert_eq!(hospital.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_role_is_in_the_next_token() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    admin.post("/roles", clerk()).await;
    hospital
        .hire(&admin, "clerk", &["NURSE", "WARD_CLERK"])
        .await;
    let session = hospital.log_in("clerk", PASSWORD).await;
    assert_eq!(
        hospital.principal_of(&session).reach(Permission::UserRead),
        None
    );
    let change = json!({
        "description": "Also sees accounts.",
        "permissions": [{ "permission": "USER_READ", "reach": "ANY" }],
    });
    let stale = admin
        .if_match(7)
        .put("/roles/WARD_CLERK", change.clone())
        .await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let changed = admin
        .if_match(1)
        .put("/roles/WARD_CLERK", change.clone())
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let same = admin.put("/roles/WARD_CLERK", change).await;
    assert_eq!(same.header("etag"), Some("\"2\""));
    let session = hospital.log_in("clerk", PASSWORD).await;
    let verified = hospital.principal_of(&session);
    assert_eq!(verified.reach(Permission::UserRead), Some(Reach::Any));
    assert_eq!(
        verified.reach(Permission::PatientRead),
        Some(Reach::Any),
        "as a nurse"
    );
    let listed = admin.get("/roles").await.body;
    let last = listed["items"].as_array().and_then(|items| items.last());
    assert_eq!(last, Some(&changed.body));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_a_role_that_may_more_than_they() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let with = |permission: &str, reach: &str| {
        let mut role = clerk();
        role["permissions"] = json!([{ "permission": permission, "reach": reach }]);
        role
    };
    let clinical = admin.post("/roles", with("RECORD_READ", "OWN")).await;
    assert_eq!(
        (clinical.status, clinical.code()),
        (StatusCode::FORBIDDEN, Some("ROLE_TOO_WIDE"))
    );
    // Whoever manages accounts by a role of the hospital's is no wider than it.
    let mut deputy = clerk();
    deputy["name"] = json!("DEPUTY");
    deputy["permissions"] = json!([
        { "permission": "USER_MANAGE", "reach": "ANY" },
        { "permission": "PATIENT_READ", "reach": "CARE" },
    ]);
    assert_eq!(
        admin.post("/roles", deputy).await.status,
        StatusCode::CREATED
    );
    hospital.hire(&admin, "deputy", &["DEPUTY"]).await;
    let deputy = hospital.holder_of(&hospital.log_in("deputy", PASSWORD).await);
    let wide = deputy.post("/roles", with("PATIENT_READ", "ANY")).await;
    assert_eq!(wide.code(), Some("ROLE_TOO_WIDE"));
    let narrow = deputy.post("/roles", with("PATIENT_READ", "OWN")).await;
    assert_eq!(narrow.status, StatusCode::CREATED);
    let widened = json!({
        "description": "x",
        "permissions": [{ "permission": "OPS_READ", "reach": "ANY" }],
    });
    let widened = deputy.put("/roles/WARD_CLERK", widened).await;
    assert_eq!(widened.code(), Some("ROLE_TOO_WIDE"));
    hospital.hire(&admin, "nurse", &["NURSE"]).await;
    let nurse = hospital.holder_of(&hospital.log_in("nurse", PASSWORD).await);
    assert_eq!(
        nurse.post("/roles", clerk()).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_roles_are_refused_precisely() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    for (field, value, pointer) in [
        ("name", json!("ward clerk"), "/name"),
        ("description", json!(" "), "/description"),
        ("description", json!("a\u{7}b"), "/description"),
        ("permissions", json!([]), "/permissions"),
        (
            "permissions",
            json!([{ "permission": "FLY", "reach": "ANY" }]),
            "/permissions/0/permission",
        ),
        (
            "permissions",
            json!([{ "permission": "USER_READ", "reach": "OWN" }]),
            "/permissions/0/reach",
        ),
    ] {
        let mut role = clerk();
        role[field] = value;
        let reply = admin.post("/roles", role.clone()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{role}");
        assert_eq!(reply.pointers(), [pointer], "{role}");
    }
    let mut built_in = clerk();
    built_in["name"] = json!("NURSE");
    assert_eq!(
        admin.post("/roles", built_in).await.code(),
        Some("ROLE_NAME_TAKEN")
    );
    assert_eq!(
        admin.post("/roles", clerk()).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        admin.post("/roles", clerk()).await.code(),
        Some("ROLE_NAME_TAKEN")
    );
    let mut change = clerk();
    change.as_object_mut().expect("an object").remove("name");
    assert_eq!(
        admin.put("/roles/NURSE", change.clone()).await.code(),
        Some("ROLE_IS_BUILT_IN")
    );
    for nothing in ["/roles/NO_SUCH_ROLE", "/roles/x", "/roles/%00"] {
        let reply = admin.put(nothing, change.clone()).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{nothing}");
    }
    let reply = admin
        .post(
            "/users",
            json!({ "username": "somebody", "roles": ["NURSE", "NO_SUCH_ROLE"] }),
        )
        .await;
    assert_eq!(reply.pointers(), ["/roles/1"]);
    let nobody = format!("/users/{}", nowhere());
    let reply = admin
        .patch(&nobody, json!({ "roles": ["NO_SUCH_ROLE"] }))
        .await;
    assert_eq!(reply.pointers(), ["/roles/0"]);
}

/// What the role permits from now on.
fn narrowed() -> Value {
    json!({
        "description": "Knows who works here.",
        "permissions": [{ "permission": "STAFF_READ", "reach": "ANY" }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_role_ends_the_sessions_of_its_holders() {
    let hospital = Hospital::open().await;
    let held = hospital.log_in("admin", ADMIN_PASSWORD).await;
    let admin = hospital.holder_of(&held);
    admin.post("/roles", clerk()).await;
    hospital.hire(&admin, "clerk", &["WARD_CLERK"]).await;
    hospital
        .hire(&admin, "nurse", &["NURSE", "WARD_CLERK"])
        .await;
    hospital.hire(&admin, "doctor", &["DOCTOR"]).await;
    let (first, second) = (
        hospital.log_in("clerk", PASSWORD).await,
        hospital.log_in("clerk", PASSWORD).await,
    );
    let (nurse, doctor) = (
        hospital.log_in("nurse", PASSWORD).await,
        hospital.log_in("doctor", PASSWORD).await,
    );
    let status = async |of: &Tokens| hospital.holder_of(of).get("/auth/me").await.status;

    let mut described = clerk();
    described.as_object_mut().expect("an object").remove("name");
    described["description"] = json!("Another text.");
    let changed = admin.put("/roles/WARD_CLERK", described).await;
    assert_eq!(changed.status, StatusCode::OK);
    for kept in [&first, &second, &nurse, &doctor, &held] {
        assert_eq!(status(kept).await, StatusCode::OK, "it permits the same");
    }

    let changed = admin.put("/roles/WARD_CLERK", narrowed()).await;
    assert_eq!(changed.status, StatusCode::OK);
    for ended in [&first, &second, &nurse] {
        assert_eq!(status(ended).await, StatusCode::UNAUTHORIZED);
        let renewed = hospital.refresh(&ended.refresh).await;
        assert_eq!(renewed.status, StatusCode::UNAUTHORIZED);
    }
    for kept in [&doctor, &held] {
        assert_eq!(status(kept).await, StatusCode::OK);
    }
    let told = hospital.published_of::<SessionsEnded>().await;
    let mut sizes: Vec<usize> = told
        .iter()
        .map(|event| event["sessionIds"].as_array().map_or(0, Vec::len))
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2], "each account is told of once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_beside_a_change_of_its_role_does_not_keep_what_it_permitted() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    admin.post("/roles", clerk()).await;
    hospital.hire(&admin, "clerk", &["WARD_CLERK"]).await;
    let mut wide = clerk();
    wide.as_object_mut().expect("an object").remove("name");
    for _ in 0..4 {
        let before = hospital.log_in("clerk", PASSWORD).await;
        let logins = join_all((0..4).map(|_| hospital.log_in("clerk", PASSWORD)));
        let refreshed = hospital.refresh(&before.refresh);
        let change = admin.put("/roles/WARD_CLERK", narrowed());
        let (mut opened, refreshed, changed) = tokio::join!(logins, refreshed, change);
        assert_eq!(changed.status, StatusCode::OK);
        opened.push(before);
        if refreshed.status == StatusCode::OK {
            opened.push(tokens(&refreshed, StatusCode::OK));
        }
        for held in &opened {
            let verified = hospital
                .platform
                .keys
                .verify(&held.access, hospital.clock.now());
            if let Ok(principal) = verified {
                assert_eq!(principal.reach(Permission::PatientRead), None);
            }
        }
        assert_eq!(
            admin.put("/roles/WARD_CLERK", wide.clone()).await.status,
            StatusCode::OK
        );
    }
}
