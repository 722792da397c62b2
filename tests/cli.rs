//! The command line, by running the program: what people type, what they get, and the exit codes that scripts rely on.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

fn palisade(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(output)))
}

fn demo() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = palisade(folder.path(), &["init"]);
    assert_eq!(code(&output), 0, "{output:?}");
    folder
}

const DANA: [&str; 7] = ["eval", "--principal", "dana", "--tenant", "acme", "--roles", "clinician"];

fn eval(folder: &Path, arguments: &[&str]) -> Output {
    palisade(folder, &[&DANA[..], arguments].concat())
}

#[test]
fn what_init_writes_passes_check_and_shows_its_key_once() {
    let folder = tempfile::tempdir().unwrap();
    let output = palisade(folder.path(), &["init", "demo"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let said = text(&output);
    let key = said.lines().find_map(|line| line.trim().strip_prefix("demo.")).unwrap();
    assert!(key.len() >= 43);
    let keys = fs::read_to_string(folder.path().join("demo/api_keys.yaml")).unwrap();
    assert!(!keys.contains(key));
    for secret in ["api_keys.yaml", "pseudonym.key"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(folder.path().join("demo").join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let output = palisade(folder.path(), &["check", "--config", "demo/palisade.yaml"]);
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert!(text(&output).starts_with("ok: "), "{}", text(&output));
}

#[test]
fn init_overwrites_only_when_forced() {
    let folder = demo();
    fs::write(folder.path().join("tenants.yaml"), "mine").unwrap();
    assert_eq!(code(&palisade(folder.path(), &["init"])), 2);
    assert_eq!(fs::read_to_string(folder.path().join("tenants.yaml")).unwrap(), "mine");
    assert_eq!(code(&palisade(folder.path(), &["init", "--force"])), 0);
    assert_ne!(fs::read_to_string(folder.path().join("tenants.yaml")).unwrap(), "mine");
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.starts_with('.')), "{left:?}");
}

#[test]
fn a_broken_policy_is_shown_with_its_place_its_line_and_a_caret() {
    let folder = demo();
    fs::write(
        folder.path().join("policies/broken.cedar"),
        "@id(\"x\")\npermit (principal, action resource);\n",
    )
    .unwrap();
    let output = palisade(folder.path(), &["check"]);
    assert_eq!(code(&output), 3);
    let said = text(&output);
    assert!(said.contains("policies/broken.cedar:2:27"), "{said}");
    assert!(said.contains("2 | permit (principal, action resource);"), "{said}");
    assert!(said.contains('^') && said.contains("1 error"), "{said}");
    assert!(!said.contains('\u{1b}'), "no colours outside of a terminal");
    let coloured = palisade(folder.path(), &["check", "--color", "always"]);
    assert!(text(&coloured).contains('\u{1b}'));
}

#[test]
fn a_config_that_is_a_pipe_or_never_ends_is_refused_and_nobody_waits_for_it() {
    let folder = demo();
    let made = Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
    assert!(made.success());
    for config in ["pipe", "/dev/zero"] {
        let output = palisade(folder.path(), &["check", "--config", config]);
        let said = String::from_utf8(output.stderr.clone()).unwrap() + &text(&output);
        assert_eq!(code(&output), 3, "{said}");
        assert!(said.contains("the configuration cannot be read: it is not a file"), "{said}");
    }
}

#[test]
fn problems_of_the_config_and_of_its_files_come_all_at_once() {
    let folder = demo();
    let config = folder.path().join("palisade.yaml");
    let mended = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        mended.replace("listen:", "listn:").replace("directory: policies", "directory: [policies]"),
    )
    .unwrap();
    let said = text(&palisade(folder.path(), &["check"]));
    assert!(said.contains("unknown key `listn`") && said.contains("did you mean `listen`?"), "{said}");
    assert!(said.contains("`policies.directory` must be a text"), "{said}");

    fs::write(&config, mended).unwrap();
    fs::write(folder.path().join("tenants.yaml"), "tenants:\n  acme: {regon: eu}\n").unwrap();
    fs::write(folder.path().join("classes.yaml"), "classes:\n  pii: {level: 99}\n").unwrap();
    fs::remove_file(folder.path().join("api_keys.yaml")).unwrap();
    let output = palisade(folder.path(), &["check", "-o", "json"]);
    assert_eq!(code(&output), 3);
    let found = json(&output);
    let files: Vec<_> =
        found["problems"].as_array().unwrap().iter().map(|p| p["place"]["file"].as_str().unwrap()).collect();
    for file in ["api_keys.yaml", "classes.yaml", "tenants.yaml"] {
        assert!(files.contains(&file), "{files:?}");
    }
    assert_eq!(found["ok"], false);
}

#[test]
fn problems_of_test_files_come_with_all_others() {
    let folder = demo();
    let test = |text: &str| fs::write(folder.path().join("policies/a_test.yaml"), text).unwrap();
    test("tests:\n- {name: a, request: {action: read}, expect: {code: unidentified}}\n");
    let good = palisade(folder.path(), &["check"]);
    assert_eq!(code(&good), 0, "{}", text(&good));
    assert!(text(&good).contains("3 routes, 1 test;"), "{}", text(&good));
    test(
        "tests:\n- {name: a, request: {action: read, target: acem}, expect: {decision: deny, policies: [nobody]}}\n",
    );
    let output = palisade(folder.path(), &["check"]);
    let said = text(&output);
    assert_eq!(code(&output), 3, "{said}");
    assert!(said.contains("error[unknown-tenant]: there is no tenant `acem`"), "{said}");
    assert!(said.contains("policies/a_test.yaml:2:45") && said.contains("did you mean `acme`?"), "{said}");
    assert!(said.contains("2 | - {name: a,") && said.contains("there is no policy `nobody`"), "{said}");
    // A broken policy hides no problem of a test, and a broken test keeps nobody from serving.
    fs::write(folder.path().join("policies/broken.cedar"), "permit (").unwrap();
    let said = text(&palisade(folder.path(), &["check"]));
    assert!(said.contains("broken.cedar") && said.contains("unknown-tenant"), "{said}");
    fs::remove_file(folder.path().join("policies/broken.cedar")).unwrap();
    assert_eq!(code(&eval(folder.path(), &["--action", "read"])), 0);
}

#[test]
fn every_format_of_check_can_be_read_by_its_readers() {
    let folder = demo();
    let good = json(&palisade(folder.path(), &["check", "-o", "json"]));
    assert_eq!(good["ok"], true);
    assert_eq!(good["snapshot"]["tenants"], 4);
    assert_eq!(good["snapshot"]["digest"].as_str().unwrap().len(), 64);
    fs::write(folder.path().join("policies/broken.cedar"), "permit (").unwrap();
    let sarif = json(&palisade(folder.path(), &["check", "-o", "sarif"]));
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!((sarif["version"].as_str(), result["level"].as_str()), (Some("2.1.0"), Some("error")));
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "policies/broken.cedar");
    assert_eq!(place["region"]["startLine"], 1);
    let github = palisade(folder.path(), &["check", "-o", "github"]);
    assert_eq!(code(&github), 3);
    assert!(text(&github).starts_with("::error file=policies/broken.cedar,line=1,col="), "{}", text(&github));
}

