//! What leaves of one piece of input: ranges of it as they are, and what replaces the rest.
//!
//! Never: lets a held or a hidden byte out.

use std::cell::Cell;

use bytes::Bytes;
use bytes::BytesMut;

use crate::limits;
use crate::redact::malformed::Malformed;
use crate::redact::walk::cleared;

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooMuch {
    /// More than [`limits::JSON_HELD_BYTES_MAX`] around a key.
    Held,
    /// More than [`limits::ROW_BYTES_MAX`] of one row.
    Row,
}

impl TooMuch {
    /// The error, at a byte of the body.
    pub(super) const fn at(self, at: u64) -> Malformed {
        match self {
            Self::Held => Malformed::GapTooLong { at },
            Self::Row => Malformed::RowTooLong { at },
        }
    }
}

/// The bytes from a comma to the first byte of its member's value, until it is known whether the member stays.
#[derive(Debug, Clone, Copy)]
struct Hold {
    /// Where it begins in this piece; 0 if in an earlier one.
    at: usize,
    /// Does it begin with a comma?
    comma: bool,
}

/// Bytes that are copied all at once, though only the first so many are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShortText {
    bytes: [u8; 32],
    length: usize,
}

impl ShortText {
    pub(super) const NONE: Self = Self { bytes: [0; 32], length: 0 };

    /// The text, or none if it is long.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut short = Self::NONE;
        if let Some(own) = short.bytes.get_mut(..text.len()) {
            own.copy_from_slice(text);
            short.length = text.len();
        }
        short
    }

    /// Is there none?
    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// So many bytes are copied at once.
const NEAR: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Output {
    /// What replaces this piece so far, once that is more than one range of it.
    out: Vec<u8>,
    is_spilled: bool,
    /// Where in `out` a row begins of which nothing leaves until it is known whose it is.
    pending: Option<usize>,
    range: std::ops::Range<usize>,
    /// Where the range begins that leaves next, if it does.
    from: usize,
    hiding: bool,
    hold: Option<Hold>,
    /// What is held of earlier pieces.
    held: Vec<u8>,
}

impl Output {
    /// Forgets everything, and keeps no more than so many bytes of memory of each buffer.
    pub(super) fn clear(&mut self, bytes_max: usize) {
        let (mut out, mut held) = (std::mem::take(&mut self.out), std::mem::take(&mut self.held));
        cleared(&mut out, bytes_max);
        cleared(&mut held, bytes_max);
        *self = Self { out, held, ..Self::default() };
    }

    /// A new piece of input begins.
    pub(super) fn begin(&mut self) {
        self.range = 0..0;
        self.from = 0;
        if let Some(hold) = &mut self.hold {
            hold.at = 0;
        }
    }

    /// The piece ends; what leaves of it.
    ///
    /// # Errors
    /// More is held than may be.
    pub(super) fn end(&mut self, piece: &Bytes) -> Result<Bytes, TooMuch> {
        match self.hold {
            Some(hold) => {
                self.take(piece, hold.at);
                self.held.extend_from_slice(piece.get(hold.at..).unwrap_or_default());
                if self.held.len() > limits::JSON_HELD_BYTES_MAX {
                    return Err(TooMuch::Held);
                }
            }
            None if self.hiding => {}
            None => self.take(piece, piece.len()),
        }
        if self.pending == Some(0) {
            // A row that goes on: nothing leaves, and nothing is copied.
            return if self.out.len() > limits::ROW_BYTES_MAX { Err(TooMuch::Row) } else { Ok(Bytes::new()) };
        }
        if let Some(pending) = &mut self.pending {
            let row = self.out.split_off(std::mem::replace(pending, 0));
            if row.len() > limits::ROW_BYTES_MAX {
                return Err(TooMuch::Row);
            }
            return Ok(std::mem::replace(&mut self.out, row).into());
        }
        if !std::mem::take(&mut self.is_spilled) {
            return Ok(piece.slice(self.range.clone()));
        }
        if self.out.capacity() > SHORT {
            return Ok(Bytes::from(std::mem::take(&mut self.out)));
        }
        let out = copied(&self.out);
        self.out.clear();
        Ok(out)
    }

    /// What follows from `at` on is a row, or the comma before one, and does not leave until [`Self::keep_row`].
    pub(super) fn pend(&mut self, piece: &[u8], at: usize) {
        self.take(piece, at);
        self.spill(piece);
        self.pending = Some(self.out.len());
    }

