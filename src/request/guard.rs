//! The guard in front of the HTTP/1 parser: lets through only heads and framings that have one possible reading.
//!
//! hyper accepts bare LF as a line end, copies odd `Transfer-Encoding`s and reads `GET admin` as an authority; a load
//! balancer in front or the app behind may read the same bytes otherwise, and then two parties disagree on where a
//! request ends (RFC 9112 section 11.2). So this machine follows the framing itself, strictly, and hands on a head
//! only when it is whole and sound. What it lets through, every conforming parser frames alike.
//!
//! Sans-IO: bytes in, a verdict out. Never: changes a byte, performs I/O, or looks into a body.
//! INVARIANT: the verdict does not depend on how the input was cut (`tests::cuts_never_change_what_passes`).

mod bytes;

use memchr::memchr;

use bytes::all_field_bytes;
use bytes::is_field_byte;
use bytes::is_target_byte;
use bytes::is_token_byte;

/// Why a head or its framing is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The request line is not `method SP target SP HTTP/1.0 or 1.1`.
    RequestLine,
    /// A method that Palisade does not forward (`TRACE`, `CONNECT`, or an unknown one).
    Method,
    /// The target has a byte that no target may have, or a fragment.
    Target,
    /// The target is too long.
    TargetTooLong,
    /// A line ends in LF alone, has a NUL or another control byte, is folded, or has no name.
    HeaderLine,
    /// The head is too large.
    HeadTooLarge,
    /// Too many header lines.
    TooManyHeaders,
    /// `Content-Length` twice, not a plain number, or beside `Transfer-Encoding`.
    ContentLength,
    /// `Transfer-Encoding` that is not exactly one `chunked`, or on HTTP/1.0.
    TransferEncoding,
    /// A chunk's size line, its end, or a trailer is malformed.
    Chunk,
    /// What a trusted peer says of whom it connects for has more than one reading.
    Forwarded,
    /// The header of the PROXY protocol is missing or malformed.
    ProxyHeader,
}

/// The bounds of one head.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most bytes of a head, its last empty line included.
    pub head_bytes: usize,
    /// Most header lines.
    pub headers: usize,
    /// Most bytes of the target.
    pub target_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd {
        seen_cr: bool,
    },
    Trailers,
    /// A head that asks for a WebSocket has passed. What follows it is a head or a frame, as the answer says.
    Asked,
    /// Nothing passes any more. Says whether the flaw was in a head.
    Broken {
        in_head: bool,
    },
}

/// What [`Guard::advance`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// So many bytes from the start may go to the parser. The rest is an unfinished line or head (come back with it and
    /// more), or nothing after a flaw counts any more.
    pub bytes: usize,
    /// The flaw at which the input stopped, once.
    pub flaw: Option<Flaw>,
}

/// Follows the framing of one connection's requests.
#[derive(Debug)]
pub struct Guard {
    bounds: Bounds,
    state: State,
    heads: u64,
    trailer_bytes: usize,
}

