//! What a route's request bodies are validated against: a JSON Schema (2020-12), compiled once per snapshot.
//!
//! What it tells of a body is places and keywords: no value, no message that could hold one.
//! INVARIANT: nothing that it tells is a value of the body (`tests::what_is_told_holds_no_value_of_the_body`).
//! Never: fetches a schema, or matches a pattern in more than linear time: the texts are the caller's.

pub(super) mod dialect;

use std::cell::RefCell;
use std::fmt;

use jsonschema::Draft;
use jsonschema::PatternOptions;
use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::Error as _;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value as Json;

use crate::limits;
use crate::redact::held::step;

/// A schema of request bodies.
pub struct BodySchema {
    validator: Validator,
    is_required: bool,
}

impl fmt::Debug for BodySchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySchema").field("is_required", &self.is_required).finish_non_exhaustive()
    }
}

/// What is wrong with a body at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where, as a JSON pointer (RFC 6901). Keys that are no plain names are `*`: they may be data themselves.
    pub pointer: String,
    /// The keyword of the schema that does not hold; `required` for a body that is missing, `duplicate_key` for a member that
    /// is there twice, `json` for what is beyond a reader's bounds.
    pub keyword: Box<str>,
}

impl Fault {
    fn at(pointer: String, keyword: &str) -> Self {
        Self { pointer, keyword: keyword.into() }
    }
}

impl BodySchema {
    /// Compiles a schema. References lead within it and nowhere else.
    ///
    /// # Errors
    /// A message for the author of the schema.
    pub fn new(schema: &Json, is_required: bool) -> Result<Self, String> {
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(false)
            .offline();
        let validator = options.build(schema).map_err(|error| error.to_string())?;
        Ok(Self { validator, is_required })
    }

    /// Must there be a body?
    #[must_use]
    pub const fn is_required(&self) -> bool {
        self.is_required
    }

    /// What is wrong with a request without a body.
    #[must_use]
    pub fn missing() -> Vec<Fault> {
        vec![Fault::at(String::new(), "required")]
    }

    /// Is this document, which has been read strictly, as the schema says?
    ///
    /// # Errors
    /// The first so many things that are wrong with it, at least one.
    pub fn check(&self, json: &[u8]) -> Result<(), Vec<Fault>> {
        let tree = tree(json).map_err(|fault| vec![fault])?;
        let mut faults: Vec<Fault> = Vec::new();
        for error in self.validator.iter_errors(&tree).take(limits::TOLD_PLACES_MAX) {
            let mut pointer = told(error.instance_path().as_str());
            if let ValidationErrorKind::Required { property } = error.kind()
                && let Some(name) = property.as_str()
            {
                // The name is the schema's.
                pointer.push('/');
                pointer.push_str(step(name));
            }
            let fault = Fault::at(pointer, error.kind().keyword());
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// A pointer as it may be told.
fn told(pointer: &str) -> String {
    let mut out = String::new();
    for token in pointer.split('/').skip(1) {
        let is_number =
            !token.is_empty() && token.len() <= 8 && token.bytes().all(|byte| byte.is_ascii_digit());
        let token = if is_number { token } else { step(token) };
        if out.len() + token.len() >= limits::TOLD_POINTER_BYTES_MAX {
            break;
        }
        out.push('/');
        out.push_str(token);
    }
    out
}

/// The document as a tree. One that has a member twice has two readings, and which one the app takes is not known here.
fn tree(json: &[u8]) -> Result<Json, Fault> {
    let (at, twice) = (RefCell::new(String::new()), RefCell::new(None));
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = Tree { at: &at, twice: &twice }.deserialize(&mut reader);
    match (read, twice.into_inner()) {
        (_, Some(pointer)) => Err(Fault::at(told(&pointer), "duplicate_key")),
        (Ok(tree), None) => Ok(tree),
        (Err(_), None) => Err(Fault::at(String::new(), "json")),
    }
}

#[derive(Clone, Copy)]
struct Tree<'a> {
    at: &'a RefCell<String>,
    /// Where a member stands for the second time.
    twice: &'a RefCell<Option<String>>,
}

impl Tree<'_> {
    fn within<T>(self, key: &str, read: impl FnOnce() -> T) -> T {
        let before = self.at.borrow().len();
        self.at.borrow_mut().push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
        let done = read();
        self.at.borrow_mut().truncate(before);
        done
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(flag.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::from))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(text.into())
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = self.within(&items.len().to_string(), || seq.next_element_seed(self))? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = self.within(&key, || map.next_value_seed(self))?;
            if members.contains_key(&key) {
                let pointer = self.within(&key, || self.at.borrow().clone());
                self.twice.borrow_mut().get_or_insert(pointer);
                return Err(A::Error::custom("a member is there twice"));
            }
            members.insert(key, value);
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests;
