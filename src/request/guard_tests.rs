//! What the guard lets through, and what it does not. Each case is a set of literal bytes.

use super::{Bounds, Flaw, Guard};
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { head_bytes: 512, headers: 8, target_bytes: 64 };

/// Feeds `input` in the given pieces as the connection does: what did not pass is offered again with more.
fn feed(input: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<Flaw>, u64) {
    let mut guard = Guard::new(BOUNDS);
    let (mut passed, mut held, mut start) = (Vec::new(), Vec::new(), 0);
    for end in cuts.iter().copied().chain([input.len()]) {
        held.extend_from_slice(&input[start..end]);
        start = end;
        let step = guard.advance(&held);
        passed.extend(held.drain(..step.bytes));
        if step.flaw.is_some() {
            return (passed, step.flaw, guard.heads());
        }
    }
    (passed, None, guard.heads())
}

fn flaw(input: &[u8]) -> Option<Flaw> {
    feed(input, &[]).1
}

#[test]
fn a_sound_request_passes_whole() {
    for input in [
        &b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        b"GET /a?b=c HTTP/1.0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nx: caf\u{e9}\r\n\r\n".as_bytes(),
    ] {
        assert_eq!(feed(input, &[]).0, input, "{:?}", String::from_utf8_lossy(input));
        assert_eq!(flaw(input), None);
    }
}

#[test]
fn nothing_behind_a_head_that_asks_for_a_websocket_passes_until_it_is_answered() {
    let head = b"GET / HTTP/1.1\r\nhost: a\r\nUPGRADE: WebSocket\r\n\r\n";
    for behind in [&b"GET /b HTTP/1.1\r\nhost: a\r\n\r\n"[..], b"\x81\x85frame", b"\0\n"] {
        let input = [&head[..], behind].concat();
        for at in 0..=input.len() {
            assert_eq!(feed(&input, &[at]), (head.to_vec(), None, 1), "cut at {at}");
        }
        let mut guard = Guard::new(BOUNDS);
        assert_eq!(guard.advance(&input).bytes, head.len());
        assert!(guard.is_asked() && guard.between_requests());
        guard.go_on();
        let step = guard.advance(behind);
        let passes = if behind.starts_with(b"GET") { behind.len() } else { 0 };
        assert_eq!((step.bytes, guard.is_asked()), (passes, false));
    }
    // One with a body is none, and neither is another upgrade.
    let body = b"GET / HTTP/1.1\r\nupgrade: websocket\r\ncontent-length: 1\r\n\r\nxGET / HTTP/1.1\r\n\r\n";
    assert_eq!(feed(body, &[]).2, 2);
    assert_eq!(feed(b"GET / HTTP/1.1\r\nupgrade: h2c\r\n\r\nGET / HTTP/1.1\r\n\r\n", &[]).2, 2);
}

#[test]
fn an_unfinished_head_stays_outside() {
    let (passed, flaw, heads) = feed(b"GET / HTTP/1.1\r\nhost: a\r\n", &[]);
    assert_eq!((passed.len(), flaw, heads), (0, None, 0));
}

#[test]
fn a_line_that_does_not_end_in_crlf_is_refused() {
    assert_eq!(flaw(b"GET / HTTP/1.1\nhost: a\r\n\r\n"), Some(Flaw::HeaderLine));
    assert_eq!(flaw(b"GET / HTTP/1.1\r\nx: x\nTransfer-Encoding: chunked\r\n\r\n"), Some(Flaw::HeaderLine));
    assert_eq!(flaw(b"GET / HTTP/1.1\r\nx: a\rb\r\n\r\n"), Some(Flaw::HeaderLine));
    assert_eq!(flaw(b"GET / HTTP/1.1\r\nx: a\r\n\n"), Some(Flaw::HeaderLine));
    assert_eq!(flaw(b"\r\nGET / HTTP/1.1\r\n\r\n"), Some(Flaw::RequestLine));
}

#[test]
fn a_request_line_has_one_form() {
    for (line, want) in [
        (&b"GET admin HTTP/1.1"[..], Flaw::Target),
        (b"GET * HTTP/1.1", Flaw::Target),
        (b"OPTIONS * HTTP/1.1", Flaw::Target),
        (b"GET a:80 HTTP/1.1", Flaw::Target),
        (b"GET /a#b HTTP/1.1", Flaw::Target),
        (b"GET /\x80 HTTP/1.1", Flaw::Target),
        (b"GET  / HTTP/1.1", Flaw::RequestLine),
        (b"GET /a b HTTP/1.1", Flaw::RequestLine),
        (b"GET / HTTP/1.1 ", Flaw::RequestLine),
        (b"GET / HTTP/2.0", Flaw::RequestLine),
        (b"GET / http/1.1", Flaw::RequestLine),
        (b"GET /", Flaw::RequestLine),
        (b"PRI * HTTP/2.0", Flaw::RequestLine),
        (b"get / HTTP/1.1", Flaw::Method),
        (b"TRACE / HTTP/1.1", Flaw::Method),
        (b"CONNECT a:80 HTTP/1.1", Flaw::Method),
        (b"G(T / HTTP/1.1", Flaw::RequestLine),
    ] {
        let input = [line, b"\r\nhost: a\r\n\r\n"].concat();
        assert_eq!(flaw(&input), Some(want), "{:?}", String::from_utf8_lossy(line));
    }
}

