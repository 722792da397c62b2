//! Frames: how records stand one after the other in the log, so that a torn or altered one is told from a whole one.
//!
//! A frame is the length of its record and a CRC32C (Castagnoli, RFC 3720 appendix B.4) over the length and the record, both four
//! bytes, little-endian; then the record. The sum tells accidents; the trees tell forgery.
//! Never: trusts a length before it is within its bound and within what is there.

use std::fmt;

use crate::audit::entry;
use crate::limits;

/// Bytes before the record.
pub const HEAD_BYTES: usize = 8;

/// How a segment of the log begins; the log's id of 16 bytes follows.
pub const MAGIC: &[u8; 16] = b"PALISADE LOG v1\n";

/// Bytes of a segment before its first frame.
pub const SEGMENT_HEAD_BYTES: usize = 32;

/// Fills in the length of the frame that began at `start` and ends where `out` does.
pub(in crate::audit) fn finish(out: &mut [u8], start: usize) {
    let length = out.len().saturating_sub(start + HEAD_BYTES);
    // A record is bounded far below what four bytes can say.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    if let Some(head) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<4>) {
        *head = length.to_le_bytes();
    }
}

/// Appends the frame of a record that is numbered.
pub fn append(record: &[u8], out: &mut Vec<u8>) {
    // A record is bounded far below what four bytes can say.
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&sum(length, record).to_le_bytes());
    out.extend_from_slice(record);
}

fn sum(length: [u8; 4], record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), record)
}

/// Numbers the frames in `frames`, the first with `seq`, and sums them. Returns how many they are.
///
/// Stops at what is no whole frame; a worker's buffer holds only whole ones.
pub fn number(frames: &mut [u8], mut seq: u64) -> u64 {
    let mut numbered = 0;
    let mut rest = frames;
    while let Some((head, after)) = rest.split_first_chunk_mut::<HEAD_BYTES>() {
        let (length, crc) = head.split_at_mut(4);
        let length: [u8; 4] = length.try_into().unwrap_or_default();
        let Some((record, further)) = after.split_at_mut_checked(u32::from_le_bytes(length) as usize) else {
            break;
        };
        if let Some(place) = record.get_mut(entry::SEQ_AT..).and_then(<[u8]>::first_chunk_mut::<8>) {
            *place = seq.to_le_bytes();
        }
        crc.copy_from_slice(&sum(length, record).to_le_bytes());
        seq = seq.wrapping_add(1);
        numbered += 1;
        rest = further;
    }
    numbered
}

/// How many records there are in a worker's buffer, which holds only whole frames. A mirror is not counted beside the record
/// that it mirrors: so what is written and what is lost add up to what was asked.
#[must_use]
pub fn count(mut frames: &[u8]) -> u64 {
    let mut count = 0;
    while let Some((head, after)) = frames.split_first_chunk::<HEAD_BYTES>() {
        let length = head.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
        let Some((record, further)) = after.split_at_checked(length as usize) else { break };
        count += u64::from(!entry::is_mirror(record));
        frames = further;
    }
    count
}

/// Why the bytes at some place are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// They end before the frame does: a write was cut off, or the end of the file is missing.
    Short,
    /// The length is past what any record has.
    Length,
    /// The sum differs: some bit was changed.
    Sum,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the frame is cut off",
            Self::Length => "the frame's length is past any record's",
            Self::Sum => "the frame's checksum differs",
        })
    }
}

impl std::error::Error for Broken {}

/// Reads frames one after the other, up to the end or to what is none.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    broken: bool,
}

impl<'a> Frames<'a> {
    /// Over the frames of a segment, without its head.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, broken: false }
    }

    /// Where the next frame begins, in bytes from the first; after an error, where the broken one does.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    fn read(&self) -> Result<&'a [u8], Broken> {
        let (head, after) = self
            .bytes
            .get(self.at..)
            .and_then(<[u8]>::split_first_chunk::<HEAD_BYTES>)
            .ok_or(Broken::Short)?;
        let (length, crc) = head.split_first_chunk::<4>().ok_or(Broken::Short)?;
        let size = u32::from_le_bytes(*length) as usize;
        if !(entry::HEAD_BYTES..=limits::FRAME_BYTES_MAX).contains(&size) {
            return Err(Broken::Length);
        }
        let record = after.get(..size).ok_or(Broken::Short)?;
        if crc != sum(*length, record).to_le_bytes() {
            return Err(Broken::Sum);
        }
        Ok(record)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<&'a [u8], Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken || self.at >= self.bytes.len() {
            return None;
        }
        let read = self.read();
        match read {
            Ok(record) => self.at += HEAD_BYTES + record.len(),
            Err(_) => self.broken = true,
        }
        Some(read)
    }
}
