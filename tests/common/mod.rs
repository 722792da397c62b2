//! A real sidecar in a folder of its own, a raw upstream that records what arrives, and a raw client.
//!
//! Sockets are real and bytes are literal. Nothing here knows how Palisade works inside.
#![expect(dead_code, unreachable_pub, reason = "each test program uses a part of it")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::zombie_processes,
    reason = "a test stops at the first surprise, says what it skips, and `Sidecar` waits for its child when it is dropped"
)]

pub mod cases;
pub mod faults;
pub mod pages;
pub mod tls;

use std::collections::BTreeMap;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

/// Where the real inputs are; `None`, said loudly, where they are absent.
pub fn data(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PALISADE_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    // Past the harness, which keeps to itself what a test prints that passes.
    std::io::stderr()
        .write_all(format!("SKIPPED: no {part} in {} (set PALISADE_DATA)\n", root.display()).as_bytes())
        .unwrap();
    None
}

/// A configuration folder.
pub struct Folder(pub tempfile::TempDir);

impl Folder {
    /// Two companies, a few people, a few routes.
    pub fn new(upstream: SocketAddr) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("palisade.yaml", &CONFIG.replace("UPSTREAM", &upstream.to_string()));
        folder.write("tenants.yaml", TENANTS);
        folder.write("classes.yaml", CLASSES);
        folder.write("routes.yaml", ROUTES);
        folder.write("policies/main.cedar", POLICIES);
        folder.keys(&KEYS);
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Writes API keys `(id, tenant, roles)`, each with the secret [`secret`] of its id.
    pub fn keys(&self, keys: &[(&str, &str, &[&str])]) {
        let mut text = String::from("keys:\n");
        for (id, tenant, roles) in keys {
            let digest = palisade::ids::Digest::of(secret(id).as_bytes());
            text += &format!(
                "  - {{id: {id}, sha256: \"{digest}\", kind: user, principal: {id}, tenant: {tenant}, roles: {roles:?}}}\n"
            );
        }
        self.write("api_keys.yaml", &text);
    }

