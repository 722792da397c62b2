//! Signed notes and checkpoints in the forms of C2SP (signed-note, tlog-checkpoint, tlog-cosignature): what others can
//! check without Palisade.
//!
//! A checkpoint says how many records a log has and what the root of its tree is. It is a text that a key signs; a
//! witness adds a line of its own once it has seen that the log only grew.
//! Never: reads a note other than in its one form, or takes a signature of an unknown key for one.

mod key;
mod proof;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::audit::tree::Hash;
use crate::limits;

pub use key::KeyKind;
pub use key::Signer;
pub use key::VerifierKey;
pub use proof::TlogProof;

/// How a line of a signature begins: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// One line of a note's signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name of the key.
    pub name: String,
    /// The id of the key: a hint which it is, no proof.
    pub id: u32,
    /// What the key made of the text.
    pub bytes: Vec<u8>,
}

impl Signature {
    /// Reads a line, without its line feed.
    fn parse(line: &str) -> Option<Self> {
        let (name, text) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = STANDARD.decode(text).ok()?;
        let (id, bytes) = bytes.split_first_chunk::<4>()?;
        let sound = is_name(name) && !bytes.is_empty();
        sound.then(|| Self { name: name.to_owned(), id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
    }

    /// The line, with its line feed.
    #[must_use]
    pub fn line(&self) -> String {
        let bytes = [&self.id.to_be_bytes()[..], &self.bytes].concat();
        format!("{DASH}{} {}\n", self.name, STANDARD.encode(bytes))
    }
}

/// May a key be called so? Neither empty nor too long, no space of Unicode, no plus sign, no control character.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    (1..=limits::NOTE_NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(plain)
}

/// What a note's signatures say of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// It has signed exactly this text; a witness has said when, in seconds since 1970.
    Yes {
        /// The time that a cosignature names.
        at: Option<u64>,
    },
    /// There is a signature in its name and id, and it is not one of this text.
    Wrong,
    /// There is none.
    No,
}

/// A note as it was read: a text and the lines of its signatures, none of them believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// Reads a note: a text that ends in a line feed, an empty line, and at least one signature.
    ///
    /// # Errors
    /// Says what is not as it must be.
    pub fn parse(note: &str) -> Result<Self, &'static str> {
        if note.len() > limits::NOTE_BYTES_MAX {
            return Err("it is too long for a signed note");
        }
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err("it has control characters");
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or("it has no empty line before its signatures")?;
        let lines = lines.strip_suffix('\n').ok_or("its last line has no end")?;
        let signatures: Option<Vec<Signature>> = lines.split('\n').map(Signature::parse).collect();
        let signatures = signatures.ok_or("a line behind its text is no signature")?;
        if signatures.len() > limits::NOTE_SIGNATURES_MAX {
            return Err("it has too many signatures");
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its signatures.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The note as it is written.
    #[must_use]
    pub fn write(&self) -> String {
        let lines: String = self.signatures.iter().map(Signature::line).collect();
        format!("{}\n{lines}", self.text)
    }

    /// Did this key sign it? One wrong signature in the key's name counts more than any right one.
    #[must_use]
    pub fn signed_by(&self, key: &VerifierKey) -> Signed {
        let mut said = Signed::No;
        for signature in &self.signatures {
            if signature.id == key.id() && signature.name == key.name() {
                match key.verify(&self.text, &signature.bytes) {
                    None => return Signed::Wrong,
                    Some(at) => said = Signed::Yes { at },
                }
            }
        }
        said
    }

    /// The same note with the lines of a witness's answer behind its own. Only those are taken that `key` made of this
    /// very text; `None` if there is none.
    #[must_use]
    pub fn cosigned(&self, answer: &str, key: &VerifierKey) -> Option<Self> {
        let lines = answer.strip_suffix('\n')?.split('\n').take(limits::NOTE_SIGNATURES_MAX);
        let ours = lines.filter_map(Signature::parse).filter(|signature| {
            signature.id == key.id()
                && signature.name == key.name()
                && key.verify(&self.text, &signature.bytes).is_some()
        });
        let signatures: Vec<Signature> = self.signatures.iter().cloned().chain(ours.take(1)).collect();
        let more = (self.signatures.len() + 1..=limits::NOTE_SIGNATURES_MAX).contains(&signatures.len());
        more.then(|| Self { text: self.text.clone(), signatures })
    }
}

/// What a checkpoint says: how far a log has grown, and the root of its tree then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many records it has.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed: three lines. A fourth would be an extension, which witnesses refuse.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// Says what is not as it must be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let lines: Vec<&str> = text.strip_suffix('\n').ok_or("its text has no end")?.split('\n').collect();
        let [origin, size, root] = lines[..] else {
            return Err("a checkpoint has three lines, and no other");
        };
        if !is_name(origin) {
            return Err("its first line is no name of a log");
        }
        let size = decimal(size).ok_or("its second line is no number of records")?;
        let root = hash(root).ok_or("its third line is no hash")?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// A number in its one spelling: digits, no zero before others.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A hash in base64.
fn hash(text: &str) -> Option<Hash> {
    Hash::try_from(STANDARD.decode(text).ok()?).ok()
}

/// The signed note that says: the log `origin` has `size` records, and this is the root of their tree.
#[must_use]
pub fn checkpoint(origin: &str, size: u64, root: &Hash, signer: &Signer) -> String {
    let text = Checkpoint { origin: origin.to_owned(), size, root: *root }.text();
    let signature = signer.sign(&text);
    Note { text, signatures: vec![signature] }.write()
}
