//! `palisade fmt`: policies in Cedar's own layout.
//!
//! Never: writes a file that would say anything else than before, or half of one.

use std::path::Path;
use std::path::PathBuf;

use serde_json::Value as Json;
use serde_json::json;

use crate::limits;
use crate::policy;
use crate::policy::format;
use crate::problem::Problem;
use crate::problem::Severity;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::check;
use super::difference;
use super::files;
use super::formats;
use super::load;
use super::report;

pub(super) const AFTER: &str = "\
Examples:
  palisade fmt                        every policy of the configuration
  palisade fmt --check                change nothing; show what would change and end with 5
  palisade fmt policies/roles.cedar policies/tenants
  palisade fmt - < draft.cedar        from the standard input to the standard output

Comments and annotations stay. A policy that cannot be laid out without losing one is left as it is, and named.

Exit codes: 0; with --check 5 when something would change; 3 when a file cannot be parsed.";

/// What `fmt` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// Files, and folders with all below them; `-`: the standard input. Default: the policies of the configuration.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Change nothing; end with 5 when something would change.
    #[arg(long)]
    check: bool,
    /// How wide a line may be.
    #[arg(long, value_name = "CHARACTERS", default_value_t = format::WIDTH, value_parser = width)]
    width: usize,
}

fn width(text: &str) -> Result<usize, String> {
    let width = text.parse().ok().filter(|width| limits::FORMAT_WIDTHS.contains(width));
    width.ok_or_else(|| {
        format!("write a number from {} to {}", limits::FORMAT_WIDTHS.start(), limits::FORMAT_WIDTHS.end())
    })
}

/// What became of one file.
struct Done {
    file: String,
    before: String,
    after: String,
    problems: Vec<Problem>,
}

pub(super) fn fmt(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    if arguments.paths == [Path::new("-")] {
        return stdin(global, arguments, out);
    }
    let mut paths = arguments.paths.clone();
    if paths.is_empty() {
        let loaded = load(global, world);
        match loaded.config {
            Ok((config, _)) => paths.extend(config.files.policies),
            Err(problems) => {
                check::pretty(global, &problems, &loaded.text, None, |text| out.aside(text));
                return Ok(Exit::Invalid);
            }
        }
    }
    let found = files::policies(&paths).map_err(|why| format!("{why}; name files or folders of policies"))?;
    let mut all = Vec::with_capacity(found.len());
    for path in &found {
        let before = files::text(path)?;
        let done = lay_out(&path.to_string_lossy(), before, arguments.width);
        if done.after != done.before && !arguments.check {
            files::replace(path, &done.after)
                .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))?;
        }
        all.push(done);
    }
    if global.output.is_json() {
        out.raw(formats::pretty(&as_json(&all)).as_bytes());
    } else {
        pretty(&all, arguments.check, out);
    }
    Ok(exit(&all, arguments.check))
}

fn stdin(global: &Global, arguments: &Arguments, out: &mut Out) -> Result<Exit, String> {
    let text = files::bounded(std::io::stdin().lock())
        .map_err(|error| format!("the standard input cannot be read: {error}"))?;
    let done = [lay_out("<stdin>", text, arguments.width)];
    let exit = exit(&done, arguments.check);
    for Done { before, after, problems, .. } in &done {
        for problem in problems {
            out.aside(&report::problem(problem, &|_| Some(before.clone())));
        }
        if global.output.is_json() {
            out.raw(formats::pretty(&as_json(&done)).as_bytes());
        } else {
            out.raw(after.as_bytes());
        }
    }
    Ok(exit)
}

fn lay_out(file: &str, text: String, width: usize) -> Done {
    let source = policy::Source { file: file.into(), text: text.as_str().into(), confined_to: None };
    let (after, problems) = match format::format(&source, width) {
        Ok(formatted) => (formatted.text, formatted.left),
        Err(problems) => (text.clone(), problems),
    };
    Done { file: file.to_owned(), before: text, after, problems }
}

fn exit(all: &[Done], check: bool) -> Exit {
    let failed = |done: &Done| done.problems.iter().any(|problem| problem.severity == Severity::Error);
    if all.iter().any(failed) {
        Exit::Invalid
    } else if check && all.iter().any(|done| done.before != done.after) {
        Exit::Threshold
    } else {
        Exit::Ok
    }
}

fn diff(done: &Done) -> String {
    let after = format!("{} (formatted)", done.file);
    difference::unified((&done.file, &after), &done.before, &done.after)
}

fn as_json(all: &[Done]) -> Json {
    let changed: Vec<Json> = all
        .iter()
        .filter(|done| done.before != done.after)
        .map(|done| json!({ "file": done.file, "diff": diff(done) }))
        .collect();
    let problems: Vec<&Problem> = all.iter().flat_map(|done| &done.problems).collect();
    json!({ "files": all.len(), "changed": changed, "problems": problems })
}

fn pretty(all: &[Done], check: bool, out: &mut Out) {
    let mut changed = 0_usize;
    for done in all {
        if done.before != done.after {
            changed += 1;
            if check {
                out.line(&difference::painted(&diff(done)));
            } else {
                out.line(&report::printable(&done.file));
            }
        }
        for problem in &done.problems {
            out.aside(&report::problem(problem, &|_| Some(done.before.clone())));
        }
    }
    let word = if check { "would change" } else { "changed" };
    out.aside(&format!("{changed} of {} files {word}", all.len()));
}
