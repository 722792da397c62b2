//! The leak guard in XML: of the elements that are rows those leave that are the right owner's, each as it would alone.

use std::sync::Arc;

use proptest::prelude::*;

use super::laws;
use super::pieces;
use super::rows::plan;
use super::rows::run;
use super::rows::seen;
use crate::limits;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Foreign;
use crate::redact::Format;
use crate::redact::Malformed;
use crate::redact::Plan;
use crate::redact::ShapeBuilder;

const XML: Content = Content { format: Format::Xml, encoding: Encoding::Identity };

fn is_foreign(seen: &Result<String, Malformed>) -> bool {
    matches!(seen, Err(Malformed::ForeignRow { .. }))
}

#[test]
fn a_row_is_named_by_an_element_or_an_attribute_and_goes_with_the_space_before_it() {
    let body = |rows: &[&str]| {
        let rows: String = rows.iter().map(|row| format!("\n  {row}")).collect();
        format!("<?xml version=\"1.0\"?>\n<items n='x'>{rows}\n</items>\n")
    };
    let own = [
        "<item><owner>acme</owner><t>1</t></item>",
        "<item><t/><owner>\n 7 </owner></item>",
        "<item owner='acme'/>",
        "<item t='1' owner=\"&#97;cme\">x</item>",
        "<x:item><y:owner>ac<![CDATA[me]]><!-- globex --></y:owner></x:item>",
        "<item><Owner>acme</Owner></item>",
        "<item owner='7'><owner>acme</owner></item>",
    ];
    let foreign = [
        "<item><owner>globex</owner><t>1</t></item>",
        "<item owner='globex'/>",
        "<item/>",
        "<item></item>",
        "<item><owner/></item>",
        "<item><owner>acme</owner><owner>globex</owner></item>",
        "<item owner='acme'><owner>globex</owner></item>",
        "<item owner='acme' x:owner='globex'/>",
        "<item><owner><b>acme</b></owner></item>",
        "<item><owner>ac<b/>me</owner></item>",
        "<item><a><owner>acme</owner></a></item>",
        "<item><!-- <owner>acme</owner> --></item>",
        "<item><owner>acme2</owner></item>",
    ];
    let plan = plan("$.items.item", "owner", Foreign::Drop, &[]);
    for one in foreign {
        let mut rows = own.to_vec();
        rows.insert(3, one);
        rows.push(one);
        rows.insert(0, one);
        let left = body(&own).replace("<!-- globex -->", "");
        assert_eq!(seen(&plan, XML, &body(&rows)).unwrap(), left, "{one}");
        assert_eq!(seen(&plan, XML, &body(&[one])).unwrap(), body(&[]), "{one}");
    }
    let (_, hidden) = run(&plan, XML, &[body(&foreign).as_bytes()]).unwrap();
    assert_eq!(hidden.foreign_rows(), foreign.len() as u64);
    let strict = super::rows::plan("$.items.item", "owner", Foreign::Refuse, &[]);
    assert!(seen(&strict, XML, &body(&own)).is_ok());
    for one in foreign {
        assert!(is_foreign(&seen(&strict, XML, &body(&[own[0], one]))), "{one}");
    }
}

#[test]
fn the_rows_of_a_list_are_the_elements_in_it_whatever_they_are_called() {
    for at in ["$[*]", "$.items[*]"] {
        let plan = plan(at, "owner.key", Foreign::Drop, &[]);
        let body =
            "<items> <a><owner key='acme'/></a> <b><owner><key>globex</key></owner></b>\t<c x='y'/> </items>";
        assert_eq!(seen(&plan, XML, body).unwrap(), "<items> <a><owner key='acme'/></a> </items>", "{at}");
        assert_eq!(seen(&plan, XML, "<items/>").unwrap(), "<items/>");
        assert_eq!(seen(&plan, XML, "<items xmlns='u'></items>").unwrap(), "<items xmlns='u'></items>");
        // Text beside the rows is no row's, and an element with attributes may be one of several of its name.
        assert!(is_foreign(&seen(&plan, XML, "<items>x<a><owner key='acme'/></a></items>")));
        assert!(is_foreign(&seen(&plan, XML, "<items name='x'><a><owner key='acme'/></a></items>")));
    }
    // Where elements of one name stand side by side the path ends in it.
    let plan = plan("$.r.row", "t", Foreign::Drop, &[]);
    let body = "<r n='1'><row t='acme'/>x<row t='globex' name='SECRET'>SECRET</row><y/><row t='7'/></r>";
    assert_eq!(seen(&plan, XML, body).unwrap(), "<r n='1'><row t='acme'/>x<y/><row t='7'/></r>");
}