#[test]
fn a_key_that_is_set_over_the_file_is_checked_like_one_in_it() {
    let folder = demo();
    assert_eq!(code(&palisade(folder.path(), &["check", "--set", "timeouts.head=3s"])), 0);
    let output = palisade(folder.path(), &["check", "--set", "timeouts.haed=3s"]);
    assert_eq!(code(&output), 3);
    assert!(text(&output).contains("did you mean `head`?"), "{}", text(&output));
}

#[test]
fn eval_explains_an_allow_and_what_is_hidden_in_it() {
    let folder = demo();
    let found = json(&eval(folder.path(), &["--method", "GET", "--path", "/patients/7?x=1", "-o", "json"]));
    assert_eq!(found["decision"], "allow", "{found:#}");
    assert_eq!(found["reasons"][0]["policy_id"], "clinicians-read");
    assert_eq!((found["route"].as_str(), found["data_key"].as_str()), (Some("getPatient"), Some("acme")));
    let class = |name: &str| {
        let classes = found["classes"].as_array().unwrap();
        classes.iter().find(|class| class["class"] == name).unwrap().clone()
    };
    assert_eq!(class("pii.name")["revealed"], true);
    assert_eq!(class("pii.name")["mask"], Value::Null);
    assert_eq!(class("pii.contact")["revealed"], false);
    assert_eq!(class("pii.national-id")["revealed"], false);
    assert!(class("pii.national-id")["mask"].is_string());
    let said = text(&eval(folder.path(), &["--action", "read", "--classes", "pii.contact"]));
    assert!(
        said.starts_with("ALLOW") && said.contains("clinicians-read") && said.contains("hidden by"),
        "{said}"
    );
}

