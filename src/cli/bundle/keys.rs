//! `palisade bundle keygen` and `sign`.
//!
//! Never: overwrites a key, prints one, or leaves one that others may read.

use std::path::Path;
use std::path::PathBuf;

use serde_json::json;

use crate::bundle;
use crate::bundle::PrivateKey;
use crate::bundle::PublicKey;
use crate::cli::Exit;
use crate::cli::Global;
use crate::cli::Out;
use crate::cli::formats;
use crate::file;
use crate::limits;

/// What `keygen` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Keygen {
    /// Where to: NAME.key and NAME.pub.
    #[arg(value_name = "NAME")]
    name: PathBuf,
}

pub(super) fn keygen(global: &Global, arguments: &Keygen, out: &mut Out) -> Result<Exit, String> {
    let file = |ending: &str| {
        let mut name = arguments.name.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    let (secret, public) = (file(".key"), file(".pub"));
    if let Some(there) = [&secret, &public].into_iter().find(|path| path.exists()) {
        out.error(&format!("there is already `{}`; nothing was written", there.display()));
        return Ok(Exit::Usage);
    }
    let (private_pem, public_pem) = PrivateKey::generate()?;
    super::write(&secret, private_pem.as_bytes(), 0o600)?;
    super::write(&public, public_pem.as_bytes(), 0o644)?;
    let id = PublicKey::from_pem(&public_pem)?.id().to_owned();
    if global.output.is_json() {
        let said = json!({ "key": id, "private": secret.display().to_string(), "public": public.display().to_string() });
        out.raw(formats::pretty(&said).as_bytes());
    } else {
        out.line(&format!(
            "key {id}\n  {}  signs: a secret\n  {}  verifies",
            secret.display(),
            public.display()
        ));
    }
    Ok(Exit::Ok)
}

/// Reads a private key.
pub(super) fn private(path: &Path) -> Result<PrivateKey, String> {
    PrivateKey::from_pem(&text(path)?).map_err(|why| format!("`{}`: {why}", path.display()))
}

/// Reads a public key.
pub(super) fn public(path: &Path) -> Result<PublicKey, String> {
    PublicKey::from_pem(&text(path)?).map_err(|why| format!("`{}`: {why}", path.display()))
}

fn text(path: &Path) -> Result<String, String> {
    let failed = |why: &dyn std::fmt::Display| format!("`{}` cannot be read: {why}", path.display());
    file::text(path, limits::CREDENTIAL_BYTES_MAX).map_err(|error| failed(&error))
}

/// What `sign` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Sign {
    /// The bundle; it is replaced, unless `--out` names another file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The private key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Write the signed bundle here.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn sign(global: &Global, arguments: &Sign, out: &mut Out) -> Result<Exit, String> {
    let key = private(&arguments.key)?;
    let signed = match bundle::sign(&super::read(&arguments.file)?, &key) {
        Ok(signed) => signed,
        Err(bad) => {
            out.error(&format!("`{}`: {bad}", arguments.file.display()));
            return Ok(Exit::Invalid);
        }
    };
    let to = arguments.out.as_ref().unwrap_or(&arguments.file);
    super::write(to, &signed, 0o644)?;
    if global.output.is_json() {
        out.raw(formats::pretty(&json!({ "file": to.display().to_string(), "key": key.id() })).as_bytes());
    } else {
        out.line(&format!("`{}` is signed by {}", to.display(), key.id()));
    }
    Ok(Exit::Ok)
}
