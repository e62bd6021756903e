//! From due to settled: providers that are down, refuse or vanish, and senders that race.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use galen_access::Role;
use galen_contracts::ids::PatientId;
use galen_contracts::scheduling::v1::AppointmentMissed;
use http::StatusCode;
use serde_json::{Value, json};

use crate::mail_server::{Behaviour, MailServer};
use crate::world::{SmsProvider, World};

async fn with_mail_server() -> (World, MailServer) {
    let server = MailServer::start().await;
    let port = server.address.port().to_string();
    let settings = [
        ("smtp_host", "127.0.0.1"),
        ("smtp_port", port.as_str()),
        ("smtp_tls", "none"),
        ("from", "Hospital <no-reply@hospital.example>"),
    ];
    (World::with(&settings).await, server)
}

async fn tell(world: &World, patient: PatientId) {
    world
        .hears(AppointmentMissed {
            appointment: Some(world.appointment(patient, 1)),
        })
        .await;
}

#[tokio::test]
async fn a_mail_goes_through_the_mail_server() {
    let (world, server) = with_mail_server().await;
    let patient = world.patient("ada@example.org", "", "en");
    tell(&world, patient).await;
    assert_eq!(world.send().await, 1);
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].to, "ada@example.org");
    assert!(
        taken[0].body().contains("Dear Ada Lovelace"),
        "{}",
        taken[0].data
    );
    let message = world.history(patient).await;
    let name = format!(
        "<{}@hospital.example>",
        message["id"].as_str().expect("an id")
    );
    assert_eq!(taken[0].header("Message-ID"), Some(name.as_str()));
    assert_eq!(message["history"][0]["outcome"], "DELIVERED");
}

#[tokio::test]
async fn a_mail_server_that_is_down_loses_nothing() {
    let (world, mut server) = with_mail_server().await;
    server.stop().await;
    let patients: Vec<_> = (0..40)
        .map(|n| world.patient(&format!("p{n}@example.org"), "", "en"))
        .collect();
    for patient in &patients {
        tell(&world, *patient).await;
    }
    assert_eq!(world.send().await, 40);
    let mut attempts = 0;
    for patient in &patients {
        let message = world.message(patient).await;
        assert_eq!(message["status"], "QUEUED");
        attempts += message["attempts"].as_i64().expect("a number");
    }
    assert!(
        (1..=16).contains(&attempts),
        "one knock, not forty: {attempts}"
    );

    server.start_again().await;
    for _ in 0..3 {
        world.wait(1).await;
        world.send().await;
    }
    let mut taken: Vec<_> = server.taken().into_iter().map(|mail| mail.to).collect();
    taken.sort();
    let mut expected: Vec<_> = (0..40).map(|n| format!("p{n}@example.org")).collect();
    expected.sort();
    assert_eq!(taken, expected, "each once");
    assert_eq!(world.violations().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_fails_for_a_day_is_dead_until_a_person_tries_again() {
    let (world, mut server) = with_mail_server().await;
    server.stop().await;
    let patient = world.patient("ada@example.org", "", "en");
    tell(&world, patient).await;
    for _ in 0..40 {
        world.send().await;
        world.wait(2).await;
    }
    let message = world.history(patient).await;
    assert_eq!(message["status"], "DEAD");
    assert_eq!(message["reasonCode"], "SMTP_CONNECTION");
    assert_eq!(message["history"].as_array().map(Vec::len), Some(36));
    let dead = world.heard.dead.lock().expect("no panics").clone();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].reason_code, "SMTP_CONNECTION");

    server.start_again().await;
    let operator = world.api.as_role(Role::Operator);
    let path = format!(
        "/notifications/{}/resend",
        message["id"].as_str().expect("an id")
    );
    let resent = operator.post(&path, Value::Null).await;
    assert_eq!(resent.status, StatusCode::OK, "{}", resent.body);
    assert_eq!(
        (&resent.body["status"], &resent.body["attempts"]),
        (&"QUEUED".into(), &0.into())
    );
    let again = operator.post(&path, Value::Null).await;
    assert_eq!(again.code(), Some("MESSAGE_ON_ITS_WAY"));
    // The server is not knocked on again before its pause is over.
    world.wait(1).await;
    world.send().await;
    assert_eq!(world.message(patient).await["status"], "SENT");
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn an_address_that_is_refused_is_followed_by_the_next_way() {
    let server = MailServer::start().await;
    let sms = SmsProvider::start().await;
    let port = server.address.port().to_string();
    let world = World::with(&[
        ("smtp_host", "127.0.0.1"),
        ("smtp_port", port.as_str()),
        ("smtp_tls", "none"),
        ("from", "no-reply@hospital.example"),
        ("sms_url", sms.url.as_str()),
        ("sms_token", "secret"),
    ])
    .await;
    server.behave(Behaviour {
        recipient_answer: Some("550 5.1.1 <ada@example.org> unknown"),
        ..Behaviour::default()
    });
    let patient = world.patient("ada@example.org", "+4915112345678", "en");
    tell(&world, patient).await;
    world.send().await;
    let message = world.history(patient).await;
    assert_eq!(
        (&message["status"], &message["channel"]),
        (&"SENT".into(), &"SMS".into())
    );
    assert_eq!(
        message["skippedChannels"],
        json!([{ "channel": "EMAIL", "reason": "REFUSED" }])
    );
    let history = message["history"].as_array().expect("attempts");
    assert_eq!(
        (&history[0]["outcome"], &history[0]["errorCode"]),
        (&"REFUSED".into(), &"SMTP_550".into())
    );
    assert_eq!(
        (&history[1]["outcome"], &history[1]["channel"]),
        (&"DELIVERED".into(), &"SMS".into())
    );
    let taken = sms.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].to, "+4915112345678");
    assert!(
        taken[0].text.starts_with("We missed you on"),
        "{}",
        taken[0].text
    );
    assert!(
        !world.everything_stored().await.contains("ada@example.org"),
        "not even in errors"
    );
}

