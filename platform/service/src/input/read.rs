//! Reads a tree of [`Input`] into a type: a serde deserializer whose errors name
//! the field.

use std::fmt::{self, Display};

use serde::Deserializer;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use uuid::Uuid;

use super::{Input, Refusal};

/// Text of a client is repeated in messages up to here.
const LONGEST_MESSAGE: usize = 200;

impl Input {
    /// Reads a type from the tree.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        T::deserialize(self)
    }

    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Null => Unexpected::Unit,
            Self::Bool(value) => Unexpected::Bool(*value),
            Self::Number(_) => Unexpected::Other("number"),
            Self::Text(text) | Self::Parameter(text) => Unexpected::Str(text),
            Self::List(_) | Self::Repeated(_) => Unexpected::Seq,
            Self::Object(_) => Unexpected::Map,
        }
    }
}

/// `2.0` is an integer in JSON Schema, so it is one here.
fn whole_number(number: &serde_json::Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let value = number.as_f64().filter(|_| number.is_f64())?;
    (value.fract() == 0.0 && value.abs() <= EXACT)
        .then(|| format!("{value:.0}").parse().ok())
        .flatten()
}

/// Integers: a parameter's text is parsed wide, and the type's own visitor then
/// says whether the value fits.
macro_rules! integers {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            match self {
                Input::Parameter(text) => {
                    if let Ok(value) = text.parse::<u64>() {
                        visitor.visit_u64(value)
                    } else if let Ok(value) = text.parse::<i64>() {
                        visitor.visit_i64(value)
                    } else {
                        Err(de::Error::invalid_type(Unexpected::Str(text), &"an integer"))
                    }
                }
                Input::Number(number) => match whole_number(number) {
                    Some(value) if value >= 0 => visitor.visit_u64(value.unsigned_abs()),
                    Some(value) => visitor.visit_i64(value),
                    None => self.deserialize_any(visitor),
                },
                _ => self.deserialize_any(visitor),
            }
        }
    )+};
}

macro_rules! floats {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            match self {
                Input::Parameter(text) => match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => visitor.visit_f64(value),
                    _ => Err(de::Error::invalid_type(self.unexpected(), &"a number")),
                },
                _ => self.deserialize_any(visitor),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for &'de Input {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self {
            Input::Null => visitor.visit_unit(),
            Input::Bool(value) => visitor.visit_bool(*value),
            Input::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, Some(value)) => visitor.visit_f64(value),
                _ => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
            },
            Input::Text(text) | Input::Parameter(text) => visitor.visit_borrowed_str(text),
            Input::Repeated(_) => Err(Refusal::new("DUPLICATE_FIELD", "must be given once")),
            Input::List(items) => visit_list(items, visitor),
            Input::Object(members) => visitor.visit_map(Members {
                rest: members.iter(),
                value: None,
            }),
        }
    }

    integers!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);
    floats!(deserialize_f32 deserialize_f64);

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self {
            Input::Parameter(text) => match text.as_str() {
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                other => Err(de::Error::invalid_type(
                    Unexpected::Str(other),
                    &"true or false",
                )),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    /// Ids ask for a string this way (`String` itself does not). A UUID has one
    /// spelling in the API, though its parser knows four.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let (Input::Text(text) | Input::Parameter(text)) = self else {
            return self.deserialize_any(visitor);
        };
        if text.len() != uuid::fmt::Hyphenated::LENGTH && Uuid::try_parse(text).is_ok() {
            return Err(Refusal::new("INVALID_VALUE", "must be a UUID with hyphens"));
        }
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self {
            Input::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self {
            Input::Parameter(_) => visit_list(std::slice::from_ref(self), visitor),
            Input::Repeated(items) => visit_list(items, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let Input::Object(members) = self else {
            return Err(de::Error::invalid_type(self.unexpected(), &"an object"));
        };
        match members
            .iter()
            .find(|(name, _)| !fields.contains(&name.as_str()))
        {
            Some((unknown, _)) => Err(de::Error::unknown_field(unknown, fields)),
            None => visitor.visit_map(Members {
                rest: members.iter(),
                value: None,
            }),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self {
            Input::Text(text) | Input::Parameter(text) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            Input::Repeated(_) => self.deserialize_any(visitor),
            Input::Object(members) if members.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Members {
                    rest: members.iter(),
                    value: None,
                }))
            }
            _ => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
        }
    }

    serde::forward_to_deserialize_any! {
        char string bytes byte_buf unit unit_struct tuple tuple_struct map identifier ignored_any
    }
}

fn visit_list<'de, V: Visitor<'de>>(list: &'de [Input], visitor: V) -> Result<V::Value, Refusal> {
    let mut items = Items {
        rest: list.iter(),
        index: 0,
    };
    let value = visitor.visit_seq(&mut items)?;
    if items.index == list.len() {
        Ok(value)
    } else {
        Err(Refusal::new("INVALID_LENGTH", "has too many items"))
    }
}

/// The items of a list, one after another.
struct Items<'de> {
    rest: std::slice::Iter<'de, Input>,
    index: usize,
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refusal> {
        let Some(item) = self.rest.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        seed.deserialize(item)
            .map(Some)
            .map_err(|refusal| refusal.within(&index.to_string()))
    }
}

/// The members of an object, one after another.
struct Members<'de> {
    rest: std::slice::Iter<'de, (String, Input)>,
    value: Option<(&'de str, &'de Input)>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Refusal;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refusal> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some((name, value));
        let key = BorrowedStrDeserializer::<Refusal>::new(name);
        seed.deserialize(key).map(Some).map_err(|refusal| {
            // An unknown field already points at itself.
            if refusal.pointer.is_empty() {
                refusal.within(name)
            } else {
                refusal
            }
        })
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        let (name, value) = self
            .value
            .take()
            .expect("serde asks for a value after its key");
        seed.deserialize(value)
            .map_err(|refusal| refusal.within(name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

impl de::Error for Refusal {
    fn custom<T: Display>(message: T) -> Self {
        Self::new("INVALID_VALUE", bounded(message.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("WRONG_TYPE", format!("must be {}", in_words(expected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let code = match unexpected {
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => {
                "OUT_OF_RANGE"
            }
            _ => "INVALID_VALUE",
        };
        Self::new(code, format!("must be {}", in_words(expected)))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new("INVALID_LENGTH", format!("must be {}", in_words(expected)))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(
            "INVALID_VALUE",
            bounded(format!("must be one of {}", expected.join(", "))),
        )
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::new("UNKNOWN_FIELD", "is not known here").within(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("MISSING_FIELD", "is required").within(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new("DUPLICATE_FIELD", "is there twice").within(field)
    }
}

/// What a type expects, for people who do not write Rust.
fn in_words(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "i8" | "i16" | "i32" | "i64" | "i128" => "an integer in range".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "u128" => "a non-negative integer in range".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        _ if text.starts_with("struct ") => "an object".to_owned(),
        _ => bounded(text),
    }
}

fn bounded(mut text: String) -> String {
    if text.len() > LONGEST_MESSAGE {
        let end = (0..=LONGEST_MESSAGE)
            .rev()
            .find(|i| text.is_char_boundary(*i))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pointer, self.message)
    }
}

impl std::error::Error for Refusal {}
