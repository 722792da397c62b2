//! The part of the config that names a bundle in place of files.
//!
//! Never: opens a file, or asks the source.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::remote;
use crate::remote::Access;
use crate::remote::Remote;

use super::Bundle;
use super::check::Checker;
use super::raw;

/// The region of a store that says nothing of one.
const REGION: &str = "us-east-1";

/// The keys that name what a bundle brings.
fn brought(raw: &raw::Raw) -> [(&'static str, bool); 8] {
    [
        ("policies.directory", raw.policies.directory.is_some()),
        ("policies.schema", raw.policies.schema.is_some()),
        ("model.tenants", raw.model.tenants.is_some()),
        ("model.classes", raw.model.classes.is_some()),
        ("model.routes", !raw.model.routes.is_empty()),
        ("model.openapi", !raw.model.openapi.is_empty()),
        ("model.descriptors", !raw.model.descriptors.is_empty()),
        ("model.graphql", !raw.model.graphql.is_empty()),
    ]
}

pub(super) fn bundle(c: &mut Checker<'_>, raw: &raw::Raw) -> Option<Arc<Bundle>> {
    let written = &raw.bundle;
    if !c.says("bundle") {
        return None;
    }
    let hint = "name where it is published: `https://host/path`, `s3://bucket/key`, `oci://host/repository:tag` or a path";
    let source = c.required("bundle.source", written.source.as_ref(), hint)?.to_owned();
    let (source, remote) = match Remote::parse(&source) {
        Ok(Remote::File(path)) => (source, Remote::File(c.path(&path.to_string_lossy()))),
        Ok(remote) => (remote.shown(), remote),
        Err(why) => {
            // What was written may hold a password.
            let message = "`bundle.source` is not where a bundle can be published";
            c.error("bad-value", "bundle.source", message, &why);
            return None;
        }
    };
    for (key, _) in brought(raw).into_iter().filter(|(_, named)| *named) {
        let message = format!("`{key}` is named, and the bundle brings it");
        c.error("two-sources", key, message, "take it out, or take out `bundle`");
    }
    let name = c.required("bundle.name", written.name.as_ref(), "write the name that it is built with");
    let name = name.unwrap_or_default().to_owned();
    let require_signature = written.require_signature.unwrap_or(true);
    if require_signature && written.public_keys.is_empty() {
        let hint = "name files of public keys; `palisade bundle keygen` makes a pair";
        c.error("missing-key", "bundle.public_keys", "`bundle.public_keys` is required", hint);
    }
    if !require_signature {
        let hint = "sign it, and take out `bundle.require_signature: false`";
        let message =
            "whoever can write to the bundle's source decides what is allowed: no signature is required";
        c.warning("unsigned-bundle", "bundle.require_signature", message, hint);
    }
    if written.keep.is_none() {
        let hint = "name a folder that only this process may write to";
        let message = "a start needs the bundle's source, and knows nothing of what was newest before: there is no `bundle.keep`";
        c.warning("nothing-kept", "bundle", message, hint);
    }
    let access = access(c, written, &remote);
    Some(Arc::new(Bundle {
        remote,
        source,
        name,
        public_keys: written.public_keys.iter().map(|path| c.path(path)).collect(),
        require_signature,
        poll: c.duration("bundle.poll", written.poll.as_ref(), Duration::from_secs(30)),
        keep: written.keep.as_ref().map(|path| c.path(path)),
        access,
    }))
}

fn access(c: &mut Checker<'_>, written: &raw::bundle::Bundle, remote: &Remote) -> Access {
    let file = |c: &Checker<'_>, path: &Option<String>| -> Option<PathBuf> {
        path.as_ref().map(|path| c.path(path))
    };
    let plain_http = written.plain_http.unwrap_or(false);
    let endpoint = written.s3.endpoint.as_deref().and_then(|text| match remote::endpoint(text) {
        Ok(endpoint) => Some(endpoint),
        Err(why) => {
            c.bad_value("bundle.s3.endpoint", "the URL of a store", &why);
            None
        }
    });
    let is_plain = |url: &http::Uri| url.scheme_str() == Some("http");
    let plain = match remote {
        Remote::Web(url) => is_plain(url),
        Remote::S3 { .. } => endpoint.as_ref().is_some_and(is_plain),
        Remote::Oci { .. } | Remote::File(_) => false,
    };
    if plain && !plain_http {
        let hint = "use `https://`; where the network is your own, `bundle.plain_http: true` allows it";
        c.error("plain-http", "bundle.source", "the bundle's source is `http` without TLS", hint);
    }
    if plain_http {
        let hint = "use TLS";
        let message =
            "the bundle's source may be asked without TLS: credentials for it can be read on the way";
        c.warning("plain-http", "bundle.plain_http", message, hint);
    }
    if written.s3.access_key_file.is_some() != written.s3.secret_key_file.is_some() {
        let message = "`bundle.s3.access_key_file` and `bundle.s3.secret_key_file` need each other";
        c.error("missing-key", "bundle.s3", message, "name both, or neither where the object is public");
    }
    Access {
        timeout: c.duration("bundle.timeout", written.timeout.as_ref(), Duration::from_secs(30)),
        plain_http,
        ca_file: file(c, &written.ca_file),
        bearer_token_file: file(c, &written.bearer_token_file),
        username: written.username.clone(),
        password_file: file(c, &written.password_file),
        s3_endpoint: endpoint,
        s3_region: written.s3.region.clone().unwrap_or_else(|| REGION.to_owned()),
        s3_access_key_file: file(c, &written.s3.access_key_file),
        s3_secret_key_file: file(c, &written.s3.secret_key_file),
        s3_session_token_file: file(c, &written.s3.session_token_file),
    }
}
