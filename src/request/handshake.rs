//! The opening handshake of a WebSocket (RFC 6455, section 4): what the client asks, and whether the app's answer is its own.
//!
//! Neither side's handshake passes: what each is sent is written here. No extension is agreed on, so that every frame can be read.
//! Never: takes another upgrade for one to a WebSocket, or half a handshake for a whole one.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::Version;
use http::header;

use crate::limits;
use crate::request::forwarded::remove;

/// What a client that wants a WebSocket asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Handshake {
    /// Sixteen bytes in their one spelling.
    key: Box<str>,
    /// The subprotocols that it offers.
    protocols: Vec<Box<str>>,
}

/// What the app agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    accept: String,
    protocol: Option<HeaderValue>,
}

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE: HeaderValue = HeaderValue::from_static("Upgrade");
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// What every app adds to the key before it hashes it (section 1.3).
const SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

impl Handshake {
    /// The handshake in these headers; nothing where they ask for no WebSocket, or not in the form that there is for it.
    pub(super) fn of(method: &Method, version: Version, headers: &HeaderMap) -> Option<Box<Self>> {
        let asks = one(headers, &header::UPGRADE)?.eq_ignore_ascii_case("websocket");
        let is_named = tokens(headers, &header::CONNECTION)?.any(|name| name.eq_ignore_ascii_case("upgrade"));
        let is_bare = !headers.contains_key(header::TRANSFER_ENCODING)
            && headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
        let is_whole = asks && is_named && is_bare && *method == Method::GET && version == Version::HTTP_11;
        if !is_whole || one(headers, &header::SEC_WEBSOCKET_VERSION)? != "13" {
            return None;
        }
        let key = one(headers, &header::SEC_WEBSOCKET_KEY)?;
        if STANDARD.decode(key).ok()?.len() != 16 {
            return None;
        }
        let mut protocols: Vec<Box<str>> = Vec::new();
        for name in tokens(headers, &header::SEC_WEBSOCKET_PROTOCOL)? {
            let is_new = !protocols.iter().any(|known| **known == *name);
            if !is_token(name) || !is_new || protocols.len() == limits::WEBSOCKET_PROTOCOLS_MAX {
                return None;
            }
            protocols.push(name.into());
        }
        Some(Box::new(Self { key: key.into(), protocols }))
    }

    /// Writes the handshake towards the app, in place of whatever of it stood there.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        remove(headers, is_of_websockets);
        headers.insert(header::CONNECTION, UPGRADE);
        headers.insert(header::UPGRADE, WEBSOCKET);
        headers.insert(header::SEC_WEBSOCKET_VERSION, VERSION);
        let protocols = (!self.protocols.is_empty()).then(|| self.protocols.join(", "));
        for (name, text) in [
            (header::SEC_WEBSOCKET_KEY, Some(self.key.to_string())),
            (header::SEC_WEBSOCKET_PROTOCOL, protocols),
        ] {
            if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
                headers.insert(name, value);
            }
        }
    }

    /// Does this answer agree to it? Everything else, whatever its status, is no WebSocket.
    pub(super) fn agreed(&self, status: StatusCode, headers: &HeaderMap) -> Option<Agreed> {
        let is_framed = headers.contains_key(header::TRANSFER_ENCODING)
            || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
        let extends = headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS);
        if status != StatusCode::SWITCHING_PROTOCOLS || is_framed || extends {
            return None;
        }
        let accept = self.accept();
        let is_whole = one(headers, &header::UPGRADE)?.eq_ignore_ascii_case("websocket")
            && tokens(headers, &header::CONNECTION)?.any(|name| name.eq_ignore_ascii_case("upgrade"))
            && one(headers, &header::SEC_WEBSOCKET_ACCEPT)? == accept;
        let protocol = match headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
            true => {
                let named = one(headers, &header::SEC_WEBSOCKET_PROTOCOL)?;
                // One that was not offered.
                self.protocols.iter().find(|offered| ***offered == *named)?;
                Some(HeaderValue::from_str(named).ok()?)
            }
            false => None,
        };
        is_whole.then_some(Agreed { accept, protocol })
    }

    fn accept(&self) -> String {
        let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(self.key.as_bytes());
        hash.update(SUFFIX);
        STANDARD.encode(hash.finish())
    }
}

impl Agreed {
    /// Writes the handshake towards the client.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, UPGRADE);
        headers.insert(header::UPGRADE, WEBSOCKET);
        if let Ok(accept) = HeaderValue::try_from(self.accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(protocol) = self.protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
    }
}

fn is_of_websockets(name: &HeaderName) -> bool {
    name.as_str().starts_with("sec-websocket-")
}

/// The value of a header that stands there once.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?;
    line.to_str().ok()
}

/// The members of the lists of all lines of a header; nothing where one is no text.
fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<impl Iterator<Item = &'h str>> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().ok()).collect::<Option<Vec<_>>>()?;
    let members = lines.into_iter().flat_map(|line| line.split(',')).map(str::trim);
    Some(members.filter(|name| !name.is_empty()))
}

