//! Content types that a route lets pass unread, although something in its bodies may have to be hidden.
//!
//! Never: names a type that can be read.

use std::fmt;

use ::http::HeaderMap;
use ::http::header;

use crate::redact::coding::Inflate;
use crate::redact::content_type::is_readable_type;
use crate::redact::http::encoding;
use crate::redact::malformed::Malformed;
use crate::redact::reader::Encoding;

/// A content type, or all of one kind: `application/pdf`, `image/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRange {
    /// In lower case.
    kind: Box<str>,
    /// `None` for all of its kind.
    sub: Option<Box<str>>,
}

/// Why a text is no range of content types that may pass unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadRange {
    /// It is none at all.
    NoRange,
    /// A type of it can be read.
    Readable,
}

impl fmt::Display for BadRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRange => "is no content type, and not all of one kind, as `image/*` is",
            Self::Readable => "can be read, and so what may not be seen in it can be hidden",
        })
    }
}

impl std::error::Error for BadRange {}

/// Watches how a body begins of which the client alone says that nobody can read it.
#[derive(Debug, Default)]
pub struct Beginning {
    is_over: bool,
    inflate: Option<Box<Inflate>>,
}

impl Beginning {
    /// Of a body with these headers. `None` where it cannot be seen how it begins: it is in a coding that apps know and
    /// that is not decoded here, or in several.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let line = headers.get(header::CONTENT_ENCODING);
        if let Some(encoding) = encoding(line) {
            return Some(Self { is_over: false, inflate: Inflate::new(encoding).map(Box::new) });
        }
        let line = line?.to_str().ok()?.to_ascii_lowercase();
        let mut names = line.split(',').map(|name| name.trim().trim_start_matches("x-"));
        // What is in a coding that nobody knows is what its route says it is.
        let is_known = |name: &str| name == "compress" || Encoding::named(name).is_some();
        (!names.any(is_known)).then(Self::default)
    }

    /// Is what comes next the first of the body, and does it begin like an object, an array or a string of JSON? Byte order
    /// marks, white space and the zeros of wider characters may stand before it. What cannot be decoded is refused as well.
    pub fn is_refused(&mut self, piece: &[u8]) -> bool {
        if self.is_over {
            return false;
        }
        let mut first = None;
        let mut look = |plain: &[u8]| {
            first = first.or_else(|| plain.iter().find(|byte| !BEFORE.contains(byte)).copied());
            first.is_some()
        };
        let is_broken = match &mut self.inflate {
            // No more is decoded than it takes to know.
            Some(inflate) => inflate
                .feed(
                    piece,
                    |plain| if look(&plain) { Err(Malformed::Inflates) } else { Ok(plain.slice(..0)) },
                )
                .is_err(),
            None => {
                look(piece);
                false
            }
        };
        self.is_over = first.is_some();
        match first {
            Some(first) => {
                self.inflate = None;
                matches!(first, b'{' | b'[' | b'"')
            }
            None => is_broken,
        }
    }
}

/// What may stand before JSON.
const BEFORE: &[u8] = b" \t\n\r\0\xef\xbb\xbf\xfe\xff";

/// Kinds of which some types can be read by what they are, not by how their names end.
const MIXED: [&str; 3] = ["application", "text", "multipart"];

/// Is this one half of a content type (RFC 6838, section 4.2)?
fn is_token(part: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    !part.is_empty() && part.bytes().all(is_of_token)
}

impl MediaRange {
    /// Reads a range as it is written in files.
    ///
    /// # Errors
    /// When it is none, or of what can be read.
    pub fn parse(text: &str) -> Result<Self, BadRange> {
        let text = text.to_ascii_lowercase();
        let (kind, sub) = text.split_once('/').ok_or(BadRange::NoRange)?;
        if (kind, sub) == ("*", "*") {
            return Err(BadRange::Readable);
        }
        if !is_token(kind) || !(sub == "*" || is_token(sub)) {
            return Err(BadRange::NoRange);
        }
        if (sub == "*" && MIXED.contains(&kind)) || is_readable_type(&text) {
            return Err(BadRange::Readable);
        }
        Ok(Self { kind: kind.into(), sub: (sub != "*").then(|| sub.into()) })
    }

