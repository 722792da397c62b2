//! Real data through a real sidecar: patient bundles, tweets, catalogues, from a plain file server.
//!
//! The oracle, `fhir/splice.rs`, knows nothing of `redact`. Every byte that it does not splice must come out as it
//! went in. Skips, loudly, without the data.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod common;
#[path = "fhir/splice.rs"]
mod splice;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use common::Answer;
use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;
use splice::Mask;
use splice::Rule;
use splice::SECRET;
use splice::TENANT;
use splice::spliced;

const BUNDLES: &[Rule] = &[
    ("$.entry[*].resource.name", "pii.name", Mask::Fixed("[a \"name\"]")),
    ("$.entry[*].resource.name[*].given[*]", "pii.given", Mask::Drop),
    ("$.entry[*].resource.address", "pii.address", Mask::Drop),
    ("$..telecom[*].value", "pii.telecom", Mask::Last(4)),
    ("$..identifier[*].value", "pii.identifier", Mask::Pseudonym),
    ("$..birthDate", "pii.birth", Mask::Null),
];
const TWEETS: &[Rule] = &[
    ("$..text", "tweet.text", Mask::Fixed("…")),
    ("$..screen_name", "tweet.account", Mask::Pseudonym),
    ("$..user.id", "tweet.number", Mask::Pseudonym),
    ("$..id_str", "tweet.id", Mask::Last(4)),
    ("$..description", "tweet.description", Mask::Null),
    ("$..user.location", "tweet.location", Mask::Drop),
    ("$..profile_image_url", "tweet.image", Mask::Drop),
    ("$..hashtags[*].indices[*]", "tweet.index", Mask::Drop),
];
const CATALOGUE: &[Rule] = &[
    ("$..name", "show.name", Mask::Last(3)),
    ("$..prices", "show.prices", Mask::Drop),
    ("$..seatCategoryId", "show.seat", Mask::Pseudonym),
    ("$..logo", "show.logo", Mask::Null),
    ("$.areaNames.*", "show.area", Mask::Drop),
    ("$.topicSubTopics.*", "show.topic", Mask::Fixed("[topics]")),
];
const EVENTS: &[Rule] = &[
    ("$..login", "event.login", Mask::Pseudonym),
    ("$..email", "event.email", Mask::Drop),
    ("$..avatar_url", "event.avatar", Mask::Null),
    ("$..sha", "event.sha", Mask::Last(8)),
    ("$..repo", "event.repo", Mask::Fixed("[repo]")),
];
/// Who sees some of it, sees these.
const SOME: &[&str] = &[
    "pii.name",
    "pii.identifier",
    "pii.birth",
    "tweet.account",
    "tweet.id",
    "show.prices",
    "show.name",
    "event.repo",
];
const SETS: [(&str, &[Rule]); 4] =
    [("bundles", BUNDLES), ("tweets", TWEETS), ("catalogue", CATALOGUE), ("events", EVENTS)];

fn rules(set: &str) -> &'static [Rule] {
    SETS.iter().find(|(name, _)| *name == set).unwrap().1
}

