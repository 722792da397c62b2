//! The leak guard, over the wire: an app that forgot its tenant filter answers everybody with everybody's rows, in every
//! format that has rows, and no caller gets a row of somebody else.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../src/redact/tests/proto/build.rs"]
mod build;
mod common;

use build::bytes;
use build::number;
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

/// Every row there is: whose it says it is, and what stands in it.
fn owners() -> Vec<(&'static str, &'static str)> {
    let lost = LOST.into_iter().map(|owner| (owner, "LOSTROW"));
    TENANTS.iter().map(|(_, owner, secret)| (*owner, *secret)).chain(lost).collect()
}

/// Each row as a format writes it, one after the other.
fn each(write: impl Fn(&str, &str) -> String) -> String {
    owners().into_iter().map(|(owner, secret)| write(owner, secret)).collect()
}

fn message(owner: &str, secret: &str) -> Vec<u8> {
    [bytes(1, owner), bytes(2, secret)].concat()
}

/// What `protoc` makes of a file with a message of rows, and that of a list of them.
fn descriptors() -> Vec<u8> {
    let field = |name: &str, tag: u64, of: Vec<u8>| bytes(2, [bytes(1, name), number(3, tag), of].concat());
    let text = || [number(4, 1), number(5, 9)].concat();
    let rows = [number(4, 3), number(5, 11), bytes(6, ".leaks.Row")].concat();
    let row = [bytes(1, "Row"), field("owner", 1, text()), field("text", 2, text())].concat();
    let list = [bytes(1, "List"), field("items", 1, rows)].concat();
    bytes(1, [bytes(2, "leaks"), bytes(4, row), bytes(4, list)].concat())
}

const SCHEMA: &str = "type Query { items: [Row] one: Row } type Row { owner: String text: String }";
/// Under other names, of which one is that of another field.
const QUERY: &str = "%7Bitems%7Btext:owner%20t:text%7Done%7Btext:owner%20t:text%7D%7D";

