//! The JSON Parsing Test Suite of Nicolas Seriot, and real documents, if they are there.

use std::io::Write as _;
use std::path::PathBuf;

use super::plan;
use super::run;
use crate::redact::Encoding;

fn data(folder: &str) -> Vec<(String, Vec<u8>)> {
    let root = std::env::var_os("PALISADE_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")));
    let Ok(folder) = std::fs::read_dir(root.join(folder)) else {
        // Past the harness, which keeps to itself what a test prints that passes.
        std::io::stderr()
            .write_all(format!("SKIPPED: no {folder} in {} (set PALISADE_DATA)\n", root.display()).as_bytes())
            .unwrap();
        return Vec::new();
    };
    let mut files: Vec<_> = folder
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn the_suite_is_told_apart_right_whole_and_byte_by_byte() {
    let plans = [plan(&[("$..never-there", "drop")]), plan(&[("never.there", "fixed")])];
    let mut counts = (0, 0);
    for (name, body) in data("jsontestsuite/test_parsing") {
        for plan in &plans {
            let whole = run(plan, Encoding::Identity, &[&body]).map(|(out, _)| out);
            let single: Vec<&[u8]> = body.chunks(1).collect();
            let bytewise = run(plan, Encoding::Identity, &single).map(|(out, _)| out);
            assert_eq!(whole.is_ok(), bytewise.is_ok(), "{name}");
            if name.starts_with("y_") {
                assert_eq!(whole.as_deref(), Ok(&*body), "{name}");
                assert_eq!(bytewise.as_deref(), Ok(&*body), "{name}");
                counts.0 += 1;
            } else if name.starts_with("n_") {
                assert!(whole.is_err(), "{name}");
                counts.1 += 1;
            }
        }
    }
    assert!(counts == (0, 0) || counts == (2 * 95, 2 * 188), "{counts:?}");
}

#[test]
fn real_documents_pass_unchanged_where_nothing_in_them_is_hidden() {
    let plan = plan(&[("$..never-there", "drop"), ("never.*.there", "pseudonym")]);
    for (name, body) in data("json").into_iter().chain(data("fhir")) {
        for size in [4096, 65_536, usize::MAX] {
            let (out, _) = run(&plan, Encoding::Identity, &body.chunks(size).collect::<Vec<_>>()).unwrap();
            assert!(out == body, "{name}");
        }
    }
}
