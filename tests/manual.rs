//! The manual says what the code does: the tests, files, keys, metrics, refusals, exit codes, endpoints and dependencies
//! that it names are those that there are, and its policies compile.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use palisade::cases::Cases;
use palisade::cases::TestFile;
use palisade::model::Classes;
use palisade::model::Model;
use palisade::model::RoutesBuilder;
use palisade::model::Tenants;
use palisade::policy::Policies;
use palisade::policy::SCHEMA;
use palisade::policy::Source;
use palisade::request::Refusal;

const CHAPTERS: [&str; 9] = [
    "architecture",
    "words",
    "policies",
    "half-day",
    "operations",
    "evidence",
    "threats",
    "decisions",
    "changelog",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn chapter(name: &str) -> String {
    read(&format!("src/manual/{name}.md"))
}

fn set<T: Into<String>>(items: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    items.into_iter().map(Into::into).collect()
}

/// What stands between the first and the second of each pair of `mark`.
fn between<'t>(text: &'t str, mark: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(mark).skip(1).step_by(2)
}

/// The text of each line in backticks, fenced blocks left out.
fn quoted(text: &str) -> BTreeSet<String> {
    let prose: String = text.split("\n```").step_by(2).collect();
    set(prose.lines().flat_map(|line| between(line, "`").map(str::to_owned).collect::<Vec<_>>()))
}

/// The rows of the table under the first line that starts so, as cells.
fn table(text: &str, header: &str) -> Vec<Vec<String>> {
    let at = text.find(header).unwrap_or_else(|| panic!("no table `{header}`"));
    let rows = text[at..].lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The first cells of a table, backticks off; a cell may name several.
fn first(text: &str, header: &str) -> BTreeSet<String> {
    set(table(text, header)
        .iter()
        .flat_map(|row| between(row.first().unwrap(), "`").map(str::to_owned).collect::<Vec<_>>()))
}

fn sources() -> Vec<(String, String)> {
    let mut folders: Vec<PathBuf> = vec![root().join("src"), root().join("tests")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// Every test by the module that its file is, and its name.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (file, text) in sources() {
        let (_, module) = file.trim_end_matches(".rs").split_once('/').unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            is_test |= matches!(line, "#[test]" | "#[tokio::test]");
            let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let Some(name) = name.and_then(|rest| rest.split('(').next()).filter(|_| is_test) {
                found.insert(format!("{}::{name}", module.replace('/', "::")));
                is_test = false;
            }
        }
    }
    assert!(found.len() > 300, "only {} tests were found", found.len());
    found
}

fn is_path(text: &str) -> bool {
    text.contains("::")
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_:".contains(&b))
}

#[test]
fn every_test_that_is_named_exists() {
    let tests = tests();
    let mut named = 0;
    for name in CHAPTERS {
        for text in quoted(&chapter(name)).into_iter().filter(|text| is_path(text)) {
            assert!(tests.contains(&text), "{name}.md: there is no test `{text}`");
            named += 1;
        }
    }
    assert!(named > 100, "only {named} tests are named");
    // The code names its tests too: by the end of their path, or by the module that they stand in.
    let known = |text: &str| {
        tests.iter().any(|test| {
            format!("::{test}").ends_with(&format!("::{}", text.trim_start_matches("tests::")))
                || test.contains(&format!("{text}::"))
        })
    };
    for (file, text) in sources().iter().filter(|(file, _)| file.starts_with("src/")) {
        for line in text.split("INVARIANT: ").skip(1) {
            let claim = line.split(". ").next().unwrap();
            let claim = claim.split("\n//! Callers:").next().unwrap();
            let is_name = |text: &&str| is_path(text) || text.matches('_').count() > 2;
            for text in between(claim, "`").filter(is_name) {
                assert!(known(text), "{file}: there is no test `{text}`");
            }
        }
    }
}

#[test]
fn every_file_that_is_named_exists() {
    for name in CHAPTERS {
        let folders = ["src/", "tests/", "examples/", "schemas/", "policies/"];
        for text in quoted(&chapter(name)) {
            let is_file = folders.iter().any(|folder| text.starts_with(folder) && text.len() > folder.len());
            assert!(!is_file || root().join(&text).exists(), "{name}.md: there is no `{text}`");
        }
    }
}

#[test]
fn the_code_map_and_the_library_name_every_module() {
    let modules = set(fs::read_dir(root().join("src")).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".rs").map(str::to_owned)
    }));
    let map = table(&chapter("architecture"), "| file |");
    let mapped = set(map.iter().map(|row| row[0].replace("`src/", "").replace(".rs`", "")));
    assert_eq!(mapped, modules);
    let doc = read("src/lib.rs");
    for module in modules.iter().filter(|module| !matches!(module.as_str(), "lib" | "main")) {
        assert!(doc.contains(&format!("//! | [`{module}`] |")), "lib.rs does not say what `{module}` is");
    }
}

