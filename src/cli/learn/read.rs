//! Files to learn from: bodies, HAR files, lines of exchanges.
//!
//! Never: keeps a value longer than it takes to count it, or tells one in an error.

use std::borrow::Cow;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::file;
use crate::learn::Looked;
use crate::learn::Observer;
use crate::learn::Seen;
use crate::learn::Side;
use crate::learn::format_of;
use crate::limits;
use crate::model::Found;
use crate::model::Model;

/// How a file is written, by the ending of its name.
pub(super) fn content_type(path: &Path) -> Option<&'static str> {
    Some(match &*path.extension()?.to_str()?.to_ascii_lowercase() {
        "json" => "application/json",
        "ndjson" | "jsonl" => "application/x-ndjson",
        "csv" => "text/csv",
        "xml" => "application/xml",
        "txt" => "text/plain",
        "sse" => "text/event-stream",
        _ => return None,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    file::bytes(path, limits::LEARNED_FILE_BYTES_MAX)
        .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
}

/// Learns from a file that is one body; what is to be said of it.
pub(super) fn body(
    path: &Path,
    (route, side): (&str, Side),
    kind: &str,
    observer: &mut Observer,
) -> Result<Option<String>, String> {
    let bytes = read(path)?;
    let format = format_of(kind);
    let looked = observer.observe(&Seen { route, side, format, bytes: &bytes, is_cut: false });
    Ok((looked != Looked::Learned).then(|| format!("`{}` cannot be read as `{kind}`", path.display())))
}

/// A HAR file (HTTP Archive 1.2), as far as it is read.
#[derive(Deserialize)]
struct Har<'h> {
    #[serde(borrow)]
    log: Log<'h>,
}

#[derive(Deserialize)]
struct Log<'h> {
    #[serde(borrow)]
    entries: Vec<Entry<'h>>,
}

#[derive(Deserialize)]
struct Entry<'h> {
    #[serde(borrow)]
    request: Request<'h>,
    #[serde(borrow)]
    response: Response<'h>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'h> {
    #[serde(borrow)]
    method: Cow<'h, str>,
    #[serde(borrow)]
    url: Cow<'h, str>,
    #[serde(borrow)]
    post_data: Option<Content<'h>>,
}

#[derive(Deserialize)]
struct Response<'h> {
    #[serde(borrow)]
    content: Option<Content<'h>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content<'h> {
    #[serde(borrow, default)]
    mime_type: Cow<'h, str>,
    #[serde(borrow)]
    text: Option<Cow<'h, str>>,
    #[serde(borrow)]
    encoding: Option<Cow<'h, str>>,
}

/// A line of exchanges.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange<'e> {
    #[serde(borrow)]
    route: Option<Cow<'e, str>>,
    #[serde(borrow)]
    method: Option<Cow<'e, str>>,
    #[serde(borrow)]
    path: Option<Cow<'e, str>>,
    #[serde(borrow)]
    request: Option<Message<'e>>,
    #[serde(borrow)]
    response: Option<Message<'e>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'e> {
    #[serde(borrow)]
    content_type: Option<Cow<'e, str>>,
    #[serde(borrow)]
    body: &'e RawValue,
}

/// What could not be learned from.
#[derive(Default)]
struct Left {
    /// Exchanges of no route of the model.
    elsewhere: u64,
    /// Bodies that are not what their type says, or of a type that is not read.
    unread: u64,
}

