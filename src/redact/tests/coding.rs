//! Bodies that arrive by deflate, br and zstd. What holds for gzip holds for them.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::plan;
use super::run;
use crate::limits;
use crate::redact::Encoding;
use crate::redact::Malformed;
use crate::redact::Redactor;

const BODY: &[u8] = br#"{"ssn":"078-05-1120","name":"Ada"}"#;
const SEEN: &[u8] = br#"{"name":"Ada"}"#;
const ALL: [Encoding; 3] = [Encoding::Deflate, Encoding::Brotli, Encoding::Zstd];

fn br(text: &[u8], window: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, window);
    encoder.write_all(text).unwrap();
    drop(encoder);
    out
}

fn zstd(text: &[u8], window: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.window_log(window).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn coded(encoding: Encoding, text: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Identity | Encoding::Gzip => text.to_vec(),
        Encoding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        Encoding::Brotli => br(text, 22),
        Encoding::Zstd => zstd(text, 20),
    }
}

#[test]
fn a_compressed_body_is_redacted_however_it_is_cut() {
    for encoding in ALL {
        let body = coded(encoding, BODY);
        let plan = plan(&[("ssn", "drop")]);
        for at in 0..=body.len() {
            let (out, _) = run(&plan, encoding, &[&body[..at], &body[at..]]).unwrap();
            assert_eq!(out, SEEN, "{encoding:?} cut at {at}");
        }
        let (out, _) = run(&plan, encoding, &body.chunks(1).collect::<Vec<_>>()).unwrap();
        assert_eq!(out, SEEN, "{encoding:?}");
    }
}

#[test]
fn a_large_body_comes_out_whole() {
    let items: String = (0..40_000).map(|n| format!("{{\"n\":{n},\"ssn\":\"{}\"}},", n * 7919)).collect();
    let body = format!("[{}0]", items);
    let wanted = super::seen(&[("$..ssn", "drop")], &body);
    for encoding in ALL {
        let coded = coded(encoding, body.as_bytes());
        for size in [997, coded.len()] {
            let pieces: Vec<&[u8]> = coded.chunks(size).collect();
            let (out, _) = run(&plan(&[("$..ssn", "drop")]), encoding, &pieces).unwrap();
            assert!(out == wanted.as_bytes(), "{encoding:?} by {size}");
        }
    }
}

#[test]
fn a_stream_that_is_cut_short_or_followed_by_junk_is_refused() {
    let plan = plan(&[("ssn", "null")]);
    for encoding in ALL {
        let body = coded(encoding, BODY);
        for end in 0..body.len() {
            assert!(run(&plan, encoding, &[&body[..end]]).is_err(), "{encoding:?} {end}");
        }
        for junk in [&b"x"[..], b"\0", b"\0\0\0\0\0\0\0\0\0\0\0\0", b"\x28\xb5\x2f\xfd", b"{\"a\":1}"] {
            let followed = [&body, junk].concat();
            assert_eq!(
                run(&plan, encoding, &[&followed]).map(|_| ()),
                Err(Malformed::Encoding),
                "{encoding:?} {junk:?}"
            );
            assert_eq!(
                run(&plan, encoding, &[&body, junk]).map(|_| ()),
                Err(Malformed::Encoding),
                "{encoding:?} {junk:?}"
            );
        }
        assert!(run(&plan, encoding, &[BODY]).is_err(), "{encoding:?}");
        assert!(run(&plan, encoding, &[]).is_err(), "{encoding:?}");
    }
}

#[test]
fn all_frames_of_zstd_count() {
    let body = [zstd(br#"{"a":1,"ss"#, 20), zstd(b"", 20), zstd(br#"n":2}"#, 20)].concat();
    for size in [1, 5, 1000] {
        let pieces = body.chunks(size).collect::<Vec<_>>();
        let (out, _) = run(&plan(&[("ssn", "null")]), Encoding::Zstd, &pieces).unwrap();
        assert_eq!(out, br#"{"a":1,"ssn":null}"#);
    }
}

#[test]
fn a_bomb_is_refused_before_it_grows() {
    for encoding in ALL {
        let bomb = coded(encoding, &vec![b' '; 64 << 20]);
        let mut redactor = Redactor::new(plan(&[("ssn", "null")]), encoding);
        let fed = redactor.feed(Bytes::from(bomb)).map(|out| out.len());
        assert_eq!(fed, Err(Malformed::Inflates), "{encoding:?}");
        let spaces = vec![b' '; usize::try_from(limits::INFLATE_FREE_BYTES).unwrap() - 3];
        let small = coded(encoding, &[b"[".to_vec(), spaces, b"1]".to_vec()].concat());
        assert!(run(&plan(&[("ssn", "null")]), encoding, &[&small]).is_ok(), "{encoding:?}");
    }
}

#[test]
fn a_window_beyond_the_bound_is_refused() {
    let plan = plan(&[("ssn", "drop")]);
    let log = limits::INFLATE_WINDOW_BYTES_MAX.ilog2();
    assert!(run(&plan, Encoding::Zstd, &[&zstd(BODY, log)]).is_ok());
    assert_eq!(run(&plan, Encoding::Zstd, &[&zstd(BODY, log + 1)]).map(|_| ()), Err(Malformed::Encoding));
    assert!(run(&plan, Encoding::Brotli, &[&br(BODY, log)]).is_ok());
    assert_eq!(run(&plan, Encoding::Brotli, &[&br(BODY, log + 1)]).map(|_| ()), Err(Malformed::Encoding));
}
