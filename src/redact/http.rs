//! What redaction means for the headers around a body (RFC 9110, 9111, 9530).
//!
//! A plan that hides nothing leaves all headers alone.
//!
//! Never: lets a header through that describes bytes which are not sent.

mod call;

use ::http::HeaderMap;
use ::http::HeaderName;
use ::http::HeaderValue;
use ::http::header;

use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::content_type::essence;
use crate::redact::content_type::format;
use crate::redact::content_type::said;
use crate::redact::plan::Plan;

pub use crate::redact::content_type::Unreadable;
pub use call::call_status;

/// Headers that describe the bytes of a body, and so no longer hold.
const OF_THE_BYTES: [&str; 14] = [
    "content-length",
    "content-encoding",
    "content-digest",
    "repr-digest",
    "digest",
    "content-md5",
    "x-amz-content-sha256",
    "x-goog-hash",
    "x-ms-blob-content-md5",
    "signature",
    "signature-input",
    "content-range",
    "trailer",
    "im",
];
/// Headers that describe the bytes of a body, by how they begin.
const CHECKSUM_PREFIX: &str = "x-amz-checksum-";

/// Can a body with these headers be read? In UTF-8, as it is or compressed. One value each: see [`readable_body`].
///
/// # Errors
/// Says why not.
pub fn readable(
    content_type: Option<&HeaderValue>,
    content_encoding: Option<&HeaderValue>,
) -> Result<Content, Unreadable> {
    read(content_type, content_encoding, false)
}

/// [`readable`] for what a plan hides: plain text too where it hides nothing but what is found by its form, and no XML
/// where it hides any of that.
///
/// # Errors
/// Says why not.
pub fn readable_by(
    plan: &Plan,
    content_type: Option<&HeaderValue>,
    content_encoding: Option<&HeaderValue>,
) -> Result<Content, Unreadable> {
    match read(content_type, content_encoding, plan.reads_text())? {
        Content { format: Format::Xml, .. } if plan.finds => Err(Unreadable::ContentType),
        content => Ok(content),
    }
}

fn read(
    content_type: Option<&HeaderValue>,
    content_encoding: Option<&HeaderValue>,
    reads_text: bool,
) -> Result<Content, Unreadable> {
    let content_type =
        content_type.ok_or(Unreadable::NoContentType)?.to_str().map_err(|_| Unreadable::ContentType)?;
    let said = said(content_type)?;
    let text = (reads_text && said.media_type == "text/plain").then_some(Format::Text);
    let format = format(&said).or(text).ok_or(Unreadable::ContentType)?;
    Ok(Content { format, encoding: encoding(content_encoding).ok_or(Unreadable::Encoding)? })
}

/// Can rows of somebody else be told in bodies of this content type? Where they cannot, such a body is refused on a route that
/// has rows.
#[must_use]
pub fn tells_rows(content_type: &str) -> bool {
    crate::redact::content_type::tells_rows(&essence(content_type))
}

/// The one encoding that a header names; `None` for any other, or several.
pub(super) fn encoding(content_encoding: Option<&HeaderValue>) -> Option<Encoding> {
    match &*content_encoding.map_or(Ok(""), HeaderValue::to_str).ok()?.trim().to_ascii_lowercase() {
        "" => Some(Encoding::Identity),
        name => Encoding::named(name),
    }
}

/// The encoding of a body that the headers of an answer to `HEAD` describe; a body of an unknown one would be refused.
#[must_use]
pub fn described_encoding(headers: &HeaderMap) -> Encoding {
    encoding(headers.get(header::CONTENT_ENCODING)).unwrap_or(Encoding::Identity)
}

/// [`readable`] for a whole header map: a second line of either header is unreadable, whatever it says.
///
/// # Errors
/// Says why not.
pub fn readable_body(headers: &HeaderMap) -> Result<Content, Unreadable> {
    let (content_type, content_encoding) = described(headers)?;
    with_messages(headers, readable(content_type, content_encoding)?)
}

/// The same by what a plan hides: [`readable_by`]; or of a type that the route lets pass unread.
///
/// # Errors
/// Says why not.
pub fn readable_body_by(plan: &Plan, headers: &HeaderMap) -> Result<Content, Unreadable> {
    let (content_type, content_encoding) = described(headers)?;
    let found = readable_by(plan, content_type, content_encoding);
    or_opaque(plan, content_type, found.and_then(|content| with_messages(headers, content)))
}

/// The one line of a header, if there is any.
fn one(headers: &HeaderMap, name: HeaderName, error: Unreadable) -> Result<Option<&HeaderValue>, Unreadable> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    if lines.next().is_some() { Err(error) } else { Ok(first) }
}