fn keys(schema: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
    let none = serde_json::Map::new();
    for (name, inner) in schema["properties"].as_object().unwrap_or(&none) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        keys(inner, &path, found);
        // A key that only holds others has no line of its own.
        let holds = found
            .iter()
            .any(|key| key.starts_with(&format!("{path}.")) || key.starts_with(&format!("{path}[]")));
        if !holds || inner.get("anyOf").is_some() {
            found.insert(path);
        }
    }
    for kind in schema["anyOf"].as_array().into_iter().flatten() {
        keys(kind, path, found);
    }
    if schema["items"].is_object() {
        keys(&schema["items"], &format!("{path}[]"), found);
    }
}

#[test]
fn every_key_of_the_config_has_its_row() {
    let schema: serde_json::Value = serde_json::from_str(&read("schemas/config.schema.json")).unwrap();
    let mut known = BTreeSet::new();
    keys(&schema, "", &mut known);
    let operations = chapter("operations");
    assert_eq!(first(&operations, "| key |"), known);
    // Where the schema says a default, the table says the same one.
    let text = schema.to_string();
    for row in table(&operations, "| key |") {
        let default = between(&row[1], "`").next().unwrap_or_default();
        if row[1].starts_with('`') {
            assert!(
                text.contains(&format!("Default: `{default}`")),
                "{}: no key has the default `{default}`",
                row[0]
            );
        }
    }
}

#[test]
fn every_metric_has_its_row() {
    let code = read("src/telemetry/metrics.rs");
    let made = code.split("impl Metrics {").nth(1).unwrap().split("pub fn journal").next().unwrap();
    let more = ["ship", "endpoints", "fetch", "quota", "door"]
        .map(|part| read(&format!("src/telemetry/metrics/{part}.rs")))
        .concat();
    let made = made.to_owned() + &more;
    let quoted: Vec<&str> = between(&made, "\"").collect();
    let is_name =
        |text: &&&str| text.contains('_') && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let mut names = set(quoted.iter().filter(is_name).map(|name| format!("palisade_{name}")));
    names.insert("palisade_connections".into());
    assert!(names.len() > 15, "{names:?}");
    assert_eq!(first(&chapter("operations"), "| metric |"), names);
    let shown = palisade::telemetry::Metrics::new("1").unwrap().text();
    for line in shown.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(names.contains(name), "`{name}` is not among the names read from the source");
    }
}

#[test]
fn every_refusal_has_its_row() {
    let code = read("src/request/refusal.rs");
    let mut rows = BTreeMap::new();
    for row in code.split("row(").skip(1) {
        let mut parts = row.splitn(3, ',').map(str::trim);
        if let (Some(Ok(status)), Some(code)) = (parts.next().map(str::parse::<u16>), parts.next()) {
            rows.insert(code.trim_matches('"').to_owned(), status);
        }
    }
    let told: BTreeMap<String, u16> = table(&chapter("operations"), "| code | status |")
        .into_iter()
        .filter(|row| row.len() == 4)
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].parse().unwrap()))
        .collect();
    assert_eq!(told, rows);
    for refusal in [Refusal::NoRoute, Refusal::Denied, Refusal::AuditUnavailable, Refusal::Unredactable] {
        assert_eq!(told[refusal.row().code], refusal.row().status);
    }
}

#[test]
fn every_exit_code_endpoint_event_and_header_is_told() {
    let operations = chapter("operations");
    let cli = read("src/cli.rs");
    let exits = cli.split("pub enum Exit {").nth(1).unwrap().split("\n}").next().unwrap();
    let exits = exits.lines().filter_map(|line| line.trim().trim_end_matches(',').split_once(" = "));
    let exits: BTreeMap<String, String> = exits.map(|(name, number)| (number.into(), name.into())).collect();
    let told = table(&operations, "| exit code |").into_iter().map(|row| (row[0].clone(), row[1].clone()));
    assert_eq!(told.collect::<BTreeMap<_, _>>(), exits);

    let admin = read("src/admin.rs");
    let paths = set(between(&admin, "\"").filter(|text| text.starts_with('/') && !text.contains(' ')));
    assert_eq!(first(&operations, "| path | says |"), paths);

    let quoted = quoted(&operations);
    let events = read("src/audit/event.rs");
    let names = events.split("pub const fn name").nth(1).unwrap().split("\n    }").next().unwrap();
    for name in between(names, "\"") {
        assert!(quoted.contains(name), "the event `{name}` is not told");
    }
    let ending = read("src/request/ending.rs");
    let names = ending.split("const fn as_str").nth(1).unwrap().split("\n    }").next().unwrap();
    for name in between(names, "\"") {
        assert!(quoted.contains(name), "the ending `{name}` is not told");
    }
    let set_headers = read("src/request/forwarded.rs");
    let headers = set_headers.lines().filter(|line| line.contains(": HeaderName = HeaderName::from_static("));
    let headers = set(headers.filter_map(|line| between(line, "\"").next().map(str::to_owned)));
    assert_eq!(first(&operations, "| header | holds |"), headers);
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = read("Cargo.toml");
    let mut names = BTreeSet::new();
    for section in ["[dependencies]", "[dev-dependencies]"] {
        let section = manifest.split(section).nth(1).unwrap().split("\n[").next().unwrap();
        names.extend(
            section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.to_owned()),
        );
    }
    let decisions = chapter("decisions");
    let told = decisions.lines().filter_map(|line| line.strip_prefix("- `"));
    assert_eq!(set(told.filter_map(|line| line.split_once("`: ")).map(|(name, _)| name)), names);
}

