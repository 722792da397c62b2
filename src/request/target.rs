//! The one normal form of a path and of a host, made before anything is judged.
//!
//! What comes out is what the policies see *and* what the app gets, byte for byte. A text that could be read in two
//! ways (a dot segment, an encoded slash, an empty segment, a second host) is refused, never mended: mending is how
//! a proxy and the app behind it come to speak of different things.
//! Never: performs I/O, or uses a URL parser.

use crate::limits;

/// Why a path or a host has no normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclear {
    /// The path is not a path, or could be read in more than one way.
    Path,
    /// The query has a byte that no query may have.
    Query,
    /// There is no host, more than one, or it is not a host.
    Host,
}

/// The path in its normal form: unreserved characters plain, everything else that came encoded stays so, in upper-case
/// hexadecimal (RFC 3986 section 6.2.2). `None` where the path is already in that form: the usual case copies nothing.
///
/// # Errors
/// A path that does not start with `/`; `//`; a dot segment, also encoded or with a parameter (`..;x`); `%2F`, `%5C`,
/// `%00` or another encoded control byte; a bad escape; escapes that are not UTF-8; a byte outside `pchar`.
pub fn normal_path(path: &str) -> Result<Option<String>, Unclear> {
    let inner = path.strip_prefix('/').ok_or(Unclear::Path)?;
    let mut changed = false;
    let mut segments = 0;
    // The last segment may be empty (`/patients/`), no other.
    let mut rest = inner.as_bytes().split(|byte| *byte == b'/').peekable();
    while let Some(segment) = rest.next() {
        segments += 1;
        if segments > limits::PATH_SEGMENTS_MAX || (segment.is_empty() && rest.peek().is_some()) {
            return Err(Unclear::Path);
        }
        changed |= !is_normal_segment(segment)?;
    }
    if !changed {
        return Ok(None);
    }
    let mut normal = String::with_capacity(path.len());
    for segment in inner.split('/') {
        normal.push('/');
        push_normal(&mut normal, segment);
    }
    // Decoding may have made a dot segment that was not one before.
    if normal.as_bytes().split(|byte| *byte == b'/').any(is_dot_segment) {
        return Err(Unclear::Path);
    }
    Ok(Some(normal))
}

fn is_dot_segment(segment: &[u8]) -> bool {
    segment.starts_with(b".") && matches!(segment.split(|byte| *byte == b';').next(), Some(b"." | b".."))
}

/// Checks one segment; says whether it is already in normal form.
fn is_normal_segment(segment: &[u8]) -> Result<bool, Unclear> {
    if is_dot_segment(segment) {
        return Err(Unclear::Path);
    }
    // The usual segment has neither an escape nor anything odd.
    if segment.iter().copied().all(is_plain_byte) {
        return Ok(true);
    }
    let mut normal = true;
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !is_plain_byte(byte) {
                return Err(Unclear::Path);
            }
            decoded.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (bytes.next(), bytes.next()) else { return Err(Unclear::Path) };
        let (Some(high_value), Some(low_value)) = (hex(high), hex(low)) else { return Err(Unclear::Path) };
        let value = high_value << 4 | low_value;
        if matches!(value, b'/' | b'\\' | 0x00..=0x1f | 0x7f) {
            return Err(Unclear::Path);
        }
        normal &= !is_unreserved(value) && !high.is_ascii_lowercase() && !low.is_ascii_lowercase();
        decoded.push(value);
    }
    // Overlong and cut sequences are how a filter and a decoder come to differ.
    std::str::from_utf8(&decoded).map_err(|_| Unclear::Path)?;
    Ok(normal)
}

fn push_normal(normal: &mut String, segment: &str) {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            normal.push(char::from(byte));
            continue;
        }
        let (high, low) = (bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0'));
        let value = hex(high).unwrap_or(0) << 4 | hex(low).unwrap_or(0);
        if is_unreserved(value) {
            normal.push(char::from(value));
        } else {
            normal.push('%');
            normal.push(char::from(high.to_ascii_uppercase()));
            normal.push(char::from(low.to_ascii_uppercase()));
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `pchar` of RFC 3986 without its escapes.
const fn is_plain_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@'
        )
}

/// Checks a query. It is forwarded as it came: rules see path and query apart.
///
/// # Errors
/// A byte that is not visible ASCII, or `#`.
pub(super) fn check_query(query: &str) -> Result<(), Unclear> {
    query.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && byte != b'#').then_some(()).ok_or(Unclear::Query)
}

/// A host in its normal form: lower case, without a trailing dot; the port apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// `a.example.com`, `127.0.0.1` or `[::1]`.
    pub name: String,
    /// The port, where one was named.
    pub port: Option<u16>,
}

