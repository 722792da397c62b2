//! Golden cases: files, a request and the app's answer go in; the client's answer, what the app saw and the record come
//! out. `UPDATE_GOLDEN=1` rewrites what comes out.
//!
//! A case in `golden/` opens with a sentence, then has sections. `=== <file>` is a file of the configuration, over those
//! that `common` writes; `@<file>` in it stands for a file of the repository. `=== request` and `=== answer` are literal,
//! but for the ends of lines in their heads, `{length}` of the body, `{etag}` of the answer before, and the credentials
//! `@key <id>` and `@token <claims>`. An answer that says it is gzip is made so. Messages of Protocol Buffers are told in
//! `golden/messages.rs`. The rest, from `=== out` on, is compared.
//! Never: shows what differs from run to run (ids, times, digests, latencies).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod common;
#[path = "golden/messages.rs"]
mod messages;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Mutex;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::Answer;
use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use messages::Messages;
use serde_json::Value;
use serde_json::json;

const OUT: &str = "\n=== out\n";
const ISSUER: &str = "https://id.example";
/// Who may call, in every case: id, tenant, roles.
const PEOPLE: [(&str, &str, &[&str]); 8] = [
    ("ann", "acme", &["clinician"]),
    ("ira", "acme", &["incident-responder"]),
    ("wes", "acme/west", &["clinician"]),
    ("des", "acme/west", &["desk"]),
    ("eve", "acme/east", &["clinician"]),
    ("gil", "globex", &["clinician"]),
    ("gus", "globex", &["auditor"]),
    ("nor", "globex/north", &["auditor"]),
];

static PAIR: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn jwks() -> String {
    let (x, y) = PAIR.public_key().as_ref()[1..].split_at(32);
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k1", "x": part(x), "y": part(y)}]})
        .to_string()
}

/// A token of the issuer with these claims, good for an hour unless they say otherwise.
fn token(claims: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut all = json!({"iss": ISSUER, "aud": "app", "iat": now, "exp": now + 3600});
    let more: Value = serde_json::from_str(claims).unwrap();
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let head = json!({"alg": "ES256", "typ": "JWT", "kid": "k1"});
    let signed = [head, all].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = PAIR.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The bytes of a literal message.
fn message(text: &str, etag: &str, messages: Option<&Messages>) -> Vec<u8> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let body = body.trim_end_matches('\n');
    let written = messages.and_then(|messages| messages.written(head, body));
    let body = written.unwrap_or_else(|| body.as_bytes().to_vec());
    let body = if head.contains("\ncontent-encoding: gzip") { gzip(&body) } else { body };
    let line = |line: &str| match line.split_once(' ') {
        Some(("@key", id)) => common::key(id).trim_end().to_owned(),
        Some(("@token", claims)) => format!("authorization: Bearer {}", token(claims)),
        _ => line.replace("{length}", &body.len().to_string()).replace("{etag}", etag),
    };
    let head: Vec<String> = head.lines().map(line).collect();
    [head.join("\r\n").as_bytes(), b"\r\n\r\n", &body].concat()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn configure(case: &str, upstream: &Upstream) -> (Folder, Option<Messages>) {
    let folder = Folder::new(upstream.address);
    let issuer = format!(
        "issuers: [{{issuer: '{ISSUER}', audiences: [app], jwks_file: jwks.json, kind: {{claim: kind}}}}]"
    );
    let has_schema = sections(case).any(|(name, _)| name == "schema.graphql");
    let routes =
        if has_schema { "routes: [routes.yaml], graphql: [schema.graphql]" } else { "routes: [routes.yaml]" };
    let config = folder
        .read("palisade.yaml")
        .replace("workers: 2", "workers: 1")
        .replace("routes: [routes.yaml]", routes)
        .replace("identity: {", &format!("identity: {{{issuer}, "));
    let own = if case.contains("\n=== keys/") { ", key_files: ['keys/*.yaml']" } else { "" };
    let config = format!("{config}redaction: {{pseudonym_key_file: pseudonym.key{own}}}\n");
    folder.write("palisade.yaml", &config);
    folder.write("pseudonym.key", "thirty-two bytes and some more for pseudonyms\n");
    folder.write("jwks.json", &jwks());
    folder.keys(&PEOPLE);
    for (name, text) in sections(case).filter(|(name, _)| name.contains('.')) {
        let mut whole = String::new();
        for line in text.lines() {
            match line.strip_prefix('@').filter(|name| !name.contains('(')) {
                Some(file) => whole += &fs::read_to_string(repository().join(file)).unwrap(),
                None => writeln!(whole, "{line}").unwrap(),
            }
        }
        folder.write(name, &whole);
    }
    let files: Vec<&str> =
        sections(case).map(|(name, _)| name).filter(|name| name.ends_with(".proto")).collect();
    let messages = Messages::of(case, &folder.path(""), &files);
    if let Some(messages) = &messages {
        fs::write(folder.path("case.pb"), &messages.set).unwrap();
        let config = folder.read("palisade.yaml");
        folder.write(
            "palisade.yaml",
            &config.replace("routes: [routes.yaml]", "routes: [routes.yaml], descriptors: [case.pb]"),
        );
    }
    (folder, messages)
}

fn sections(case: &str) -> impl Iterator<Item = (&str, &str)> {
    case.split("\n=== ").skip(1).map(|section| section.split_once('\n').unwrap_or((section, "")))
}

/// Runs a case; what comes out.
fn play(case: &str) -> String {
    let answers = Arc::new(Mutex::new(VecDeque::new()));
    let next = Arc::clone(&answers);
    let upstream = Upstream::start(move |_, _| next.lock().unwrap().pop_front());
    let (folder, messages) = configure(case, &upstream);
    let messages = messages.as_ref();
    let written =
        sections(case).filter(|(name, _)| *name == "answer").map(|(_, text)| message(text, "", messages));
    answers.lock().unwrap().extend(written);
    let sidecar = Sidecar::start(&folder);
    let mut client = Client::connect(sidecar.data);
    let (mut out, mut etag, mut outcomes, mut seen) = (String::new(), String::new(), 0, 0);
    let requests = sections(case).filter(|(name, _)| *name == "request").enumerate();
    for (number, (_, request)) in requests {
        client.send(&message(request, &etag, messages)).unwrap();
        let answer = client.read_answer(request.starts_with("HEAD ")).unwrap();
        etag = answer.headers.get("etag").cloned().unwrap_or_default();
        let decision = folder.records("decision", number + 1).swap_remove(number);
        write!(
            out,
            "{}{}",
            if number == 0 { "" } else { "\n=== out\n" },
            client_got(&answer, &decision, messages)
        )
        .unwrap();
        out += "\n--- app\n";
        let all = upstream.seen.lock().unwrap();
        for (head, body) in &all[seen..] {
            out += &app_saw(head, body, messages);
        }
        out += if all.len() == seen { "nothing\n" } else { "" };
        seen = all.len();
        drop(all);
        write!(out, "\n--- decision\n{}", fields(&decision)).unwrap();
        if decision["decision"] == "allow" {
            let outcome = folder.records("outcome", outcomes + 1).swap_remove(outcomes);
            assert_eq!(outcome["decision_id"], decision["decision_id"]);
            outcomes += 1;
            write!(out, "\n--- outcome\n{}", fields(&outcome)).unwrap();
        }
    }
    out
}

fn client_got(answer: &Answer, decision: &Value, messages: Option<&Messages>) -> String {
    let id = decision["decision_id"].as_str().unwrap();
    assert_eq!(answer.headers["x-palisade-decision-id"], id, "the client is told the record's own id");
    let mut text = format!("HTTP/1.1 {}\n", answer.status);
    for (name, value) in
        answer.headers.iter().filter(|(name, _)| !matches!(&***name, "date" | "x-palisade-decision-id"))
    {
        // The length of a text with an id in it says nothing; a view is a digest.
        let (open, view) = value.split_once('~').unwrap_or((value, ""));
        let view = if view.len() == 17 { "~<view>\"" } else { view };
        writeln!(text, "{name}: {open}{view}").unwrap();
    }
    let mut body = answer.body.clone();
    if answer.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        body.clear();
        flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut body).unwrap();
    }
    let body = match messages.and_then(|messages| messages.told(&text, &body)) {
        Some(told) => told,
        None => String::from_utf8(body).unwrap().replace(id, "<id>"),
    };
    if body.is_empty() { text } else { format!("{text}\n{}\n", body.trim_end_matches('\n')) }
}

