//! Names of workloads, the certificates that prove them, and whom they speak for.

use proptest::prelude::*;

use super::*;
use crate::identity::Leaf;
use crate::identity::NoSvid;
use crate::identity::NotAnId;
use crate::identity::Pattern;
use crate::identity::SpiffeId;
use crate::identity::Svid;
use crate::identity::Verified;
use crate::identity::Workload;
use crate::identity::Workloads;

#[test]
fn an_id_has_one_spelling() {
    for good in [
        "spiffe://example.org/a",
        "spiffe://example.org/ns/billing/sa/api",
        "spiffe://1.2.3.4/a",
        "spiffe://under_score-dash.example/A.b_c-d",
        "spiffe://e/...",
        "spiffe://e/.a",
    ] {
        let id = SpiffeId::parse(good.as_bytes()).unwrap_or_else(|why| panic!("{good}: {why:?}"));
        assert_eq!(id.as_str(), good);
        let again = format!("spiffe://{}/{}", id.trust_domain(), id.segments().collect::<Vec<_>>().join("/"));
        assert_eq!(again, good);
    }
    let long_domain = format!("spiffe://{}/a", "d".repeat(256));
    let long_id = format!("spiffe://e/{}", "a".repeat(2_048));
    for (what, bad, why) in [
        ("nothing", "", NotAnId::Scheme),
        ("no scheme", "example.org/a", NotAnId::Scheme),
        ("another scheme", "https://example.org/a", NotAnId::Scheme),
        ("a scheme in capitals", "SPIFFE://example.org/a", NotAnId::Scheme),
        ("a scheme with one capital", "Spiffe://example.org/a", NotAnId::Scheme),
        ("one slash", "spiffe:/example.org/a", NotAnId::Scheme),
        ("a space in front", " spiffe://example.org/a", NotAnId::Scheme),
        ("no trust domain", "spiffe:///a", NotAnId::TrustDomain),
        ("a trust domain in capitals", "spiffe://Example.org/a", NotAnId::TrustDomain),
        ("a port", "spiffe://example.org:443/a", NotAnId::TrustDomain),
        ("a user", "spiffe://me@example.org/a", NotAnId::TrustDomain),
        ("an address of IPv6", "spiffe://[::1]/a", NotAnId::TrustDomain),
        ("an escape in the trust domain", "spiffe://ex%61mple.org/a", NotAnId::TrustDomain),
        ("letters of another alphabet", "spiffe://ex\u{430}mple.org/a", NotAnId::TrustDomain),
        ("a space in the trust domain", "spiffe://example.org /a", NotAnId::TrustDomain),
        ("a query behind the trust domain", "spiffe://example.org?a=b", NotAnId::TrustDomain),
        ("a long trust domain", &long_domain, NotAnId::TooLong),
        ("a long id", &long_id, NotAnId::TooLong),
        ("no path", "spiffe://example.org", NotAnId::Path),
        ("an empty path", "spiffe://example.org/", NotAnId::Path),
        ("a slash at the end", "spiffe://example.org/a/", NotAnId::Path),
        ("an empty segment", "spiffe://example.org/a//b", NotAnId::Path),
        ("an empty segment first", "spiffe://example.org//a", NotAnId::Path),
        ("a dot", "spiffe://example.org/a/./b", NotAnId::Path),
        ("two dots", "spiffe://example.org/a/../b", NotAnId::Path),
        ("an escape", "spiffe://example.org/%61", NotAnId::Path),
        ("an escaped slash", "spiffe://example.org/a%2fb", NotAnId::Path),
        ("a query", "spiffe://example.org/a?b", NotAnId::Path),
        ("a fragment", "spiffe://example.org/a#b", NotAnId::Path),
        ("a semicolon", "spiffe://example.org/a;b", NotAnId::Path),
        ("a star", "spiffe://example.org/*", NotAnId::Path),
        ("a NUL", "spiffe://example.org/a\0", NotAnId::Path),
        ("a line's end", "spiffe://example.org/a\n", NotAnId::Path),
        ("a letter beyond ASCII", "spiffe://example.org/\u{e4}", NotAnId::Path),
        ("a backslash", "spiffe://example.org/a\\b", NotAnId::Path),
    ] {
        assert_eq!(SpiffeId::parse(bad.as_bytes()).unwrap_err(), why, "{what}: {bad}");
    }
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = match u8::try_from(content.len()) {
        Ok(short @ 0..=127) => vec![short],
        Ok(long) => vec![0x81, long],
        Err(_) => [&[0x82][..], &u16::try_from(content.len()).unwrap().to_be_bytes()].concat(),
    };
    [&[tag][..], &length, &content].concat()
}