impl Host {
    /// Is this text the host in its normal form?
    pub(super) fn is_written(&self, text: &[u8]) -> bool {
        let Some(rest) = text.strip_prefix(self.name.as_bytes()) else { return false };
        match (rest, self.port) {
            ([], None) => true,
            // A port has one spelling: `:080` is 80 as well.
            ([b':', first, ..], Some(port)) => *first != b'0' || port == 0 && rest.len() == 2,
            _ => false,
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Reads a `Host` header or an authority.
///
/// # Errors
/// User information, a list, a path, a character outside letters, digits, `-` and `.`, an empty label or name, a port
/// that is not a number up to 65535.
pub fn host(text: &str) -> Result<Host, Unclear> {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, rest)) => {
            inside.parse::<std::net::Ipv6Addr>().map_err(|_| Unclear::Host)?;
            let port =
                if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(Unclear::Host)?) };
            (format!("[{}]", inside.to_ascii_lowercase()), port)
        }
        None => {
            let (name, rest) = text.split_at_checked(labels(text)?).ok_or(Unclear::Host)?;
            let name = name.strip_suffix('.').unwrap_or(name);
            if name.len() > 253 {
                return Err(Unclear::Host);
            }
            (name.to_ascii_lowercase(), rest.strip_prefix(':'))
        }
    };
    let port = match port {
        None => None,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().map_err(|_| Unclear::Host)?)
        }
        Some(_) => return Err(Unclear::Host),
    };
    Ok(Host { name, port })
}

/// How long the DNS labels at the start of a text are, up to its end or the colon of a port. A label is of letters, digits,
/// `-` and (as many private names have it) `_`; the last may end in a dot.
fn labels(text: &str) -> Result<usize, Unclear> {
    let mut label = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' if label < limits::SEGMENT_BYTES_MAX => {
                label += 1;
            }
            b'.' if label > 0 => label = 0,
            b':' if at > 0 => return Ok(at),
            _ => return Err(Unclear::Host),
        }
    }
    if text.is_empty() { Err(Unclear::Host) } else { Ok(text.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_normal_path_is_left_as_it_is() {
        for path in ["/", "/a", "/a/b.c/d-e_f~g", "/a/", "/a;v=1/b", "/%C3%A4", "/a%20b", "/a:b@c!$&'()*+,="]
        {
            assert_eq!(normal_path(path), Ok(None), "{path}");
        }
    }

    #[test]
    fn unreserved_escapes_are_undone_and_the_others_made_upper_case() {
        for (path, normal) in [("/%61", "/a"), ("/a%2db", "/a-b"), ("/%c3%a4", "/%C3%A4"), ("/%7Ex", "/~x")] {
            assert_eq!(normal_path(path), Ok(Some(normal.into())), "{path}");
        }
    }

    #[test]
    fn a_path_that_two_readers_may_read_differently_is_refused() {
        for path in [
            "",
            "a",
            "*",
            "//",
            "//a",
            "/a//b",
            "/.",
            "/..",
            "/a/../b",
            "/a/.",
            "/%2e",
            "/%2E%2e",
            "/.%2e/b",
            "/..;/b",
            "/..;x=y",
            "/.;",
            "/%2e%2e;/b",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/%0a",
            "/%7f",
            "/%",
            "/%4",
            "/%zz",
            "/%c0%af",
            "/%ff",
            "/%e2%82",
            "/a b",
            "/a\"b",
            "/<a>",
            "/a^b",
            "/a`b",
            "/{a}",
            "/a|b",
            "/a?b",
            "/a#b",
            "/\u{e4}",
            "/[a]",
        ] {
            assert_eq!(normal_path(path), Err(Unclear::Path), "{path}");
        }
    }

    #[test]
    fn a_host_is_lower_case_without_its_last_dot() {
        let read = |text| host(text).map(|host| (host.name, host.port));
        assert_eq!(read("A.Example.COM."), Ok(("a.example.com".into(), None)));
        assert_eq!(read("a:8080"), Ok(("a".into(), Some(8080))));
        assert_eq!(read("[::1]:80"), Ok(("[::1]".into(), Some(80))));
        assert_eq!(read("10.0.0.1"), Ok(("10.0.0.1".into(), None)));
    }

    #[test]
    fn only_the_normal_form_counts_as_written() {
        for text in ["a.b", "a.b:80", "a:0", "10.0.0.1:8080", "[::1]", "[::1]:443"] {
            let host = host(text).unwrap();
            assert!(host.is_written(text.as_bytes()), "{text}");
            assert_eq!(host.to_string(), text);
        }
        for text in ["A.b", "a.b.", "a.b:080", "a:00", "[::A]"] {
            assert!(!host(text).unwrap().is_written(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_host_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            "a, b",
            "a,b",
            "u@a",
            "u:p@a",
            "a/b",
            "a?b",
            "a#b",
            "a b",
            " a",
            "a:",
            "a:b",
            "a:99999",
            "a:-1",
            "a:8:9",
            "[::1",
            "[::1]x",
            "[a]",
            "::1",
            "\u{e4}.com",
            "a\0",
            "%61",
            "*.a",
        ] {
            assert_eq!(host(text), Err(Unclear::Host), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(path in "/[a-c./;%0-9A-F]{0,24}") {
            if let Ok(Some(normal)) = normal_path(&path) {
                prop_assert_eq!(normal_path(&normal), Ok(None));
            }
        }

        #[test]
        fn no_accepted_path_has_a_dot_segment_or_an_encoded_slash(path in "[/.%2eEfF5cC;a]{0,16}") {
            if let Ok(normal) = normal_path(&path) {
                let normal = normal.unwrap_or(path);
                prop_assert!(!normal.contains("//") && !normal.contains("%2F") && !normal.contains("%5C"));
                prop_assert!(!normal.as_bytes().split(|byte| *byte == b'/').any(is_dot_segment));
            }
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in "\\PC{0,64}") {
            drop((normal_path(&text), host(&text)));
            prop_assert!(check_query(&text).is_ok() || !text.is_empty());
        }
    }
}
