//! `palisade bundle verify`, `show` and `push`.
//!
//! Never: shows what nobody vouches for without saying so.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;

use crate::bundle::Manifest;
use crate::bundle::Opened;
use crate::bundle::Trust;
use crate::bundle::role_name;
use crate::cli::Exit;
use crate::cli::Global;
use crate::cli::Out;
use crate::cli::formats;
use crate::cli::out::BOLD;
use crate::cli::out::DIM;
use crate::cli::out::paint;
use crate::ids::Digest;
use crate::remote;
use crate::remote::Remote;
use crate::snapshot::Role;

use super::Reach;
use super::keys;

pub(super) const VERIFY: &str = "\
Examples:
  palisade bundle verify clinic.tar.gz --key clinic.pub --name clinic
  palisade bundle verify https://policies.example.com/clinic.tar.gz --key clinic.pub --save clinic.tar.gz

Exit codes: 0 when it is good, 3 when it is not.";

pub(super) const SHOW: &str = "\
Examples:
  palisade bundle show clinic.tar.gz
  palisade bundle show oci://registry.example.com/policies/clinic:prod -o json";

pub(super) const PUSH: &str = "\
Examples:
  palisade bundle push clinic.tar.gz https://policies.example.com/clinic.tar.gz --bearer-token-file token
  palisade bundle push clinic.tar.gz s3://policies/clinic.tar.gz --s3-access-key-file id --s3-secret-key-file secret
  palisade bundle push clinic.tar.gz oci://registry.example.com/policies/clinic:prod --username ci --password-file pw

Whatever else puts a file there does as well: `aws s3 cp`, `oras push`, `rsync`.";

/// What `verify` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Verify {
    /// The bundle: a path, or where it is published.
    #[arg(value_name = "SOURCE", value_parser = Remote::parse)]
    source: Remote,
    /// A public key that may have signed it; may be repeated.
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// The name that it must have.
    #[arg(long)]
    name: Option<String>,
    /// Write it here, once it is found good.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn verify(global: &Global, arguments: &Verify, out: &mut Out) -> Result<Exit, String> {
    let keys = arguments.key.iter().map(|path| keys::public(path)).collect::<Result<_, _>>()?;
    let trust = Trust { name: arguments.name.clone(), keys, unsigned: false };
    let bytes = arguments.reach.get(&arguments.source)?;
    let verified = match Opened::open(&bytes).and_then(|opened| opened.verify(&trust)) {
        Ok(verified) => verified,
        Err(bad) => {
            if global.output.is_json() {
                let said = json!({ "ok": false, "code": bad.code(), "why": bad.to_string() });
                out.raw(formats::pretty(&said).as_bytes());
            } else {
                out.error(&bad.to_string());
            }
            return Ok(Exit::Invalid);
        }
    };
    if let Some(path) = &arguments.save {
        super::write(path, &bytes, 0o644)?;
    }
    let shown = Shown { manifest: verified.manifest(), digest: Some(verified.digest()), bytes: bytes.len() };
    let key = verified.key().unwrap_or_default();
    shown.print(global, Some(key), &format!("verified: signed by {key}"), out);
    Ok(Exit::Ok)
}

/// What `show` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Show {
    /// The bundle: a path, or where it is published.
    #[arg(value_name = "SOURCE", value_parser = Remote::parse)]
    source: Remote,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn show(global: &Global, arguments: &Show, out: &mut Out) -> Result<Exit, String> {
    let bytes = arguments.reach.get(&arguments.source)?;
    match Opened::open(&bytes) {
        Ok(opened) => {
            let shown = Shown { manifest: opened.manifest(), digest: None, bytes: bytes.len() };
            shown.print(global, None, "nobody vouches for this: `palisade bundle verify` does", out);
            Ok(Exit::Ok)
        }
        Err(bad) => {
            out.error(&bad.to_string());
            Ok(Exit::Invalid)
        }
    }
}

/// What `push` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Push {
    /// The bundle.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to publish it.
    #[arg(value_name = "SOURCE", value_parser = Remote::parse)]
    to: Remote,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn push(global: &Global, arguments: &Push, out: &mut Out) -> Result<Exit, String> {
    let bytes = super::read(&arguments.file)?;
    // What is no whole bundle is not published; who signed it is for its readers to ask.
    let anyone = Trust { name: None, keys: Vec::new(), unsigned: true };
    let built = match Opened::open(&bytes).and_then(|opened| opened.verify(&anyone)) {
        Ok(built) => built,
        Err(bad) => {
            out.error(&format!("`{}`: {bad}", arguments.file.display()));
            return Ok(Exit::Invalid);
        }
    };
    let place =
        remote::put(&arguments.to, &arguments.reach.access(), &bytes).map_err(|failed| failed.to_string())?;
    if global.output.is_json() {
        let said =
            json!({ "bundle": built.title(), "digest": built.digest().to_string(), "published": place });
        out.raw(formats::pretty(&said).as_bytes());
    } else {
        out.line(&format!("{} is published: {place}", built.title()));
    }
    Ok(Exit::Ok)
}

/// A bundle, as people and programs see it.
pub(super) struct Shown<'a> {
    pub(super) manifest: &'a Manifest,
    /// The digest of its manifest, where every file was held against it.
    pub(super) digest: Option<Digest>,
    /// Its size.
    pub(super) bytes: usize,
}

impl Shown<'_> {
    pub(super) fn print(&self, global: &Global, key: Option<&str>, vouched: &str, out: &mut Out) {
        if global.output.is_json() {
            out.raw(formats::pretty(&self.json(key)).as_bytes());
        } else {
            out.line(&self.text(vouched));
        }
    }

    fn created(&self) -> String {
        let ms = i64::try_from(self.manifest.header.created_ms).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default()
    }

    fn json(&self, key: Option<&str>) -> serde_json::Value {
        let header = &self.manifest.header;
        let files = self.manifest.files.iter().map(|file| {
            let tenant = tenant(&file.role);
            json!({ "path": file.path, "role": role_name(&file.role), "tenant": tenant, "size": file.size, "sha256": file.sha256 })
        });
        json!({
            "ok": true,
            "name": header.name,
            "version": header.version,
            "created": self.created(),
            "digest": self.digest.map(|digest| digest.to_string()),
            "key": key,
            "bytes": self.bytes,
            "files": files.collect::<Vec<_>>(),
        })
    }

    fn text(&self, vouched: &str) -> String {
        let header = &self.manifest.header;
        let title = paint(BOLD, format!("{}@{}", header.name, header.version));
        let mut text = format!("{title}, made {}, {} bytes; {vouched}\n", self.created(), self.bytes);
        if let Some(digest) = self.digest {
            writeln!(text, "manifest {digest}").ok();
        }
        for file in &self.manifest.files {
            let role = role_name(&file.role).unwrap_or_default();
            let of = tenant(&file.role).map(|tenant| format!(" of {tenant}")).unwrap_or_default();
            let size = paint(DIM, format!("{:>9}", file.size));
            writeln!(text, "{size}  {role:<9} {}{of}", file.path).ok();
        }
        text.trim_end().to_owned()
    }
}

fn tenant(role: &Role) -> Option<String> {
    let Role::Policies { confined_to } = role else { return None };
    confined_to.as_ref().map(ToString::to_string)
}
