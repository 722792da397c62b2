//! Servers of others' making, each a process of its own on this machine, and a relay that can be cut.

#![expect(unreachable_pub, reason = "the file that takes this one in is a program")]
#![expect(clippy::unreachable, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::time::Duration;
use std::time::Instant;

use palisade::remote;
use palisade::remote::Access;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::OffsetAt;
use rskafka::client::partition::UnknownTopicHandling;
use rskafka::record::Record;

pub fn skipped(why: &str) {
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}

/// A program of those that are installed; `None`, said loudly, where they cannot be had.
pub fn program(name: &str) -> Option<PathBuf> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ship/install");
        let ran = Command::new(script).output().unwrap();
        if !ran.status.success() {
            let why = String::from_utf8_lossy(&ran.stderr).into_owned();
            skipped(&format!("no servers to send the log to (tests/ship/install): {why}"));
            return None;
        }
        Some(String::from_utf8(ran.stdout).unwrap().trim().into())
    });
    Some(folder.as_ref()?.join(name))
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn answers(port: u16) {
    let end = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "a server does not answer on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that ends with the test.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Server {
    fn run(command: &mut Command, port: u16) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self(child.unwrap());
        answers(port);
        server
    }

    /// A broker in memory. It tells its clients to come by the relay, where there is one.
    pub fn tansu(program: &Path, relay: Option<&Relay>) -> (Self, u16) {
        let port = relay.map_or_else(free_port, |relay| relay.to);
        let known_as = relay.map_or(port, |relay| relay.port);
        let mut command = Command::new(program);
        command.args(["broker", "--storage-engine", "memory://tansu/"]);
        command.args(["--listener-url", &format!("tcp://127.0.0.1:{port}")]);
        command.args(["--advertised-listener-url", &format!("tcp://127.0.0.1:{known_as}")]);
        (Self::run(&mut command, port), port)
    }

    /// Makes a topic.
    #[expect(clippy::unused_self, reason = "it must run")]
    pub fn topic(&self, port: u16, topic: &str, partitions: i32) {
        runtime().block_on(async {
            let client = ClientBuilder::new(vec![format!("127.0.0.1:{port}")]).build().await.unwrap();
            client.controller_client().unwrap().create_topic(topic, partitions, 1, 5_000).await.unwrap();
        });
    }

    /// A collector that passes logs on to a broker.
    pub fn rotel(program: &Path, http: u16, broker: u16) -> Self {
        let mut command = Command::new(program);
        command.args(["start", "--otlp-http-endpoint", &format!("127.0.0.1:{http}")]);
        command.args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{}", free_port())]);
        command.args(["--exporter", "kafka", "--kafka-exporter-format", "json"]);
        command.args(["--kafka-exporter-brokers", &format!("127.0.0.1:{broker}")]);
        command.args(["--kafka-exporter-logs-topic", "otel"]);
        Self::run(&mut command, http)
    }

    /// An S3-compatible store in memory.
    pub fn moto(program: &Path) -> (Self, u16) {
        let port = free_port();
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        (Self::run(&mut command, port), port)
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// All messages of a topic.
pub fn consumed(port: u16, topic: &str, partitions: i32) -> Vec<Record> {
    runtime().block_on(async {
        let client = ClientBuilder::new(vec![format!("127.0.0.1:{port}")]).build().await.unwrap();
        let mut all = Vec::new();
        for partition in 0..partitions {
            let of = client.partition_client(topic, partition, UnknownTopicHandling::Retry).await.unwrap();
            let mut at = of.get_offset(OffsetAt::Earliest).await.unwrap();
            loop {
                let (records, _) = of.fetch_records(at, 1..10_000_000, 300).await.unwrap();
                let Some(last) = records.last() else { break };
                at = last.offset + 1;
                all.extend(records.into_iter().map(|record| record.record));
            }
        }
        all
    })
}

/// Passes connections on to a port, until it is cut.
pub struct Relay {
    pub port: u16,
    pub to: u16,
    state: Arc<Mutex<(bool, Vec<TcpStream>)>>,
}

impl Relay {
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self { port: listener.local_addr().unwrap().port(), to, state: Arc::default() };
        let state = Arc::clone(&relay.state);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let mut state = state.lock().unwrap();
                let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                if state.0 {
                    continue;
                }
                for (from, into) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut into) = (from.try_clone().unwrap(), into.try_clone().unwrap());
                    std::thread::spawn(move || {
                        drop(std::io::copy(&mut from, &mut into));
                        drop(into.shutdown(Shutdown::Write));
                    });
                }
                state.1.extend([near, far]);
            }
        });
        relay
    }

    /// Cuts all connections and takes no more, or takes them again.
    pub fn away(&self, away: bool) {
        let mut state = self.state.lock().unwrap();
        state.0 = away;
        if away {
            for stream in state.1.drain(..) {
                drop(stream.shutdown(Shutdown::Both));
            }
        }
    }
}

