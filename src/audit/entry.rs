//! The canonical record: the bytes that the log holds, that its trees are made over, and that every other form is made of.
//!
//! A record is `version, kind, flags, seq, time, book`, then its fields: each a key's code and a value that says what it
//! is. Equal facts are equal bytes: fields come in the order that their encoder fixes, and a number has one spelling.
//! [`Pen`] writes it on the request's thread, [`Entry`] reads it, [`line()`] makes the JSON line of it.
//! Never: performs I/O, allocates by what a length claims, or reads past what is there.
//! INVARIANT: what was written reads back (`any_record_reads_back_as_it_was_written`); the list of keys only grows at
//! its end (`no_key_of_the_log_changes_its_code`), for records are kept for years.

mod again;
mod keys;
mod pen;
mod read;
mod render;
mod withheld;

pub use again::append;
pub use again::append_head;
pub use again::append_value;
pub use again::varint;
pub use keys::KEYS;
pub(super) use keys::code;
pub use keys::code as code_of;
pub(super) use keys::key;
pub use keys::name;
pub use pen::Pen;
pub use read::Entry;
pub use read::Malformed;
pub use read::Tokens;
pub use read::Value;
pub use render::line;
pub use render::lines;
pub use withheld::WITHHELD;
pub use withheld::Withheld;
pub use withheld::leaf;
pub use withheld::seq;
pub use withheld::time_ms;
pub use withheld::withhold;

/// The version of the encoding that this program writes, and the only one that it reads.
pub const VERSION: u8 = 1;

/// Where in a record its number stands: eight bytes, little-endian. The log's writer fills it in.
pub const SEQ_AT: usize = 3;

/// The number of a record that the log's writer has not numbered.
pub const NOT_NUMBERED: u64 = u64::MAX;

/// Is it a record of what another book holds in full? Only for records that this program wrote.
pub(in crate::audit) fn is_mirror(record: &[u8]) -> bool {
    record.get(2).is_some_and(|flags| flags & 1 == 1)
}

/// Bytes of a record before the name of its book.
pub const HEAD_BYTES: usize = 19;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// What was decided for one request, and why.
    Decision,
    /// How an allowed request ended.
    Outcome,
    /// A decision that would have been another one by policies that are only looked at.
    Shadow,
    /// Something that happened to the program or to the log itself.
    Event,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Decision, Self::Outcome, Self::Shadow, Self::Event];

    /// The word for it in a JSON line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Outcome => "outcome",
            Self::Shadow => "shadow",
            Self::Event => "event",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Decision => 1,
            Self::Outcome => 2,
            Self::Shadow => 3,
            Self::Event => 4,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What a value is, as its first byte says it.
pub(super) mod tag {
    pub(in crate::audit) const WHOLE: u8 = 0;
    pub(in crate::audit) const TEXT: u8 = 1;
    pub(in crate::audit) const BYTES: u8 = 2;
    pub(in crate::audit) const NUMBER: u8 = 3;
    pub(in crate::audit) const ID: u8 = 4;
    pub(in crate::audit) const HEX: u8 = 5;
    pub(in crate::audit) const TIME: u8 = 6;
    pub(in crate::audit) const IP: u8 = 7;
    pub(in crate::audit) const OBJECT: u8 = 8;
    pub(in crate::audit) const LIST: u8 = 9;
    pub(in crate::audit) const CUT_TEXT: u8 = 10;
    pub(in crate::audit) const CUT_BYTES: u8 = 11;
    pub(in crate::audit) const CUT_LIST: u8 = 127;
}

#[cfg(test)]
mod tests;