/// A name as RFC 9110 section 5.6.2 spells them.
fn is_token(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let lines = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        lines.collect()
    }

    const ASKED: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn asked(lines: &[(&'static str, &'static str)]) -> Option<Box<Handshake>> {
        Handshake::of(&Method::GET, Version::HTTP_11, &headers(lines))
    }

    /// The same lines, with this one in place of the one of its name, or beside them.
    fn with<'l>(
        lines: &[(&'l str, &'l str)],
        name: &'l str,
        value: Option<&'l str>,
    ) -> Vec<(&'l str, &'l str)> {
        let rest = lines.iter().copied().filter(|(known, _)| *known != name);
        rest.chain(value.map(|value| (name, value))).collect()
    }

    #[test]
    fn a_handshake_is_whole_or_it_is_none() {
        assert!(asked(&ASKED).is_some());
        assert!(asked(&with(&ASKED, "content-length", Some("0"))).is_some());
        for (name, value) in [
            ("connection", None),
            ("connection", Some("keep-alive")),
            ("upgrade", None),
            ("upgrade", Some("h2c")),
            ("upgrade", Some("h2c, websocket")),
            ("sec-websocket-version", None),
            ("sec-websocket-version", Some("8")),
            ("sec-websocket-version", Some("13, 8")),
            ("sec-websocket-key", None),
            ("sec-websocket-key", Some("")),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZQ")),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZR==")),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25j")),
            ("sec-websocket-protocol", Some("a, b c")),
            ("sec-websocket-protocol", Some("a, a")),
            ("content-length", Some("1")),
            ("transfer-encoding", Some("chunked")),
        ] {
            assert_eq!(asked(&with(&ASKED, name, value)), None, "{name}: {value:?}");
        }
        for (name, value) in ASKED.iter().filter(|(name, _)| *name != "connection") {
            let mut twice = headers(&ASKED);
            twice.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            assert_eq!(Handshake::of(&Method::GET, Version::HTTP_11, &twice), None, "{name}");
        }
        for (method, version) in [
            (Method::POST, Version::HTTP_11),
            (Method::HEAD, Version::HTTP_11),
            (Method::GET, Version::HTTP_10),
            (Method::GET, Version::HTTP_2),
        ] {
            assert_eq!(Handshake::of(&method, version, &headers(&ASKED)), None);
        }
    }

    #[test]
    fn what_the_app_is_asked_is_written_here() {
        let more = [
            ("sec-websocket-protocol", "chat , v2.feed"),
            ("sec-websocket-extensions", "permessage-deflate"),
            ("sec-websocket-odd", "x"),
            ("origin", "https://a"),
        ];
        let mut sent = headers(&[&ASKED[..], &more].concat());
        asked(&[&ASKED[..], &more].concat()).unwrap().write(&mut sent);
        let wanted = [
            ("connection", "Upgrade"),
            ("origin", "https://a"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "chat, v2.feed"),
            ("sec-websocket-version", "13"),
            ("upgrade", "websocket"),
        ];
        assert_eq!(sent, headers(&wanted));
    }

    #[test]
    fn only_an_answer_to_this_very_handshake_agrees_to_it() {
        let handshake = asked(&with(&ASKED, "sec-websocket-protocol", Some("chat, feed"))).unwrap();
        let answer = [
            ("connection", "upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ];
        let agreed = |status: u16, lines: &[(&'static str, &'static str)]| {
            handshake.agreed(StatusCode::from_u16(status).unwrap(), &headers(lines))
        };
        let mut sent = HeaderMap::new();
        agreed(101, &with(&answer, "sec-websocket-protocol", Some("feed"))).unwrap().write(&mut sent);
        assert_eq!(sent.len(), 4);
        assert_eq!(
            (&sent["upgrade"], &sent["sec-websocket-protocol"]),
            (&WEBSOCKET, &HeaderValue::from_static("feed"))
        );
        assert!(agreed(101, &answer).is_some());
        for status in [100, 200, 204, 302, 426] {
            assert_eq!(agreed(status, &answer), None, "{status}");
        }
        for (name, value) in [
            ("connection", None),
            ("connection", Some("close")),
            ("upgrade", None),
            ("upgrade", Some("h2c")),
            ("sec-websocket-accept", None),
            ("sec-websocket-accept", Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOp=")),
            ("sec-websocket-accept", Some("dGhlIHNhbXBsZSBub25jZQ==")),
            ("sec-websocket-extensions", Some("permessage-deflate")),
            ("sec-websocket-extensions", Some("")),
            ("sec-websocket-protocol", Some("other")),
            ("sec-websocket-protocol", Some("chat, feed")),
            ("sec-websocket-protocol", Some("CHAT")),
            ("content-length", Some("5")),
            ("transfer-encoding", Some("chunked")),
        ] {
            assert_eq!(agreed(101, &with(&answer, name, value)), None, "{name}: {value:?}");
        }
        let mut twice = headers(&answer);
        twice.append("sec-websocket-accept", HeaderValue::from_static("other"));
        assert_eq!(handshake.agreed(StatusCode::SWITCHING_PROTOCOLS, &twice), None);
    }
}
