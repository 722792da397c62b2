//! What is found in a text by its form, replaced: the values alone, by the masks of their kinds' classes.
//!
//! Never: changes a text in which nothing is found, or lets a value out that it has found.

use std::borrow::Cow;

use crate::redact::detect::Found;
use crate::redact::detect::Kind;
use crate::redact::field;
use crate::redact::mask;
use crate::redact::plan::Plan;
use crate::redact::plan::Rule;
use crate::redact::text;

/// What replaces the inside of a JSON string, which stands below this key, if something is found in it. `found` is told
/// of the set of classes of each value.
pub(super) fn masked(plan: &Plan, raw: &[u8], key: &[u8], mut count: impl FnMut(u16)) -> Option<Vec<u8>> {
    let has_escape = memchr::memchr(b'\\', raw).is_some();
    let mut found = Vec::new();
    if !has_escape {
        // Most texts hold nothing, and are text.
        plan.detectors.find_in(raw, key, &mut found);
        if found.is_empty() {
            return None;
        }
    }
    let (text, is_whole) = match simdutf8::basic::from_utf8(raw).ok()? {
        raw if has_escape => match text::unescape(raw.as_bytes()) {
            Some(text) => (Cow::Owned(text), true),
            // Half of a surrogate pair hides nothing that stands around it.
            None => (Cow::Owned(text::unescape_lossy(raw)), false),
        },
        raw => (Cow::Borrowed(raw), true),
    };
    if has_escape {
        plan.detectors.find_in(text.as_bytes(), key, &mut found);
    }
    if found.is_empty() {
        return None;
    }
    for found in &found {
        count(plan.detected(found.kind).0);
    }
    if !is_whole {
        return Some(mask::REDACTED.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(raw.len() + 32);
    let gap = |out: &mut Vec<u8>, gap: &str| {
        if has_escape {
            out.extend(inside(&mask::quoted(gap)))
        } else {
            out.extend_from_slice(gap.as_bytes())
        }
    };
    let mut at = 0;
    for (from, to, kind) in parts(plan, &found) {
        gap(&mut out, text.get(at..from).unwrap_or_default());
        out.extend(inside(&span(plan, plan.detected(kind).1, text.get(from..to).unwrap_or_default())));
        at = to;
    }
    gap(&mut out, text.get(at..).unwrap_or_default());
    Some(out)
}

/// What a text becomes that is no JSON and stands below no key, if something is found in it.
pub(super) fn masked_text(plan: &Plan, text: &str, mut count: impl FnMut(u16)) -> Option<String> {
    let mut found = Vec::new();
    plan.detectors.find(text, "", &mut found);
    if found.is_empty() {
        return None;
    }
    let (mut out, mut at) = (String::with_capacity(text.len() + 32), 0);
    for found in &found {
        count(plan.detected(found.kind).0);
    }
    for (from, to, kind) in parts(plan, &found) {
        out.push_str(text.get(at..from).unwrap_or_default());
        let value = text.get(from..to).unwrap_or_default();
        out.push_str(&field::spelled(&span(plan, plan.detected(kind).1, value)));
        at = to;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Some(out)
}

/// The parts of the text that are replaced: what overlaps goes as one, by the mask that hides most.
fn parts(plan: &Plan, found: &[Found]) -> Vec<(usize, usize, Kind)> {
    let mut parts: Vec<(usize, usize, Kind)> = Vec::with_capacity(found.len());
    for Found { from, to, kind } in found.iter().copied() {
        match parts.last_mut() {
            Some((_, end, most)) if from < *end => {
                *end = to.max(*end);
                if plan.detected(kind).2 > plan.detected(*most).2 {
                    *most = kind;
                }
            }
            Some(_) | None => parts.push((from, to, kind)),
        }
    }
    parts
}

/// What replaces a part of a text, as JSON.
fn span(plan: &Plan, rule: &Rule, value: &str) -> Vec<u8> {
    match rule {
        Rule::Text(text) if text.first() == Some(&b'"') => text.clone(),
        Rule::Made(made) if made.looks_at(b'"') => {
            let mut out = Vec::new();
            made.write(plan.key.as_ref(), mask::Scalar::Text(value), &mut out);
            out
        }
        Rule::Drop | Rule::Text(_) | Rule::Typed | Rule::Made(_) => mask::quoted(mask::REDACTED),
    }
}

/// A JSON string without its quotes.
fn inside(quoted: &[u8]) -> Vec<u8> {
    quoted.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or_default().to_vec()
}
