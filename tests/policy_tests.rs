//! `palisade test` on the clinic: what is said when tests pass, when one fails, when a policy is edited, in each format.
//!
//! What comes out stands in `golden/test`; `UPDATE_GOLDEN=1` rewrites it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;

use common::cases::clinic;
use common::cases::root;
use serde_json::Value;

fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no `{from}`");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.arg("test").args(arguments).current_dir(folder).env_clear();
    command
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = command(folder, arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// Without the snapshot's digest, which changes with every byte of the example.
fn steady(text: &str) -> String {
    let line = |line: &str| match line.split_once("\"snapshot\": \"") {
        Some((before, _)) => format!("{before}\"snapshot\": \"…\""),
        None => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

fn golden(name: &str, folder: &Path, arguments: &[&str], code: i32) -> String {
    let (got, said) = run(folder, arguments);
    assert_eq!(got, code, "{name}: {said}");
    let said = steady(&said);
    let path = root().join("tests/golden/test").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &said).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), said, "{name}");
    said
}

#[test]
fn the_tests_of_the_clinic_pass() {
    golden("passed.txt", clinic().path(), &[], 0);
}

#[test]
fn a_policy_that_was_loosened_fails_the_tests_that_hold_it_in_every_format() {
    let folder = clinic();
    let roles = "policies/roles.cedar";
    edit(
        folder.path(),
        roles,
        "unless { principal in Role::\"identity-desk\" };",
        "unless { principal in Role::\"clinician\" };",
    );
    edit(folder.path(), roles, "resource in RouteGroup::\"claims\"", "resource");
    golden("failed.txt", folder.path(), &[], 4);
    let json: Value =
        serde_json::from_str(&golden("failed.json", folder.path(), &["-o", "json", "--filter", "social"], 4))
            .unwrap();
    assert_eq!((json["failed"].as_u64(), json["passed"].as_u64()), (Some(1), Some(0)));
    golden("failed.xml", folder.path(), &["-o", "junit", "policies/roles_test.yaml", "--filter", "ben,"], 4);
}

#[test]
fn a_test_file_that_is_wrong_is_shown_as_check_shows_it() {
    let folder = clinic();
    edit(folder.path(), "policies/roles_test.yaml", "principal: frida\n", "principal: freda\n");
    edit(folder.path(), "policies/tenants/acme/sharing_test.yaml", "reveal: [billing]", "reveal: [biling]");
    golden("invalid.txt", folder.path(), &[], 3);
}

#[test]
fn bodies_that_become_something_else_are_told_by_the_place_of_each_difference() {
    let folder = clinic();
    let file = "policies/roles_test.yaml";
    edit(
        folder.path(),
        file,
        "name: Ana Abara\n      birth_date: \"[hidden]\"",
        "name: Ana\n      birth_date: 7",
    );
    edit(folder.path(), file, "allergies: [\"[hidden]\"]", "allergies: []");
    edit(folder.path(), file, "expect: {name: Ana Abara}", "expect: {name: Ana Abara, ssn: 912-70-0001}");
    golden("bodies.txt", folder.path(), &[file], 4);
}

#[test]
fn another_mask_another_class_and_another_pathway_than_expected_are_told() {
    let folder = clinic();
    let file = "policies/roles_test.yaml";
    edit(
        folder.path(),
        file,
        "hide: {pii.identifier.ssn: drop}",
        "hide: {pii.identifier.ssn: pseudonym, billing: ~}",
    );
    edit(folder.path(), file, "reveal: [pii.name, pii.contact]", "reveal: [pii.name, pii, health.allergy]");
    let (code, said) = run(folder.path(), &[file, "--filter", "sees"]);
    assert_eq!(code, 4, "{said}");
    for wanted in [
        "`pii.identifier.ssn` is hidden by drop (`ssn-for-the-identity-desk-only`), expected pseudonym",
        "the bodies carry no data of `billing`",
        "`health.allergy` is hidden by fixed(\"[hidden]\"), expected it revealed",
        "2 of ",
    ] {
        assert!(said.contains(wanted), "{wanted} is not in {said}");
    }
    // Of two classes around one, the inner counts: what is said of `pii.identifier` is not said of `pii`.
    assert!(
        !said.contains(
            "`pii.identifier.ssn` is hidden by drop (`ssn-for-the-identity-desk-only`), expected it"
        ),
        "{said}"
    );
    edit(
        folder.path(),
        "policies/tenants/acme/sharing.cedar",
        "@pathway(\"acme claims to globex auditors\")",
        "@pathway(\"another\")",
    );
    edit(
        folder.path(),
        "policies/tenants/acme/sharing_test.yaml",
        "pathway: acme claims to globex auditors",
        "pathway: another",
    );
    assert_eq!(run(folder.path(), &["policies/tenants"]).0, 0);
}

