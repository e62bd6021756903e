//! What a copy of the database gives away: nothing of who the patients are.

use galen_patients::patient::{person, sealing, store};
use galen_service::testing::Reply;
use galen_vault::Error;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sqlx::Executor as _;

use crate::hospital::{Hospital, column, id, person as named, with};

/// Somebody with a word in every field.
fn anna() -> Value {
    with(
        named("Annegret", "Vogelsang", "1931-03-17"),
        json!({
            "email": "vogelsang@canary.example",
            "phone": "+49 30 55577788",
            "address": { "line": "12 Lindenallee", "city": "Rostock", "state": "Mecklenburg", "postalCode": "18055", "country": "DE" },
            "nationalId": "VS-310317-X",
            "language": "gsw-CH",
            "deceasedAt": "2021-04-05T06:07:08Z",
            "identifiers": [{ "system": "https://elsewhere.example/people", "value": "E-4711-0815" }]
        }),
    )
}

/// Everything that [`anna`] says about her, also as it is folded.
const WORDS: &[&str] = &[
    "Annegret",
    "Vogelsang",
    "1931-03-17",
    "canary.example",
    "55577788",
    "Lindenallee",
    "Rostock",
    "Mecklenburg",
    "18055",
    "VS-310317-X",
    "VS310317X",
    "gsw-CH",
    "2021-04-05",
    "elsewhere.example",
    "E-4711-0815",
    "emigrated",
];

/// Nothing that is stored holds one of the words, written or as the hexadecimal of bytes.
async fn nothing_is_readable(hospital: &Hospital) {
    let mut leaks = Vec::new();
    for (place, text) in hospital.everything_stored().await {
        let text = text.to_lowercase();
        for word in WORDS {
            let word = word.to_lowercase();
            let hex: String = word.bytes().map(|b| format!("{b:02x}")).collect();
            if text.contains(&word) || text.contains(&hex) {
                leaks.push(format!("{word} in {place}"));
            }
        }
    }
    assert_eq!(leaks, Vec::<String>::new());
}

#[tokio::test]
async fn nothing_that_is_registered_can_be_read_in_the_database() {
    let hospital = Hospital::open().await;
    let patient = id(&hospital.register(anna()).await);
    let twin = with(anna(), json!({ "nationalId": null, "identifiers": [] }));
    hospital.register(twin).await;
    hospital.hear().await;
    let path = format!("/patients/{patient}");
    let renamed = hospital
        .desk()
        .patch(&path, json!({ "familyName": "Vogelsang-Rostock" }))
        .await;
    assert_eq!(renamed.status, StatusCode::OK, "{}", renamed.body);
    let closed = hospital
        .desk()
        .post(
            &format!("{path}/deactivate"),
            json!({ "reason": "emigrated" }),
        )
        .await;
    assert_eq!(closed.body["deactivationReason"], "emigrated");
    assert_eq!(hospital.read(&patient).await, closed.body);
    hospital
        .db
        .pool()
        .execute("analyze")
        .await
        .expect("what autovacuum does");
    nothing_is_readable(&hospital).await;
    hospital.is_sound().await;
}

/// A reply that says that something is wrong, and nothing else.
fn says_nothing(reply: &Reply) {
    assert_eq!(
        (reply.status, reply.code()),
        (StatusCode::INTERNAL_SERVER_ERROR, Some("INTERNAL")),
        "{}",
        reply.body
    );
    assert!(!reply.body.to_string().contains("Vogelsang"));
}

#[tokio::test]
async fn a_person_who_was_moved_to_another_record_is_not_shown() {
    let hospital = Hospital::open().await;
    let one = id(&hospital.register(anna()).await);
    let other = hospital.somebody("Karl", "Kowalski", "1970-01-01").await;
    hospital
        .db
        .pool()
        .execute(
            "update patient p set demographics = (select o.demographics from patient o where o.id <> p.id)",
        )
        .await
        .expect("the owner may do anything");
    for record in [&one, &other] {
        says_nothing(&hospital.desk().get(&format!("/patients/{record}")).await);
        let mut connection = hospital.db.pool().acquire().await.expect("a connection");
        let patient = store::find(&mut connection, record.parse().expect("an id"))
            .await
            .expect("an answer")
            .expect("there");
        let opened = person::open(&hospital.vault, &mut connection, &patient).await;
        assert!(matches!(opened, Err(Error::OtherSubject(_))));
    }
    says_nothing(&hospital.desk().get("/patients?query=vogelsang").await);
    says_nothing(&hospital.desk().get("/patients").await);
}

