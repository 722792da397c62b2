//! Notes, keys and checkpoints: what others published is read, what was changed is not.

use proptest::prelude::*;

use super::*;
use crate::audit::tree;
use crate::audit::tree::Leaves;

/// A key, the note that it signed and a witness's checkpoint, from the text of C2SP's signed-note and tlog-cosignature.
const PUBLISHED_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const PUBLISHED_NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn signer() -> Signer {
    Signer::read("palisade.log/00", &[7; 32]).unwrap()
}

fn ours() -> String {
    checkpoint("palisade.log/00", 3, &[9; 32], &signer())
}

/// A witness: what it makes of a text at a time, written out.
fn cosign(text: &str, time: u64, name: &str) -> (String, VerifierKey) {
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref().try_into().unwrap();
    let key = VerifierKey::new(name, KeyKind::Cosignature, public);
    let made = pair.sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes());
    let bytes = [&time.to_be_bytes()[..], made.as_ref()].concat();
    (Signature { name: name.to_owned(), id: key.id(), bytes }.line(), key)
}

#[test]
fn the_published_note_is_signed_by_the_published_key() {
    let key = VerifierKey::parse(PUBLISHED_KEY).unwrap();
    assert_eq!((key.to_string().as_str(), key.id(), key.kind()), (PUBLISHED_KEY, 0x530d_903a, KeyKind::Note));
    let note = Note::parse(PUBLISHED_NOTE).unwrap();
    assert_eq!(
        (note.signed_by(&key), note.text()),
        (Signed::Yes { at: None }, "This is an example message.\n")
    );
    assert_eq!(note.write(), PUBLISHED_NOTE);
    let other = Note::parse(&PUBLISHED_NOTE.replace("example message", "example massage")).unwrap();
    assert_eq!(other.signed_by(&key), Signed::Wrong);
    assert_eq!(note.signed_by(signer().verifier()), Signed::No);
    // The same key as a witness's has another id, and its cosignature is another thing.
    let witness = VerifierKey::new(key.name(), KeyKind::Cosignature, *key.public());
    assert_ne!(witness.id(), key.id());
    assert_eq!(note.signed_by(&witness), Signed::No);
    assert_eq!(VerifierKey::parse(&witness.to_string()), Ok(witness));
}

#[test]
fn a_key_is_read_in_one_spelling() {
    let ours = signer().verifier().to_string();
    assert!(VerifierKey::parse(&ours).is_ok());
    for (from, to) in [
        ("palisade.log", "palisade log"),
        ("palisade.log", "palisade.lag"),
        ("+A", "+B"),
        ("+", ""),
        ("=", ""),
        ("=", "=="),
    ] {
        let other = ours.replacen(from, to, 1);
        assert!(other == ours || VerifierKey::parse(&other).is_err(), "{other}");
    }
    for text in ["", "a", "a+b", "a+00000000+", "a+00000000+AQ==", "+00000000+AQ=="] {
        assert!(VerifierKey::parse(text).is_err(), "{text}");
    }
    let upper = PUBLISHED_KEY.replace("530d903a", "530D903A");
    assert!(
        VerifierKey::parse(&upper).is_err() && VerifierKey::parse(&format!("{PUBLISHED_KEY}\n")).is_err()
    );
}