    /// The row ends before `at` and leaves, without the comma before it if no row has left.
    ///
    /// # Errors
    /// It is too long.
    pub(super) fn keep_row(&mut self, piece: &[u8], at: usize, is_first: bool) -> Result<(), TooMuch> {
        self.take(piece, at);
        let Some(from) = self.pending.take() else { return Ok(()) };
        if self.out.len().saturating_sub(from) > limits::ROW_BYTES_MAX {
            return Err(TooMuch::Row);
        }
        if is_first && self.out.get(from) == Some(&b',') {
            self.out.remove(from);
        }
        Ok(())
    }

    /// The row ends before `at` and never leaves.
    ///
    /// # Errors
    /// It is too long. Whether it leaves must not depend on how it was cut.
    pub(super) fn drop_row(&mut self, piece: &[u8], at: usize) -> Result<(), TooMuch> {
        self.take(piece, at);
        let Some(from) = self.pending.take() else { return Ok(()) };
        if self.out.len().saturating_sub(from) > limits::ROW_BYTES_MAX {
            return Err(TooMuch::Row);
        }
        self.out.truncate(from);
        Ok(())
    }

    /// A byte that is neither kept nor replaced.
    pub(super) fn skip_byte(&mut self, piece: &[u8], at: usize) {
        self.take(piece, at);
        self.from = at + 1;
    }

    /// Holds what follows from `at` on.
    #[inline]
    pub(super) const fn hold(&mut self, at: usize, comma: bool) {
        self.hold = Some(Hold { at, comma });
    }

    pub(super) const fn is_holding(&self) -> bool {
        self.hold.is_some()
    }

    /// Is nothing held but a little of this piece before `at`?
    pub(super) const fn holds_little(&self, at: usize) -> bool {
        self.held.is_empty() && self.held_before(at) <= limits::JSON_HELD_BYTES_MAX / 4
    }

    /// What was held leaves; and what follows is held from the comma that stands here, if any.
    pub(super) fn hold_from(&mut self, comma: Option<usize>) {
        self.hold = comma.map(|at| Hold { at, comma: true });
    }

    /// What stands at `range` does not leave, but what is written here instead.
    #[inline(always)]
    pub(super) fn replace(&mut self, piece: &[u8], range: std::ops::Range<usize>) -> &mut Vec<u8> {
        if !self.is_spilled {
            self.take_first(piece, range.start);
        }
        self.out.extend_from_slice(piece.get(self.from..range.start).unwrap_or_default());
        self.from = range.end;
        &mut self.out
    }

    /// The same at once, where this piece's output is no longer a range of it, and nothing is held or hidden; and if it is
    /// not, nothing is done.
    #[inline(always)]
    pub(super) fn put(&mut self, piece: &[u8], range: std::ops::Range<usize>, with: &ShortText) -> bool {
        let Some(gap) = piece.get(self.from..range.start) else { return false };
        // Most gaps are short, and copying a little too much asks nobody for its length.
        let near = piece.get(self.from..).and_then(|rest| rest.first_chunk::<NEAR>());
        match near.filter(|_| gap.len() <= NEAR) {
            Some(near) => {
                let length = self.out.len() + gap.len();
                self.out.extend_from_slice(near);
                self.out.truncate(length);
            }
            None => self.out.extend_from_slice(gap),
        }
        let length = self.out.len() + with.length;
        self.out.extend_from_slice(&with.bytes);
        self.out.truncate(length);
        self.from = range.end;
        true
    }

    /// Is this piece's output no longer a range of it?
    pub(super) const fn has_spilled(&self) -> bool {
        self.is_spilled
    }

    #[cold]
    #[inline(never)]
    fn take_first(&mut self, piece: &[u8], to: usize) {
        self.take(piece, to);
        self.spill(piece);
        self.from = to;
    }

    /// How many bytes are held of what stands before `at`.
    pub(super) const fn held_before(&self, at: usize) -> usize {
        match self.hold {
            Some(hold) => self.held.len() + at.saturating_sub(hold.at),
            None => 0,
        }
    }

    /// Of what is held, the part from its byte `before` on, and what follows up to `to`, becomes this.
    pub(super) fn rewrite_held(&mut self, piece: &[u8], before: usize, to: usize, with: &[u8]) {
        let Some(Hold { at, comma }) = self.hold else { return };
        self.take(piece, at);
        self.held.extend_from_slice(piece.get(at..to).unwrap_or_default());
        self.held.truncate(before);
        self.held.extend_from_slice(with);
        self.from = to;
        self.hold = Some(Hold { at: to, comma });
    }