#[tokio::test]
async fn an_address_in_other_letters_is_carried_or_passed_over_with_the_reason() {
    let (world, server) = with_mail_server().await;
    let plain = world.patient("jürgen@example.org", "", "en");
    tell(&world, plain).await;
    world.send().await;
    let message = world.history(plain).await;
    assert_eq!(
        (&message["status"], &message["channel"]),
        (&"SENT".into(), &"IN_APP".into())
    );
    assert_eq!(message["history"][0]["errorCode"], "SMTPUTF8_NOT_SUPPORTED");
    assert_eq!(server.taken().len(), 0);

    server.behave(Behaviour {
        extensions: vec!["8BITMIME", "SMTPUTF8"],
        ..Behaviour::default()
    });
    // The kept connections know the old extensions; a patient server gets a new one.
    let able = world.patient("jörg@müller.example", "", "en");
    let (world, server) = (world, server);
    tell(&world, able).await;
    world.send().await;
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].to, "jörg@xn--mller-kva.example");

    let broken = world.patient("not an address", "", "en");
    tell(&world, broken).await;
    world.send().await;
    let message = world.message(broken).await;
    assert_eq!(message["channel"], "IN_APP");
    assert_eq!(message["skippedChannels"][0]["reason"], "INVALID_ADDRESS");
}

#[tokio::test]
async fn a_mail_whose_answer_was_lost_keeps_its_name() {
    let (world, server) = with_mail_server().await;
    server.behave(Behaviour {
        vanishes_after_data: true,
        ..Behaviour::default()
    });
    let patient = world.patient("ada@example.org", "", "en");
    tell(&world, patient).await;
    world.send().await;
    assert_eq!(world.message(patient).await["status"], "QUEUED");
    server.behave(Behaviour::default());
    world.wait(1).await;
    world.send().await;
    let taken = server.taken();
    assert_eq!(taken.len(), 2, "the one duplicate that cannot be avoided");
    assert_eq!(
        taken[0].header("Message-ID"),
        taken[1].header("Message-ID"),
        "has the same name"
    );
    assert_eq!(world.message(patient).await["status"], "SENT");
}

