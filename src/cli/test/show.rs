//! What came out of the tests: for people, as JSON, as JUnit's XML.
//!
//! Never: leaves out a test that failed.

use serde_json::Value as Json;
use serde_json::json;

use crate::cases::Branch;
use crate::cases::Case;
use crate::cases::Coverage;
use crate::cases::Covered;
use crate::cases::Ran;
use crate::cli::out::BAD;
use crate::cli::out::BOLD;
use crate::cli::out::DIM;
use crate::cli::out::GOOD;
use crate::cli::out::paint;
use crate::cli::report::printable;
use crate::cli::xml::escaped;
use crate::problem::Place;

use super::Report;
use super::mutants::Mutants;
use super::mutants::Survivor;
use super::share;

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

/// For people: a line for each file, each failure whole, and what no test has tried.
pub(super) fn pretty(report: &Report, threshold: Option<f64>) -> String {
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
    out += &format!("{summary}\n");
    if !report.in_shadow.is_empty() {
        let ids = printable(&report.in_shadow.join(", "));
        out += &format!("{}\n", paint(DIM, format!("in shadow mode, and so deciding no test: {ids}")));
    }
    out += &report.coverage.as_ref().map(untried).unwrap_or_default();
    out += &report.mutants.as_ref().map(unnoticed).unwrap_or_default();
    for (what, share) in report.shares() {
        let style = if threshold.is_some_and(|threshold| share < threshold) { BAD } else { GOOD };
        let least = threshold.map_or(String::new(), |least| format!(" (at least {least} %)"));
        out += &format!("{}{least}\n", paint(style, format!("{what}: {} %", rounded(share))));
    }
    out
}

/// With one digit, cut and not rounded up: 100.0 is all.
fn rounded(share: f64) -> String {
    format!("{:.1}", (share * 10.0).floor() / 10.0)
}

fn at(place: &Place) -> String {
    format!("{}:{}:{}", printable(&place.file), place.line, place.column)
}

/// The policies that never applied, and the tests in conditions that had one value only.
fn untried(coverage: &Coverage) -> String {
    let mut out = String::new();
    let whole = |covered: &&Covered| {
        let (tried, all) = covered.tried();
        tried < all
    };
    for covered in coverage.policies.iter().filter(whole) {
        let never = if covered.applied == 0 { "  never applied" } else { "" };
        let place = paint(DIM, at(&covered.place));
        out += &format!("{}{never}  {place}\n", paint(BOLD, printable(&covered.id)));
        for branch in &covered.branches {
            let never = match (branch.held, branch.failed) {
                (0, 0) => "never looked at",
                (0, _) => "never true",
                (_, 0) => "never false",
                (_, _) => continue,
            };
            let place = paint(DIM, at(&branch.place));
            out += &format!("  {never:<15}  `{}`  {place}\n", printable(&branch.text));
        }
    }
    let applied = coverage.policies.iter().filter(|covered| covered.applied > 0).count();
    let all = counted(coverage.policies.len(), "policy").replace("policys", "policies");
    let (tried, sides) = coverage.tried();
    out + &format!("{applied} of {all} applied, {tried} of {sides} sides tried\n")
}

/// The changes that no test noticed.
fn unnoticed(mutants: &Mutants) -> String {
    let mut out = String::new();
    for Survivor { policy, what, place } in &mutants.survived {
        let place = paint(DIM, at(place));
        out += &format!("{}: {}  {place}\n", paint(BOLD, printable(policy)), printable(what));
    }
    let (noticed, all) = mutants.noticed();
    let refused = counted(mutants.refused, "other");
    out + &format!("{noticed} of {all} changes noticed; `check` refuses {refused}\n")
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
        "coverage": report.coverage.as_ref().map(covered),
        "mutations": report.mutants.as_ref().map(changed),
        "in_shadow": report.in_shadow,
        "snapshot": report.snapshot,
    })
}

fn covered(coverage: &Coverage) -> Json {
    let branch = |branch: &Branch| {
        json!({
            "text": branch.text,
            "line": branch.place.line,
            "column": branch.place.column,
            "true": branch.held,
            "false": branch.failed,
        })
    };
    let policy = |covered: &Covered| {
        json!({
            "id": covered.id,
            "file": covered.place.file,
            "line": covered.place.line,
            "applied": covered.applied,
            "branches": covered.branches.iter().map(branch).collect::<Vec<_>>(),
        })
    };
    let (tried, all) = coverage.tried();
    let policies: Vec<Json> = coverage.policies.iter().map(policy).collect();
    json!({ "percent": share((tried, all)), "tried": tried, "all": all, "policies": policies })
}

fn changed(mutants: &Mutants) -> Json {
    let survivor = |Survivor { policy, what, place }: &Survivor| json!({ "policy": policy, "change": what, "file": place.file, "line": place.line, "column": place.column });
    json!({
        "percent": share(mutants.noticed()),
        "noticed": mutants.noticed,
        "refused": mutants.refused,
        "survived": mutants.survived.iter().map(survivor).collect::<Vec<_>>(),
    })
}

/// JUnit's XML, as CI servers read it: a suite for each file.
pub(super) fn junit(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (all, bad) = (report.tests.len(), report.failed());
    out += &format!("<testsuites name=\"palisade test\" tests=\"{all}\" failures=\"{bad}\">\n");
    for (file, tests) in by_file(report) {
        let (all, bad) = (tests.len(), failed(tests));
        let file = escaped(file);
        out += &format!("  <testsuite name=\"{file}\" tests=\"{all}\" failures=\"{bad}\">\n");
        for (case, ran) in tests {
            let (name, line) = (escaped(&case.name), case.place.line);
            out += &format!(
                "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\""
            );
            match ran.failures.first() {
                None => out += "/>\n",
                Some(first) => {
                    let text = escaped(&ran.failures.join("\n"));
                    let first = escaped(first);
                    out +=
                        &format!(">\n      <failure message=\"{first}\">{text}</failure>\n    </testcase>\n");
                }
            }
        }
        out += "  </testsuite>\n";
    }
    out + "</testsuites>\n"
}
