//! Messages on a stream: a few header lines, an empty one, and as many bytes of JSON as `Content-Length` says.
//!
//! Never: reserves memory because a header says so, or guesses where the next message begins.

use std::io;
use std::io::BufRead;
use std::io::Read as _;
use std::io::Write;

use crate::limits;

/// Why there is no message.
#[derive(Debug)]
pub enum Bad {
    /// The stream cannot be read.
    Unreadable(io::Error),
    /// The headers are none: where the next message begins cannot be known.
    Header(String),
    /// It is longer than the bound; all of it has been passed over.
    TooLarge {
        /// The bytes that it has.
        bytes: u64,
        /// The first of them.
        start: Vec<u8>,
    },
    /// The stream ended within a message.
    Cut,
}

/// The bytes of the next message; `None` at the end of the stream.
///
/// # Errors
/// After [`Bad::TooLarge`] the next message can be read; after the others nothing can.
pub fn read(from: &mut impl BufRead) -> Result<Option<Vec<u8>>, Bad> {
    let Some(length) = head(from)? else { return Ok(None) };
    if length > limits::EDITOR_MESSAGE_BYTES_MAX {
        let mut start = Vec::new();
        let kept = limits::EDITOR_MESSAGE_START_BYTES;
        from.take(kept).read_to_end(&mut start).map_err(Bad::Unreadable)?;
        let rest = length.saturating_sub(kept);
        let passed = io::copy(&mut from.take(rest), &mut io::sink()).map_err(Bad::Unreadable)?;
        return Err(if passed == rest { Bad::TooLarge { bytes: length, start } } else { Bad::Cut });
    }
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes).map_err(Bad::Unreadable)?;
    let is_whole = u64::try_from(bytes.len()).is_ok_and(|read| read == length);
    if is_whole { Ok(Some(bytes)) } else { Err(Bad::Cut) }
}

/// The length that the headers say; `None` where the stream ends before them.
fn head(from: &mut impl BufRead) -> Result<Option<u64>, Bad> {
    let mut length = None;
    for number in 0..=limits::EDITOR_HEADERS_MAX {
        let mut line = Vec::new();
        let most = limits::EDITOR_HEADER_BYTES_MAX;
        from.take(most).read_until(b'\n', &mut line).map_err(Bad::Unreadable)?;
        if line.is_empty() && number == 0 {
            return Ok(None);
        }
        let Some(line) = line.strip_suffix(b"\r\n") else {
            let is_cut = !line.ends_with(b"\n") && u64::try_from(line.len()).is_ok_and(|read| read < most);
            return Err(if is_cut {
                Bad::Cut
            } else {
                Bad::Header("a header line does not end with CR LF".to_owned())
            });
        };
        if line.is_empty() {
            return length.map(Some).ok_or_else(|| Bad::Header("there is no `Content-Length`".to_owned()));
        }
        let line = String::from_utf8_lossy(line);
        let (name, value) =
            line.split_once(':').ok_or_else(|| Bad::Header("a header line has no colon".to_owned()))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let said = value.parse().ok().filter(|_| digits);
            let said =
                said.ok_or_else(|| Bad::Header("`Content-Length` is not a number of bytes".to_owned()))?;
            if length.replace(said).is_some_and(|before| before != said) {
                return Err(Bad::Header("there are two `Content-Length`s".to_owned()));
            }
        } else if name.eq_ignore_ascii_case("content-type") {
            let value = value.to_ascii_lowercase();
            let charset = value.split("charset=").nth(1).map(|charset| charset.trim_matches('"'));
            if charset.is_some_and(|charset| !["utf-8", "utf8"].contains(&charset)) {
                return Err(Bad::Header("messages must be UTF-8".to_owned()));
            }
        }
    }
    Err(Bad::Header("there are too many header lines".to_owned()))
}

/// Writes a message.
///
/// # Errors
/// When the stream takes it not.
pub fn write(to: &mut impl Write, message: &serde_json::Value) -> io::Result<()> {
    let text = message.to_string();
    write!(to, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<String> {
        let mut from = bytes;
        let mut found = Vec::new();
        loop {
            match read(&mut from) {
                Ok(None) => return found,
                Ok(Some(message)) => found.push(String::from_utf8(message).unwrap()),
                Err(Bad::TooLarge { bytes, .. }) => found.push(format!("too large: {bytes}")),
                Err(bad) => {
                    found.push(format!("{bad:?}"));
                    return found;
                }
            }
        }
    }

    #[test]
    fn messages_are_as_long_as_their_headers_say() {
        let text = "Content-Length: 2\r\n\r\n{}content-type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-LENGTH:4\r\n\r\n\"\u{e4}\"Content-Length: 0\r\n\r\n";
        assert_eq!(all(text.as_bytes()), ["{}", "\"\u{e4}\"", ""]);
        assert_eq!(all(b""), Vec::<String>::new());
        let mut out = Vec::new();
        write(&mut out, &serde_json::json!("\u{e4}")).unwrap();
        assert_eq!(out, "Content-Length: 4\r\n\r\n\"\u{e4}\"".as_bytes());
    }

    #[test]
    fn what_has_no_clear_end_is_refused() {
        for (text, why) in [
            ("Content-Length: 2\n\n{}", "CR LF"),
            ("Content-Length 2\r\n\r\n{}", "colon"),
            ("Content-Length: -2\r\n\r\n{}", "not a number"),
            ("Content-Length: +2\r\n\r\n{}", "not a number"),
            ("Content-Length: 99999999999999999999\r\n\r\n{}", "not a number"),
            ("Content-Length: \r\n\r\n{}", "not a number"),
            ("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "two"),
            ("X: 1\r\n\r\n{}", "no `Content-Length`"),
            ("\r\n{}", "no `Content-Length`"),
            ("Content-Type: x; charset=utf-16\r\nContent-Length: 2\r\n\r\n{}", "UTF-8"),
            ("Content-Length: 5\r\n\r\n{}", "Cut"),
            ("Content-Len", "Cut"),
            ("Content-Length: 5\r\n", "Cut"),
            ("{}{}{}\n", "CR LF"),
        ] {
            let said = all(text.as_bytes());
            assert!(said.len() == 1 && said[0].contains(why), "{text:?}: {said:?}");
        }
        let long = format!("X: {}\r\n\r\n", "y".repeat(10_000));
        assert!(all(long.as_bytes())[0].contains("CR LF"));
        let many = "X: y\r\n".repeat(1000);
        assert!(all(many.as_bytes())[0].contains("too many"));
    }

    #[test]
    fn a_message_past_the_bound_is_passed_over_and_the_next_one_is_read() {
        let most = limits::EDITOR_MESSAGE_BYTES_MAX + 1;
        let head = format!("Content-Length: {most}\r\n\r\n");
        let body = io::repeat(b'x').take(most);
        let next = &b"Content-Length: 2\r\n\r\n{}"[..];
        let mut from = io::BufReader::new(head.as_bytes().chain(body).chain(next));
        let Err(Bad::TooLarge { bytes, start }) = read(&mut from) else { panic!() };
        assert_eq!((bytes, start), (most, vec![b'x'; 16 << 10]));
        assert_eq!(read(&mut from).unwrap().unwrap(), b"{}");
        // That a header says so reserves nothing.
        let mut from = &b"Content-Length: 18446744073709551615\r\n\r\n{}"[..];
        assert!(matches!(read(&mut from), Err(Bad::Cut)));
    }
}
