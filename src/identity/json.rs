//! JSON read strictly: a member that occurs twice anywhere is an error, and numbers are integers or nothing.
//!
//! Parsers disagree on duplicates; who checks one copy and uses the other has been fooled.
//! Never: guesses, merges, or recurses deeper than `serde_json` allows (128).

use std::collections::BTreeMap;
use std::fmt;

use serde::de;

/// The members of an object.
pub(super) type Object = BTreeMap<Box<str>, Json>;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool,
    Integer(i128),
    /// Has a fraction, an exponent, or is out of the range of 64-bit integers. Nothing here may be one.
    OtherNumber,
    Text(Box<str>),
    Array(Vec<Json>),
    Object(Object),
}

impl Json {
    /// Parses one whole text. The error tells line and column, and nothing of the content but a duplicate's absence.
    pub(super) fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// Parses one whole text that must be an object.
    pub(super) fn parse_object(text: &[u8]) -> Option<Object> {
        match Self::parse(text) {
            Ok(Self::Object(members)) => Some(members),
            Ok(_) | Err(_) => None,
        }
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Bool
            | Self::Integer(_)
            | Self::OtherNumber
            | Self::Array(_)
            | Self::Object(_) => None,
        }
    }
}

impl<'de> de::Deserialize<'de> for Json {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strict)
    }
}

struct Strict;

impl<'de> de::Visitor<'de> for Strict {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Bool)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Integer(number.into()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut members = Object::new();
        while let Some((name, value)) = from.next_entry::<Box<str>, Json>()? {
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a member occurs twice"));
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_member_at_any_depth_is_an_error_however_it_is_written() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[[{"x":{"b":null,"c":0,"b":null}}]]"#,
            r#"{"":0,"":0}"#,
        ] {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Json::parse(br#"{"a":{"a":{"a":1}},"A":[{"a":1},{"a":2}]}"#).is_ok());
    }

    #[test]
    fn only_integers_are_numbers() {
        for text in ["1.0", "1e3", "-0", "18446744073709551616", "1e-1", "-9223372036854775809"] {
            assert_eq!(Json::parse(text.as_bytes()).unwrap(), Json::OtherNumber, "{text}");
        }
        assert_eq!(Json::parse(b"18446744073709551615").unwrap(), Json::Integer(u64::MAX.into()));
        assert!(Json::parse(b"1e999").is_err());
        assert!(Json::parse(b"01").is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(Json::parse("[".repeat(100_000).as_bytes()).is_err());
        assert!(Json::parse(format!("{}{}", "[".repeat(200), "]".repeat(200)).as_bytes()).is_err());
    }
}