fn extension(last: u8, value: &[u8]) -> Vec<u8> {
    der(0x30, &[&[0x06, 3, 0x55, 0x1d, last], &der(0x04, &[value])])
}

/// Alternative names of these kinds: `(tag, text)`.
fn names(names: &[(u8, &str)]) -> Vec<u8> {
    let all: Vec<Vec<u8>> = names.iter().map(|(tag, text)| der(*tag, &[text.as_bytes()])).collect();
    extension(17, &der(0x30, &[&all.concat()]))
}

fn usage(bits: u8) -> Vec<u8> {
    extension(15, &[0x03, 2, 0, bits])
}

fn constraints(content: &[u8]) -> Vec<u8> {
    extension(19, &der(0x30, &[content]))
}

const ID: &str = "spiffe://example.org/ns/billing/sa/api";
const URI: u8 = 0x86;
const DNS: u8 = 0x82;
const SIGNS: u8 = 0x80;

/// A certificate as far as it is read; nobody verifies it here.
fn certificate(extensions: &[Vec<u8>]) -> Vec<u8> {
    let validity = der(0x30, &[&der(0x17, &[b"250101000000Z"]), &der(0x18, &[b"20991231235959Z"])]);
    dated(&validity, extensions)
}

fn dated(validity: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let all = der(0xa3, &[&der(0x30, &[&extensions.concat()])]);
    let nothing = der(0x30, &[]);
    let signed =
        [&[0xa0, 3, 2, 1, 2][..], &[2, 1, 7], &nothing, &nothing, validity, &nothing, &nothing, &all];
    der(0x30, &[&der(0x30, &signed), &nothing, &[0x03, 1, 0]])
}

#[test]
fn a_certificate_names_one_workload() {
    let good = |extensions: &[Vec<u8>]| Svid::of_certificate(&certificate(extensions));
    for (what, extensions) in [
        ("as SPIRE makes them", vec![usage(0xa8), constraints(&[]), names(&[(URI, ID)])]),
        ("without constraints", vec![usage(SIGNS), names(&[(URI, ID)])]),
        ("with `FALSE` written out", vec![usage(SIGNS), constraints(&[1, 1, 0]), names(&[(URI, ID)])]),
        (
            "with names of DNS beside",
            vec![usage(SIGNS), names(&[(DNS, "api.example"), (URI, ID), (DNS, "b")])],
        ),
        (
            "with an extension that we do not know",
            vec![usage(SIGNS), extension(99, &[5, 0]), names(&[(URI, ID)])],
        ),
    ] {
        let svid = good(&extensions).unwrap_or_else(|why| panic!("{what}: {why:?}"));
        assert_eq!((svid.id.as_str(), svid.expires), (ID, 4_102_444_799), "{what}");
    }
}

