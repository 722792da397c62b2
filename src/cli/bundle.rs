//! `palisade bundle`: build, sign, verify, show and publish bundles.
//!
//! Never: writes a bundle that `check` would refuse, overwrites a key, or prints one.

use std::fs;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::remote;
use crate::remote::Access;
use crate::remote::Found;
use crate::remote::Remote;

use super::Exit;
use super::Global;
use super::Out;
use super::World;

mod build;
mod keys;
mod look;

pub(super) const AFTER: &str = "\
Examples:
  palisade bundle keygen clinic                              clinic.key, a secret, and clinic.pub
  palisade bundle build --name clinic --version 42 --key clinic.key clinic.tar.gz
  palisade bundle verify clinic.tar.gz --key clinic.pub --name clinic
  palisade bundle show oci://registry.example.com/policies/clinic:prod
  palisade bundle push clinic.tar.gz s3://policies/clinic.tar.gz --s3-access-key-file id --s3-secret-key-file secret

A sidecar takes a bundle with `bundle.source`, `bundle.name` and `bundle.public_keys` in its configuration.
Exit codes: 0 ok, 1 it could not be read, written or reached, 3 the configuration or the bundle is not good.";

/// What `bundle` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Verb {
    /// Make a pair of keys (Ed25519): NAME.key, which signs and is a secret, and NAME.pub, which verifies.
    #[command(after_help = "Example:\n  palisade bundle keygen clinic")]
    Keygen(keys::Keygen),
    /// Check a configuration as `check` does, and make a bundle of what it says is allowed.
    #[command(after_help = build::AFTER, disable_version_flag = true)]
    Build(build::Build),
    /// Sign a bundle, or sign it with another key.
    #[command(after_help = "Example:\n  palisade bundle sign clinic.tar.gz --key clinic.key")]
    Sign(keys::Sign),
    /// Verify a bundle as a sidecar does: its signature, its name, every file in it.
    #[command(after_help = look::VERIFY)]
    Verify(look::Verify),
    /// Show what a bundle says of itself. Nobody vouches for it: `verify` does that.
    #[command(after_help = look::SHOW)]
    Show(look::Show),
    /// Publish a bundle: to a web server that takes PUT, an S3-compatible store, or an OCI registry.
    #[command(after_help = look::PUSH)]
    Push(look::Push),
}

pub(super) fn bundle(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    match &arguments.verb {
        Verb::Keygen(arguments) => keys::keygen(global, arguments, out),
        Verb::Build(arguments) => build::build(global, arguments, world, out),
        Verb::Sign(arguments) => keys::sign(global, arguments, out),
        Verb::Verify(arguments) => look::verify(global, arguments, out),
        Verb::Show(arguments) => look::show(global, arguments, out),
        Verb::Push(arguments) => look::push(global, arguments, out),
    }
}

/// How a place is reached.
#[derive(Debug, Clone, clap::Args)]
struct Reach {
    /// Longest that it takes, all requests together, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Take `http` without TLS.
    #[arg(long)]
    plain_http: bool,
    /// Certificates that the server is verified by; those of the system where none are named.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// A bearer token for a web server or registry.
    #[arg(long, value_name = "FILE")]
    bearer_token_file: Option<PathBuf>,
    /// A user of a web server or registry.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// That user's password.
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// URL of the S3-compatible store; Amazon's where none is named.
    #[arg(long, value_name = "URL", value_parser = remote::endpoint)]
    s3_endpoint: Option<http::Uri>,
    /// Region of the store.
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    s3_region: String,
    /// The access key's id.
    #[arg(long, value_name = "FILE", requires = "s3_secret_key_file")]
    s3_access_key_file: Option<PathBuf>,
    /// The access key's secret.
    #[arg(long, value_name = "FILE", requires = "s3_access_key_file")]
    s3_secret_key_file: Option<PathBuf>,
    /// The token of the session that the access key is for.
    #[arg(long, value_name = "FILE", requires = "s3_access_key_file")]
    s3_session_token_file: Option<PathBuf>,
}

impl Reach {
    fn access(&self) -> Access {
        Access {
            timeout: Duration::from_secs(self.timeout),
            plain_http: self.plain_http,
            ca_file: self.ca_file.clone(),
            bearer_token_file: self.bearer_token_file.clone(),
            username: self.username.clone(),
            password_file: self.password_file.clone(),
            s3_endpoint: self.s3_endpoint.clone(),
            s3_region: self.s3_region.clone(),
            s3_access_key_file: self.s3_access_key_file.clone(),
            s3_secret_key_file: self.s3_secret_key_file.clone(),
            s3_session_token_file: self.s3_session_token_file.clone(),
        }
    }

    /// The bytes at a place.
    fn get(&self, from: &Remote) -> Result<Vec<u8>, String> {
        match remote::get(from, &self.access(), None) {
            Ok(Found::New(bytes, _)) => Ok(bytes),
            Ok(Found::Same) => Err("the server says that nothing changed".to_owned()),
            Err(failed) => Err(failed.to_string()),
        }
    }
}

/// Writes a whole file: whoever looks sees the old one or the new one.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), String> {
    let failed = |error: io::Error| format!("`{}` cannot be written: {error}", path.display());
    let name = path.file_name().ok_or_else(|| format!("`{}` is not the name of a file", path.display()))?;
    let beside = path.with_file_name(format!(".{}.new", name.to_string_lossy()));
    drop(fs::remove_file(&beside));
    let mut to =
        fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside).map_err(failed)?;
    let written = to.write_all(bytes).and_then(|()| to.sync_all()).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        drop(fs::remove_file(&beside));
    }
    written.map_err(failed)
}

/// The bytes of a bundle on this machine.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    match remote::get(&Remote::File(path.to_owned()), &Access::default(), None) {
        Ok(Found::New(bytes, _)) => Ok(bytes),
        Ok(Found::Same) => Ok(Vec::new()),
        Err(failed) => Err(format!("`{}`: {failed}", path.display())),
    }
}
