//! What a content type says of a body, and of a part of one.
//!
//! Never: takes a type for one that can be read because it looks like it.

use std::fmt;

use crate::redact::multipart::Boundary;
use crate::redact::plan::Plan;
use crate::redact::reader::Encoding;
use crate::redact::reader::Format;

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

/// What a content type says.
pub(super) struct Said {
    /// In lower case.
    pub(super) media_type: String,
    /// Of a table: does the first row name the columns?
    pub(super) is_named: Option<bool>,
    pub(super) boundary: Option<Boundary>,
    /// Has it a parameter of which nothing is known here?
    is_odd: bool,
}

/// Takes a content type apart.
pub(super) fn said(content_type: &str) -> Result<Said, Unreadable> {
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let mut said = Said { media_type, is_named: None, boundary: None, is_odd: false };
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or(Unreadable::ContentType)?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        match &*name.trim().to_ascii_lowercase() {
            // RFC 2231: some readers take `boundary*` or `charset*0` for the parameter itself, and the last one said.
            name if name.contains('*') => return Err(Unreadable::ContentType),
            "charset" if !["utf-8", "utf8"].iter().any(|utf8| value.eq_ignore_ascii_case(utf8)) => {
                return Err(Unreadable::Charset);
            }
            "header" => said.is_named = Some(value.eq_ignore_ascii_case("present")),
            "boundary" => {
                let boundary = Boundary::new(value).ok_or(Unreadable::ContentType)?;
                if said.boundary.replace(boundary).is_some() {
                    return Err(Unreadable::ContentType);
                }
            }
            "charset" => {}
            _ => said.is_odd = true,
        }
    }
    Ok(said)
}

/// The format of bodies of a content type; `None` for those that cannot be read.
pub(super) fn format(said: &Said) -> Option<Format> {
    match &*said.media_type {
        "application/json" | "text/json" => return Some(Format::Json),
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonl"
        | "application/jsonlines"
        | "application/x-jsonlines"
        | "text/x-ndjson" => return Some(Format::Lines),
        "application/json-seq" => return Some(Format::Sequence),
        "application/x-www-form-urlencoded" => return Some(Format::Form),
        "multipart/form-data" => return said.boundary.map(Format::Multipart),
        "text/event-stream" => return Some(Format::Events),
        "application/xml" | "text/xml" => return Some(Format::Xml),
        // `encoding=delimited` puts a length before each message, and others name another message: read as one of the
        // route's, such bytes would say something else.
        "application/x-protobuf"
        | "application/protobuf"
        | "application/vnd.google.protobuf"
        | "application/vnd.google.protobuf+proto"
            if said.is_odd =>
        {
            return None;
        }
        "application/x-protobuf"
        | "application/protobuf"
        | "application/vnd.google.protobuf"
        | "application/vnd.google.protobuf+proto" => return Some(Format::Protobuf),
        "application/grpc" | "application/grpc+proto" => return Some(Format::Grpc(Encoding::Identity)),
        "text/csv" if said.is_named == Some(false) => return None,
        "text/csv" => return Some(Format::Csv { is_named: said.is_named.is_some() }),
        _ => {}
    }
    let (_, sub) = said.media_type.split_once('/').filter(|(kind, _)| !kind.is_empty())?;
    if sub.ends_with("+json") {
        Some(Format::Json)
    } else if sub.ends_with("+json-seq") {
        Some(Format::Sequence)
    } else if sub.ends_with("+xml") {
        Some(Format::Xml)
    } else {
        None
    }
}

/// What a part of a form may hold, if something in the form may have to be hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartType {
    /// Text.
    Text,
    /// One JSON document.
    Json,
    /// Anything: the route lets it pass unread.
    Opaque,
}

/// The type of a part with this content type; `None` for any other.
pub(super) fn part_type(plan: &Plan, content_type: &str) -> Option<PartType> {
    let said = said(content_type).ok()?;
    if said.media_type == "text/plain" {
        return Some(PartType::Text);
    }
    if format(&said) == Some(Format::Json) {
        return Some(PartType::Json);
    }
    plan.shape.lets_pass(&said.media_type).then_some(PartType::Opaque)
}

/// A content type without its parameters, in lower case.
pub(super) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Can bodies of this type, in lower case, be read, at least with the right parameters?
pub(super) fn is_readable_type(media_type: &str) -> bool {
    let boundary = Boundary::new("x");
    format(&Said { media_type: media_type.to_owned(), is_named: None, boundary, is_odd: false }).is_some()
}

/// Can rows be told in bodies of this type, in lower case? A wildcard may mean any.
pub(super) fn tells_rows(media_type: &str) -> bool {
    let boundary = Boundary::new("x");
    let said = Said { media_type: media_type.to_owned(), is_named: None, boundary, is_odd: false };
    media_type.contains('*') || format(&said).is_some_and(Format::has_rows)
}