/// The same, with how the messages in it are encoded.
fn with_messages(headers: &HeaderMap, mut content: Content) -> Result<Content, Unreadable> {
    if let Format::Grpc(of_messages) = &mut content.format {
        let line = one(headers, HeaderName::from_static("grpc-encoding"), Unreadable::Encoding)?;
        *of_messages = encoding(line).ok_or(Unreadable::Encoding)?;
    }
    Ok(content)
}

/// The headers that describe a whole body, one line of each at most.
fn described(headers: &HeaderMap) -> Result<(Option<&HeaderValue>, Option<&HeaderValue>), Unreadable> {
    let content_type = one(headers, header::CONTENT_TYPE, Unreadable::NoContentType)?;
    let content_encoding = one(headers, header::CONTENT_ENCODING, Unreadable::Encoding)?;
    if headers.contains_key(header::CONTENT_RANGE) {
        // A part of a body is no body of its own, even where it looks like one.
        return Err(Unreadable::ContentType);
    }
    Ok((content_type, content_encoding))
}

/// [`readable_body`], or of a type that the route lets pass unread.
///
/// # Errors
/// Says why not.
pub fn readable_in(headers: &HeaderMap, plan: &Plan) -> Result<Content, Unreadable> {
    let (content_type, _) = described(headers)?;
    or_opaque(plan, content_type, readable_body(headers))
}

/// What is found of a body, or that it is of a type that the route lets pass unread.
fn or_opaque(
    plan: &Plan,
    content_type: Option<&HeaderValue>,
    found: Result<Content, Unreadable>,
) -> Result<Content, Unreadable> {
    let line = || content_type.and_then(|line| line.to_str().ok());
    match found {
        // Whose rows stand in it nobody can tell.
        Err(Unreadable::ContentType)
            if !plan.has_rows() && line().is_some_and(|line| plan.shape.lets_pass(&essence(line))) =>
        {
            Ok(Content { format: Format::Opaque, encoding: Encoding::Identity })
        }
        found => found,
    }
}

/// Makes the headers of a response fit a body that passes unread.
pub fn opaque_headers(headers: &mut HeaderMap, plan: &Plan) {
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    let tag = headers.remove(header::ETAG).and_then(|tag| with_view(&tag, &suffix(plan)));
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
}

/// The condition of a request can no longer be asked of the app: the caller's view has changed. Answer 412.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewChanged;

/// Makes a request ask for a response that the plan can be applied to: whole, plain, and compared by view.
///
/// # Errors
/// When `If-Match` names only entity tags of other views.
pub fn request_headers(headers: &mut HeaderMap, plan: &Plan) -> Result<(), ViewChanged> {
    if plan.hides_nothing() {
        return Ok(());
    }
    for name in ["range", "if-range", "if-modified-since", "if-unmodified-since", "a-im", "want-digest"] {
        headers.remove(name);
    }
    headers.remove("want-content-digest");
    headers.remove("want-repr-digest");
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if headers.contains_key("grpc-accept-encoding") {
        headers.insert("grpc-accept-encoding", HeaderValue::from_static("identity"));
    }
    if !headers.contains_key(header::IF_NONE_MATCH) && !headers.contains_key(header::IF_MATCH) {
        return Ok(());
    }
    if plan.has_rows() {
        // Whose rows leave is not in the name of the view: no entity tag was given out.
        headers.remove(header::IF_NONE_MATCH);
        let names_any = |line: &HeaderValue| line.as_bytes().trim_ascii() == b"*";
        let holds = headers.get_all(header::IF_MATCH).iter().all(names_any);
        return if holds { Ok(()) } else { Err(ViewChanged) };
    }
    let suffix = suffix(plan);
    if !keep_own_view(headers, &header::IF_NONE_MATCH, &suffix) {
        headers.remove(header::IF_NONE_MATCH);
    }
    if keep_own_view(headers, &header::IF_MATCH, &suffix) { Ok(()) } else { Err(ViewChanged) }
}

/// Takes what describes the old bytes out of the headers of a request whose body is redacted.
pub fn new_body_headers(headers: &mut HeaderMap) {
    remove_descriptions(headers);
}

/// Makes the headers of a response fit its redacted body. Its trailers must be dropped as well.
pub fn response_headers(headers: &mut HeaderMap, plan: &Plan) {
    if plan.hides_nothing() {
        return;
    }
    remove_descriptions(headers);
    call_status(headers, plan);
    for name in [
        "last-modified",
        "delta-base",
        "cdn-cache-control",
        "surrogate-control",
        "expires",
        "grpc-status-details-bin",
    ] {
        headers.remove(name);
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    let own = headers.get(header::ETAG).filter(|_| !plan.has_rows());
    let tag = own.and_then(|tag| with_view(tag, &suffix(plan)));
    headers.remove(header::ETAG);
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
    for_this_caller_only(headers);
}

/// Keeps shared caches from giving this response to another caller: of the route's data another may see less, even where
/// nothing is hidden from this one.
pub fn for_this_caller_only(headers: &mut HeaderMap) {
    let cache = private(headers);
    headers.insert(header::CACHE_CONTROL, cache);
}

fn remove_descriptions(headers: &mut HeaderMap) {
    for name in OF_THE_BYTES {
        headers.remove(name);
    }
    let checksums: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with(CHECKSUM_PREFIX)).cloned().collect();
    for name in checksums {
        headers.remove(name);
    }
}

