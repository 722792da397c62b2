//! Bodies that leave compressed.

use std::io::Read;

use ::http::HeaderMap;
use ::http::HeaderName;
use ::http::HeaderValue;
use bytes::Buf;
use bytes::Bytes;
use proptest::prelude::*;

use super::pieces;
use super::plan;
use crate::redact::Accepts;
use crate::redact::Encoder;
use crate::redact::Encoding;
use crate::redact::Redacted;
use crate::redact::Redactor;
use crate::redact::http::request_headers;
use crate::redact::http::response_headers;

/// As another decoder reads it, to where it ends.
fn decoded(encoding: Encoding, coded: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reader: Box<dyn Read + '_> = match encoding {
        Encoding::Identity => Box::new(coded),
        Encoding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(coded)),
        Encoding::Deflate => Box::new(flate2::read::ZlibDecoder::new(coded)),
        Encoding::Brotli => Box::new(brotli::Decompressor::new(coded, 4096)),
        Encoding::Zstd => Box::new(zstd::stream::read::Decoder::new(coded).unwrap()),
    };
    let mut some = [0; 512];
    loop {
        match reader.read(&mut some) {
            Ok(0) | Err(_) => return out,
            Ok(count) => out.extend_from_slice(&some[..count]),
        }
    }
}

fn coded(encoding: Encoding, pieces: &[&[u8]]) -> Vec<u8> {
    let mut encoder = Encoder::new(encoding).unwrap();
    let mut out = Vec::new();
    let mut add = |mut piece: Redacted| out.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
    for piece in pieces {
        add(encoder.feed(&Redacted(Bytes::copy_from_slice(piece))).unwrap());
    }
    add(encoder.finish(&Redacted(Bytes::new())).unwrap());
    out
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_to_the_same_wherever_it_was_cut(
        body in proptest::collection::vec(proptest::sample::select(&b"ab{}\":,\xff\0"[..]), 0..3000),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        for encoding in Encoding::CODED {
            let coded = coded(encoding, &pieces(&body, &cuts));
            prop_assert_eq!(decoded(encoding, &coded), &*body);
            // What Palisade itself reads strictly, with nothing after its end.
            let mut redactor = Redactor::new(plan(&[("$..never", "drop")]), encoding);
            let json = coded_json(encoding);
            redactor.feed(json.into()).unwrap();
            redactor.finish().unwrap();
        }
    }
}

fn coded_json(encoding: Encoding) -> Vec<u8> {
    coded(encoding, &[b"{\"a\":", b"[1,2", b",3]}"])
}

#[test]
fn a_client_can_read_all_that_was_sent_before_the_end() {
    for encoding in Encoding::CODED {
        let mut encoder = Encoder::new(encoding).unwrap();
        let (mut sent, mut plain) = (Vec::new(), Vec::new());
        for n in 0..50 {
            let event = format!("data: {{\"n\":{n}}}\n\n");
            plain.extend_from_slice(event.as_bytes());
            let mut piece = encoder.feed(&Redacted(event.into())).unwrap();
            sent.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
            assert!(decoded(encoding, &sent) == plain, "{encoding:?} event {n}");
            assert!(encoder.feed(&Redacted(Bytes::new())).unwrap().is_empty());
        }
    }
    assert!(Encoder::new(Encoding::Identity).is_none());
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    lines.iter().map(line).collect()
}

#[test]
fn each_coding_has_an_entity_tag_of_its_own_and_the_app_is_asked_for_its_own() {
    let plan = plan(&[("ssn", "drop")]);
    let mut tags = vec![];
    for encoding in Encoding::CODED.into_iter().chain([Encoding::Identity]) {
        let request = headers(&[("accept-encoding", encoding.name())]);
        let accepts = Accepts::of(&request, &plan, &[encoding].into());
        let mut map = headers(&[("etag", "\"a.gzip\""), ("vary", "Origin")]);
        response_headers(&mut map, &plan);
        accepts.response_headers(&mut map, Encoding::Identity, encoding);
        let vary: Vec<_> = map.get_all("vary").iter().collect();
        assert_eq!(vary, ["Origin", "Accept-Encoding"]);
        let tag = map["etag"].to_str().unwrap().to_owned();
        for condition in ["if-none-match", "if-match"] {
            let mut asked = headers(&[(condition, &tag), ("accept-encoding", encoding.name())]);
            let accepts = Accepts::of(&asked, &plan, &[encoding].into());
            request_headers(&mut asked, &plan).unwrap();
            assert_eq!(asked[condition], "\"a.gzip\"");
            if condition == "if-none-match" {
                let mut map = headers(&[("etag", "W/\"a.gzip\"")]);
                let app = map["etag"].clone();
                response_headers(&mut map, &plan);
                accepts.unmodified_headers(&mut map, Some(&app));
                assert_eq!(map["etag"], format!("W/{tag}"));
                assert!(!map.contains_key("content-encoding"));
            }
        }
        tags.push(tag);
    }
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 5);
    // A coding that there is not is another view's.
    let tag = tags.iter().find(|tag| tag.ends_with(".br\"")).unwrap();
    let mut asked = headers(&[("if-none-match", &tag.replace(".br\"", ".x\""))]);
    request_headers(&mut asked, &plan).unwrap();
    assert!(!asked.contains_key("if-none-match"));
}

#[test]
fn vary_is_said_once_and_only_where_it_holds() {
    let accepts = |plain: &[Encoding]| {
        let request = headers(&[("accept-encoding", "gzip")]);
        Accepts::of(&request, &plan(&[("a", "drop")]), &plain.into())
    };
    let varies = |accepts: &Accepts, vary: &str, arrived| {
        let mut map = headers(&[("vary", vary)]);
        accepts.response_headers(&mut map, arrived, Encoding::Identity);
        map.get_all("vary").iter().map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(varies(&accepts(&[]), "a", Encoding::Identity), ["a"]);
    assert_eq!(varies(&accepts(&[]), "a", Encoding::Gzip), ["a", "Accept-Encoding"]);
    assert_eq!(
        varies(&accepts(&[Encoding::Gzip]), "b, ACCEPT-encoding", Encoding::Identity),
        ["b, ACCEPT-encoding"]
    );
    assert_eq!(varies(&accepts(&[Encoding::Gzip]), "*", Encoding::Identity), ["*"]);
}
