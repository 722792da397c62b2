//! `palisade key new`.
//!
//! Never: prints the key more than once, or writes its secret.

use aws_lc_rs::rand::SecureRandom as _;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;

use crate::cli::Exit;
use crate::cli::Global;
use crate::cli::Out;
use crate::cli::check::now_ms;
use crate::cli::formats;
use crate::cli::report::printable;
use crate::cli::times;
use crate::identity;
use crate::identity::ApiKeyEntry;
use crate::identity::Kind;
use crate::ids::Digest;

use super::edit;
use super::edit::Entry;
use super::entries;
use super::is_meant;
use super::place::Place;
use super::time;

/// What `new` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct New {
    /// Whom the key speaks for.
    #[arg(long, value_name = "NAME", required_unless_present = "like")]
    principal: Option<String>,
    /// Its tenant's path.
    #[arg(long, value_name = "PATH", required_unless_present = "like")]
    tenant: Option<String>,
    /// What it is.
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<Whom>,
    /// A role; may be repeated.
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
    /// A group; may be repeated.
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// A scope; may be repeated.
    #[arg(long = "scope", value_name = "NAME")]
    scopes: Vec<String>,
    /// Take principal, tenant, kind, roles, groups and scopes of this key, unless they are given.
    #[arg(long, value_name = "ID")]
    like: Option<String>,
    /// The part before the dot; by default a random one.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// When it ends: after `90d`, on `2027-06-30` (UTC) or at `2027-06-30T12:00:00Z`. By default never.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// When it begins, in the same way. By default now.
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
}

/// What a key can speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Whom {
    /// A person.
    User,
    /// A program; the default.
    Service,
}

impl New {
    /// With what is not given taken from another key.
    fn like(mut self, other: Option<&ApiKeyEntry>) -> Self {
        let Some(other) = other else { return self };
        let of = &other.principal;
        let texts = |names: &[Box<str>]| names.iter().map(ToString::to_string).collect();
        self.principal.get_or_insert_with(|| of.id.to_string());
        self.tenant = self.tenant.or_else(|| of.tenant.as_ref().map(ToString::to_string));
        self.kind = self.kind.or(Some(match of.kind {
            Kind::User => Whom::User,
            Kind::Service => Whom::Service,
        }));
        for (mine, theirs) in
            [(&mut self.roles, &of.roles), (&mut self.groups, &of.groups), (&mut self.scopes, &of.scopes)]
        {
            if mine.is_empty() {
                *mine = texts(theirs);
            }
        }
        self
    }
}

pub(super) fn new(global: &Global, new: &New, place: &Place, out: &mut Out) -> Result<Exit, String> {
    let mut ends = Vec::new();
    for text in [&new.not_before, &new.expires] {
        match text.as_deref().map(later).transpose() {
            Ok(end) => ends.push(end),
            Err(why) => {
                out.error(&why);
                return Ok(Exit::Usage);
            }
        }
    }
    let writing = place.begin()?;
    let old = writing.text()?.unwrap_or_else(|| edit::HEAD.to_owned());
    // A file of comments, or one that does not say `keys` yet, is the beginning of one.
    let base = if old == edit::HEAD { "keys: []\n" } else { &*old };
    let before = match entries(place.path(), base, out) {
        Ok(before) => before,
        Err(exit) => return Ok(exit),
    };
    let other = new.like.as_deref().map(|id| before.iter().find(|key| &*key.id == id).ok_or(id));
    let other = match other.transpose() {
        Ok(other) => other,
        Err(id) => {
            out.error(&format!("`{}` has no key `{}`", place.path().display(), printable(id)));
            return Ok(Exit::Usage);
        }
    };
    let new = new.clone().like(other);
    let id = new.id.clone().map_or_else(|| random(9).map(|id| format!("k{id}")), Ok)?;
    if before.iter().any(|key| *key.id == *id) {
        out.error(&format!("`{}` has a key `{}` already", place.path().display(), printable(&id)));
        return Ok(Exit::Usage);
    }
    let secret = random(32)?;
    let sha256 = Digest::of(secret.as_bytes()).to_string();
    let after = edit::added(
        &old,
        &Entry {
            id: &id,
            sha256: &sha256,
            kind: if new.kind == Some(Whom::User) { "user" } else { "service" },
            principal: new.principal.as_deref().unwrap_or_default(),
            tenant: new.tenant.as_deref().unwrap_or_default(),
            lists: [("roles", &new.roles), ("groups", &new.groups), ("scopes", &new.scopes)],
            times: [
                ("not_before", ends.first().and_then(Option::as_deref)),
                ("expires", ends.get(1).and_then(Option::as_deref)),
            ],
        },
    );
    if let Err(problems) = identity::api_key_entries("", &after) {
        let first = problems.first().map_or("", |problem| &*problem.message);
        out.error(&format!("that makes no key: {first}"));
        return Ok(Exit::Usage);
    }
    if !is_meant(&before, base, &after, &id) {
        let file = place.path().display();
        out.error(&format!("`{file}` is laid out so that it is not edited here: make it a list of lines"));
        return Ok(Exit::Invalid);
    }
    writing.write(&after)?;
    tell(global, &id, &secret, place, out);
    Ok(Exit::Ok)
}

/// The key alone is the result, so that a shell can take it; what is said of it is not part of that.
fn tell(global: &Global, id: &str, secret: &str, place: &Place, out: &mut Out) {
    let key = format!("{id}.{secret}");
    let file = place.path().display().to_string();
    if global.output.is_json() {
        out.raw(formats::pretty(&json!({ "id": id, "key": key, "file": file })).as_bytes());
        return;
    }
    out.aside(&format!("a new API key; it is shown this once, and only its hash is in {file}:"));
    out.raw(format!("{key}\n").as_bytes());
}

/// So many random bytes as text.
fn random(bytes: usize) -> Result<String, String> {
    let mut random = vec![0; bytes];
    let filled = SystemRandom::new().fill(&mut random);
    filled.map_err(|_| "the system gives no random bytes".to_owned())?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// A time from now on, or a moment, as the file has it.
fn later(text: &str) -> Result<String, String> {
    let now = now_ms();
    let moment = match times::duration_ms(text) {
        Ok(length) => now.saturating_add(length),
        Err(_) => times::moment(text, now)?,
    };
    let second = i64::try_from(moment / 1_000).unwrap_or(i64::MAX);
    time_of(second).ok_or_else(|| format!("`{text}` is too far away"))
}

fn time_of(second: i64) -> Option<String> {
    Timestamp::from_second(second).ok()?;
    time(u64::try_from(second).ok()?)
}
