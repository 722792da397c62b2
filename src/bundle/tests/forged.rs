//! Archives that no `palisade bundle build` wrote: links, devices, ways out of the folder, bombs, files too many or too few.

use super::*;

/// Signs whatever manifest with whatever files after it: what a thief of the key could still not do.
fn signed(manifest: &str, files: &[(&str, &[u8])]) -> (Vec<u8>, Trust) {
    let (private, public) = key();
    let signature = Signature {
        algorithm: "ed25519".to_owned(),
        key: private.id(),
        signature: STANDARD.encode(private.sign(manifest.as_bytes())),
    };
    let mut archive = Vec::new();
    tar::append(&mut archive, MANIFEST, manifest.as_bytes());
    tar::append(&mut archive, SIGNATURE, &serde_json::to_vec(&signature).unwrap());
    for (name, bytes) in files {
        assert!(tar::append(&mut archive, name, bytes), "{name}");
    }
    tar::end(&mut archive);
    (gzip(&archive).unwrap(), trust(&[&public]))
}

fn entry(path: &str, role: &str, text: &str) -> String {
    let sha256 = Digest::of(text.as_bytes());
    format!(r#"{{"path":"{path}","role":"{role}","size":{},"sha256":"{sha256}"}}"#, text.len())
}

fn manifest(files: &[String]) -> String {
    let files = files.join(",");
    format!(
        r#"{{"palisade_bundle":1,"name":"clinic/prod","version":7,"created":"2026-11-20T12:00:00Z","files":[{files}]}}"#
    )
}

fn outcome(manifest: &str, files: &[(&str, &[u8])]) -> Result<Verified, BadBundle> {
    let (archive, trust) = signed(manifest, files);
    read(&archive, &trust)
}

#[test]
fn files_and_manifest_must_be_the_same_in_both_directions() {
    let both = manifest(&[entry("a.cedar", "policies", "aa"), entry("b.cedar", "policies", "bb")]);
    assert!(outcome(&both, &[("a.cedar", b"aa"), ("b.cedar", b"bb")]).is_ok());
    for files in [
        &[("a.cedar", &b"aa"[..])][..],
        &[("b.cedar", b"bb"), ("a.cedar", b"aa")],
        &[("a.cedar", b"aa"), ("b.cedar", b"bb"), ("c.cedar", b"cc")],
        &[("a.cedar", b"aa"), ("a.cedar", b"aa"), ("b.cedar", b"bb")],
        &[("a.cedar", b"aa"), ("b.cedar", b"bX")],
        &[("a.cedar", b"aa"), ("b.cedar", b"bbb")],
        &[],
    ] {
        assert_eq!(outcome(&both, files).unwrap_err().code(), "bundle-malformed", "{files:?}");
    }
}

#[test]
fn a_manifest_with_a_second_meaning_is_refused() {
    let good = manifest(&[entry("a.cedar", "policies", "aa")]);
    assert!(outcome(&good, &[("a.cedar", b"aa")]).is_ok());
    let twice = manifest(&[entry("a.cedar", "policies", "aa"), entry("a.cedar", "routes", "aa")]);
    let two = manifest(&[entry("a.yaml", "tenants", "aa"), entry("b.yaml", "tenants", "aa")]);
    for bad in [
        good.replace("\"palisade_bundle\":1", "\"palisade_bundle\":2"),
        good.replace("\"version\":7", "\"version\":7,\"version\":8"),
        good.replace("\"version\":7", "\"version\":7.0"),
        good.replace("\"version\":7", "\"version\":-7"),
        good.replace("\"version\":7", "\"version\":7,\"more\":1"),
        good.replace("2026-11-20T12:00:00Z", "yesterday"),
        good.replace("\"role\":\"policies\"", "\"role\":\"api_keys\""),
        good.replace("\"role\":\"policies\"", "\"role\":\"jwks\""),
        good.replace("\"role\":\"policies\"", "\"role\":\"routes\",\"tenant\":\"acme\""),
        good.replace("\"role\":\"policies\"", "\"role\":\"policies\",\"tenant\":\"../acme\""),
        good.replace("a.cedar", "../a.cedar"),
        good.replace("a.cedar", "/etc/a.cedar"),
        good.replace("\"size\":2", "\"size\":99999999999"),
        twice,
        two,
    ] {
        assert_eq!(outcome(&bad, &[("a.cedar", b"aa")]).unwrap_err().code(), "bundle-malformed", "{bad}");
    }
}

#[test]
fn a_link_a_device_or_another_kind_of_entry_is_refused() {
    let good = manifest(&[entry("a.cedar", "policies", "aa")]);
    let (archive, trust) = signed(&good, &[("a.cedar", b"aa")]);
    let tar = inflate(&archive);
    let at = tar.windows(8).position(|bytes| bytes == b"a.cedar\0").unwrap();
    let kinds = b"\x001234567gxLKSV";
    for kind in kinds {
        let mut forged = tar.clone();
        forged[at + 156] = *kind;
        forged[at + 157..at + 168].copy_from_slice(b"/etc/passwd");
        let (from, to) = (at, at + tar::BLOCK);
        forged[at + 148..at + 156].copy_from_slice(b"        ");
        let sum: u32 = forged[from..to].iter().map(|byte| u32::from(*byte)).sum();
        forged[at + 148..at + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let refused = read(&gzip(&forged).unwrap(), &trust).unwrap_err();
        assert!(refused.to_string().contains("plain files"), "{refused}");
    }
}

#[test]
fn a_text_that_is_none_or_says_nothing_is_refused() {
    let sha256 = Digest::of(b"\xff\xff");
    let bad = format!(r#"{{"path":"a.cedar","role":"policies","size":2,"sha256":"{sha256}"}}"#);
    assert!(
        outcome(&manifest(&[bad]), &[("a.cedar", b"\xff\xff")]).unwrap_err().to_string().contains("UTF-8")
    );
    let empty = manifest(&[entry("a.cedar", "policies", " \n")]);
    assert!(outcome(&empty, &[("a.cedar", b" \n")]).unwrap_err().to_string().contains("is empty"));
}

#[test]
fn a_bomb_is_refused_at_its_bound_and_before_its_files_are_unpacked() {
    // A manifest that would inflate to a gibibyte: its header alone says so.
    let mut bomb = tar::header(MANIFEST, 1 << 30).unwrap().to_vec();
    bomb.resize(64 << 20, 0);
    let packed = gzip(&bomb).unwrap();
    assert!(packed.len() < 128 << 10);
    assert_eq!(
        Opened::open(&packed).unwrap_err().to_string(),
        "it is not a bundle: a file in it is too large"
    );
    // A stranger's files are not even looked at.
    let good = manifest(&[entry("a.cedar", "policies", "aa")]);
    let (archive, _) = signed(&good, &[("a.cedar", &vec![b' '; 32 << 20])]);
    assert_eq!(read(&archive, &trust(&[&key().1])).unwrap_err().code(), "bundle-signature");
}
