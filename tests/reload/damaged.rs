//! Policy files with random damage: what is accepted, Cedar's own parser and validator accept too, and it is guarded.
//!
//! Cedar is asked by its public API, on the text alone: nothing of how Palisade reads a file takes part in that.
//! `MUTATED_FILES=10000` tries so many; a run is told by its number, so that one that fails can be made again.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::PolicySet;
use cedar_policy::Schema;
use cedar_policy::ValidationMode;
use cedar_policy::Validator;
use palisade::config::Config;
use palisade::policy::Alone;
use palisade::reload;
use palisade::snapshot::Checked;
use palisade::snapshot::Draft;
use palisade::snapshot::Role;
use palisade::snapshot::Settings;
use palisade::snapshot::SourceFile;

use super::damage::Damage;

/// What Palisade refuses though Cedar takes it: each is a rule of its own.
const OURS: &[&str] = &[
    "bad-mask",
    "bad-mode",
    "bad-policy-id",
    "mask-permits",
    "pathway-forbids",
    "pathway-open",
    "pathway-unnamed",
    "policy-id-twice",
    "policy-too-deep",
    "policy-too-long",
    "policy-without-id",
    "unknown-class",
    "unknown-data-key",
    "unknown-template",
    "unknown-tenant",
    "policy-type",
];

fn clinic() -> (Checked, Arc<Settings>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/clinic/config/palisade.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let config = Config::read(&file.to_string_lossy(), &text, &[], &|_| None).unwrap().0;
    let (_, checked) = reload::first(&config.files, &config.settings);
    (checked.unwrap(), config.settings)
}

#[test]
fn no_damaged_file_is_wrongly_accepted() {
    // Cedar's parser is given what Palisade would not give it, so it gets a stack to match.
    let all = || {
        let count = std::env::var("MUTATED_FILES").map_or(600, |count| count.parse().unwrap());
        let (checked, settings) = clinic();
        let schema =
            checked.snapshot().sources().files().iter().find(|file| file.role == Role::Schema).unwrap();
        let (schema, _) = Schema::from_cedarschema_str(&schema.text).unwrap();
        let validator = Validator::new(schema);
        let policies = |file: &&SourceFile| matches!(file.role, Role::Policies { .. });
        let files: Vec<&SourceFile> = checked.snapshot().sources().files().iter().filter(policies).collect();
        let (mut accepted, mut refused, mut theirs) = (0, 0, 0);
        for run in 0..count {
            let mut damage = Damage::new(run);
            let file = files[damage.below(files.len())];
            let other = files[damage.below(files.len())];
            let text = damage.of(&file.text, &other.text);
            let cedar = PolicySet::from_str(&text).ok();
            let cedar =
                cedar.filter(|set| validator.validate(set, ValidationMode::Strict).validation_passed());
            theirs += usize::from(cedar.is_some());
            let sources = checked.snapshot().sources().edited(&file.file, 0..file.text.len(), &text).unwrap();
            let draft = Draft { sources, settings: Arc::clone(&settings), problems: Vec::new() };
            match draft.check_after(Some(checked.snapshot()), &Alone, 0) {
                Ok(next) => {
                    let set = cedar.unwrap_or_else(|| stop(run, "Cedar does not take", &text));
                    guarded(run, &set, &next, &text);
                    accepted += 1;
                }
                Err(problems) => {
                    let errors =
                        problems.iter().filter(|one| one.severity == palisade::problem::Severity::Error);
                    let codes: Vec<_> = errors.map(|one| one.code).collect();
                    let ours = codes.iter().any(|code| OURS.contains(code));
                    assert!(cedar.is_none() || ours, "run {run}: refused for {codes:?} alone:\n{text}");
                    refused += 1;
                }
            }
        }
        eprintln!("{count} damaged files: {accepted} accepted, {refused} refused; Cedar takes {theirs}");
        assert!(accepted * 20 > count && refused * 4 > count, "the damage is not what it was meant to be");
    };
    std::thread::Builder::new().stack_size(256 << 20).spawn(all).unwrap().join().unwrap();
}

/// Every policy of the text is among those that were accepted, with the guard that belongs to it.
fn guarded(run: u64, set: &PolicySet, next: &Checked, text: &str) {
    let policies = next.snapshot().policies();
    for policy in set.policies() {
        let id = policy.annotation("id").unwrap_or_else(|| stop(run, "a policy without id in", text));
        let is_shadow = policy.annotation("mode") == Some("shadow");
        let effective = policies.effective_text(id);
        let effective = if is_shadow {
            assert!(effective.is_none(), "run {run}: `{id}` is enforced:\n{text}");
            continue;
        } else {
            effective.unwrap_or_else(|| stop(run, "a policy is missing of", text))
        };
        let is_permit = policy.effect() == cedar_policy::Effect::Permit;
        if is_permit && policy.annotation("pathway").is_none() {
            assert!(
                effective.contains("resource in principal.dataKey")
                    || effective.contains("(principal[\"dataKey\"])"),
                "run {run}: no guard in\n{effective}"
            );
        }
    }
}

fn stop<T>(run: u64, what: &str, text: &str) -> T {
    panic!("run {run}: {what}\n{text}")
}
