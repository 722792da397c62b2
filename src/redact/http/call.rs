//! What an app says in words of the status of a call of gRPC, in a header or a trailer: it may name a value.
//!
//! Never: touches the status itself.

use ::http::HeaderMap;
use ::http::HeaderName;
use ::http::HeaderValue;

use crate::limits;
use crate::redact::finds;
use crate::redact::mask;
use crate::redact::plan::Plan;
use crate::redact::shape::Mode;

const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Makes what is said of a status fit for whom something is hidden: values are looked for in it where a body is searched for
/// them too; elsewhere, and where it cannot be read, the fixed text stands for it.
pub fn call_status(headers: &mut HeaderMap, plan: &Plan) {
    let mut lines = headers.get_all(&MESSAGE).iter();
    let Some(first) = lines.next().filter(|first| !first.is_empty()) else { return };
    let is_one = lines.next().is_none();
    let left = match plan.shape.mode() {
        Mode::Guarded if is_one => searched(plan, first),
        Mode::Guarded | Mode::Open | Mode::Closed(_) => None,
    };
    headers.insert(MESSAGE, left.unwrap_or(HeaderValue::from_static(mask::REDACTED)));
}

/// `None` for what cannot be searched.
fn searched(plan: &Plan, line: &HeaderValue) -> Option<HeaderValue> {
    let text = decoded(line.as_bytes()).filter(|text| text.len() <= limits::MASKED_VALUE_BYTES_MAX)?;
    match finds::masked_text(plan, &text, |_| {}) {
        None => Some(line.clone()),
        Some(text) => HeaderValue::from_str(&encoded(&text)).ok(),
    }
}

/// The text of such a line, of which some bytes stand in percent encoding.
fn decoded(line: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.iter();
    let digit =
        |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => digit(rest.next())? << 4 | digit(rest.next())?,
            byte => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn encoded(text: &str) -> String {
    let each = text.bytes().map(|byte| match byte {
        b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    each.collect()
}
