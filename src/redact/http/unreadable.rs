//! Why a body cannot be read, by its headers.
//!
//! Never: tells of anything in the body.

use std::fmt;

/// Why a body is not of a kind that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// There is no content type, or more than one.
    NoContentType,
    /// The content type is of no format that can be redacted.
    ContentType,
    /// The charset is not UTF-8.
    Charset,
    /// A content encoding that is not known, or several.
    Encoding,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoContentType => "the body has no content type, or more than one",
            Self::ContentType => "the content type is of no format that can be redacted",
            Self::Charset => "the charset is not UTF-8",
            Self::Encoding => "the content encoding is not known, or there are several",
        })
    }
}

impl std::error::Error for Unreadable {}
