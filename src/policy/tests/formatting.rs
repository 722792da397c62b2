//! The layout of policies: it changes nothing that they say, and nothing once it is done.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::limits;
use crate::policy::format::WIDTH;
use crate::policy::format::format;

const HEAD: &str = "// The head of the file.\n\n\n// About a.\n";

fn formatted(text: &str) -> (String, Vec<Problem>) {
    let done = format(&source("p.cedar", text), WIDTH).unwrap();
    (done.text, done.left)
}

/// All comments of a text that has no `//` in its strings.
fn comments(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split_once("//")).map(|(_, comment)| comment.trim()).collect()
}

#[test]
fn comments_annotations_and_the_lines_between_comments_stay() {
    let text = format!(
        "{HEAD}@id(\"a\") // the name\n@lint_allow(\"x: because\")\npermit(principal,action,resource) // scope\nwhen{{ // why\ncontext.method==\"a //\\\" b\"}}; // after\n// About b.\n\n@id(\"b\")forbid(principal in ?principal,action,resource)\n;\n// The end."
    );
    let (done, left) = formatted(&text);
    assert_eq!(left, []);
    assert!(done.starts_with("// The head of the file.\n\n// About a.\n@id(\"a\") // the name\n"), "{done}");
    assert!(done.contains("// after\n\n// About b.\n\n@id(\"b\")\nforbid"), "{done}");
    assert!(done.contains("\"a //\\\" b\""), "{done}");
    assert!(done.ends_with(";\n\n// The end.\n"), "{done}");
    assert_eq!(formatted(&done).0, done);
}

#[test]
fn what_cannot_be_read_is_refused_before_cedar_sees_it() {
    let codes = |text: &str| {
        let problems = format(&source("p.cedar", text), WIDTH).unwrap_err();
        problems.into_iter().map(|one| one.code).collect::<Vec<_>>()
    };
    let deep = format!(
        "permit(principal, action, resource) when {{ {}true{} }};",
        "(".repeat(9000),
        ")".repeat(9000)
    );
    assert_eq!(codes(&deep), ["policy-too-deep"]);
    assert_eq!(codes("permit (principal, action resource);"), ["policy-syntax"]);
}

#[test]
fn a_policy_that_is_too_long_is_left_as_it_is_and_told() {
    let ids: Vec<String> = (0..limits::FORMAT_POLICY_BYTES_MAX / 8).map(|n| format!("\"{n:06}\"")).collect();
    let text = format!(
        "permit(principal,action,resource);\n@id(\"l\")permit(principal,action,resource)when{{[{}].contains(context.method)}};\nforbid(principal,action,resource);\n",
        ids.join(",")
    );
    let (done, left) = formatted(&text);
    assert_eq!(left.iter().map(|one| (one.code, one.place.line)).collect::<Vec<_>>(), [("fmt-left", 2)]);
    assert!(done.starts_with("permit (principal, action, resource);\n\n@id(\"l\")permit"), "{done:.200}");
    assert!(done.ends_with("\n\nforbid (principal, action, resource);\n"));
}

#[test]
fn a_text_at_the_bound_is_laid_out_on_one_mebibyte_of_stack() {
    for form in 0..deep::forms(1).len() {
        let (name, condition) = deep::at_the_bound(form);
        let text = deep::policy(&condition);
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(move || formatted(&text));
        let (done, left) = thread.unwrap().join().unwrap();
        assert!(left.is_empty() && done.contains("permit"), "{name}: {left:?}");
    }
}

#[test]
fn cedars_corpus_means_the_same_and_is_laid_out_once() {
    let Some(folder) = corpus::unpacked() else {
        std::io::stderr()
            .write_all(b"SKIPPED: no corpus; set PALISADE_DATA to a folder with cedar/corpus-tests.tar.gz\n")
            .unwrap();
        return;
    };
    let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "cedar")).collect();
    files.sort();
    let (mut laid_out, mut refused) = (0, 0);
    for file in files.iter().step_by(50) {
        let text = std::fs::read_to_string(file).unwrap();
        // Random policies may be deeper than ours may be.
        let Ok(done) = format(&source("p.cedar", &text), WIDTH) else {
            refused += 1;
            continue;
        };
        assert_eq!(done.left, [], "{}", file.display());
        assert_eq!(formatted(&done.text).0, done.text, "{}", file.display());
        laid_out += 1;
    }
    assert!(laid_out > 50 && refused < laid_out / 4, "{laid_out} laid out, {refused} refused");
}

const WORDS: [&str; 44] = [
    "@id",
    "(",
    "\"a\"",
    ")",
    "permit",
    "(",
    "principal",
    "in",
    "Role::\"r\"",
    ",",
    "action",
    "in",
    "[",
    "Action::\"read\"",
    ",",
    "Action::\"list\"",
    "]",
    ",",
    "resource",
    ")",
    "when",
    "{",
    "context",
    "has",
    "purpose",
    "&&",
    "(",
    "context",
    ".",
    "purpose",
    "==",
    "\"x\"",
    "||",
    "!",
    "(",
    "resource",
    ".",
    "level",
    "<",
    "3",
    ")",
    ")",
    "}",
    ";",
];

proptest! {
    /// A comment may stand between any two words; wherever it is, either it stays or its policy is left alone.
    #[test]
    fn no_comment_is_lost_wherever_it_stands(gaps in proptest::collection::vec(0_u8..6, WORDS.len())) {
        let mut text = String::new();
        for (at, (word, gap)) in WORDS.iter().zip(&gaps).enumerate() {
            text += word;
            text += &match gap {
                0 => format!(" // c{at}\n"),
                1 => format!("\n// c{at}\n"),
                2 => format!("\n// c{at}\n\n// d{at}\n"),
                _ => " ".to_owned(),
            };
        }
        let (done, left) = formatted(&text);
        prop_assert_eq!(comments(&done), comments(&text));
        let (again, left_again) = formatted(&done);
        prop_assert_eq!((again, left_again.len()), (done, left.len()));
    }
}
