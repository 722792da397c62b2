//! Words of a tenant that are the operator's own: its region, its tier, the key that the app's database has for it, how long
//! callers are to wait.
//!
//! Never: mends one.

use crate::limits;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Problem;

pub(super) fn word(reader: &mut Reader, node: &Node, what: &str) -> Option<Box<str>> {
    let text = reader.text(node, what)?;
    if text.is_empty() || text.len() > limits::TENANT_WORD_BYTES_MAX || text.chars().any(char::is_control) {
        let message =
            format!("{what} has 1 to {} bytes, no control characters", limits::TENANT_WORD_BYTES_MAX);
        reader.error("bad-word", node.at, message);
        return None;
    }
    Some(text.into())
}

/// What a key of the app may end with.
pub(in crate::model) const DELIMITERS: &str = "./:_|~#@+";

/// The app's own key. Its last character delimits: it must be one that no segment of a DataKey can hold, or
/// `a-` + `b` and `a` + `-b` were one key.
pub(super) fn app_key(reader: &mut Reader, node: &Node) -> Option<Box<str>> {
    let text = word(reader, node, "a `data_key`")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || DELIMITERS.contains(c);
    if !text.chars().all(plain) {
        let message = format!("a `data_key` is made of letters, digits, `-` and `{DELIMITERS}`");
        reader.error("bad-data-key", node.at, message);
        return None;
    }
    if !text.ends_with(|c| DELIMITERS.contains(c)) {
        let message = "a `data_key` must end with its delimiter, so that the app can select by its start";
        reader.add(node.at, |place| {
            Problem::error("bad-data-key", place, message)
                .hint(format!("`{text}.`, or another of `{DELIMITERS}`"))
        });
        return None;
    }
    Some(text)
}

/// `30s`, `10m` or `2h`, in seconds.
pub(super) fn seconds(reader: &mut Reader, node: &Node) -> Option<u32> {
    let text = reader.text(node, "`retry_after`")?;
    let units = [("s", 1), ("m", 60), ("h", 3_600)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*seconds)
    });
    let seconds = seconds.filter(|seconds| (1..=limits::RETRY_AFTER_SECONDS_MAX).contains(seconds));
    if seconds.is_none() {
        let message = "`retry_after` is a time of at least a second and at most a week: `30s`, `10m` or `2h`";
        reader.error("bad-retry-after", node.at, message);
    }
    seconds
}

/// One word of a few.
pub(super) fn one_of<T: Copy, const N: usize>(
    reader: &mut Reader,
    node: &Node,
    what: &str,
    all: [T; N],
    name: fn(T) -> &'static str,
) -> Option<T> {
    let text = reader.text(node, &format!("`{what}`"))?;
    let found = all.into_iter().find(|one| name(*one) == text);
    if found.is_none() {
        let names = all.map(name);
        let what = format!("a {what}; it is one of `{}`", names.join("`, `"));
        reader.unknown("unknown-word", node.at, &what, text, names);
    }
    found
}