/// Learns from a file of exchanges; what is to be said of it.
pub(super) fn exchanges(path: &Path, model: &Model, observer: &mut Observer) -> Result<Vec<String>, String> {
    let bytes = read(path)?;
    let name = path.display();
    let text = str::from_utf8(&bytes).map_err(|_| format!("`{name}` is not text"))?;
    let mut left = Left::default();
    match serde_json::from_str::<Har<'_>>(text) {
        Ok(har) => har.log.entries.iter().for_each(|entry| archived(entry, model, observer, &mut left)),
        // Where in it the flaw is, and not what stands there.
        Err(error) if is_archive(path) => {
            return Err(format!("`{name}` is no HAR file: line {}, column {}", error.line(), error.column()));
        }
        Err(_) => {
            for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
                let exchange: Exchange<'_> = serde_json::from_str(line).map_err(|error| {
                    let column = error.column();
                    format!(
                        "`{name}` has no exchange at {number}:{column}; name the route of a body by `--route`"
                    )
                })?;
                exchanged(&exchange, model, observer, &mut left)
                    .map_err(|why| format!("`{name}`, line {number}: {why}"))?;
            }
        }
    }
    let said = [
        (left.elsewhere, ["exchange is", "exchanges are"], "of no route of the configuration"),
        (left.unread, ["body is", "bodies are"], "of a type that is not read, or not what its type says"),
    ];
    let said = said.into_iter().filter(|(count, ..)| *count > 0);
    let words = |count: u64, [one, many]: [&'static str; 2]| if count == 1 { one } else { many };
    Ok(said.map(|(count, are, what)| format!("`{name}`: {count} {} {what}", words(count, are))).collect())
}

fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("har"))
}

/// The route of a call, by the path of its URL.
fn route<'m>(model: &'m Model, method: &str, url: &str) -> Option<&'m str> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.get(rest.find('/')?..)?,
        None => url,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    match model.routes.find(&method, path) {
        // The path lives shorter than the route.
        Found::Route(route, _) => model.routes.get(route.ix).map(|route| &*route.id),
        Found::OtherMethod(_) | Found::None => None,
    }
}

fn look(observer: &mut Observer, seen: &Seen<'_>, left: &mut Left) {
    if !seen.bytes.is_empty() && observer.observe(seen) != Looked::Learned {
        left.unread += 1;
    }
}

fn archived(entry: &Entry<'_>, model: &Model, observer: &mut Observer, left: &mut Left) {
    let Some(route) = route(model, &entry.request.method, &entry.request.url) else {
        left.elsewhere += 1;
        return;
    };
    let bodies = [(Side::Request, &entry.request.post_data), (Side::Response, &entry.response.content)];
    for (side, content) in bodies {
        let Some(Content { mime_type, text: Some(text), encoding }) = content else { continue };
        let format = format_of(mime_type);
        let decoded = match encoding.as_deref() {
            Some("base64") => STANDARD.decode(&**text).map(Cow::Owned).ok(),
            Some(_) => None,
            None => Some(Cow::Borrowed(text.as_bytes())),
        };
        match decoded {
            Some(bytes) => {
                look(observer, &Seen { route, side, format, bytes: &bytes, is_cut: false }, left);
            }
            None => left.unread += 1,
        }
    }
}

fn exchanged(
    exchange: &Exchange<'_>,
    model: &Model,
    observer: &mut Observer,
    left: &mut Left,
) -> Result<(), String> {
    let route = match (&exchange.route, &exchange.method, &exchange.path) {
        (Some(id), None, None) => {
            model.routes.iter().find(|(_, route)| *route.id == **id).map(|(_, route)| &*route.id)
        }
        (None, Some(method), Some(path)) => route(model, method, path),
        _ => return Err("an exchange names a `route`, or a `method` and a `path`".to_owned()),
    };
    let Some(route) = route else {
        left.elsewhere += 1;
        return Ok(());
    };
    let messages = [(Side::Request, &exchange.request), (Side::Response, &exchange.response)];
    for (side, message) in messages.iter().filter_map(|(side, message)| Some((*side, message.as_ref()?))) {
        let raw = message.body.get();
        let kind = message.content_type.as_deref().unwrap_or("application/json");
        let written = if raw.starts_with('"') && message.content_type.is_some() {
            serde_json::from_str::<String>(raw).map_or(Cow::Borrowed(raw), Cow::Owned)
        } else {
            Cow::Borrowed(raw)
        };
        let (format, bytes) = (format_of(kind), written.as_bytes());
        look(observer, &Seen { route, side, format, bytes, is_cut: false }, left);
    }
    Ok(())
}
