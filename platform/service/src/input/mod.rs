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
mod tests;
