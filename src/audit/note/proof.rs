//! The proof that one record is in a log, as a text that travels: C2SP tlog-proof. It holds the record's number, the path
//! to the root, and the checkpoint with its signatures.
//!
//! Never: holds the record. Whoever checks brings it, and keys that they trust.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::audit::note::Checkpoint;
use crate::audit::note::Note;
use crate::audit::note::decimal;
use crate::audit::note::hash;
use crate::audit::tree;
use crate::audit::tree::Hash;
use crate::limits;

/// Its first line.
const FIRST: &str = "c2sp.org/tlog-proof@v1";

/// A proof as it was read or is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// The number of the record.
    pub index: u64,
    /// From the sibling of its leaf up.
    pub path: Vec<Hash>,
    /// The checkpoint, with its signatures.
    pub note: Note,
}

impl TlogProof {
    /// The text, for a file that ends in `.tlog-proof`.
    #[must_use]
    pub fn write(&self) -> String {
        let path: String = self.path.iter().map(|hash| format!("{}\n", STANDARD.encode(hash))).collect();
        format!("{FIRST}\nindex {}\n{path}\n{}", self.index, self.note.write())
    }

    /// Reads a text. What others put into a line `extra` is passed over: nothing vouches for it.
    ///
    /// # Errors
    /// Says what is not as it must be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (head, note) = text.split_once("\n\n").ok_or("it has no empty line before its checkpoint")?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST) {
            return Err("its first line is not `c2sp.org/tlog-proof@v1`");
        }
        lines.next_if(|line| line.strip_prefix("extra ").is_some_and(|extra| STANDARD.decode(extra).is_ok()));
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?));
        let index = index.ok_or("it has no line `index`")?;
        let path: Option<Vec<Hash>> = lines.map(hash).take(limits::PROOF_HASHES_MAX + 1).collect();
        let path = path.ok_or("a line behind `index` is no hash")?;
        if path.len() > limits::PROOF_HASHES_MAX {
            return Err("it has more hashes than any tree is high");
        }
        Ok(Self { index, path, note: Note::parse(note)? })
    }

    /// The checkpoint, where the path leads from this record to its root. Who signed it is another question.
    #[must_use]
    pub fn proves(&self, record: &[u8]) -> Option<Checkpoint> {
        let checkpoint = Checkpoint::parse(self.note.text()).ok()?;
        let leaf = tree::leaf_hash(record);
        let holds = tree::is_included(&leaf, self.index, checkpoint.size, &self.path, &checkpoint.root);
        holds.then_some(checkpoint)
    }
}
