//! Bodies that a route lets pass unread.

use std::sync::Arc;

use ::http::HeaderMap;
use ::http::HeaderName;
use ::http::HeaderValue;

use super::run;
use crate::redact::Boundary;
use crate::redact::ClassIx;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Mask;
use crate::redact::MediaRange;
use crate::redact::Plan;
use crate::redact::ShapeBuilder;
use crate::redact::http::Unreadable;
use crate::redact::http::readable_in;

fn plan() -> Arc<Plan> {
    let mut shape = ShapeBuilder::new();
    shape.path("ssn", ClassIx(0)).unwrap();
    let ranges = ["image/*", "application/pdf"].map(|text| MediaRange::parse(text).unwrap());
    let shape = shape.build().unwrap();
    let plain = Plan::new(&Arc::new(shape.clone()), [(ClassIx(0), Mask::Drop)], None).tag();
    let plan = Plan::new(&Arc::new(shape.with_opaque(ranges.to_vec())), [(ClassIx(0), Mask::Drop)], None);
    assert_ne!(plan.tag(), plain);
    Arc::new(plan)
}

fn read(lines: &[(&'static str, &'static str)]) -> Result<Format, Unreadable> {
    let line = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    let headers: HeaderMap = lines.iter().map(line).collect();
    readable_in(&headers, &plan()).map(|content| content.format)
}

#[test]
fn only_the_types_that_are_named_pass_and_what_can_be_read_is_read() {
    for kind in ["image/png", "IMAGE/JPEG; q=1", "application/pdf;version=1"] {
        assert_eq!(read(&[("content-type", kind)]), Ok(Format::Opaque), "{kind}");
        assert_eq!(read(&[("content-type", kind), ("content-encoding", "x")]), Ok(Format::Opaque));
    }
    assert_eq!(read(&[("content-type", "application/json")]), Ok(Format::Json));
    assert_eq!(read(&[("content-type", "image/svg+xml")]), Ok(Format::Xml));
    for kind in ["video/mp4", "application/pdfx", "image", "image/png, text/html", "text/csv; header=absent"]
    {
        let found = read(&[("content-type", kind)]);
        assert!(found.is_err(), "{kind}: {found:?}");
    }
    let png = ("content-type", "image/png");
    assert!(read(&[png, png]).is_err() && read(&[]).is_err());
    assert!(read(&[png, ("content-range", "bytes 0-1/9")]).is_err());
    assert_eq!(read(&[("content-type", "image/svg+xml; charset=utf-16")]), Err(Unreadable::Charset));
}

#[test]
fn what_is_opaque_leaves_as_it_came() {
    let body = &b"\xff\x00ssn"[..];
    let content = Content { format: Format::Opaque, encoding: Encoding::Identity };
    let (out, hidden) = run(&plan(), content, &[body]).unwrap();
    assert_eq!((&*out, hidden.is_empty()), (body, true));
}

#[test]
fn a_file_of_a_form_passes_where_its_type_is_named_and_its_name_leads_to_nothing_hidden() {
    let format = Format::Multipart(Boundary::new("xyz").unwrap());
    let content = Content { format, encoding: Encoding::Identity };
    let part = |name: &str, kind: &str| {
        format!(
            "--xyz\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"f\"\r\ncontent-type: {kind}\r\n\r\n\u{1}\r\n--xyz--\r\n"
        )
    };
    let body = part("photo", "image/png");
    assert_eq!(run(&plan(), content, &[body.as_bytes()]).unwrap().0, body.as_bytes());
    for body in [part("ssn", "image/png"), part("photo", "video/mp4"), part("photo", "image/svg+xml")] {
        assert!(run(&plan(), content, &[body.as_bytes()]).is_err(), "{body}");
    }
}
