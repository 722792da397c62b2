//! Why a body cannot be read, and so not be passed on.
//!
//! Never: holds or prints anything of the body but positions.

use std::fmt;

use crate::limits;

/// Why a body cannot be read. A byte position counts from 0 in the decoded body, and is where it was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The byte does not belong there in strict JSON (RFC 8259), or is not UTF-8.
    NotJson {
        /// Where.
        at: u64,
    },
    /// The body ended within its value, or was empty.
    Truncated,
    /// Nested deeper than [`limits::JSON_DEPTH_MAX`].
    TooDeep {
        /// Where.
        at: u64,
    },
    /// A key longer than [`limits::JSON_KEY_BYTES_MAX`].
    KeyTooLong {
        /// Where.
        at: u64,
    },
    /// A key that is not valid text, or that clients read as different names: half of a surrogate pair, a NUL.
    BadKey {
        /// Where.
        at: u64,
    },
    /// A number longer than [`limits::JSON_NUMBER_BYTES_MAX`].
    NumberTooLong {
        /// Where.
        at: u64,
    },
    /// More than [`limits::JSON_HELD_BYTES_MAX`] around the key of a member that may have to be dropped.
    GapTooLong {
        /// Where.
        at: u64,
    },
    /// More than [`limits::ROW_BYTES_MAX`] of one row of which it is to be known whose it is.
    RowTooLong {
        /// Where.
        at: u64,
    },
    /// The row that ends there is another owner's, or names none, and cannot be taken out.
    ForeignRow {
        /// Where.
        at: u64,
    },
    /// The byte does not belong there in a form, or the field that ends there has a name or value that cannot be judged.
    NotForm {
        /// Where.
        at: u64,
    },
    /// A line that is neither data, a known field nor a comment of server-sent events.
    NotEvents {
        /// Where.
        at: u64,
    },
    /// More than [`limits::EVENT_BYTES_MAX`] of one server-sent event.
    EventTooLong {
        /// Where.
        at: u64,
    },
    /// The byte does not belong there in a table (RFC 4180), or the row that ends there cannot be judged: it has too many or
    /// too few cells, or the first one names no column that is known.
    NotCsv {
        /// Where.
        at: u64,
    },
    /// What stands there is no sound part, or delimiter of parts (RFC 7578), or the part that ends there cannot be judged.
    NotMultipart {
        /// Where.
        at: u64,
    },
    /// What stands there may not stand in XML, or in XML that can be judged: a document type, a processing instruction, an
    /// unknown entity.
    NotXml {
        /// Where.
        at: u64,
    },
    /// The line that ends there is no text in UTF-8.
    NotText {
        /// Where.
        at: u64,
    },
    /// Values are to be found by their form in what cannot be searched for them.
    Unsearchable,
    /// A tag of XML longer than [`limits::XML_TAG_BYTES_MAX`].
    TagTooLong {
        /// Where.
        at: u64,
    },
    /// What stands there is no message of Protocol Buffers, or of a route that names none, or has a group.
    NotProtobuf {
        /// Where the message begins.
        at: u64,
    },
    /// A message of Protocol Buffers has a field that the descriptors do not know, and the route refuses those.
    UnknownField {
        /// Where the message begins.
        at: u64,
    },
    /// A message of Protocol Buffers longer than [`limits::PROTOBUF_BYTES_MAX`], or one that would become longer than
    /// [`limits::PROTOBUF_REWRITTEN_MAX`].
    MessageTooLong {
        /// Where it begins.
        at: u64,
    },
    /// More than [`limits::FIELD_BYTES_MAX`] of one field that may have to be hidden, of its name, or of a row.
    FieldTooLong {
        /// Where.
        at: u64,
    },
    /// The compressed stream is broken, cut short, followed by something else, or needs a larger window than
    /// [`limits::INFLATE_WINDOW_BYTES_MAX`].
    Encoding,
    /// The compressed stream grows by more than [`limits::INFLATE_RATIO_MAX`].
    Inflates,
}

