//! What limits mean, as they are written.

use crate::model::Tenants;
use crate::problem::Severity;

use super::*;

fn told(text: &str) -> Vec<String> {
    let tenants = Tenants::parse("tenants.yaml", text).unwrap().0;
    let shown = |account: &Account| {
        let Quota { requests, concurrent, bytes } = account.quota;
        let requests = requests.map(|rate| (rate.emission_ns(), rate.burst()));
        format!("{} {requests:?} {concurrent:?} {bytes:?}", tenants.get(account.tenant).path)
    };
    tenants
        .iter()
        .map(|(ix, tenant)| {
            let chain =
                tenants.quotas().nearest(ix).into_iter().flat_map(|first| tenants.quotas().chain(first));
            format!("{}: {}", tenant.path, chain.map(shown).collect::<Vec<_>>().join(" < "))
        })
        .collect()
}

fn problems(limits: &str) -> Vec<(&'static str, Severity)> {
    let text = format!("tenants:\n  acme: {{limits: {{{limits}}}}}\n");
    match Tenants::parse("tenants.yaml", &text) {
        Ok((_, found)) | Err(found) => found.iter().map(|one| (one.code, one.severity)).collect(),
    }
}

#[test]
fn a_customer_has_its_tiers_limits_or_the_default_ones_and_its_parts_share_them() {
    let told = told(
        "
limits:
  default: {requests: 10/s}
  tiers:
    gold: {requests: 100/s, burst: 300, concurrent: 50, bytes: 1GiB/day}
tenants:
  acme: {tier: gold, tenants: {west: {}, east: {limits: {concurrent: 5}, tenants: {lab: {}}}}}
  globex: {tier: silver}
  initech: {tier: gold, limits: {concurrent: unlimited, requests: 5/min}, tenants: {spun-off: {tier: gold}}}
  umbrella: {limits: {requests: unlimited}}
",
    );
    let gold = "Some((10000000, 300)) Some(50) Some(1073741824)";
    let initech = "initech Some((12000000000, 5)) None Some(1073741824)";
    assert_eq!(
        told,
        [
            format!("acme: acme {gold}"),
            format!("acme/east: acme/east None Some(5) None < acme {gold}"),
            format!("acme/east/lab: acme/east None Some(5) None < acme {gold}"),
            format!("acme/west: acme {gold}"),
            "globex: globex Some((100000000, 10)) None None".to_owned(),
            format!("initech: {initech}"),
            format!("initech/spun-off: initech/spun-off {gold} < {initech}"),
            "umbrella: ".to_owned(),
        ]
    );
}

#[test]
fn tenants_without_limits_have_no_account_and_take_no_memory() {
    let tenants = Tenants::parse("tenants.yaml", "tenants: {acme: {}, globex: {}}").unwrap().0;
    assert!(tenants.quotas().is_empty() && tenants.quotas().nearest.is_empty());
    assert_eq!(tenants.quotas().nearest(TenantIx(0)), None);
}

#[test]
fn what_is_no_limit_is_refused() {
    let error = [("bad-limit", Severity::Error)];
    for limits in [
        "requests: 100",
        "requests: 100/m",
        "requests: 0/s",
        "requests: 1.5/s",
        "requests: -1/s",
        "requests: 007/s",
        "requests: 10/s, burst: 0",
        "requests: 1/day, burst: 1000",
        "requests: 9999999999/s",
        "burst: 10",
        "concurrent: 0",
        "concurrent: many",
        "bytes: 10GiB",
        "bytes: 10GB/day",
        "bytes: 999TiB/day",
    ] {
        assert_eq!(problems(limits), error, "{limits}");
    }
    assert_eq!(problems("request: 1/s"), [("unknown-key", Severity::Error)]);
    assert_eq!(problems("requests: 1/s, burst: 5, concurrent: 1, bytes: 1KiB/day"), []);
}

#[test]
fn a_limit_that_is_never_reached_and_a_tier_that_nobody_has_are_told() {
    let text = "
limits: {tiers: {gold: {}}}
tenants: {acme: {limits: {requests: 10/s}, tenants: {west: {limits: {requests: 20/s}}, east: {limits: {requests: 5/s}}}}}
";
    let found = Tenants::parse("tenants.yaml", text).unwrap().1;
    let codes: Vec<_> = found.iter().map(|one| (one.code, one.severity)).collect();
    assert_eq!(codes, [("unused-tier", Severity::Warning), ("limit-above", Severity::Warning)]);
}

#[test]
fn a_rate_is_never_more_than_what_is_written() {
    for count in [1, 3, 7, 300_000, 999_999_937] {
        let rate = Rate::new(count, 1_000_000_000, 1).unwrap();
        assert!(rate.emission_ns() * count >= 1_000_000_000, "{count}");
    }
}