#[test]
fn eval_denies_across_tenants_and_its_exit_code_says_so_only_when_asked() {
    let folder = demo();
    let deny = |arguments: &[&str]| {
        let output = eval(folder.path(), &[arguments, &["-o", "json"]].concat());
        assert_eq!(code(&output), 0);
        assert_eq!(code(&eval(folder.path(), &[arguments, &["--exit-code"]].concat())), 10);
        let found = json(&output);
        assert_eq!(found["decision"], "deny", "{found:#}");
        found["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(deny(&["--action", "read", "--target", "globex"]), "tenant_mismatch");
    assert_eq!(deny(&["--action", "read", "--data-key", "globex/x"]), "tenant_mismatch");
    assert_eq!(deny(&["--action", "update", "--target", "acme/east"]), "denied");
    assert_eq!(deny(&["--action", "export"]), "denied");
    assert_eq!(deny(&["--method", "GET", "--path", "/nowhere"]), "no_route");
    assert_eq!(deny(&["--method", "DELETE", "--path", "/patients/7"]), "method_not_allowed");
    assert_eq!(deny(&["--method", "GET", "--path", "/patients/../x"]), "bad_path");
    assert_eq!(code(&eval(folder.path(), &["--action", "read", "--exit-code"])), 0);
}

#[test]
fn eval_follows_a_pathway_only_as_far_as_it_goes() {
    let folder = demo();
    let finn = |arguments: &[&str]| {
        let who = [
            "eval",
            "--principal",
            "finn",
            "--tenant",
            "globex",
            "--roles",
            "auditor",
            "-o",
            "json",
            "--action",
            "read",
        ];
        json(&palisade(folder.path(), &[&who[..], arguments].concat()))
    };
    let found = finn(&["--target", "acme/west", "--purpose", "audit", "--now", "2029-01-01T00:00:00Z"]);
    assert_eq!(found["decision"], "allow", "{found:#}");
    assert_eq!(found["pathway"], "acme to globex auditors");
    for arguments in [
        &["--target", "acme/west", "--now", "2029-01-01T00:00:00Z"][..],
        &["--target", "acme/west", "--purpose", "audit", "--now", "2031-01-01T00:00:00Z"],
        &["--target", "acme/east", "--purpose", "audit", "--now", "2029-01-01T00:00:00Z"],
        &["--target", "acme", "--purpose", "audit", "--now", "2029-01-01T00:00:00Z"],
    ] {
        assert_eq!(finn(arguments)["decision"], "deny", "{arguments:?}");
    }
}

#[test]
fn eval_reads_a_request_from_the_standard_input() {
    let folder = demo();
    let mut child = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["eval", "--request", "-", "-o", "json"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let request = r#"{"principal":"dana","tenant":"acme","roles":["clinician"],"action":"list","classes":["clinical"]}"#;
    child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    let found = json(&child.wait_with_output().unwrap());
    assert_eq!(
        (found["decision"].as_str(), found["classes"][0]["revealed"].as_bool()),
        (Some("allow"), Some(true))
    );
}

#[test]
fn what_makes_no_sense_is_a_usage_error_with_a_hint() {
    let folder = demo();
    for (arguments, hint) in [
        (&["--action", "raed"][..], "did you mean `read`?"),
        (&["--action", "read", "--classes", "pii.nam"], "did you mean `pii.name`?"),
        (&["--route", "getPatiens"], "did you mean `getPatient`?"),
        (&["--action", "read", "--now", "soon"], "is not a time"),
        (&["--action", "read", "--target", "ACME"], "is not the path of a tenant"),
        (&[], "--action"),
    ] {
        let output = eval(folder.path(), arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(hint), "{said}");
    }
    assert_eq!(code(&palisade(folder.path(), &["frobnicate"])), 2);
    assert_eq!(code(&palisade(folder.path(), &["eval", "-o", "sarif", "--principal", "x"])), 2);
    assert_eq!(code(&palisade(folder.path(), &["--version"])), 0);
}

#[test]
fn run_and_eval_refuse_what_check_refuses() {
    let folder = demo();
    fs::write(folder.path().join("policies/broken.cedar"), "permit (").unwrap();
    assert_eq!(code(&palisade(folder.path(), &["run"])), 3);
    assert_eq!(code(&eval(folder.path(), &["--action", "read"])), 3);
    let output = palisade(folder.path(), &["check", "-c", "nowhere.yaml"]);
    assert_eq!(code(&output), 3);
    assert!(text(&output).contains("palisade init"), "{}", text(&output));
}

#[test]
fn healthcheck_of_nobody_is_1() {
    let folder = demo();
    let output = palisade(folder.path(), &["healthcheck", "--address", "127.0.0.1:1", "--timeout-ms", "300"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output).contains("not reachable"), "{}", text(&output));
}

#[test]
fn the_schemas_and_completions_can_be_printed_and_every_help_has_examples() {
    let folder = tempfile::tempdir().unwrap();
    for of in ["config", "record", "tests"] {
        let schema = json(&palisade(folder.path(), &["schema", of]));
        assert!(schema["$schema"].is_string(), "{of}");
    }
    assert!(text(&palisade(folder.path(), &["schema", "cedar"])).contains("entity Tenant"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&palisade(folder.path(), &["completions", shell])).contains("palisade"), "{shell}");
    }
    for verb in [
        "run",
        "check",
        "eval",
        "redact",
        "reveal",
        "explain-field",
        "test",
        "diff",
        "fmt",
        "lint",
        "init",
        "healthcheck",
        "schema",
        "completions",
        "learn",
    ] {
        let said = text(&palisade(folder.path(), &[verb, "--help"]));
        assert!(said.contains("Example"), "{verb}: {said}");
    }
    assert!(text(&palisade(folder.path(), &["--help"])).contains("Exit codes"));
}

#[test]
fn fmt_shows_then_writes_and_then_has_nothing_to_do() {
    let folder = demo();
    let file = folder.path().join("policies/mine.cedar");
    let text = "// Mine.\n@id(\"mine\")permit(principal in Role::\"x\",action,resource); // all\n";
    fs::write(&file, text).unwrap();
    let output = palisade(folder.path(), &["fmt", "--check"]);
    assert_eq!((code(&output), fs::read_to_string(&file).unwrap()), (5, text.to_owned()));
    assert!(self::text(&output).contains("\n+  principal in Role::\"x\",\n"), "{output:?}");
    assert_eq!(code(&palisade(folder.path(), &["fmt"])), 0);
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(
        written,
        "// Mine.\n@id(\"mine\")\npermit (\n  principal in Role::\"x\",\n  action,\n  resource\n); // all\n"
    );
    assert_eq!(code(&palisade(folder.path(), &["fmt", "--check"])), 0);
    assert_eq!(code(&palisade(folder.path(), &["check"])), 0);
    let found =
        json(&palisade(folder.path(), &["fmt", "--check", "-o", "json", "--width", "40", "policies"]));
    assert_eq!(found["changed"][0]["file"], "policies/baseline.cedar");
    // A file that cannot be read is named, and the others are laid out all the same.
    fs::write(folder.path().join("policies/broken.cedar"), "permit (").unwrap();
    fs::write(&file, text).unwrap();
    let output = palisade(folder.path(), &["fmt"]);
    assert_eq!((code(&output), fs::read_to_string(&file).unwrap()), (3, written));
    assert_eq!(fs::read_to_string(folder.path().join("policies/broken.cedar")).unwrap(), "permit (");
    assert_eq!(code(&palisade(folder.path(), &["fmt", "nowhere"])), 1);
}

#[test]
fn lint_tells_denies_and_leaves_out_as_asked() {
    let folder = demo();
    let found = json(&palisade(folder.path(), &["lint", "-o", "json"]));
    let codes = |found: &Value| {
        let problems = found["problems"].as_array().unwrap().iter();
        problems.map(|one| one["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&found), ["unheld-role", "pathway-without-ceiling", "unheld-role"], "{found:#}");
    assert_eq!(found["snapshot"]["roles_from"], "1 API key and the principals of 0 tests");
    assert!(found["snapshot"]["not_looked_at"].to_string().contains("`untested` was left out"));
    let run = |arguments: &[&str]| palisade(folder.path(), &[&["lint"], arguments].concat());
    assert_eq!(code(&run(&[])), 0);
    assert_eq!(code(&run(&["--deny", "warnings"])), 5);
    assert_eq!(code(&run(&["--deny", "unheld-role"])), 5);
    assert_eq!(code(&run(&["--deny", "unused-class"])), 0);
    let quiet = ["--skip", "unheld-role", "--skip", "pathway-without-ceiling"];
    let output = run(&[&quiet[..], &["--deny", "warnings"]].concat());
    assert_eq!(code(&output), 0);
    assert!(String::from_utf8(output.stderr).unwrap().contains("`unheld-role` was left out, as asked"));
    let output = run(&["--skip", "unheld-rule"]);
    assert_eq!(code(&output), 2);
    assert!(String::from_utf8(output.stderr).unwrap().contains("did you mean `unheld-role`?"));
    let sarif = json(&run(&["-o", "sarif"]));
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 3);
    let rule = &sarif["runs"][0]["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], "pathway-without-ceiling");
    assert!(rule["shortDescription"]["text"].as_str().unwrap().contains("level"), "{rule}");
    assert!(text(&run(&["-o", "github"])).starts_with("::warning file=policies/baseline.cedar,line=21"));
    assert!(text(&run(&["--rules"])).contains("forbids-nothing          error"));
    let nothing = "@id(\"f\")\nforbid(principal, action, resource) when { resource.level > 9 };\n";
    fs::write(folder.path().join("policies/mine.cedar"), nothing).unwrap();
    let output = run(&[]);
    assert_eq!(code(&output), 3);
    assert!(text(&output).contains("error[forbids-nothing]"), "{}", text(&output));
}

#[test]
fn lint_takes_roles_from_tests_and_names_policies_that_no_test_is_about() {
    let folder = demo();
    let test = "principals:\n  gus: {tenant: acme, roles: [auditor, incident-responder]}\n  dana: {tenant: acme, roles: [clinician]}\ntests:\n- {name: reads, principal: dana, request: {action: read, classes: [pii.name]}, expect: {decision: allow, policies: [clinicians-read], reveal: [pii.name]}}\n- {name: no, principal: gus, request: {action: read}, expect: deny}\n";
    fs::write(folder.path().join("policies/example_test.yaml"), test).unwrap();
    assert_eq!(code(&palisade(folder.path(), &["test"])), 0);
    let found = json(&palisade(folder.path(), &["lint", "--skip", "pathway-without-ceiling", "-o", "json"]));
    let told: Vec<&str> =
        found["problems"].as_array().unwrap().iter().map(|one| one["message"].as_str().unwrap()).collect();
    assert!(told.iter().all(|message| message.starts_with("no test names `")), "{told:?}");
    for (policy, is_told) in [
        ("clinicians-read", false),
        ("clinicians-see-patients", false),
        ("clinicians-write", true),
        ("baseline-known", false),
        ("baseline-maintenance", true),
    ] {
        assert_eq!(told.iter().any(|message| message.contains(&format!("`{policy}`"))), is_told, "{policy}");
    }
    assert_eq!(code(&palisade(folder.path(), &["lint", "--deny", "untested"])), 5);
}