impl Malformed {
    /// The same in a body that so many bytes stand before.
    pub(super) const fn after(self, before: u64) -> Self {
        match self {
            Self::NotJson { at } => Self::NotJson { at: before + at },
            Self::TooDeep { at } => Self::TooDeep { at: before + at },
            Self::KeyTooLong { at } => Self::KeyTooLong { at: before + at },
            Self::BadKey { at } => Self::BadKey { at: before + at },
            Self::NumberTooLong { at } => Self::NumberTooLong { at: before + at },
            Self::GapTooLong { at } => Self::GapTooLong { at: before + at },
            Self::RowTooLong { at } => Self::RowTooLong { at: before + at },
            Self::ForeignRow { at } => Self::ForeignRow { at: before + at },
            Self::NotForm { at } => Self::NotForm { at: before + at },
            Self::NotMultipart { at } => Self::NotMultipart { at: before + at },
            Self::NotEvents { at } => Self::NotEvents { at: before + at },
            Self::EventTooLong { at } => Self::EventTooLong { at: before + at },
            Self::NotCsv { at } => Self::NotCsv { at: before + at },
            Self::FieldTooLong { at } => Self::FieldTooLong { at: before + at },
            Self::NotProtobuf { at } => Self::NotProtobuf { at: before + at },
            Self::UnknownField { at } => Self::UnknownField { at: before + at },
            Self::MessageTooLong { at } => Self::MessageTooLong { at: before + at },
            Self::NotXml { at } => Self::NotXml { at: before + at },
            Self::Unsearchable => Self::Unsearchable,
            Self::NotText { at } => Self::NotText { at: before + at },
            Self::TagTooLong { at } => Self::TagTooLong { at: before + at },
            Self::Truncated | Self::Encoding | Self::Inflates => self,
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson { at } => write!(f, "the body is not JSON at byte {at}"),
            Self::Truncated => f.write_str("the body ends before its value does"),
            Self::TooDeep { at } => {
                write!(f, "the body is nested deeper than {} at byte {at}", limits::JSON_DEPTH_MAX)
            }
            Self::KeyTooLong { at } => {
                write!(f, "a key is longer than {} bytes at byte {at}", limits::JSON_KEY_BYTES_MAX)
            }
            Self::BadKey { at } => {
                write!(f, "a key is not valid text, or clients would read it differently, at byte {at}")
            }
            Self::NumberTooLong { at } => {
                write!(f, "a number is longer than {} bytes at byte {at}", limits::JSON_NUMBER_BYTES_MAX)
            }
            Self::GapTooLong { at } => {
                write!(f, "more than {} bytes around a key at byte {at}", limits::JSON_HELD_BYTES_MAX)
            }
            Self::RowTooLong { at } => {
                write!(f, "a row is longer than {} bytes at byte {at}", limits::ROW_BYTES_MAX)
            }
            Self::ForeignRow { at } => write!(f, "the row before byte {at} is another owner's, or nobody's"),
            Self::NotForm { at } => write!(f, "the body is not a form at byte {at}"),
            Self::NotMultipart { at } => write!(f, "the body has no sound part at byte {at}"),
            Self::NotEvents { at } => write!(f, "the line before byte {at} is of no server-sent event"),
            Self::EventTooLong { at } => {
                write!(f, "an event is longer than {} bytes at byte {at}", limits::EVENT_BYTES_MAX)
            }
            Self::NotCsv { at } => {
                write!(f, "the table has no row whose columns are known and whole at byte {at}")
            }
            Self::FieldTooLong { at } => {
                write!(f, "a field or row is longer than {} bytes at byte {at}", limits::FIELD_BYTES_MAX)
            }
            Self::NotText { at } => write!(f, "the line before byte {at} is no text in UTF-8"),
            Self::Unsearchable => f.write_str(
                "what nobody classified cannot be found in a body of this format, and some of it is hidden",
            ),
            Self::NotProtobuf { at } => {
                write!(f, "no message that the route's descriptors know begins at byte {at}")
            }
            Self::UnknownField { at } => {
                write!(f, "the message that begins at byte {at} has a field that the descriptors do not know")
            }
            Self::MessageTooLong { at } => {
                write!(f, "a message is longer than {} bytes at byte {at}", limits::PROTOBUF_BYTES_MAX)
            }
            Self::NotXml { at } => write!(f, "the body is not XML that can be judged at byte {at}"),
            Self::TagTooLong { at } => {
                write!(f, "a tag is longer than {} bytes at byte {at}", limits::XML_TAG_BYTES_MAX)
            }
            Self::Encoding => f.write_str(
                "the compressed stream is broken, cut short, followed by something else, or too wide",
            ),
            Self::Inflates => {
                write!(f, "the compressed stream inflates by more than {}", limits::INFLATE_RATIO_MAX)
            }
        }
    }
}

impl std::error::Error for Malformed {}