#[test]
fn tests_can_be_chosen_and_none_at_all_is_a_failure() {
    let folder = clinic();
    let count = |arguments: &[&str]| {
        let (code, said) = run(folder.path(), &[arguments, &["-o", "json"]].concat());
        (code, serde_json::from_str::<Value>(&said).unwrap()["passed"].as_u64().unwrap())
    };
    assert_eq!(count(&["policies/tenants"]), (0, 9));
    assert_eq!(count(&["policies/tenants", "policies/roles_test.yaml"]), (0, 57));
    assert_eq!(count(&["--filter", "sharing_test"]), (0, 9));
    assert_eq!(count(&["--filter", "strict isolation"]), (0, 5));
    assert_eq!(count(&["--filter", "no such test"]), (4, 0));
    assert_eq!(run(folder.path(), &["policies/nowhere_test.yaml"]).0, 3);
    assert_eq!(run(folder.path(), &["-o", "sarif"]).0, 2);
}

const CEDAR: &str = r#"[
  {
    "name": "the identity desk sees the number",
    "request": {
      "principal": "User::\"ida\"", "action": "Action::\"reveal\"", "resource": "Field::\"f\"",
      "context": {"now": "2030-01-01T00:00:00Z", "method": "GET", "path": "/", "host": "h"}
    },
    "entities": [
      {"uid": {"type": "User", "id": "ida"}, "parents": [{"type": "Role", "id": "clinician"}, {"type": "Role", "id": "identity-desk"}],
       "attrs": {"tenant": {"type": "Tenant", "id": "acme"}, "dataKey": {"type": "DataKey", "id": "acme"}, "roles": [], "groups": [], "scopes": [], "auth": "jwt"}},
      {"uid": {"type": "Field", "id": "f"}, "parents": [{"type": "DataClass", "id": "pii.identifier.ssn"}, {"type": "DataKey", "id": "acme"}],
       "attrs": {"class": {"type": "DataClass", "id": "pii.identifier.ssn"}, "level": 4, "dataKey": {"type": "DataKey", "id": "acme"}, "tenant": {"type": "Tenant", "id": "acme"}}},
      {"uid": {"type": "DataClass", "id": "pii.identifier.ssn"}, "parents": [{"type": "DataClass", "id": "pii"}], "attrs": {"level": 4}},
      {"uid": {"type": "DataClass", "id": "pii"}, "parents": [], "attrs": {"level": 2}},
      {"uid": {"type": "Tenant", "id": "acme"}, "parents": [],
       "attrs": {"dataKey": {"type": "DataKey", "id": "acme"}, "status": "active", "region": "r", "tier": "t", "isolation": "shared", "boundary": {"type": "Tenant", "id": "acme"}}}
    ],
    "decision": "allow", "reason": ["clinicians-see-who-it-is"], "num_errors": 0
  }
]
"#;