#[tokio::test]
async fn a_sender_that_vanished_after_writing_leaves_one_file() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    tell(&world, patient).await;
    world.send().await;
    let id = world.message(patient).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    world.sender_vanishes(&id).await;
    assert_eq!(world.send().await, 1, "another sender takes over");
    assert_eq!(
        world.mails().into_keys().collect::<Vec<_>>(),
        [format!("{id}.eml")]
    );
    assert_eq!(world.message(patient).await["status"], "SENT");
}

#[tokio::test]
async fn a_message_that_is_sent_again_by_a_person_is_a_second_mail() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    tell(&world, patient).await;
    world.send().await;
    let id = world.message(patient).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let admin = world.api.as_role(Role::Admin);
    let path = format!("/notifications/{id}/resend");
    let desk = world.api.as_role(Role::Receptionist);
    assert_eq!(
        desk.post(&path, Value::Null).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        admin.if_match(1).post(&path, Value::Null).await.status,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(
        admin.key("k").post(&path, Value::Null).await.status,
        StatusCode::OK
    );
    let replayed = admin.key("k").post(&path, Value::Null).await;
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    world.send().await;
    let names: Vec<_> = world.mails().into_keys().collect();
    assert_eq!(names, [format!("{id}-2.eml"), format!("{id}.eml")]);
    let nobody = format!("/notifications/{}/resend", world.clock.uuid());
    assert_eq!(
        admin.post(&nobody, Value::Null).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn messages_wait_for_a_neighbour_without_an_attempt() {
    let world = World::new().await;
    let patient = world.patient("ada@example.org", "", "en");
    tell(&world, patient).await;
    world.neighbours.down.store(true, Ordering::SeqCst);
    world.send().await;
    let message = world.message(patient).await;
    assert_eq!(
        (&message["status"], &message["attempts"]),
        (&"QUEUED".into(), &0.into())
    );
    world.neighbours.down.store(false, Ordering::SeqCst);
    world.wait(1).await;
    assert_eq!(world.send().await, 1);
    assert_eq!(world.message(patient).await["status"], "SENT");
}

#[tokio::test]
async fn an_unknown_patient_is_for_a_person_to_solve() {
    let world = World::new().await;
    let nobody: PatientId = world.clock.id();
    tell(&world, nobody).await;
    world.send().await;
    assert_eq!(
        world.message(nobody).await["reasonCode"],
        "RECIPIENT_UNKNOWN"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_senders_send_each_of_two_hundred_messages_once() {
    let (world, server) = with_mail_server().await;
    let patient = world.patient("ada@example.org", "", "en");
    let mut tx = world.platform.db.begin().await.expect("a transaction");
    sqlx::query(
        "insert into message (id, recipient_kind, recipient_id, category, template, about_id, params, dedupe_key,
                              status, not_before, next_attempt_at, created_at)
         select gen_random_uuid(), 'PATIENT', $1, 'APPOINTMENT', 'APPOINTMENT_MISSED', $1,
                jsonb_build_object('about', 'APPOINTMENT', 'appointmentId', $1, 'practitionerId', $2::uuid,
                                   'start', '2026-03-03T10:00:00Z', 'end', '2026-03-03T10:30:00Z',
                                   'serviceType', 'CONSULTATION'),
                'race:' || n, 'QUEUED', now() - interval '50 years', now() - interval '50 years', now()
         from generate_series(1, 200) n",
    )
    .bind(patient.uuid())
    .bind(world.appointment(patient, 1).practitioner_id.parse::<uuid::Uuid>().expect("an id"))
    .execute(tx.conn())
    .await
    .expect("messages");
    tx.commit().await.expect("a commit");

    let other = world.another_service().await;
    let (one, two) = (world.service.sender(), other.sender());
    let (first, second, third) = tokio::join!(one.send_due(), two.send_due(), two.send_due());
    let settled = [first, second, third].map(|r| r.expect("the database answers"));
    assert_eq!(settled.iter().sum::<u64>(), 200);
    let mut names: HashMap<String, u32> = HashMap::new();
    for mail in server.taken() {
        *names
            .entry(mail.header("Message-ID").expect("a name").to_owned())
            .or_default() += 1;
    }
    assert_eq!(names.len(), 200);
    assert!(names.values().all(|times| *times == 1), "each once");
    assert_eq!(world.violations().await, Vec::<String>::new());
}

#[tokio::test]
async fn patients_see_their_own_messages_only() {
    let world = World::new().await;
    let (ada, eve) = (world.patient("", "", "en"), world.patient("", "", "en"));
    tell(&world, ada).await;
    tell(&world, eve).await;
    world.send().await;
    let list = world.api.as_patient(ada).get("/notifications").await;
    let items = list.body["items"].as_array().expect("a list").clone();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["recipientId"], ada.to_string());
    let content = items[0]["content"]["body"].as_str().expect("what it says");
    assert!(
        content.starts_with("We missed you on Tuesday, 3 March 2026, 13:00"),
        "{content}"
    );
    let of_eve = world
        .api
        .as_patient(ada)
        .get(&format!("/notifications?recipientId={eve}"))
        .await;
    assert_eq!(of_eve.status, StatusCode::NOT_FOUND);
    let id = world.message(eve).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let one = world
        .api
        .as_patient(ada)
        .get(&format!("/notifications/{id}"))
        .await;
    assert_eq!(one.status, StatusCode::NOT_FOUND);
    let own = world
        .api
        .as_patient(eve)
        .get(&format!("/notifications/{id}"))
        .await;
    assert_eq!(own.status, StatusCode::OK);
    assert_eq!(own.body["history"][0]["channel"], "IN_APP");
}

#[tokio::test]
async fn a_list_continues_where_it_stopped() {
    let world = World::new().await;
    let patient = world.patient("", "", "en");
    for _ in 0..5 {
        tell(&world, patient).await;
    }
    let admin = world.api.as_role(Role::Admin);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("/notifications?limit=2{cursor}")).await;
        for item in page.body["items"].as_array().expect("a list") {
            seen.push(item["id"].as_str().expect("an id").to_owned());
        }
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    let mut sorted = seen.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    sorted.dedup();
    assert_eq!(seen, sorted, "newest first, each once");
    for query in [
        "limit=0",
        "limit=201",
        "cursor=x",
        "status=LOST",
        "recipientId=1",
        "typo=1",
    ] {
        let reply = admin.get(&format!("/notifications?{query}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

/// The sender looks every second, and sent messages are kept for years.
#[tokio::test]
async fn looking_for_due_messages_does_not_read_what_is_sent() {
    let world = World::new().await;
    let patient = world.patient("", "", "en");
    let mut tx = world.platform.db.begin().await.expect("a transaction");
    sqlx::query(
        "insert into message (id, recipient_kind, recipient_id, category, template, about_id, params, dedupe_key,
                              status, reason_code, not_before, next_attempt_at, created_at)
         select gen_random_uuid(), 'PATIENT', $1, 'APPOINTMENT', 'APPOINTMENT_MISSED', $1, '{}', 'old:' || n,
                'SUPPRESSED', 'MUTED', now(), now(), now()
         from generate_series(1, 20000) n",
    )
    .bind(patient.uuid())
    .execute(tx.conn())
    .await
    .expect("messages");
    sqlx::query("analyze message")
        .execute(tx.conn())
        .await
        .expect("statistics");
    let plan: Vec<String> = sqlx::query_scalar(
        "explain select id from message
         where (status = 'QUEUED' and next_attempt_at <= now())
            or (status = 'SENDING' and locked_until < clock_timestamp())
         order by next_attempt_at limit 16 for update skip locked",
    )
    .fetch_all(tx.conn())
    .await
    .expect("a plan");
    let plan = plan.join("\n");
    assert!(!plan.contains("Seq Scan"), "{plan}");
}
