//! Every pair of sources against every pair of tenants, and what holds for any list of sources.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const PATHS: [&str; 6] = ["acme", "acme/west", "acme/west/sf1", "acme/east", "acme2", "globex"];

fn tenants() -> Tenants {
    let text = "tenants:\n  acme:\n    region: eu\n    tier: gold\n    tenants:\n      west:\n        tenants:\n          sf1: {}\n      \
                east: {}\n  acme2: {region: eu, tier: gold}\n  globex: {region: us, tier: gold}\n";
    Tenants::parse("tenants.yaml", text).unwrap().0
}

fn named(source: Source, tenant: &str) -> Named {
    Named { source, tenant: TenantPath::parse(tenant).unwrap() }
}

fn is_within(inner: &str, outer: &str) -> bool {
    inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
}

/// What the rule says for two sources, written without the code's own words.
fn expected(
    one: (Source, &str),
    two: (Source, &str),
    pathway: bool,
) -> Result<(String, String), Disagreement> {
    let mismatch = Err(Disagreement::Mismatch(one.0, two.0));
    match (one.0.is_of_caller(), two.0.is_of_caller()) {
        (true, true) if one.1 == two.1 => Ok((one.1.into(), one.1.into())),
        (true, true) => mismatch,
        (false, false) if one.1 == two.1 => Err(Disagreement::NoTenant),
        (false, false) => mismatch,
        (true, false) if is_within(two.1, one.1) || pathway => Ok((one.1.into(), two.1.into())),
        (true, false) => mismatch,
        (false, true) if is_within(one.1, two.1) || pathway => Ok((two.1.into(), one.1.into())),
        (false, true) => Err(Disagreement::Mismatch(two.0, one.0)),
    }
}

#[test]
fn every_pair_of_sources_and_tenants_ends_as_the_rule_says() {
    let tenants = tenants();
    let mut cells = 0;
    for one in Source::ALL {
        for two in Source::ALL {
            for first in PATHS {
                for second in PATHS {
                    for pathway in [false, true] {
                        let seen = agree(&[named(one, first), named(two, second)], &tenants, |_, _| pathway);
                        let rule = expected((one, first), (two, second), pathway);
                        let names = |tenancy: Tenancy| (tenancy.caller, tenancy.target);
                        let find = |path: String| tenants.find(&path).unwrap();
                        let rule = rule.map(|(caller, target)| (find(caller), find(target)));
                        assert_eq!(
                            seen.map(names),
                            rule,
                            "{one:?} {first}, {two:?} {second}, pathway {pathway}"
                        );
                        cells += 1;
                    }
                }
            }
        }
    }
    assert_eq!(cells, 6 * 6 * 6 * 6 * 2);
}

#[test]
fn one_source_alone_is_the_callers_or_nothing() {
    let tenants = tenants();
    for source in Source::ALL {
        let seen = agree(&[named(source, "acme/west")], &tenants, |_, _| true);
        if source.is_of_caller() {
            let tenancy = seen.unwrap();
            assert_eq!((tenancy.caller, tenancy.relation), (tenancy.target, Relation::Same));
        } else {
            assert_eq!(seen, Err(Disagreement::NoTenant));
        }
        let unknown = agree(&[named(source, "acme/north")], &tenants, |_, _| true);
        assert_eq!(unknown, Err(Disagreement::Unknown(source)), "a parent does not stand in for it");
    }
    assert_eq!(agree(&[], &tenants, |_, _| true), Err(Disagreement::NoTenant));
}

#[test]
fn the_relation_of_two_tenants_goes_by_the_tree() {
    let tenants = tenants();
    let relation = |caller, target| {
        agree(&[named(Source::Claim, caller), named(Source::Host, target)], &tenants, |_, _| true)
            .unwrap()
            .relation
    };
    assert_eq!(relation("acme/west", "acme/west"), Relation::Same);
    assert_eq!(relation("acme", "acme/west/sf1"), Relation::Below);
    assert_eq!(relation("acme/west/sf1", "acme"), Relation::Above);
    assert_eq!(relation("acme/west", "acme/east"), Relation::Apart);
    assert_eq!(relation("acme", "acme2"), Relation::Apart);
}

