//! The one form of tar (POSIX ustar) that bundles have: plain files, nothing else, each header in one spelling.
//!
//! A header is believed only where it is, byte by byte, the one that [`header`] would write. So there is no link, no
//! device, no extension, no owner and no second way to say a name, and any tar program can still list and unpack it.
//! Never: opens a file, or gives a name that would leave the folder that it is unpacked into.

use std::io;
use std::io::Read;

use crate::limits;

/// Tar comes in blocks of this many bytes.
pub(super) const BLOCK: usize = 512;

/// Is this a name that an archive may hold: relative, plain segments, no `..`, no control characters, not too long?
pub(super) fn is_plain(name: &str) -> bool {
    let segment = |segment: &str| !matches!(segment, "" | "." | "..");
    name.len() <= limits::BUNDLE_NAME_BYTES_MAX
        && name.split('/').all(segment)
        && !name.chars().any(|c| c.is_control() || c == '\\')
}

/// The header of a file; `None` where the name or the size does not fit into one.
pub(super) fn header(name: &str, size: u64) -> Option<[u8; BLOCK]> {
    if !is_plain(name) || size >= 1 << 33 {
        return None;
    }
    let (prefix, name) = split(name)?;
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        for (to, from) in block.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    // The sum is made with spaces in its own place.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(345, prefix.as_bytes());
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    for (to, from) in block.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").as_bytes()) {
        *to = *from;
    }
    Some(block)
}

/// A name as prefix and rest: the rest has at most 100 bytes, and the prefix is empty wherever it can be.
fn split(name: &str) -> Option<(&str, &str)> {
    if name.len() <= 100 {
        return Some(("", name));
    }
    let slashes = name.match_indices('/').map(|(at, _)| at);
    let (prefix, rest) =
        slashes.filter_map(|at| name.split_at_checked(at)).find(|(_, rest)| rest.len() <= 101)?;
    (prefix.len() <= 155).then_some((prefix, rest.trim_start_matches('/')))
}

/// Appends a file; `false` where its name or size does not fit.
pub(super) fn append(archive: &mut Vec<u8>, name: &str, bytes: &[u8]) -> bool {
    let Some(header) = header(name, bytes.len() as u64) else { return false };
    archive.extend_from_slice(&header);
    archive.extend_from_slice(bytes);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    true
}

/// Appends what an archive ends with.
pub(super) fn end(archive: &mut Vec<u8>) {
    archive.resize(archive.len() + 2 * BLOCK, 0);
}

/// Why an archive cannot be read on.
#[derive(Debug)]
pub(super) enum Bad {
    /// The stream below ended early or is broken.
    Io(io::Error),
    /// A header is not in its one form, or what pads a file is not zero.
    Header,
    /// A file is larger than it may be.
    TooLarge,
}

impl From<io::Error> for Bad {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The next header: a file's name and size, or `None` at the archive's end, which has been read whole then.
pub(super) fn next(from: &mut impl Read) -> Result<Option<(String, u64)>, Bad> {
    let mut block = [0; BLOCK];
    from.read_exact(&mut block)?;
    if block == [0; BLOCK] {
        from.read_exact(&mut block)?;
        return if block == [0; BLOCK] { Ok(None) } else { Err(Bad::Header) };
    }
    let text = |at: usize, most: usize| {
        let bytes = block.get(at..at + most).unwrap_or_default();
        let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Bad::Header)
    };
    let (name, size, prefix) = (text(0, 100)?, text(124, 12)?, text(345, 155)?);
    let size = u64::from_str_radix(&size, 8).map_err(|_| Bad::Header)?;
    let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
    if header(&name, size) == Some(block) { Ok(Some((name, size))) } else { Err(Bad::Header) }
}

/// The bytes of a file whose header was read.
pub(super) fn bytes(from: &mut impl Read, size: u64, most: u64) -> Result<Vec<u8>, Bad> {
    if size > most {
        return Err(Bad::TooLarge);
    }
    let mut bytes = Vec::new();
    if from.by_ref().take(size).read_to_end(&mut bytes)? as u64 != size {
        return Err(Bad::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    let mut padding = [0; BLOCK];
    let padding = padding.get_mut(..bytes.len().next_multiple_of(BLOCK) - bytes.len()).unwrap_or_default();
    from.read_exact(padding)?;
    if padding.iter().any(|byte| *byte != 0) { Err(Bad::Header) } else { Ok(bytes) }
}