#[tokio::test]
async fn a_person_who_was_changed_is_not_shown() {
    let hospital = Hospital::open().await;
    let one = id(&hospital.register(anna()).await);
    hospital
        .db
        .pool()
        .execute("update patient set demographics = set_byte(demographics, 60, get_byte(demographics, 60) # 1)")
        .await
        .expect("the owner may do anything");
    says_nothing(&hospital.desk().get(&format!("/patients/{one}")).await);
}

/// Indexes are shortened, and anybody can write one: what they find is compared.
#[tokio::test]
async fn a_search_finds_nobody_by_an_index_that_is_not_theirs() {
    let hospital = Hospital::open().await;
    let anna = id(&hospital.register(anna()).await);
    let karl = hospital.somebody("Karl", "Kowalski", "1970-01-01").await;
    hospital
        .db
        .pool()
        .execute(
            "insert into patient_name_token (token, patient_id)
             select t.token, p.id from patient_name_token t join patient p on p.id <> t.patient_id on conflict do nothing;
             update patient p set (phone_index, email_index, birth_date_index) =
                 (select o.phone_index, o.email_index, o.birth_date_index from patient o where o.phone_index is not null)",
        )
        .await
        .expect("the owner may do anything");
    for (query, found) in [
        ("query=vogelsang", vec![&anna]),
        ("query=kowalski", vec![&karl]),
        ("query=karl+vogel", vec![]),
        ("phone=%2B493055577788", vec![&anna]),
        ("email=vogelsang%40canary.example", vec![&anna]),
        ("birthDate=1931-03-17", vec![&anna]),
        ("birthDate=1970-01-01", vec![]),
        ("query=annegret&limit=1", vec![&anna]),
    ] {
        let page = hospital
            .desk()
            .get(&format!("/patients?{query}"))
            .await
            .body;
        let found: Vec<String> = found.into_iter().cloned().collect();
        assert_eq!(column(&page, "id"), found, "{query}");
        assert_eq!(page["nextCursor"], Value::Null, "{query}");
    }
}

