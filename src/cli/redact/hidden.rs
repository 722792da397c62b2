//! Where in a body the values stand that a plan hides, found by the redactor itself: for each hidden class the body is
//! redacted once with a text that cannot be in it, and where that text comes out a value of the class went in.
//!
//! Never: keeps or prints a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Buf as _;
use bytes::Bytes;
use serde::de::Deserializer as _;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::value::RawValue;

use crate::cli::out::BOLD;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::report::printable;
use crate::ids::Digest;
use crate::model::Model;
use crate::redact::Content;
use crate::redact::Format;
use crate::redact::Mask;
use crate::redact::Owns;
use crate::redact::Plan;
use crate::redact::Redactor;
use crate::redact::Shape;

/// The values at one place that would be hidden. All items of an array are one place.
#[derive(Debug, serde::Serialize)]
pub(super) struct Hidden {
    path: String,
    classes: Vec<String>,
    /// What stands in their place.
    mask: String,
    count: u64,
}

/// All that the plan hides in a body, by its path.
pub(super) fn hidden(
    model: &Model,
    (plan, owner): (&Plan, Option<&Arc<dyn Owns>>),
    shape: &Arc<Shape>,
    content: Content,
    body: &Bytes,
) -> Result<Vec<Hidden>, String> {
    if content.format != Format::Json {
        return Err("`--diff` reads one JSON document".to_owned());
    }
    // No body holds its own digest.
    let marker = Digest::of_parts([&b"palisade hidden"[..], body]).to_string();
    let mut places: BTreeMap<String, (Vec<String>, &Mask, u64)> = BTreeMap::new();
    for (class, mask) in plan.hidden() {
        let alone = Plan::new(shape, [(class, Mask::Fixed(marker.as_str().into()))], None);
        let redacted = redacted(alone, owner, content, body)?;
        let raw: &RawValue = serde_json::from_slice(&redacted).map_err(|_| "what leaves is no JSON")?;
        let mut found =
            Found { marker: format!("\"{marker}\""), at: "$".to_owned(), places: BTreeMap::new() };
        found.walk(raw.get())?;
        let name = model.classes.get(class).map_or(String::new(), |class| class.name.to_string());
        for (path, count) in found.places {
            let place = places.entry(path).or_insert_with(|| (Vec::new(), mask, 0));
            place.0.push(name.clone());
            place.1 = place.1.max(mask);
            place.2 = place.2.max(count);
        }
    }
    let told = |(path, (classes, mask, count)): (String, (Vec<String>, &Mask, u64))| Hidden {
        path,
        classes,
        mask: mask.to_string(),
        count,
    };
    Ok(places.into_iter().map(told).collect())
}

fn redacted(
    plan: Plan,
    owner: Option<&Arc<dyn Owns>>,
    content: Content,
    body: &Bytes,
) -> Result<Vec<u8>, String> {
    let mut redactor = match owner {
        Some(owner) => Redactor::of_owner(Arc::new(plan), content, owner),
        None => Redactor::new(Arc::new(plan), content),
    };
    let mut first = redactor.feed(body.clone()).map_err(|why| why.to_string())?;
    let (mut last, _) = redactor.finish().map_err(|why| why.to_string())?;
    let (first, last) = (first.copy_to_bytes(first.remaining()), last.copy_to_bytes(last.remaining()));
    Ok([first, last].concat())
}

/// Where the marker stands, and how often at each place.
struct Found {
    /// With its quotes.
    marker: String,
    at: String,
    places: BTreeMap<String, u64>,
}

impl Found {
    /// The redactor has bounded the nesting.
    fn walk(&mut self, raw: &str) -> Result<(), String> {
        let broken = |_| "what leaves is no JSON".to_owned();
        let before = self.at.len();
        match raw.as_bytes().first() {
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(broken)?;
                self.at.push_str("[*]");
                items.into_iter().try_for_each(|item| self.walk(item.get()))?;
            }
            Some(b'{') => {
                let members =
                    serde_json::Deserializer::from_str(raw).deserialize_map(Members).map_err(broken)?;
                for (key, value) in members {
                    self.at.push_str(&step(&key));
                    self.walk(value.get())?;
                    self.at.truncate(before);
                }
            }
            _ if raw == self.marker => *self.places.entry(self.at.clone()).or_default() += 1,
            _ => {}
        }
        self.at.truncate(before);
        Ok(())
    }
}

/// A key as a step of a path.
fn step(key: &str) -> String {
    let is_name = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    if is_name { format!(".{key}") } else { format!("[{}]", serde_json::Value::from(key)) }
}

/// Every member of an object, equal keys among them.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// What would be hidden, for people.
pub(super) fn pretty(found: &[Hidden]) -> String {
    if found.is_empty() {
        return "nothing would be hidden".to_owned();
    }
    let paths: Vec<String> = found.iter().map(|one| printable(&one.path)).collect();
    let classes: Vec<String> = found.iter().map(|one| one.classes.join(", ")).collect();
    let widest = |texts: &[String]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let masks: Vec<String> = found.iter().map(|one| one.mask.clone()).collect();
    let (wide, wide_class, wide_mask) = (widest(&paths), widest(&classes), widest(&masks));
    let rows = found.iter().zip(paths.iter().zip(&classes)).map(|(one, (path, class))| {
        let values = if one.count == 1 { "value" } else { "values" };
        let path = paint(BOLD, format!("{path:<wide$}"));
        format!(
            "{path}  {class:<wide_class$}  {}  {} {values}\n",
            paint(WARN, format!("{:<wide_mask$}", one.mask)),
            one.count
        )
    });
    rows.collect()
}
