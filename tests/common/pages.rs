//! Pages with commands and what they answer: their fenced blocks, and whether something real is what a block shows. `…`
//! stands for anything.

use std::io::BufRead as _;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use super::Client;
use super::Upstream;

/// What another run, another proof and another app change in a record.
const VARIES: [&str; 9] = [
    "seq",
    "decision_id",
    "time",
    "now",
    "snapshot",
    "generation",
    "auth_method",
    "issuer",
    "response_bytes",
];

/// A fenced block.
pub struct Block {
    pub language: String,
    pub text: String,
}

impl Block {
    pub fn commands(&self) -> Vec<String> {
        if self.language != "sh" {
            return Vec::new();
        }
        let joined: Vec<&str> = self.text.split("\\\n").map(str::trim).collect();
        joined.join(" ").lines().map(str::to_owned).collect()
    }
}

/// The fenced blocks.
pub fn blocks(page: &str) -> Vec<Block> {
    let parts: Vec<&str> = page.split("\n```").collect();
    assert_eq!(parts.len() % 2, 1, "a fence is not closed");
    let fenced = parts.iter().skip(1).step_by(2).map(|part| part.split_once('\n').unwrap());
    fenced.map(|(language, text)| Block { language: language.to_owned(), text: text.to_owned() }).collect()
}

/// Is this the line, where `…` stands for anything?
fn is_line(shown: &str, real: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = real.strip_prefix(parts.next().unwrap()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    true
}

/// Is this what was said, where a line `…` stands for any lines? Empty lines do not count.
fn shows(shown: &str, real: &str) -> Result<(), String> {
    let mut lines = real.lines().filter(|line| !line.trim().is_empty());
    let mut gap = false;
    for wanted in shown.lines().filter(|line| !line.trim().is_empty()) {
        if wanted.trim() == "…" {
            gap = true;
            continue;
        }
        let mut next = lines.by_ref().take(if gap { usize::MAX } else { 1 });
        if !next.any(|line| is_line(wanted, line)) {
            return Err(format!("it shows\n{wanted}\nwhich is not said here:\n{real}"));
        }
        gap = false;
    }
    let all = gap || lines.next().is_none();
    if all { Ok(()) } else { Err(format!("more is said than it shows:\n{real}")) }
}

/// Is each member that is shown in what is real?
fn is_part(shown: &Value, real: &Value) -> bool {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => shown.iter().all(|(name, value)| {
            real.get(name).is_some_and(|found| VARIES.contains(&name.as_str()) || is_part(value, found))
        }),
        (Value::Array(shown), Value::Array(real)) => {
            shown.len() == real.len() && shown.iter().zip(real).all(|(shown, real)| is_part(shown, real))
        }
        _ => shown == real,
    }
}

/// Is this what a command said?
///
/// # Errors
/// Says what is not.
pub fn compare(block: &Block, said: &str) -> Result<(), String> {
    if block.language != "json" {
        return shows(&block.text, said);
    }
    let values = |text: &str| -> Vec<Value> {
        serde_json::Deserializer::from_str(text).into_iter().map(Result::unwrap).collect()
    };
    let (shown, real) = (values(&block.text), values(said));
    let same = shown.len() == real.len() && shown.iter().zip(&real).all(|(shown, real)| is_part(shown, real));
    if same { Ok(()) } else { Err(format!("another record is shown than\n{said}")) }
}

/// `palisade run …` of a page, on free ports and before an app that is there, until it is dropped.
pub struct Serving {
    child: Child,
    pub data: SocketAddr,
    pub admin: SocketAddr,
    _app: Upstream,
}

impl Serving {
    pub fn start(folder: &Path, command: &str, app: Upstream) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_palisade"))
            .args(command.split(' ').skip(1))
            .args(["--log-format", "json", "--set", "listen.data=127.0.0.1:0"])
            .args(["--set", "listen.admin=127.0.0.1:0"])
            .args(["--set", &format!("upstream.address={}", app.address)])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut serving = Self { child: child.unwrap(), data: app.address, admin: app.address, _app: app };
        let mut lines = BufReader::new(serving.child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == "serving" {
                let address = |name: &str| event[name].as_str().unwrap().parse().unwrap();
                (serving.data, serving.admin) = (address("data"), address("admin"));
                // What it logs from here on is read, so that it never waits.
                std::thread::spawn(move || lines.for_each(drop));
                return serving;
            }
            said += &line;
        }
        panic!("`{command}` does not serve: {said}");
    }
}

impl Serving {
    /// What a `curl` with these arguments, one a line, says: the addresses of the page are those that were free.
    pub fn curl(&self, arguments: &str) -> String {
        let (mut headers, mut url) = (String::new(), "");
        let mut arguments = arguments.lines().filter(|line| !line.is_empty());
        while let Some(argument) = arguments.next() {
            match argument {
                "-s" => {}
                "-H" | "-sH" => headers += &format!("{}\r\n", arguments.next().unwrap()),
                other => url = other,
            }
        }
        let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let address = match authority {
            "127.0.0.1:8080" => self.data,
            "127.0.0.1:8081" => self.admin,
            other => panic!("nothing listens on {other}"),
        };
        let answer = Client::connect(address).ask(&format!("GET /{path} HTTP/1.1\r\n{headers}"), b"");
        format!("{}\n", answer.text().trim_end())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
