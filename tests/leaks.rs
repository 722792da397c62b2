//! The leak guard, over the wire: an app that forgot its tenant filter answers everybody with everybody's rows, in every
//! format that has rows, and no caller gets a row of somebody else.

mod common;

use common::Answer;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;

/// Every tenant with the key that the app's database has for it, and a secret that stands in its rows.
const TENANTS: [(&str, &str, &str); 6] = [
    ("acme", "acme/", "ROWOFACME"),
    ("acme/west", "acme/west/", "ROWOFWEST"),
    ("acme/west/sf1", "acme/west/sf1/", "ROWOFSF"),
    ("acme/east", "acme/east/", "ROWOFEAST"),
    ("globex", "7.", "ROWOFGLOBEX"),
    ("globex/north", "7.north.", "ROWOFNORTH"),
];
const CALLERS: [(&str, &str); 6] = [
    ("ann", "acme"),
    ("wes", "acme/west"),
    ("sfa", "acme/west/sf1"),
    ("eve", "acme/east"),
    ("gil", "globex"),
    ("nor", "globex/north"),
];
/// Rows that name nobody, or nobody that there is.
const LOST: [&str; 5] = ["", "acme2/", "71.", "ACME/", "null"];

fn is_within(tenant: &str, outer: &str) -> bool {
    tenant.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn row(owner: &str, secret: &str) -> String {
    format!(r#"{{"id":1,"owner":{{"key":"{owner}"}},"text":"{secret}"}}"#)
}

/// What the app answers, whoever asks: all rows of all tenants.
fn everything(format: &str) -> Option<Vec<u8>> {
    let mut rows: Vec<String> = TENANTS.iter().map(|(_, owner, secret)| row(owner, secret)).collect();
    rows.extend(LOST.map(|owner| row(owner, "LOSTROW")));
    rows.push(r#"{"id":2,"text":"LOSTROW"}"#.to_owned());
    rows.push(r#"{"owner":{"key":"acme/"},"Owner":{"key":"7."},"text":"LOSTROW"}"#.to_owned());
    let lines = |before: &str, after: &str| {
        rows.iter().map(|row| format!("{before}{row}{after}")).collect::<String>()
    };
    let (kind, body) = match format {
        "json" => ("application/json", format!(r#"{{"items":[{}],"next":null}}"#, rows.join(","))),
        "single" => ("application/json", row("7.north.", "ROWOFNORTH")),
        "lines" => ("application/x-ndjson", lines("", "\n")),
        "sequence" => ("application/json-seq", lines("\u{1e}", "\n")),
        "events" => ("text/event-stream", lines("data: ", "\n\n")),
        "table" => {
            let cell = |(_, owner, secret): &(&str, &str, &str)| format!("{owner},{secret}\r\n");
            ("text/csv", format!("owner,text\r\n{}", TENANTS.iter().map(cell).collect::<String>()))
        }
        "form" => ("application/x-www-form-urlencoded", "owner=7.&text=ROWOFGLOBEX".to_owned()),
        "xml" => (
            "application/xml",
            "<items><item><owner>7.</owner><text>ROWOFGLOBEX</text></item></items>".to_owned(),
        ),
        _ => ("text/plain", "ROWOFGLOBEX ROWOFACME".to_owned()),
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    Some([head.as_bytes(), body.as_bytes()].concat())
}

const FORMATS: [&str; 9] = ["json", "single", "lines", "sequence", "events", "table", "form", "xml", "text"];

fn start(foreign: &str) -> (Upstream, Folder, Sidecar) {
    let upstream = Upstream::start(|head, _| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        everything(path.rsplit('/').next().unwrap_or_default())
    });
    let folder = Folder::new(upstream.address);
    let mut routes = String::from("routes:\n");
    for format in FORMATS {
        let (at, owner) = match format {
            "json" => ("$.items[*]", "owner.key"),
            "table" => ("$[*]", "owner"),
            "xml" => ("$.items.item", "owner"),
            _ => ("$", "owner.key"),
        };
        routes += &format!(
            "  - {{method: GET, path: /{format}, response: {{rows: {{at: '{at}', data_key: {owner}, foreign: {foreign}}}}}}}\n"
        );
    }
    folder.write("routes.yaml", &routes);
    folder.write("policies/main.cedar", "@id(\"all\") permit(principal, action, resource);");
    let people: Vec<(&str, &str, &[&str])> =
        CALLERS.iter().map(|(id, tenant)| (*id, *tenant, &[][..])).collect();
    folder.keys(&people);
    let sidecar = Sidecar::start(&folder);
    (upstream, folder, sidecar)
}

fn get(sidecar: &Sidecar, who: &str, target: &str, path: &str) -> Answer {
    sidecar.ask(&format!("GET {path} HTTP/1.1\r\nx-tenant: {target}\r\n{}", key(who)))
}

#[test]
fn no_caller_gets_a_row_of_somebody_else_in_any_format() {
    let (_upstream, folder, sidecar) = start("drop");
    let mut own_rows = 0;
    for (who, tenant) in CALLERS {
        for (target, _, _) in TENANTS {
            for format in FORMATS {
                let answer = get(&sidecar, who, target, &format!("/{format}"));
                let text = answer.text();
                assert!(!text.contains("LOSTROW"), "{who} {target} {format}: {text}");
                for (of, _, secret) in TENANTS {
                    let may = is_within(target, tenant) && is_within(of, target);
                    assert!(
                        may || !text.contains(secret),
                        "{who} of {tenant} asks about {target} in {format}: {text}"
                    );
                    own_rows += usize::from(text.contains(secret));
                    // What is the caller's own arrives.
                    let is_read = matches!(format, "json" | "lines" | "sequence" | "events" | "table");
                    assert!(!may || !is_read || text.contains(secret), "{who} {target} {format}: {text}");
                }
            }
        }
    }
    assert!(own_rows > 50, "{own_rows}");
    let outcomes = folder.records("outcome", 30);
    let leaks =
        outcomes.iter().filter(|outcome| outcome["foreign_rows"].as_u64().is_some_and(|rows| rows > 0));
    assert!(leaks.count() > 10, "{outcomes:#?}");
}

#[test]
fn a_leak_refuses_the_answer_where_the_route_says_so_and_is_told_where_an_operator_looks() {
    let (_upstream, folder, sidecar) = start("refuse");
    for format in FORMATS {
        let answer = get(&sidecar, "wes", "acme/west", &format!("/{format}"));
        assert_eq!(answer.status, 502, "{format}: {}", answer.text());
        assert!(!answer.text().contains("ROWOF"));
    }
    assert_eq!(get(&sidecar, "wes", "acme/west", "/json").code(), "foreign_rows");
    assert_eq!(get(&sidecar, "nor", "globex/north", "/single").text(), row("7.north.", "ROWOFNORTH"));
    let outcomes = folder.records("outcome", 11);
    assert!(outcomes.iter().any(|one| one["ended"] == "foreign_rows" && one["foreign_rows"] == 1));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let is_told = || {
        let metrics = sidecar.admin("/metrics").text();
        metrics.contains("palisade_leaked_rows_total{route=\"GET /json\"}")
            && sidecar.logged().contains("rows of somebody else")
    };
    while !is_told() {
        assert!(std::time::Instant::now() < end, "{}", sidecar.admin("/metrics").text());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
