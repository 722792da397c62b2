//! Tokens of a real OpenID provider (npm `oidc-provider`, over TLS): found by discovery, its keys rotated, the provider away,
//! slow, in excess and leading elsewhere.
//!
//! `tests/oidc/install` gets it once, which takes a network; where it cannot be had, that is said.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod common;

use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use common::Answer;
use common::Folder;
use common::Sidecar;
use common::Upstream;

fn skipped(why: &str) {
    // Past the harness, which keeps to itself what a test prints that passes.
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}

/// The folder of the provider; `None`, said loudly, where it cannot be had.
fn installed() -> Option<PathBuf> {
    for program in ["node", "npm", "openssl", "curl"] {
        if Command::new(program).arg("--version").output().is_err() {
            skipped(&format!("no OpenID provider: no {program}"));
            return None;
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc/install");
    let output = Command::new(script).output().unwrap();
    if !output.status.success() {
        skipped(&format!(
            "no OpenID provider (tests/oidc/install): {}",
            String::from_utf8_lossy(&output.stderr)
        ));
        return None;
    }
    Some(String::from_utf8(output.stdout).unwrap().trim().into())
}

/// A provider that runs.
struct Provider {
    child: Child,
    told: ChildStdin,
    says: BufReader<ChildStdout>,
    url: String,
    folder: tempfile::TempDir,
}

impl Provider {
    /// Starts one that calls itself so; by default by its own URL.
    fn start(modules: &Path, named: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ])
            .args(["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "tls.key", "-out", "tls.pem"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc/provider.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .args([modules, folder.path()])
            .args(named)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (told, says) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut provider = Self { child, told, says, url: String::new(), folder };
        provider.url = provider.line();
        provider
    }

    fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.says.read_line(&mut line).unwrap() > 0, "the provider ended");
            // It warns on the same stream.
            if line.starts_with("https://") || line.trim() == "done" || line.trim().parse::<u64>().is_ok() {
                return line.trim().to_owned();
            }
        }
    }

    fn tell(&mut self, line: &str) -> String {
        writeln!(self.told, "{line}").unwrap();
        self.line()
    }

    /// An access token for the app, as a JWT.
    fn token(&self) -> String {
        let output = Command::new("curl")
            .args(["-sS", "--cacert"])
            .arg(self.folder.path().join("tls.pem"))
            .args(["-d", "grant_type=client_credentials&client_id=worker&client_secret=a-secret-of-a-worker&scope=read"])
            .arg(format!("{}/token", self.url))
            .output()
            .unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// A sidecar's folder that believes it, its issuer's further keys as given.
    fn believed(&self, upstream: &Upstream, more: &str) -> Folder {
        let folder = Folder::new(upstream.address);
        fs::copy(self.folder.path().join("tls.pem"), folder.path("ca.pem")).unwrap();
        let issuer = format!(
            "identity: {{issuers: [{{issuer: '{}', audiences: [app], kind: service, jwks_ca_file: ca.pem, {more}}}], \
             api_keys_file",
            self.url
        );
        folder.write(
            "palisade.yaml",
            &folder.read("palisade.yaml").replace("identity: {api_keys_file", &issuer),
        );
        folder
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn ask(sidecar: &Sidecar, token: &str) -> Answer {
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"))
}

fn wait<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The value of a metric whose line begins so.
fn metric(sidecar: &Sidecar, begins: &str) -> Option<u64> {
    let text = sidecar.admin("/metrics").text();
    text.lines().find_map(|line| line.strip_prefix(begins)?.trim().parse().ok())
}

#[test]
fn a_providers_keys_are_found_rotate_without_a_restart_and_outlive_its_troubles() {
    let Some(modules) = installed() else { return };
    let mut provider = Provider::start(&modules, None);
    let upstream = Upstream::json("{}");
    let folder = provider.believed(&upstream, "discovery: true, jwks_cool_down: 1s, jwks_timeout: 1s");
    let sidecar = Sidecar::start(&folder);
    let first = provider.token();
    let answer = ask(&sidecar, &first);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let record = folder.records("decision", 1).remove(0);
    assert_eq!(
        (&record["principal"]["id"], &record["principal"]["issuer"]),
        (&"worker".into(), &provider.url.as_str().into())
    );

    // A key that nobody has seen yet brings itself; the one before stays known.
    provider.tell("rotate");
    let second = provider.token();
    wait("the new key", || (ask(&sidecar, &second).status == 200).then_some(()));
    assert_eq!(ask(&sidecar, &first).status, 200);

    // Whatever becomes of the provider, the last good keys stay.
    for (mode, why) in [
        ("down", "cannot be reached"),
        ("slow", "broke off"),
        ("huge", "more than"),
        ("elsewhere", "leads elsewhere, which is not followed"),
    ] {
        provider.tell(&format!("mode {mode}"));
        sidecar.signal("HUP");
        let told = wait(mode, || {
            sidecar.signal("HUP");
            let text = sidecar.admin("/readyz?verbose").text();
            text.lines().find(|line| line.contains("[!] keys of") && line.contains(why)).map(str::to_owned)
        });
        assert!(told.contains(&provider.url), "{told}");
        assert_eq!((ask(&sidecar, &first).status, ask(&sidecar, &second).status), (200, 200), "{mode}");
        assert_eq!(sidecar.admin("/readyz").status, 200);
    }
    let failed = format!("palisade_fetches_total{{result=\"failed\",source=\"{}\"}}", provider.url);
    assert!(metric(&sidecar, &failed).unwrap() >= 4);
    assert_eq!(metric(&sidecar, &format!("palisade_fetched_usable{{source=\"{}\"}}", provider.url)), Some(1));

    // A key that is withdrawn opens nothing from the next fetch on, also where its token was proven before.
    provider.tell("mode well");
    provider.tell("replace");
    let third = provider.token();
    wait("the newest key", || (ask(&sidecar, &third).status == 200).then_some(()));
    for token in [&first, &second] {
        let answer = ask(&sidecar, token);
        assert_eq!((answer.status, answer.code()), (401, "bad_credential".to_owned()));
    }
    assert_eq!(folder.log().last().map(|record| record["detail"].clone()), Some("token_key_unknown".into()));
}

#[test]
fn ten_thousand_tokens_of_unknown_keys_make_one_fetch_in_a_cool_down() {
    let Some(modules) = installed() else { return };
    let mut provider = Provider::start(&modules, None);
    let upstream = Upstream::json("{}");
    let url = format!("jwks_url: '{}/jwks', jwks_cool_down: 30s", provider.url);
    let folder = provider.believed(&upstream, &url);
    let begun = Instant::now();
    let sidecar = Sidecar::start(&folder);
    let good = provider.token();
    assert_eq!(ask(&sidecar, &good).status, 200);
    let rest = good.split_once('.').unwrap().1;
    let mut client = common::Client::connect(sidecar.data);
    for n in 0..10_000 {
        use base64::Engine as _;
        let head = format!(r#"{{"alg":"ES256","kid":"unknown-{n}"}}"#);
        let token = format!("{}.{rest}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(head));
        let answer = client.ask(&format!("GET /plain HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"), b"");
        assert_eq!(answer.status, 401);
    }
    let fetches: u64 = provider.tell("fetches").parse().unwrap();
    let most = 1 + begun.elapsed().as_secs() / 30;
    assert!((1..=most).contains(&fetches), "{fetches} fetches where {most} could be");
    assert_eq!(ask(&sidecar, &good).status, 200);
}

#[test]
fn a_provider_that_is_another_issuer_or_away_opens_nothing_and_others_are_served() {
    let Some(modules) = installed() else { return };
    let mut provider = Provider::start(&modules, Some("https://id.example"));
    let upstream = Upstream::json("{}");
    let more = "discovery: true, jwks_cool_down: 1s, jwks_refresh: 1s, jwks_max_stale: 3s";
    let folder = provider.believed(&upstream, more);
    let sidecar = Sidecar::start(&folder);
    assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", common::key("ann"))).status, 200);
    let told = sidecar.admin("/readyz?verbose").text();
    assert!(
        told.contains(
            "never fetched; its tokens are refused: the provider's configuration is that of another issuer"
        ),
        "{told}"
    );
    let token = {
        use base64::Engine as _;
        let part = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let claims =
            format!(r#"{{"iss":"{}","sub":"x","aud":"app","exp":4000000000,"tenant":"acme"}}"#, provider.url);
        format!("{}.{}.{}", part(r#"{"alg":"ES256","kid":"k"}"#.into()), part(claims), part("s".repeat(64)))
    };
    let answer = ask(&sidecar, &token);
    assert_eq!((answer.status, answer.code()), (503, "keys_unavailable".to_owned()));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(folder.records("decision", 2)[1]["detail"], "issuer_keys_unavailable");
    assert!(upstream.heads().len() == 1, "only the API key's request");
    drop(sidecar);

    // The same issuer by its true name: believed while its keys are fresh, refused when they are too old, and again believed.
    let folder = provider.believed(&upstream, more);
    provider = Provider::start(&modules, None);
    folder.write("palisade.yaml", &provider.believed(&upstream, more).read("palisade.yaml"));
    fs::copy(provider.folder.path().join("tls.pem"), folder.path("ca.pem")).unwrap();
    let sidecar = Sidecar::start(&folder);
    let token = provider.token();
    assert_eq!(ask(&sidecar, &token).status, 200);
    provider.tell("mode down");
    let refused =
        wait("keys that are too old", || Some(ask(&sidecar, &token)).filter(|answer| answer.status != 200));
    assert_eq!((refused.status, refused.code()), (503, "keys_unavailable".to_owned()));
    assert_eq!(metric(&sidecar, &format!("palisade_fetched_usable{{source=\"{}\"}}", provider.url)), Some(0));
    provider.tell("mode well");
    wait("fresh keys", || (ask(&sidecar, &token).status == 200).then_some(()));
}
