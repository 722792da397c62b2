//! What a tree of tenants promises.

use super::*;
use proptest::prelude::*;

const FILE: &str = "
tenants:
  acme:
    region: eu
    tier: gold
    tenants:
      west:
        status: maintenance
        tenants: {sf1: {}, sf2: {region: us, status: active}}
  acme/east: {isolation: strict, tier: silver}
  acme-labs: {}
  globex: {status: suspended, data_key: 1.2., tenants: {north: {data_key: 1.2.5.}, south: {}}}
";

fn tree() -> Tenants {
    Tenants::parse("tenants.yaml", FILE).unwrap().0
}

fn key(text: &str) -> DataKey {
    DataKey::parse(text).unwrap()
}

#[test]
fn nested_and_flat_spellings_make_one_tree_and_absent_fields_come_from_above() {
    let tenants = tree();
    let facts: Vec<_> = tenants
        .iter()
        .map(|(_, t)| {
            format!("{} {} {} {} {}", t.path, t.region, t.tier, t.status.as_str(), t.isolation.as_str())
        })
        .collect();
    assert_eq!(
        facts,
        [
            "acme eu gold active shared",
            "acme/east eu silver active strict",
            "acme/west eu gold maintenance shared",
            "acme/west/sf1 eu gold maintenance shared",
            "acme/west/sf2 us gold active shared",
            "acme-labs   active shared",
            "globex   suspended shared",
            "globex/north   suspended shared",
            "globex/south   suspended shared",
        ]
    );
}

#[test]
fn a_part_that_is_freer_than_its_whole_is_worth_a_warning() {
    let warnings = Tenants::parse("tenants.yaml", FILE).unwrap().1;
    let said: Vec<_> = warnings.iter().map(|w| (w.code, w.place.line)).collect();
    assert_eq!(said, [("status-above", 9)]);
    assert_eq!(Tenants::parse("t", "tenants: {}").unwrap().1.first().unwrap().code, "no-tenants");
}

#[test]
fn the_tree_knows_children_ancestors_and_within() {
    let tenants = tree();
    let names = |list: Vec<TenantIx>| -> Vec<String> {
        list.into_iter().map(|at| tenants.get(at).path.to_string()).collect()
    };
    let find = |path| tenants.find(path).unwrap();
    assert_eq!(names(tenants.children(find("acme")).collect()), ["acme/east", "acme/west"]);
    assert_eq!(names(tenants.children(find("acme-labs")).collect()), [""; 0]);
    assert_eq!(names(tenants.ancestors(find("acme/west/sf1")).collect()), ["acme/west", "acme"]);
    for (a, inner) in tenants.iter() {
        for (b, outer) in tenants.iter() {
            assert_eq!(tenants.is_within(a, b), inner.path.is_within(&outer.path));
        }
    }
    assert_eq!(tenants.find("acme/wes"), None);
}

#[test]
fn an_index_of_another_snapshot_is_nobody() {
    let nobody = TenantIx(77);
    assert_eq!(tree().get(nobody).status, Status::Quarantined);
    assert!(!tree().is_within(nobody, nobody));
    assert_eq!(tree().children(nobody).count(), 0);
    assert_eq!(tree().children(TenantIx(u32::MAX)).count(), 0);
}

#[test]
fn the_app_is_told_its_own_key_with_a_delimiter_at_the_end() {
    let tenants = tree();
    assert_eq!(tenants.app_key(&key("acme")), "acme/");
    assert_eq!(tenants.app_key(&key("acme/west/claims")), "acme/west/claims/");
    assert_eq!(tenants.app_key(&key("globex")), "1.2.");
    assert_eq!(tenants.app_key(&key("globex/south/x")), "1.2.south.x.");
    assert_eq!(tenants.app_key(&key("globex/north/claims/y")), "1.2.5.claims.y.");
    assert_eq!(tenants.app_key(&key("globex2/north")), "globex2/north/");
}