#[test]
fn a_certificate_names_one_workload_or_none() {
    let good = |extensions: &[Vec<u8>]| Svid::of_certificate(&certificate(extensions));
    for (what, extensions, why) in [
        ("no extensions", vec![], NoSvid::Names),
        ("no URI", vec![usage(SIGNS), names(&[(DNS, "api.example")])], NoSvid::Names),
        (
            "two URIs",
            vec![usage(SIGNS), names(&[(URI, ID), (URI, "spiffe://evil.example/a")])],
            NoSvid::Names,
        ),
        ("the same URI twice", vec![usage(SIGNS), names(&[(URI, ID), (URI, ID)])], NoSvid::Names),
        (
            "two URIs, one of the web",
            vec![usage(SIGNS), names(&[(URI, "https://a"), (URI, ID)])],
            NoSvid::Names,
        ),
        ("a URI of the web", vec![usage(SIGNS), names(&[(URI, "https://a/b")])], NoSvid::Id(NotAnId::Scheme)),
        ("an id as a name of DNS", vec![usage(SIGNS), names(&[(DNS, ID)])], NoSvid::Names),
        (
            "a trust domain alone",
            vec![usage(SIGNS), names(&[(URI, "spiffe://example.org")])],
            NoSvid::Id(NotAnId::Path),
        ),
        (
            "an escape",
            vec![usage(SIGNS), names(&[(URI, "spiffe://example.org/%61")])],
            NoSvid::Id(NotAnId::Path),
        ),
        (
            "a NUL",
            vec![usage(SIGNS), names(&[(URI, "spiffe://example.org/a\0.evil")])],
            NoSvid::Id(NotAnId::Path),
        ),
        (
            "an authority",
            vec![usage(SIGNS), constraints(&[1, 1, 0xff]), names(&[(URI, ID)])],
            NoSvid::Authority,
        ),
        (
            "an authority with a path's length",
            vec![usage(SIGNS), constraints(&[1, 1, 0xff, 2, 1, 0]), names(&[(URI, ID)])],
            NoSvid::Authority,
        ),
        ("no usage", vec![names(&[(URI, ID)])], NoSvid::KeyUsage),
        ("a usage without signing", vec![usage(0x28), names(&[(URI, ID)])], NoSvid::KeyUsage),
        ("may sign certificates", vec![usage(0x84), names(&[(URI, ID)])], NoSvid::KeyUsage),
        ("may sign lists", vec![usage(0x82), names(&[(URI, ID)])], NoSvid::KeyUsage),
    ] {
        assert_eq!(good(&extensions).unwrap_err(), why, "{what}");
    }
}

#[test]
fn a_certificate_that_says_something_twice_or_oddly_is_unreadable() {
    let good = |extensions: &[Vec<u8>]| Svid::of_certificate(&certificate(extensions));
    for (what, extensions, why) in [
        ("names twice", vec![usage(SIGNS), names(&[(URI, ID)]), names(&[(URI, ID)])], NoSvid::Unreadable),
        ("usage twice", vec![usage(SIGNS), usage(SIGNS), names(&[(URI, ID)])], NoSvid::Unreadable),
        ("an empty usage", vec![extension(15, &[0x03, 1, 0]), names(&[(URI, ID)])], NoSvid::Unreadable),
        (
            "constraints that are no truth",
            vec![usage(SIGNS), constraints(&[1, 1, 7]), names(&[(URI, ID)])],
            NoSvid::Unreadable,
        ),
        (
            "names that are cut",
            vec![usage(SIGNS), extension(17, &[0x30, 9, URI, 3, b'a'])],
            NoSvid::Unreadable,
        ),
        (
            "a long form for a short length",
            vec![usage(SIGNS), extension(17, &[0x30, 0x81, 3, URI, 1, b'a'])],
            NoSvid::Unreadable,
        ),
        (
            "more behind the names",
            vec![usage(SIGNS), extension(17, &[0x30, 3, URI, 1, b'a', 5, 0])],
            NoSvid::Unreadable,
        ),
    ] {
        assert_eq!(good(&extensions).unwrap_err(), why, "{what}");
    }
}

