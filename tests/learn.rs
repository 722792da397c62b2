//! What `learn` proposes: golden cases, patient bundles against a plan by hand, the clinic against its own document; and
//! that a proposal is one, put in place.
//!
//! A case in `golden/learn/` opens with a sentence, then has `=== <file>`, written into a copy of the clinic's
//! configuration, and `=== run` with one command a line. `UPDATE_GOLDEN=1` rewrites what comes out.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what share was found"
)]

mod common;
#[path = "../examples/clinic/data.rs"]
mod data;
#[path = "learn/offline.rs"]
mod offline;

use std::fmt::Write as _;
use std::fs;

use common::cases::clinic;
use common::cases::hold;
use common::cases::sections;
use common::cases::words;
use offline::palisade;

fn play(case: &str) -> String {
    let folder = clinic();
    let mut out = String::new();
    for (name, text) in sections(case) {
        if name != "run" {
            fs::write(folder.path().join(name), format!("{text}\n")).unwrap();
            continue;
        }
        for line in text.lines().filter(|line| !line.is_empty()) {
            let words = words(line);
            assert_eq!(words[0], "palisade");
            let output = palisade(folder.path(), &words[1..]);
            writeln!(out, "$ {line}").unwrap();
            out += &String::from_utf8(output.stdout).unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            if !errors.is_empty() {
                writeln!(out, "--- errors\n{}", errors.trim_end()).unwrap();
            }
            writeln!(out, "exit code {}\n", output.status.code().unwrap()).unwrap();
        }
    }
    out
}

#[test]
fn what_is_learned_is_what_the_cases_say() {
    hold("learn", 4, play);
}

#[test]
fn most_of_a_plan_by_hand_is_found_in_patient_bundles_and_the_proposal_passes_check() {
    let Some(bundles) = common::data("fhir") else { return };
    let (shares, paths, beyond) = offline::bundles(&bundles);
    let (mut found, mut all) = (0, 0);
    for (rule, covered, values) in &shares {
        eprintln!("{rule}: {covered} of {values} values are within what is proposed");
        assert!(*values > 0, "{rule}");
        found += covered;
        all += values;
    }
    eprintln!("{found} of {all} values of the plan by hand, {:.1} %", 100.0 * found as f64 / all as f64);
    eprintln!("{paths} paths are proposed; of all other values {} of {} are within them", beyond.0, beyond.1);
    assert!(found * 100 >= all * 95, "{shares:?}");
}

#[test]
fn what_the_clinics_document_classifies_is_learned_from_its_data_and_the_proposal_passes_its_tests() {
    offline::clinic(&data::Tables::generate());
}