    /// The held bytes leave, without their comma if no member stands before them.
    ///
    /// # Errors
    /// They are too many.
    pub(super) fn keep(&mut self, piece: &[u8], at: usize, is_first: bool) -> Result<(), TooMuch> {
        let Some(hold) = self.hold.take() else { return Ok(()) };
        if self.held.len() + (at - hold.at) > limits::JSON_HELD_BYTES_MAX {
            return Err(TooMuch::Held);
        }
        let without_comma = hold.comma && is_first;
        if self.held.is_empty() {
            if without_comma {
                self.skip_byte(piece, hold.at);
            }
        } else {
            // Nothing else of this piece has left yet.
            self.spill(piece);
            self.out.extend_from_slice(self.held.get(usize::from(without_comma)..).unwrap_or_default());
            self.held.clear();
        }
        Ok(())
    }

    /// The held bytes never leave, nor what follows until [`Self::resume`].
    ///
    /// # Errors
    /// They are too many.
    pub(super) fn drop_held(&mut self, piece: &[u8], at: usize) -> Result<(), TooMuch> {
        let Some(hold) = self.hold.take() else { return Ok(()) };
        if self.held.len() + (at - hold.at) > limits::JSON_HELD_BYTES_MAX {
            return Err(TooMuch::Held);
        }
        self.held.clear();
        self.hide(piece, hold.at);
        Ok(())
    }

    /// What follows from `at` on does not leave, until [`Self::resume`].
    pub(super) fn hide(&mut self, piece: &[u8], at: usize) {
        self.take(piece, at);
        self.hiding = true;
    }

    /// What follows from `at` on leaves again.
    pub(super) const fn resume(&mut self, at: usize) {
        self.hiding = false;
        self.from = at;
    }

    /// Where to write what replaces a hidden value.
    pub(super) fn replacement(&mut self, piece: &[u8]) -> &mut Vec<u8> {
        self.spill(piece);
        &mut self.out
    }

    /// The input up to `to` leaves.
    fn take(&mut self, piece: &[u8], to: usize) {
        let range = std::mem::replace(&mut self.from, to)..to;
        if range.is_empty() {
            return;
        }
        if !self.is_spilled && self.range.is_empty() {
            self.range = range;
        } else if !self.is_spilled && self.range.end == range.start {
            self.range.end = range.end;
        } else {
            self.spill(piece);
            self.out.extend_from_slice(piece.get(range).unwrap_or_default());
        }
    }

    /// From now on this piece's output is no longer one range of it.
    fn spill(&mut self, piece: &[u8]) {
        if !std::mem::replace(&mut self.is_spilled, true) {
            // A little more than the piece, as most masks are.
            self.out.reserve(piece.len() + 64);
            let range = std::mem::replace(&mut self.range, 0..0);
            self.out.extend_from_slice(piece.get(range).unwrap_or_default());
        }
    }
}

/// What has no more room than this is copied out, so that the next piece finds the room again.
const SHORT: usize = 8 << 10;
/// So much memory short pieces share on their way to the client.
const SHARED: usize = 16 << 10;

thread_local! {
    /// What is left of it. Once all pieces in it have gone to their clients, all of it is free again.
    static ROOM: Cell<Option<BytesMut>> = const { Cell::new(None) };
}

fn copied(bytes: &[u8]) -> Bytes {
    let mut room = ROOM.take().unwrap_or_default();
    if room.capacity() < bytes.len() {
        room.reserve(SHARED.max(bytes.len()));
    }
    room.extend_from_slice(bytes);
    let out = room.split().freeze();
    ROOM.set(Some(room));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_pieces_share_memory_and_no_byte() {
        let texts: Vec<Vec<u8>> = (1..200_u8).map(|n| vec![n; usize::from(n) * 7]).collect();
        let pieces: Vec<Bytes> = texts.iter().map(|text| copied(text)).collect();
        assert!(pieces.iter().zip(&texts).all(|(piece, text)| piece == text));
        let next = |two: &[Bytes]| two[0].as_ptr().wrapping_add(two[0].len()) == two[1].as_ptr();
        let shared = pieces.windows(2).filter(|two| next(two)).count();
        assert!(shared > 150, "{shared}");
        // Once all have gone, their memory is used again.
        let (from, room) = (copied(b"x").as_ptr(), SHARED);
        drop(pieces);
        let again = (0..2 * room).map(|_| copied(b"y").as_ptr()).filter(|at| *at == from).count();
        assert!(again > 0);
    }
}