/// What the app answers, whoever asks: all rows of all tenants.
fn everything(format: &str) -> Option<Vec<u8>> {
    let mut rows: Vec<String> = owners().into_iter().map(|(owner, secret)| row(owner, secret)).collect();
    rows.push(r#"{"id":2,"text":"LOSTROW"}"#.to_owned());
    rows.push(r#"{"owner":{"key":"acme/"},"Owner":{"key":"7."},"text":"LOSTROW"}"#.to_owned());
    let lines = |before: &str, after: &str| -> Vec<u8> {
        rows.iter().map(|row| format!("{before}{row}{after}")).collect::<String>().into()
    };
    let (kind, body): (&str, Vec<u8>) = match format {
        "json" => ("application/json", format!(r#"{{"items":[{}],"next":null}}"#, rows.join(",")).into()),
        "single" => ("application/json", row("7.north.", "ROWOFNORTH").into()),
        "lines" => ("application/x-ndjson", lines("", "\n")),
        "sequence" => ("application/json-seq", lines("\u{1e}", "\n")),
        "events" => ("text/event-stream", lines("data: ", "\n\n")),
        "table" => {
            let rows = each(|owner, secret| format!("{owner},{secret}\r\n"));
            ("text/csv", format!("owner,text\r\n{rows}").into())
        }
        "xml" => {
            let rows = each(|owner, secret| {
                format!("\n <item><owner><key>{owner}</key></owner><text>{secret}</text></item>")
            });
            let lost = "<item><text>LOSTROW</text></item><item><owner key='acme/'/><owner key='7.'/><b>LOSTROW</b></item>";
            ("application/xml", format!("<items>{rows}{lost}\n</items>").into())
        }
        "attributes" => {
            let rows = each(|owner, secret| format!("<row owner='{owner}' text='{secret}'/>"));
            ("application/soap+xml", format!("<e><list>{rows}<row text='LOSTROW'/></list></e>").into())
        }
        "protobuf" => {
            let rows = owners().into_iter().flat_map(|(owner, secret)| bytes(1, message(owner, secret)));
            ("application/x-protobuf", rows.collect())
        }
        "grpc" => {
            let framed = |(owner, secret): (&str, &str)| {
                let message = message(owner, secret);
                [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message].concat()
            };
            ("application/grpc", owners().into_iter().flat_map(framed).collect())
        }
        "graphql" => {
            let object = |owner: &str, secret: &str| format!(r#"{{"text":"{owner}","t":"{secret}"}},"#);
            let (rows, one) = (each(object), object("7.north.", "ROWOFNORTH"));
            let lost = r#"{"t":"LOSTROW"}"#;
            let data = format!(r#"{{"items":[{rows}{lost}],"one":{}}}"#, one.trim_end_matches(','));
            ("application/json", format!(r#"{{"data":{data}}}"#).into())
        }
        "form" => ("application/x-www-form-urlencoded", "owner=7.&text=ROWOFGLOBEX".into()),
        "multipart" => {
            let part = |name: &str, value: &str| {
                format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            };
            let parts = part("owner", "7.") + &part("text", "ROWOFGLOBEX") + "--b--\r\n";
            ("multipart/form-data; boundary=b", parts.into())
        }
        "opaque" => ("application/octet-stream", "ROWOFGLOBEX ROWOFACME".into()),
        _ => ("text/plain", "ROWOFGLOBEX ROWOFACME".into()),
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    Some([head.as_bytes(), &body].concat())
}

/// The formats in which rows are told.
const TOLD: [&str; 11] = [
    "json",
    "single",
    "lines",
    "sequence",
    "events",
    "table",
    "xml",
    "attributes",
    "protobuf",
    "grpc",
    "graphql",
];
/// Those in which they cannot be: whoever asks is refused.
const UNTOLD: [&str; 4] = ["form", "multipart", "text", "opaque"];

fn formats() -> impl Iterator<Item = &'static str> {
    TOLD.into_iter().chain(UNTOLD)
}

fn start(foreign: &str) -> (Upstream, Folder, Sidecar) {
    let upstream = Upstream::start(|head, _| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        everything(path.rsplit('/').next().unwrap_or_default())
    });
    let folder = Folder::new(upstream.address);
    let models = "routes: [routes.yaml], graphql: [schema.graphql], descriptors: [leaks.pb]";
    folder.write("palisade.yaml", &folder.read("palisade.yaml").replace("routes: [routes.yaml]", models));
    folder.write("schema.graphql", SCHEMA);
    std::fs::write(folder.path("leaks.pb"), descriptors()).unwrap();
    let mut routes = String::from("routes:\n");
    for format in formats().filter(|format| *format != "graphql") {
        let (at, owner, more) = match format {
            "json" => ("$.items[*]", "owner.key", ""),
            "table" => ("$[*]", "owner", ""),
            "xml" => ("$.items.item", "owner.key", ""),
            "attributes" => ("$.e.list[*]", "owner", ""),
            "protobuf" => ("$.items[*]", "owner", ", protobuf: leaks.List"),
            "grpc" => ("$", "owner", ", protobuf: leaks.Row"),
            _ => ("$", "owner.key", ""),
        };
        let rows = format!("{{at: '{at}', data_key: {owner}, foreign: {foreign}}}");
        routes += &format!("  - {{method: GET, path: /{format}, response: {{rows: {rows}{more}}}}}\n");
    }
    let rows = format!("{{data_key: {{Row: owner}}, foreign: {foreign}}}");
    routes +=
        &format!("  - {{method: GET, path: /graphql, graphql: {{schema: schema.graphql, rows: {rows}}}}}\n");
    folder.write("routes.yaml", &routes);
    folder.write("policies/main.cedar", "@id(\"all\") permit(principal, action, resource);");
    let people: Vec<(&str, &str, &[&str])> =
        CALLERS.iter().map(|(id, tenant)| (*id, *tenant, &[][..])).collect();
    folder.keys(&people);
    let sidecar = Sidecar::start(&folder);
    (upstream, folder, sidecar)
}

fn get(sidecar: &Sidecar, who: &str, target: &str, format: &str) -> Answer {
    let query = if format == "graphql" { format!("?query={QUERY}") } else { String::new() };
    sidecar.ask(&format!("GET /{format}{query} HTTP/1.1\r\nx-tenant: {target}\r\n{}", key(who)))
}

#[test]
fn no_caller_gets_a_row_of_somebody_else_in_any_format() {
    let (_upstream, folder, sidecar) = start("drop");
    let mut own_rows = 0;
    for (who, tenant) in CALLERS {
        for (target, _, _) in TENANTS {
            for format in formats() {
                let answer = get(&sidecar, who, target, format);
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
                    let is_read = TOLD.contains(&format) && format != "single";
                    assert!(!may || !is_read || text.contains(secret), "{who} {target} {format}: {text}");
                }
            }
        }
    }
    assert!(own_rows > 100, "{own_rows}");
    let outcomes = folder.records("outcome", 30);
    let leaks =
        outcomes.iter().filter(|outcome| outcome["foreign_rows"].as_u64().is_some_and(|rows| rows > 0));
    assert!(leaks.count() > 10, "{outcomes:#?}");
}

#[test]
fn a_leak_refuses_the_answer_where_the_route_says_so_and_is_told_where_an_operator_looks() {
    let (_upstream, folder, sidecar) = start("refuse");
    // The head of a call of gRPC leaves before its messages are read, so that such an answer breaks off.
    for format in formats().filter(|format| *format != "grpc") {
        let answer = get(&sidecar, "wes", "acme/west", format);
        assert_eq!(answer.status, 502, "{format}: {}", answer.text());
        assert!(!answer.text().contains("ROWOF"));
    }
    assert_eq!(get(&sidecar, "wes", "acme/west", "json").code(), "foreign_rows");
    assert_eq!(get(&sidecar, "nor", "globex/north", "single").text(), row("7.north.", "ROWOFNORTH"));
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
