//! Golden cases of the verbs that look at policies: an edit of the clinic's configuration goes in, what the verbs print
//! comes out. `UPDATE_GOLDEN=1` rewrites what comes out.
//!
//! A case in `golden/review/` opens with a sentence, then has sections. `=== <file>` is a file in a folder that has the
//! clinic's configuration twice, as `now` and as `draft`; with a `+` before its name it is added to the end of that file.
//! `=== run` has one command a line; its exit code, output and errors are compared.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use common::cases::copy;
use common::cases::hold;
use common::cases::root;
use common::cases::sections;
use common::cases::words;

fn play(case: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for side in ["now", "draft"] {
        copy(&root().join("examples/clinic/config"), &folder.path().join(side));
    }
    let mut out = String::new();
    for (name, text) in sections(case) {
        if name != "run" {
            let (name, text) = match name.strip_prefix('+') {
                Some(name) => (name, fs::read_to_string(folder.path().join(name)).unwrap() + text + "\n"),
                None => (name, format!("{text}\n")),
            };
            fs::write(folder.path().join(name), text).unwrap();
            continue;
        }
        for line in text.lines().filter(|line| !line.is_empty()) {
            let words = words(line);
            assert_eq!(words.first().map(String::as_str), Some("palisade"));
            let output = Command::new(env!("CARGO_BIN_EXE_palisade"))
                .args(words.iter().skip(1))
                .current_dir(folder.path())
                .env_clear()
                .output()
                .unwrap();
            writeln!(out, "$ {line}").unwrap();
            out += &String::from_utf8(output.stdout).unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            if !errors.is_empty() {
                writeln!(out, "--- errors\n{}", errors.trim_end()).unwrap();
            }
            writeln!(out, "--- exit code {}\n", output.status.code().unwrap()).unwrap();
        }
    }
    out.replace(&*fs::canonicalize(folder.path()).unwrap().to_string_lossy(), "<folder>")
}

#[test]
fn what_the_verbs_say_of_the_clinic_is_what_the_cases_say() {
    hold("review", 6, play);
}
