//! Bodies, queries and paths, right and wrong.

use galen_kernel::FieldError;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    patient_id: Uuid,
    lines: Vec<Line>,
    note: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Line {
    #[serde(rename = "a/b")]
    code: String,
    count: u8,
    kind: Kind,
}

#[derive(Debug, Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    Stat,
    Routine,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Filter {
    limit: Option<u16>,
    urgent: Option<bool>,
    #[serde(default)]
    kind: Vec<Kind>,
    text: Option<String>,
}

const ID: &str = "0192f0c4-77aa-7d1e-9c3a-2f1f4b6e8a01";

fn order() -> serde_json::Value {
    json!({ "patientId": ID, "lines": [{ "a/b": "K", "count": 2, "kind": "STAT" }], "note": null })
}

fn refused(body: &serde_json::Value) -> (String, &'static str) {
    let problem = super::body::<Order>(body.to_string().as_bytes()).unwrap_err();
    assert_eq!((problem.status, problem.code), (400, "VALIDATION_FAILED"));
    let FieldError { pointer, code, .. } = problem.errors.into_iter().next().unwrap();
    (pointer, code)
}

#[test]
fn a_right_body_is_read() {
    let read: Order = body(order().to_string().as_bytes()).unwrap();
    assert_eq!(
        read.lines[0],
        Line {
            code: "K".to_owned(),
            count: 2,
            kind: Kind::Stat
        }
    );
}

#[test]
fn a_wrong_field_is_pointed_at() {
    let wrong = |pointer: &str, value: serde_json::Value| {
        let mut body = order();
        match body.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                body.pointer_mut(parent).unwrap()[name] = value;
            }
        }
        refused(&body)
    };
    let at = |pointer: &str, code: &'static str| (pointer.to_owned(), code);
    assert_eq!(
        wrong("/lines/0/count", json!("2")),
        at("/lines/0/count", "WRONG_TYPE")
    );
    assert_eq!(
        wrong("/lines/0/count", json!(2.5)),
        at("/lines/0/count", "WRONG_TYPE")
    );
    assert_eq!(
        wrong("/lines/0/count", json!(256)),
        at("/lines/0/count", "OUT_OF_RANGE")
    );
    assert_eq!(
        wrong("/lines/0/count", json!(-1)),
        at("/lines/0/count", "OUT_OF_RANGE")
    );
    assert_eq!(
        wrong("/lines/0/count", json!(null)),
        at("/lines/0/count", "WRONG_TYPE")
    );
    assert_eq!(
        wrong("/lines/0/kind", json!("LATER")),
        at("/lines/0/kind", "INVALID_VALUE")
    );
    assert_eq!(
        wrong("/lines/0/a~1b", json!(1)),
        at("/lines/0/a~1b", "WRONG_TYPE")
    );
    assert_eq!(
        wrong("/lines/0", json!(["K", 2, "STAT"])),
        at("/lines/0", "WRONG_TYPE")
    );
    assert_eq!(
        wrong("/lines/0/more", json!(1)),
        at("/lines/0/more", "UNKNOWN_FIELD")
    );
    assert_eq!(wrong("/lines", json!({})), at("/lines", "WRONG_TYPE"));
    assert_eq!(wrong("/nte", json!("typo")), at("/nte", "UNKNOWN_FIELD"));
    assert_eq!(
        wrong("/note", json!("a\0b")),
        at("/note", "INVALID_CHARACTER")
    );
    assert_eq!(
        wrong("/patientId", json!("x")),
        at("/patientId", "INVALID_VALUE")
    );
    assert_eq!(
        wrong("/patientId", json!(ID.replace('-', ""))),
        at("/patientId", "INVALID_VALUE")
    );
}

#[test]
fn a_missing_field_is_pointed_at() {
    let mut body = order();
    body["lines"][0].as_object_mut().unwrap().remove("count");
    assert_eq!(
        refused(&body),
        ("/lines/0/count".to_owned(), "MISSING_FIELD")
    );
    assert_eq!(
        refused(&json!({})),
        ("/patientId".to_owned(), "MISSING_FIELD")
    );
    assert_eq!(refused(&json!([])), (String::new(), "WRONG_TYPE"));
    assert_eq!(refused(&json!(null)), (String::new(), "WRONG_TYPE"));
}

#[test]
fn a_whole_number_may_be_written_as_a_decimal() {
    let text = order().to_string().replace("\"count\":2", "\"count\":2.0");
    assert_eq!(body::<Order>(text.as_bytes()).unwrap().lines[0].count, 2);
}