    /// The decision log, a JSON value a line. What is being written while it is read may end in half a line.
    pub fn log(&self) -> Vec<serde_json::Value> {
        let text = self.read("decisions.jsonl");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    /// The decision log once it has at least `count` records of a kind.
    pub fn records(&self, kind: &str, count: usize) -> Vec<serde_json::Value> {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let mine = |record: &serde_json::Value| record["type"] == kind && record["mirror"] != true;
            let found: Vec<_> = self.log().into_iter().filter(mine).collect();
            if found.len() >= count || Instant::now() > end {
                assert!(found.len() >= count, "{} of {count} {kind} records: {found:#?}", found.len());
                return found;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A secret of more than 128 bits of text for an id.
pub fn secret(id: &str) -> String {
    format!("{id}-secret-0123456789abcdef0123456789abcdef")
}

/// The API key header of an id.
pub fn key(id: &str) -> String {
    format!("x-api-key: {id}.{}\r\n", secret(id))
}

const KEYS: [(&str, &str, &[&str]); 4] = [
    ("ann", "acme", &["clinician"]),
    ("wes", "acme/west", &["clinician"]),
    ("des", "acme/west", &["desk"]),
    ("gil", "globex", &["clinician"]),
];

pub const CONFIG: &str = r"
listen: {data: '127.0.0.1:0', admin: '127.0.0.1:0'}
workers: 2
upstream: {address: UPSTREAM, connect_timeout: 2s, response_timeout: 2s}
policies: {directory: policies}
model: {tenants: tenants.yaml, classes: classes.yaml, routes: [routes.yaml]}
identity: {api_keys_file: api_keys.yaml, api_key_header: x-api-key}
tenancy: {header: x-tenant, path: '/t/{tenant}'}
decision_log: {file: decisions.jsonl}
log: {level: info, format: json}
reload: {poll: 1s}
";

pub const TENANTS: &str = "
tenants:
  acme: {region: eu, tier: gold, tenants: {west: {tenants: {sf1: {}}}, east: {}}}
  globex: {region: us, tier: gold, data_key: '7.', tenants: {north: {}}}
";

pub const CLASSES: &str = "
classes:
  pii: {level: 3, mask: fixed, classes: {name: {}, contact: {mask: 'null', classes: {email: {mask: drop}}}}}
  health: {level: 4, mask: drop}
";

pub const ROUTES: &str = r#"
routes:
  - {method: GET, path: /patients, action: list, response: {classes: {"$[*].name": pii.name, "$[*].email": pii.contact.email, "$[*].ssn": pii}}}
  - {method: GET, path: "/patients/{id}", response: {classes: {"$.name": pii.name, "$.email": pii.contact.email, "$.ssn": pii}}}
  - {method: POST, path: /patients, request: {classes: {"$.ssn": pii}}}
  - {method: GET, path: "/t/{tenant}/patients", action: list}
  - {method: GET, path: "/keys/{company}/{site}/things", data_key: "{path.company}/{path.site}"}
  - {method: GET, path: /plain}
  - {method: POST, path: /plain}
  - {method: PUT, path: /plain}
"#;

pub const POLICIES: &str = r#"
@id("clinicians") permit (principal in Role::"clinician", action, resource);
@id("desk") permit (principal in Role::"desk", action in [Action::"read", Action::"list", Action::"create"], resource);
@id("desk-names") permit (principal in Role::"desk", action == Action::"reveal", resource in DataClass::"pii.name");
"#;

/// A running sidecar.
pub struct Sidecar {
    pub child: Child,
    /// Where it listens for data without TLS; nowhere, port 0.
    pub data: SocketAddr,
    /// And with TLS.
    pub tls: Option<SocketAddr>,
    pub admin: SocketAddr,
    stderr: Arc<Mutex<String>>,
}

impl Sidecar {
    /// Starts one on the folder and waits until it serves.
    pub fn start(folder: &Folder) -> Self {
        Self::try_start(folder).unwrap_or_else(|log| panic!("it did not start: {log}"))
    }

    pub fn try_start(folder: &Folder) -> Result<Self, String> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_palisade"))
            .args(["run", "--config"])
            .arg(folder.path("palisade.yaml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                drop(child.wait());
                return Err(said);
            }
            said += &line;
            let Ok(event) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
            let fields = &event;
            if fields["message"] == "serving" {
                let address = |name: &str| fields[name].as_str()?.split(',').next()?.parse().ok();
                let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
                let (data, tls) = (address("data").unwrap_or(nowhere), address("tls"));
                let admin = address("admin").unwrap();
                let stderr = Arc::new(Mutex::new(said));
                let sink = Arc::clone(&stderr);
                std::thread::spawn(move || {
                    for line in lines.lines().map_while(Result::ok) {
                        let mut all = sink.lock().unwrap();
                        all.push_str(&line);
                        all.push('\n');
                    }
                });
                return Ok(Self { child, data, tls, admin, stderr });
            }
        }
    }

    /// What it has logged.
    pub fn logged(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) {
        self.signal("TERM");
        let end = Instant::now() + Duration::from_secs(20);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "it does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Sends literal bytes and reads everything until the connection closes.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = connect(self.data);
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// One request on a connection of its own: `head` without the Host line and without the last empty line.
    pub fn ask(&self, head: &str) -> Answer {
        Client::connect(self.data).ask(head, b"")
    }

    /// A GET of the admin listener.
    pub fn admin(&self, path: &str) -> Answer {
        Client::connect(self.admin).ask(&format!("GET {path} HTTP/1.1\r\n"), b"")
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A parsed answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or("").to_owned()
    }
}

/// A keep-alive client on one connection.
pub struct Client<S = TcpStream> {
    reader: BufReader<S>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(connect(address))
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
        Self { reader: BufReader::new(stream) }
    }

    pub fn stream(&mut self) -> &mut S {
        self.reader.get_mut()
    }

    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    pub fn ask(&mut self, head: &str, body: &[u8]) -> Answer {
        self.try_ask(head, body).unwrap()
    }

    pub fn try_ask(&mut self, head: &str, body: &[u8]) -> std::io::Result<Answer> {
        let host = if head.to_ascii_lowercase().contains("\nhost:") { "" } else { "Host: localhost\r\n" };
        let length =
            if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        self.send(&[head.as_bytes(), host.as_bytes(), length.as_bytes(), b"\r\n", body].concat())?;
        self.read_answer(head.starts_with("HEAD"))
    }

    pub fn read_answer(&mut self, head_only: bool) -> std::io::Result<Answer> {
        let broken = |what: &str| std::io::Error::other(what.to_owned());
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(broken("closed before an answer"));
        }
        let status = line.get(9..12).and_then(|text| text.parse().ok()).ok_or_else(|| broken(&line))?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(broken("closed in a head"));
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.to_owned())),
                None if line == "\r\n" => break,
                None => drop(headers.insert(line.trim_end().trim_end_matches(':').to_owned(), String::new())),
            }
        }
        if status == 100 {
            return self.read_answer(head_only);
        }
        let mut body = Vec::new();
        if head_only || matches!(status, 204 | 304) {
        } else if let Some(length) = headers.get("content-length") {
            body.resize(length.parse().unwrap(), 0);
            self.reader.read_exact(&mut body)?;
        } else if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
            self.read_chunks(&mut body)?;
        } else {
            self.reader.read_to_end(&mut body)?;
        }
        Ok(Answer { status, headers, body })
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> std::io::Result<()> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(std::io::Error::other("closed in a chunked body"));
            }
            let size = usize::from_str_radix(line.trim_end(), 16).map_err(std::io::Error::other)?;
            let start = body.len();
            body.resize(start + size, 0);
            self.reader.read_exact(&mut body[start..])?;
            let mut end = String::new();
            self.reader.read_line(&mut end)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

