//! Proposals from files: made, compared with what people classified, and put in place.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use serde_json::Value;
use serde_json::json;

use crate::common::cases::copy;
use crate::data::Tables;

pub(crate) fn palisade<T: AsRef<std::ffi::OsStr>>(folder: &Path, arguments: &[T]) -> Output {
    let program = env!("CARGO_BIN_EXE_palisade");
    Command::new(program).args(arguments).current_dir(folder).env_clear().output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs a verb that must go well; what it prints.
fn good<T: AsRef<std::ffi::OsStr>>(folder: &Path, arguments: &[T]) -> String {
    let output = palisade(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The paths of a report, each with its standing.
fn paths(report: &Value, route: &str, side: &str) -> Vec<(String, String)> {
    let routes = report["routes"].as_array().unwrap();
    let route = routes.iter().find(|one| one["id"] == route).unwrap();
    let told = |one: &Value| {
        (one["path"].as_str().unwrap().to_owned(), one["standing"].as_str().unwrap().to_owned())
    };
    route[side]["paths"].as_array().unwrap().iter().map(told).collect()
}

/// The plan of `tests/fhir.rs`, as keys; the first two stand where they are, the others at any depth.
const PLAN: [(&str, &[&str], bool); 6] = [
    ("$.entry[*].resource.name", &["entry", "resource", "name"], false),
    ("$.entry[*].resource.name[*].given[*]", &["entry", "resource", "name", "given"], false),
    ("$.entry[*].resource.address", &["entry", "resource", "address"], false),
    ("$..telecom[*].value", &["telecom", "value"], true),
    ("$..identifier[*].value", &["identifier", "value"], true),
    ("$..birthDate", &["birthDate"], true),
];
const CLASSES: &str = "
classes:
  pii: {level: 3, mask: fixed, classes: {name: {}, given: {}, address: {}, telecom: {}, identifier: {}, birth: {}}}
";

/// Of each rule of the plan, how many values are within what is proposed, of how many; how many paths are proposed; and of
/// the values that the plan does not name, the same.
pub(crate) fn bundles(bundles: &Path) -> (Vec<Share>, usize, (u64, u64)) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    good(folder, &["init", "."]);
    fs::write(folder.join("classes.yaml"), CLASSES).unwrap();
    fs::write(
        folder.join("routes.yaml"),
        "routes:\n  - {method: GET, path: '/bundles/{file}', id: bundle}\n",
    )
    .unwrap();
    fs::remove_dir_all(folder.join("policies")).unwrap();
    fs::create_dir(folder.join("policies")).unwrap();
    let all = "@id(\"all\") permit (principal, action, resource);\n";
    fs::write(folder.join("policies/all.cedar"), all).unwrap();
    let mut files: Vec<_> = fs::read_dir(bundles).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut arguments = vec!["learn".to_owned(), "--route".to_owned(), "bundle".to_owned()];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap().to_owned()));
    let report: Value = {
        let json = [&arguments[..], &["-o".to_owned(), "json".to_owned()]].concat();
        serde_json::from_str(&good(folder, &json)).unwrap()
    };
    let proposed: Vec<Vec<String>> =
        paths(&report, "bundle", "response").into_iter().map(|(path, _)| keys(&path)).collect();
    let yaml = good(folder, &[&arguments[..], &["-o".to_owned(), "yaml".to_owned()]].concat());
    fs::write(folder.join("routes.yaml"), &yaml).unwrap();
    good(folder, &["check"]);
    let mut beyond = (0, 0);
    let mut shares: Vec<Share> = PLAN.iter().map(|(rule, ..)| (*rule, 0, 0)).collect();
    for file in files {
        let bundle: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        count(&bundle, &mut Vec::new(), &proposed, &mut shares, &mut beyond);
    }
    (shares, proposed.len(), beyond)
}

/// The keys of a path; arrays add none.
fn keys(path: &str) -> Vec<String> {
    let steps = path.trim_start_matches('$').replace("[*]", "");
    steps.split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect()
}

