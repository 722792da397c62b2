//! `palisade lint`: what is worth a second look in policies that are valid.
//!
//! Never: changes a file, or keeps quiet about a rule that could not look.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use serde_json::json;

use crate::cases::TestFile;
use crate::config::Config;
use crate::policy::lint;
use crate::policy::lint::Looked;
use crate::policy::lint::RULES;
use crate::problem::Problem;
use crate::problem::Severity;
use crate::problem::nearest;
use crate::reload;
use crate::snapshot::Snapshot;

use super::Exit;
use super::Global;
use super::Out;
use super::Output;
use super::World;
use super::check;
use super::check::Ready;
use super::formats;
use super::out::BOLD;
use super::out::paint;

mod tested;

use tested::Tested;

pub(super) const AFTER: &str = "\
Examples:
  palisade lint
  palisade lint --deny warnings               end with 5 when anything is found
  palisade lint --deny pathway-endless        end with 5 when this rule finds something
  palisade lint --skip unused-class
  palisade lint -o sarif > lint.sarif         for a code scanner
  palisade lint --rules                       every rule, and what it finds

A finding that is meant is allowed in the policy, with a reason: @lint_allow(\"wide-permit: because …\")

Exit codes: 0; 3 when an error is found or the configuration is invalid; with --deny 5 when what it names is found.";

/// The word that stands for every warning in `--deny`.
const WARNINGS: &str = "warnings";

/// What `lint` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// End with 5 when this is found: `warnings`, or the code of a rule. May be repeated.
    #[arg(long, value_name = "WHAT", value_parser = denied)]
    deny: Vec<String>,
    /// Leave a rule out. May be repeated.
    #[arg(long, value_name = "RULE", value_parser = rule)]
    skip: Vec<String>,
    /// Print every rule and what it finds.
    #[arg(long)]
    rules: bool,
}

fn rule(text: &str) -> Result<String, String> {
    let codes = || RULES.iter().map(|rule| rule.code);
    if codes().any(|code| code == text) {
        return Ok(text.to_owned());
    }
    let near = nearest(text, codes()).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    Err(format!("there is no such rule{near}"))
}

fn denied(text: &str) -> Result<String, String> {
    if text == WARNINGS { Ok(text.to_owned()) } else { rule(text) }
}

/// Everybody whose roles are known, and where they were found.
#[derive(Debug, Default)]
struct Holders {
    /// `None`: there may be others.
    roles: Option<BTreeSet<String>>,
    from: String,
    /// Why there is no answer.
    unknown: Option<String>,
}

pub(super) fn lint(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    if arguments.rules {
        rules(global, out);
        return Ok(Exit::Ok);
    }
    let Some(Ready { config, reading, checked, .. }) = check::ready(global, world, out) else {
        return Ok(Exit::Invalid);
    };
    let snapshot = checked.snapshot();
    let (files, _) = reload::read_tests(&config.files, &[]);
    let Findings { problems, tests, roles_from, aside } =
        find(&config, snapshot, &files, check::now_ms(), &arguments.skip);
    let sources = snapshot.sources().policies().len();
    let found = json!({
        "digest": snapshot.digest().to_string(),
        "policies": snapshot.policies().len(),
        "files": sources,
        "roles_from": roles_from,
        "tests": tests,
        "not_looked_at": aside,
    });
    match global.output {
        Output::Json => out.raw(formats::json(&problems, &found).as_bytes()),
        Output::Sarif => out.raw(formats::sarif(&problems, &finds).as_bytes()),
        Output::Github => out.raw(formats::github(&problems).as_bytes()),
        Output::Pretty | Output::Yaml | Output::Junit | Output::Mermaid | Output::Dot | Output::Svg => {
            check::pretty(global, &problems, "", Some(&reading.sources), |text| out.line(text));
            if problems.is_empty() {
                let policies = snapshot.policies().len();
                out.line(&format!("nothing found in {policies} policies of {sources} files"));
            }
            aside.iter().for_each(|why| out.aside(&format!("note: {why}")));
        }
    }
    Ok(exit(&problems, &arguments.deny))
}

/// What the rules found, and what they did not look at.
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    tests: usize,
    roles_from: String,
    aside: Vec<String>,
}

/// Lets every rule look that is not left out.
pub(super) fn find(
    config: &Config,
    snapshot: &Snapshot,
    files: &[TestFile],
    now_ms: u64,
    left_out: &[String],
) -> Findings {
    let tested = tested::read(config, snapshot, files, now_ms);
    let holders = holders(snapshot, &tested);
    let looked = Looked {
        now_ms,
        roles: holders.roles.as_ref(),
        roles_from: &holders.from,
        tested: Some(&tested.policies).filter(|_| tested.tests > 0),
        left_out,
    };
    let sources = snapshot.sources().policies();
    let problems = lint::lint(snapshot.policies(), &sources, snapshot.model(), &looked);
    let mut aside: Vec<String> =
        left_out.iter().map(|code| format!("`{code}` was left out, as asked")).collect();
    aside.extend(holders.unknown);
    if tested.tests == 0 {
        aside.push(
            "`untested` was left out: there are no tests (`*_test.yaml` beside the policies)".to_owned(),
        );
    }
    Findings { problems, tests: tested.tests, roles_from: holders.from, aside }
}

fn exit(problems: &[Problem], deny: &[String]) -> Exit {
    let is_denied = |problem: &Problem| {
        deny.iter()
            .any(|what| what == problem.code || (what == WARNINGS && problem.severity == Severity::Warning))
    };
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        Exit::Invalid
    } else if problems.iter().any(is_denied) {
        Exit::Threshold
    } else {
        Exit::Ok
    }
}

/// Whose roles are known. Tokens may bring any, so where they are taken API keys alone say nothing; the principals of
/// tests stand for those that their authors know.
fn holders(snapshot: &Snapshot, tested: &Tested) -> Holders {
    let keyring = snapshot.keyring();
    let mut roles = tested.roles.clone();
    let mut keys = 0_usize;
    for principal in keyring.api_key_principals() {
        keys += 1;
        roles.extend(principal.roles.iter().map(ToString::to_string));
    }
    let several = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let from =
        format!("{} and the principals of {}", several(keys, "API key"), several(tested.tests, "test"));
    let issuers = keyring.issuers().len();
    if issuers > 0 && tested.roles.is_empty() {
        let why = format!(
            "`unheld-role` was left out: tokens of {} may bring any role, and no test has a principal with one",
            several(issuers, "issuer")
        );
        return Holders { roles: None, from, unknown: Some(why) };
    }
    Holders { roles: Some(roles), from, unknown: None }
}

fn finds(code: &str) -> Option<&'static str> {
    RULES.iter().find(|rule| rule.code == code).map(|rule| rule.finds)
}

fn rules(global: &Global, out: &mut Out) {
    let word = |severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    if global.output == Output::Json {
        let all: Vec<Json> = RULES
            .iter()
            .map(|rule| json!({ "code": rule.code, "severity": word(rule.severity), "finds": rule.finds }))
            .collect();
        return out.raw(formats::pretty(&json!({ "rules": all })).as_bytes());
    }
    for rule in &RULES {
        let code = format!("{:<24}", rule.code);
        out.line(&format!("{} {:<8} {}", paint(BOLD, code), word(rule.severity), rule.finds));
    }
}
