//! API keys: what proves one, and how a wrong file is told.

use super::super::Auth;
use super::super::Credential;
use super::super::Keyring;
use super::super::Kind;
use super::super::Rejected;
use super::forge::NOW;
use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::problem::Problem;

fn file() -> String {
    format!(
        "keys:\n  - id: batch\n    sha256: {}\n    kind: service\n    principal: nightly\n    tenant: acme/west\n    \
         roles: [writer, reader]\n    scopes: [a]\n  - id: old\n    sha256: \"{}\"\n    kind: user\n    principal: bob\n    \
         tenant: globex\n    not_before: 2027-01-15T08:00:00Z\n    expires: 2027-01-15T08:00:10Z\n",
        Digest::of(b"s3cret.with.dots"),
        Digest::of(b"other"),
    )
}

fn build(text: &str) -> Result<Keyring, Vec<Problem>> {
    Keyring::build(&[], Some(("api_keys.yaml", text)))
}

#[test]
fn a_key_proves_its_principal_and_nothing_else_does() {
    let keyring = build(&file()).unwrap();
    let verify = |key: &str, now| keyring.verify(Credential::ApiKey(key.as_bytes()), now);
    let seen = verify("batch.s3cret.with.dots", NOW).unwrap();
    assert_eq!(seen.expires, u64::MAX);
    assert_eq!((seen.principal.kind, &*seen.principal.id), (Kind::Service, "nightly"));
    assert_eq!(seen.principal.tenant, TenantPath::parse("acme/west").ok());
    assert_eq!(seen.principal.roles, [Box::from("reader"), "writer".into()]);
    assert_eq!(seen.principal.auth, Auth::ApiKey { id: "batch".into() });
    for (key, reason) in [
        ("", Rejected::Malformed),
        ("batch", Rejected::Malformed),
        ("batch.", Rejected::WrongSecret),
        ("batch.s3cret", Rejected::WrongSecret),
        ("batch.s3cret.with.dots ", Rejected::WrongSecret),
        ("batch.other", Rejected::WrongSecret),
        ("Batch.s3cret.with.dots", Rejected::UnknownApiKey),
        (".s3cret.with.dots", Rejected::UnknownApiKey),
        ("nobody.s3cret.with.dots", Rejected::UnknownApiKey),
    ] {
        assert_eq!(verify(key, NOW).err(), Some(reason), "{key}");
    }
    let digest = format!("batch.{}", Digest::of(b"s3cret.with.dots"));
    assert_eq!(verify(&digest, NOW).err(), Some(Rejected::WrongSecret), "who reads the file gets in nowhere");
    assert_eq!(keyring.verify(Credential::ApiKey(b"\xff.x"), NOW).err(), Some(Rejected::Malformed));
    assert_eq!(keyring.verify(Credential::ApiKey(&[b'x'; 9000]), NOW).err(), Some(Rejected::TooLong));
}

#[test]
fn a_key_holds_from_its_first_second_to_before_its_last() {
    let keyring = build(&file()).unwrap();
    let verify = |now| keyring.verify(Credential::ApiKey(b"old.other"), now).map(|seen| seen.expires);
    assert_eq!(verify(NOW - 1), Err(Rejected::NotYetValid));
    assert_eq!(verify(NOW), Ok(NOW + 10));
    assert_eq!(verify(NOW + 9), Ok(NOW + 10));
    assert_eq!(verify(NOW + 10), Err(Rejected::Expired));
}

#[test]
fn all_problems_of_a_file_are_told_at_once_each_with_its_place() {
    let text = "keys:\n  - id: a.b\n    sha256: ABC\n    kind: servise\n    principal: ''\n    tenant: Acme\n    \
                roles: [ok, '']\n    expires: tomorrow\n";
    let problems = build(text).unwrap_err();
    let told: Vec<_> = problems.iter().map(|one| (one.code, one.place.line, one.place.column)).collect();
    assert_eq!(
        told,
        [
            ("bad-api-key-id", 2, 9),
            ("bad-sha256", 3, 13),
            ("unknown-kind", 4, 11),
            ("bad-tenant", 6, 13),
            ("bad-name", 5, 16),
            ("bad-name", 7, 17),
            ("bad-time", 8, 14),
        ],
        "{problems:#?}"
    );
    assert_eq!(problems[2].hint.as_deref(), Some("did you mean `service`?"));
}

