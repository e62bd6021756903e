//! Finding people.

use galen_patients::duplicate;
use galen_patients::duplicate::model::{LIKELY, Profile};
use galen_patients::patient::demographics::Sex;
use galen_patients::patient::search::{Bound, Filter};
use galen_patients::patient::{index, name};
use galen_storage::Tx;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use crate::hospital::{Hospital, column, id, person, with};

#[tokio::test]
async fn names_are_found_however_they_are_spelled() {
    let hospital = Hospital::open().await;
    let names = [
        ("Anna Lena", "Müller-Weiß"),
        ("Hannah", "Muller"),
        ("Agustín", "Vallejo"),
        ("Siobhán", "O'Connell"),
        ("Ольга", "Иванова"),
        ("小龍", "李"),
    ];
    for (given, family) in names {
        hospital.clock.advance(SignedDuration::from_secs(1));
        hospital.somebody(given, family, "1985-03-12").await;
    }
    for (query, found) in [
        ("mul", vec!["Muller", "Müller-Weiß"]),
        ("MUELLER", vec!["Muller", "Müller-Weiß"]),
        ("lena m", vec!["Müller-Weiß"]),
        ("lena x", vec![]),
        ("mullers", vec![]),
        ("李", vec!["李"]),
        ("小龍 李", vec!["李"]),
        ("小", vec![]),
        ("weiss", vec!["Müller-Weiß"]),
        ("lena mül", vec!["Müller-Weiß"]),
        ("ann", vec!["Müller-Weiß"]),
        ("agustin", vec!["Vallejo"]),
        ("o’connell siobhan", vec!["O'Connell"]),
        ("оль", vec!["Иванова"]),
        ("llejo", vec![]),
        ("vallejo anna", vec![]),
        ("100%", vec![]),
        ("-", vec![]),
    ] {
        let query: String = query.bytes().map(|b| format!("%{b:02X}")).collect();
        let page = hospital
            .desk()
            .get(&format!("/patients?query={query}"))
            .await;
        assert_eq!(column(&page.body, "familyName"), found, "{query}");
    }
}

