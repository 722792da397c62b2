//! `palisade key`: make, list and revoke API keys.
//!
//! Only the SHA-256 of a secret is written, and it is written beside the file and then renamed, so that a Palisade that is
//! watching never reads half of it.
//! Never: prints a secret a second time, writes one down, or edits a file whose edit does not read back as it was meant.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use crate::file;
use crate::identity;
use crate::identity::ApiKeyEntry;
use crate::limits;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::check::now_ms;
use super::formats;
use super::load;
use super::out::BOLD;
use super::out::paint;
use super::report::printable;

mod edit;
mod make;
mod place;

use place::Place;

pub(super) const AFTER: &str = "\
Examples:
  palisade key new --principal billing --tenant acme --role clerk --expires 90d
  KEY=$(palisade key new --like old-id)      rotate: a second key for the same principal; both are good
  palisade key list                          a table; JSON where it is piped
  palisade key revoke old-id                 once nobody uses it any more

The file is the configuration's `identity.api_keys_file`, or `--file`. A running Palisade takes an edit up by itself.
Exit codes: 0 ok, 1 it could not be read or written, 2 there is no such key or file, 3 the configuration or file is not good.";

/// What `key` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    /// The file of API keys; without it, the one of the configuration.
    #[arg(long, global = true, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Verb {
    /// Make a key: it is printed this once, and only the hash of its secret is written.
    #[command(
        after_help = "Example:\n  palisade key new --principal dana --kind user --tenant acme --role clinician --expires 2027-06-30"
    )]
    New(Box<make::New>),
    /// List the keys, without their secrets.
    #[command(after_help = "Example:\n  palisade key list -o json")]
    List,
    /// Take a key away.
    #[command(after_help = "Example:\n  palisade key revoke old-id")]
    Revoke(Revoke),
}

#[derive(Debug, Clone, clap::Args)]
struct Revoke {
    /// The key's id: what stands before the dot.
    #[arg(value_name = "ID")]
    id: String,
}

pub(super) fn key(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let path = match file_of(global, arguments, world) {
        Ok(path) => path,
        Err((exit, why)) => {
            out.error(&why);
            return Ok(exit);
        }
    };
    match &arguments.verb {
        Verb::New(new) => make::new(global, new, &Place::at(path), out),
        Verb::List => list(global, &path, out),
        Verb::Revoke(revoked) => revoke(global, revoked, &Place::at(path), out),
    }
}

fn file_of(global: &Global, arguments: &Arguments, world: &World<'_>) -> Result<PathBuf, (Exit, String)> {
    if let Some(file) = &arguments.file {
        return Ok(file.clone());
    }
    let config = global.config.display();
    match load(global, world).config {
        Ok((config, _)) if config.files.api_keys.is_some() => Ok(config.files.api_keys.unwrap_or_default()),
        Ok(_) => Err((
            Exit::Usage,
            format!("`{config}` names no `identity.api_keys_file`: name a file with `--file`"),
        )),
        Err(problems) => {
            let first = problems.first().map_or("", |problem| &*problem.message);
            Err((Exit::Invalid, format!("`{config}`: {first}; find every problem with `palisade check`")))
        }
    }
}

/// Everything in the file; told, where something is wrong with it.
fn entries(path: &std::path::Path, text: &str, out: &mut Out) -> Result<Vec<ApiKeyEntry>, Exit> {
    identity::api_key_entries(&path.to_string_lossy(), text).map_err(|problems| {
        for problem in problems {
            let place = &problem.place;
            out.error(&format!("{}:{}:{}: {}", place.file, place.line, place.column, problem.message));
        }
        Exit::Invalid
    })
}

