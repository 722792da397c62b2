//! What proxies say of the certificates that they were shown.

use proptest::prelude::*;

use crate::identity::Shown;
use crate::identity::nearest;

const A: &str = "spiffe://example.org/a";
const B: &str = "spiffe://example.org/b";

fn said(line: &str) -> Option<Option<String>> {
    nearest(line.as_bytes()).map(|shown| match shown {
        Shown::Workload(id) => Some(id.as_str().to_owned()),
        Shown::Nobody => None,
    })
}

#[test]
fn the_last_element_is_of_the_nearest_hop() {
    for (line, expected) in [
        (format!("URI={A}"), Some(A)),
        (format!("By=spiffe://example.org/us;Hash=00aa;URI={A}"), Some(A)),
        (format!("by=x;hash=00;uri={A}"), Some(A)),
        (format!("URI={A},URI={B}"), Some(B)),
        (format!("Hash=1;URI={A},Hash=2;URI={B}"), Some(B)),
        (format!("URI=\"{A}\""), Some(A)),
        (format!("Hash=1;Subject=\"CN=a, O=\\\"x;y\\\",URI={B}\";URI={A}"), Some(A)),
        (format!("Cert=\"-----BEGIN%20CERTIFICATE-----%0A\";URI={A};DNS=a.example;DNS=b.example"), Some(A)),
        (format!("By=x;By=y;URI={A}"), Some(A)),
        ("Hash=1".to_owned(), None),
        ("Hash=1;URI=".to_owned(), None),
        ("URI=https://a/b".to_owned(), None),
        (format!("URI={A};URI={B}"), None),
        (format!("URI={A};URI={A}"), None),
        (format!("URI={A},Hash=2"), None),
        ("URI=spiffe://Example.org/a".to_owned(), None),
    ] {
        assert_eq!(said(&line), Some(expected.map(str::to_owned)), "{line}");
    }
}

#[test]
fn what_has_two_readings_is_not_read() {
    let many = vec![format!("URI={A}"); 33].join(",");
    for line in [
        "",
        ",",
        "URI",
        ";",
        &format!("URI={A},"),
        &format!(",URI={A}"),
        &format!("URI={A};"),
        &format!("URI=\"{A}"),
        &format!("URI=\"{A}\\\""),
        &format!("URI={A}\""),
        &format!("URI=\"{A}\"x"),
        &format!("URI=x\"{A}\""),
        &format!("URI = {A}"),
        &format!("URI={A} "),
        &format!("URI={A}, URI={B}"),
        &format!("Evil=1;URI={A}"),
        &format!("Hash=1;Hash=2;URI={A}"),
        &format!("Subject=\"a\";Subject=\"b\";URI={A}"),
        &format!("URI={A}\t"),
        &format!("Subject=\"\n\";URI={A}"),
        &format!("URI={A}\\"),
        &many,
    ] {
        assert_eq!(said(line), None, "{line:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_have_a_verdict(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(nearest(&bytes));
    }

    #[test]
    fn any_text_of_its_alphabet_has_one(text in "[URI=;,\"\\\\spiffe:/ea]{0,60}") {
        drop(nearest(text.as_bytes()));
    }

    /// Whatever stands in quotes in front, the element behind it counts.
    #[test]
    fn no_subject_hides_the_uri(subject in "[^\u{0}-\u{1f}\u{7f}]{0,40}") {
        let quoted = subject.replace('\\', "\\\\").replace('"', "\\\"");
        let line = format!("Subject=\"{quoted}\";URI={A}");
        prop_assert_eq!(said(&line), Some(Some(A.to_owned())));
    }
}