#[test]
fn a_certificate_that_is_none_is_unreadable() {
    let whole = certificate(&[usage(SIGNS), names(&[(URI, ID)])]);
    for length in 0..whole.len() {
        assert_eq!(Leaf::read(&whole[..length]), None, "cut at {length}");
    }
    assert_eq!(Leaf::read(&[&whole[..], &[0]].concat()), None, "more behind it");
    let time = |kind: u8, text: &[u8]| der(0x30, &[&der(kind, &[text]), &der(kind, &[text])]);
    let read = |kind, text| Leaf::read(&dated(&time(kind, text), &[])).map(|leaf| leaf.not_after);
    assert_eq!(read(0x17, b"491231235959Z"), Some(2_524_607_999));
    assert_eq!(read(0x17, b"500101000000Z"), Some(0), "of 1950");
    assert_eq!(read(0x18, b"20500101000000Z"), Some(2_524_608_000));
    for (kind, text) in [
        (0x17, &b"4912312359Z"[..]),
        (0x17, b"491231235959+0100"),
        (0x17, b"491331235959Z"),
        (0x17, b"490230000000Z"),
        (0x18, b"491231235959Z"),
        (0x18, b"20500101000000.5Z"),
        (0x18, b"2050010100000Z"),
        (0x0c, b"20500101000000Z"),
    ] {
        assert_eq!(read(kind, text), None, "{}", String::from_utf8_lossy(text));
    }
}

fn rule(ids: &str, tenant: Option<&str>, role: &str) -> Workload {
    Workload {
        ids: Pattern::parse(ids).unwrap(),
        tenant: tenant.map(|text| TenantPath::parse(text).unwrap()),
        roles: vec![role.into()],
        groups: Vec::new(),
        scopes: Vec::new(),
    }
}

fn workloads() -> Workloads {
    let rules = vec![
        rule("spiffe://example.org/ns/billing/sa/api", Some("acme"), "exact"),
        rule("spiffe://example.org/ns/billing/sa/*", Some("acme/west"), "one"),
        rule("spiffe://example.org/tenant/{tenant}/sa/*", None, "named"),
        rule("spiffe://example.org/jobs/**", Some("globex"), "many"),
    ];
    Workloads { trust_domains: vec!["example.org".into()], rules }
}

fn svid(id: &str) -> Svid {
    Svid { id: SpiffeId::parse(id.as_bytes()).unwrap(), expires: NOW + 10 }
}

#[test]
fn the_first_rule_that_fits_says_whom_a_workload_speaks_for() {
    let all = workloads();
    for (id, tenant, role) in [
        ("spiffe://example.org/ns/billing/sa/api", "acme", "exact"),
        ("spiffe://example.org/ns/billing/sa/job", "acme/west", "one"),
        ("spiffe://example.org/tenant/globex/sa/x", "globex", "named"),
        ("spiffe://example.org/tenant/acme.west.sf1/sa/x", "acme/west/sf1", "named"),
        ("spiffe://example.org/jobs/a", "globex", "many"),
        ("spiffe://example.org/jobs/a/b/c", "globex", "many"),
    ] {
        let Verified { principal, expires, .. } = all.verify(&svid(id), NOW).unwrap().unwrap();
        assert_eq!((principal.kind, &*principal.id, expires), (Kind::Service, id, NOW + 10));
        assert_eq!(principal.tenant.as_ref().map(TenantPath::as_str), Some(tenant), "{id}");
        assert_eq!(&*principal.roles[0], role, "{id}");
        assert_eq!(principal.auth.as_str(), "spiffe");
    }
    for (id, why) in [
        ("spiffe://example.org/ns/billing/sa/api/x", Rejected::UnknownWorkload),
        ("spiffe://example.org/ns/billing/sa", Rejected::UnknownWorkload),
        ("spiffe://example.org/ns/billing-evil/sa/api", Rejected::UnknownWorkload),
        ("spiffe://example.org/jobs", Rejected::UnknownWorkload),
        ("spiffe://example.org/NS/billing/sa/api", Rejected::UnknownWorkload),
        ("spiffe://example.org/tenant/Globex/sa/x", Rejected::BadTenant),
        ("spiffe://example.org/tenant/a..b/sa/x", Rejected::BadTenant),
    ] {
        assert_eq!(all.verify(&svid(id), NOW).unwrap().unwrap_err(), why, "{id}");
    }
    let long = format!("spiffe://example.org/jobs/{}", "a".repeat(300));
    assert_eq!(all.verify(&svid(&long), NOW).unwrap().unwrap_err(), Rejected::BadSubject);
    for foreign in [
        "spiffe://evil.example/jobs/a",
        "spiffe://example.org.evil/jobs/a",
        "spiffe://sub.example.org/jobs/a",
    ] {
        assert_eq!(all.verify(&svid(foreign), NOW), None, "{foreign}");
    }
    assert_eq!(
        all.verify(&svid("spiffe://example.org/jobs/a"), NOW + 10).unwrap().unwrap_err(),
        Rejected::Expired
    );
}

