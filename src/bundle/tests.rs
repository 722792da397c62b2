//! Bundles: what is built is what is read, and what anybody else made of it is not.

use std::io::Read as _;

use proptest::prelude::*;

use super::*;
use crate::ids::TenantPath;
use crate::snapshot::Role;

mod forged;

fn file(role: Role, name: &str, text: &str) -> SourceFile {
    SourceFile { role, name: name.into(), file: name.into(), text: text.into() }
}

fn policies(name: &str, tenant: Option<&str>, text: &str) -> SourceFile {
    let confined_to = tenant.map(|tenant| TenantPath::parse(tenant).unwrap());
    file(Role::Policies { confined_to }, name, text)
}

fn sources() -> Sources {
    let files = vec![
        policies("policies/main.cedar", None, "permit (principal, action, resource);"),
        policies("policies/tenants/acme/own.cedar", Some("acme"), "forbid (principal, action, resource);"),
        file(Role::Tenants, "tenants.yaml", "tenants: {acme: {}}"),
        file(Role::Routes, "routes.yaml", "routes: []"),
        file(Role::ApiKeys, "api_keys.yaml", "keys: []"),
        file(Role::PseudonymKey, "pseudonym.key", "0123456789abcdef0123456789abcdef"),
        SourceFile::shipped_schema(),
    ];
    Sources::new(files, Vec::new())
}

fn header() -> Header {
    Header { name: "clinic/prod".to_owned(), version: 7, created_ms: 1_795_000_000_000 }
}

fn key() -> (PrivateKey, PublicKey) {
    let (private, public) = PrivateKey::generate().unwrap();
    (PrivateKey::from_pem(&private).unwrap(), PublicKey::from_pem(&public).unwrap())
}

fn trust(keys: &[&PublicKey]) -> Trust {
    let keys = keys.iter().copied().cloned().collect();
    Trust { name: Some("clinic/prod".to_owned()), keys, unsigned: false }
}

fn read(archive: &[u8], trust: &Trust) -> Result<Verified, BadBundle> {
    Opened::open(archive)?.verify(trust)
}

/// What can be told apart of files.
fn told(files: &[SourceFile]) -> Vec<(Role, String, String)> {
    let mut told: Vec<_> =
        files.iter().map(|f| (f.role.clone(), f.name.to_string(), f.text.to_string())).collect();
    told.sort();
    told
}

fn inflate(archive: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    GzDecoder::new(archive).read_to_end(&mut tar).unwrap();
    tar
}

#[test]
fn a_bundle_brings_what_says_what_is_allowed_and_no_key_or_secret() {
    let (private, public) = key();
    let archive = build(&header(), &sources(), Some(&private)).unwrap();
    let verified = read(&archive, &trust(&[&public])).unwrap();
    assert_eq!(verified.title(), "clinic/prod@7");
    assert_eq!(verified.key(), Some(public.id()));
    assert_eq!(*verified.header(), header());
    let names: Vec<&str> = verified.files().iter().map(|file| &*file.name).collect();
    assert_eq!(
        names,
        ["policies/main.cedar", "policies/tenants/acme/own.cedar", "tenants.yaml", "routes.yaml"]
    );
    assert_eq!(&*verified.files()[0].file, "clinic/prod/policies/main.cedar");
    let own = Role::Policies { confined_to: Some(TenantPath::parse("acme").unwrap()) };
    assert_eq!(verified.files()[1].role, own);
    let tar = inflate(&archive);
    assert!(!tar.windows(9).any(|bytes| bytes == b"pseudonym"));
}

#[test]
fn any_tar_program_lists_it_with_the_manifest_first() {
    let archive = build(&header(), &sources(), Some(&key().0)).unwrap();
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), archive).unwrap();
    let listed = std::process::Command::new("tar").arg("tzf").arg(path.path()).output().unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let expected = "manifest.json\nsignature.json\npolicies/main.cedar\npolicies/tenants/acme/own.cedar\n\
                    tenants.yaml\nroutes.yaml\n";
    assert_eq!(String::from_utf8(listed.stdout).unwrap(), expected);
}

