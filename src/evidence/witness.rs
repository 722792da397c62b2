//! Asks a witness to cosign the newest checkpoint (C2SP tlog-witness, `add-checkpoint`), and keeps what it says.
//!
//! A witness is somebody else's. It remembers the head that it cosigned last, and cosigns another only with the proof that
//! the log only grew: from then on nobody can show it, or whoever asks it, another history.
//! Never: keeps an answer that the witness's key did not make of this very checkpoint.

use std::fmt;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::audit::note::Checkpoint;
use crate::audit::note::Note;
use crate::audit::note::Signed;
use crate::audit::note::VerifierKey;
use crate::limits;
use crate::remote;
use crate::remote::Access;

use super::folder::Folder;
use super::prove;
use super::prove::NotProven;

/// Why a checkpoint was not cosigned.
#[derive(Debug)]
pub enum NotCosigned {
    /// There is nothing to be cosigned, or it cannot be proven.
    NotProven(NotProven),
    /// The witness could not be asked, and why.
    Unreachable(String),
    /// The witness has cosigned a head that is larger than the newest of this log: the log was rolled back.
    Ahead {
        /// How many records the witness has seen.
        seen: u64,
        /// How many the newest checkpoint has.
        size: u64,
    },
    /// The witness holds that this is not the log that it knows: what it has seen does not begin it.
    Forked,
    /// The witness refuses for another reason: the status of its answer, and what that means.
    Refused(u16, &'static str),
    /// The witness's answer has no signature of its key.
    Unsigned,
    /// The cosigned checkpoint could not be written.
    Unwritten(String),
}

impl fmt::Display for NotCosigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotProven(why) => why.fmt(f),
            Self::Unreachable(why) => write!(f, "the witness cannot be asked: {why}"),
            Self::Ahead { seen, size } => {
                write!(
                    f,
                    "the witness has seen {seen} records, and the newest checkpoint has {size}: the log was rolled back"
                )
            }
            Self::Forked => f.write_str("the witness has seen another history of this log"),
            Self::Refused(status, why) => write!(f, "the witness refuses ({status}): {why}"),
            Self::Unsigned => {
                f.write_str("the witness's answer has no signature of its key over this checkpoint")
            }
            Self::Unwritten(why) => write!(f, "`checkpoint.cosigned` cannot be written: {why}"),
        }
    }
}

impl std::error::Error for NotCosigned {}

impl From<NotProven> for NotCosigned {
    fn from(why: NotProven) -> Self {
        Self::NotProven(why)
    }
}

/// A witness: the prefix of its URLs, and its key.
#[derive(Debug, Clone)]
pub struct Witness {
    /// `https://host/prefix`, to which `/add-checkpoint` is added.
    pub url: http::Uri,
    /// The key of its cosignatures.
    pub key: VerifierKey,
}

/// Has the newest checkpoint cosigned, and keeps it in `checkpoint.cosigned`.
///
/// # Errors
/// When there is none, when the witness cannot be reached or refuses, or when its answer is no signature of its key.
pub fn cosign(folder: &Folder, witness: &Witness, access: &Access) -> Result<Note, NotCosigned> {
    let (note, head) = prove::newest(folder)?;
    if matches!(note.signed_by(&witness.key), Signed::Yes { .. }) {
        return Ok(note);
    }
    let mut old = before(folder, witness)?.filter(|old| *old <= head.size).unwrap_or(0);
    // Once more where it has seen more than is known here.
    for _ in 0..2 {
        let path = if old == 0 { Vec::new() } else { prove::growth(folder, old, &head)? };
        let proof: String = path.iter().map(|hash| format!("{}\n", STANDARD.encode(hash))).collect();
        let body = format!("old {old}\n{proof}\n{}", note.write());
        let (status, answer) =
            remote::post(&witness.url, "add-checkpoint", access, body.as_bytes(), limits::NOTE_BYTES_MAX)
                .map_err(|why| NotCosigned::Unreachable(why.to_string()))?;
        let answer = String::from_utf8(answer).unwrap_or_default();
        match status {
            200 => {
                let cosigned = note.cosigned(&answer, &witness.key).ok_or(NotCosigned::Unsigned)?;
                keep(folder, &cosigned)?;
                return Ok(cosigned);
            }
            409 => {
                let seen = answer.trim_end().parse().map_err(|_| refused(status))?;
                if seen > head.size {
                    return Err(NotCosigned::Ahead { seen, size: head.size });
                }
                old = seen;
            }
            422 => return Err(NotCosigned::Forked),
            status => return Err(refused(status)),
        }
    }
    Err(refused(409))
}

const fn refused(status: u16) -> NotCosigned {
    let why = match status {
        400 => "it does not understand what was sent",
        403 => "it does not know the key that signed the checkpoint",
        404 => "it does not know this log, or there is no witness at this URL",
        409 => "it has just cosigned another checkpoint; ask again",
        429 => "it is asked too often",
        500..=599 => "it is the witness's own trouble",
        _ => "that is not what was asked for",
    };
    NotCosigned::Refused(status, why)
}

/// How many records the log had when this witness cosigned it last, as far as is known here.
fn before(folder: &Folder, witness: &Witness) -> Result<Option<u64>, NotCosigned> {
    let text = folder.cosigned().map_err(NotProven::Unreadable)?;
    let Some(note) = text.and_then(|text| Note::parse(&text).ok()) else { return Ok(None) };
    let signed = matches!(note.signed_by(&witness.key), Signed::Yes { .. });
    Ok(Checkpoint::parse(note.text()).ok().filter(|_| signed).map(|head| head.size))
}

/// Writes the file whole or not at all.
fn keep(folder: &Folder, note: &Note) -> Result<(), NotCosigned> {
    let (to, new) = (folder.at(super::folder::COSIGNED), folder.at("checkpoint.cosigned.new"));
    let write = || {
        let mut file = std::fs::File::create(&new)?;
        file.write_all(note.write().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &to)
    };
    write().map_err(|why: std::io::Error| NotCosigned::Unwritten(why.to_string()))
}