#[test]
fn what_is_no_pattern_is_refused() {
    for bad in [
        "",
        "spiffe://",
        "spiffe://e",
        "spiffe://E/a",
        "spiffe://e/",
        "spiffe://*/a",
        "spiffe://e/a*",
        "spiffe://e/**/a",
        "spiffe://e/{tenant}/{tenant}",
        "spiffe://e/{other}",
        "spiffe://e/a//b",
        "spiffe://e/..",
        "spiffe://e/%61",
    ] {
        assert!(Pattern::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_workload_acts_for_whoever_calls_over_its_connection() {
    let all = workloads();
    let forge = Forge::new(Algorithm::Es256);
    let caller = || forge.verify(&forge.token(&forge.claims())).unwrap();
    let api = svid("spiffe://example.org/ns/billing/sa/api");
    let acted = all.acts_for(caller(), &api, NOW).unwrap();
    assert_eq!((&*acted.principal.id, acted.expires), ("ann", NOW + 10), "the earlier of both ends");
    let actor = acted.principal.actor.as_ref().unwrap();
    assert_eq!((actor.kind, &*actor.id, &actor.actor), (Kind::Service, api.id.as_str(), &None));
    // Whoever is named by the token already is not named again; somebody else stands behind.
    let again = all.acts_for(acted.clone(), &api, NOW).unwrap();
    assert_eq!(again, acted);
    let other = all.acts_for(acted, &svid("spiffe://example.org/jobs/a"), NOW).unwrap();
    let chain = other.principal.actor.as_ref().unwrap();
    assert_eq!(&*chain.actor.as_ref().unwrap().id, api.id.as_str());
    let foreign = all.acts_for(caller(), &svid("spiffe://evil.example/a"), NOW).unwrap();
    assert_eq!(foreign.principal.actor, None);
    assert_eq!(all.acts_for(caller(), &api, NOW + 10).unwrap_err(), Rejected::Expired);
}

proptest! {
    #[test]
    fn any_bytes_are_an_id_in_their_one_spelling_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..60), start in any::<bool>()) {
        let text = if start { [&b"spiffe://"[..], &bytes].concat() } else { bytes };
        if let Ok(id) = SpiffeId::parse(&text) {
            prop_assert_eq!(id.as_str().as_bytes(), &text[..]);
            prop_assert!(id.segments().count() > 0);
        }
    }

    #[test]
    fn any_bytes_are_a_certificate_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(Leaf::read(&bytes));
    }

    /// One flipped bit makes no workload of another name but by the name itself.
    #[test]
    fn a_damaged_certificate_is_read_or_not(at in 0..200_usize, bit in 0..8_u8) {
        let mut bytes = certificate(&[usage(SIGNS), constraints(&[]), names(&[(URI, ID)])]);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(svid) = Svid::of_certificate(&bytes) {
            let same = svid.id.as_str() == ID;
            let in_name = bytes.windows(svid.id.as_str().len()).any(|part| part == svid.id.as_str().as_bytes());
            prop_assert!(same || in_name);
        }
    }
}