#[test]
fn a_signer_is_read_from_a_seed_from_der_and_from_pem_and_shows_no_secret() {
    let pem = Signer::generate().unwrap();
    let one = Signer::read("a", pem.as_bytes()).unwrap();
    let der = crate::pem::read(&pem, "PRIVATE KEY").unwrap();
    let two = Signer::read("a", &der).unwrap();
    assert_eq!(one.verifier(), two.verifier());
    assert_eq!(format!("{one:?}"), format!("private key of {}", one.verifier()));
    // A key that OpenSSL made.
    let openssl = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIDQTWsXYVV2EQyrxZpuY4qVaLRP0pczWk+C/Bf0O+k5/\n-----END PRIVATE KEY-----\n";
    let public = "MCowBQYDK2VwAyEAnH/rpcUeS1JbLG3T2VMcSegZGOaEfjj5QMtIzCJORHA=";
    let openssl = Signer::read("a", openssl.as_bytes()).unwrap();
    assert!(STANDARD.decode(public).unwrap().ends_with(openssl.verifier().public()));
    for bytes in [&b""[..], &[7; 31], &[7; 33], b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"] {
        assert!(Signer::read("a", bytes).is_err());
    }
    for name in ["", "a b", "a+b", "a\nb", &"a".repeat(256)] {
        assert!(Signer::read(name, &[7; 32]).is_err(), "{name}");
    }
}

#[test]
fn a_checkpoint_is_three_lines_and_the_signature_of_its_log() {
    let note = Note::parse(&ours()).unwrap();
    assert_eq!(note.text(), format!("palisade.log/00\n3\n{}\n", STANDARD.encode([9; 32])));
    assert_eq!(note.signed_by(signer().verifier()), Signed::Yes { at: None });
    let said = Checkpoint::parse(note.text()).unwrap();
    assert_eq!(said, Checkpoint { origin: "palisade.log/00".to_owned(), size: 3, root: [9; 32] });
    let root = STANDARD.encode([9; 32]);
    for text in [
        format!("a\n3\n{root}"),
        format!("a\n03\n{root}\n"),
        format!("a\n+3\n{root}\n"),
        format!("a\n\n{root}\n"),
        format!("a\n18446744073709551616\n{root}\n"),
        format!("\n3\n{root}\n"),
        format!("a b\n3\n{root}\n"),
        format!("a\n3\n{root}\nextension\n"),
        format!("a\n3\n{}\n", root.trim_end_matches('=')),
        "a\n3\n\n".to_owned(),
    ] {
        assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
    }
}

#[test]
fn a_note_is_read_in_one_form() {
    let ours = ours();
    let line = ours.lines().last().unwrap();
    for (what, text) in [
        ("cut", ours.trim_end().to_owned()),
        ("a line more", format!("{ours}\n")),
        ("a carriage return", ours.replace('\n', "\r\n")),
        ("a hyphen", ours.replace('\u{2014}', "-")),
        ("no signature", ours.replace(line, "")),
        ("a tab", ours.replace("palisade.log/00\n3", "palisade.log/00\t\n3")),
        ("other base64", ours.replace("=\n", "\n")),
        ("two spaces", ours.replace(" palisade", "  palisade")),
        ("only an id", format!("a\n\n{DASH}a AAAAAA==\n")),
        ("too many", format!("{ours}{}", format!("{line}\n").repeat(limits::NOTE_SIGNATURES_MAX))),
        ("too long", format!("{}\n{ours}", "a".repeat(limits::NOTE_BYTES_MAX))),
        ("nothing", String::new()),
    ] {
        assert_ne!(text, ours, "{what}");
        assert!(Note::parse(&text).is_err_and(|why| !why.is_empty()), "{what}");
    }
    // The text may have empty lines; the last one parts it.
    assert_eq!(Note::parse(&format!("a\n\nb\n\n{line}\n")).unwrap().text(), "a\n\nb\n");
}

#[test]
fn a_wrong_signature_in_the_keys_name_counts_more_than_a_right_one() {
    let right = ours();
    let mut note = Note::parse(&right).unwrap();
    let mut wrong = note.signatures[0].clone();
    wrong.bytes[0] ^= 1;
    note.signatures.push(wrong);
    let note = Note::parse(&note.write()).unwrap();
    assert_eq!(note.signed_by(signer().verifier()), Signed::Wrong);
    // One of a stranger changes nothing.
    let (line, _) = cosign("x", 1, "stranger");
    let note = Note::parse(&format!("{right}{line}")).unwrap();
    assert_eq!(note.signed_by(signer().verifier()), Signed::Yes { at: None });
}