#[test]
fn a_pathway_is_asked_only_across_tenants_and_with_caller_and_target_in_that_order() {
    let tenants = tenants();
    let (acme, globex) = (tenants.find("acme").unwrap(), tenants.find("globex").unwrap());
    let asked = std::cell::RefCell::new(Vec::new());
    let ask = |caller, target| {
        asked.borrow_mut().push((caller, target));
        true
    };
    agree(&[named(Source::Claim, "acme"), named(Source::Path, "acme/west")], &tenants, ask).unwrap();
    agree(&[named(Source::Path, "globex"), named(Source::ApiKey, "acme")], &tenants, ask).unwrap();
    assert_eq!(*asked.borrow(), [(acme, globex)]);
}

proptest! {
    #[test]
    fn what_is_accepted_was_agreed_by_all_sources(
        picks in proptest::collection::vec((0..5_usize, 0..7_usize), 0..7),
        pathways in any::<u64>(),
    ) {
        let tenants = tenants();
        let path = |at: usize| PATHS.get(at).copied().unwrap_or("nobody");
        let list: Vec<_> = picks.iter().map(|(source, tenant)| named(Source::ALL[*source], path(*tenant))).collect();
        let pathway = |caller: TenantIx, target: TenantIx| pathways >> (caller.0 * 6 + target.0) & 1 == 1;
        if let Ok(tenancy) = agree(&list, &tenants, pathway) {
            for one in &list {
                let side = if one.source.is_of_caller() { tenancy.caller } else { tenancy.target };
                prop_assert_eq!(tenants.find(one.tenant.as_str()), Some(side));
            }
            prop_assert!(list.iter().any(|one| one.source.is_of_caller()));
            let named_target = list.iter().any(|one| !one.source.is_of_caller());
            prop_assert!(named_target || tenancy.target == tenancy.caller);
            let inside = tenants.is_within(tenancy.target, tenancy.caller);
            prop_assert!(inside || pathway(tenancy.caller, tenancy.target));
            prop_assert_eq!(inside, matches!(tenancy.relation, Relation::Same | Relation::Below));
        }
        let mut turned = list.clone();
        turned.reverse();
        prop_assert_eq!(agree(&list, &tenants, pathway).ok(), agree(&turned, &tenants, pathway).ok());
    }

    #[test]
    fn any_request_names_valid_tenants_or_is_refused(
        host in "\\PC{0,30}|[a-z.:0-9]{0,20}app\\.example[.:0-9]{0,3}",
        path in "/t/\\PC{0,20}|\\PC{0,20}",
    ) {
        if let Ok(found) = targets(&places(), &host, &path, &HeaderMap::new()) {
            for one in found {
                prop_assert!(TenantPath::parse(one.tenant.as_str()).is_ok());
            }
        }
    }
}

fn places() -> Places {
    Places {
        header: Some(HeaderName::from_static("x-tenant")),
        host_suffix: Some("app.example".into()),
        path: Some(PathPlace::parse("/t/{tenant}").unwrap()),
    }
}

/// What the three places name, in their order.
fn found(host: &str, path: &str, lines: &[&'static [u8]]) -> Result<Vec<(Source, String)>, BadTenantName> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append("x-tenant", HeaderValue::from_bytes(line).unwrap());
    }
    let all = targets(&places(), host, path, &headers)?;
    Ok(all.into_iter().map(|one| (one.source, one.tenant.to_string())).collect())
}

