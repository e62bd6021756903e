//! Texts: what Galen brings, what hospitals upload, and which one is used.

use galen_access::Role;
use galen_contracts::scheduling::v1::AppointmentMissed;
use galen_notifications::template::{Channel, Draft, TemplateName};
use http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

fn missed_text(body: &str) -> Value {
    json!({
        "name": "APPOINTMENT_MISSED", "channel": "EMAIL", "locale": "en",
        "subject": "Missed", "body": body,
    })
}

#[tokio::test]
async fn every_text_that_galen_brings_is_sound_in_every_language() {
    let world = World::new().await;
    let admin = world.api.as_role(Role::Admin);
    let mut texts = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin
            .get(&format!("/notification-templates?limit=50{cursor}"))
            .await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        texts.extend(page.body["items"].as_array().expect("a list").clone());
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    for name in TemplateName::ALL {
        for channel in Channel::ALL.iter().filter(|channel| name.fits(**channel)) {
            for locale in ["en", "de", "tr", "es"] {
                let found: Vec<_> = texts
                    .iter()
                    .filter(|t| {
                        t["name"] == name.code()
                            && t["channel"] == channel.code()
                            && t["locale"] == locale
                    })
                    .collect();
                assert_eq!(found.len(), 1, "{name:?} {channel:?} {locale}");
                let text = |field: &str| found[0][field].as_str().expect("a text");
                let checked =
                    Draft::check(*name, *channel, locale, Some(text("subject")), text("body"));
                assert!(
                    checked.is_ok(),
                    "{name:?} {channel:?} {locale}: {checked:?}"
                );
            }
        }
    }
    assert_eq!(texts.len(), 4 * (12 + 12 + 9));
}

#[tokio::test]
async fn a_new_version_is_used_once_it_is_activated_and_an_old_one_again() {
    let world = World::new().await;
    let admin = world.api.as_role(Role::Admin);
    let patient = world.patient("ada@example.org", "", "en");
    let mut told = 0;
    let mut say = async |expected: &str| {
        world
            .hears(AppointmentMissed {
                appointment: Some(world.appointment(patient, 1)),
            })
            .await;
        world.send().await;
        told += 1;
        // Names of mails are in the order of time.
        world.clock.advance(jiff::SignedDuration::from_secs(1));
        let mails = world.mails();
        assert_eq!(mails.len(), told);
        let (_, latest) = mails.last_key_value().expect("a mail");
        assert!(latest.contains(expected), "{latest}");
    };
    let uploaded = admin
        .post(
            "/notification-templates",
            missed_text("Where were you, {{patientName}}?"),
        )
        .await;
    assert_eq!(uploaded.status, StatusCode::CREATED, "{}", uploaded.body);
    assert_eq!(
        (&uploaded.body["number"], &uploaded.body["active"]),
        (&2.into(), &false.into())
    );
    say("you had an appointment").await;
    let location = uploaded
        .header("location")
        .expect("a location")
        .trim_start_matches("/api/v1");
    let activated = admin
        .if_match(1)
        .post(&format!("{location}/activate"), Value::Null)
        .await;
    assert_eq!(activated.status, StatusCode::OK, "{}", activated.body);
    assert_eq!(activated.body["active"], true);
    say("Where were you, Ada Lovelace?").await;
    let stale = admin
        .if_match(1)
        .post(&format!("{location}/activate"), Value::Null)
        .await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);

    let filter = "name=APPOINTMENT_MISSED&channel=EMAIL&locale=en&active=false";
    let first = admin
        .get(&format!("/notification-templates?{filter}"))
        .await;
    assert_eq!(first.body["items"].as_array().map(Vec::len), Some(1));
    let id = first.body["items"][0]["id"].as_str().expect("an id");
    let back = admin
        .post(
            &format!("/notification-templates/{id}/activate"),
            Value::Null,
        )
        .await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.body);
    say("you had an appointment").await;
}

#[tokio::test]
async fn uploads_at_the_same_time_get_different_numbers_and_one_is_in_use() {
    let world = World::new().await;
    let admin = world.api.as_role(Role::Admin);
    let uploads = (0..8).map(|n| {
        let mut text = missed_text(&format!("Version {n}"));
        text["active"] = true.into();
        let admin = admin.clone();
        async move { admin.post("/notification-templates", text).await }
    });
    let replies = futures::future::join_all(uploads).await;
    let mut numbers: Vec<_> = replies
        .iter()
        .map(|r| {
            r.body["number"]
                .as_i64()
                .unwrap_or_else(|| panic!("{}", r.body))
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3, 4, 5, 6, 7, 8, 9]);
    let filter = "name=APPOINTMENT_MISSED&channel=EMAIL&locale=en&active=true";
    let in_use = admin
        .get(&format!("/notification-templates?{filter}"))
        .await;
    assert_eq!(in_use.body["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_text_with_an_unknown_variable_is_refused() {
    let world = World::new().await;
    let admin = world.api.as_role(Role::Admin);
    for path in ["/notification-templates", "/notification-templates/preview"] {
        let reply = admin.post(path, missed_text("{{pateintName}}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.pointers(), ["/body"]);
        let reply = admin.post(path, missed_text("{{link}}")).await;
        assert_eq!(reply.body["errors"][0]["code"], "UNKNOWN_VARIABLE");
    }
    for (field, value) in [
        ("locale", json!("english")),
        ("name", json!("HELLO")),
        ("subject", json!(null)),
        ("body", json!("")),
        ("body", json!("a\u{0}b")),
        ("body", json!("x".repeat(10_001))),
        ("subject", json!("a\nb")),
        ("typo", json!(1)),
    ] {
        let mut text = missed_text("fine");
        text[field] = value;
        let reply = admin.post("/notification-templates", text).await;
        assert_eq!(
            reply.status,
            StatusCode::BAD_REQUEST,
            "{field}: {}",
            reply.body
        );
    }
}

#[tokio::test]
async fn a_preview_is_filled_in_and_stores_nothing() {
    let world = World::new().await;
    let admin = world.api.as_role(Role::Admin);
    let mut text = missed_text("{{patientName}} on {{date}} at {{time}}");
    text["locale"] = "de".into();
    let reply = admin.post("/notification-templates/preview", text).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert_eq!(
        reply.body["body"],
        "Ada Lovelace on Mittwoch, 4. März 2026 at 12:00"
    );
    assert_eq!(
        reply.body["variables"],
        json!(["patientName", "date", "time"])
    );
    let list = admin
        .get("/notification-templates?name=APPOINTMENT_MISSED&channel=EMAIL&locale=de")
        .await;
    assert_eq!(list.body["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn texts_are_for_staff_and_changes_for_managers() {
    let world = World::new().await;
    let patient = world.api.as_patient(world.clock.id());
    assert_eq!(
        patient.get("/notification-templates").await.status,
        StatusCode::FORBIDDEN
    );
    let desk = world.api.as_role(Role::Receptionist);
    assert_eq!(
        desk.get("/notification-templates").await.status,
        StatusCode::OK
    );
    let upload = desk.post("/notification-templates", missed_text("x")).await;
    assert_eq!(upload.status, StatusCode::FORBIDDEN);
}
