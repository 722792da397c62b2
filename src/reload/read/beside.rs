//! Reads the test files that stand beside the policies.
//!
//! Never: makes one part of a snapshot.

use std::fs;
use std::path::PathBuf;

use crate::cases::TestFile;
use crate::config::Files;
use crate::problem::Problem;
use crate::snapshot::Role;

use super::NOTHING;
use super::Reader;
use super::Unsaved;
use super::names::is_test;
use super::reason;

/// Reads the test files beside the policies, or those of these files and folders instead. They take no part in any
/// snapshot, so serving never reads them.
#[must_use]
pub fn read_tests(files: &Files, instead: &[PathBuf]) -> (Vec<TestFile>, Vec<Problem>) {
    read_tests_with(files, instead, &NOTHING)
}

/// The same, but where something is not saved yet, that.
#[must_use]
pub fn read_tests_with(
    files: &Files,
    instead: &[PathBuf],
    unsaved: &Unsaved,
) -> (Vec<TestFile>, Vec<Problem>) {
    let mut reader = Reader::of(files, is_test, unsaved);
    let beside = files.policies.as_slice();
    for path in if instead.is_empty() { beside } else { instead } {
        match fs::canonicalize(path) {
            Ok(real) if real.is_dir() => reader.folder(path, &real, 0, &None),
            Ok(_) => reader.file(Role::Policies { confined_to: None }, path),
            // The folder of policies is told by who reads the policies.
            Err(_) if instead.is_empty() => {}
            Err(error) => reader.problem("unreadable", path, reason(&error)),
        }
    }
    let found = reader.sources.into_iter().map(|source| TestFile { file: source.file, text: source.text });
    (found.collect(), reader.problems)
}
