//! Where in a request documents of GraphQL stand: in the query of its URL, or in its body.
//!
//! Never: takes one of two. What an app may take for another document, another name or another one of the same member is
//! refused.

use std::borrow::Cow;
use std::fmt;

use serde::de;
use serde_json::value::RawValue;

use crate::ids::Digest;
use crate::model::graphql::Asked;
use crate::request::spoken::UNCLEAR;
use crate::request::spoken::Unspoken;

/// One document as it was sent, and the operation that was named.
pub(super) struct One<'a> {
    pub(super) document: Cow<'a, str>,
    pub(super) operation: Option<Cow<'a, str>>,
}

impl One<'_> {
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked { document: &self.document, operation: self.operation.as_deref() }
    }
}

/// Names by which some apps take a document that they know already.
const PERSISTED: [&str; 8] =
    ["id", "documentid", "doc_id", "docid", "queryid", "query_id", "hash", "sha256hash"];

/// The document in the query of a URL; nothing where nobody would look for one there.
pub(super) fn in_url(query: &str) -> Result<Option<One<'_>>, Unspoken> {
    let (mut document, mut operation) = (None, None);
    let (mut is_named, mut is_asked) = (false, false);
    for pair in query.split('&') {
        let (raw, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(raw).unwrap_or_default().to_ascii_lowercase();
        // `query[]`, `query[0]` and ` query` are `query` to some.
        let name = name.split(['[', '.']).next().unwrap_or_default().trim();
        let place = match name {
            "query" => &mut document,
            "operationname" => &mut operation,
            "variables" | "extensions" => {
                is_asked = true;
                is_named |= name == "extensions" && !value.is_empty();
                continue;
            }
            name if PERSISTED.contains(&name) => {
                is_named = true;
                continue;
            }
            _ => continue,
        };
        if !matches!(raw, "query" | "operationName") || place.is_some() {
            return Err(UNCLEAR);
        }
        *place = Some(decoded(value).ok_or(UNCLEAR)?);
    }
    match document {
        // To some a semicolon parts parameters as well.
        Some(_) if is_named || query.contains(';') => Err(UNCLEAR),
        Some(document) => Ok(Some(One { document, operation })),
        None if is_named => Err(Unspoken::Persisted),
        None if is_asked || operation.is_some() => Err(UNCLEAR),
        None => Ok(None),
    }
}

/// What percent signs and plus signs stand for; nothing where they stand for nothing, or the text is not UTF-8.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(match byte {
            b'%' => digit()? << 4 | digit()?,
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// The documents of a body: of one object, or of a list of them.
pub(super) fn in_body(json: &[u8]) -> Result<Vec<One<'static>>, Unspoken> {
    let text = std::str::from_utf8(json).map_err(|_| Unspoken::Request)?;
    let all: Vec<Members<'_>> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|_| Unspoken::Request)?
    } else {
        vec![serde_json::from_str(text).map_err(|_| Unspoken::Request)?]
    };
    if all.is_empty() {
        return Err(Unspoken::Request);
    }
    all.iter().map(in_object).collect()
}

/// The members of an object, each as it is written. A name may stand there twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> de::Deserialize<'de> for Members<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> de::Visitor<'de> for Object {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(member) = map.next_entry()? {
            all.push(member);
        }
        Ok(Members(all))
    }
}

fn in_object(members: &Members<'_>) -> Result<One<'static>, Unspoken> {
    let (mut document, mut operation, mut hash) = (None::<String>, None::<String>, None);
    let mut known: Vec<&str> = Vec::new();
    let mut is_named = false;
    for (name, value) in &members.0 {
        if known.contains(&&**name) {
            return Err(UNCLEAR);
        }
        known.push(name);
        let text = || serde_json::from_str::<Option<String>>(value.get()).map_err(|_| Unspoken::Request);
        match &**name {
            "query" => document = text()?,
            "operationName" => operation = text()?,
            // A text that holds them is read by some apps, and not by us.
            "variables" if matches!(value.get().as_bytes(), [b'{', ..] | b"null") => {}
            "extensions" => hash = named(value)?,
            name if PERSISTED.contains(&&*name.to_ascii_lowercase()) => is_named = true,
            // `Query` is `query` to some, and nobody knows what else there is.
            _ => return Err(UNCLEAR),
        }
    }
    match document {
        None if is_named || hash.is_some() => Err(Unspoken::Persisted),
        None => Err(Unspoken::Request),
        Some(_) if is_named => Err(UNCLEAR),
        Some(document) => {
            // An app may look for the name before it looks at the document.
            let is_its_own = |hash: &String| *hash == Digest::of(document.as_bytes()).to_string();
            if !hash.as_ref().is_none_or(is_its_own) {
                return Err(UNCLEAR);
            }
            Ok(One { document: document.into(), operation: operation.map(Cow::Owned) })
        }
    }
}

/// The hash by which `extensions` names a document.
fn named(extensions: &RawValue) -> Result<Option<String>, Unspoken> {
    let one = |object: &Members<'_>, wanted: &str| {
        let mut found = object.0.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let first = found.next().map(|(name, value)| (name == wanted, value.get().to_owned()));
        match (first, found.next()) {
            (None, _) => Ok(None),
            (Some((true, value)), None) => Ok(Some(value)),
            (Some(_), _) => Err(UNCLEAR),
        }
    };
    let object = |text: &str| -> Result<Option<String>, Unspoken> {
        let Some(all) = serde_json::from_str::<Option<Members<'_>>>(text).map_err(|_| UNCLEAR)? else {
            return Ok(None);
        };
        let Some(persisted) = one(&all, "persistedQuery")? else { return Ok(None) };
        let Some(persisted) = serde_json::from_str::<Option<Members<'_>>>(&persisted).map_err(|_| UNCLEAR)?
        else {
            return Ok(None);
        };
        let hash = one(&persisted, "sha256Hash")?.ok_or(UNCLEAR)?;
        serde_json::from_str(&hash).map(Some).map_err(|_| UNCLEAR)
    };
    object(extensions.get())
}