impl Guard {
    /// A guard at the start of a connection.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, state: State::Head, heads: 0, trailer_bytes: 0 }
    }

    /// How many whole heads have passed.
    #[must_use]
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Is the next byte the first of a head, as far as is known?
    #[must_use]
    pub fn between_requests(&self) -> bool {
        matches!(self.state, State::Head | State::Asked)
    }

    /// Does nothing pass until it is known whether a WebSocket begins?
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.state == State::Asked
    }

    /// No WebSocket begins: what follows is a head.
    pub fn go_on(&mut self) {
        if self.state == State::Asked {
            self.state = State::Head;
        }
    }

    /// Was the flaw in a head? Then there is a request to refuse; else a body broke off.
    #[must_use]
    pub fn broken_in_head(&self) -> bool {
        self.state == State::Broken { in_head: true }
    }

    /// Looks at `input`, which starts where the last call's `bytes` ended.
    pub fn advance(&mut self, input: &[u8]) -> Passed {
        let mut at = 0;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            match self.step(rest) {
                Ok(0) => return Passed { bytes: at, flaw: None },
                Ok(passed) => at += passed,
                Err(flaw) => {
                    self.state = State::Broken { in_head: self.state == State::Head };
                    return Passed { bytes: at, flaw: Some(flaw) };
                }
            }
        }
    }

    /// Passes one element: a head, a run of body bytes, a chunk's size line. `Ok(0)`: more bytes are needed.
    fn step(&mut self, rest: &[u8]) -> Result<usize, Flaw> {
        match self.state {
            State::Head => self.head(rest),
            State::Body(left) => {
                let passed = taken(left, rest.len());
                self.state = match left - passed as u64 {
                    0 => State::Head,
                    left => State::Body(left),
                };
                Ok(passed)
            }
            State::ChunkSize => self.chunk_size(rest),
            State::ChunkData(left) => {
                let passed = taken(left, rest.len());
                self.state = match left - passed as u64 {
                    0 => State::ChunkEnd { seen_cr: false },
                    left => State::ChunkData(left),
                };
                Ok(passed)
            }
            State::ChunkEnd { seen_cr } => match (rest.first(), seen_cr) {
                (None, _) => Ok(0),
                (Some(b'\r'), false) => {
                    self.state = State::ChunkEnd { seen_cr: true };
                    Ok(1)
                }
                (Some(b'\n'), true) => {
                    self.state = State::ChunkSize;
                    Ok(1)
                }
                (Some(_), _) => Err(Flaw::Chunk),
            },
            State::Trailers => self.trailers(rest),
            State::Asked | State::Broken { .. } => Ok(0),
        }
    }

    fn head(&mut self, rest: &[u8]) -> Result<usize, Flaw> {
        // Nothing past the bound is looked at, so that the verdict is the same however much has arrived.
        let rest = rest.get(..self.bounds.head_bytes).unwrap_or(rest);
        let mut at = 0;
        let mut head = Head::default();
        loop {
            let Some(line) = line(rest.get(at..).unwrap_or_default(), Flaw::HeaderLine)? else {
                self.unfinished_head(rest, at)?;
                return Ok(0);
            };
            let start = at;
            at += line.len() + 2;
            if start == 0 {
                head.http_10 = request_line(line, self.bounds.target_bytes)?;
            } else if line.is_empty() {
                break;
            } else {
                head.lines += 1;
                if head.lines > self.bounds.headers {
                    return Err(Flaw::TooManyHeaders);
                }
                head.header(line)?;
            }
        }
        self.state = head.framing()?;
        self.heads += 1;
        Ok(at)
    }

    /// Refuses what can no longer become a sound head, so that nobody makes us hold more than the bounds.
    fn unfinished_head(&self, rest: &[u8], at: usize) -> Result<(), Flaw> {
        if rest.len() >= self.bounds.head_bytes {
            return Err(if at == 0 { self.request_line_too_long(rest) } else { Flaw::HeadTooLarge });
        }
        Ok(())
    }

    fn request_line_too_long(&self, rest: &[u8]) -> Flaw {
        match memchr(b' ', rest) {
            Some(at) if rest.len() - at > self.bounds.target_bytes => Flaw::TargetTooLong,
            Some(_) => Flaw::HeadTooLarge,
            None => Flaw::RequestLine,
        }
    }

    fn chunk_size(&mut self, rest: &[u8]) -> Result<usize, Flaw> {
        let rest = rest.get(..CHUNK_LINE_BYTES_MAX).unwrap_or(rest);
        let Some(line) = line(rest, Flaw::Chunk)? else {
            return if rest.len() == CHUNK_LINE_BYTES_MAX { Err(Flaw::Chunk) } else { Ok(0) };
        };
        let digits = memchr(b';', line).unwrap_or(line.len());
        let (size, extension) = line.split_at(digits);
        if size.is_empty() || size.len() > 15 || !extension.iter().all(|byte| is_field_byte(*byte)) {
            return Err(Flaw::Chunk);
        }
        let size =
            size.iter().try_fold(0_u64, |size, digit| Some(size << 4 | hex(*digit)?)).ok_or(Flaw::Chunk)?;
        self.state = if size == 0 { State::Trailers } else { State::ChunkData(size) };
        self.trailer_bytes = 0;
        Ok(line.len() + 2)
    }

    fn trailers(&mut self, rest: &[u8]) -> Result<usize, Flaw> {
        let left = self.bounds.head_bytes.saturating_sub(self.trailer_bytes);
        let rest = rest.get(..left).unwrap_or(rest);
        let Some(line) = line(rest, Flaw::Chunk)? else {
            return if rest.len() == left { Err(Flaw::Chunk) } else { Ok(0) };
        };
        self.trailer_bytes += line.len() + 2;
        if line.is_empty() {
            self.state = State::Head;
        } else {
            header_line(line).map_err(|_| Flaw::Chunk)?;
        }
        Ok(line.len() + 2)
    }
}

/// Longest chunk size line with its extensions, in bytes.
const CHUNK_LINE_BYTES_MAX: usize = 256;

fn taken(left: u64, available: usize) -> usize {
    usize::try_from(left).map_or(available, |left| left.min(available))
}

