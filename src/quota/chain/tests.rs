//! What a tenant may, with those above it and beside it, whoever counts.

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn tenants(text: &str) -> Tenants {
    Tenants::parse("tenants.yaml", text).unwrap().0
}

fn at(now_ns: u64) -> Times {
    Times { now_ns, wall_ms: 1_700_000_000_000 + now_ns / 1_000_000 }
}

fn comes(
    admission: &Admission,
    tenants: &Tenants,
    tenant: &str,
    now_ns: u64,
) -> Result<Option<Box<Admitted>>, (Limit, String, u64)> {
    let ix = tenants.find(tenant).unwrap();
    let admitted = admission.admit(tenants, 1, ix, || at(now_ns));
    admitted.map_err(|limited| (limited.limit, limited.tenant.to_string(), limited.retry_s))
}

#[test]
fn what_is_above_bounds_the_sum_of_what_is_below_and_nothing_is_taken_for_a_refusal() {
    let tenants = tenants(
        "
tenants:
  acme:
    limits: {requests: 3/s}
    tenants: {west: {limits: {requests: 2/s}}, east: {limits: {requests: 2/s}}}
  globex: {limits: {requests: 1/s}}
",
    );
    let admission = Admission::default();
    let come = |tenant| comes(&admission, &tenants, tenant, SECOND).map(drop);
    assert_eq!([come("acme/west"), come("acme/west")], [Ok(()), Ok(())]);
    assert_eq!(come("acme/west"), Err((Limit::Requests, "acme/west".to_owned(), 1)));
    assert_eq!(come("acme/east"), Ok(()));
    for _ in 0..5 {
        assert_eq!(come("acme/east"), Err((Limit::Requests, "acme".to_owned(), 1)));
    }
    assert_eq!(come("globex"), Ok(()));
    // A third of a second later one more may come of `acme`, and none of those refused was counted for `acme/east`.
    let later = comes(&admission, &tenants, "acme/east", SECOND + SECOND / 3 + 1);
    assert_eq!(later.map(|admitted| admitted.unwrap().left.requests.unwrap().remaining), Ok(0));
}

#[test]
fn places_are_given_back_when_a_request_is_over_and_by_those_that_are_refused() {
    let tenants = tenants(
        "
tenants:
  acme: {limits: {concurrent: 2, requests: 100/s}, tenants: {west: {limits: {concurrent: 2}}}}
  globex: {}
",
    );
    let admission = Admission::default();
    let come = |tenant| comes(&admission, &tenants, tenant, SECOND);
    let first = come("acme").unwrap();
    let second = come("acme/west").unwrap();
    assert_eq!(come("acme/west").map(drop), Err((Limit::Concurrent, "acme".to_owned(), 1)));
    drop(first);
    let third = come("acme/west").unwrap();
    assert_eq!(come("acme/west").map(drop), Err((Limit::Concurrent, "acme/west".to_owned(), 1)));
    drop((second, third));
    let meters = &admission.meters;
    let running = ["acme", "acme/west"].map(|path| meters.of(&TenantPath::parse(path).unwrap()).running());
    assert_eq!(running, [0, 0]);
    assert!(come("globex").unwrap().is_none());
}

#[test]
fn bytes_are_refused_once_they_are_spent_until_the_day_is_over() {
    let tenants = tenants("tenants: {acme: {limits: {bytes: 1KiB/day}, tenants: {west: {}}}}");
    let admission = Admission::default();
    let first = comes(&admission, &tenants, "acme/west", SECOND).unwrap().unwrap();
    assert_eq!(first.left.bytes.unwrap().remaining, 1_024);
    first.spend(1_000, at(SECOND));
    let second = comes(&admission, &tenants, "acme", SECOND).unwrap().unwrap();
    assert_eq!(second.left.bytes.unwrap().remaining, 24);
    second.spend(5_000, at(SECOND));
    // 22:13:21 of that day.
    assert_eq!(
        comes(&admission, &tenants, "acme", SECOND).map(drop),
        Err((Limit::Bytes, "acme".to_owned(), 6_399))
    );
    assert!(comes(&admission, &tenants, "acme", 6_400 * SECOND).is_ok());
}