fn list(global: &Global, path: &std::path::Path, out: &mut Out) -> Result<Exit, String> {
    let text = file::text(path, limits::API_KEYS_BYTES_MAX)
        .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    let entries = match entries(path, &text, out) {
        Ok(entries) => entries,
        Err(exit) => return Ok(exit),
    };
    let now = now_ms() / 1_000;
    let is_table =
        if global.output_is_said { !global.output.is_json() } else { std::io::stdout().is_terminal() };
    if !is_table {
        let keys: Vec<_> = entries.iter().map(|key| shown(key, now)).collect();
        out.raw(formats::pretty(&json!({ "file": path.display().to_string(), "keys": keys })).as_bytes());
        return Ok(Exit::Ok);
    }
    let mut rows =
        vec![["ID", "STATE", "EXPIRES", "KIND", "TENANT", "PRINCIPAL", "ROLES"].map(str::to_owned)];
    for key in &entries {
        let of = &key.principal;
        rows.push([
            key.id.to_string(),
            state(key, now).replace('_', " "),
            time(key.expires).unwrap_or_else(|| "never".to_owned()),
            of.kind.as_str().to_ascii_lowercase(),
            of.tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
            printable(&of.id),
            printable(&of.roles.join(",")),
        ]);
    }
    for (at, row) in rows.iter().enumerate() {
        let wide = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let pad = wide(column).saturating_sub(cell.chars().count());
            format!("{cell}{}", " ".repeat(pad))
        });
        let line = cells.collect::<Vec<_>>().join("  ").trim_end().to_owned();
        out.line(&if at == 0 { paint(BOLD, line) } else { line });
    }
    Ok(Exit::Ok)
}

/// One key as JSON: everything but its secret.
fn shown(key: &ApiKeyEntry, now: u64) -> serde_json::Value {
    let of = &key.principal;
    json!({
        "id": key.id, "state": state(key, now), "kind": of.kind.as_str().to_ascii_lowercase(),
        "principal": of.id, "tenant": of.tenant.as_ref().map(ToString::to_string),
        "roles": of.roles, "groups": of.groups, "scopes": of.scopes,
        "not_before": (key.from > 0).then(|| time(key.from)), "expires": time(key.expires), "line": key.line,
    })
}

fn state(key: &ApiKeyEntry, now: u64) -> &'static str {
    match key {
        _ if now >= key.expires => "expired",
        _ if now < key.from => "not_yet",
        _ if key.expires <= now.saturating_add(limits::API_KEY_WARNING_SECONDS) => "expires_soon",
        _ => "good",
    }
}

/// A second since 1970 as text; `None` where it is never.
fn time(second: u64) -> Option<String> {
    let second = i64::try_from(second).ok().filter(|second| *second != i64::MAX)?;
    Timestamp::from_second(second).ok().map(|time| time.to_string())
}

fn revoke(global: &Global, revoked: &Revoke, place: &Place, out: &mut Out) -> Result<Exit, String> {
    let id = revoked.id.as_str();
    let writing = place.begin()?;
    let Some(text) = writing.text()? else {
        out.error(&format!("there is no file `{}`", place.path().display()));
        return Ok(Exit::Usage);
    };
    let before = match entries(place.path(), &text, out) {
        Ok(before) => before,
        Err(exit) => return Ok(exit),
    };
    let Some(key) = before.iter().find(|key| &*key.id == id) else {
        out.error(&format!("`{}` has no key `{}`", place.path().display(), printable(id)));
        return Ok(Exit::Usage);
    };
    let after = edit::removed(&text, key.line).filter(|after| is_meant(&before, &text, after, id));
    let Some(after) = after else {
        out.error(&format!(
            "`{}` is laid out so that it is not edited here: take out the key at line {} by hand",
            place.path().display(),
            key.line
        ));
        return Ok(Exit::Invalid);
    };
    writing.write(&after)?;
    if global.output.is_json() && global.output_is_said {
        let said =
            json!({ "revoked": id, "file": place.path().display().to_string(), "left": before.len() - 1 });
        out.raw(formats::pretty(&said).as_bytes());
    } else {
        out.line(&format!("revoked {id}; {} left in {}", before.len() - 1, place.path().display()));
    }
    Ok(Exit::Ok)
}

/// Says the file after an edit the same as before of every key but this one, and has it come or gone?
fn is_meant(before: &[ApiKeyEntry], old: &str, new: &str, id: &str) -> bool {
    let Ok(after) = identity::api_key_entries("", new) else { return false };
    let others = |keys: &[ApiKeyEntry]| -> Vec<Box<str>> {
        keys.iter().map(|key| key.id.clone()).filter(|one| **one != *id).collect()
    };
    let has = |keys: &[ApiKeyEntry]| keys.iter().any(|key| &*key.id == id);
    let same = others(before);
    has(before) != has(&after) && same == others(&after) && identity::same_api_keys(old, new, &same)
}

#[cfg(test)]
mod tests;