#[test]
fn tests_in_the_form_of_cedars_own_tools_are_asked_of_the_guarded_policies() {
    let folder = clinic();
    let file = folder.path().join("policies/cedar_test.json");
    let only = ["policies/cedar_test.json"];
    let with = |from: &str, to: &str| {
        assert!(CEDAR.contains(from), "{from}");
        fs::write(&file, CEDAR.replacen(from, to, 1)).unwrap();
        run(folder.path(), &only)
    };
    assert_eq!(with("ida", "ida").0, 0);
    // In the guard's hands: the same data of another company is out of reach, whatever a permit says.
    let (code, said) = with(
        r#"{"type": "DataKey", "id": "acme"}],
       "attrs": {"class""#,
        r#"{"type": "DataKey", "id": "globex"}],
       "attrs": {"class""#,
    );
    assert!(code == 4 && said.contains("expected allow, got deny `denied` (no policy permits it)"), "{said}");
    let (code, said) = with(r#", {"type": "Role", "id": "identity-desk"}"#, "");
    assert!(code == 4 && said.contains("got deny `denied` by `ssn-for-the-identity-desk-only`"), "{said}");
    let (code, said) = with(r#""num_errors": 0"#, r#""num_errors": 1"#);
    assert!(code == 4 && said.contains("expected 1 policies to fail, and it is none"), "{said}");
    let (code, said) = with(r#"["clinicians-see-who-it-is"]"#, r#"["billing-sees-names"]"#);
    assert!(
        code == 4 && said.contains("`billing-sees-names` is not among the policies that decide"),
        "{said}"
    );
    for (from, to, problem) in [
        (r#"User::\"ida\""#, r#"Nobody::\"ida\""#, "error[test-misfit]"),
        (r#"User::\"ida\""#, "ida", "is not an entity"),
        (r#""auth": "jwt""#, r#""auth": 7"#, "error[test-misfit]"),
        ("\"decision\": \"allow\"", "\"decision\": \"alow\"", "did you mean `allow`?"),
        ("clinicians-see-who-it-is", "clinicians-see-who-it", "error[unknown-policy]"),
        ("\"entities\"", "\"entitys\"", "did you mean `entities`?"),
    ] {
        let (code, said) = with(from, to);
        assert!(code == 3 && said.contains(problem), "{said}");
        assert!(said.contains("policies/cedar_test.json:"), "{said}");
    }
}

#[test]
fn coverage_tells_what_no_test_has_tried() {
    let folder = clinic();
    let sharing = ["policies/tenants", "--coverage", "--filter", "sharing"];
    golden("coverage.txt", folder.path(), &sharing, 0);
    let file = folder.path().join("coverage.info");
    let with = |more: &[&str]| run(folder.path(), &[&sharing[..], more].concat());
    let lcov = ["--lcov", file.to_str().unwrap(), "-o", "json", "--threshold", "20"];
    let (code, said) = with(&lcov);
    assert_eq!(code, 0, "{said}");
    let json: Value = serde_json::from_str(&said).unwrap();
    let percent = json["coverage"]["percent"].as_f64().unwrap();
    let lcov = fs::read_to_string(&file).unwrap();
    let path = root().join("tests/golden/test/coverage.info");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &lcov).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), lcov);
    // What JSON counts is what LCOV counts.
    let branches = json["coverage"]["policies"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|policy| policy["branches"].as_array().unwrap());
    let sides = branches
        .flat_map(|branch| [&branch["true"], &branch["false"]])
        .filter(|count| count.as_u64().unwrap() > 0);
    let hits = |key: &str| {
        lcov.lines()
            .filter_map(|line| line.strip_prefix(key))
            .map(|n| n.parse::<usize>().unwrap())
            .sum::<usize>()
    };
    assert_eq!(sides.count(), hits("BRH:"));
    assert_eq!(json["coverage"]["policies"].as_array().unwrap().len(), hits("FNF:"));
    assert_eq!(json["coverage"]["tried"].as_u64().unwrap() as usize, hits("BRH:") + hits("FNH:"));
    for (threshold, wanted) in [(percent - 0.1, 0), (percent + 0.1, 5)] {
        assert_eq!(with(&["--threshold", &threshold.to_string()]).0, wanted, "{threshold}");
    }
    assert_eq!(run(folder.path(), &["--threshold", "50"]).0, 2);
    assert_eq!(run(folder.path(), &["--coverage", "--threshold", "101"]).0, 2);
}

#[test]
fn changes_of_policies_that_no_test_notices_are_named() {
    let folder = clinic();
    let arguments = ["--mutate", "--filter", "roles_test"];
    golden("mutate.txt", folder.path(), &[&arguments[..], &["--threshold", "30"]].concat(), 0);
    let with = |more: &[&str]| run(folder.path(), &[&arguments[..], more].concat());
    let survived = |json: &Value, policy: &str| {
        let all = json["mutations"]["survived"].as_array().unwrap();
        let of_policy = all.iter().filter(|one| one["policy"] == policy);
        of_policy.map(|one| one["change"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (code, said) = with(&["-o", "json", "--threshold", "99.5"]);
    let json: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(code, 5, "{json}");
    // A test that goes takes its notice along.
    assert!(!survived(&json, "ssn-for-the-identity-desk-only").contains(&"the policy taken away".to_owned()));
    edit(folder.path(), "policies/roles_test.yaml", "      hide: {pii.identifier.ssn: drop}\n", "");
    edit(folder.path(), "policies/roles_test.yaml", "reveal: others\n\n", "reveal: [health]\n\n");
    edit(
        folder.path(),
        "policies/roles_test.yaml",
        "of: request\n    body: {name: Ana Abara, ssn: 912-70-0001}",
        "of: request\n    body: {name: Ana Abara}",
    );
    let json: Value = serde_json::from_str(&with(&["-o", "json"]).1).unwrap();
    assert!(
        survived(&json, "ssn-for-the-identity-desk-only").contains(&"the policy taken away".to_owned()),
        "{json}"
    );
    // Where a test fails already, nothing can be said of changes.
    edit(folder.path(), "policies/roles_test.yaml", "ben: denied", "ben: allow");
    let (code, said) = with(&[]);
    assert!(code == 4 && !said.contains("noticed"), "{said}");
}

/// A child that does not outlive its test.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn watching_runs_the_tests_again_after_an_edit() {
    let folder = clinic();
    let mut child = Watching(command(folder.path(), &["--watch"]).stdout(Stdio::piped()).spawn().unwrap());
    let (send, lines) = std::sync::mpsc::channel();
    let stdout = BufReader::new(child.0.stdout.take().unwrap());
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).all(|line| send.send(line).is_ok()));
    let until = |text: &str| {
        while !lines.recv_timeout(Duration::from_secs(60)).unwrap().contains(text) {}
    };
    until("ok: 89 tests passed");
    until("waiting for an edit");
    edit(folder.path(), "policies/roles.cedar", "resource in RouteGroup::\"claims\"", "resource");
    until("of 89 tests failed");
    edit(folder.path(), "policies/roles_test.yaml", "ben: denied", "ben: ~");
    until("ok: 84 tests passed");
}
