//! The laws of the redactor, and what they are tested with.

mod coding;
mod csv;
mod encode;
mod evasions;
mod events;
mod executions;
mod finds;
mod form;
mod gzip;
mod http;
mod laws;
mod masks;
mod modes;
mod multipart;
mod opaque;
mod oracle;
mod proto;
mod records;
mod rows;
mod shapes;
mod suite;
mod websocket;
mod xml;
mod xml_rows;

use std::sync::Arc;

use bytes::Buf;
use bytes::Bytes;
use proptest::sample::Index;

use crate::redact::ClassIx;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Hidden;
use crate::redact::Malformed;
use crate::redact::Mask;
use crate::redact::Plan;
use crate::redact::PseudonymKey;
use crate::redact::Redactor;
use crate::redact::ShapeBuilder;

/// The plan in which each path is a class of its own, hidden by its mask.
fn plan(rules: &[(&str, &str)]) -> Arc<Plan> {
    let mut shape = ShapeBuilder::new();
    let mut hidden = Vec::new();
    for (number, (path, mask)) in (0..).zip(rules) {
        shape.path(path, ClassIx(number)).unwrap();
        hidden.push((ClassIx(number), Mask::parse(mask).unwrap()));
    }
    let shape = Arc::new(shape.build().unwrap());
    Arc::new(Plan::new(&shape, hidden, Some(PseudonymKey::new(b"secret", "acme"))))
}

/// What leaves, with the body given in these pieces.
fn run(
    plan: &Arc<Plan>,
    content: impl Into<Content>,
    pieces: &[&[u8]],
) -> Result<(Vec<u8>, Hidden), Malformed> {
    let mut redactor = Redactor::new(Arc::clone(plan), content);
    let mut out = Vec::new();
    for piece in pieces {
        let mut redacted = redactor.feed(Bytes::copy_from_slice(piece))?;
        while redacted.has_remaining() {
            let len = redacted.chunk().len();
            out.extend_from_slice(redacted.chunk());
            redacted.advance(len);
        }
    }
    let (mut last, hidden) = redactor.finish()?;
    out.extend_from_slice(&last.copy_to_bytes(last.remaining()));
    Ok((out, hidden))
}

/// What leaves of a whole body.
fn redacted(rules: &[(&str, &str)], body: &str) -> Result<String, Malformed> {
    run(&plan(rules), Encoding::Identity, &[body.as_bytes()]).map(|(out, _)| String::from_utf8(out).unwrap())
}

/// What leaves of a whole body that is well-formed.
fn seen(rules: &[(&str, &str)], body: &str) -> String {
    redacted(rules, body).unwrap()
}

/// The body, cut at these places.
fn pieces<'a>(body: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
    cuts.sort_unstable();
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    starts.zip(cuts.iter().copied().chain([body.len()])).map(|(from, to)| &body[from..to]).collect()
}