#[test]
fn no_answer_is_long() {
    let decisions = chapter("decisions");
    for answer in decisions.split("\n### ").skip(1).filter(|answer| !answer.starts_with("What is each")) {
        let lines = answer.trim().lines().count();
        assert!(lines <= 15, "{lines} lines: {}", answer.lines().next().unwrap());
    }
}

/// The fenced blocks of a chapter with this word after the fence.
fn blocks(text: &str, kind: &str) -> Vec<String> {
    let fenced = text.split("\n```").skip(1).step_by(2);
    fenced
        .filter_map(|block| block.split_once('\n').filter(|(word, _)| *word == kind))
        .map(|(_, b)| b.into())
        .collect()
}

#[test]
fn the_policies_of_the_manual_compile_and_mean_what_it_says() {
    let text = chapter("policies");
    let one = |kind: &str| blocks(&text, kind).pop().unwrap_or_else(|| panic!("no block `{kind}`"));
    let (tenants, _) = Tenants::parse("tenants.yaml", &one("yaml tenants")).unwrap();
    let classes = Classes::parse("classes.yaml", &one("yaml classes")).unwrap();
    let model = Model::new(tenants, classes, RoutesBuilder::new().finish().unwrap());
    let source = |file: &str, text: &str| Source { file: file.into(), text: text.into(), confined_to: None };
    let sources = [
        source("manual.cedar", &blocks(&text, "cedar").join("\n")),
        source("manual.links.yaml", &one("yaml links")),
        source("baseline.cedar", &read("policies/baseline.cedar")),
    ];
    let (policies, warnings) =
        Policies::compile(&source("palisade.cedarschema", SCHEMA), &sources, &model).unwrap();
    assert_eq!(warnings, Vec::new());
    assert_eq!(policies.effective_text("careless").unwrap().trim(), one("effective careless").trim());
    let guarded = |id: &str| policies.effective_text(id).unwrap().contains("resource in principal.dataKey");
    assert!(guarded("clinicians-read") && guarded("acme-west-owner"));
    assert!(!guarded("claims-to-globex") && !guarded("baseline-suspended-caller"));
    let tests = TestFile { file: "manual_test.yaml".into(), text: one("yaml tests").into() };
    let cases = Cases::parse(&tests, 0).unwrap();
    assert_eq!(cases.check(&model, Some(&policies)), Vec::new());
    assert_eq!(cases.all.len(), 14);
}

#[test]
fn every_entity_and_action_of_the_schema_is_told() {
    let quoted = quoted(&chapter("policies"));
    let schema = read("schemas/palisade.cedarschema");
    for line in schema.lines() {
        let declared = line.strip_prefix("entity ").or_else(|| line.strip_prefix("action "));
        let Some(declared) = declared else { continue };
        let names = declared.split([';', '{', '=']).next().unwrap();
        let names = names.split(" in ").next().unwrap().split(" appliesTo").next().unwrap();
        for name in names.split(',').map(|name| name.trim().trim_matches('"')) {
            assert!(quoted.contains(name), "`{name}` is not told");
        }
    }
}

#[test]
fn every_rule_of_lint_has_its_row() {
    let rules = set(palisade::policy::lint::RULES.map(|rule| rule.code));
    assert_eq!(first(&chapter("policies"), "| rule | finds |"), rules);
}

#[test]
fn the_licence_is_there_whole() {
    let licence = read("src/manual/LICENSE.txt");
    assert!(licence.contains("Version 2.0, January 2004") && licence.contains("END OF TERMS AND CONDITIONS"));
    assert!(read("Cargo.toml").contains("license = \"Apache-2.0\""));
}
