//! The administration of accounts.

use futures::future::join_all;
use galen_contracts::identity::v1::{CredentialLinkRequested, UserChanged, UserProvisioned};
use http::StatusCode;
use serde_json::{Value, json};

use crate::hospital::{ADMIN_PASSWORD, Hospital, PASSWORD, new_id, nowhere, tokens};

fn path(user: &Value) -> String {
    format!("/users/{}", user["id"].as_str().expect("an id"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_makes_accounts_that_work() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let practitioner = new_id(&hospital);
    let body = json!({
        "username": "Dr.Brandt", "password": PASSWORD, "roles": ["DOCTOR", "DOCTOR"],
        "email": "brandt@example.org", "practitionerId": practitioner,
    });
    let made = admin.post("/users", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert_eq!(
        made.header("location"),
        Some(format!("/api/v1{}", path(&made.body)).as_str())
    );
    assert_eq!(made.body["username"], "dr.brandt");
    assert_eq!(made.body["roles"], json!(["DOCTOR"]));
    assert_eq!(admin.get(&path(&made.body)).await.body, made.body);

    let me = hospital
        .me(&hospital.log_in("dr.brandt", PASSWORD).await)
        .await;
    assert_eq!(me["practitionerId"], json!(practitioner));
    assert!(
        me["permissions"]
            .as_array()
            .is_some_and(|all| all.contains(&json!("RECORD_WRITE")))
    );
    assert_eq!(
        hospital.published_of::<UserProvisioned>().await,
        [json!({ "userId": made.body["id"] })]
    );
    assert_eq!(
        hospital
            .published_of::<CredentialLinkRequested>()
            .await
            .len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practitioner_has_one_account_and_a_name_is_taken_once() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let practitioner = new_id(&hospital);
    let body = |name: &str| json!({ "username": name, "roles": ["DOCTOR"], "practitionerId": practitioner });
    assert_eq!(
        admin.post("/users", body("first")).await.status,
        StatusCode::CREATED
    );
    let second = admin.post("/users", body("second")).await;
    assert_eq!(
        (second.status, second.code()),
        (StatusCode::CONFLICT, Some("PRACTITIONER_HAS_ACCOUNT"))
    );
    let again = admin
        .post(
            "/users",
            json!({ "username": "FIRST", "roles": ["NURSE"], "password": PASSWORD }),
        )
        .await;
    assert_eq!(
        (again.status, again.code()),
        (StatusCode::CONFLICT, Some("USERNAME_TAKEN"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_manage_accounts() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let user = hospital.hire(&admin, "nurse", &["NURSE"]).await;
    let nurse = hospital.holder_of(&hospital.log_in("nurse", PASSWORD).await);
    for status in [
        nurse.get("/users").await.status,
        nurse.get(&path(&user)).await.status,
        nurse
            .patch(&path(&user), json!({ "roles": ["ADMIN"] }))
            .await
            .status,
        nurse
            .post(
                "/users",
                json!({ "username": "mallory", "roles": ["ADMIN"] }),
            )
            .await
            .status,
        nurse.get("/roles").await.status,
    ] {
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
    assert_eq!(
        hospital.api.anonymous().get("/users").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_and_its_version_checked() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let user = hospital.hire(&admin, "nurse", &["NURSE"]).await;
    let changed = admin
        .if_match(1)
        .patch(&path(&user), json!({ "roles": ["NURSE", "PHARMACIST"] }))
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let stale = admin
        .if_match(1)
        .patch(&path(&user), json!({ "roles": ["NURSE"] }))
        .await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let same = admin.patch(&path(&user), json!({})).await;
    assert_eq!(
        (same.status, &same.body["version"]),
        (StatusCode::OK, &json!(2))
    );
    let address = admin
        .patch(&path(&user), json!({ "email": "nurse@example.org" }))
        .await;
    assert_eq!(address.body["email"], "nurse@example.org");
    let none = admin.patch(&path(&user), json!({ "email": null })).await;
    assert_eq!(none.body["email"], json!(null));
    assert_eq!(
        hospital.published_of::<UserChanged>().await,
        [json!({ "userId": user["id"] })]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_changes_are_refused_precisely() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let user = hospital.hire(&admin, "nurse", &["NURSE"]).await;
    for (body, pointer) in [
        (json!({ "roles": [] }), "/roles"),
        (json!({ "roles": ["KING"] }), "/roles/0"),
        (json!({ "roles": null }), "/roles"),
        (json!({ "locked": "yes" }), "/locked"),
        (json!({ "email": "nowhere" }), "/email"),
        (json!({ "practitionerId": "x" }), "/practitionerId"),
    ] {
        let reply = admin.patch(&path(&user), body.clone()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(reply.pointers(), [pointer], "{body}");
    }
    assert_eq!(
        admin
            .patch(&path(&user), json!({ "username": "other" }))
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
    let nobody = format!("/users/{}", nowhere());
    assert_eq!(
        admin.patch(&nobody, json!({ "locked": true })).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(admin.get(&nobody).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_is_out_at_once_and_back_when_unlocked() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let user = hospital.hire(&admin, "nurse", &["NURSE"]).await;
    let session = hospital.log_in("nurse", PASSWORD).await;
    admin.patch(&path(&user), json!({ "locked": true })).await;
    assert_eq!(
        hospital.refresh(&session.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        hospital.try_log_in("nurse", PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    admin.patch(&path(&user), json!({ "locked": false })).await;
    assert_eq!(
        hospital.refresh(&session.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    hospital.log_in("nurse", PASSWORD).await;
    assert_eq!(hospital.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_beats_the_logins_and_refreshes_beside_it() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    for round in 0..3 {
        let name = format!("nurse-{round}");
        let user = hospital.hire(&admin, &name, &["NURSE"]).await;
        let session = hospital.log_in(&name, PASSWORD).await;
        let lock = admin.patch(&path(&user), json!({ "locked": true })).await;
        let logins = join_all((0..4).map(|_| hospital.try_log_in(&name, PASSWORD)));
        let (refreshed, logins) = tokio::join!(hospital.refresh(&session.refresh), logins);
        assert_eq!(lock.status, StatusCode::OK);
        for reply in logins.iter().chain([&refreshed]) {
            assert_ne!(reply.status, StatusCode::OK);
        }
        assert_eq!(hospital.complaints().await, Vec::<String>::new());
    }
    // The same with everything at once: whoever got in before the lock is out after it.
    for round in 0..3 {
        let name = format!("doctor-{round}");
        let user = hospital.hire(&admin, &name, &["DOCTOR"]).await;
        let logins = join_all((0..4).map(|_| hospital.try_log_in(&name, PASSWORD)));
        let location = path(&user);
        let (lock, logins) =
            tokio::join!(admin.patch(&location, json!({ "locked": true })), logins);
        assert_eq!(lock.status, StatusCode::OK);
        for login in logins.iter().filter(|reply| reply.status == StatusCode::OK) {
            let refresh = tokens(login, StatusCode::OK).refresh;
            assert_eq!(
                hospital.refresh(&refresh).await.status,
                StatusCode::UNAUTHORIZED
            );
        }
        assert_eq!(hospital.complaints().await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    let me = path(
        &hospital
            .me(&hospital.log_in("admin", ADMIN_PASSWORD).await)
            .await,
    );
    // Neither a locked one nor one who cannot log in is of any help.
    let locked = hospital.hire(&admin, "locked", &["ADMIN"]).await;
    admin.patch(&path(&locked), json!({ "locked": true })).await;
    admin
        .post(
            "/users",
            json!({ "username": "no-password", "roles": ["ADMIN"] }),
        )
        .await;
    for change in [json!({ "roles": ["NURSE"] }), json!({ "locked": true })] {
        let reply = admin.patch(&me, change).await;
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::CONFLICT, Some("LAST_ADMINISTRATOR"))
        );
    }
    hospital.hire(&admin, "deputy", &["ADMIN"]).await;
    assert_eq!(
        admin.patch(&me, json!({ "roles": ["NURSE"] })).await.status,
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_administrators_who_demote_each_other_one_stays() {
    let hospital = Hospital::open().await;
    let first = path(
        &hospital
            .me(&hospital.log_in("admin", ADMIN_PASSWORD).await)
            .await,
    );
    for round in 0..8 {
        // Other roles end all sessions of their account.
        let admin = hospital.admin().await;
        // Whoever stayed makes the other one an administrator again.
        let second = if round == 0 {
            path(&hospital.hire(&admin, "deputy", &["ADMIN"]).await)
        } else {
            let users = admin.get("/users?username=deputy").await.body;
            path(&users["items"][0])
        };
        let (a, b) = tokio::join!(
            admin.patch(&first, json!({ "roles": ["NURSE"] })),
            admin.patch(&second, json!({ "roles": ["NURSE"] })),
        );
        let mut codes = [a.code(), b.code()];
        codes.sort_unstable();
        // Who is no administrator any more has no session either: the later request may
        // not even come to the question.
        assert_eq!(codes[0], None, "{a:?} {b:?}");
        assert!(
            matches!(codes[1], Some("LAST_ADMINISTRATOR" | "UNAUTHENTICATED")),
            "{a:?} {b:?}"
        );
        assert_eq!(hospital.complaints().await, Vec::<String>::new());
        let stayed = match a.code() {
            None => hospital.holder_of(&hospital.log_in("deputy", PASSWORD).await),
            Some(_) => admin,
        };
        for account in [&first, &second] {
            assert_eq!(
                stayed
                    .patch(account, json!({ "roles": ["ADMIN"] }))
                    .await
                    .status,
                StatusCode::OK
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_page_by_page() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await;
    hospital.clock.advance(jiff::SignedDuration::from_secs(1));
    for n in 0..5 {
        hospital.register(&format!("patient-{n}")).await;
        hospital.clock.advance(jiff::SignedDuration::from_secs(1));
    }
    let nurse = hospital.hire(&admin, "nurse", &["NURSE"]).await;
    admin.patch(&path(&nurse), json!({ "locked": true })).await;

    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("/users?limit=2{cursor}")).await.body;
        let items = page["items"].as_array().expect("items").clone();
        names.extend(
            items
                .iter()
                .map(|user| user["username"].as_str().expect("a name").to_owned()),
        );
        let Some(next) = page["nextCursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(
        names,
        [
            "admin",
            "patient-0",
            "patient-1",
            "patient-2",
            "patient-3",
            "patient-4",
            "nurse"
        ]
    );

    let count = |query: &'static str| {
        let admin = admin.clone();
        async move {
            admin.get(&format!("/users?{query}")).await.body["items"]
                .as_array()
                .map(Vec::len)
        }
    };
    assert_eq!(count("username=PATIENT-").await, Some(5));
    assert_eq!(count("role=NURSE").await, Some(1));
    assert_eq!(count("locked=true").await, Some(1));
    assert_eq!(count("role=PATIENT&locked=true").await, Some(0));
    for query in [
        "limit=0",
        "limit=201",
        "role=king",
        "cursor=x",
        "username=%00",
        "unknown=1",
    ] {
        assert_eq!(
            admin.get(&format!("/users?{query}")).await.status,
            StatusCode::BAD_REQUEST,
            "{query}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_say_what_they_permit_and_how_far() {
    let hospital = Hospital::open().await;
    let page = hospital.admin().await.get("/roles").await.body;
    let items = page["items"].as_array().expect("items");
    assert_eq!(items.len(), galen_access::Role::ALL.len());
    let patient = items
        .iter()
        .find(|role| role["name"] == "PATIENT")
        .expect("a role");
    let grants = patient["permissions"].as_array().expect("permissions");
    assert!(grants.contains(&json!({ "permission": "RECORD_READ", "reach": "OWN" })));
    assert!(
        !grants
            .iter()
            .any(|grant| grant["permission"] == "USER_MANAGE")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_with_a_key_makes_one_account() {
    let hospital = Hospital::open().await;
    let admin = hospital.admin().await.key("k1");
    let body = json!({ "username": "nurse", "roles": ["NURSE"], "email": "nurse@example.org" });
    let first = admin.post("/users", body.clone()).await;
    let second = admin.post("/users", body).await;
    assert_eq!(
        (first.status, second.status),
        (StatusCode::CREATED, StatusCode::CREATED)
    );
    assert_eq!(first.bytes, second.bytes);
    assert_eq!(
        hospital
            .published_of::<CredentialLinkRequested>()
            .await
            .len(),
        1
    );
}