type Share = (&'static str, u64, u64);

fn count(
    value: &Value,
    at: &mut Vec<String>,
    proposed: &[Vec<String>],
    shares: &mut [Share],
    beyond: &mut (u64, u64),
) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                at.push(key.clone());
                count(value, at, proposed, shares, beyond);
                at.pop();
            }
        }
        Value::Array(items) => items.iter().for_each(|item| count(item, at, proposed, shares, beyond)),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let begins = |path: &[String], rule: &[&str]| {
                path.len() >= rule.len() && path.iter().zip(rule).all(|(key, step)| key == step)
            };
            let within = proposed.iter().any(|path| {
                at.len() >= path.len() && at.iter().zip(path).all(|(key, step)| step == "*" || key == step)
            });
            let mut is_of_any = false;
            for ((_, rule, deep), share) in PLAN.iter().zip(shares) {
                let is_of = if *deep {
                    (0..at.len()).any(|from| begins(&at[from..], rule))
                } else {
                    begins(at, rule)
                };
                share.1 += u64::from(is_of && within);
                share.2 += u64::from(is_of);
                is_of_any |= is_of;
            }
            beyond.0 += u64::from(!is_of_any && within);
            beyond.1 += u64::from(!is_of_any);
        }
    }
}

/// Lines of exchanges as the clinic's app has them.
fn exchanges(tables: &Tables) -> String {
    let mut lines = String::new();
    let mut line = |route: &str, side: &str, body: &Value| {
        lines +=
            &json!({"route": route, side: {"content_type": "application/json", "body": body}}).to_string();
        lines.push('\n');
    };
    let rows = |rows: &[crate::data::Row]| rows.iter().map(|row| row.value.clone()).collect::<Vec<Value>>();
    line("listPatients", "response", &rows(&tables.patients).into());
    for row in &tables.patients {
        assert!(row.key.ends_with('/') && row.id.starts_with('p'));
        line("getPatient", "response", &row.value);
        line("createPatient", "request", &row.value);
        line("createPatient", "response", &row.value);
    }
    line("listEncounters", "response", &rows(&tables.encounters).into());
    line("listClaims", "response", &json!({"count": 7, "claims": rows(&tables.claims)}));
    lines
}

/// The clinic's proposal, without and with what its document says.
pub(crate) fn clinic(tables: &Tables) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/clinic/config"), folder);
    fs::write(folder.join("exchanges.ndjson"), exchanges(tables)).unwrap();
    let report: Value =
        serde_json::from_str(&good(folder, &["learn", "exchanges.ndjson", "-o", "json"])).unwrap();
    assert_eq!(report["paths"]["contradicts"], 0, "{report:#}");
    let standing = paths(&report, "getPatient", "response");
    let is = |path: &str, wanted: &str| standing.iter().any(|(one, how)| one == path && how == wanted);
    for path in ["$.birth_date", "$.contact.email", "$.contact.phone", "$.contact.address", "$.ssn"] {
        assert!(is(path, "agrees"), "{path}: {standing:?}");
    }
    assert!(is("$.name", "agrees"), "{standing:?}");
    // Put in the place of the document, the proposal is all that it said of data, and the policies' tests still hold.
    let yaml = good(folder, &["learn", "exchanges.ndjson", "-o", "yaml"]);
    fs::write(folder.join("proposed.yaml"), yaml).unwrap();
    let config = fs::read_to_string(folder.join("palisade.yaml")).unwrap();
    fs::write(
        folder.join("palisade.yaml"),
        config.replace("openapi: [openapi.yaml]", "routes: [proposed.yaml]"),
    )
    .unwrap();
    good(folder, &["check"]);
    good(folder, &["test"]);
    // Without any classification the same paths are proposed anew.
    let bare: String = fs::read_to_string(folder.join("proposed.yaml"))
        .unwrap()
        .lines()
        .filter(|line| {
            !line.trim_start().starts_with("\"$")
                && !matches!(line.trim(), "classes:" | "request:" | "response:")
        })
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(folder.join("proposed.yaml"), bare).unwrap();
    let report: Value =
        serde_json::from_str(&good(folder, &["learn", "exchanges.ndjson", "-o", "json"])).unwrap();
    let anew = paths(&report, "getPatient", "response");
    for path in ["$.birth_date", "$.contact.email", "$.contact.phone", "$.contact.address", "$.ssn", "$.name"]
    {
        assert!(anew.iter().any(|(one, how)| one == path && how == "new"), "{path}: {anew:?}");
    }
}