#[test]
fn a_schema_of_ones_own_travels_and_the_one_that_ships_does_not() {
    let own = file(Role::Schema, "own.cedarschema", crate::policy::SCHEMA);
    let with = Sources::new(vec![own, policies("a.cedar", None, "x")], Vec::new());
    let archive = build(&header(), &with, None).unwrap();
    let open = Trust { name: None, keys: Vec::new(), unsigned: true };
    assert_eq!(read(&archive, &open).unwrap().files()[0].role, Role::Schema);
    let archive = build(&header(), &sources(), None).unwrap();
    assert!(read(&archive, &open).unwrap().files().iter().all(|file| file.role != Role::Schema));
}

#[test]
fn what_cannot_stand_in_a_bundle_is_refused_when_it_is_built() {
    let of = |name: &str| build(&header(), &Sources::new(vec![policies(name, None, "x")], Vec::new()), None);
    assert!(of(&format!("{}/{}.cedar", "d".repeat(120), "f".repeat(90))).is_ok());
    let long = "x".repeat(300);
    for name in
        ["../a.cedar", "/a.cedar", "a//b.cedar", "a/./b.cedar", "", "a\\b", "a\nb", "manifest.json", &long]
    {
        assert!(of(name).is_err(), "{name}");
    }
    // A header of tar parts a name at a slash: 100 bytes from there on, 155 before it.
    let d = "d".repeat(82);
    for name in [format!("{}.cedar", "f".repeat(120)), [&*d, &*d, &*d].join("/")] {
        assert!(of(&name).unwrap_err().to_string().contains("is too long"), "{name}");
    }
    let named =
        |name: &str, version| build(&Header { name: name.into(), version, created_ms: 0 }, &sources(), None);
    assert!(named("a", 1).is_ok() && named("a", limits::BUNDLE_VERSION_MAX).is_ok());
    assert!(named("a", 0).is_err() && named("a", limits::BUNDLE_VERSION_MAX + 1).is_err());
    for name in ["", "A", "a b", "../a", "a/", &"a".repeat(129)] {
        assert!(named(name, 1).is_err(), "{name}");
    }
}

#[test]
fn only_a_trusted_signature_over_this_manifest_proves_it() {
    let ((private, public), (other, other_public)) = (key(), key());
    let signed = build(&header(), &sources(), Some(&private)).unwrap();
    let unsigned = build(&header(), &sources(), None).unwrap();
    assert!(read(&signed, &trust(&[&other_public, &public])).is_ok());
    assert_eq!(
        read(&signed, &trust(&[&other_public])).unwrap_err(),
        BadBundle::UnknownKey(public.id().to_owned())
    );
    assert_eq!(read(&unsigned, &trust(&[&public])).unwrap_err(), BadBundle::Unsigned);
    let lax = Trust { unsigned: true, ..trust(&[&public]) };
    assert_eq!(read(&unsigned, &lax).unwrap().key(), None);
    // A key that is configured counts even where none is required.
    assert!(read(&build(&header(), &sources(), Some(&other)).unwrap(), &lax).is_err());
    let elsewhere = Trust { name: Some("billing".to_owned()), ..trust(&[&public]) };
    assert_eq!(read(&signed, &elsewhere).unwrap_err().code(), "bundle-name");
    // Signing anew keeps the manifest, and so the bundle's identity.
    let again = sign(&signed, &other).unwrap();
    let (before, after) =
        (read(&signed, &trust(&[&public])).unwrap(), read(&again, &trust(&[&other_public])).unwrap());
    assert_eq!((before.digest(), told(before.files())), (after.digest(), told(after.files())));
    // A signature of the manifest without what stands before it is one of something else.
    let manifest = b"{}";
    let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    assert!(!public.verifies(manifest, pair.sign(manifest).as_ref()));
}

#[test]
fn keys_of_openssl_are_read_and_others_are_not() {
    let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIDQTWsXYVV2EQyrxZpuY4qVaLRP0pczWk+C/Bf0O+k5/\n-----END PRIVATE KEY-----\n";
    let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAnH/rpcUeS1JbLG3T2VMcSegZGOaEfjj5QMtIzCJORHA=\n-----END PUBLIC KEY-----\n";
    let private = PrivateKey::from_pem(private).unwrap();
    let public = PublicKey::from_pem(public).unwrap();
    assert_eq!(private.id(), public.id());
    assert!(public.verifies(b"x", &private.sign(b"x")) && !public.verifies(b"y", &private.sign(b"x")));
    let (secret, _) = PrivateKey::generate().unwrap();
    assert!(!format!("{:?}", PrivateKey::from_pem(&secret).unwrap()).contains("PRIVATE"));
    for text in ["", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", &secret] {
        assert!(PublicKey::from_pem(text).is_err());
    }
    let rsa =
        "-----BEGIN PRIVATE KEY-----\nMIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4=\n-----END PRIVATE KEY-----\n";
    assert!(PrivateKey::from_pem(rsa).is_err());
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (private, _) = key();
    let build = || build(&header(), &sources(), Some(&private)).unwrap();
    assert_eq!(build(), build());
}