/// `~` and the view's name, as it stands at the end of an entity tag.
fn suffix(plan: &Plan) -> String {
    plan.tag().iter().fold("~".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// `"abc"` to `"abc~view"`, `W/"abc"` to `W/"abc~view"`; nothing for what is no entity tag.
fn with_view(tag: &HeaderValue, suffix: &str) -> Option<HeaderValue> {
    let text = tag.to_str().ok()?;
    let inner = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('"') {
        return None;
    }
    let open = text.strip_suffix('"')?;
    HeaderValue::from_str(&format!("{open}{suffix}\"")).ok()
}

/// Leaves those entity tags in a condition that are of this view, as the app knows them. `false` if there is a
/// condition and none of its tags is left.
fn keep_own_view(headers: &mut HeaderMap, name: &HeaderName, suffix: &str) -> bool {
    let lines: Vec<String> = headers
        .get_all(name)
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
        .collect();
    if lines.is_empty() || lines.iter().any(|line| line.trim() == "*") {
        return true;
    }
    let tags: Vec<String> = lines
        .iter()
        .flat_map(|line| entity_tags(line))
        .filter_map(|tag| own_view(tag, suffix).map(|(tag, _)| tag))
        .collect();
    match HeaderValue::from_str(&tags.join(", ")) {
        Ok(value) if !tags.is_empty() => {
            headers.insert(name.clone(), value);
            true
        }
        Ok(_) | Err(_) => false,
    }
}

/// The tag as the app knows it, and the coding that it was given for; `None` if it is of another view.
fn own_view(tag: &str, suffix: &str) -> Option<(String, Encoding)> {
    let inner = tag.strip_suffix('"')?;
    if let Some(open) = inner.strip_suffix(suffix) {
        return Some((format!("{open}\""), Encoding::Identity));
    }
    let (inner, coding) = inner.rsplit_once('.')?;
    let coding = Encoding::CODED.into_iter().find(|known| known.name() == coding)?;
    Some((format!("{}\"", inner.strip_suffix(suffix)?), coding))
}

/// The entity tags of this view in `If-None-Match` that are of coded bodies, as the app knows them.
pub(super) fn known_codings(headers: &HeaderMap, plan: &Plan) -> Vec<(String, Encoding)> {
    if !headers.contains_key(header::IF_NONE_MATCH) {
        return Vec::new();
    }
    let suffix = suffix(plan);
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let own = lines.flat_map(entity_tags).filter_map(|tag| own_view(tag, &suffix));
    own.filter(|(_, coding)| *coding != Encoding::Identity).collect()
}

/// Makes the entity tag of a view that of the view in this coding.
pub(super) fn tag_coding(headers: &mut HeaderMap, coding: Encoding) {
    let tag = headers.get(header::ETAG).and_then(|tag| with_view(tag, &format!(".{}", coding.name())));
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
}

/// The entity tags of a list. A comma may stand within a tag.
fn entity_tags(line: &str) -> Vec<&str> {
    let mut tags = Vec::new();
    let mut rest = line;
    while let Some(open) = rest.find('"') {
        let from =
            if rest.get(..open).is_some_and(|before| before.ends_with("W/")) { open - 2 } else { open };
        let Some(close) = rest.get(open + 1..).and_then(|rest| rest.find('"')) else { break };
        tags.extend(rest.get(from..=open + 1 + close));
        rest = rest.get(open + 2 + close..).unwrap_or_default();
    }
    tags
}

/// The response's cache directives for a body that only this caller may be given.
fn private(headers: &HeaderMap) -> HeaderValue {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let mut directives = vec!["private"];
    for directive in lines.flat_map(|line| line.split(',')).map(str::trim) {
        let name = directive.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        // A quoted list of field names is cut apart by the commas; `private` for all covers it.
        let stays = ["max-age", "no-cache", "no-store", "must-revalidate", "no-transform", "immutable"];
        if stays.contains(&&*name) && !directive.contains('"') {
            directives.push(directive);
        }
    }
    HeaderValue::from_str(&directives.join(", ")).unwrap_or(HeaderValue::from_static("no-store"))
}