#[tokio::test]
async fn filters_narrow_each_other_down() {
    let hospital = Hospital::open().await;
    let reach = json!({ "email": "Anna@Example.com", "phone": "+49 30 1234567" });
    let anna = hospital
        .register(with(person("Anna", "Schmidt", "1985-03-12"), reach.clone()))
        .await;
    hospital
        .register(with(person("Karl", "Schmidt", "1983-11-05"), reach))
        .await;
    let mrn = anna["mrn"].as_str().expect("a number");
    for (filter, found) in [
        ("phone=030%2F1234567".to_owned(), 2),
        ("email=anna%40example.COM".to_owned(), 2),
        ("birthDate=1985-03-12".to_owned(), 1),
        ("query=schm&birthDate=1985-03-12".to_owned(), 1),
        ("query=karl&birthDate=1985-03-12".to_owned(), 0),
        (format!("mrn={mrn}"), 1),
        (format!("mrn={}", mrn.replace('-', "").to_lowercase()), 1),
        ("identifier=a%7Cb".to_owned(), 0),
        ("status=DECEASED".to_owned(), 0),
        ("status=ACTIVE".to_owned(), 2),
        (String::new(), 2),
    ] {
        let page = hospital.desk().get(&format!("/patients?{filter}")).await;
        assert_eq!(column(&page.body, "id").len(), found, "{filter}");
    }
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_refused() {
    let hospital = Hospital::open().await;
    let desk = hospital.desk();
    let reply = desk.get("/patients?mrn=G-0000001-37").await;
    assert_eq!(
        (reply.status, reply.code()),
        (StatusCode::BAD_REQUEST, Some("INVALID_MRN"))
    );
    assert_eq!(reply.pointers(), ["?mrn"]);
    for query in [
        "birthDate=1985-13-01",
        "phone=x",
        "email=x",
        "identifier=x",
        "status=GONE",
        "limit=0",
        "limit=201",
        "cursor=x",
        "query=",
        "query=%00",
        "name=x",
    ] {
        assert_eq!(
            desk.get(&format!("/patients?{query}")).await.status,
            StatusCode::BAD_REQUEST,
            "{query}"
        );
    }
    let stray = galen_kernel::Cursor::encode(&hospital.clock.uuid());
    assert_eq!(
        desk.get(&format!("/patients?cursor={stray}")).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn pages_hold_everybody_once_and_the_newest_first() {
    let hospital = Hospital::open().await;
    let mut registered = Vec::new();
    for n in 0..23 {
        hospital.clock.advance(SignedDuration::from_secs(1));
        let somebody = hospital
            .somebody(
                ["Anna", "Änne", "Ben"][n % 3],
                ["Schmidt", "Šmid", "Álvarez", "smith"][n % 4],
                &format!("19{:02}-01-01", 10 + n),
            )
            .await;
        registered.push(somebody);
    }
    registered.reverse();
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = hospital
            .desk()
            .get(&format!("/patients?limit=5{next}"))
            .await
            .body;
        seen.extend(column(&page, "id"));
        // Somebody who comes in meanwhile moves nobody else.
        hospital.clock.advance(SignedDuration::from_secs(1));
        hospital
            .somebody("Aaron", "Aardvark", &format!("19{:02}-02-02", seen.len()))
            .await;
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, registered);
}

#[tokio::test]
async fn closed_and_merged_records_are_found_on_request() {
    let hospital = Hospital::open().await;
    let source = |value: &str| json!({ "identifiers": [{ "system": "s", "value": value }] });
    let closed = hospital
        .register(with(person("Closed", "Record", "1985-03-12"), source("1")))
        .await;
    let retired = hospital
        .register(with(person("Retired", "Record", "1986-03-12"), source("2")))
        .await;
    let survivor = hospital
        .register(person("Surviving", "Record", "1987-03-12"))
        .await;
    let reply = hospital
        .desk()
        .post(
            &format!("/patients/{}/deactivate", id(&closed)),
            json!({ "reason": "moved" }),
        )
        .await;
    assert_eq!(reply.body["status"], "INACTIVE");
    assert_eq!(
        hospital.merge(&id(&retired), &id(&survivor)).await.status,
        StatusCode::OK
    );

    let find = async |query: &str| {
        column(
            &hospital
                .desk()
                .get(&format!("/patients?{query}"))
                .await
                .body,
            "id",
        )
    };
    assert_eq!(find("query=record").await, [id(&survivor)]);
    assert_eq!(find("query=record&status=INACTIVE").await, [id(&closed)]);
    assert_eq!(find("query=record&status=MERGED").await, [id(&retired)]);
    assert_eq!(
        find("identifier=s%7C1").await,
        [id(&closed)],
        "an import finds what it brought"
    );
    assert_eq!(find("identifier=s%7C2").await, [id(&survivor)]);
    assert_eq!(
        find(&format!(
            "mrn={}",
            retired["mrn"].as_str().expect("a number")
        ))
        .await,
        [id(&survivor)]
    );
    assert_eq!(find("identifier=s%7C2&status=MERGED").await, [id(&retired)]);
}

/// Among thousands of people a search and the look for duplicates read a few
/// hundred rows through the indexes: what it takes does not grow with the hospital.
#[tokio::test]
async fn many_people_do_not_slow_a_search_down() {
    let hospital = Hospital::open().await;
    hospital.people_move_in().await;
    hospital
        .register(with(
            person("Zora", "Quillfeather", "1985-03-12"),
            json!({ "phone": "030 1234567" }),
        ))
        .await;
    hospital.is_sound().await;

    let find = |query: &str| Filter {
        tokens: (!query.is_empty()).then(|| name::tokens(query)),
        mrn: None,
        birth_date: None,
        phone_key: None,
        email_key: None,
        identifier: None,
        status: None,
        bound: Bound::Everybody,
    };
    for (what, filter, expected) in [
        ("a rare name", find("zor quill"), 1),
        ("a family name", find("quillfeather"), 1),
        ("a given name", find("zora"), 1),
        ("two letters", find("qu"), 32),
        ("a beginning that many names share", find("quillfe"), 1),
        ("one letter", find("q"), 0),
        ("nobody", find("zora xylander"), 0),
        (
            "a birth date",
            Filter {
                birth_date: Some(jiff::civil::date(1935, 1, 1)),
                ..find("")
            },
            2,
        ),
        (
            "a telephone",
            Filter {
                phone_key: Some("01234567".to_owned()),
                ..find("")
            },
            1,
        ),
        ("everybody", find(""), 51),
    ] {
        let mut tx = hospital.db.begin().await.expect("a transaction");
        let before = rows_read(&mut tx).await;
        let found = index::search(&mut tx, &hospital.vault, &filter, None, 50)
            .await
            .expect("an answer");
        let after = rows_read(&mut tx).await;
        let (scanned, read) = (after.0 - before.0, after.1 - before.1);
        assert_eq!(found.len(), expected, "{what}");
        assert!(
            scanned == 0 && read <= 1_000,
            "{what}: {scanned} rows scanned, {read} read"
        );
    }

    let zora = Profile {
        given: "zora".into(),
        family: "quilfeather".into(),
        birth_date: jiff::civil::date(1985, 3, 12),
        sex: Sex::Female,
        phone: None,
        email: None,
        national_id: None,
        address: None,
    };
    let mut tx = hospital.db.begin().await.expect("a transaction");
    let before = rows_read(&mut tx).await;
    let found = duplicate::store::candidates(&hospital.vault, &mut tx, &zora, None, LIKELY)
        .await
        .expect("an answer");
    let after = rows_read(&mut tx).await;
    let (scanned, read) = (after.0 - before.0, after.1 - before.1);
    assert_eq!(found.len(), 1);
    assert!(
        scanned == 0 && read <= 1_000,
        "duplicates: {scanned} rows scanned, {read} read"
    );
}

/// Rows of patients and of the beginnings of their names that this connection has read
/// so far: by scanning, and through indexes. Within a transaction the counts only grow.
pub(crate) async fn rows_read(tx: &mut Tx) -> (i64, i64) {
    let read: Option<(i64, i64)> = sqlx::query_as(
        "select sum(seq_tup_read)::int8, sum(idx_tup_fetch)::int8 from pg_stat_xact_user_tables
             where relname in ('patient', 'patient_name_token') having count(*) > 0",
    )
    .fetch_optional(tx.conn())
    .await
    .expect("the statistics");
    read.unwrap_or_default()
}
