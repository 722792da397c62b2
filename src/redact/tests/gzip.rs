//! Bodies that arrive compressed.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::plan;
use super::run;
use crate::limits;
use crate::redact::Encoding;
use crate::redact::Malformed;
use crate::redact::Redactor;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_compressed_body_is_redacted_however_it_is_cut() {
    let body = gzip(br#"{"ssn":"078-05-1120","name":"Ada"}"#);
    let plan = plan(&[("ssn", "drop")]);
    for at in 0..=body.len() {
        let (out, _) = run(&plan, Encoding::Gzip, &[&body[..at], &body[at..]]).unwrap();
        assert_eq!(out, br#"{"name":"Ada"}"#, "cut at {at}");
    }
    let (out, _) = run(&plan, Encoding::Gzip, &body.chunks(1).collect::<Vec<_>>()).unwrap();
    assert_eq!(out, br#"{"name":"Ada"}"#);
}

#[test]
fn all_members_count() {
    let body = [gzip(br#"{"a":1,"ss"#), gzip(b""), gzip(br#"n":2}"#)].concat();
    let plan = plan(&[("ssn", "null")]);
    for size in [1, 5, 1000] {
        let (out, _) = run(&plan, Encoding::Gzip, &body.chunks(size).collect::<Vec<_>>()).unwrap();
        assert_eq!(out, br#"{"a":1,"ssn":null}"#);
    }
}

#[test]
fn a_stream_that_is_cut_short_or_followed_by_junk_is_refused() {
    let body = gzip(br#"{"a":1}"#);
    let plan = plan(&[("ssn", "null")]);
    for end in 0..body.len() {
        assert!(run(&plan, Encoding::Gzip, &[&body[..end]]).is_err(), "{end}");
    }
    for junk in [&b"x"[..], b"\0", b"\0\0\0\0\0\0\0\0\0\0\0\0", b"\x1f\x8b", b"\x1f\x8b\x08", b"{\"a\":1}"] {
        let followed = [&body, junk].concat();
        assert_eq!(
            run(&plan, Encoding::Gzip, &[&followed]).map(|_| ()),
            Err(Malformed::Encoding),
            "{junk:?}"
        );
        assert_eq!(
            run(&plan, Encoding::Gzip, &[&body, junk]).map(|_| ()),
            Err(Malformed::Encoding),
            "{junk:?}"
        );
    }
    for at in 0..body.len() {
        let mut spoilt = body.clone();
        spoilt[at] ^= 1;
        // Flags, time and system of the header are free, and so is the padding after the last block's bits.
        if !(3..10).contains(&at) {
            assert!(run(&plan, Encoding::Gzip, &[&spoilt]).is_err(), "{at}");
        }
    }
}

#[test]
fn a_bomb_is_refused_before_it_grows() {
    let bomb = gzip(&vec![b' '; 64 << 20]);
    let mut redactor = Redactor::new(plan(&[("ssn", "null")]), Encoding::Gzip);
    assert_eq!(redactor.feed(Bytes::from(bomb)).map(|out| out.len()), Err(Malformed::Inflates));
    let small = gzip(
        &[b"[".to_vec(), vec![b' '; (limits::INFLATE_FREE_BYTES - 3) as usize], b"1]".to_vec()].concat(),
    );
    assert!(run(&plan(&[("ssn", "null")]), Encoding::Gzip, &[&small]).is_ok());
}

#[test]
fn what_is_no_gzip_is_refused() {
    assert!(run(&plan(&[("ssn", "null")]), Encoding::Gzip, &[br#"{"a":1}"#]).is_err());
    assert!(run(&plan(&[("ssn", "null")]), Encoding::Gzip, &[]).is_err());
}
