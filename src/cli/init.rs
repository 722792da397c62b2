//! `palisade init`: a small configuration that works, with a key that is made now and shown once.
//!
//! Never: overwrites without `--force`, or writes a secret that others may read.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use aws_lc_rs::rand::SecureRandom as _;
use base64::Engine as _;
use serde_json::json;

use crate::config::Config;
use crate::ids::Digest;
use crate::policy;

use super::Exit;
use super::Global;
use super::Out;
use super::Output;
use super::formats;
use super::out::BOLD;
use super::out::paint;

pub(super) const AFTER: &str = "\
Examples:
  palisade init demo
  palisade check -c demo/palisade.yaml && palisade run -c demo/palisade.yaml

The folder then holds palisade.yaml, tenants, classes and routes, policies, the schemas for editors, a secret for
pseudonyms, and an API key whose secret is printed once and stored only as its SHA-256.";

/// What `init` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// The folder; made if it is not there.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Overwrite files that are there.
    #[arg(long)]
    force: bool,
}

struct File {
    name: &'static str,
    text: String,
    secret: bool,
}

pub(super) fn init(global: &Global, arguments: &Arguments, out: &mut Out) -> Result<Exit, String> {
    let folder = &arguments.folder;
    let (id, secret) = ("demo", random()?);
    let files = files(id, &secret)?;
    let there: Vec<String> = files
        .iter()
        .map(|file| folder.join(file.name))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !there.is_empty() && !arguments.force {
        out.error(&format!(
            "there is already `{}`; nothing was written (`--force` overwrites)",
            there.join("`, `")
        ));
        return Ok(Exit::Usage);
    }
    for file in &files {
        write(&folder.join(file.name), file)
            .map_err(|error| format!("`{}` cannot be written: {error}", folder.join(file.name).display()))?;
    }
    let config = folder.join("palisade.yaml").display().to_string();
    let key = format!("{id}.{secret}");
    if global.output == Output::Json {
        let names: Vec<&str> = files.iter().map(|file| file.name).collect();
        out.raw(formats::pretty(&json!({ "config": config, "files": names, "api_key": key })).as_bytes());
        return Ok(Exit::Ok);
    }
    for file in &files {
        out.line(&format!("  {}", folder.join(file.name).display()));
    }
    out.line(&format!(
        "\nAn API key of `acme`, role `clinician`. It is shown this once:\n\n  {}\n",
        paint(BOLD, &key)
    ));
    out.line(&format!(
        "Next, with your app on 127.0.0.1:9000:\n\n  palisade check -c {config}\n  palisade run -c {config}"
    ));
    out.line("  curl -H \"x-api-key: $KEY\" http://127.0.0.1:8080/patients");
    Ok(Exit::Ok)
}

fn files(id: &str, secret: &str) -> Result<Vec<File>, String> {
    let sha256 = Digest::of(secret.as_bytes());
    let api_keys = format!(
        "# API keys, `id.secret`. Only the SHA-256 of the secret stands here:  printf %s SECRET | sha256sum\n\
         keys:\n  - id: {id}\n    sha256: \"{sha256}\"\n    kind: user\n    principal: dana\n    tenant: acme\n    roles: [clinician]\n"
    );
    let public = |name, text: &str| File { name, text: text.to_owned(), secret: false };
    Ok(vec![
        public("palisade.yaml", include_str!("init/palisade.yaml")),
        public("tenants.yaml", include_str!("init/tenants.yaml")),
        public("classes.yaml", include_str!("init/classes.yaml")),
        public("routes.yaml", include_str!("init/routes.yaml")),
        public("policies/baseline.cedar", include_str!("../../policies/baseline.cedar")),
        public("policies/example.cedar", include_str!("init/example.cedar")),
        public("schemas/config.schema.json", &Config::schema_json()),
        public("schemas/palisade.cedarschema", policy::SCHEMA),
        File { name: "api_keys.yaml", text: api_keys, secret: true },
        File { name: "pseudonym.key", text: format!("{}\n", random()?), secret: true },
    ])
}

/// 256 random bits as text.
fn random() -> Result<String, String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "the system gives no random bytes".to_owned())?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

fn write(path: &Path, file: &File) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Beside and then renamed, so that a Palisade that is watching never reads half of a file.
    let beside =
        path.with_file_name(format!(".{}.new", path.file_name().unwrap_or_default().to_string_lossy()));
    drop(fs::remove_file(&beside));
    let mode = if file.secret { 0o600 } else { 0o644 };
    let mut to = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    to.write_all(file.text.as_bytes())?;
    fs::rename(&beside, path)
}