/// What an upstream does with a request: its head and body come in, literal bytes go out. `None` closes.
pub type Respond = dyn Fn(&str, &[u8]) -> Option<Vec<u8>> + Send + Sync;

/// Requests as they arrived: heads and bodies.
pub type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A raw HTTP/1.1 upstream that records each request as it arrived.
pub struct Upstream {
    pub address: SocketAddr,
    pub seen: Seen,
    /// Every byte that arrived, on any connection.
    pub bytes: Arc<Mutex<Vec<u8>>>,
}

impl Upstream {
    pub fn start(respond: impl Fn(&str, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream =
            Self { address: listener.local_addr().unwrap(), seen: Arc::default(), bytes: Arc::default() };
        let (seen, bytes) = (Arc::clone(&upstream.seen), Arc::clone(&upstream.bytes));
        let respond: Arc<Respond> = Arc::new(respond);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, bytes, respond) = (Arc::clone(&seen), Arc::clone(&bytes), Arc::clone(&respond));
                std::thread::spawn(move || drop(serve(stream, &seen, &bytes, &*respond)));
            }
        });
        upstream
    }

    /// Answers every request with this JSON.
    pub fn json(body: &'static str) -> Self {
        Self::start(move |_, _| Some(json_answer(body)))
    }

    pub fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }
}

pub fn json_answer(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn serve(
    stream: TcpStream,
    seen: &Mutex<Vec<(String, Vec<u8>)>>,
    bytes: &Mutex<Vec<u8>>,
    respond: &Respond,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let before = head.len();
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
            bytes.lock().unwrap().extend_from_slice(&head.as_bytes()[before..]);
        }
        let mut body = Vec::new();
        let lower = head.to_ascii_lowercase();
        if let Some(at) = lower.find("\r\ncontent-length: ") {
            let length = lower[at + 18..].split("\r\n").next().unwrap().parse().unwrap();
            body.resize(length, 0);
            reader.read_exact(&mut body)?;
        } else if lower.contains("\r\ntransfer-encoding: chunked\r\n") {
            let mut client = Client { reader };
            client.read_chunks(&mut body)?;
            reader = client.reader;
        }
        bytes.lock().unwrap().extend_from_slice(&body);
        let answer = respond(&head, &body);
        seen.lock().unwrap().push((head, body));
        match answer {
            Some(answer) => out.write_all(&answer)?,
            None => return Ok(()),
        }
    }
}
