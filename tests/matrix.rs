//! Tenants are apart: every tenant against every tenant's data, every action, through every source and every
//! disagreement of sources, over a three-level tree of four companies, under the most careless policy there is.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::json_answer;
use common::key;

const COMPANIES: [&str; 4] = ["acme", "acme2", "globex", "initech"];
const SITES: [&str; 4] = ["", "/west", "/west/sf1", "/east"];
const ACTIONS: [(&str, &str); 7] = [
    ("read", "GET"),
    ("list", "GET"),
    ("create", "POST"),
    ("update", "PUT"),
    ("delete", "DELETE"),
    ("export", "GET"),
    ("import", "POST"),
];

const POLICIES: &str = r#"
@id("careless") permit (principal, action, resource);
@id("shared") @pathway("acme west to globex")
permit (principal in Tenant::"globex", action == Action::"read", resource in DataKey::"acme/west");
"#;

fn tenants() -> Vec<String> {
    COMPANIES.iter().flat_map(|company| SITES.iter().map(move |site| format!("{company}{site}"))).collect()
}

fn within(inner: &str, outer: &str) -> bool {
    inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
}

/// The model, said in one line: own data and what lies below, and the one pathway.
fn allowed(caller: &str, target: &str, action: &str) -> bool {
    within(target, caller) || (within(caller, "globex") && within(target, "acme/west") && action == "read")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Host,
    Path,
    Header,
}

const SOURCES: [Source; 3] = [Source::Host, Source::Path, Source::Header];

/// A request head that names tenants in the given places.
fn head(caller: &str, action: usize, named: &[(Source, &str)]) -> String {
    let (action, method) = ACTIONS[action];
    let find = |wanted| named.iter().find(|(source, _)| *source == wanted).map(|(_, tenant)| *tenant);
    let path = match find(Source::Path) {
        Some(tenant) => format!("/t/{}/{action}", tenant.replace('/', ".")),
        None => format!("/{action}"),
    };
    let host = match find(Source::Host) {
        Some(tenant) => tenant.rsplit('/').map(|label| format!("{label}.")).collect::<String>() + "app.test",
        None => "app.test".into(),
    };
    let header = find(Source::Header).map(|tenant| format!("x-tenant: {tenant}\r\n")).unwrap_or_default();
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{header}{}", key(&caller.replace('/', "-")))
}

fn start() -> (Folder, Sidecar, Upstream) {
    let upstream = Upstream::start(|head, _| {
        let value = |name: &str| {
            let found: Vec<_> =
                head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect();
            assert_eq!(found.len(), 1, "{name} in {head}");
            found[0].to_owned()
        };
        Some(json_answer(&format!("\"{} {}\"", value("x-palisade-tenant"), value("x-palisade-data-key"))))
    });
    let folder = Folder::new(upstream.address);
    folder.write(
        "palisade.yaml",
        &folder.read("palisade.yaml").replace("tenancy: {", "tenancy: {host_suffix: app.test, "),
    );
    let tree: String = COMPANIES
        .iter()
        .map(|company| format!("  {company}: {{region: eu, tier: gold, tenants: {{west: {{tenants: {{sf1: {{}}}}}}, east: {{}}}}}}\n"))
        .collect();
    folder.write("tenants.yaml", &format!("tenants:\n{tree}"));
    let routes: String = ACTIONS
        .iter()
        .flat_map(|(action, method)| {
            ["", "/t/{tenant}"].map(|prefix| {
                format!("  - {{method: {method}, path: \"{prefix}/{action}\", action: {action}}}\n")
            })
        })
        .collect();
    folder.write("routes.yaml", &format!("routes:\n{routes}"));
    folder.write("policies/main.cedar", POLICIES);
    let all = tenants();
    let ids: Vec<String> = all.iter().map(|tenant| tenant.replace('/', "-")).collect();
    let keys: Vec<(&str, &str, &[&str])> =
        ids.iter().zip(&all).map(|(id, tenant)| (id.as_str(), tenant.as_str(), [].as_slice())).collect();
    folder.keys(&keys);
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar, upstream)
}