#[test]
fn the_root_of_another_refuses_the_body() {
    let plan = plan("$", "owner", Foreign::Drop, &[]);
    assert_eq!(seen(&plan, XML, "<p> <owner>7</owner></p>").unwrap(), "<p> <owner>7</owner></p>");
    for body in ["<p><owner>globex</owner></p>", "<p/>", "<p owner='8'/>", " <p></p>"] {
        assert!(is_foreign(&seen(&plan, XML, body)), "{body}");
    }
}

#[test]
fn what_names_the_owner_may_be_hidden_and_is_looked_at_in_what_is() {
    let rules = [("$..owner", "drop"), ("$..secret", "fixed"), ("items.item.t", "keep-last(1)")];
    let plan = plan("$.items.item", "secret.owner", Foreign::Drop, &rules);
    let row = |owner: &str| format!("<item><t>1234</t><secret>x<owner>{owner}</owner></secret></item>");
    let body = |rows: &str| format!("<items>{rows}</items>");
    let (out, hidden) =
        run(&plan, XML, &[body(&(row("globex") + &row("acme") + &row("b"))).as_bytes()]).unwrap();
    assert_eq!(out, body("<item><t>***4</t><secret>[redacted]</secret></item>"));
    // Of rows that went nothing is counted as hidden.
    assert_eq!(hidden.counts().map(|(_, count)| count).sum::<u64>(), 2);
    assert_eq!(hidden.foreign_rows(), 2);
    // A row that is hidden itself goes as well, and the rows in what is hidden around them are.
    let hides = super::rows::plan("$.items.item", "o", Foreign::Drop, &[("items.item", "null")]);
    let both = body("<item><o>acme</o></item><item><o>globex</o></item>");
    assert_eq!(seen(&hides, XML, &both).unwrap(), body("<item/>"));
    let all = super::rows::plan("$.items.item", "o", Foreign::Drop, &[("$", "fixed")]);
    assert_eq!(seen(&all, XML, &both).unwrap(), "<items>[redacted]</items>");
}

#[test]
fn a_row_within_a_row_names_its_owner_too() {
    let plan = plan("$..item", "org.id", Foreign::Drop, &[("$..org", "drop")]);
    let own = "<org id='acme'/>";
    for (row, stays) in [
        (format!("<item>{own}<item>{own}</item></item>"), true),
        (format!("<item><item>{own}</item>{own}</item>"), true),
        (format!("<item>{own}<item/></item>"), false),
        (format!("<item>{own}<item><org><id>globex</id></org></item></item>"), false),
        (format!("<item><item>{own}</item></item>"), false),
        (format!("<item>{own}<org><item/></org></item>"), false),
    ] {
        let left = if stays { row.replace(own, "") } else { String::new() };
        assert_eq!(seen(&plan, XML, &format!("<r>{row}</r>")).unwrap(), format!("<r>{left}</r>"), "{row}");
    }
}

#[test]
fn a_number_of_rows_is_corrected_or_refuses_the_body() {
    let plan = |these: bool| {
        let mut shape = ShapeBuilder::new();
        shape.rows("$.r.items[*]", "t", Foreign::Drop).unwrap();
        shape.row_count("$.r.total", these).unwrap();
        Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), [], None))
    };
    let (corrected, strict): (Arc<Plan>, Arc<Plan>) = (plan(true), plan(false));
    let items = "<items><a t='acme'/><a t='globex'/><a t='globex'/></items>";
    for (total, left) in [("3", "1"), (" 2\n", "0"), ("1", ""), ("3.0", ""), ("x", ""), ("<n>3</n>", "")] {
        let body = format!("<r>{items} <total>{total}</total> </r>");
        let left = if left.is_empty() { "<total/>".to_owned() } else { format!("<total>{left}</total>") };
        let left = format!("<r><items><a t='acme'/></items> {left} </r>");
        assert_eq!(seen(&corrected, XML, &body).unwrap(), left, "{total}");
        assert!(is_foreign(&seen(&strict, XML, &body)));
    }
    let attribute = format!("<r>{items}<total/></r>");
    assert!(is_foreign(&seen(&strict, XML, &attribute)));
    for first in [format!("<r total='3'>{items}</r>"), format!("<r><total>3</total>{items}</r>")] {
        for plan in [&corrected, &strict] {
            assert!(is_foreign(&seen(plan, XML, &first)), "{first}");
        }
    }
    let own = "<r total='3'><total>1</total><items><a t='7'/></items><total>1</total></r>";
    assert_eq!(seen(&corrected, XML, own).unwrap(), own);
    assert_eq!(seen(&strict, XML, own).unwrap(), own);
}