#[test]
fn an_edit_changes_the_limit_and_nothing_of_what_was_used() {
    let meters = Arc::new(Meters::default());
    let admission = Admission::new(Arc::clone(&meters));
    let [slow, fast] =
        [5, 8].map(|n| tenants(&format!("tenants: {{acme: {{limits: {{requests: {n}/min}}}}}}")));
    let come = |tenants: &Tenants, generation| {
        let ix = tenants.find("acme").unwrap();
        admission.admit(tenants, generation, ix, || at(SECOND)).is_ok()
    };
    assert_eq!((0..9).filter(|_| come(&slow, 1)).count(), 5);
    assert_eq!((0..9).filter(|_| come(&fast, 2)).count(), 3);
    assert_eq!((0..9).filter(|_| come(&slow, 3)).count(), 0);
    let gone = tenants("tenants: {globex: {}}");
    meters.keep(&gone);
    assert_eq!((0..9).filter(|_| come(&fast, 4)).count(), 8);
}

#[test]
fn who_comes_near_a_limit_is_told_once() {
    let tenants = tenants(
        "
tenants:
  acme: {limits: {requests: 10/s, concurrent: 2, bytes: 1KiB/day}}
  globex: {limits: {requests: 10/s}}
",
    );
    let admission = Admission::default();
    for _ in 0..7 {
        drop(comes(&admission, &tenants, "globex", SECOND));
    }
    for _ in 0..9 {
        let admitted = comes(&admission, &tenants, "acme", SECOND).unwrap().unwrap();
        admitted.spend(100, at(SECOND));
    }
    let told: Vec<_> =
        admission.meters.warnings().iter().map(|near| (near.tenant.to_string(), near.limit)).collect();
    assert_eq!(told, [("acme".to_owned(), Limit::Requests), ("acme".to_owned(), Limit::Bytes)]);
    assert!(admission.meters.warnings().is_empty());
    let used = admission.meters.used(&tenants, at(SECOND), 1);
    let acme = TenantPath::parse("acme").unwrap();
    assert_eq!(used, [(acme, [Some(90), Some(0), Some(87)])]);
}

/// Workers that share the meters, a clock that only they move, and tenants of which some come far too often.
fn simulate(steps: &[(usize, usize, u64)]) -> [Vec<u64>; 4] {
    const TENANTS: [&str; 4] = ["acme/west", "acme/east", "globex", "initech"];
    let tenants = tenants("
tenants:
  acme: {limits: {requests: 50/s, burst: 20}, tenants: {west: {limits: {requests: 30/s, burst: 15}}, east: {}}}
  globex: {limits: {requests: 20/s, burst: 5, concurrent: 3}}
  initech: {}
");
    let meters = Arc::new(Meters::default());
    let workers: Vec<_> = (0..4).map(|_| Admission::new(Arc::clone(&meters))).collect();
    let (mut now, mut came) = (SECOND, <[Vec<u64>; 4]>::default());
    let mut running = std::collections::VecDeque::new();
    for (worker, tenant, pause) in steps {
        now += pause;
        if let Ok(admitted) = comes(&workers[*worker], &tenants, TENANTS[*tenant], now) {
            came[*tenant].push(now);
            running.push_back(admitted);
        }
        while running.len() > 8 {
            running.pop_front();
        }
    }
    drop(running);
    for tenant in ["acme", "acme/west", "globex"] {
        assert_eq!(meters.of(&TenantPath::parse(tenant).unwrap()).running(), 0);
    }
    came
}

fn holds(came: &[u64], rate: u64, burst: u64) -> bool {
    came.iter().enumerate().all(|(first, from)| {
        let after = came.iter().enumerate().skip(first);
        after.into_iter().all(|(last, to)| (last - first + 1) as u64 <= burst + (to - from) * rate / SECOND)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_tenant_comes_more_often_than_it_may_and_none_is_touched_by_what_another_does(
        steps in prop::collection::vec((0_usize..4, 0_usize..4, 0_u64..30_000_000), 1..600),
    ) {
        let came = simulate(&steps);
        let [west, east, globex, initech] = &came;
        let mut acme: Vec<u64> = west.iter().chain(east).copied().collect();
        acme.sort_unstable();
        prop_assert!(holds(west, 30, 15) && holds(&acme, 50, 20) && holds(globex, 20, 5));
        let asked = |tenant| steps.iter().filter(|step| step.1 == tenant).count();
        prop_assert_eq!(initech.len(), asked(3));
        // With the flood of the others taken away, it comes through at the same times.
        let alone: Vec<_> = {
            let mut pause = 0;
            let mut alone = Vec::new();
            for (worker, tenant, waited) in &steps {
                pause += waited;
                if *tenant == 0 || *tenant == 1 {
                    alone.push((*worker, *tenant, std::mem::take(&mut pause)));
                }
            }
            alone
        };
        let alone = simulate(&alone);
        prop_assert_eq!((&alone[0], &alone[1]), (west, east));
    }
}
