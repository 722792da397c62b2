//! Reads the frames of one segment, plain or compressed, in pieces; and finds the next whole frame behind what is none.
//!
//! Never: holds more of a segment than a piece of fixed size, or takes bytes for a frame whose checksum differs.

use std::fs::File;
use std::io;
use std::io::Read;

use crate::audit::entry;
use crate::audit::frame;
use crate::audit::frame::Broken;
use crate::audit::frame::Frames;
use crate::limits;

/// What comes next in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A whole frame's record.
    Record(&'a [u8]),
    /// Bytes that are no whole frame, from `at` up to `to` (from the first of the uncompressed segment).
    Broken {
        /// Where they begin.
        at: u64,
        /// Where the next whole frame begins, or the end.
        to: u64,
        /// What is wrong.
        why: Flaw,
    },
}

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// They end before the frame does, or are all zero up to the end: a write was cut off.
    Cut,
    /// They are not what was written.
    Changed,
    /// What is compressed cannot be read on.
    Compressed,
}

/// A segment that is being read.
pub(super) struct Reader {
    input: Box<dyn Read>,
    bytes: Vec<u8>,
    /// Of `bytes`: where the next frame begins, and how many were read.
    at: usize,
    filled: usize,
    /// Where `bytes` begins in the segment.
    base: u64,
    ended: bool,
    /// The compressed stream is broken here.
    spoilt: bool,
}

impl Reader {
    /// Opens a segment, of this log.
    ///
    /// # Errors
    /// When the machine cannot read it. `Ok(None)` if it does not begin as one of this log.
    pub(super) fn new(file: File, compressed: bool, log_id: &[u8; 16]) -> io::Result<Option<Self>> {
        let input: Box<dyn Read> =
            if compressed { Box::new(zstd::Decoder::new(file)?) } else { Box::new(file) };
        let bytes = vec![0; limits::SEGMENT_PIECE_BYTES];
        let mut reader = Self { input, bytes, at: 0, filled: 0, base: 0, ended: false, spoilt: false };
        reader.fill()?;
        let head = reader.bytes.get(..reader.filled).and_then(|all| all.get(..frame::SEGMENT_HEAD_BYTES));
        let sound = head.is_some_and(|head| head.strip_prefix(frame::MAGIC).is_some_and(|id| id == log_id));
        reader.at = frame::SEGMENT_HEAD_BYTES;
        Ok(sound.then_some(reader))
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..self.filled).unwrap_or_default()
    }

    /// Where the next frame begins in the segment.
    fn place(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Moves what is left to the front and reads on until the piece is full or the segment ends.
    fn fill(&mut self) -> io::Result<()> {
        self.bytes.copy_within(self.at..self.filled, 0);
        (self.base, self.filled, self.at) = (self.base + self.at as u64, self.filled - self.at, 0);
        while !self.ended {
            let Some(room) = self.bytes.get_mut(self.filled..).filter(|room| !room.is_empty()) else { break };
            match self.input.read(room) {
                Ok(0) => self.ended = true,
                Ok(read) => self.filled += read,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                // The decoder says so of what it cannot decode; the machine's own errors have a number.
                Err(why) if why.raw_os_error().is_none() => (self.ended, self.spoilt) = (true, true),
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// The next piece; `None` at the end. A frame is looked for behind what is none, with a record of at least this number.
    pub(super) fn next(&mut self, expected: u64) -> io::Result<Option<Piece<'_>>> {
        let mut frames = Frames::new(self.rest());
        let mut next = frames.next();
        if !self.ended && matches!(next, None | Some(Err(Broken::Short))) {
            self.fill()?;
            frames = Frames::new(self.rest());
            next = frames.next();
        }
        let length = match next {
            None if self.spoilt => {
                self.spoilt = false;
                let at = self.place();
                return Ok(Some(Piece::Broken { at, to: at, why: Flaw::Compressed }));
            }
            None => return Ok(None),
            Some(Ok(record)) => record.len(),
            Some(Err(broken)) => return self.broken(broken, expected).map(Some),
        };
        let start = self.at + frame::HEAD_BYTES;
        self.at = start + length;
        Ok(Some(Piece::Record(self.bytes.get(start..self.at).unwrap_or_default())))
    }

    fn broken(&mut self, broken: Broken, expected: u64) -> io::Result<Piece<'_>> {
        let (at, mut zero) = (self.place(), true);
        // The frame that its own length points to, if it can be believed; else whatever comes.
        let length = self.rest().first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
        let behind = frame::HEAD_BYTES + length.min(limits::FRAME_BYTES_MAX);
        let step = if broken == Broken::Sum && begins(self.rest(), behind, expected) { behind } else { 1 };
        self.step(step, &mut zero)?;
        while !begins(self.rest(), 0, expected) {
            if self.rest().is_empty() {
                break;
            }
            self.step(1, &mut zero)?;
        }
        let (to, ends) = (self.place(), self.rest().is_empty());
        let cut = ends && (broken == Broken::Short || zero);
        let why = match (self.spoilt && ends, cut) {
            (true, _) => Flaw::Compressed,
            (false, true) => Flaw::Cut,
            (false, false) => Flaw::Changed,
        };
        self.spoilt &= !ends;
        Ok(Piece::Broken { at, to, why })
    }

    /// Passes over bytes, and notes whether any of them is not zero. What is passed over next is at hand afterwards.
    fn step(&mut self, bytes: usize, zero: &mut bool) -> io::Result<()> {
        let passed = self.rest().get(..bytes).unwrap_or(self.rest());
        *zero &= passed.iter().all(|byte| *byte == 0);
        self.at += passed.len();
        if !self.ended && self.rest().len() < frame::HEAD_BYTES + limits::FRAME_BYTES_MAX {
            self.fill()?;
        }
        Ok(())
    }
}

/// Does a whole frame begin at this place, of a record that can come here? What a text holds by chance or by design is
/// told from it by its number.
fn begins(bytes: &[u8], at: usize, expected: u64) -> bool {
    let Some(rest) = bytes.get(at..) else { return false };
    let number = rest.get(frame::HEAD_BYTES + entry::SEQ_AT..).and_then(<[u8]>::first_chunk);
    let version = matches!(rest.get(frame::HEAD_BYTES), Some(&(entry::VERSION | entry::WITHHELD)));
    let near = number.is_some_and(|number| {
        let seq = u64::from_le_bytes(*number);
        seq.checked_sub(expected).is_some_and(|ahead| ahead <= limits::RECORDS_SKIPPED_MAX)
    });
    version && near && matches!(Frames::new(rest).next(), Some(Ok(_)))
}
