//! What makes a bundle believable here, and the proof of the one that is kept.
//!
//! Never: believes what is on disk more than what the network brings.

use std::path::Path;

use crate::bundle::Opened;
use crate::bundle::PublicKey;
use crate::bundle::Trust;
use crate::bundle::Verified;
use crate::config::Bundle;
use crate::limits;

use super::keep::Accepted;
use super::keep::Keep;

/// The kept bundle, proven, and not older than what was taken last.
pub(super) fn kept(
    keep: &Keep,
    config: &Bundle,
    floor: Option<&Accepted>,
) -> Result<Option<Verified>, String> {
    let Some(bytes) = keep.bundle()? else { return Ok(None) };
    let trust = trust(config)?;
    let bundle =
        Opened::open(&bytes).and_then(|opened| opened.verify(&trust)).map_err(|bad| bad.to_string())?;
    match floor.map_or(Ok(()), |floor| floor.allows(&bundle)) {
        Ok(()) => Ok(Some(bundle)),
        Err((why, _)) => Err(why),
    }
}

/// What makes a bundle believable here; the keys are read anew each time.
pub(super) fn trust(config: &Bundle) -> Result<Trust, String> {
    let keys = config.public_keys.iter().map(|path| public_key(path)).collect::<Result<_, _>>()?;
    Ok(Trust { name: Some(config.name.clone()), keys, unsigned: !config.require_signature })
}

fn public_key(path: &Path) -> Result<PublicKey, String> {
    let failed = |why: &dyn std::fmt::Display| format!("the key `{}` cannot be read: {why}", path.display());
    let bytes = super::super::read::bytes(path).map_err(|why| failed(&why))?;
    let text = String::from_utf8(bytes).map_err(|_| failed(&"it is not text"))?;
    if text.len() > limits::CREDENTIAL_BYTES_MAX {
        return Err(failed(&"it is too long"));
    }
    PublicKey::from_pem(&text).map_err(|why| failed(&why))
}
