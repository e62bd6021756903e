//! What a client sent, held as a small tree before any type reads it: JSON bodies,
//! query strings, path parameters.
//!
//! Reading through the tree (and not straight from the bytes) is what lets every
//! refusal name the field: unknown and repeated fields, characters that no column
//! can hold, and JSON arrays where an object is meant, which serde alone would take.

mod read;

use std::collections::HashSet;
use std::fmt;

use galen_kernel::Problem;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};

/// One value of a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Input {
    /// JSON null.
    Null,
    /// JSON true and false.
    Bool(bool),
    /// A JSON number.
    Number(serde_json::Number),
    /// A JSON string.
    Text(String),
    /// A JSON array.
    List(Vec<Input>),
    /// A JSON object; names may repeat until [`Input::inspect`] has refused that.
    Object(Vec<(String, Input)>),
    /// A parameter of the query or the path: text that is also read as number or
    /// truth value.
    Parameter(String),
    /// The parameters of one name that was given more than once.
    Repeated(Vec<Input>),
}

/// A value that is refused, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// RFC 6901, relative to the value being read.
    pub(crate) pointer: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            pointer: String::new(),
            code,
            message: message.into(),
        }
    }

    /// The same refusal, seen from the object or list around it.
    fn within(mut self, segment: &str) -> Self {
        let escaped = segment.replace('~', "~0").replace('/', "~1");
        self.pointer = format!("/{escaped}{}", self.pointer);
        self
    }

    fn into_problem(self) -> Problem {
        Problem::invalid_field(self.pointer, self.code, self.message)
    }
}

/// Reads a JSON body.
pub(crate) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::new(
            400,
            "BODY_REQUIRED",
            "The request needs a JSON body.",
        ));
    }
    let malformed = || Problem::new(400, "MALFORMED_JSON", "The body is not JSON in UTF-8.");
    let text = std::str::from_utf8(bytes).map_err(|e| {
        malformed().with_detail(format!("not UTF-8 after byte {}", e.valid_up_to()))
    })?;
    // serde_json's own limit of 128 levels bounds the depth of the tree.
    let input: Input =
        serde_json::from_str(text).map_err(|e| malformed().with_detail(e.to_string()))?;
    input
        .inspect()
        .and_then(|()| input.read())
        .map_err(Refusal::into_problem)
}

/// Reads a query string.
pub(crate) fn query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let mut object: Vec<(String, Input)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(name), Some(value)) = (decode(name), decode(value)) else {
            return Err(Problem::new(
                400,
                "MALFORMED_QUERY",
                "The query is not percent-encoded UTF-8.",
            ));
        };
        let value = Input::Parameter(value);
        match object.iter_mut().find(|(known, _)| *known == name) {
            Some((_, Input::Repeated(values))) => values.push(value),
            Some((_, first)) => {
                let before = std::mem::replace(first, Input::Null);
                *first = Input::Repeated(vec![before, value]);
            }
            None => object.push((name, value)),
        }
    }
    let input = Input::Object(object);
    input
        .inspect()
        .and_then(|()| input.read())
        .map_err(|mut refusal| {
            if refusal.pointer.starts_with('/') {
                refusal.pointer.replace_range(..1, "?");
            }
            refusal.into_problem()
        })
}

/// Reads path parameters: one as itself, several as a list. What cannot be read
/// names nothing.
pub(crate) fn path<'a, T: DeserializeOwned>(
    segments: impl Iterator<Item = &'a str>,
) -> Result<T, Problem> {
    let mut values: Vec<Input> = segments
        .map(|text| Input::Parameter(text.to_owned()))
        .collect();
    let input = if values.len() == 1 {
        values.remove(0)
    } else {
        Input::List(values)
    };
    input
        .inspect()
        .and_then(|()| input.read())
        .map_err(|_| Problem::not_found())
}

/// Percent-decodes a name or value of a query (`application/x-www-form-urlencoded`).
fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

impl Input {
    /// Refuses repeated names and NUL characters, anywhere.
    fn inspect(&self) -> Result<(), Refusal> {
        match self {
            Self::Text(text) | Self::Parameter(text) => whole(text),
            Self::Repeated(items) | Self::List(items) => {
                items.iter().enumerate().try_for_each(|(i, item)| {
                    item.inspect()
                        .map_err(|refusal| refusal.within(&i.to_string()))
                })
            }
            Self::Object(members) => {
                let mut seen = HashSet::with_capacity(members.len());
                members.iter().try_for_each(|(name, value)| {
                    let checked = if seen.insert(name.as_str()) {
                        whole(name).and_then(|()| value.inspect())
                    } else {
                        Err(Refusal::new("DUPLICATE_FIELD", "is there twice"))
                    };
                    checked.map_err(|refusal| refusal.within(name))
                })
            }
            Self::Null | Self::Bool(_) | Self::Number(_) => Ok(()),
        }
    }
}

/// Refuses text that PostgreSQL cannot hold.
fn whole(text: &str) -> Result<(), Refusal> {
    if text.contains('\0') {
        Err(Refusal::new(
            "INVALID_CHARACTER",
            "must not hold the character U+0000",
        ))
    } else {
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tree;

        impl<'de> Visitor<'de> for Tree {
            type Value = Input;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Input, E> {
                Ok(Input::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Input, E> {
                Ok(Input::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Input, E> {
                Ok(Input::Number(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Input, E> {
                Ok(Input::Number(value.into()))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Input, E> {
                serde_json::Number::from_f64(value)
                    .map(Input::Number)
                    .ok_or_else(|| E::custom("number out of range"))
            }

            fn visit_str<E>(self, value: &str) -> Result<Input, E> {
                Ok(Input::Text(value.to_owned()))
            }

            fn visit_string<E>(self, value: String) -> Result<Input, E> {
                Ok(Input::Text(value))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Input, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Input::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Input, A::Error> {
                let mut object = Vec::new();
                while let Some(member) = members.next_entry()? {
                    object.push(member);
                }
                Ok(Input::Object(object))
            }
        }

        deserializer.deserialize_any(Tree)
    }
}

#[cfg(test)]
mod tests {
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
        let read =
            filter("limit=20&urgent=true&kind=STAT&kind=ROUTINE&text=M%C3%BCller+A").unwrap();
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
}
