//! The parts of the config that say how issuers' keys are fetched.
//!
//! Never: opens a file, or asks a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use crate::identity::Algorithm;
use crate::limits;
use crate::remote;
use crate::remote::Access;

use super::check::Checker;
use super::issuers;
use super::raw;

/// An issuer's keys that are fetched.
#[derive(Debug, Clone)]
pub struct FetchedKeys {
    /// The issuer's position in [`crate::snapshot::Settings::issuers`].
    pub at: usize,
    /// The exact `iss`.
    pub issuer: Arc<str>,
    /// Where the keys are.
    pub place: KeyPlace,
    /// The same for people: without the query of a URL.
    pub shown: Arc<str>,
    /// The algorithms that its keys may have; empty means whatever the keys name.
    pub algorithms: Vec<Algorithm>,
    /// How often they are fetched.
    pub refresh: Duration,
    /// Shortest time from one fetch to the next.
    pub cool_down: Duration,
    /// How old they may become.
    pub max_stale: Duration,
    /// How the server is reached.
    pub access: Access,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// At this URL.
    Url(Uri),
    /// Where the provider's configuration at this URL says (OpenID Connect Discovery 1.0).
    Discovery(Uri),
}

/// Where keys are, as one of three keys of the config says.
pub(super) enum Named<'r> {
    File(&'r str),
    Url,
    Discovery,
}

/// What an issuer says of its keys; `None` where that is nothing, or too much.
pub(super) fn named(raw: &raw::identity::Issuer) -> Option<Named<'_>> {
    let file = raw.jwks_file.as_deref().filter(|text| !text.is_empty());
    let url = raw.jwks_url.as_deref().filter(|text| !text.is_empty());
    match (file, url, raw.discovery.unwrap_or(false)) {
        (Some(file), None, false) => Some(Named::File(file)),
        (None, Some(_), false) => Some(Named::Url),
        (None, None, true) => Some(Named::Discovery),
        (None, None, false) | (Some(_), _, true) | (_, Some(_), true) | (Some(_), Some(_), _) => None,
    }
}

/// The files of keys, each with its issuer's position.
pub(super) fn files(c: &Checker<'_>, raw: &raw::identity::Identity) -> Vec<(usize, PathBuf)> {
    let each = raw.issuers.iter().enumerate();
    each.filter_map(|(at, issuer)| match named(issuer)? {
        Named::File(file) => Some((at, c.path(file))),
        Named::Url | Named::Discovery => None,
    })
    .collect()
}

/// The keys that are fetched.
pub(super) fn fetched(c: &mut Checker<'_>, raw: &raw::identity::Identity) -> Vec<Arc<FetchedKeys>> {
    let mut all = Vec::new();
    for (at, issuer) in raw.issuers.iter().enumerate() {
        let path = format!("identity.issuers.{at}");
        match named(issuer) {
            Some(Named::File(_)) => only_fetched(c, issuer, &path),
            Some(Named::Url | Named::Discovery) => all.extend(one(c, issuer, at, &path).map(Arc::new)),
            None => {
                let message =
                    format!("`{path}` needs exactly one of `jwks_file`, `jwks_url` and `discovery: true`");
                c.error("missing-key", &path, message, "they say where the issuer's public keys are");
            }
        }
    }
    if all.len() > limits::FETCHED_ISSUERS_MAX {
        let most = limits::FETCHED_ISSUERS_MAX;
        let message = format!("the keys of at most {most} issuers can be fetched");
        c.error("too-many-issuers", "identity.issuers", message, "give the others a `jwks_file`");
    }
    all
}

