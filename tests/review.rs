//! Golden cases of the verbs that look at policies: an edit of the clinic's configuration goes in, what the verbs print
//! comes out. `UPDATE_GOLDEN=1` rewrites what comes out.
//!
//! A case in `golden/review/` opens with a sentence, then has sections. `=== <file>` is a file in a folder that has the
//! clinic's configuration twice, as `now` and as `draft`; with a `+` before its name it is added to the end of that file.
//! `=== run` has one command a line; its exit code, output and errors are compared.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

const OUT: &str = "\n=== out\n";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn sections(case: &str) -> impl Iterator<Item = (&str, &str)> {
    case.split("\n=== ").skip(1).map(|section| section.split_once('\n').unwrap_or((section, "")))
}

/// The words of a command; what stands in `'…'` is one.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn play(case: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for side in ["now", "draft"] {
        copy(&repository().join("examples/clinic/config"), &folder.path().join(side));
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

fn hold(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).unwrap();
    let (case, want) =
        text.split_once(OUT).map_or((text.trim_end_matches('\n'), ""), |(case, want)| (case, want));
    let got = play(case);
    if got == want {
        return None;
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, format!("{case}{OUT}{got}")).unwrap();
        return None;
    }
    let at = want.lines().zip(got.lines()).take_while(|(want, got)| want == got).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("<the end>").to_owned();
    let name = path.file_name().unwrap().to_string_lossy();
    Some(format!("{name}, line {} of what comes out\n  want: {}\n   got: {}", at + 1, line(want), line(&got)))
}

#[test]
fn what_the_verbs_say_of_the_clinic_is_what_the_cases_say() {
    let files = fs::read_dir(repository().join("tests/golden/review")).unwrap();
    let mut cases: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 6, "only {} cases found", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(|path| hold(path)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
