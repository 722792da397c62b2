//! Problems for machines: JSON, SARIF 2.1.0, annotations of GitHub Actions.
//!
//! Never: loses a problem that the pretty report shows.

use serde_json::Value as Json;
use serde_json::json;

use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;

/// One JSON object with all problems and, where there are no errors, what was found.
pub(super) fn json(problems: &[Problem], found: &Json) -> String {
    let ok = !problems.iter().any(|problem| problem.severity == Severity::Error);
    pretty(&json!({ "ok": ok, "problems": problems, "snapshot": found }))
}

pub(crate) fn pretty(value: &Json) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// A SARIF log with one run (OASIS SARIF 2.1.0). `says` is what a code stands for, where that is written down.
pub(super) fn sarif(problems: &[Problem], says: &dyn Fn(&str) -> Option<&'static str>) -> String {
    let mut codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rule = |code: &&str| match says(code) {
        Some(text) => json!({ "id": code, "shortDescription": { "text": text } }),
        None => json!({ "id": code }),
    };
    let rules: Vec<Json> = codes.iter().map(rule).collect();
    let results: Vec<Json> = problems.iter().map(result).collect();
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "palisade", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn result(problem: &Problem) -> Json {
    let text = match &problem.hint {
        Some(hint) => format!("{} ({hint})", problem.message),
        None => problem.message.clone(),
    };
    let mut place = json!({ "artifactLocation": { "uri": uri(&problem.place.file) } });
    if let (Some(object), Some(region)) = (place.as_object_mut(), region(&problem.place)) {
        object.insert("region".to_owned(), region);
    }
    json!({
        "ruleId": problem.code,
        "level": level(problem.severity),
        "message": { "text": text },
        "locations": [{ "physicalLocation": place }],
    })
}

fn region(place: &Place) -> Option<Json> {
    match (place.line, place.column) {
        (0, _) => None,
        (line, 0) => Some(json!({ "startLine": line })),
        (line, column) => Some(
            json!({ "startLine": line, "startColumn": column, "endColumn": column.saturating_add(place.length.max(1)) }),
        ),
    }
}

/// A relative reference (RFC 3986): everything but unreserved characters and `/` in percent form.
fn uri(file: &str) -> String {
    let mut out = String::with_capacity(file.len());
    for byte in file.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// One workflow command a problem: `::error file=…,line=…,col=…,title=…::message`.
pub(super) fn github(problems: &[Problem]) -> String {
    let mut out = String::new();
    for Problem { code, severity, place, message, hint } in problems {
        let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
        out += &format!("::{} file={}", level(*severity), property(&place.file));
        if place.line > 0 {
            out += &format!(",line={}", place.line);
        }
        if place.column > 0 {
            out += &format!(
                ",col={},endColumn={}",
                place.column,
                place.column.saturating_add(place.length.max(1))
            );
        }
        let hint = hint.as_ref().map_or(String::new(), |hint| format!("\n{hint}"));
        out += &format!(",title={}::{}\n", property(code), data(&format!("{message}{hint}")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_messages_cannot_break_out_of_a_workflow_command() {
        let place = Place { file: "a,b:c\n::error::x".into(), line: 1, column: 2, length: 3 };
        let shown = github(&[Problem::error("code", place, "50%\n::set-env::y")]);
        assert_eq!(
            shown,
            "::error file=a%2Cb%3Ac%0A%3A%3Aerror%3A%3Ax,line=1,col=2,endColumn=5,title=code::50%25%0A::set-env::y\n"
        );
    }
}
