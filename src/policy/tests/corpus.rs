//! Cedar's own corpus of random schemas, policies, entities and requests, through our evaluation.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use cedar_policy::EntityUid;
use cedar_policy::Schema;
use cedar_policy_core::ast::EntityUIDEntry;
use cedar_policy_core::ast::Request;
use cedar_policy_core::ast::Template;
use cedar_policy_core::entities::Dereference;

use crate::policy::engine::Rule;
use crate::policy::engine::context::Functions;
use crate::policy::engine::evaluate;

/// Of nearly 4,000 tests, every second.
const STEP: usize = 2;

#[derive(serde::Deserialize)]
struct Case {
    requests: Vec<Asked>,
}

#[derive(serde::Deserialize)]
struct Asked {
    principal: serde_json::Value,
    action: serde_json::Value,
    resource: serde_json::Value,
    context: serde_json::Value,
    decision: String,
    reason: Vec<String>,
    errors: Vec<String>,
}

pub(super) fn unpacked() -> Option<tempfile::TempDir> {
    let data = std::env::var_os("PALISADE_DATA").map(PathBuf::from);
    let data = data.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let archive = data.join("cedar/corpus-tests.tar.gz");
    if !archive.exists() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let done =
        std::process::Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(folder.path()).status();
    done.ok()?.success().then_some(folder)
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn the_corpus_of_cedar_has_the_reasons_and_errors_that_it_says() {
    let Some(folder) = unpacked() else {
        std::io::stderr()
            .write_all(b"SKIPPED: no corpus; set PALISADE_DATA to a folder with cedar/corpus-tests.tar.gz\n")
            .unwrap();
        return;
    };
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".cedar").map(str::to_owned))
        .collect();
    names.sort();
    let (mut tests, mut requests, mut allowed, mut erred) = (0, 0, 0, 0);
    for name in names.iter().step_by(STEP) {
        let case: Case = serde_json::from_str(&read(folder.path(), &format!("{name}.json"))).unwrap();
        let (schema, _) =
            Schema::from_cedarschema_str(&read(folder.path(), &format!("{name}.cedarschema"))).unwrap();
        let entities = read(folder.path(), &format!("{name}.entities.json"));
        let entities = cedar_policy::Entities::from_json_str(&entities, Some(&schema)).unwrap();
        let set = cedar_policy_core::parser::parse_policyset(&read(folder.path(), &format!("{name}.cedar")))
            .unwrap();
        let templates: Vec<&Template> = set.all_templates().filter(|one| one.is_static()).collect();
        let functions = Functions::new().unwrap();
        let rules: Vec<Rule> = templates.iter().map(|one| Rule::of(one, &functions, &[])).collect();
        tests += 1;
        for asked in &case.requests {
            let (decision, reasons, errors) = ours(asked, &schema, &entities, &templates, &rules);
            let said = |names: &[String]| {
                let mut names = names.to_vec();
                names.sort();
                names
            };
            assert_eq!((reasons, errors), (said(&asked.reason), said(&asked.errors)), "{name}");
            assert_eq!(decision, asked.decision == "allow", "{name}");
            requests += 1;
            allowed += usize::from(decision);
            erred += usize::from(!asked.errors.is_empty());
        }
    }
    eprintln!("{tests} tests, {requests} requests, {allowed} allowed, {erred} with errors");
    assert!(tests >= 300 && allowed > 0 && erred > 0);
}

/// Decision, reasons and errors as Cedar means them: a policy that errs is skipped.
fn ours(
    asked: &Asked,
    schema: &Schema,
    entities: &cedar_policy::Entities,
    templates: &[&Template],
    rules: &[Rule],
) -> (bool, Vec<String>, Vec<String>) {
    let uid = |json: &serde_json::Value| {
        let uid = EntityUid::from_json(serde_json::json!({ "__entity": json })).unwrap();
        let uid: &cedar_policy_core::ast::EntityUID = uid.as_ref();
        uid.clone()
    };
    let (principal, action, resource) = (uid(&asked.principal), uid(&asked.action), uid(&asked.resource));
    let public = EntityUid::from_json(serde_json::json!({ "__entity": asked.action })).unwrap();
    let context =
        cedar_policy::Context::from_json_value(asked.context.clone(), Some((schema, &public))).unwrap();
    let context: &cedar_policy_core::ast::Context = context.as_ref();
    let entities: &cedar_policy_core::entities::Entities = entities.as_ref();
    let known = |uid| EntityUIDEntry::known(uid, None);
    let applying: Vec<(u32, &Rule)> = match entities.entity(&action) {
        Dereference::Data(action) => (0..).zip(rules).filter(|(_, rule)| rule.applies_to(action)).collect(),
        other @ (Dereference::NoSuchEntity | Dereference::Residual(_)) => {
            panic!("no action in the entities: {other:?}")
        }
    };
    let request =
        Request::new_unchecked(known(principal), known(action), known(resource), Some(context.clone()));
    let outcome = evaluate(request, entities, applying.into_iter());
    let allowed = outcome.forbids.is_empty() && !outcome.permits.is_empty();
    let named = |numbers: &[u32]| {
        let mut names: Vec<String> =
            numbers.iter().map(|at| templates[usize::try_from(*at).unwrap()].id().to_string()).collect();
        names.sort();
        names
    };
    let reasons = if allowed { &outcome.permits } else { &outcome.forbids };
    (allowed, named(reasons), named(&outcome.errors))
}
