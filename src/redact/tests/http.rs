//! The headers around a redacted body.

use std::sync::Arc;

use ::http::HeaderMap;
use ::http::HeaderName;
use ::http::HeaderValue;

use super::plan;
use crate::redact::Boundary;
use crate::redact::ClassIx;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Foreign;
use crate::redact::Format;
use crate::redact::Mask;
use crate::redact::Mode;
use crate::redact::Plan;
use crate::redact::ShapeBuilder;
use crate::redact::detect::Kind;
use crate::redact::http::Unreadable;
use crate::redact::http::ViewChanged;
use crate::redact::http::call_status;
use crate::redact::http::readable;
use crate::redact::http::readable_body;
use crate::redact::http::request_headers;
use crate::redact::http::response_headers;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn listed(map: &HeaderMap) -> Vec<(&str, &str)> {
    let mut all: Vec<_> = map.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    all.sort_unstable();
    all
}

#[test]
fn what_is_said_of_the_status_of_a_call_is_searched_or_replaced() {
    let plan = |mode| {
        let mut shape = ShapeBuilder::new();
        shape.mode(mode);
        shape.detect(Kind::Email, ClassIx(0));
        shape.path("mail", ClassIx(0)).unwrap();
        Plan::new(&Arc::new(shape.build().unwrap()), [(ClassIx(0), Mask::Drop)], None)
    };
    let left = |plan: &Plan, lines: &[&str]| {
        let mut map = headers(&[("grpc-status", "5")]);
        for line in lines {
            map.append("grpc-message", HeaderValue::from_str(line).unwrap());
        }
        call_status(&mut map, plan);
        assert_eq!(map["grpc-status"], "5");
        map.get_all("grpc-message").iter().map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let hidden = "[redacted]";
    for mode in [Mode::Open, Mode::Closed(ClassIx(1))] {
        assert_eq!(left(&plan(mode), &["no such ward"]), [hidden]);
        assert_eq!(left(&plan(mode), &[""]), [""]);
        assert!(left(&plan(mode), &[]).is_empty());
    }
    let guarded = plan(Mode::Guarded);
    for (line, wanted) in [
        ("no such ward", "no such ward"),
        ("100%25 of%20ann@example.org %E2%82%AC", "100%25 of [redacted] %E2%82%AC"),
        ("ann%40example.org", hidden),
        ("%zz", hidden),
        ("%ff", hidden),
        ("a%4", hidden),
    ] {
        assert_eq!(left(&guarded, &[line]), [wanted], "{line}");
    }
    assert_eq!(left(&guarded, &["a", "b"]), [hidden]);
    // An answer that is a status alone has it in its head.
    let mut map = headers(&[("grpc-status", "5"), ("grpc-message", "Ada")]);
    response_headers(&mut map, &plan(Mode::Open));
    assert_eq!(map["grpc-message"], hidden);
}

#[test]
fn only_known_formats_and_encodings_in_utf8_can_be_read() {
    let read = |kind: &'static str, encoding: Option<&'static str>| {
        readable(Some(&HeaderValue::from_static(kind)), encoding.map(HeaderValue::from_static).as_ref())
    };
    let json = [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "text/json",
        "application/fhir+json;charset=\"utf-8\"",
        "application/problem+json; profile=x",
    ];
    for kind in json {
        assert_eq!(read(kind, None), Ok(Encoding::Identity.into()), "{kind}");
    }
    let formats = [
        ("application/x-ndjson", Format::Lines),
        ("Application/JSONL;charset=utf-8", Format::Lines),
        ("application/json-seq", Format::Sequence),
        ("application/geo+json-seq", Format::Sequence),
        ("application/x-www-form-urlencoded; charset=UTF-8", Format::Form),
        ("text/event-stream", Format::Events),
        ("text/csv", Format::Csv { is_named: false }),
        ("text/csv; header=present; charset=utf-8", Format::Csv { is_named: true }),
    ];
    let boundary = |text| Format::Multipart(Boundary::new(text).unwrap());
    for (kind, format) in formats.into_iter().chain([
        ("multipart/form-data; boundary=a-b", boundary("a-b")),
        ("multipart/form-data; charset=utf-8; boundary=\"a:b=\"", boundary("a:b=")),
    ]) {
        assert_eq!(read(kind, None), Ok(Content { format, encoding: Encoding::Identity }), "{kind}");
    }
    for kind in [
        "text/html",
        "text/csv; header=absent",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a b\"",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=a; boundary*=utf-8''b",
        "multipart/form-data; boundary=a; boundary*0=b",
        "application/json; charset*=utf-16''",
        "multipart/mixed; boundary=a",
        "application/jsonp",
        "text/plain",
        "application/octet-stream",
        "json",
        "",
        "application/json+yaml",
        "application/json, text/html",
    ] {
        assert_eq!(read(kind, None), Err(Unreadable::ContentType), "{kind}");
    }
    for kind in [
        "application/json; charset=utf-16",
        "application/json;charset=latin1",
        "a/b+json; x=y; Charset=\"utf-7\"",
    ] {
        assert_eq!(read(kind, None), Err(Unreadable::Charset), "{kind}");
    }
    assert_eq!(read("text/json", Some("GZIP")), Ok(Encoding::Gzip.into()));
    assert_eq!(read("text/json", Some("identity")), Ok(Encoding::Identity.into()));
    for (name, encoding) in
        [("br", Encoding::Brotli), ("deflate", Encoding::Deflate), ("ZSTD", Encoding::Zstd)]
    {
        assert_eq!(read("text/json", Some(name)), Ok(encoding.into()));
    }
    for encoding in ["compress", "x-deflate", "dcb", "gzip, gzip", "gzip, br", "identity, gzip", "x"] {
        assert_eq!(read("text/json", Some(encoding)), Err(Unreadable::Encoding), "{encoding}");
    }
    assert_eq!(readable(None, None), Err(Unreadable::NoContentType));
}

#[test]
fn xml_is_told_by_its_type_and_must_be_utf8() {
    let read = |kind: &'static str| readable(Some(&HeaderValue::from_static(kind)), None);
    for kind in ["application/xml", "text/xml; charset=utf-8", "application/fhir+xml"] {
        assert_eq!(read(kind), Ok(Content { format: Format::Xml, encoding: Encoding::Identity }), "{kind}");
    }
    assert_eq!(read("text/xml; charset=iso-8859-1"), Err(Unreadable::Charset));
    assert_eq!(read("text/xml-external-parsed-entity"), Err(Unreadable::ContentType));
}

#[test]
fn messages_are_told_by_their_type_and_those_of_grpc_by_their_encoding() {
    let grpc = |encoding| Content { format: Format::Grpc(encoding), encoding: Encoding::Identity };
    for kind in ["application/grpc", "application/grpc+proto"] {
        let kind = ("content-type", kind);
        assert_eq!(readable_body(&headers(&[kind])), Ok(grpc(Encoding::Identity)));
        assert_eq!(readable_body(&headers(&[kind, ("grpc-encoding", "gzip")])), Ok(grpc(Encoding::Gzip)));
        let unknown = headers(&[kind, ("grpc-encoding", "snappy")]);
        assert_eq!(readable_body(&unknown), Err(Unreadable::Encoding));
        let twice = headers(&[kind, ("grpc-encoding", "gzip"), ("grpc-encoding", "identity")]);
        assert_eq!(readable_body(&twice), Err(Unreadable::Encoding));
    }
    let message = Content { format: Format::Protobuf, encoding: Encoding::Identity };
    for kind in ["application/x-protobuf", "application/protobuf", "application/vnd.google.protobuf"] {
        assert_eq!(readable_body(&headers(&[("content-type", kind)])), Ok(message));
        let with =
            |parameter: &str| readable_body(&headers(&[("content-type", &format!("{kind}; {parameter}"))]));
        assert_eq!(with("charset=utf-8"), Ok(message));
        // Readers that heed these read other fields in the same bytes.
        for other in ["encoding=delimited", "Encoding=\"delimited\"", "proto=x.Other", "messageType=x.Other"]
        {
            assert_eq!(with(other), Err(Unreadable::ContentType), "{kind}; {other}");
        }
    }
    for kind in ["application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text"] {
        assert_eq!(readable_body(&headers(&[("content-type", kind)])), Err(Unreadable::ContentType));
    }
}

#[test]
fn a_second_line_of_a_header_that_matters_is_unreadable() {
    let json = ("content-type", "application/json");
    assert_eq!(readable_body(&headers(&[json])), Ok(Encoding::Identity.into()));
    assert_eq!(readable_body(&headers(&[json, json])), Err(Unreadable::NoContentType));
    let stacked = headers(&[json, ("content-encoding", "gzip"), ("content-encoding", "gzip")]);
    assert_eq!(readable_body(&stacked), Err(Unreadable::Encoding));
    assert_eq!(
        readable_body(&headers(&[json, ("content-range", "bytes 0-1/9")])),
        Err(Unreadable::ContentType)
    );
}

#[test]
fn a_response_keeps_no_header_that_describes_its_old_bytes() {
    let plan = plan(&[("ssn", "drop")]);
    let mut map = headers(&[
        ("content-type", "application/json"),
        ("content-length", "12"),
        ("content-encoding", "gzip"),
        ("content-digest", "x"),
        ("repr-digest", "x"),
        ("content-md5", "x"),
        ("x-amz-checksum-sha256", "x"),
        ("last-modified", "x"),
        ("accept-ranges", "bytes"),
        ("etag", "W/\"abc\""),
        ("cache-control", "public, s-maxage=60, max-age=5, private=\"a, no-store\""),
        ("trailer", "content-digest"),
    ]);
    response_headers(&mut map, &plan);
    let view: String = plan.tag().iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("W/\"abc~{view}\"");
    let left = [
        ("accept-ranges", "none"),
        ("cache-control", "private, max-age=5"),
        ("content-type", "application/json"),
        ("etag", &*tag),
    ];
    assert_eq!(listed(&map), left);
    let mut odd = headers(&[("etag", "abc"), ("cache-control", "no-store")]);
    response_headers(&mut odd, &plan);
    assert_eq!(listed(&odd), [("accept-ranges", "none"), ("cache-control", "private, no-store")]);
}

#[test]
fn a_request_asks_for_a_whole_plain_body_and_compares_only_its_own_view() {
    let mine = plan(&[("ssn", "drop")]);
    let other = plan(&[("ssn", "null")]);
    let mut tag = headers(&[("etag", "\"a,b\"")]);
    response_headers(&mut tag, &mine);
    let tag = tag["etag"].to_str().unwrap().to_owned();

    let mut map = headers(&[
        ("range", "bytes=0-1"),
        ("if-range", "x"),
        ("accept-encoding", "br"),
        ("if-modified-since", "x"),
    ]);
    map.insert("if-none-match", HeaderValue::from_str(&format!("\"x\", {tag}, W/\"y~00\"")).unwrap());
    assert_eq!(request_headers(&mut map, &mine), Ok(()));
    assert_eq!(listed(&map), [("accept-encoding", "identity"), ("if-none-match", "\"a,b\"")]);

    let mut foreign = headers(&[("if-none-match", &tag)]);
    assert_eq!(request_headers(&mut foreign, &other), Ok(()));
    assert_eq!(listed(&foreign), [("accept-encoding", "identity")]);

    let asked = |condition: &str, plan| {
        let mut map = headers(&[("if-match", condition)]);
        request_headers(&mut map, plan).map(|()| map["if-match"].to_str().unwrap().to_owned())
    };
    assert_eq!(asked(&tag, &mine), Ok("\"a,b\"".to_owned()));
    assert_eq!(asked("*", &mine), Ok("*".to_owned()));
    assert_eq!(asked(&tag, &other), Err(ViewChanged));
    assert_eq!(asked("\"abc\"", &mine), Err(ViewChanged));
}

#[test]
fn whose_rows_leave_is_told_by_no_entity_tag() {
    let mut shape = ShapeBuilder::new();
    shape.rows("$[*]", "tenant", Foreign::Drop).unwrap();
    let plan = Plan::new(&Arc::new(shape.build().unwrap()), [], None);
    let mut answer = headers(&[("etag", "\"a\"")]);
    response_headers(&mut answer, &plan);
    assert!(!answer.contains_key("etag"));
    let mut map = headers(&[("if-none-match", "*")]);
    assert_eq!(request_headers(&mut map, &plan), Ok(()));
    assert_eq!(listed(&map), [("accept-encoding", "identity")]);
    for (condition, asked) in [("*", Ok(())), ("\"a\"", Err(ViewChanged)), ("*, \"a\"", Err(ViewChanged))] {
        assert_eq!(request_headers(&mut headers(&[("if-match", condition)]), &plan), asked, "{condition}");
    }
}

#[test]
fn a_plan_that_hides_nothing_leaves_all_headers_alone() {
    let lines = [
        ("content-encoding", "br"),
        ("content-length", "5"),
        ("etag", "\"a\""),
        ("if-none-match", "\"a\""),
        ("range", "bytes=1-"),
    ];
    let mut map = headers(&lines);
    response_headers(&mut map, &plan(&[]));
    assert_eq!(request_headers(&mut map, &plan(&[])), Ok(()));
    assert_eq!(listed(&map), lines);
}
