//! The few shapes of the Language Server Protocol (3.17) that Palisade answers with.
//!
//! Positions count lines from 0 and, within one, UTF-16 code units, as the protocol does unless both sides agree on another
//! way. Never: holds more than is sent.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value as Json;

static NOTHING: Json = Json::Null;

/// What a message has at a path (`/params/id`); `null` where it has nothing there.
pub(super) fn at<'j>(message: &'j Json, path: &str) -> &'j Json {
    message.pointer(path).unwrap_or(&NOTHING)
}

/// The text that stands at a key where it first comes, in the beginning of a message. A text that has such words in it
/// has a backslash before each of their quotes, so what is found is a key.
pub(super) fn text_at_first(start: &[u8], key: &str) -> Option<String> {
    let start = String::from_utf8_lossy(start);
    let quoted = format!("\"{key}\"");
    let value = start.split(&quoted).skip(1).find_map(|after| after.trim_start().strip_prefix(':'))?;
    serde_json::Deserializer::from_str(value).into_iter().next()?.ok()
}

/// A place between two characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(super) struct Position {
    /// Line, from 0.
    pub(super) line: u32,
    /// UTF-16 code units from the line's beginning.
    pub(super) character: u32,
}

/// From one place up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(super) struct Range {
    /// Where it begins.
    pub(super) start: Position,
    /// Where it ends; what stands there is not part of it.
    pub(super) end: Position,
}

/// A range of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Location {
    /// The document.
    pub(super) uri: String,
    /// The range.
    pub(super) range: Range,
}

/// A problem, as an editor shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Diagnostic {
    /// What is meant.
    pub(super) range: Range,
    /// 1: error, 2: warning.
    pub(super) severity: u8,
    /// The code of the problem, or the rule of `lint`.
    pub(super) code: &'static str,
    /// Who says so.
    pub(super) source: &'static str,
    /// What is wrong, and in a second line what to do.
    pub(super) message: String,
}

/// What is shown about the thing under the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Hover {
    /// What is said.
    pub(super) contents: Markup,
    /// The thing.
    pub(super) range: Range,
}

/// A text with its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Markup {
    /// Always `markdown`.
    pub(super) kind: &'static str,
    /// The text.
    pub(super) value: String,
}

impl Markup {
    /// Markdown.
    #[must_use]
    pub(super) const fn markdown(value: String) -> Self {
        Self { kind: "markdown", value }
    }
}

/// Something that could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    /// What is listed.
    pub(super) label: String,
    /// What kind of thing it is, as the protocol numbers them.
    pub(super) kind: u8,
    /// A few words on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
    /// What the typed text is held against.
    pub(super) filter_text: String,
    /// What is written, and over what.
    pub(super) text_edit: TextEdit,
}

/// A text in place of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TextEdit {
    /// What goes.
    pub(super) range: Range,
    /// What comes.
    pub(super) new_text: String,
}

/// A part of a document with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Symbol {
    /// Its name.
    pub(super) name: String,
    /// A few words on it.
    pub(super) detail: String,
    /// What kind of thing it is, as the protocol numbers them.
    pub(super) kind: u8,
    /// All of it.
    pub(super) range: Range,
    /// Its name.
    pub(super) selection_range: Range,
}