#[test]
fn a_key_of_the_app_may_not_start_another_tenants_key() {
    let text = "tenants:\n  acme: {data_key: 1.2.}\n  globex: {data_key: 1.2.5.}\n  same: {data_key: 1.2.}\n";
    let problems = Tenants::parse("t", text).unwrap_err();
    let said: Vec<_> = problems.iter().map(|p| (p.code, p.place.line, p.place.column)).collect();
    assert_eq!(said, [("overlapping-data-key", 3, 22), ("overlapping-data-key", 4, 20)]);
    let text = "tenants:\n  acme: {}\n  globex: {data_key: acme/west/}\n";
    assert_eq!(Tenants::parse("t", text).unwrap_err().first().unwrap().place.line, 3);
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let text = "
tenants:
  acme: {statsu: active, status: actve, region: no, tier: 3}
  acme: {}
";
    let said = Tenants::parse("t", text).unwrap_err();
    assert_eq!(
        said.first().map(|p| (p.code, p.place.line, p.place.column)),
        Some(("syntax", 4, 3)),
        "{said:?}"
    );
    let text = "
tenants:
  acme: {statsu: active, status: actve, region: no, tier: 3}
  acme/west: {tenants: {sf1: {}}}
  acme/west/sf1: {data_key: a-}
  globx/north: {data_key: \"1 2.\"}
  globex: [1]
tenant: {}
";
    let said: Vec<_> = Tenants::parse("t", text)
        .unwrap_err()
        .iter()
        .map(|p| (p.code, p.place.line, p.place.column, p.place.length, p.hint.clone().unwrap_or_default()))
        .collect();
    let s = String::from;
    assert_eq!(
        said,
        [
            ("unknown-key", 3, 10, 6, s("did you mean `status`?")),
            ("unknown-word", 3, 34, 5, s("did you mean `active`?")),
            ("wrong-type", 3, 59, 1, s("write it in quotes")),
            ("duplicate-tenant", 5, 3, 13, s("")),
            ("unknown-parent", 6, 3, 11, s("did you mean `globex`, or is `globx` missing?")),
            ("bad-data-key", 6, 27, 6, s("")),
            ("wrong-type", 7, 11, 1, s("")),
            ("unknown-key", 8, 1, 6, s("did you mean `tenants`?")),
        ]
    );
}

#[test]
fn nesting_without_end_is_refused_and_not_followed() {
    let deep = format!("tenants: {}", "{a: ".repeat(5_000));
    assert!(Tenants::parse("t", &deep).is_err());
    let mut block = String::from("tenants:\n");
    for depth in 1..500 {
        block.push_str(&" ".repeat(depth));
        block.push_str("a:\n");
    }
    assert!(Tenants::parse("t", &block).is_err());
    let inside = format!("tenants: {}{}", "{a: ".repeat(47), "}".repeat(47));
    let said: Vec<_> = Tenants::parse("t", &inside).unwrap_err().iter().map(|p| p.code).collect();
    assert_eq!(said, ["unknown-key"], "a tree as deep as allowed is read to its end");
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    assert!(Tenants::parse("t", bomb).is_err());
}

proptest! {
    #[test]
    fn the_owner_is_the_deepest_enclosing_tenant(
        paths in proptest::collection::btree_set("[ab-]{1,2}(/[ab-]{1,2}){0,2}", 1..20),
        asked in "[ab][ab-]?(/[ab][ab-]?){0,4}",
    ) {
        let mut lines: Vec<String> = Vec::new();
        for path in paths.iter().filter_map(|path| TenantPath::parse(path).ok()) {
            lines.extend(path.and_enclosing().map(|path| format!("  {path}: {{}}\n")));
        }
        lines.sort();
        lines.dedup();
        prop_assume!(!lines.is_empty());
        let tenants = Tenants::parse("t", &format!("tenants:\n{}", lines.concat())).unwrap().0;
        let key = key(&asked);
        let slow = tenants
            .iter()
            .filter(|(_, tenant)| key.is_within(&tenant.path.data_key()))
            .max_by_key(|(_, tenant)| tenant.path.as_str().len())
            .map(|(at, _)| at);
        prop_assert_eq!(tenants.owner(&key), slow);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(tenants:|[a-c/]{1,3}:|[ \n{}\\[\\],&*!|>'\"-]|status|data_key: 1.|[\\PC]){0,40}") {
        drop(Tenants::parse("t", &text));
    }
}

#[test]
fn a_part_goes_where_its_whole_goes_unless_it_says() {
    let text = "tenants: {a: {upstream: eu, tenants: {b: {tenants: {c: {upstream: us}}}, d: {upstream: eu}}}, e: {}}";
    let (tenants, _) = Tenants::parse("t", text).unwrap();
    let of = |path: &str| {
        let named = tenants.get(tenants.find(path).unwrap()).upstream;
        named.map(|at| &*tenants.upstreams()[usize::from(at)].0)
    };
    let found = ["a", "a/b", "a/b/c", "a/d", "e"].map(of);
    assert_eq!(found, [Some("eu"), Some("eu"), Some("us"), Some("eu"), None]);
    let (name, place) = &tenants.upstreams()[0];
    assert_eq!((&**name, place.line, place.column), ("eu", 1, 25));
    assert_eq!(Tenants::parse("t", "tenants: {a: {upstream: ''}}").unwrap_err()[0].code, "bad-word");
}

#[test]
fn a_tenant_in_maintenance_is_closed_where_it_or_one_above_it_says_for_how_long() {
    let closed = |text: &str| -> Result<Vec<Option<u32>>, ()> {
        let (tenants, _) = Tenants::parse("tenants.yaml", text).map_err(drop)?;
        Ok(tenants.iter().map(|(_, tenant)| tenant.closed_s()).collect())
    };
    let text = "tenants: {a: {retry_after: 2h, tenants: {b: {status: maintenance, tenants: {c: {retry_after: 30s}, d: {status: active}}}}}, e: {status: maintenance}}";
    assert_eq!(closed(text), Ok(vec![None, Some(7_200), Some(30), None, None]));
    for wrong in ["0s", "8d", "169h", "10", "-1s", "1.5h", "5000000000s", "''"] {
        assert!(closed(&format!("tenants: {{a: {{retry_after: {wrong}}}}}")).is_err(), "{wrong}");
    }
}
