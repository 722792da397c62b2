//! `file:` URIs and paths.
//!
//! Never: reads another scheme, or another machine's files.

use std::fmt::Write as _;

/// The path of a `file:` URI of this machine.
#[must_use]
pub fn to_path(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("file://")?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return None;
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))
}

/// The URI of an absolute path.
#[must_use]
pub fn of_path(path: &str) -> String {
    let mut uri = String::from("file://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // A text takes whatever is written into it.
            write!(uri, "%{byte:02X}").unwrap_or_default();
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_uri_are_each_others() {
        for path in ["/", "/a/b.cedar", "/with space/ä/100%/#x?"] {
            assert_eq!(to_path(&of_path(path)).as_deref(), Some(path));
        }
        assert_eq!(of_path("/a b"), "file:///a%20b");
        assert_eq!(to_path("file://localhost/a%3Ab").as_deref(), Some("/a:b"));
    }

    #[test]
    fn what_is_no_file_of_this_machine_has_no_path() {
        for uri in [
            "untitled:Untitled-1",
            "file://elsewhere/a",
            "/a",
            "file:///%",
            "file:///%4",
            "file:///%zz",
            "file:///%ff",
            "file:///%00",
        ] {
            assert_eq!(to_path(uri), None, "{uri}");
        }
    }
}