#[test]
fn a_host_names_a_tenant_by_its_labels_before_the_suffix() {
    for (host, tenant) in [
        ("acme.app.example", "acme"),
        ("west.acme.app.example", "acme/west"),
        ("SF1.West.ACME.App.Example:8443", "acme/west/sf1"),
        ("acme.app.example.", "acme"),
        ("acme.app.example.:80", "acme"),
    ] {
        assert_eq!(found(host, "/", &[]), Ok(vec![(Source::Host, tenant.into())]), "{host}");
    }
    assert_eq!(found("app.example", "/", &[]), Ok(Vec::new()));
    for host in [
        "",
        "elsewhere",
        "evil-app.example",
        "acmeapp.example",
        "acme.app.example.evil",
        "globex.elsewhere.example",
        "acme.app.example..",
        ".app.example",
        "acme..app.example",
        ".acme.app.example",
        "a_b.app.example",
        "xn--acme-.app.example:x",
        "acme.app.example:",
        "acme.app.example:+80",
        "acme.app.example:99999",
        "acme@app.example",
        "аcme.app.example",
        "acme.app.example, globex.app.example",
        "[::1]",
        "a.b.c.d.e.f.g.h.i.app.example",
    ] {
        assert_eq!(found(host, "/", &[]), Err(BadTenantName(Source::Host)), "{host}");
    }
}

#[test]
fn a_path_names_a_tenant_by_one_whole_segment_after_the_prefix() {
    let path = |path| found("app.example", path, &[]);
    for (text, tenant) in [("/t/acme", "acme"), ("/t/acme.west/x/y", "acme/west"), ("/t/acme/globex", "acme")]
    {
        assert_eq!(path(text), Ok(vec![(Source::Path, tenant.into())]), "{text}");
    }
    for none in ["/", "/t", "/tt/acme", "/x/t/acme", "/T/acme", ""] {
        assert_eq!(path(none), Ok(Vec::new()), "{none}");
    }
    for bad in [
        "/t/",
        "/t//acme",
        "/t/Acme",
        "/t/ac%6de",
        "/t/acme.",
        "/t/.acme",
        "/t/acme..west",
        "/t/a;b",
        "/t/..",
    ] {
        assert_eq!(path(bad), Err(BadTenantName(Source::Path)), "{bad}");
    }
}

#[test]
fn a_header_names_a_tenant_once_and_in_its_one_spelling() {
    let header = |lines: &[&'static [u8]]| found("app.example", "/", lines);
    assert_eq!(header(&[b"acme/west"]), Ok(vec![(Source::Header, "acme/west".into())]));
    let bad: [&[&'static [u8]]; 7] = [
        &[b""],
        &[b"ACME"],
        &[b"acme.west"],
        &[b"acme, globex"],
        &[b"acme", b"acme"],
        &[b"acme\xff"],
        &[b"acme/"],
    ];
    for lines in bad {
        assert_eq!(header(lines), Err(BadTenantName(Source::Header)), "{lines:?}");
    }
}

#[test]
fn places_that_are_not_configured_name_nothing() {
    let mut headers = HeaderMap::new();
    headers.append("x-tenant", HeaderValue::from_static("acme"));
    assert_eq!(targets(&Places::default(), "globex.app.example", "/t/acme", &headers), Ok(Vec::new()));
    assert_eq!(found("west.acme.app.example", "/t/acme.west", &[b"acme/west"]).unwrap().len(), 3);
}

#[test]
fn a_path_place_is_fixed_segments_and_then_the_tenant() {
    for good in ["/{tenant}", "/t/{tenant}", "/api/v1.0/tenants/{tenant}"] {
        assert!(PathPlace::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "{tenant}",
        "/t",
        "/t/{tenant}/",
        "t/{tenant}",
        "/t-{tenant}",
        "//{tenant}",
        "/a//b/{tenant}",
        "/../{tenant}",
        "/%74/{tenant}",
        "/{x}/{tenant}",
        "/t//{tenant}",
    ] {
        assert!(PathPlace::parse(bad).is_err(), "{bad}");
    }
    let root = Places { path: PathPlace::parse("/{tenant}").ok(), ..Places::default() };
    assert_eq!(targets(&root, "", "/acme/x", &HeaderMap::new()).unwrap(), [named(Source::Path, "acme")]);
}
