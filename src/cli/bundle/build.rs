//! `palisade bundle build`: what `check` passes, as one file.
//!
//! Never: writes anything where `check` finds an error.

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::bundle;
use crate::bundle::Header;
use crate::bundle::Opened;
use crate::bundle::Trust;
use crate::cli::Exit;
use crate::cli::Global;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::check;
use crate::cli::load;

use super::keys;
use super::look;

pub(super) const AFTER: &str = "\
Examples:
  palisade bundle build --name clinic --version 42 --key clinic.key clinic.tar.gz
  palisade bundle build --name clinic --version $(git rev-list --count HEAD) --created $(git log -1 --format=%cI) clinic.tar.gz

A version is a whole number that grows: sidecars take none lower than the highest that they took, and no other content
under one that they took. To go back, build the older files again with a higher version.
The same files, name, version and time give the same bytes. Without `--created` the time is SOURCE_DATE_EPOCH, or now.
Keys and secrets (`identity.*`, `redaction.pseudonym_key_file`, `redaction.key_files`) are not part of a bundle: each sidecar has its own.";

/// What `build` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Build {
    /// Where to write it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it is for; sidecars take bundles of their own name only.
    #[arg(long)]
    name: String,
    /// Higher than that of every bundle of this name before.
    #[arg(long, value_name = "NUMBER")]
    version: u64,
    /// The private key to sign it with; without one it is not signed.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// When it was made.
    #[arg(long, value_name = "TIME")]
    created: Option<jiff::Timestamp>,
}

pub(super) fn build(
    global: &Global,
    arguments: &Build,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let header = Header {
        name: arguments.name.clone(),
        version: arguments.version,
        created_ms: created(arguments, world)?,
    };
    if let Err(bad) = header.check() {
        out.error(&bad.to_string());
        return Ok(Exit::Usage);
    }
    let found = check::find(load(global, world));
    if found.is_bad() {
        check::print(global, &found.problems, &found.texts(), &Json::Null, out);
        return Ok(Exit::Invalid);
    }
    check::pretty_in(global, &found.problems, &found.texts(), |text| out.aside(text));
    let (Some(config), Some(checked)) = (&found.config, &found.checked) else { return Ok(Exit::Invalid) };
    if config.files.bundle.is_some() {
        out.error(
            "this configuration takes its files from a bundle: name one that has them in a folder (`-c`)",
        );
        return Ok(Exit::Invalid);
    }
    let key = arguments.key.as_deref().map(keys::private).transpose()?;
    let archive = match bundle::build(&header, checked.snapshot().sources(), key.as_ref()) {
        Ok(archive) => archive,
        Err(bad) => {
            out.error(&bad.to_string());
            return Ok(Exit::Invalid);
        }
    };
    // It is read back as everybody else will read it.
    let anyone = Trust { name: None, keys: Vec::new(), unsigned: true };
    let built =
        Opened::open(&archive).and_then(|opened| opened.verify(&anyone)).map_err(|bad| bad.to_string())?;
    super::write(&arguments.file, &archive, 0o644)?;
    let shown =
        look::Shown { manifest: built.manifest(), digest: Some(built.digest()), bytes: archive.len() };
    let key = key.map(|key| key.id());
    let vouched = key.as_ref().map_or("it is not signed".to_owned(), |id| format!("signed by {id}"));
    shown.print(global, key.as_deref(), &vouched, out);
    Ok(Exit::Ok)
}

fn created(arguments: &Build, world: &World<'_>) -> Result<u64, String> {
    let told = (world.variable)("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty());
    let seconds = match (&arguments.created, told) {
        (Some(time), _) => time.as_second(),
        (None, Some(text)) => {
            text.parse().map_err(|_| format!("SOURCE_DATE_EPOCH: `{text}` is not a number of seconds"))?
        }
        (None, None) => jiff::Timestamp::now().as_second(),
    };
    let seconds = u64::try_from(seconds).map_err(|_| "that time is before 1970".to_owned())?;
    Ok(seconds.saturating_mul(1_000))
}
