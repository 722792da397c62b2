//! Numbers that the authorities give as examples, and the same with one digit changed.

use super::super::Detectors;
use super::super::Kind;
use super::super::Kinds;

fn found(text: &str, key: &str) -> bool {
    let mut found = Vec::new();
    Detectors::new(Kinds::from_iter([Kind::NationalId])).find(text, key, &mut found);
    found.len() == 1 && (found[0].from, found[0].to) == (0, text.len())
}

/// Those that are found wherever they stand.
const PLAIN: [&str; 26] = [
    "078-05-1120",
    "900-70-0001",
    "046-454-286",
    "943 476 5919",
    "86095742719",
    "86 095 742 719",
    "1 84 12 76 451 089 46",
    "184127645108946",
    "85.07.30-033.28",
    "44051401359",
    "37605030299",
    "10000000146",
    "529.982.247-25",
    "52998224725",
    "20-17254359-7",
    "2341 2341 2346",
    "756.9217.0769.85",
    "7569217076985",
    "8001015009087",
    "1960529460012",
    "640823-3234",
    "19640823-3234",
    "736028/5163",
    "1237 010180",
    "12.345.678-5",
    "11010519491231002X",
];

/// Those that need a word before them.
const HINTED: [&str; 6] =
    ["111222333", "123456782", "9434765919", "234123412346", "123456789012", "078051120"];

#[test]
fn numbers_of_persons_are_found() {
    for text in PLAIN {
        assert!(found(text, ""), "{text}");
    }
    for text in HINTED.into_iter().filter(|text| *text != "123456789012") {
        assert!(found(text, "taxId"), "{text}");
        assert!(!found(text, ""), "{text} without a word");
    }
}

#[test]
fn a_wrong_check_digit_is_seen() {
    // Without check digits: the American one, and the Korean.
    for text in PLAIN.into_iter().filter(|text| !matches!(*text, "078-05-1120" | "900-70-0001")) {
        let mut wrong = text.as_bytes().to_vec();
        let at = wrong.iter().rposition(u8::is_ascii_digit).unwrap();
        wrong[at] = b'0' + (wrong[at] - b'0' + 1) % 10;
        let wrong = String::from_utf8(wrong).unwrap();
        assert!(!found(&wrong, ""), "{wrong}");
    }
    for text in ["000-12-3456", "666-12-3456", "123-00-4567", "123-45-0000", "987-49-4320"] {
        assert!(!found(text, ""), "{text}");
    }
}
