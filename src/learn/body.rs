//! A body of any format that is read, as the documents in it.
//!
//! Never: reads a body as something else than what its type says.

use http::HeaderValue;

use crate::learn::json;
use crate::learn::json::Unreadable;
use crate::learn::names;
use crate::learn::node::Look;
use crate::learn::node::Node;
use crate::learn::node::add;
use crate::learn::tables;
use crate::learn::xml;
use crate::redact::Format;
use crate::redact::http::readable;

/// The format of a body by its content type; `None` for one that is not read.
#[must_use]
pub fn format_of(content_type: &str) -> Option<Format> {
    let value = HeaderValue::from_str(content_type).ok()?;
    let is_text =
        content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/plain"));
    let is_read = |format: &Format| {
        !matches!(format, Format::Multipart(_) | Format::Protobuf | Format::Grpc(_) | Format::Opaque)
    };
    match readable(Some(&value), None) {
        Ok(content) => Some(content.format).filter(is_read),
        Err(_) => is_text.then_some(Format::Text),
    }
}

/// Counts a body. What came before a flaw is counted.
pub(super) fn look(
    root: &mut Node,
    look: &mut Look,
    format: Format,
    bytes: &[u8],
    is_cut: bool,
) -> Result<(), Unreadable> {
    match format {
        Format::Json => json::document(root, "", look, bytes),
        Format::Lines => documents(root, look, bytes.split(|byte| *byte == b'\n'), is_cut),
        Format::Sequence => documents(root, look, bytes.split(|byte| *byte == 0x1e), is_cut),
        Format::Csv { is_named } => tables::table(root, look, text(bytes, is_cut)?, is_named, is_cut),
        Format::Xml => xml::document(root, look, text(bytes, is_cut)?),
        Format::Form => {
            form(root, look, text(bytes, is_cut)?, is_cut);
            Ok(())
        }
        Format::Events => {
            events(root, look, text(bytes, is_cut)?, is_cut);
            Ok(())
        }
        Format::Text => {
            lines(root, look, text(bytes, is_cut)?);
            Ok(())
        }
        Format::Multipart(_) | Format::Protobuf | Format::Grpc(_) | Format::Opaque => Err(Unreadable),
    }
}

/// The text of a body; of one that was cut, without the character that breaks off.
fn text(bytes: &[u8], is_cut: bool) -> Result<&str, Unreadable> {
    let whole = match str::from_utf8(bytes) {
        Err(error) if is_cut && error.error_len().is_none() => bytes.get(..error.valid_up_to()),
        Ok(_) | Err(_) => Some(bytes),
    };
    str::from_utf8(whole.unwrap_or_default()).map_err(|_| Unreadable)
}

/// Counts documents in a row, empty ones left out; what follows one that is none, too.
fn documents<'b>(
    root: &mut Node,
    look: &mut Look,
    all: impl Iterator<Item = &'b [u8]>,
    is_cut: bool,
) -> Result<(), Unreadable> {
    let mut all = all.map(<[u8]>::trim_ascii).filter(|one| !one.is_empty()).peekable();
    let mut all_read = Ok(());
    while let Some(one) = all.next() {
        let is_last = all.peek().is_none();
        let read = json::document(root, "", look, one);
        if !(is_last && is_cut) {
            all_read = all_read.and(read);
        }
    }
    all_read
}

/// Counts the fields of a form: `a=1`, `user[mail]=…`, `ids[]=…`.
fn form(root: &mut Node, look: &mut Look, text: &str, is_cut: bool) {
    // The last field of what was cut may have half a name, which looks like another.
    let text = if is_cut { text.rsplit_once('&').map_or("", |(whole, _)| whole) } else { text };
    root.enter(look);
    add(&mut root.types.object, 1);
    for field in text.trim().split('&').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let (name, value) = (decoded(name), decoded(value));
        let (base, brackets) = steps(&name);
        let mut node = root.member(base, names::is_name(base), look);
        let mut key = base;
        for step in brackets.split('[').skip(1).map(|step| step.trim_end_matches(']')) {
            let Some(here) = node else { break };
            here.enter(look);
            let is_item = step.is_empty() || step.bytes().all(|byte| byte.is_ascii_digit());
            if is_item {
                add(&mut here.types.array, 1);
                node = here.items(look);
            } else {
                add(&mut here.types.object, 1);
                key = step;
                node = here.member(step, names::is_name(step), look);
            }
        }
        if let Some(node) = node {
            tables::cell_at(node, key, look, &value);
        }
    }
}

/// The name before brackets and the brackets; all of it where they are none that a framework reads.
fn steps(name: &str) -> (&str, &str) {
    let (base, brackets) = name.split_at_checked(name.find('[').unwrap_or(name.len())).unwrap_or_default();
    let is_whole = |step: &str| step.strip_suffix(']').is_some_and(|inside| !inside.contains(']'));
    if brackets.split('[').skip(1).all(is_whole) { (base, brackets) } else { (name, "") }
}

/// A name or a value of a form, as it is meant.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digits = rest.clone();
        let mut digit = || char::from(digits.next()?).to_digit(16);
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => match digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = digits;
                }
                None => bytes.push(b'%'),
            },
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Counts the data of server-sent events, each like a document.
fn events(root: &mut Node, look: &mut Look, text: &str, is_cut: bool) {
    let mut data: Option<String> = None;
    for line in text.lines() {
        if let Some(part) = line.strip_prefix("data:") {
            let data = data.get_or_insert_default();
            if !data.is_empty() {
                data.push('\n');
            }
            data.push_str(part.strip_prefix(' ').unwrap_or(part));
        } else if line.is_empty() {
            event(root, look, data.take());
        }
    }
    if !is_cut {
        event(root, look, data);
    }
}

fn event(root: &mut Node, look: &mut Look, data: Option<String>) {
    let Some(data) = data.filter(|data| !data.trim().is_empty() && data.trim() != "[DONE]") else { return };
    if serde_json::from_str::<serde::de::IgnoredAny>(&data).is_ok() {
        // It was just read, so it can be.
        json::document(root, "", look, data.as_bytes()).ok();
    } else {
        root.enter(look);
        root.text(&data, "", look);
    }
}

fn lines(root: &mut Node, look: &mut Look, text: &str) {
    root.enter(look);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        root.text(line, "", look);
    }
}
