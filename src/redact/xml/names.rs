//! Where elements and attributes stand in the shape, and what becomes of those that are hidden.
//!
//! Never: writes markup.

use crate::limits;
use crate::redact::field;
use crate::redact::malformed::Malformed;
use crate::redact::mask;
use crate::redact::places;
use crate::redact::places::Places;
use crate::redact::plan::Plan;
use crate::redact::plan::Rule;

use super::Xml;
use super::tag::Start;
use super::text;

/// A name and its local part.
fn both(name: &str) -> [&str; 2] {
    [name, name.split_once(':').map_or(name, |(_, local)| local)]
}

/// The places of an element in one at these; without one it is the root. `None` if there are too many.
pub(super) fn of_element(plan: &Plan, around: Option<&Places>, name: &str) -> Option<Places> {
    let places = match around {
        // The root is the document, and the only member of it.
        None => {
            let document = Places::document(plan);
            document.members(plan, &both(name)).or(&document.own_items(plan)).or(&document)
        }
        // The items of a list that is wrapped in an element are its elements, whatever they are called.
        Some(around) => around.members(plan, &both(name)).or(&around.own_items(plan)),
    };
    let places = places.described(plan);
    (places.len() <= limits::READINGS_MAX).then_some(places)
}

/// The places of an attribute of an element.
pub(super) fn of_attribute(plan: &Plan, places: &Places, name: &str) -> Places {
    let [whole, local] = both(name);
    places.members(plan, &[whole, local, &format!("@{whole}"), &format!("@{local}")]).described(plan)
}

/// Does the mask look at a text?
pub(super) fn is_looked_at(plan: &Plan, rule: u16) -> bool {
    matches!(&plan.act(rule).mask, Some(Rule::Made(made)) if made.looks_at(b'"'))
}

/// What a hidden value becomes; `None` where nothing is left of it.
pub(super) fn masked(plan: &Plan, rule: u16, text: Option<&str>, has_elements: bool) -> Option<String> {
    let hidden = || Some(mask::REDACTED.to_owned());
    match plan.act(rule).mask.as_ref().unwrap_or(&Rule::Drop) {
        Rule::Drop => None,
        Rule::Text(json) => Some(field::spelled(json)),
        Rule::Typed if has_elements => Some(String::new()),
        Rule::Typed => hidden(),
        Rule::Made(made) => match text.filter(|_| !has_elements && made.looks_at(b'"')) {
            Some(text) => {
                let mut json = Vec::new();
                let text = text.trim_matches(super::tag::is_space);
                made.write(plan.key.as_ref(), mask::Scalar::Text(text), &mut json);
                Some(field::spelled(&json))
            }
            None => hidden(),
        },
    }
}

impl Xml {
    /// The start tag as it may be seen; `None` if that is as it was.
    ///
    /// # Errors
    /// It holds a number of rows that is not true.
    pub(super) fn attributes(
        &mut self,
        plan: &Plan,
        places: &Places,
        start: &Start<'_>,
    ) -> Result<Option<String>, Malformed> {
        let mut tag = format!("<{}", start.name);
        let mut is_changed = false;
        for attribute in &start.attributes {
            let value = match attribute.is_declaration() {
                true => Becomes::Same,
                false => {
                    self.attribute(plan, &of_attribute(plan, places, attribute.name), &attribute.value)?
                }
            };
            is_changed |= value != Becomes::Same;
            match value {
                Becomes::Same => tag.push_str(attribute.raw),
                Becomes::Gone => {}
                Becomes::Other(value) => {
                    tag.push_str(attribute.before);
                    text::encode(&value, &mut tag);
                    tag.extend(attribute.before.chars().last());
                }
            }
        }
        tag.push_str(start.tail);
        tag.push_str(if start.is_empty { "/>" } else { ">" });
        Ok(is_changed.then_some(tag))
    }

    fn attribute(&mut self, plan: &Plan, places: &Places, value: &str) -> Result<Becomes, Malformed> {
        let Some((rule, set)) = places.hidden_text(plan) else {
            let taken = self.taken_of(plan, places)?;
            return Ok(taken.map_or(Becomes::Same, |taken| Becomes::Other(less(value, taken))));
        };
        places::count(self.counts_here(), plan, set);
        let value = Some(value).filter(|value| value.len() <= limits::MASKED_VALUE_BYTES_MAX);
        Ok(masked(plan, rule, value, false).map_or(Becomes::Gone, Becomes::Other))
    }
}

/// What becomes of an attribute.
#[derive(Debug, PartialEq, Eq)]
enum Becomes {
    Same,
    Gone,
    Other(String),
}

/// A number of rows of which so many were taken out; nothing where it is no such number.
pub(super) fn less(number: &str, taken: u64) -> String {
    let number = number.trim_matches(super::tag::is_space).parse::<u64>().ok();
    number.and_then(|number| number.checked_sub(taken)).map_or(String::new(), |number| number.to_string())
}
