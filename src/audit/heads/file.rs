//! The trees as bytes: what stands in `heads/`, one file for each seal.
//!
//! A file holds the trees as they were before a `sealed` record, and that record. So its heads can be held against the
//! record's `heads_root`, and a log goes on from it though every segment up to the seal is gone.
//! Never: takes what is damaged for trees: all of it is covered by a digest, each part is read strictly, and each name
//! stands behind the one before it.

use crate::audit::heads::Trees;
use crate::audit::heads::varint;
use crate::audit::tree::Frontier;
use crate::ids::Digest;
use crate::limits;

/// How such a file begins.
const MAGIC: &[u8; 16] = b"PALISADE HEADS1\n";

/// The trees at a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The trees before the `sealed` record: their size is its number.
    pub trees: Trees,
    /// The `sealed` record itself.
    pub record: Vec<u8>,
}

impl Sealed {
    /// The bytes of the file: a magic, the log's tree, the count of books (4 bytes, little end first) and each with its
    /// name and tree, the length (the same) and bytes of the record, and the SHA-256 of all before it.
    #[must_use]
    pub fn encode(trees: &Trees, record: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        trees.log.encode(&mut out);
        out.extend_from_slice(&u32::try_from(trees.books.len()).unwrap_or(u32::MAX).to_le_bytes());
        for (name, tree) in trees.books.sorted() {
            varint(name.len() as u64, &mut out);
            out.extend_from_slice(name.as_bytes());
            tree.encode(&mut out);
        }
        out.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(record);
        let digest = Digest::of(&out);
        out.extend_from_slice(digest.as_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, digest) = bytes.split_last_chunk::<32>()?;
        if Digest::of(body).as_bytes() != digest {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let log = Frontier::decode(&mut rest)?;
        let (mut trees, mut records) = (Trees { log, ..Trees::new() }, 0_u64);
        let mut last = None;
        for _ in 0..number(&mut rest)? {
            let name = name(&mut rest)?;
            let behind = last.replace(name).is_none_or(|last| last < name);
            let tree = Frontier::decode(&mut rest)?;
            if !behind || tree.size() == 0 {
                return None;
            }
            records = records.checked_add(tree.size())?;
            trees.books.0.insert(name.into(), tree);
        }
        let record = number(&mut rest)?;
        // Every record is in one book, and nothing stands behind the last part.
        let whole = rest.len() == record as usize && records == trees.size();
        whole.then(|| Self { trees, record: rest.to_vec() })
    }

    /// The trees after the `sealed` record, which is in this book: what the log goes on with.
    #[must_use]
    pub fn resume(mut self, book: &str) -> Trees {
        // A seal that completes a bundle: whoever wrote it wrote the bundle.
        let _bundle = self.trees.append(book, &self.record);
        self.trees
    }
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (n, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*n))
}

fn name<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    // The longest name takes two bytes of a varint.
    let (first, rest) = bytes.split_first()?;
    let (n, rest) = match (usize::from(*first), rest.split_first()) {
        (n @ ..0x80, _) => (n, rest),
        (low, Some((high @ 1..0x80, rest))) => (low & 0x7f | usize::from(*high) << 7, rest),
        (_, _) => return None,
    };
    if n > limits::BOOK_BYTES_MAX {
        return None;
    }
    let (name, rest) = rest.split_at_checked(n)?;
    *bytes = rest;
    std::str::from_utf8(name).ok()
}
