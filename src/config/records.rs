//! Where what is put on record goes.
//!
//! Never: opens a file.

use std::time::Duration;

use super::DecisionLog;
use super::check::Checker;
use super::raw::records as raw;
use super::ship;
use super::units;
use crate::audit::keeping::Retention;
use crate::disk::Overflow;
use crate::disk::StoreSettings;
use crate::ids::Action;
use crate::ids::ClassName;
use crate::ids::TenantPath;
use crate::limits;
use crate::request::Durable;

/// Where decision records go.
pub(super) fn decision_log(c: &mut Checker<'_>, raw: &raw::DecisionLog) -> DecisionLog {
    let named =
        |path: &Option<String>| path.as_ref().filter(|path| !path.is_empty()).map(|path| c.path(path));
    let (file, dir, reveals) = (named(&raw.file), named(&raw.dir), named(&raw.reveal_file));
    let (key_file, previous_key_file) = (named(&raw.key_file), named(&raw.previous_key_file));
    let stdout = raw.stdout.unwrap_or(file.is_none() && dir.is_none());
    if file.is_none() && dir.is_none() && !stdout {
        let hint = "name a `decision_log.dir` or `decision_log.file`, or set `decision_log.stdout: true`";
        c.error("no-record", "decision_log.stdout", "decision records would go nowhere", hint);
    }
    if reveals.is_some() && reveals == file {
        let hint = "name another file: a sidecar keeps its own to itself";
        c.bad_value("decision_log.reveal_file", "a file of its own", hint);
    }
    let durable = durable(c, &raw.durable);
    if dir.is_none() {
        needs_dir(c);
    }
    let retention = retention(c, &raw.retention);
    let store = dir.map(|dir| {
        let most = u64::try_from(limits::LOG_SEGMENT_BYTES_MAX).unwrap_or(u64::MAX);
        let segment_bytes = c.size("decision_log.segment_size", raw.segment_size.as_ref(), 64 << 20);
        if !((1 << 20)..=most).contains(&segment_bytes) {
            c.bad_value("decision_log.segment_size", "a size of a segment", "name one from `1MiB` to `1GiB`");
        }
        let checkpoint =
            c.duration("decision_log.checkpoint_every", raw.checkpoint_every.as_ref(), CHECKPOINT_EVERY);
        if checkpoint > CHECKPOINT_EVERY {
            let hint = "name at most `60s`: what is not signed yet can be taken off unseen";
            c.bad_value("decision_log.checkpoint_every", "a time between checkpoints", hint);
        }
        let age = c.duration("decision_log.segment_age", raw.segment_age.as_ref(), Duration::from_secs(300));
        StoreSettings {
            dir,
            key_file,
            previous_key_file,
            segment_bytes,
            segment_ms: units::ms(age),
            bytes_max: c.size("decision_log.max_size", raw.max_size.as_ref(), 16 << 30),
            retention,
            pseudonyms: raw.pseudonyms.unwrap_or(false),
            checkpoint_ms: units::ms(checkpoint),
        }
    });
    let overflow = overflow(c, raw);
    DecisionLog { store, durable, file, stdout, overflow, ship: ship::ship(c, &raw.ship), reveals }
}

/// What becomes of requests whose records there is no room for.
fn overflow(c: &mut Checker<'_>, raw: &raw::DecisionLog) -> Overflow {
    let deadline = raw.overflow_deadline.as_ref();
    let deadline = c.duration("decision_log.overflow_deadline", deadline, limits::OVERFLOW_DEADLINE);
    match raw.overflow.as_deref() {
        None | Some("fail_closed") => Overflow::FailClosed(deadline),
        Some("block") => Overflow::Block(deadline),
        Some("shed") => Overflow::Shed(deadline),
        Some(_) => {
            let hint = "write `fail_closed`, `block` or `shed`";
            c.bad_value("decision_log.overflow", "a way to go on without room", hint);
            Overflow::FailClosed(deadline)
        }
    }
}

const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// What makes sense with a directory only.
fn needs_dir(c: &mut Checker<'_>) {
    const KEYS: [&str; 12] = [
        "key_file",
        "previous_key_file",
        "segment_size",
        "segment_age",
        "max_size",
        "retention",
        "pseudonyms",
        "checkpoint_every",
        "durable",
        "ship",
        "overflow",
        "overflow_deadline",
    ];
    for key in KEYS {
        let path = format!("decision_log.{key}");
        if c.says(&path) {
            let message = format!("`{path}` needs a `decision_log.dir`");
            c.error("no-directory", &path, message, "name the directory that holds the log");
        }
    }
}

/// How long records are kept.
fn retention(c: &mut Checker<'_>, raw: &raw::Retention) -> Retention {
    const PATH: &str = "decision_log.retention";
    let mut retention = Retention::default();
    if raw.default.is_some() {
        retention.default_ms = keep(c, &format!("{PATH}.default"), raw.default.as_ref());
    }
    for (at, of) in raw.tenants.iter().enumerate() {
        let path = format!("{PATH}.tenants.{at}");
        let ms = keep(c, &format!("{path}.keep"), of.keep.as_ref());
        let path = format!("{path}.tenant");
        match c.required(&path, of.tenant.as_ref(), "name the tenant").map(TenantPath::parse) {
            Some(Ok(tenant)) => retention.tenants.extend(ms.map(|ms| (tenant, ms))),
            Some(Err(why)) => c.bad_value(&path, "a tenant", &why.to_string()),
            None => {}
        }
    }
    for (at, of) in raw.classes.iter().enumerate() {
        let path = format!("{PATH}.classes.{at}");
        let ms = keep(c, &format!("{path}.keep"), of.keep.as_ref());
        let path = format!("{path}.class");
        match c.required(&path, of.class.as_ref(), "name the data class").map(ClassName::parse) {
            Some(Ok(class)) => retention.classes.extend(ms.map(|ms| (class, ms))),
            Some(Err(why)) => c.bad_value(&path, "a data class", &why.to_string()),
            None => {}
        }
    }
    retention
}

/// How long something is kept, in milliseconds.
fn keep(c: &mut Checker<'_>, path: &str, text: Option<&String>) -> Option<u64> {
    c.required(path, text, "write how long: `30d`, `8760h`")?;
    Some(units::ms(c.duration(path, text, Duration::ZERO))).filter(|ms| *ms > 0)
}

fn durable(c: &mut Checker<'_>, raw: &raw::Durable) -> Durable {
    let mut durable = Durable { all: raw.all.unwrap_or(false), ..Durable::default() };
    for (at, text) in raw.actions.iter().enumerate() {
        match Action::ALL.into_iter().find(|action| action.as_str() == text) {
            Some(action) => durable.actions.push(action),
            None => {
                let hint = "name one of `read`, `list`, `create`, `update`, `delete`, `export`, `import`";
                c.bad_value(&format!("decision_log.durable.actions.{at}"), "an action", hint);
            }
        }
    }
    for (at, text) in raw.classes.iter().enumerate() {
        match ClassName::parse(text) {
            Ok(class) => durable.classes.push(class),
            Err(why) => {
                c.bad_value(&format!("decision_log.durable.classes.{at}"), "a data class", &why.to_string());
            }
        }
    }
    durable
}