#[test]
fn a_row_longer_than_may_be_held_refuses_the_body_wherever_it_is_cut() {
    let plan = plan("$[*]", "t", Foreign::Drop, &[]);
    for owner in ["acme", "globex"] {
        let long = format!("<r><a t='{owner}'>{}</a></r>", "x".repeat(limits::ROW_BYTES_MAX));
        for size in [long.len(), 60_000] {
            let pieces: Vec<&[u8]> = long.as_bytes().chunks(size).collect();
            assert!(matches!(run(&plan, XML, &pieces), Err(Malformed::RowTooLong { .. })));
        }
    }
    // An owner that is too long is none, and much space tells nothing.
    let owner = " ".repeat(limits::MASKED_VALUE_BYTES_MAX);
    assert_eq!(seen(&plan, XML, &format!("<r><a><t>acme{owner}</t></a></r>")).unwrap(), "<r></r>");
    let space = " ".repeat(limits::JSON_HELD_BYTES_MAX);
    let blank = format!("<r>{space}{space}</r>");
    assert_eq!(seen(&plan, XML, &blank).unwrap(), blank);
    assert_eq!(seen(&plan, XML, &format!("<r>{space}{space}<a/></r>")).unwrap(), format!("<r>{space}</r>"));
}

#[test]
fn every_cut_in_three_of_a_body_with_rows_gives_the_same() {
    let plan = plan("$.r.a", "t", Foreign::Drop, &[("$..ssn", "keep-last(1)"), ("$.r.b", "drop")]);
    let body = "<r>\n <a t='acme'><ssn>&#49;2é</ssn></a>\n <b/> <a><t>gl<!-- -->o</t></a> <a><t>a<![CDATA[cme]]></t> </a>x <a t='7'/></r>";
    let body = body.as_bytes();
    let (whole, _) = run(&plan, XML, &[body]).unwrap();
    assert_eq!(
        whole,
        "<r>\n <a t='acme'><ssn>**é</ssn></a>\n  <a><t>a<![CDATA[cme]]></t> </a>x <a t='7'/></r>"
    );
    for i in 0..=body.len() {
        for j in i..=body.len() {
            let (cut, _) = run(&plan, XML, &[&body[..i], &body[i..j], &body[j..]]).unwrap();
            assert_eq!(cut, whole, "{i} {j}");
        }
    }
}

type Rules = &'static [(&'static str, &'static str)];
const RULES: &[Rules] = &[&[], &[("$..ssn", "drop"), ("$..t", "null")], &[("$..ssn", "keep-last(1)")]];

/// A row: whose it is, how it says so, and what else is in it.
fn row() -> impl Strategy<Value = (bool, String)> {
    let filler = || {
        proptest::sample::select(
            &["", " ", "x", "<u/>", "<ssn>123</ssn>", "<u ssn='4'>y</u>", "<![CDATA[<t>]]>", "<!-- t -->"][..],
        )
    };
    let space = || proptest::sample::select(&["", " ", "\n\t"][..]);
    let named = (proptest::sample::select(&["acme", "7", "globex", "", "ACME"][..]), 0_u8..4);
    (space(), filler(), named, filler()).prop_map(|(space, before, (owner, how), after)| {
        let text = match how {
            0 => format!("<a t='{owner}'>{before}{after}</a>"),
            1 => format!("<a>{before}<t>{owner}</t>{after}</a>"),
            2 => format!("<b>{before}<t x='1'> {owner}<!-- x --></t>{after}</b>"),
            _ => format!("<a>{before}{after}</a>"),
        };
        (how < 3 && matches!(owner, "acme" | "7"), space.to_owned() + &text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: laws::cases(300), ..ProptestConfig::default() })]

    #[test]
    fn what_leaves_is_each_row_of_the_owner_as_it_would_alone_wherever_the_body_is_cut(
        rows in proptest::collection::vec(row(), 0..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        rules in proptest::sample::select(RULES),
    ) {
        let plan = plan("$.r.rows[*]", "t", Foreign::Drop, rules);
        let body = |all: bool| {
            let rows = rows.iter().filter(|row| all || row.0).map(|row| &*row.1);
            format!("<r x='1'> <rows>{}\n</rows>y</r>", rows.collect::<String>())
        };
        let (whole, hidden) = run(&plan, XML, &[body(true).as_bytes()]).unwrap();
        let (expected, alone) = run(&plan, XML, &[body(false).as_bytes()]).unwrap();
        prop_assert_eq!(&whole, &expected);
        prop_assert_eq!(hidden.foreign_rows(), rows.iter().filter(|row| !row.0).count() as u64);
        prop_assert_eq!(hidden.counts().collect::<Vec<_>>(), alone.counts().collect::<Vec<_>>());
        let all = body(true);
        let (cut, _) = run(&plan, XML, &pieces(all.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(cut, whole);
    }
}