#[test]
fn two_keys_share_neither_id_nor_secret() {
    let twice = format!("{}{}", file(), file().strip_prefix("keys:\n").unwrap());
    let codes: Vec<_> = build(&twice).unwrap_err().iter().map(|one| (one.code, one.place.line)).collect();
    assert_eq!(
        codes,
        [
            ("duplicate-secret", 17),
            ("duplicate-api-key", 16),
            ("duplicate-secret", 24),
            ("duplicate-api-key", 23)
        ]
    );
}

#[test]
fn a_file_of_another_form_is_told_in_the_users_words() {
    for (text, line) in [
        ("keys:\n  - id: a\n    secret: hunter2\n", 3),
        ("keys:\n  - id: a\n", 2),
        ("keys: 7\n", 1),
        ("keys: [\n", 1),
        ("kees: []\n", 1),
        ("keys: []\nkeys: []\n", 2),
    ] {
        let problems = build(text).unwrap_err();
        assert_eq!((problems.len(), problems[0].place.line), (1, line), "{text:?}: {problems:?}");
        let message = &problems[0].message;
        for never in ["hunter2", "Raw", "Policy", "at line"] {
            assert!(!message.contains(never), "{message}");
        }
    }
    assert!(build("keys: []\n").is_ok());
}

#[test]
fn a_file_that_nests_without_end_overflows_nothing() {
    assert!(build(&"[".repeat(100_000)).is_err());
    assert!(build(&format!("keys: {}", "{a: ".repeat(10_000))).is_err());
}

#[test]
fn a_large_file_of_keys_is_read() {
    let mut text = String::from("keys:\n");
    for n in 0..20_000_u32 {
        let digest = Digest::of(&n.to_be_bytes());
        text += &format!(
            "- {{id: k{n}, sha256: {digest}, kind: service, principal: p, tenant: acme, roles: [a, b]}}\n"
        );
    }
    let keyring = build(&text).unwrap();
    let mut key = b"k19999.".to_vec();
    key.extend(19_999_u32.to_be_bytes());
    assert!(keyring.verify(Credential::ApiKey(&key), NOW).is_ok());
}

#[test]
fn a_key_that_ends_soon_is_told_unless_its_principal_has_one_that_lasts() {
    let key = |id: &str, principal: &str, more: &str| {
        let sha256 = Digest::of(id.as_bytes());
        format!(
            "  - {{id: {id}, sha256: \"{sha256}\", kind: user, principal: {principal}, tenant: acme{more}}}\n"
        )
    };
    let expiring = |keys: &[String]| -> Vec<String> {
        let keyring = build(&format!("keys:\n{}", keys.concat())).unwrap();
        // NOW is 2027-01-15T08:00:00Z.
        keyring.expiring_api_keys(NOW, 86_400).into_iter().map(|key| key.id.into()).collect()
    };
    let (soon, sooner) = (", expires: 2027-01-15T20:00:00Z", ", expires: 2027-01-15T09:00:00Z");
    let one = key("a", "ann", soon);
    assert_eq!(expiring(&[one.clone(), key("b", "bob", sooner), key("c", "cid", "")]), ["b", "a"]);
    assert!(expiring(&[one.clone(), key("n", "ann", "")]).is_empty());
    assert!(expiring(&[one.clone(), key("n", "ann", ", expires: 2027-03-01T00:00:00Z")]).is_empty());
    // One that ends too, that begins too late or that has ended is no successor, and what ended long ago is not told.
    assert_eq!(expiring(&[one.clone(), key("n", "ann", sooner)]), ["n", "a"]);
    assert_eq!(expiring(&[one.clone(), key("n", "ann", ", not_before: 2027-01-15T20:00:01Z")]), ["a"]);
    assert_eq!(expiring(&[one.clone(), key("o", "ann", ", expires: 2027-01-15T07:59:59Z")]), ["a"]);
    // A principal of another tenant is another one.
    assert_eq!(expiring(&[one, key("n", "ann", "").replace("acme", "globex")]), ["a"]);
}