#[test]
fn whatever_byte_is_changed_nothing_else_is_read() {
    let (private, public) = key();
    let trust = trust(&[&public]);
    let archive = build(&header(), &sources(), Some(&private)).unwrap();
    let whole = read(&archive, &trust).unwrap();
    let mut the_same = 0;
    for at in 0..archive.len() {
        for bit in 0..8 {
            let mut changed = archive.clone();
            changed[at] ^= 1 << bit;
            if let Ok(read) = read(&changed, &trust) {
                // A stream has a few bits that mean nothing, at its end; what is read is what was signed.
                assert_eq!((read.digest(), told(read.files())), (whole.digest(), told(whole.files())));
                the_same += 1;
            }
        }
    }
    assert!(the_same <= 32, "{the_same} bits mean nothing");
    // Below the compression each byte counts.
    let tar = inflate(&archive);
    for at in 0..tar.len() {
        let mut changed = tar.clone();
        changed[at] ^= 1;
        assert!(read(&gzip(&changed).unwrap(), &trust).is_err(), "byte {at}");
    }
}

#[test]
fn what_ends_early_or_goes_on_is_refused() {
    let (private, public) = key();
    let archive = build(&header(), &sources(), Some(&private)).unwrap();
    for length in 0..archive.len() {
        assert!(read(&archive[..length], &trust(&[&public])).is_err(), "{length} bytes");
    }
    assert!(read(&[&archive[..], b"\0"].concat(), &trust(&[&public])).is_err());
    assert!(read(&[&archive[..], &archive].concat(), &trust(&[&public])).is_err());
}

fn any_files() -> impl Strategy<Value = Vec<SourceFile>> {
    let name = "[a-zé][a-z0-9 ._-]{0,40}(/[a-z0-9._é-]{1,40}[a-z]){0,4}";
    let one = (name, "\\PC{0,40}x[ -~\n]{0,700}", proptest::option::of(0..2usize));
    proptest::collection::btree_map(one.clone().prop_map(|(name, _, _)| name), one, 0..12).prop_map(|files| {
        let files = files.into_iter().filter(|(name, _)| tar::header(name, 1).is_some());
        files
            .map(|(name, (_, text, tenant))| {
                policies(&name, tenant.map(|at| ["acme", "acme/west"][at]), &text)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_built(files in any_files(), version in 1..=limits::BUNDLE_VERSION_MAX) {
        let (private, public) = key();
        let sources = Sources::new(files, Vec::new());
        let header = Header { version, ..header() };
        let archive = build(&header, &sources, Some(&private)).unwrap();
        let verified = read(&archive, &trust(&[&public])).unwrap();
        prop_assert_eq!(told(verified.files()), told(sources.files()));
        prop_assert_eq!(verified.header(), &header);
        prop_assert_eq!(verified.archive(), &archive[..]);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let open = Trust { name: None, keys: Vec::new(), unsigned: true };
        prop_assert!(read(&bytes, &open).is_err());
        prop_assert!(read(&gzip(&bytes).unwrap(), &open).is_err());
        // Deeper in: what follows a sound manifest is anything.
        let mut archive = Vec::new();
        let sources = sources();
        let files: Vec<&SourceFile> = sources.files().iter().filter(|file| manifest::brings(file)).collect();
        tar::append(&mut archive, MANIFEST, &Manifest::of(&header(), &files).unwrap());
        archive.extend_from_slice(&bytes);
        prop_assert!(read(&gzip(&archive).unwrap(), &open).is_err());
        // And the manifest itself is anything.
        let mut archive = Vec::new();
        tar::append(&mut archive, MANIFEST, &bytes);
        tar::end(&mut archive);
        prop_assert!(read(&gzip(&archive).unwrap(), &open).is_err());
    }
}