/// A file server: `/<set>/<file>`, its bytes as they are, or by `?chunked`, or by `?gzip`.
fn serve(folder: &'static str) -> Option<(Folder, Sidecar, std::path::PathBuf)> {
    let root = common::data(folder)?;
    let files = root.clone();
    let upstream = Upstream::start(move |head, _| {
        let target = head.split(' ').nth(1).unwrap();
        let (path, how) = target.split_once('?').unwrap();
        let bytes = fs::read(files.join(path.rsplit('/').next().unwrap())).unwrap();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json; charset=utf-8\r\n";
        let with_length = |bytes: &[u8], more: &str| {
            [format!("{head}{more}content-length: {}\r\n\r\n", bytes.len()).as_bytes(), bytes].concat()
        };
        Some(match how {
            "chunked" => {
                let mut all = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
                for chunk in bytes.chunks(4_093) {
                    write!(all, "{:x}\r\n", chunk.len()).unwrap();
                    all.extend(chunk.iter().chain(b"\r\n"));
                }
                [all.as_slice(), b"0\r\n\r\n"].concat()
            }
            "gzip" => with_length(&gzip(&bytes), "content-encoding: gzip\r\n"),
            _ => with_length(&bytes, ""),
        })
    });
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml") + "redaction: {pseudonym_key_file: pseudonym.key}\n";
    folder.write("palisade.yaml", &config);
    folder.write("pseudonym.key", &format!("{SECRET}\n"));
    let (mut classes, mut routes) = (BTreeMap::<&str, String>::new(), "routes:\n".to_owned());
    for (set, rules) in SETS {
        writeln!(routes, "  - method: GET\n    path: /{set}/{{file}}\n    response:\n      classes:")
            .unwrap();
        for (path, class, mask) in rules {
            writeln!(routes, "        \"{path}\": {class}").unwrap();
            let (parent, name) = class.split_once('.').unwrap();
            let mask = match mask {
                Mask::Fixed(text) => format!("fixed({})", serde_json::to_string(text).unwrap()),
                Mask::Last(count) => format!("keep-last({count})"),
                Mask::Drop => "drop".to_owned(),
                Mask::Null => "null".to_owned(),
                Mask::Pseudonym => "pseudonym".to_owned(),
            };
            writeln!(classes.entry(parent).or_default(), "      {name}: {{mask: '{mask}'}}").unwrap();
        }
    }
    let classes = classes.iter().fold("classes:\n".to_owned(), |all, (parent, inner)| {
        format!("{all}  {parent}:\n    level: 3\n    mask: fixed\n    classes:\n{inner}")
    });
    folder.write("classes.yaml", &classes);
    folder.write("routes.yaml", &routes);
    let some: String = SOME
        .iter()
        .map(|class| {
            format!("@id(\"some-{class}\") permit (principal in Role::\"some\", action == Action::\"reveal\", resource in DataClass::\"{class}\");\n")
        })
        .collect();
    let policies = "@id(\"read\") permit (principal, action == Action::\"read\", resource);\n\
        @id(\"all\") permit (principal in Role::\"all\", action == Action::\"reveal\", resource);\n";
    folder.write("policies/main.cedar", &(policies.to_owned() + &some));
    folder.keys(&[("none", TENANT, &["none"]), ("some", TENANT, &["some"]), ("all", TENANT, &["all"])]);
    let sidecar = Sidecar::start(&folder);
    Some((folder, sidecar, root))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn get(sidecar: &Sidecar, who: &str, set: &str, file: &str, how: &str) -> Answer {
    let head = format!("GET /{set}/{file}?{how} HTTP/1.1\r\n{}", key(who));
    Client::connect(sidecar.data).ask(&head, b"")
}

/// Says where two bodies part, and not megabytes of them.
fn same(got: &[u8], want: &[u8], what: &str) {
    if got != want {
        let at = got.iter().zip(want).take_while(|(a, b)| a == b).count();
        let near = |text: &[u8]| {
            String::from_utf8_lossy(&text[at.saturating_sub(200)..text.len().min(at + 200)]).into_owned()
        };
        panic!("{what}: byte {at} of {}\n--- got\n{}\n--- want\n{}", want.len(), near(got), near(want));
    }
}

/// All roles and framings; gives how often each class was hidden from the one who sees none.
fn hold(folder: &Folder, sidecar: &Sidecar, root: &Path, set: &str, file: &str) -> BTreeMap<String, u64> {
    let rules = rules(set);
    let text = fs::read_to_string(root.join(file)).unwrap();
    let mut hidden = Vec::new();
    for who in ["none", "some"] {
        let (want, counts) = spliced(&text, rules, |class| who == "none" || !SOME.contains(&class));
        assert!(serde_json::from_str::<serde_json::Value>(&want).is_ok(), "{file}: the oracle spoils it");
        for how in ["plain", "chunked", "gzip"] {
            let asked = folder.log().iter().filter(|record| record["type"] == "outcome").count();
            let answer = get(sidecar, who, set, file, how);
            let what = format!("{file} for {who}, {how}");
            assert_eq!(answer.status, 200, "{what}");
            assert!(!answer.headers.contains_key("content-encoding"), "{what}");
            same(&answer.body, want.as_bytes(), &what);
            let outcome = folder.records("outcome", asked + 1).pop().unwrap();
            let recorded = outcome["redactions"].as_array().unwrap().iter();
            let recorded: BTreeMap<_, _> = recorded
                .map(|one| (one["class"].as_str().unwrap().to_owned(), one["count"].as_u64().unwrap()))
                .collect();
            assert_eq!(recorded, counts, "{what}");
        }
        hidden.push(counts);
    }
    for how in ["plain", "chunked"] {
        same(&get(sidecar, "all", set, file, how).body, text.as_bytes(), &format!("{file} for all, {how}"));
    }
    let answer = get(sidecar, "all", set, file, "gzip");
    assert_eq!(answer.headers["content-encoding"], "gzip");
    same(&answer.body, &gzip(text.as_bytes()), &format!("{file} for all, gzip"));
    hidden.swap_remove(0)
}

#[test]
fn patient_bundles_come_out_with_exactly_the_classified_fields_masked() {
    let Some((folder, sidecar, root)) = serve("fhir") else { return };
    let mut files: Vec<_> =
        fs::read_dir(&root).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let counts = hold(&folder, &sidecar, &root, "bundles", &file);
        // The oracle found what a JSON library finds.
        let bundle: serde_json::Value = serde_json::from_slice(&fs::read(root.join(&file)).unwrap()).unwrap();
        let resources = || bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
        let with = |key: &str| resources().filter(|resource| !resource[key].is_null()).count() as u64;
        let values = |key: &str| {
            let lists = resources().filter_map(|resource| resource[key].as_array());
            lists.flatten().filter(|item| !item["value"].is_null()).count() as u64
        };
        let want = [
            ("pii.name", with("name")),
            ("pii.address", with("address")),
            ("pii.birth", with("birthDate")),
            ("pii.telecom", values("telecom")),
            ("pii.identifier", values("identifier")),
        ];
        assert_eq!(counts, want.map(|(class, count)| (class.to_owned(), count)).into(), "{file}");
        assert!(want.iter().all(|(_, count)| *count > 0), "{file}: {want:?}");
    }
}

#[test]
fn any_json_comes_out_with_exactly_the_classified_fields_masked() {
    let Some((folder, sidecar, root)) = serve("json") else { return };
    for (set, file) in [
        ("tweets", "twitter.json"),
        ("tweets", "twitterescaped.json"),
        ("catalogue", "citm_catalog.json"),
        ("events", "github_events.json"),
    ] {
        assert_eq!(
            hold(&folder, &sidecar, &root, set, file).len(),
            rules(set).len(),
            "{file}: each rule finds something"
        );
    }
    // Many JSON texts are not one. Nobody who may not see all of it gets any.
    let file = "amazon_cellphones.ndjson";
    for how in ["plain", "chunked", "gzip"] {
        let answer = get(&sidecar, "some", "tweets", file, how);
        assert_eq!((answer.status, answer.code().as_str()), (502, "unredactable"), "{how}");
    }
    same(&get(&sidecar, "all", "tweets", file, "plain").body, &fs::read(root.join(file)).unwrap(), file);
}
