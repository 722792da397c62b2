//! Writes one record as a frame of the log, straight into a buffer.
//!
//! Never: lets one text, one list or the record grow past its bound: what is longer is cut, and says so.

use std::net::IpAddr;

use crate::audit::entry::HEAD_BYTES;
use crate::audit::entry::Kind;
use crate::audit::entry::NOT_NUMBERED;
use crate::audit::entry::VERSION;
use crate::audit::entry::tag;
use crate::audit::frame;
use crate::ids::DecisionId;
use crate::ids::Digest;
use crate::limits;

/// How long most records are at most: room made at once, so that no field has to.
const USUAL_BYTES: usize = 1 << 10;

/// One record that is being written.
#[derive(Debug)]
pub struct Pen<'v> {
    out: &'v mut Vec<u8>,
    start: usize,
}

impl<'v> Pen<'v> {
    /// Begins a record of this kind, made at `time_ms` since 1970, in the book of this tenant, or in the program's own
    /// where that is empty. A mirror is a record of what another book holds in full.
    pub(in crate::audit) fn open(
        out: &'v mut Vec<u8>,
        kind: Kind,
        mirror: bool,
        time_ms: u64,
        book: &str,
    ) -> Self {
        out.reserve(USUAL_BYTES);
        let start = out.len();
        out.extend_from_slice(&[0; frame::HEAD_BYTES]);
        let [s0, s1, s2, s3, s4, s5, s6, s7] = NOT_NUMBERED.to_le_bytes();
        let [t0, t1, t2, t3, t4, t5, t6, t7] = time_ms.to_le_bytes();
        #[rustfmt::skip]
        let head: [u8; HEAD_BYTES] = [
            VERSION, kind.code(), u8::from(mirror), s0, s1, s2, s3, s4, s5, s6, s7, t0, t1, t2, t3, t4, t5, t6, t7,
        ];
        out.extend_from_slice(&head);
        let mut pen = Self { out, start };
        // A tenant's name is far shorter; what somebody only claims to be one has no book.
        let book = if book.len() > limits::BOOK_BYTES_MAX { "" } else { book };
        pen.counted(book.as_bytes());
        pen
    }

    /// Ends the record.
    pub(in crate::audit) fn close(self) {
        frame::finish(self.out, self.start);
    }

    #[inline]
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(low(number) | 0x80);
            number >>= 7;
        }
        self.out.push(low(number));
    }

    #[inline]
    fn counted(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// A field that is an object.
    pub(in crate::audit) fn object(&mut self, key: u8, write: impl FnOnce(&mut Self)) {
        self.out.push(key);
        self.object_value(write);
    }

    pub(in crate::audit) fn object_value(&mut self, write: impl FnOnce(&mut Self)) {
        self.out.push(tag::OBJECT);
        write(self);
        self.out.push(0);
    }

    /// A field that is a list. It ends early, and is marked, at `max` items or where the next may not fit the record.
    pub(in crate::audit) fn list<T>(
        &mut self,
        key: u8,
        max: usize,
        items: &[T],
        write: impl Fn(&mut Self, &T),
    ) {
        self.list_within(key, (max, limits::RECORD_BYTES_MAX), items, write);
    }

    /// The same, with a bound on its bytes as well: further fields come after it.
    pub(in crate::audit) fn list_within<T>(
        &mut self,
        key: u8,
        (max, bytes_max): (usize, usize),
        items: &[T],
        write: impl Fn(&mut Self, &T),
    ) {
        self.out.push(key);
        self.out.push(tag::LIST);
        let begin = self.out.len();
        for (at, item) in items.iter().enumerate() {
            let full = self.out.len() - self.start + limits::RECORD_ITEM_BYTES_MAX;
            let long = self.out.len() - begin + limits::RECORD_FIELD_BYTES_MAX > bytes_max;
            if at >= max || long || full > limits::RECORD_BYTES_MAX {
                self.out.push(tag::CUT_LIST);
                return;
            }
            write(self, item);
        }
        self.out.push(tag::WHOLE);
    }

    #[inline]
    pub(in crate::audit) fn text(&mut self, key: u8, text: &str) {
        self.out.push(key);
        self.text_value(text);
    }

    pub(in crate::audit) fn maybe_text(&mut self, key: u8, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    #[inline]
    pub(in crate::audit) fn text_value(&mut self, text: &str) {
        if text.len() <= limits::RECORD_FIELD_BYTES_MAX {
            self.out.push(tag::TEXT);
            self.counted(text.as_bytes());
        } else {
            let end = text.floor_char_boundary(limits::RECORD_FIELD_BYTES_MAX);
            self.out.push(tag::CUT_TEXT);
            self.counted(text.as_bytes().get(..end).unwrap_or_default());
        }
    }

    /// Text that somebody else made, and that may not be UTF-8.
    pub(in crate::audit) fn bytes(&mut self, key: u8, bytes: &[u8]) {
        if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
            return self.text(key, text);
        }
        let kept = bytes.get(..limits::RECORD_FIELD_BYTES_MAX);
        self.out.extend_from_slice(&[key, if kept.is_some() { tag::CUT_BYTES } else { tag::BYTES }]);
        self.counted(kept.unwrap_or(bytes));
    }

    #[inline]
    pub(in crate::audit) fn number(&mut self, key: u8, number: u64) {
        self.out.extend_from_slice(&[key, tag::NUMBER]);
        self.varint(number);
    }

    pub(in crate::audit) fn id(&mut self, key: u8, id: DecisionId) {
        self.out.extend_from_slice(&[key, tag::ID]);
        self.out.extend_from_slice(id.as_bytes());
    }

    pub(in crate::audit) fn digest(&mut self, key: u8, digest: &Digest) {
        self.hex(key, digest.as_bytes());
    }

    /// At most 32 bytes, a multiple of four.
    pub(in crate::audit) fn hex<const N: usize>(&mut self, key: u8, bytes: &[u8; N]) {
        const { assert!(N <= 32 && N.is_multiple_of(4), "a hexadecimal field is at most a digest") };
        #[expect(clippy::cast_possible_truncation, reason = "asserted to be at most 32")]
        let length = N as u8;
        self.out.extend_from_slice(&[key, tag::HEX, length]);
        self.out.extend_from_slice(bytes);
    }

    /// A time in milliseconds since 1970.
    pub(in crate::audit) fn time(&mut self, key: u8, time_ms: u64) {
        self.out.extend_from_slice(&[key, tag::TIME]);
        self.out.extend_from_slice(&time_ms.to_le_bytes());
    }

    pub(in crate::audit) fn ip(&mut self, key: u8, ip: IpAddr) {
        self.out.extend_from_slice(&[key, tag::IP]);
        match ip {
            IpAddr::V4(ip) => {
                self.out.push(4);
                self.out.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                self.out.push(16);
                self.out.extend_from_slice(&ip.octets());
            }
        }
    }
}

const fn low(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}
