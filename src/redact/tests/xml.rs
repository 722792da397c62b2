//! XML bodies.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use roxmltree::Document;
use roxmltree::Node;

use super::pieces;
use super::plan;
use super::run;
use crate::limits;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Malformed;

const XML: Content = Content { format: Format::Xml, encoding: Encoding::Identity };

fn xml(rules: &[(&str, &str)], body: &str) -> Result<String, Malformed> {
    run(&plan(rules), XML, &[body.as_bytes()]).map(|(out, _)| String::from_utf8(out).unwrap())
}

#[test]
fn an_element_is_masked_like_the_member_of_its_name() {
    let body = "<?xml version=\"1.0\" encoding='UTF-8'?>\n<p id=\"1\">\n  <ssn>078-05-1120</ssn>\n  <n>Ada &amp; L</n>\n</p>\n";
    for path in ["ssn", "p.ssn", "$[*].ssn", "$.p[*].ssn", "$..ssn", "*.ssn"] {
        let masked = |mask| xml(&[(path, mask)], body).unwrap();
        let with = |ssn: &str| body.replace("<ssn>078-05-1120</ssn>", ssn);
        assert_eq!(masked("drop"), with(""), "{path}");
        assert_eq!(masked("null"), with("<ssn/>"));
        assert_eq!(masked("fixed"), with("<ssn>[redacted]</ssn>"));
        assert_eq!(masked("typed"), with("<ssn>[redacted]</ssn>"));
        assert_eq!(masked("fixed(\"<&\\\"]]>\")"), with("<ssn>&lt;&amp;&quot;]]&gt;</ssn>"));
        assert_eq!(masked("keep-last(2)"), with("<ssn>*********20</ssn>"));
    }
    let json = super::seen(&[("ssn", "pseudonym")], r#"{"ssn":"078-05-1120"}"#);
    let pseudonym = json.strip_prefix(r#"{"ssn":""#).unwrap().strip_suffix(r#""}"#).unwrap();
    assert!(xml(&[("ssn", "pseudonym")], body).unwrap().contains(&format!("<ssn>{pseudonym}</ssn>")));
    assert_eq!(xml(&[("n", "keep-last(2)")], body).unwrap(), body.replace("Ada &amp; L", "***** L"));
}

#[test]
fn an_attribute_is_a_member_with_and_without_its_sign() {
    let body = "<p><q ssn = '1&#50;3'  b=\"]]>\" /></p>";
    for path in ["q.ssn", "q['@ssn']", "$..ssn", "$.p.q['@ssn']"] {
        let masked = |mask| xml(&[(path, mask)], body).unwrap();
        assert_eq!(masked("drop"), "<p><q  b=\"]]>\" /></p>", "{path}");
        assert_eq!(masked("null"), "<p><q ssn = ''  b=\"]]>\" /></p>");
        assert_eq!(masked("fixed(\"'\\\"\")"), body.replace("1&#50;3", "&apos;&quot;"));
        assert_eq!(masked("keep-first(1)"), body.replace("1&#50;3", "1**"));
    }
    assert_eq!(xml(&[("ssn", "drop")], body).unwrap(), body);
    assert_eq!(xml(&[("q", "drop")], body).unwrap(), "<p></p>");
}

#[test]
fn an_element_is_hidden_with_all_that_it_contains() {
    let body = "<p><a x='SECRET'>SECRET<b>SECRET</b><![CDATA[SECRET]]><a>SECRET</a></a><a/><c/></p>";
    let masked = |mask| xml(&[("a", mask)], body).unwrap();
    assert_eq!(masked("drop"), "<p><c/></p>");
    assert_eq!(masked("null"), "<p><a/><a/><c/></p>");
    assert_eq!(masked("typed"), "<p><a/><a>[redacted]</a><c/></p>");
    assert_eq!(masked("keep-last(2)"), "<p><a>[redacted]</a><a>[redacted]</a><c/></p>");
    // A document without its root is none, and what names its namespaces stays.
    assert_eq!(
        xml(&[("$", "drop")], "<x:p xmlns:x = 'u' b='SECRET'>SECRET</x:p>").unwrap(),
        "<x:p xmlns:x = 'u'/>"
    );
    assert_eq!(xml(&[("$", "fixed")], "<p>SECRET</p>").unwrap(), "<p>[redacted]</p>");
}

#[test]
fn a_prefix_hides_nothing() {
    for body in [
        "<p xmlns:s='u'><s:ssn>SECRET</s:ssn></p>",
        "<s:p xmlns:s='u'><s:ssn>SECRET</s:ssn></s:p>",
        "<p xmlns='u'><ssn xmlns='v'>SECRET</ssn></p>",
        "<p xmlns:s='u' s:ssn='SECRET'/>",
    ] {
        for path in ["ssn", "$..ssn"] {
            assert!(!xml(&[(path, "drop")], body).unwrap().contains("SECRET"), "{body}");
        }
    }
    let body = "<p xmlns:s='u' s:id='SECRET'><s:ssn>SECRET</s:ssn></p>";
    assert!(!xml(&[("['s:ssn']", "drop"), ("['@s:id']", "drop")], body).unwrap().contains("SECRET"));
    assert!(!xml(&[("..ssn", "drop"), ("['@id']", "drop")], body).unwrap().contains("SECRET"));
}

#[test]
fn a_wrapped_list_is_a_list() {
    let body = "<people><person><ssn>SECRET</ssn><pet><name>x</name></pet></person></people>";
    for path in ["$[*].ssn", "people[*].ssn", "$.person.ssn", "people.person.ssn"] {
        let seen = xml(&[(path, "drop"), ("$.name", "drop")], body).unwrap();
        assert_eq!(seen, "<people><person><pet><name>x</name></pet></person></people>", "{path}");
    }
    let body = "<r><people><person><ssn>SECRET</ssn></person></people></r>";
    assert!(!xml(&[("people[*].ssn", "drop")], body).unwrap().contains("SECRET"));
}

#[test]
fn comments_leave_nothing_behind_and_cdata_is_text() {
    let body = "<!-- SECRET --><p><!--<ssn>SECRET</ssn>--><ssn>07<!-- x -->8-<![CDATA[05<]]>-112&#x30;</ssn><![CDATA[<ssn>]]]]>]</p><!----> ";
    let seen = xml(&[("ssn", "keep-last(4)")], body).unwrap();
    assert_eq!(seen, "<p><ssn>********1120</ssn><![CDATA[<ssn>]]]]>]</p> ");
    assert_eq!(xml(&[("never", "drop")], "<p>a<!-- b -->c</p>").unwrap(), "<p>ac</p>");
}

/// What readers may take apart differently, or take for more than it says.
const UNCLEAR: &[&str] = &[
    "",
    " ",
    "x",
    "<p>",
    "</p>",
    "<p/><q/>",
    "<p/>x",
    "x<p/>",
    "<p></q>",
    "<p><q></p></q>",
    "<!DOCTYPE p><p/>",
    "<!DOCTYPE p [<!ENTITY e '<ssn>1</ssn>'>]><p>&e;</p>",
    "<!doctype p><p/>",
    "<p>&e;</p>",
    "<p>&</p>",
    "<p>&amp</p>",
    "<p>&#0;</p>",
    "<p>&#x1;</p>",
    "<p>&#xd800;</p>",
    "<p>&#x+1;</p>",
    "<p>&#;</p>",
    "<p>&LT;</p>",
    "<p a='&e;'/>",
    "<p a='<'/>",
    "<p a=1/>",
    "<p a/>",
    "<p a='1'b='2'/>",
    "<p a='1' a='2'/>",
    "<p ssn='1' ssn='2'/>",
    "<p a='1/>",
    "< p/>",
    "<p / >",
    "<p/ >",
    "<1p/>",
    "<a:b:c/>",
    "<:b/>",
    "<b:/>",
    "<p></ p>",
    "<p></p a='1'>",
    "<p>]]></p>",
    "<p>\u{1}</p>",
    "<p>\0</p>",
    "<p>\u{fffe}</p>",
    "<p>\u{ffff}</p>",
    "<?pi x?><p/>",
    "<p><?pi x?></p>",
    "<p/><?pi x?>",
    "<?xml-stylesheet href='x'?><p/>",
    " <?xml version='1.0'?><p/>",
    "<p/><?xml version='1.0'?>",
    "<?xml?><p/>",
    "<?xml version='1.1'?><p/>",
    "<?xml version='1.0' encoding='utf-16'?><p/>",
    "<?xml version='1.0' encoding='utf-7'?><p/>",
    "<?xml version='1.0' encoding='latin1'?><p/>",
    "<?xml encoding='utf-8' version='1.0'?><p/>",
    "<?xml encoding='utf-8'?><p/>",
    "<?xml version='1.0' version='1.0'?><p/>",
    "<?XML version='1.0'?><p/>",
    "<!-- a -- b --><p/>",
    "<!-- a ---><p/>",
    "<!-- a <p/>",
    "<!- a --><p/>",
    "<![CDATA[x]]><p/>",
    "<p><![cdata[x]]></p>",
    "<p><![CDATA[x]]</p>",
    "<p><!ssn></p>",
    "\u{feff}\u{feff}<p/>",
    "{\"ssn\":1}",
];

#[test]
fn what_parsers_would_take_apart_differently_is_refused() {
    let rules = [("$..ssn", "drop")];
    for body in UNCLEAR {
        assert!(xml(&rules, body).is_err(), "{body:?}");
        assert!(run(&plan(&rules), XML, &body.as_bytes().chunks(1).collect::<Vec<_>>()).is_err(), "{body:?}");
    }
    assert!(run(&plan(&rules), XML, &[b"<p>\xff</p>"]).is_err());
    assert!(run(&plan(&rules), XML, &[b"<p>\xc0\xbcssn></p>"]).is_err());
    assert!(run(&plan(&rules), XML, &[b"\xff\xfe<\0p\0/\0>\0"]).is_err());
    assert!(run(&plan(&rules), XML, &[b"<p/>\xe2\x82"]).is_err());
    assert_eq!(xml(&rules, "\u{feff}<?xml version='1.0'?><p/>").unwrap(), "<?xml version='1.0'?><p/>");
}

#[test]
fn depth_tags_and_readings_are_bounded() {
    let rules = [("$..ssn", "drop")];
    let deep = |n: usize| format!("{}{}", "<p>".repeat(n), "</p>".repeat(n));
    assert_eq!(xml(&rules, &deep(limits::JSON_DEPTH_MAX)).unwrap(), deep(limits::JSON_DEPTH_MAX));
    assert!(matches!(xml(&rules, &deep(limits::JSON_DEPTH_MAX + 1)), Err(Malformed::TooDeep { .. })));
    let long = format!("<p a='{}'/>", "x".repeat(limits::XML_TAG_BYTES_MAX));
    assert!(matches!(xml(&rules, &long), Err(Malformed::TagTooLong { .. })));
    let single: Vec<&[u8]> = long.as_bytes().chunks(1000).collect();
    assert!(matches!(run(&plan(&rules), XML, &single), Err(Malformed::TagTooLong { .. })));
    let reference = format!("<p>&#{}65;</p>", "0".repeat(99));
    assert!(xml(&rules, &reference).is_err());
    let value = "x".repeat(limits::MASKED_VALUE_BYTES_MAX + 1);
    assert_eq!(
        xml(&[("ssn", "keep-last(4)")], &format!("<p><ssn>{value}</ssn></p>")).unwrap(),
        "<p><ssn>[redacted]</ssn></p>"
    );
}

#[test]
fn what_is_hidden_is_counted() {
    let body = b"<p><ssn>1</ssn><ssn/><a ssn='1'/></p>";
    let (_, hidden) = run(&plan(&[("$..ssn", "drop")]), XML, &[body]).unwrap();
    assert_eq!(hidden.counts().map(|(_, count)| count).collect::<Vec<_>>(), [3]);
}

#[test]
fn every_cut_in_three_of_a_body_gives_the_same() {
    let plan = plan(&[("$..ssn", "keep-last(1)"), ("b", "drop"), ("$..['@c']", "null")]);
    for body in [
        "\u{feff}<?xml version='1.0'?><p><ssn>&#49;2é&lt;</ssn></p>",
        "<!-- x --><p c='>'>a]]<b><![CDATA[]]]]></b></p>\n",
        "<p><s:ssn  c=\"1\"/>]<c><![CDATA[>]]></c>&amp;</p>",
    ] {
        let body = body.as_bytes();
        let (whole, _) = run(&plan, XML, &[body]).unwrap();
        for i in 0..=body.len() {
            for j in i..=body.len() {
                let (cut, _) = run(&plan, XML, &[&body[..i], &body[i..j], &body[j..]]).unwrap();
                assert_eq!(String::from_utf8_lossy(&cut), String::from_utf8_lossy(&whole), "{i} {j}");
            }
        }
    }
}

fn document() -> impl Strategy<Value = String> {
    let name = || proptest::sample::select(&["a", "b", "ssn", "x:ssn", "x:b"][..]);
    let text = || {
        prop_oneof![
            "[a-c \n\\]é]{0,6}",
            (100_000_u32..999_999).prop_map(|n| format!("{n}")),
            proptest::sample::select(&["&amp;", "&#65;", "<![CDATA[<ssn>]]>", "<!-- c -->"][..])
                .prop_map(str::to_owned),
        ]
    };
    let attributes = proptest::collection::btree_map(name(), "[0-9a ]{0,8}", 0..3).prop_map(
        |all: BTreeMap<&str, String>| {
            // Prefixes aside an attribute may stand but once.
            let both = all.contains_key("ssn");
            all.iter()
                .filter(|(name, _)| !name.starts_with("x:") || !both)
                .map(|(name, value)| format!(" {name}='{value}'"))
                .collect::<String>()
        },
    );
    let leaf = (name(), attributes, text())
        .prop_map(|(name, attributes, text)| format!("<{name}{attributes}>{text}</{name}>"));
    let element = leaf.prop_recursive(4, 24, 4, move |inner| {
        (name(), text(), proptest::collection::vec(inner, 0..4))
            .prop_map(|(name, text, inner)| format!("<{name}>{text}{}</{name}>", inner.concat()))
    });
    element.prop_map(|inner| format!("<r xmlns:x='u'>{inner}</r>"))
}

/// What is left of a document, told plainly: names, attributes and text of what is not called `ssn`, and `b` by its text.
fn told(node: Node<'_, '_>, is_oracle: bool, out: &mut String) {
    if node.is_text() {
        out.push_str(node.text().unwrap());
    }
    for child in node.children() {
        if child.is_element() {
            let name = child.tag_name().name();
            if is_oracle && name == "ssn" {
                continue;
            }
            write!(out, "<{name}").unwrap();
            if is_oracle && name == "b" {
                out.push_str(">[redacted]<>");
                continue;
            }
            for attribute in child.attributes() {
                match attribute.name() {
                    "ssn" if is_oracle => {}
                    "b" if is_oracle => out.push_str(" b=[redacted]"),
                    name => write!(out, " {name}={}", attribute.value()).unwrap(),
                }
            }
            out.push('>');
            told(child, is_oracle, out);
            out.push_str("<>");
        } else {
            told(child, is_oracle, out);
        }
    }
}

proptest! {
    #[test]
    fn what_leaves_is_what_a_reader_of_the_whole_would_leave_wherever_it_is_cut(
        body in document(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let plan = plan(&[("$..ssn", "drop"), ("$..b", "fixed")]);
        let (out, _) = run(&plan, XML, &pieces(body.as_bytes(), &cuts)).unwrap();
        let out = String::from_utf8(out).unwrap();
        let (mut wanted, mut found) = (String::new(), String::new());
        told(Document::parse(&body).unwrap().root(), true, &mut wanted);
        told(Document::parse(&out).unwrap().root(), false, &mut found);
        prop_assert_eq!(found, wanted, "{}", body);
    }

    #[test]
    fn what_nothing_is_hidden_in_leaves_as_it_came_but_for_comments(body in document()) {
        let seen = xml(&[("never", "drop")], &body).unwrap();
        prop_assert_eq!(seen, body.replace("<!-- c -->", ""));
    }

    #[test]
    fn no_bytes_make_it_panic_and_cutting_them_changes_no_verdict(
        parts in proptest::collection::vec(
            proptest::sample::select(
                &["<s", "<a", ">", "/>", "</s>", "</a>", " s='", "'", "\"", "<!--", "--", "<![CDATA[", "]]", "&amp;", "&", ";", "#65", "é", " ", "?>", "<?xml version='1.0'"][..],
            ),
            0..16,
        ),
    ) {
        let plan = plan(&[("$..s", "drop")]);
        let body = parts.concat();
        let whole = run(&plan, XML, &[body.as_bytes()]).map(|(out, _)| out).ok();
        let single: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        prop_assert_eq!(&whole, &run(&plan, XML, &single).map(|(out, _)| out).ok());
        if let Some(whole) = whole {
            // No more is taken for XML than a strict reader takes; prefixes without a namespace aside.
            prop_assert!(Document::parse(&body).is_ok(), "{}", body);
            prop_assert!(Document::parse(std::str::from_utf8(&whole).unwrap()).is_ok(), "{}", body);
        }
    }
}