#[test]
fn a_witness_says_when_it_saw_the_checkpoint() {
    let note = Note::parse(&ours()).unwrap();
    let (line, key) = cosign(note.text(), 1_790_000_000, "witness.example/w1");
    let cosigned = note.cosigned(&line, &key).unwrap();
    assert_eq!(cosigned.write(), format!("{}{line}", ours()));
    assert_eq!(cosigned.signed_by(&key), Signed::Yes { at: Some(1_790_000_000) });
    assert_eq!(cosigned.signed_by(signer().verifier()), Signed::Yes { at: None });
    // What it made of another text, what somebody else made and what is no line of a signature is not kept.
    let (other, _) = cosign("palisade.log/00\n4\n", 1, "witness.example/w1");
    let (stranger, _) = cosign(note.text(), 1, "stranger");
    for answer in [&*other, &stranger, "", "\n", "ok\n", line.trim_end()] {
        assert!(note.cosigned(answer, &key).is_none(), "{answer:?}");
    }
    let among = format!("{stranger}{line}{line}");
    assert_eq!(note.cosigned(&among, &key).unwrap().signatures().len(), 2);
}

#[test]
fn a_proof_travels_as_a_text_with_its_checkpoint() {
    let mut leaves = Leaves((0..5_u8).map(|n| tree::leaf_hash(&[n])).collect());
    let note = Note::parse(&checkpoint("a", 5, &leaves.root(), &signer())).unwrap();
    let path = tree::inclusion(&mut leaves, 4, 5).unwrap();
    let proof = TlogProof { index: 4, path: path.clone(), note: note.clone() };
    let text = proof.write();
    assert_eq!(
        text,
        format!("c2sp.org/tlog-proof@v1\nindex 4\n{}\n\n{}", STANDARD.encode(path[0]), note.write())
    );
    assert_eq!(TlogProof::parse(&text).unwrap(), proof);
    assert_eq!(proof.proves(&[4]).unwrap().size, 5);
    assert!(proof.proves(&[3]).is_none());
    assert!(TlogProof { index: 3, ..proof.clone() }.proves(&[4]).is_none());
    let extra = text.replacen("index", "extra AAAA\nindex", 1);
    assert_eq!(TlogProof::parse(&extra).unwrap(), proof);
    for (from, to) in [
        ("@v1", "@v2"),
        ("index 4", "index 04"),
        ("index 4\n", ""),
        ("index", "extra !\nindex"),
        ("index", "extra AAAA\nextra AAAA\nindex"),
        ("\n\n", "\n"),
        ("\n\n", "\nx\n\n"),
    ] {
        assert!(TlogProof::parse(&text.replacen(from, to, 1)).is_err(), "{from} {to}");
    }
    let high =
        text.replacen("4\n", &format!("4\n{}", format!("{}\n", STANDARD.encode([1; 32])).repeat(66)), 1);
    assert!(TlogProof::parse(&high).is_err());
    // A log of one record has an empty path.
    let one = TlogProof { index: 0, path: Vec::new(), note };
    assert_eq!(TlogProof::parse(&one.write()).unwrap(), one);
}

proptest! {
    #[test]
    fn no_note_with_one_bit_changed_is_signed(bit in any::<prop::sample::Index>()) {
        let ours = ours();
        let mut bytes = ours.clone().into_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let signed = String::from_utf8(bytes).ok().and_then(|text| Note::parse(&text).ok())
            .map(|note| note.signed_by(signer().verifier()));
        prop_assert!(!matches!(signed, Some(Signed::Yes { .. })), "{:?}", signed);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), tail in "\n\n\u{2014} [a-z+ ]{0,3} [A-Za-z0-9/+=]{0,12}\n") {
        let text = text + &tail;
        if let Ok(note) = Note::parse(&text) {
            prop_assert_eq!(note.write(), text);
        }
        drop((TlogProof::parse(&tail), Checkpoint::parse(&tail), VerifierKey::parse(&tail)));
    }
}