/// Runs the cases on a few connections; each answer is held against the model.
fn run(sidecar: &Sidecar, cases: Vec<(String, Option<String>)>) -> usize {
    let count = cases.len();
    let cases = Arc::new(cases);
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (cases, address) = (Arc::clone(&cases), sidecar.data);
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                for (head, want) in cases.iter().skip(number).step_by(4) {
                    let answer = client.ask(head, b"");
                    match want {
                        Some(target) => assert_eq!(
                            (answer.status, answer.text()),
                            (200, format!("\"{target} {target}/\"")),
                            "{head}"
                        ),
                        None => assert_eq!(answer.status, 403, "{head}: {}", answer.text()),
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    count
}

#[test]
fn a_call_is_allowed_exactly_where_the_model_says() {
    let (folder, sidecar, upstream) = start();
    let mut cases = Vec::new();
    let mut allows = 0;
    for caller in tenants() {
        for (action, (name, _)) in ACTIONS.iter().enumerate() {
            cases.push((head(&caller, action, &[]), Some(caller.clone())));
            allows += 1;
            for target in tenants() {
                let may = allowed(&caller, &target, name);
                for source in SOURCES {
                    cases.push((head(&caller, action, &[(source, &target)]), may.then(|| target.clone())));
                    allows += usize::from(may);
                }
                // All of them at once, in agreement.
                let named = SOURCES.map(|source| (source, target.as_str()));
                cases.push((head(&caller, action, &named), may.then(|| target.clone())));
                allows += usize::from(may);
            }
        }
    }
    let count = run(&sidecar, cases);
    assert_eq!(upstream.heads().len(), allows, "the app saw exactly the allowed calls");
    let records = folder.records("decision", count);
    assert_eq!(records.len(), count, "one record for each call");
    let mut by_decision: BTreeMap<String, usize> = BTreeMap::new();
    for record in &records {
        *by_decision.entry(record["decision"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(by_decision["allow"], allows);
    let crossed = records.iter().filter(|record| record["pathway"].is_string()).count();
    // Four tenants of globex, two DataKeys of acme/west, one action, four ways to say it.
    assert_eq!(crossed, 4 * 2 * 4);
}

#[test]
fn sources_that_disagree_are_refused_whatever_they_say() {
    let (_folder, sidecar, upstream) = start();
    let mut cases = Vec::new();
    for caller in tenants() {
        for one in tenants() {
            for other in tenants().into_iter().filter(|other| *other != one) {
                for (a, b) in [
                    (Source::Host, Source::Path),
                    (Source::Path, Source::Header),
                    (Source::Header, Source::Host),
                ] {
                    cases.push((head(&caller, 0, &[(a, &one), (b, &other)]), None));
                }
            }
        }
    }
    let count = run(&sidecar, cases);
    assert_eq!(count, 16 * 16 * 15 * 3);
    assert_eq!(upstream.heads().len(), 0);
}

#[test]
fn a_tenant_that_nobody_knows_or_that_is_written_oddly_is_refused() {
    let (_folder, sidecar, upstream) = start();
    for spelling in [
        "nobody",
        "acme/nowhere",
        "acme/",
        "/acme",
        "ACME",
        "acme//west",
        "acm%65",
        "acme ,globex",
        "acme.west",
        "*",
        "",
    ] {
        let answer = sidecar
            .ask(&format!("GET /read HTTP/1.1\r\nhost: app.test\r\nx-tenant: {spelling}\r\n{}", key("acme")));
        assert!(matches!(answer.status, 400 | 403), "{spelling:?}: {}", answer.status);
    }
    let twice = format!(
        "GET /read HTTP/1.1\r\nhost: app.test\r\nx-tenant: acme\r\nx-tenant: acme/west\r\n{}",
        key("acme")
    );
    assert!(matches!(sidecar.ask(&twice).status, 400 | 403));
    assert_eq!(upstream.heads().len(), 0);
}