#[test]
fn a_field_that_is_there_twice_is_refused() {
    let text = order().to_string().replacen('{', "{\"note\":\"a\",", 1);
    let problem = body::<Order>(text.as_bytes()).unwrap_err();
    assert_eq!(
        (problem.errors[0].pointer.as_str(), problem.errors[0].code),
        ("/note", "DUPLICATE_FIELD")
    );
}

#[test]
fn what_is_not_json_is_refused() {
    let deep = "[".repeat(100_000);
    for (text, code) in [
        (&b""[..], "BODY_REQUIRED"),
        (b" \n", "BODY_REQUIRED"),
        (b"{", "MALFORMED_JSON"),
        (b"{} {}", "MALFORMED_JSON"),
        (b"{\"note\":\"\x00\"}", "MALFORMED_JSON"),
        (b"{\"note\":\"\xff\"}", "MALFORMED_JSON"),
        (b"{\"note\":\"\\ud800\"}", "MALFORMED_JSON"),
        (b"{\"count\":1e999}", "MALFORMED_JSON"),
        (deep.as_bytes(), "MALFORMED_JSON"),
    ] {
        assert_eq!(body::<Order>(text).unwrap_err().code, code);
    }
}

fn filter(text: &str) -> Result<Filter, (String, &'static str)> {
    query(text).map_err(|problem| {
        problem
            .errors
            .into_iter()
            .next()
            .map_or((String::new(), problem.code), |e| (e.pointer, e.code))
    })
}

#[test]
fn a_query_is_read() {
    let read = filter("limit=20&urgent=true&kind=STAT&kind=ROUTINE&text=M%C3%BCller+A").unwrap();
    assert_eq!(
        read,
        Filter {
            limit: Some(20),
            urgent: Some(true),
            kind: vec![Kind::Stat, Kind::Routine],
            text: Some("Müller A".to_owned())
        }
    );
    assert_eq!(filter("").unwrap().limit, None);
}

#[test]
fn a_wrong_parameter_is_pointed_at() {
    let at = |pointer: &str, code: &'static str| Err((pointer.to_owned(), code));
    assert_eq!(filter("limit=x"), at("?limit", "WRONG_TYPE"));
    assert_eq!(filter("limit="), at("?limit", "WRONG_TYPE"));
    assert_eq!(filter("limit=70000"), at("?limit", "OUT_OF_RANGE"));
    assert_eq!(filter("limit=-1"), at("?limit", "OUT_OF_RANGE"));
    assert_eq!(filter("limit=1&limit=2"), at("?limit", "DUPLICATE_FIELD"));
    assert_eq!(filter("urgent=yes"), at("?urgent", "WRONG_TYPE"));
    assert_eq!(
        filter("kind=STAT&kind=LATER"),
        at("?kind/1", "INVALID_VALUE")
    );
    assert_eq!(filter("Limit=1"), at("?Limit", "UNKNOWN_FIELD"));
    assert_eq!(filter("text=a%00"), at("?text", "INVALID_CHARACTER"));
    assert_eq!(filter("text=%ff"), at("", "MALFORMED_QUERY"));
    assert_eq!(filter("text=%"), at("", "MALFORMED_QUERY"));
    assert_eq!(filter("text=%g0"), at("", "MALFORMED_QUERY"));
}

#[test]
fn an_id_in_the_path_has_one_spelling() {
    let id: Uuid = ID.parse().unwrap();
    assert_eq!(path::<Uuid>([ID].into_iter()).unwrap(), id);
    assert_eq!(
        path::<(Uuid, Uuid)>([ID, ID].into_iter()).unwrap(),
        (id, id)
    );
    assert_eq!(path::<String>(["B-12"].into_iter()).unwrap(), "B-12");
    assert_eq!(path::<(Uuid, i64)>([ID, "7"].into_iter()).unwrap(), (id, 7));
    let simple = ID.replace('-', "");
    for other in [
        "",
        "x",
        &simple,
        &format!("{{{ID}}}"),
        &format!("urn:uuid:{ID}"),
        &format!("{ID}\0"),
    ] {
        assert_eq!(
            path::<Uuid>([other].into_iter()).unwrap_err().status,
            404,
            "{other}"
        );
    }
    assert_eq!(path::<String>(["a\0"].into_iter()).unwrap_err().status, 404);
    assert_eq!(
        path::<(Uuid, Uuid)>([ID].into_iter()).unwrap_err().status,
        404
    );
}