/// Pages stay full when most of what the indexes find is not meant.
#[tokio::test]
async fn pages_are_full_whatever_the_indexes_find() {
    let hospital = Hospital::open().await;
    let mut meant = Vec::new();
    for n in 0..60 {
        hospital.clock.advance(SignedDuration::from_secs(1));
        let family = if n % 6 == 0 {
            "Schmidtchen"
        } else {
            "Schmidtbauer"
        };
        let somebody = hospital
            .somebody("Anna", family, &format!("{}-01-01", 1900 + n))
            .await;
        if n % 6 == 0 {
            meant.push(somebody);
        }
    }
    meant.reverse();
    let mut seen = Vec::new();
    let mut next = String::new();
    let mut sizes = Vec::new();
    loop {
        let path = format!("/patients?query=schmidtc&limit=4{next}");
        let page = hospital.desk().get(&path).await.body;
        sizes.push(column(&page, "id").len());
        seen.extend(column(&page, "id"));
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!((seen, sizes), (meant, vec![4, 4, 2]));
}

/// What an earlier version left behind.
const PEOPLE: &str = "
    insert into patient (id, mrn, given_name, family_name, given_key, family_key, birth_date, sex, email, email_key, phone, phone_key,
                         address_line, address_city, address_state, address_postal_code, address_country, national_id, national_id_key,
                         language, deceased_at, deactivated_at, deactivation_reason, registered_at, version)
    values ('01970000-0000-7000-8000-000000000001', 'G-0000001-36', 'Annegret', 'Vogelsang', 'annegret', 'vogelsang', '1931-03-17', 'FEMALE',
            'vogelsang@canary.example', 'vogelsang@canary.example', '+493055577788', '55577788',
            '12 Lindenallee', 'Rostock', 'Mecklenburg', '18055', 'DE', 'VS-310317-X', 'VS310317X',
            'gsw-CH', '2021-04-05T06:07:08.000009Z', null, null, '2024-01-01', 3),
           ('01970000-0000-7000-8000-000000000002', (select 'G-0000002-' || lpad(n::text, 2, '0') from generate_series(0, 99) n where mrn_is_valid('G-0000002-' || lpad(n::text, 2, '0'))),
            'Annegret', 'Vogelsang', 'annegret', 'vogelsang', '1970-01-01', 'UNKNOWN',
            null, null, null, null, null, null, null, null, null, null, null, null, null, '2024-02-01', 'emigrated', '2024-01-01', 2);
    insert into patient_identifier values ('01970000-0000-7000-8000-000000000001', 'https://elsewhere.example/people', 'E-4711-0815');
    update mrn_series set next = 33;
    insert into mrn_series (prefix, next) values ('G', 33) on conflict do nothing;
    analyze patient, patient_identifier;";

#[tokio::test]
async fn people_of_an_earlier_version_are_sealed_at_the_start() {
    let hospital = Hospital::upgraded("0008_sealed_patient", PEOPLE).await;
    nothing_is_readable(&hospital).await;
    hospital.is_sound().await;

    let seen = hospital.read("01970000-0000-7000-8000-000000000001").await;
    let expected = with(
        anna(),
        json!({ "mrn": "G-0000001-36", "status": "DECEASED", "version": 3, "phone": "+493055577788", "deceasedAt": "2021-04-05T06:07:08.000009Z" }),
    );
    for (field, value) in expected.as_object().expect("fields") {
        assert_eq!(&seen[field], value, "{field}");
    }
    let other = hospital.read("01970000-0000-7000-8000-000000000002").await;
    assert_eq!(
        (
            &other["status"],
            &other["deactivationReason"],
            &other["email"]
        ),
        (&json!("INACTIVE"), &json!("emigrated"), &Value::Null)
    );
    for query in [
        "query=vogel+ann",
        "birthDate=1931-03-17",
        "phone=03055577788",
        "email=VOGELSANG%40canary.example",
        "identifier=https%3A%2F%2Felsewhere.example%2Fpeople%7CE-4711-0815",
        "status=DECEASED",
    ] {
        let page = hospital
            .desk()
            .get(&format!("/patients?{query}"))
            .await
            .body;
        assert_eq!(column(&page, "id"), [id(&seen)], "{query}");
    }
    for again in [
        json!({ "nationalId": "vs 310317 x" }),
        json!({ "identifiers": [{ "system": "https://elsewhere.example/people", "value": "E-4711-0815" }] }),
    ] {
        let again = with(named("Somebody", "Else", "1999-09-09"), again);
        let refused = hospital.desk().post("/patients", again).await;
        assert_eq!(refused.code(), Some("IDENTIFIER_EXISTS"));
        assert_eq!(refused.body["candidates"][0]["id"], json!(id(&seen)));
    }
    let likely = named("Annegret", "Vogelsang", "1931-03-17");
    let refused = hospital.desk().post("/patients", likely).await;
    assert_eq!(refused.code(), Some("LIKELY_DUPLICATE"));
}

/// Of two processes that start at once each seals a part, and everybody is sealed once.
#[tokio::test]
async fn sealing_is_done_once_however_many_start() {
    let hospital = Hospital::open().await;
    hospital
        .db
        .pool()
        .execute(
            "create table patient_in_clear (id uuid primary key, person jsonb not null);
             insert into patient_in_clear
             select gen_random_uuid(), '{\"form\":\"1\",\"givenName\":\"Anna\",\"familyName\":\"Schmidt\",\"birthDate\":\"1985-03-12\",\"sex\":\"FEMALE\",\"identifiers\":[]}'
             from generate_series(1, 450);
             alter table patient drop constraint patient_is_sealed;
             insert into patient (id, mrn, registered_at)
             select id, 'G-' || number || '-' || lpad((98 - (('16' || number || '00')::numeric % 97))::text, 2, '0'), now()
             from (select id, (1000000 + row_number() over ())::text as number from patient_in_clear) numbered;
             alter table patient add constraint patient_is_sealed check (demographics is not null) not valid",
        )
        .await
        .expect("people move in");
    let (one, other) = tokio::join!(
        sealing::seal_everybody(&hospital.db, &hospital.vault),
        sealing::seal_everybody(&hospital.db, &hospital.vault)
    );
    assert_eq!(one.expect("sealed") + other.expect("sealed"), 450);
    let found = hospital.desk().get("/patients?query=anna&limit=200").await;
    assert_eq!(column(&found.body, "id").len(), 200);
}
