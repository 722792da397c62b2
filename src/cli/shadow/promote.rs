//! `palisade shadow promote` and `rollback`: what is enforced, replaced by what was only looked at, and back.
//!
//! Never: puts in place what has not been checked whole, or anything but what was checked.

use std::io;
use std::path::Path;

use serde_json::json;

use crate::cli::Exit;
use crate::cli::Global;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::check;
use crate::cli::check::Ready;
use crate::cli::check::Texts;
use crate::cli::diff::report as told;
use crate::cli::formats;
use crate::cli::load;
use crate::cli::out::BOLD;
use crate::cli::out::GOOD;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::report::printable;
use crate::compare::text;
use crate::config::Config;
use crate::config::Files;
use crate::problem::Problem;
use crate::reload;
use crate::reload::Candidate;
use crate::snapshot::Snapshot;
use crate::snapshot::Sources;

use super::Change;
use super::replace::Place;
use super::replace::Turn;

pub(super) fn promote(
    global: &Global,
    change: Change,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let loaded = load(global, world);
    // From before anything is read, so that what is told is what was done.
    let turn = match &loaded.config {
        Ok((config, _)) if !change.dry_run => take_turn(config)?,
        Ok(_) | Err(_) => None,
    };
    let Some(Ready { config, checked, .. }) = check::ready_of(global, loaded, out) else {
        return Ok(Exit::Invalid);
    };
    let Some(folder) = &config.files.candidate else {
        out.error("no candidate is configured: name its folder in `shadow.policies`, or with `--set shadow.policies=FOLDER`");
        return Ok(Exit::Usage);
    };
    let candidate = reload::read_candidate(&config.files, folder);
    if !candidate.is_there() {
        out.error(&format!("there is no candidate: `{}` has no policies", folder.display()));
        return Ok(Exit::Usage);
    }
    let enforced = checked.snapshot();
    let next = match enforced.with_policies(&candidate.files) {
        Ok(next) if candidate.problems.is_empty() => next,
        found => {
            let mut problems = candidate.problems.clone();
            problems.extend(found.err().into_iter().flatten());
            tell(global, &problems, &Sources::new(candidate.files, Vec::new()), out);
            out.error("the candidate is invalid; nothing was changed");
            return Ok(Exit::Invalid);
        }
    };
    if next.digest() == enforced.digest() {
        return Ok(done(global, "nothing", enforced, enforced, &config, folder, out));
    }
    if change.dry_run {
        return Ok(done(global, "would promote", enforced, &next, &config, folder, out));
    }
    let policies = enforced_folder(&config)?.display();
    let turn = turn.ok_or_else(|| format!("`{policies}` was not there a moment ago"))?;
    let ready = turn
        .make_ready(folder)
        .map_err(|error| format!("`{}` cannot be copied: {error}", folder.display()))?;
    // What is put in place is what was checked, whoever wrote to the folder meanwhile.
    if !is_as(&reload::read_candidate(&config.files, ready), &candidate) {
        turn.give_up();
        return Err("the candidate was changed while it was copied; nothing was changed".to_owned());
    }
    let left = turn.put_in_place().map_err(|error| not_replaced(policies, &error))?;
    warn(left.as_deref(), out);
    Ok(done(global, "promoted", enforced, &next, &config, folder, out))
}

