//! A fuzz target of the redactor, guided by coverage (LLVM's libFuzzer): `tests/fuzz/run`.
//!
//! The first bytes of an input choose a format, a plan and two cuts, the rest is the body. Whatever it is: nothing panics, the
//! cuts change nothing, what leaves of JSON is JSON in which no member of a hidden name shows its value, and where
//! no rows are taken out it leaves as it is when it is redacted again. Every body that is found is one of the corpus from then on.
//!
//! Must never be built by default: it needs a C++ compiler, and code that counts where it was.
#![no_main]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failure is to end it")]

use std::sync::Arc;
use std::sync::LazyLock;

use bytes::Buf as _;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use palisade::redact::Boundary;
use palisade::redact::ClassIx;
use palisade::redact::Content;
use palisade::redact::Encoding;
use palisade::redact::Foreign;
use palisade::redact::Format;
use palisade::redact::Malformed;
use palisade::redact::Mask;
use palisade::redact::Mode;
use palisade::redact::Owns;
use palisade::redact::Plan;
use palisade::redact::Redactor;
use palisade::redact::ShapeBuilder;
use serde_json::Value;

/// The member that every plan hides by a fixed text or drops, wherever it stands.
const HIDDEN: &str = "ssn";

static FORMATS: LazyLock<[Format; 9]> = LazyLock::new(|| {
    [
        Format::Json,
        Format::Lines,
        Format::Sequence,
        Format::Events,
        Format::Form,
        Format::Multipart(Boundary::new("B").unwrap()),
        Format::Csv { is_named: true },
        Format::Xml,
        Format::Text,
    ]
});

const ENCODINGS: [Encoding; 5] =
    [Encoding::Identity, Encoding::Gzip, Encoding::Deflate, Encoding::Brotli, Encoding::Zstd];

/// Plans, and whether they have rows.
static PLANS: LazyLock<Vec<(Arc<Plan>, bool)>> = LazyLock::new(|| {
    let mut plans = Vec::new();
    for mode in [Mode::Open, Mode::Guarded, Mode::Closed(ClassIx(9))] {
        for mask in ["drop", "fixed"] {
            for rows in [false, true] {
                let mut shape = ShapeBuilder::new();
                shape.mode(mode);
                shape.path(&format!("$..{HIDDEN}"), ClassIx(0)).unwrap();
                shape.path("a[*].b", ClassIx(1)).unwrap();
                shape.path("shown", ClassIx(2)).unwrap();
                if rows {
                    shape.rows("$[*]", "tenant", Foreign::Drop).unwrap();
                }
                let hidden = [(0, mask), (1, "typed"), (9, "drop")]
                    .map(|(class, mask)| (ClassIx(class), Mask::parse(mask).unwrap()));
                let plan = Plan::new(&Arc::new(shape.build().unwrap()), hidden, None);
                plans.push((Arc::new(plan), rows));
            }
        }
    }
    plans
});

#[derive(Debug)]
struct Acme;

impl Owns for Acme {
    fn owns(&self, text: &str) -> bool {
        text == "acme"
    }
}

static OWNER: LazyLock<Arc<dyn Owns>> = LazyLock::new(|| Arc::new(Acme));

/// What leaves of a body that comes in these pieces.
fn left(plan: &Arc<Plan>, content: Content, pieces: &[&[u8]]) -> Result<Vec<u8>, Malformed> {
    let mut redactor = Redactor::of_owner(Arc::clone(plan), content, &OWNER);
    let mut out = Vec::new();
    for piece in pieces {
        let mut seen = redactor.feed(Bytes::copy_from_slice(piece))?;
        out.extend(seen.copy_to_bytes(seen.remaining()));
    }
    let mut seen = redactor.finish()?.0;
    out.extend(seen.copy_to_bytes(seen.remaining()));
    Ok(out)
}

/// Is every member of the hidden name what the mask makes of it?
fn is_hidden(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().all(|(key, value)| {
            if key == HIDDEN { *value == "[redacted]" || value.is_null() } else { is_hidden(value) }
        }),
        Value::Array(items) => items.iter().all(is_hidden),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn law(data: &[u8]) {
    let [format, encoding, plan, one, other, body @ ..] = data else { return };
    let format = FORMATS[usize::from(*format) % FORMATS.len()];
    // Most bodies as they are: others are mostly broken.
    let encoding = if *encoding < 192 { Encoding::Identity } else { ENCODINGS[usize::from(*encoding) % 5] };
    let content = Content { format, encoding };
    let (plan, has_rows) = &PLANS[usize::from(*plan) % PLANS.len()];
    let whole = left(plan, content, &[body]);
    let mut cuts = [one, other].map(|cut| usize::from(*cut) * (body.len() + 1) / 256);
    cuts.sort_unstable();
    let [first, second] = cuts;
    let cut = left(plan, content, &[&body[..first], &body[first..second], &body[second..]]);
    match (&whole, &cut) {
        (Ok(whole), Ok(cut)) => assert_eq!(whole, cut, "cut at {cuts:?}"),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("cut at {cuts:?}: {whole:?} or {cut:?}"),
    }
    let Ok(out) = whole else { return };
    if format == Format::Json {
        // Numbers beyond what a tree can hold are left to others.
        match serde_json::from_slice::<Value>(&out) {
            Ok(value) => assert!(is_hidden(&value), "{value}"),
            Err(error) => assert!(out.is_empty() || error.to_string().contains("out of range"), "{error}"),
        }
    }
    // What says whose a row is may itself be hidden.
    if format == Format::Json && !out.is_empty() && !has_rows {
        let again = left(plan, Content { format, encoding: Encoding::Identity }, &[&out]);
        assert_eq!(again, Ok(out), "again");
    }
}

fuzz_target!(|data: &[u8]| law(data));
