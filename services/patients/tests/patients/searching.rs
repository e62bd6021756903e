//! Finding people.

use std::time::Instant;

use http::StatusCode;
use serde_json::json;
use sqlx::Executor as _;

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
    ];
    for (given, family) in names {
        hospital.somebody(given, family, "1985-03-12").await;
    }
    for (query, found) in [
        ("mul", vec!["Muller", "Müller-Weiß"]),
        ("MUELLER", vec!["Muller", "Müller-Weiß"]),
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
async fn pages_hold_everybody_once_and_in_order() {
    let hospital = Hospital::open().await;
    for n in 0..23 {
        hospital
            .somebody(
                ["Anna", "Änne", "Ben"][n % 3],
                ["Schmidt", "Šmid", "Álvarez", "smith"][n % 4],
                &format!("19{:02}-01-01", 10 + n),
            )
            .await;
    }
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
        hospital
            .somebody("Aaron", "Aardvark", &format!("19{:02}-02-02", seen.len()))
            .await;
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    let all: std::collections::HashSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), all.len()), (23, 23));
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

/// The indexes are used: among tens of thousands of people, finding a page takes
/// milliseconds. The bound is generous for a busy machine; a scan takes far longer.
#[tokio::test]
async fn many_people_do_not_slow_a_search_down() {
    let hospital = Hospital::open().await;
    let people = "
        insert into patient (id, mrn, given_name, family_name, given_key, family_key, birth_date, sex, registered_at)
        select gen_random_uuid(), 'G-' || number || '-' || lpad((98 - (('16' || number || '00')::numeric % 97))::text, 2, '0'),
               given, family, given, family, date '1930-01-01' + n % 10000, 'UNKNOWN', now()
        from (select n, lpad((1000000 + n)::text, 7, '0') as number,
                     translate(md5('g' || n % 5000), '0123456789', 'ghijklmnop') as given,
                     translate(md5('f' || n % 20000), '0123456789', 'qrstuvwxyz') as family
              from generate_series(1, 30000) n) people;
        update mrn_series set next = 2000000;
        analyze patient;";
    hospital
        .db
        .pool()
        .execute(people)
        .await
        .expect("people move in");
    hospital
        .somebody("Zora", "Quillfeather", "1985-03-12")
        .await;
    hospital.is_sound().await;
    for (query, least) in [
        ("query=zor%20quill", 1),
        ("query=quillfeather", 1),
        ("query=q", 51),
        ("query=ab%20c", 0),
        ("birthDate=1985-03-12", 3),
        ("", 51),
    ] {
        let began = Instant::now();
        let page = hospital.desk().get(&format!("/patients?{query}")).await;
        let took = began.elapsed();
        assert!(least.min(50) <= column(&page.body, "id").len(), "{query}");
        println!("{query}: {took:?}");
        assert!(took.as_millis() < 400, "{query} took {took:?}");
    }
    let began = Instant::now();
    let reply = hospital
        .desk()
        .post("/patients", person("Zora", "Quilfeather", "1985-03-12"))
        .await;
    assert_eq!(reply.code(), Some("LIKELY_DUPLICATE"));
    assert!(
        began.elapsed().as_millis() < 400,
        "looking for duplicates took {:?}",
        began.elapsed()
    );
}