fn app_saw(head: &str, body: &[u8], messages: Option<&Messages>) -> String {
    let varies = |line: &&str| {
        let name = line.split(':').next().unwrap().to_ascii_lowercase();
        name.starts_with("x-forwarded-")
            || matches!(&*name, "host" | "traceparent" | "x-request-id" | "x-palisade-decision-id")
    };
    let mut lines: Vec<&str> = head.lines().filter(|line| !line.is_empty() && !varies(line)).collect();
    lines[1..].sort_unstable();
    let told = messages.and_then(|messages| messages.told(head, body));
    let body = told.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let gap = if body.is_empty() { "" } else { "\n" };
    format!("{}\n{gap}{body}{gap}", lines.join("\n"))
}

/// A record, without what differs from run to run.
fn fields(record: &Value) -> String {
    const VARY: [&str; 13] = [
        "type",
        "seq",
        "decision_id",
        "time",
        "mode",
        "request_id",
        "trace_id",
        "span_id",
        "source_ip",
        "snapshot",
        "generation",
        "now",
        "latency_us",
    ];
    let fields = record.as_object().unwrap().iter().filter(|(name, _)| !VARY.contains(&name.as_str()));
    fields.fold(String::new(), |mut text, (name, value)| {
        match (name.as_str(), value.as_array()) {
            ("reasons" | "redactions" | "tenant_sources", Some(items)) => {
                for item in items {
                    writeln!(text, "{name}: {item}").unwrap();
                }
            }
            _ => writeln!(text, "{name}: {value}").unwrap(),
        }
        text
    })
}

fn cases() -> Vec<PathBuf> {
    let files = fs::read_dir(repository().join("tests/golden")).unwrap().map(|file| file.unwrap().path());
    let mut cases: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "case")).collect();
    cases.sort();
    cases
}

/// Plays one case; what is wrong with it.
fn hold(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).unwrap();
    let (case, want) =
        text.split_once(OUT).map_or((text.trim_end_matches('\n'), ""), |(case, want)| (case, want));
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let got = match std::panic::catch_unwind(|| play(case)) {
        Ok(got) => got,
        Err(_) => return Some(format!("{name}: it could not be played, see above")),
    };
    if got == want {
        return None;
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, format!("{case}{OUT}{got}")).unwrap();
        return None;
    }
    let at = want.lines().zip(got.lines()).take_while(|(want, got)| want == got).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("<the end>").to_owned();
    Some(format!("{name}, line {} of what comes out\n  want: {}\n   got: {}", at + 1, line(want), line(&got)))
}

#[test]
fn what_comes_out_is_what_the_cases_say() {
    let queue = Mutex::new(VecDeque::from(cases()));
    let count = queue.lock().unwrap().len();
    assert!(count >= 20, "only {count} cases found");
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(path) = { queue.lock().unwrap().pop_front() } {
                    wrong.lock().unwrap().extend(hold(&path));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {count} cases:\n{}", wrong.len(), wrong.join("\n"));
}