    /// Is this one of its types, in lower case and without parameters? One that can be read never is, nor are several.
    pub(super) fn holds(&self, media_type: &str) -> bool {
        let Some((kind, sub)) = media_type.split_once('/').filter(|(_, sub)| is_token(sub)) else {
            return false;
        };
        let is_of_kind = *kind == *self.kind && self.sub.as_ref().is_none_or(|own| **own == *sub);
        is_of_kind && !is_readable_type(media_type)
    }
}

impl fmt::Display for MediaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.sub.as_deref().unwrap_or("*"))
    }
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;
    use bytes::Buf as _;
    use bytes::Bytes;

    use super::*;
    use crate::redact::Encoder;
    use crate::redact::Redacted;

    #[test]
    fn what_begins_like_json_is_known_wherever_it_is_cut() {
        for (body, is_json) in [
            ("{", true),
            (" \n\t\r[1]", true),
            ("\u{feff}\"a\"", true),
            ("\0{\0\"", true),
            ("\u{89}PNG {", false),
            ("GIF89a", false),
            ("<a>{", false),
            ("7", false),
            ("", false),
        ] {
            for at in 0..=body.len() {
                let mut beginning = Beginning::default();
                let (first, last) = body.as_bytes().split_at(at);
                let found = [first, last].map(|piece| beginning.is_refused(piece));
                assert_eq!(found.contains(&true), is_json, "{body:?}");
            }
        }
        for wide in [&b"\xff\xfe{\0"[..], b"\xfe\xff\0["] {
            assert!(Beginning::default().is_refused(wide));
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_as_far_as_its_first_byte() {
        let of = |coding: &'static str| {
            Beginning::of(
                &[(header::CONTENT_ENCODING, HeaderValue::from_static(coding))].into_iter().collect(),
            )
        };
        for coding in Encoding::CODED {
            for (body, is_json) in [("  {\"ssn\": 1}", true), ("[", true), ("GIF89a {", false)] {
                let encoder = Encoder::new(coding).unwrap();
                let mut encoded = encoder.finish(&Redacted(Bytes::from_static(body.as_bytes()))).unwrap();
                let encoded = encoded.copy_to_bytes(encoded.remaining());
                for size in [1, 5, encoded.len()] {
                    let mut beginning = of(coding.name()).unwrap();
                    let found = encoded.chunks(size).any(|piece| beginning.is_refused(piece));
                    assert_eq!(found, is_json, "{coding:?} {body} {size}");
                }
            }
            assert!(of(coding.name()).unwrap().is_refused(b"{ is no such stream"), "{coding:?}");
        }
        for coding in ["gzip, gzip", "identity, br", "x, GZip", "compress", "x-compress"] {
            assert!(of(coding).is_none(), "{coding}");
        }
        // Nobody knows it, so that it is what the route says.
        assert!(!of("x").unwrap().is_refused(b"\xff") && of("x").unwrap().is_refused(b"{"));
        assert!(of("X-Gzip").unwrap().is_refused(b"{ is no such stream"));
    }

    #[test]
    fn a_range_never_holds_what_can_be_read() {
        for text in
            ["application/pdf", "image/*", "IMAGE/PNG", "application/octet-stream", "text/html", "video/mp4"]
        {
            assert!(MediaRange::parse(text).is_ok(), "{text}");
        }
        for text in [
            "*/*",
            "application/*",
            "text/*",
            "multipart/*",
            "application/json",
            "Application/Fhir+JSON",
            "image/svg+xml",
            "text/csv",
            "multipart/form-data",
            "application/x-www-form-urlencoded",
            "application/grpc",
            "application/x-protobuf",
            "text/event-stream",
        ] {
            assert_eq!(MediaRange::parse(text), Err(BadRange::Readable), "{text}");
        }
        for text in
            ["", "image", "image/", "/png", "*/png", "image/png; a=b", "image/p*", "a/b/c", " image/png"]
        {
            assert_eq!(MediaRange::parse(text), Err(BadRange::NoRange), "{text}");
        }
        let images = MediaRange::parse("image/*").unwrap();
        assert!(images.holds("image/png") && !images.holds("image/svg+xml") && !images.holds("imagex/png"));
        assert!(!images.holds("image") && !images.holds(""));
        let pdf = MediaRange::parse("application/pdf").unwrap();
        assert!(pdf.holds("application/pdf") && !pdf.holds("application/pdfx"));
    }
}