/// A ClickHouse server, whose data outlives it.
pub struct ClickHouse {
    pub port: u16,
    folder: tempfile::TempDir,
    server: Option<Server>,
}

impl ClickHouse {
    /// `None`, said loudly, where there is none.
    pub fn start() -> Option<Self> {
        let found = ["/usr/sbin/clickhouse-server", "/usr/bin/clickhouse-server"];
        if !found.iter().any(|path| Path::new(path).exists()) {
            skipped("no clickhouse-server on this machine, so the log was not sent to one");
            return None;
        }
        let mut one = Self { port: free_port(), folder: tempfile::tempdir().unwrap(), server: None };
        let at = one.folder.path().display().to_string();
        let config = format!(
            "<yandex><logger><level>none</level><console>1</console></logger><http_port>{}</http_port>\
             <listen_host>127.0.0.1</listen_host><path>{at}/data/</path><tmp_path>{at}/tmp/</tmp_path>\
             <users_config>{at}/users.xml</users_config><default_profile>default</default_profile>\
             <default_database>default</default_database><mark_cache_size>8388608</mark_cache_size></yandex>",
            one.port
        );
        let users = "<yandex><profiles><default/></profiles><users><default><password></password>\
                     <networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>\
                     </default></users><quotas><default/></quotas></yandex>";
        std::fs::write(one.folder.path().join("config.xml"), config).unwrap();
        std::fs::write(one.folder.path().join("users.xml"), users).unwrap();
        one.away(false);
        Some(one)
    }

    /// Kills it, or starts it again.
    pub fn away(&mut self, away: bool) {
        self.server = None;
        if !away {
            let config = self.folder.path().join("config.xml");
            let mut command = Command::new("clickhouse-server");
            command.arg(format!("--config-file={}", config.display())).current_dir(self.folder.path());
            self.server = Some(Server::run(&mut command, self.port));
        }
    }

    /// What it answers.
    pub fn query(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!("POST / HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", text.len());
        stream.write_all(format!("{head}{text}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{answer}");
        body.to_owned()
    }
}

fn access(port: u16, keys: &Path) -> Access {
    Access {
        timeout: Duration::from_secs(20),
        plain_http: true,
        s3_endpoint: Some(format!("http://127.0.0.1:{port}").parse().unwrap()),
        s3_region: "us-east-1".to_owned(),
        s3_access_key_file: Some(keys.join("id")),
        s3_secret_key_file: Some(keys.join("secret")),
        ..Access::default()
    }
}

/// One request of a store without a signature; its answer.
fn store(port: u16, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer).lines().next().unwrap().contains(" 200 "), "{method} {path}");
    answer
}

/// Makes the bucket.
pub fn bucket(port: u16) {
    store(port, "PUT", "/evidence", b"");
}

pub fn put(port: u16, key: &str, bytes: &[u8]) {
    store(port, "PUT", &format!("/evidence/{key}"), bytes);
}

/// All objects of the bucket, got with the keys in this folder.
pub fn objects(port: u16, keys: &Path) -> BTreeMap<String, Vec<u8>> {
    let list = String::from_utf8(store(port, "GET", "/evidence?list-type=2", b"")).unwrap();
    let names = list.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned());
    let of = |key: String| {
        let from = remote::Remote::S3 { bucket: "evidence".to_owned(), key: key.clone() };
        let found = remote::get(&from, &access(port, keys), None).unwrap();
        let remote::Found::New(bytes, _) = found else { unreachable!("nothing was known of {key}") };
        (key, bytes)
    };
    names.map(of).collect()
}
