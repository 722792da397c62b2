//! What values were, for people and for programs.
//!
//! Never: lets a control character of a value reach a terminal.

use serde_json::Value as Json;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cli::formats;
use crate::cli::out::BOLD;
use crate::cli::out::DIM;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::report::printable;
use crate::redact::Scalar;

use super::turn::Revealed;
use super::turn::Turned;

/// Longest masked value of which the table shows all, in characters.
const MASKED_CHARS_MAX: usize = 64;

/// One JSON object.
pub(super) fn json(all: &[Revealed]) -> String {
    let each = all.iter().map(|one| {
        let mut told = json!({
            "masked": one.masked,
            "mask": one.mask,
            "values": one.values.iter().map(value).collect::<Vec<_>>(),
        });
        if let Some(told) = told.as_object_mut().filter(|_| one.values.is_empty()) {
            told.insert("why".to_owned(), one.why.into());
        }
        told
    });
    formats::pretty(&json!({ "revealed": each.collect::<Vec<_>>() }))
}

fn value(turned: &Turned) -> Json {
    let (value, kind) = match &turned.value {
        Scalar::Text(text) => (text, "string"),
        Scalar::Number(text) => (text, "number"),
    };
    let mut told = json!({ "value": value, "type": kind, "key": turned.key });
    if let (Some(told), Some(file_of)) = (told.as_object_mut(), &turned.file_of) {
        told.insert("key_of".to_owned(), file_of.as_str().into());
    }
    told
}

/// A scalar as JSON.
pub(super) fn written(value: &Scalar<String>) -> String {
    match value {
        // What was sealed was a number then; it is one still, or no JSON would hold it.
        Scalar::Number(text) if serde_json::from_str::<&RawValue>(text).is_ok() => text.clone(),
        Scalar::Text(text) | Scalar::Number(text) => Json::from(text.as_str()).to_string(),
    }
}

/// A table.
pub(super) fn pretty(all: &[Revealed]) -> String {
    let masked: Vec<String> = all.iter().map(|one| shortened(&printable(&one.masked))).collect();
    let widest = masked.iter().map(|text| text.chars().count()).max().unwrap_or(0).max("masked".len());
    let mut out = paint(BOLD, format!("{:<widest$}  {:<9}  {:<9}  value", "masked", "mask", "key")) + "\n";
    for (one, masked) in all.iter().zip(&masked) {
        if one.values.is_empty() {
            let why = paint(WARN, one.why);
            out += &format!("{masked:<widest$}  {:<9}  {:<9}  {why}\n", one.mask, "");
        }
        for (at, turned) in one.values.iter().enumerate() {
            let (Scalar::Text(text) | Scalar::Number(text)) = &turned.value;
            let first = if at == 0 { masked.as_str() } else { "" };
            let file_of =
                turned.file_of.as_ref().map_or(String::new(), |tenant| paint(DIM, format!("  ({tenant})")));
            let text = printable(text);
            out += &format!("{first:<widest$}  {:<9}  {:<9}  {text}{file_of}\n", one.mask, turned.key);
        }
        if one.values.len() > 1 {
            out += &format!(
                "{:<widest$}  {}\n",
                "",
                paint(DIM, "one of these: the mask does not say which key made it")
            );
        }
    }
    out
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= MASKED_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(MASKED_CHARS_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_move_the_cursor_and_a_number_stays_one() {
        let turned = |value| Turned { value, key: "2026b".to_owned(), file_of: Some("acme".to_owned()) };
        let all = [
            Revealed {
                masked: "sl_x".to_owned(),
                mask: "seal",
                values: vec![turned(Scalar::Text("a\u{1b}[2Jb".to_owned()))],
                why: "",
            },
            Revealed { masked: "m".repeat(90), mask: "none", values: Vec::new(), why: "because" },
        ];
        let shown = anstream::adapter::strip_str(&pretty(&all)).to_string();
        assert!(
            shown.contains("a\u{fffd}[2Jb  (acme)") && shown.contains("mm…") && shown.contains("because")
        );
        assert!(!shown.contains('\u{1b}'));
        assert_eq!(written(&Scalar::Number("1E400".to_owned())), "1E400");
        assert_eq!(written(&Scalar::Number("1, \"x\": 2".to_owned())), "\"1, \\\"x\\\": 2\"");
        assert_eq!(written(&Scalar::Text("7\"".to_owned())), "\"7\\\"\"");
    }
}