pub(super) fn rollback(
    global: &Global,
    change: Change,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let loaded = load(global, world);
    let config = match loaded.config {
        Ok((config, _)) => config,
        Err(problems) => {
            check::pretty(global, &problems, &loaded.text, None, |text| out.aside(text));
            return Ok(Exit::Invalid);
        }
    };
    let policies = enforced_folder(&config)?;
    let failed = |error: io::Error| not_replaced(policies.display(), &error);
    let place = Place::of(policies).map_err(failed)?;
    let kept_at = place.before.clone();
    // From before anything is read, so that what comes back is what was checked.
    let turn = if change.dry_run { None } else { Some(place.take_turn().map_err(failed)?) };
    if !kept_at.is_dir() {
        out.error(&format!("there is nothing to take back: `{}` is not there", kept_at.display()));
        return Ok(Exit::Usage);
    }
    // What is enforced may be broken: taking it back is then what helps. What comes back must be whole.
    let kept = reload::read_candidate(&config.files, &kept_at);
    let files = Files { policies: Some(kept_at.clone()), ..config.files.clone() };
    let (reading, checked) = reload::first(&files, &config.settings);
    let checked = match checked {
        Ok(checked) => checked,
        Err(problems) => {
            tell(global, &problems, &reading.sources, out);
            out.error("what is kept is invalid; nothing was changed");
            return Ok(Exit::Invalid);
        }
    };
    let back = checked
        .snapshot()
        .with_policies(&kept.files)
        .map_err(|_| "what is kept cannot be read".to_owned())?;
    let now = reload::first(&config.files, &config.settings).1.ok();
    let enforced = now.as_ref().map_or(&back, |checked| checked.snapshot());
    let Some(turn) = turn else {
        return Ok(done(global, "would roll back", enforced, &back, &config, &kept_at, out));
    };
    let left = turn.take_back().map_err(failed)?;
    warn(left.as_deref(), out);
    Ok(done(global, "rolled back", enforced, &back, &config, &kept_at, out))
}

/// Takes the turn to replace what is enforced. `None` where it is not there, which the check tells.
fn take_turn(config: &Config) -> Result<Option<Turn>, String> {
    let policies = enforced_folder(config)?;
    match Place::of(policies) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        place => place
            .and_then(Place::take_turn)
            .map(Some)
            .map_err(|error| not_replaced(policies.display(), &error)),
    }
}

fn not_replaced(policies: std::path::Display<'_>, error: &io::Error) -> String {
    format!("`{policies}` cannot be replaced: {error}")
}

/// Tells what went wrong once the thing itself was done.
fn warn(left: Option<&str>, out: &mut Out) {
    if let Some(left) = left {
        out.aside(&format!("{}: {left}", paint(WARN, "warning")));
    }
}

/// The folder that is enforced.
fn enforced_folder(config: &Config) -> Result<&Path, String> {
    let folder = config.files.policies.as_deref();
    folder.ok_or_else(|| "a bundle brings the policies: publish the candidate as its next version".to_owned())
}

/// Are these the same policies?
fn is_as(one: &Candidate, other: &Candidate) -> bool {
    let same = |(a, b): (&crate::snapshot::SourceFile, &crate::snapshot::SourceFile)| {
        a.role == b.role && a.name == b.name && a.text == b.text
    };
    one.problems.is_empty()
        && one.files.len() == other.files.len()
        && one.files.iter().zip(&other.files).all(same)
}

fn tell(global: &Global, problems: &[Problem], sources: &Sources, out: &mut Out) {
    let texts = Texts { config: "", sources: Some(sources), tests: &[] };
    check::pretty_in(global, problems, &texts, |text| out.aside(text));
}

/// Says what was done, and what it changes.
fn done(
    global: &Global,
    what: &str,
    enforced: &Snapshot,
    next: &Snapshot,
    config: &Config,
    from: &Path,
    out: &mut Out,
) -> Exit {
    let changes = text::changes(&enforced.sources().policies(), &next.sources().policies());
    let enforced_policies = config.files.policies.as_deref().unwrap_or(from);
    let folders = [enforced_policies, from];
    let digests = [enforced, next].map(|snapshot| snapshot.digest().to_string());
    let [before, after] = &digests;
    if global.output.is_json() {
        let all = json!({
            "done": what,
            "before": before,
            "after": after,
            "policies": told::policies_json(&changes, folders),
        });
        out.raw(formats::pretty(&all).as_bytes());
        return Exit::Ok;
    }
    if what == "nothing" {
        out.line("the candidate is what is enforced: there is nothing to promote");
        return Exit::Ok;
    }
    told::policies(&changes, folders, out);
    out.line(&format!(
        "{} {before} -> {after}",
        paint(if what.starts_with("would") { BOLD } else { GOOD }, what)
    ));
    let policies = printable(&enforced_policies.to_string_lossy());
    out.line(&match what {
        "promoted" => format!(
            "`{policies}` is now what the candidate is; a running Palisade takes it up by itself. `palisade shadow rollback` takes it back"
        ),
        "rolled back" => format!(
            "`{policies}` is now what it was; a running Palisade takes it up by itself. `palisade shadow rollback` takes that back"
        ),
        _ => "nothing was changed".to_owned(),
    });
    Exit::Ok
}
