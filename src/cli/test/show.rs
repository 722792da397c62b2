//! What came out of the tests: for people, as JSON, as JUnit's XML.
//!
//! Never: leaves out a test that failed.

use serde_json::Value as Json;
use serde_json::json;

use crate::cases::Case;
use crate::cases::Ran;
use crate::cli::out::BAD;
use crate::cli::out::BOLD;
use crate::cli::out::DIM;
use crate::cli::out::GOOD;
use crate::cli::out::paint;
use crate::cli::report::printable;

use super::Report;

type Test = (Case, Ran);

/// The tests of each file, in the order in which they were read.
fn by_file(report: &Report) -> impl Iterator<Item = (&str, &[Test])> {
    let files = report.tests.chunk_by(|(one, _), (next, _)| one.place.file == next.place.file);
    files.filter_map(|tests| Some((&*tests.first()?.0.place.file, tests)))
}

fn failed(tests: &[Test]) -> usize {
    tests.iter().filter(|(_, ran)| !ran.failures.is_empty()).count()
}

fn counted(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// For people: a line for each file, and each failure whole.
pub(super) fn pretty(report: &Report) -> String {
    let mut out = String::new();
    for (file, tests) in by_file(report) {
        let failed = failed(tests);
        let mark = if failed == 0 { paint(GOOD, "ok    ") } else { paint(BAD, "FAILED") };
        let count = paint(DIM, counted(tests.len(), "test"));
        out += &format!("{mark}  {}  {count}\n", printable(file));
        for (case, ran) in tests.iter().filter(|(_, ran)| !ran.failures.is_empty()) {
            out += &format!("  {}\n", paint(BOLD, printable(&case.name)));
            for failure in &ran.failures {
                out += &format!("    {}\n", printable(failure));
            }
            let place = format!("{}:{}:{}", printable(file), case.place.line, case.place.column);
            out += &format!("    {}\n", paint(DIM, place));
        }
    }
    let (all, failed) = (report.tests.len(), report.failed());
    let summary = match (all, failed) {
        (0, _) => paint(BAD, "no test was run"),
        (_, 0) => format!("{}: {} passed", paint(GOOD, "ok"), counted(all, "test")),
        (_, _) => paint(BAD, format!("{failed} of {} failed", counted(all, "test"))),
    };
    out + &summary + "\n"
}

/// For machines.
pub(super) fn json(report: &Report) -> Json {
    let test = |(case, ran): &Test| {
        json!({
            "name": case.name,
            "file": case.place.file,
            "line": case.place.line,
            "column": case.place.column,
            "passed": ran.failures.is_empty(),
            "decision": if ran.allowed { "allow" } else { "deny" },
            "code": ran.code,
            "failures": ran.failures,
        })
    };
    let failed = report.failed();
    json!({
        "ok": failed == 0 && !report.tests.is_empty(),
        "passed": report.tests.len() - failed,
        "failed": failed,
        "tests": report.tests.iter().map(test).collect::<Vec<_>>(),
        "snapshot": report.snapshot,
    })
}

/// JUnit's XML, as CI servers read it: a suite for each file.
pub(super) fn junit(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (all, bad) = (report.tests.len(), report.failed());
    out += &format!("<testsuites name=\"palisade test\" tests=\"{all}\" failures=\"{bad}\">\n");
    for (file, tests) in by_file(report) {
        let (all, bad) = (tests.len(), failed(tests));
        let file = xml(file);
        out += &format!("  <testsuite name=\"{file}\" tests=\"{all}\" failures=\"{bad}\">\n");
        for (case, ran) in tests {
            let (name, line) = (xml(&case.name), case.place.line);
            out += &format!(
                "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\""
            );
            match ran.failures.first() {
                None => out += "/>\n",
                Some(first) => {
                    let text = xml(&ran.failures.join("\n"));
                    let first = xml(first);
                    out +=
                        &format!(">\n      <failure message=\"{first}\">{text}</failure>\n    </testcase>\n");
                }
            }
        }
        out += "  </testsuite>\n";
    }
    out + "</testsuites>\n"
}

/// A text as it may stand in XML 1.0, in an attribute or between tags.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&apos;",
            '\n' => out += "&#10;",
            '\t' => out += "&#9;",
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_failures_cannot_break_out_of_the_xml() {
        assert_eq!(xml("a<b>&\"'\u{1}\u{ffff}\n"), "a&lt;b&gt;&amp;&quot;&apos;\u{fffd}\u{fffd}&#10;");
    }
}
