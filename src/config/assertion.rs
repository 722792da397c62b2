//! The part of the config that says how the app is told who calls.
//!
//! Never: opens a file.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;

use crate::identity::AssertionSettings;
use crate::limits;

use super::check::Checker;
use super::raw;

/// The header that carries an assertion where nothing is said.
const HEADER: HeaderName = HeaderName::from_static("x-palisade-assertion");

/// The file of keys.
pub(super) fn file(c: &Checker<'_>, raw: &raw::identity::Identity) -> Option<PathBuf> {
    raw.assertion.key_file.as_ref().filter(|_| c.says("identity.assertion")).map(|path| c.path(path))
}

/// How the app is told; `None` where it is not.
pub(super) fn settings(c: &mut Checker<'_>, raw: &raw::identity::Identity) -> Option<AssertionSettings> {
    if !c.says("identity.assertion") {
        return None;
    }
    let raw = &raw.assertion;
    let under = |key: &str| format!("identity.assertion.{key}");
    let hint = "name a file with a private key: `openssl genpkey -algorithm ed25519`";
    c.required(&under("key_file"), raw.key_file.as_ref(), hint);
    let hint = "write the `iss` that the app expects";
    let issuer = c.required(&under("issuer"), raw.issuer.as_ref(), hint).unwrap_or_default().to_owned();
    let hint = "write the `aud` that the app expects";
    let audience = c.required(&under("audience"), raw.audience.as_ref(), hint).unwrap_or_default().to_owned();
    let header = c.header(&under("header"), raw.header.as_ref());
    let seconds = Duration::from_secs;
    let lifetime = c.duration(&under("lifetime"), raw.lifetime.as_ref(), seconds(limits::ASSERTION_SECONDS));
    let bounds = seconds(limits::ASSERTION_SECONDS_MIN)..=seconds(limits::ASSERTION_SECONDS_MAX);
    if !bounds.contains(&lifetime) {
        let message = "`identity.assertion.lifetime` is `10s` to `1h`";
        c.error("bad-value", &under("lifetime"), message, "");
    }
    let lifetime_seconds = lifetime.as_secs();
    Some(AssertionSettings { issuer, audience, header: header.unwrap_or(HEADER), lifetime_seconds })
}