/// What says how keys are fetched means nothing where they are in a file.
fn only_fetched(c: &mut Checker<'_>, raw: &raw::identity::Issuer, path: &str) {
    let of_fetching = [
        ("jwks_refresh", raw.jwks_refresh.is_some()),
        ("jwks_cool_down", raw.jwks_cool_down.is_some()),
        ("jwks_max_stale", raw.jwks_max_stale.is_some()),
        ("jwks_timeout", raw.jwks_timeout.is_some()),
        ("jwks_ca_file", raw.jwks_ca_file.is_some()),
        ("jwks_plain_http", raw.jwks_plain_http.is_some()),
    ];
    for (key, _) in of_fetching.into_iter().filter(|(_, said)| *said) {
        let path = format!("{path}.{key}");
        let message = format!("`{path}` says how keys are fetched, and these are in a file");
        c.error("two-sources", &path, message, "take it out, or name `jwks_url` in place of `jwks_file`");
    }
}

fn one(c: &mut Checker<'_>, raw: &raw::identity::Issuer, at: usize, path: &str) -> Option<FetchedKeys> {
    let under = |key: &str| format!("{path}.{key}");
    let plain_http = raw.jwks_plain_http.unwrap_or(false);
    let (key, text) = match &raw.jwks_url {
        Some(url) => ("jwks_url", url.clone()),
        None => {
            let issuer = raw.issuer.as_deref().unwrap_or_default().trim_end_matches('/');
            ("issuer", format!("{issuer}/.well-known/openid-configuration"))
        }
    };
    let url = match remote::web_url(&text) {
        Ok(url) => url,
        Err(why) => {
            // What was written may hold a password.
            c.error("bad-value", &under(key), format!("`{path}.{key}` is not the URL of a server"), &why);
            return None;
        }
    };
    if url.scheme_str() == Some("http") && !plain_http {
        let hint = "use `https://`: whoever can change the answer can make callers up";
        c.error("plain-http", &under(key), format!("`{path}.{key}` is `http` without TLS"), hint);
    }
    if plain_http {
        let message = "keys may be fetched without TLS: whoever can change the answer can make callers up";
        c.warning("plain-http", &under("jwks_plain_http"), message, "use TLS");
    }
    let seconds = Duration::from_secs;
    let refresh =
        c.duration(&under("jwks_refresh"), raw.jwks_refresh.as_ref(), seconds(limits::JWKS_REFRESH_SECONDS));
    let cool_down = c.duration(
        &under("jwks_cool_down"),
        raw.jwks_cool_down.as_ref(),
        seconds(limits::JWKS_COOL_DOWN_SECONDS).min(refresh),
    );
    let max_stale = c.duration(
        &under("jwks_max_stale"),
        raw.jwks_max_stale.as_ref(),
        seconds(limits::JWKS_STALE_SECONDS),
    );
    let least = seconds(limits::JWKS_COOL_DOWN_SECONDS_MIN);
    if cool_down < least || cool_down > refresh {
        let message = format!("`{path}.jwks_cool_down` is at least `1s` and at most `jwks_refresh`");
        c.error("bad-value", &under("jwks_cool_down"), message, "");
    }
    if max_stale < refresh.saturating_mul(2) || max_stale > seconds(limits::JWKS_STALE_SECONDS_MAX) {
        let message = format!("`{path}.jwks_max_stale` is at least twice `jwks_refresh` and at most `7d`");
        c.error("bad-value", &under("jwks_max_stale"), message, "");
    }
    let timeout =
        c.duration(&under("jwks_timeout"), raw.jwks_timeout.as_ref(), seconds(limits::JWKS_TIMEOUT_SECONDS));
    Some(FetchedKeys {
        at,
        issuer: raw.issuer.as_deref().unwrap_or_default().into(),
        shown: shown(&url).into(),
        place: if key == "jwks_url" { KeyPlace::Url(url) } else { KeyPlace::Discovery(url) },
        algorithms: issuers::known_algorithms(&raw.algorithms),
        refresh,
        cool_down,
        max_stale,
        access: Access {
            timeout,
            plain_http,
            ca_file: raw.jwks_ca_file.as_ref().map(|file| c.path(file)),
            ..Access::default()
        },
    })
}

fn shown(url: &Uri) -> String {
    remote::Remote::Web(url.clone()).shown()
}