#[test]
fn a_header_line_has_one_form() {
    for line in [
        &b"no colon"[..],
        b": empty name",
        b"a b: c",
        b"a : c",
        b" folded: x",
        b"\tfolded",
        b"x: \0",
        b"x: \x1b",
        b"x: \x7f",
        b"\xc3\xa4: x",
        b"x[]: y",
    ] {
        let input = [b"GET / HTTP/1.1\r\nhost: a\r\n", line, b"\r\n\r\n"].concat();
        assert_eq!(flaw(&input), Some(Flaw::HeaderLine), "{:?}", String::from_utf8_lossy(line));
    }
}

#[test]
fn a_length_is_one_plain_number() {
    for value in
        ["", "+1", "-1", "0x1", "1,1", "1, 1", "010", "00", "1.0", "1 1", "9999999999999999999", "\u{661}"]
    {
        let input = format!("POST / HTTP/1.1\r\ncontent-length: {value}\r\n\r\nabc");
        assert_eq!(flaw(input.as_bytes()), Some(Flaw::ContentLength), "{value:?}");
    }
    let twice = b"POST / HTTP/1.1\r\ncontent-length: 3\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(flaw(twice), Some(Flaw::ContentLength));
}

#[test]
fn a_transfer_encoding_is_chunked_once_and_alone() {
    for value in [
        "",
        "gzip, chunked",
        ",chunked",
        "chunked,",
        "xchunked",
        "chunked, chunked",
        "identity",
        "\"chunked\"",
        "chunked;q=1",
    ] {
        let input = format!("POST / HTTP/1.1\r\ntransfer-encoding: {value}\r\n\r\n0\r\n\r\n");
        assert_eq!(flaw(input.as_bytes()), Some(Flaw::TransferEncoding), "{value:?}");
    }
    let twice =
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(flaw(twice), Some(Flaw::TransferEncoding));
    let both = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n";
    assert_eq!(flaw(both), Some(Flaw::ContentLength));
    let old = b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(flaw(old), Some(Flaw::TransferEncoding));
}

#[test]
fn a_chunk_has_one_form() {
    for body in [
        "0x1\r\na\r\n0\r\n\r\n",
        "1 \r\na\r\n0\r\n\r\n",
        "\r\na\r\n0\r\n\r\n",
        "-1\r\n",
        "1\na\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "1;a\nb\r\na\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "1\r\na\r\n0\r\n bad\r\n\r\n",
        "0\r\nx\r\n\r\n",
        "0\r\n\n",
    ] {
        let input = format!("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{body}");
        assert_eq!(flaw(input.as_bytes()), Some(Flaw::Chunk), "{body:?}");
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_held() {
    let long = |head: &str| flaw(head.as_bytes());
    assert_eq!(long(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(64))), Some(Flaw::TargetTooLong));
    assert_eq!(long(&format!("GET /{}", "a".repeat(600))), Some(Flaw::TargetTooLong));
    assert_eq!(long(&"a".repeat(600)), Some(Flaw::RequestLine));
    assert_eq!(long(&format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(500))), Some(Flaw::HeadTooLarge));
    assert_eq!(long(&format!("GET / HTTP/1.1\r\nx: {}", "a".repeat(500))), Some(Flaw::HeadTooLarge));
    assert_eq!(long(&format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(9))), Some(Flaw::TooManyHeaders));
    let chunk = format!("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;{}", "a".repeat(300));
    assert_eq!(long(&chunk), Some(Flaw::Chunk));
}

#[test]
fn nothing_after_a_flaw_passes() {
    let input =
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\nhost: b\r\n\r\nGET / HTTP/1.1\r\nhost: c\r\n\r\n";
    let (passed, flaw, heads) = feed(input, &[]);
    assert_eq!(passed, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((flaw, heads), (Some(Flaw::HeaderLine), 1));
}

/// Requests of which some are sound and some have been tampered with.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("GET / HTTP/1.1\r\n"),
        Just("POST /a HTTP/1.1\r\n"),
        Just("host: a\r\n"),
        Just("content-length: 3\r\n"),
        Just("transfer-encoding: chunked\r\n"),
        Just("\r\n"),
        Just("\n"),
        Just("abc"),
        Just("3\r\nabc\r\n"),
        Just("0\r\n\r\n"),
        Just("x: y"),
        Just(" "),
        Just(":"),
        Just("\r"),
        Just("\0"),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn cuts_never_change_what_passes(input in messages(), cuts in prop::collection::vec(0_usize..400, 0..6)) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(feed(&input, &cuts), feed(&input, &[]));
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(input in prop::collection::vec(any::<u8>(), 0..700)) {
        let _ = feed(&input, &[]);
    }
}