/// The bytes before the next CRLF. A CR or LF that is not part of one is the flaw.
fn line(rest: &[u8], flaw: Flaw) -> Result<Option<&[u8]>, Flaw> {
    let Some(end) = memchr(b'\n', rest) else {
        return Ok(None);
    };
    match rest.get(..end) {
        Some([line @ .., b'\r']) => Ok(Some(line)),
        Some(_) | None => Err(flaw),
    }
}

#[derive(Default)]
struct Head {
    http_10: bool,
    lines: usize,
    content_length: Option<u64>,
    chunked: bool,
    asks: bool,
}

impl Head {
    fn header(&mut self, line: &[u8]) -> Result<(), Flaw> {
        let (name, value) = header_line(line)?;
        // The two names that frame a body are told apart by length first: it is cheaper than comparing each name.
        if name.len() == 14 && name.eq_ignore_ascii_case(b"content-length") {
            let length = decimal(value).ok_or(Flaw::ContentLength)?;
            if self.content_length.replace(length).is_some() {
                return Err(Flaw::ContentLength);
            }
        } else if name.len() == 17 && name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Flaw::TransferEncoding);
            }
            self.chunked = true;
        } else if name.len() == 7 && name.eq_ignore_ascii_case(b"upgrade") {
            self.asks |= value.eq_ignore_ascii_case(b"websocket");
        }
        Ok(())
    }

    fn framing(&self) -> Result<State, Flaw> {
        match (self.chunked, self.content_length) {
            (true, Some(_)) => Err(Flaw::ContentLength),
            (true, None) if self.http_10 => Err(Flaw::TransferEncoding),
            (true, None) => Ok(State::ChunkSize),
            (false, None | Some(0)) if self.asks => Ok(State::Asked),
            (false, None | Some(0)) => Ok(State::Head),
            (false, Some(length)) => Ok(State::Body(length)),
        }
    }
}

/// `method SP target SP version`; says whether the version is 1.0.
fn request_line(line: &[u8], target_bytes_max: usize) -> Result<bool, Flaw> {
    let (method, rest) =
        memchr(b' ', line).and_then(|at| line.split_at_checked(at)).ok_or(Flaw::RequestLine)?;
    let rest = rest.get(1..).unwrap_or_default();
    let (target, version) =
        memchr(b' ', rest).and_then(|at| rest.split_at_checked(at)).ok_or(Flaw::RequestLine)?;
    let http_10 = match version {
        b" HTTP/1.1" => false,
        b" HTTP/1.0" => true,
        _ => return Err(Flaw::RequestLine),
    };
    if method.is_empty() || !method.iter().all(|byte| is_token_byte(*byte)) {
        return Err(Flaw::RequestLine);
    }
    if !METHODS.contains(&method) {
        return Err(Flaw::Method);
    }
    if target.len() > target_bytes_max {
        return Err(Flaw::TargetTooLong);
    }
    if (target.starts_with(b"/") && target.iter().all(|byte| is_target_byte(*byte))) || is_odd_target(target)
    {
        return Ok(http_10);
    }
    Err(Flaw::Target)
}

/// A target in absolute form, or with a byte that some clients leave bare. `*` and the authority form have no route to
/// be judged by. The parser is asked itself: what only it refuses would have no record.
#[cold]
fn is_odd_target(target: &[u8]) -> bool {
    let form = target.starts_with(b"/") || target.starts_with(b"http://") || target.starts_with(b"https://");
    form && target.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#')
        && http::Uri::try_from(target).is_ok()
}

/// The methods that are forwarded. Others have no meaning that a route could give them.
const METHODS: [&[u8]; 7] = [b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"];

fn header_line(line: &[u8]) -> Result<(&[u8], &[u8]), Flaw> {
    // A folded line starts with white space, which no name has; so does a line with white space before its colon.
    let end = line.iter().position(|byte| !is_token_byte(*byte)).ok_or(Flaw::HeaderLine)?;
    let (name, value) = line.split_at_checked(end).ok_or(Flaw::HeaderLine)?;
    let [b':', value @ ..] = value else { return Err(Flaw::HeaderLine) };
    if name.is_empty() || !all_field_bytes(value) {
        return Err(Flaw::HeaderLine);
    }
    Ok((name, value.trim_ascii()))
}

/// One or more digits, no sign, no leading zero (RFC 9110 allows `010`; two readers may not agree on it).
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 || (text.len() > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    text.iter().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })
}

fn hex(digit: u8) -> Option<u64> {
    char::from(digit).to_digit(16).map(u64::from)
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
