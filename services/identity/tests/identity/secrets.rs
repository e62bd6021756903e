//! A canary: no password and no token lies anywhere in the database in clear.

use galen_contracts::identity::v1::CredentialLinkRequested;
use galen_contracts::patients::v1::PatientRegistered;
use http::StatusCode;
use serde_json::json;
use sqlx::Row as _;

use crate::hospital::{Hospital, PASSWORD, new_id, tokens};

#[tokio::test(flavor = "multi_thread")]
async fn no_password_token_or_secret_is_stored_or_said() {
    let hospital = Hospital::open().await;
    let registered = hospital.api.anonymous().key("register");
    let body = json!({ "username": "nadia", "password": PASSWORD, "email": "nadia@example.org" });
    let first = tokens(
        &registered.post("/auth/register", body).await,
        StatusCode::CREATED,
    );
    let keyed = hospital.api.anonymous().key("refresh");
    let second = tokens(
        &keyed
            .post("/auth/refresh", json!({ "refreshToken": first.refresh }))
            .await,
        StatusCode::OK,
    );
    assert_eq!(
        hospital.refresh(&first.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );

    let admin = hospital.admin().await.key("hire");
    let colleague = "a colleague's pass phrase";
    let body = json!({ "username": "nurse", "roles": ["NURSE"], "password": colleague });
    assert_eq!(admin.post("/users", body).await.status, StatusCode::CREATED);

    let event = PatientRegistered {
        patient_id: new_id(&hospital),
        mrn: "mrn-1".to_owned(),
        has_email: true,
        user_id: String::new(),
    };
    hospital.patients_say(&event).await;
    let asked = hospital.published_of::<CredentialLinkRequested>().await;
    let secret = hospital
        .minted_secret(asked[0]["linkId"].as_str().expect("an id"))
        .await;
    let chooser = hospital.api.anonymous().key("choose");
    let patient = "a patient's pass phrase";
    let chosen = chooser
        .post(
            "/auth/password/set",
            json!({ "token": secret, "newPassword": patient }),
        )
        .await;
    assert_eq!(chosen.status, StatusCode::NO_CONTENT);

    let third = hospital.log_in("nadia", PASSWORD).await;
    let caller = hospital.holder_of(&third).key("enrol");
    let enrolled = caller.post("/auth/mfa/totp", serde_json::Value::Null).await;
    assert_eq!(enrolled.status, StatusCode::CREATED);
    let totp = enrolled.body["secret"].as_str().expect("a secret");

    let canaries = [
        totp,
        PASSWORD,
        colleague,
        patient,
        &first.access,
        &first.refresh,
        &second.access,
        &second.refresh,
        &secret,
    ];
    for table in tables(&hospital).await {
        // As text, and as the hexadecimal digits of bytes.
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select t::text from {table} t"
        )))
        .fetch_all(hospital.behind_the_curtain())
        .await
        .expect("the table is read");
        for row in rows {
            let text: String = row.get(0);
            for canary in canaries {
                assert!(
                    !text.contains(canary) && !text.contains(&hex::encode(canary)),
                    "{table} holds a secret"
                );
            }
        }
    }
    // The canaries would be found: the name is not secret, and is there.
    let names: i64 =
        sqlx::query_scalar("select count(*) from identity.account a where a::text like '%nadia%'")
            .fetch_one(hospital.behind_the_curtain())
            .await
            .expect("counted");
    assert_eq!(names, 1);
    // What was said names nobody.
    for event in hospital.published().await {
        let text = event.data.to_string();
        assert!(!text.contains("nadia") && !text.contains('@'), "{event:?}");
    }
}

async fn tables(hospital: &Hospital) -> Vec<String> {
    let rows = sqlx::query(
        "select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and n.nspname in ('identity', 'events', 'patients')",
    )
    .fetch_all(hospital.behind_the_curtain())
    .await
    .expect("the catalogue is read");
    let tables: Vec<String> = rows.iter().map(|row| row.get("name")).collect();
    assert!(
        tables.contains(&"identity.idempotency".to_owned())
            && tables.contains(&"events.event".to_owned())
    );
    tables
}
