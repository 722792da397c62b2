//! The benchmark's helper, one program for the three things beside the proxies: an app, its callers, and a token.
//!
//! - `serve` answers every `GET` with one fixed JSON body, keep-alive, any number of requests in one read;
//! - `load` keeps N connections busy (closed loop) or asks at a fixed rate, checks every answer, and measures what the
//!   proxy's processes spent;
//! - `token` makes a key pair, writes its public half as a JWKS and a bearer token of an exact length.
//!
//! It must stay far cheaper than what it measures, and must never count an answer that it did not check.
//! `tests/bench/run` starts it; it is never part of `palisade`.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

type Outcome<T> = Result<T, Box<dyn Error>>;
type Sign = Box<dyn Fn(&[u8]) -> Outcome<Vec<u8>>>;

const USAGE: &str = "usage: backend serve --listen ADDR --body FILE
       backend load --connect ADDR --path PATH [--connections N] [--seconds S] [--ramp S] [--pids P,P] [--rate N]
                    [--token FILE] [--body FILE | --absent TEXT,TEXT]
       backend token --out DIR [--algorithm RS256|ES256] [--bytes N] --claims JSON-OBJECT";

/// Largest head or answer that either side takes, in bytes.
const BUFFER_BYTES: usize = 256 << 10;
/// Latencies are kept to the microsecond up to this many, and as this many above it.
const LATENCY_US_MAX: usize = 200_000;

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    // Started without a verb: nothing to do, and nothing wrong.
    let Some(verb) = words.next().filter(|word| word != "--bench") else {
        return Ok(writeln!(std::io::stdout(), "{USAGE}")?);
    };
    let mut options = HashMap::new();
    while let Some(name) = words.next() {
        let name = name.strip_prefix("--").ok_or(USAGE)?.to_owned();
        options.insert(name, words.next().ok_or(USAGE)?);
    }
    let options = Options(options);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match verb.as_str() {
        "serve" => LocalSet::new().block_on(&runtime, serve(&options)),
        "load" => LocalSet::new().block_on(&runtime, load(&options)),
        "token" => token(&options),
        _ => Err(USAGE.into()),
    }
}

/// The `--name value` pairs of the command line.
struct Options(HashMap<String, String>);

impl Options {
    fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn must(&self, name: &str) -> Outcome<&str> {
        self.given(name).ok_or_else(|| format!("`--{name}` is missing\n{USAGE}").into())
    }

    fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> Outcome<T> {
        let Some(text) = self.given(name) else { return Ok(default) };
        text.parse().map_err(|_| format!("`--{name} {text}`: not a number").into())
    }
}

async fn serve(options: &Options) -> Outcome<()> {
    let body = fs::read(options.must("body")?)?;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
    let mut answer = format!("{head}: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(&body);
    let answer: Rc<[u8]> = answer.into();
    let listener = TcpListener::bind(options.must("listen")?).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A caller that goes away, or says what this app does not understand, ends its own connection only.
        spawn_local(serve_one(stream, Rc::clone(&answer)));
    }
}

async fn serve_one(mut stream: TcpStream, answer: Rc<[u8]>) -> Outcome<()> {
    let blank_line = memmem::Finder::new(b"\r\n\r\n");
    let mut input = Input::new();
    let mut output = Vec::with_capacity(answer.len());
    while input.more(&mut stream).await? {
        output.clear();
        while let Some(at) = blank_line.find(input.held()) {
            if !input.held().starts_with(b"GET ") {
                return Err("only GET is answered: a body's end would have to be found".into());
            }
            input.take(at + 4);
            output.extend_from_slice(&answer);
        }
        if !output.is_empty() {
            stream.write_all(&output).await?;
        }
    }
    Ok(())
}

/// What was read from one connection and not used yet.
struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    fn new() -> Self {
        Self { bytes: vec![0; BUFFER_BYTES], start: 0, end: 0 }
    }

    fn held(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    fn take(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Reads what has arrived; false at the end of the stream.
    async fn more(&mut self, stream: &mut TcpStream) -> Outcome<bool> {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let free = self.bytes.get_mut(self.end..).filter(|free| !free.is_empty()).ok_or("too large")?;
        let count = stream.read(free).await?;
        self.end += count;
        Ok(count > 0)
    }
}

/// What all connections of one run share.
struct Run {
    request: Vec<u8>,
    /// The body that every answer must have: given, or the first answer's (then checked for `absent`).
    body: OnceCell<Vec<u8>>,
    absent: Vec<String>,
    /// Between the requests of one connection; nothing in a closed loop.
    pace: Option<Duration>,
    measuring: Cell<bool>,
    over: Cell<bool>,
    answers: Cell<u64>,
    latencies: RefCell<Vec<u32>>,
}

async fn load(options: &Options) -> Outcome<()> {
    let address = options.must("connect")?;
    let (connections, rate) = (options.number("connections", 64_usize)?, options.number("rate", 0.0)?);
    let run = Rc::new(Run {
        pace: (rate > 0.0).then(|| Duration::from_secs_f64(connections as f64 / rate)),
        request: request(options, address)?,
        body: match options.given("body") {
            Some(file) => OnceCell::from(fs::read(file)?),
            None => OnceCell::new(),
        },
        absent: options
            .given("absent")
            .unwrap_or_default()
            .split_terminator(',')
            .map(str::to_owned)
            .collect(),
        measuring: Cell::new(false),
        over: Cell::new(false),
        answers: Cell::new(0),
        latencies: RefCell::new(vec![0; LATENCY_US_MAX + 1]),
    });
    let pids: Vec<&str> = options.given("pids").unwrap_or_default().split_terminator(',').collect();
    let mut callers = Vec::new();
    for number in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // Spread over the pace, so that they do not all ask at once.
        let first = run.pace.unwrap_or_default().mul_f64(number as f64 / connections as f64);
        callers.push(spawn_local(call(stream, Rc::clone(&run), Instant::now() + first)));
    }
    // The ramp opens the proxy's upstream connections and fills its caches; nothing of it is counted.
    tokio::time::sleep(Duration::from_secs_f64(options.number("ramp", 0.2)?)).await;
    let (cpu_before, start) = (cpu_ns(&pids)?, Instant::now());
    run.measuring.set(true);
    tokio::time::sleep(Duration::from_secs_f64(options.number("seconds", 1.5)?)).await;
    run.measuring.set(false);
    let (cpu, elapsed) = (cpu_ns(&pids)?.saturating_sub(cpu_before), start.elapsed());
    run.over.set(true);
    for caller in callers {
        caller.await??;
    }
    report(&run, cpu, elapsed)
}

fn request(options: &Options, address: &str) -> Outcome<Vec<u8>> {
    let mut head = format!(
        "GET {} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: palisade-bench\r\nAccept: */*\r\n",
        options.must("path")?
    );
    if let Some(file) = options.given("token") {
        head.push_str(&format!("Authorization: Bearer {}\r\n", fs::read_to_string(file)?.trim()));
    }
    head.push_str("\r\n");
    Ok(head.into_bytes())
}

/// One connection: ask, wait for the whole answer, check it, ask again.
///
/// At a fixed rate a late answer does not put the next question off, and is counted from when that one was due: what
/// waits is part of the latency.
async fn call(mut stream: TcpStream, run: Rc<Run>, first: Instant) -> Result<(), String> {
    let mut input = Input::new();
    let mut due = first;
    while !run.over.get() {
        let asked = match run.pace {
            Some(pace) => {
                let this = due;
                due += pace;
                let late = this < Instant::now();
                tokio::time::sleep_until(this.into()).await;
                // In time, the timer's own coarseness is not the proxy's.
                if late { this } else { Instant::now() }
            }
            None => Instant::now(),
        };
        stream.write_all(&run.request).await.map_err(|error| format!("cannot send: {error}"))?;
        let used = loop {
            if !input.more(&mut stream).await.map_err(|error| format!("cannot read an answer: {error}"))? {
                return Err(format!("the connection closed after {}", shown(input.held())));
            }
            if let Some(used) = checked(&run, input.held())? {
                break used;
            }
        };
        input.take(used);
        if !input.held().is_empty() {
            return Err(format!("more than one answer: {}", shown(input.held())));
        }
        if run.measuring.get() {
            run.answers.set(run.answers.get() + 1);
            let us = usize::try_from(asked.elapsed().as_micros()).unwrap_or(LATENCY_US_MAX);
            if let Some(count) = run.latencies.borrow_mut().get_mut(us.min(LATENCY_US_MAX)) {
                *count += 1;
            }
        }
    }
    Ok(())
}

/// The bytes of a whole answer as it must be; `None` while it is not all there.
fn checked(run: &Run, bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some(head_end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let (head, rest) = bytes.split_at_checked(head_end + 4).unwrap_or_default();
    if !head.starts_with(b"HTTP/1.1 200 ") {
        return Err(format!("not a 200: {}", shown(bytes)));
    }
    let (mut length, mut line_start) = (None, 0);
    for line_end in memchr::memchr_iter(b'\n', head) {
        let line = head.get(line_start..line_end).unwrap_or_default();
        line_start = line_end + 1;
        let Some((name, value)) = line.split_at_checked(15) else { continue };
        if name.eq_ignore_ascii_case(b"content-length:") {
            length = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse::<usize>().ok());
        }
    }
    let Some(length) = length else { return checked_chunks(run, head, rest) };
    let Some(body) = rest.get(..length) else { return Ok(None) };
    check_body(run, body)?;
    Ok(Some(head.len() + length))
}

/// An answer without a length: in chunks, or its end cannot be known.
fn checked_chunks(run: &Run, head: &[u8], mut rest: &[u8]) -> Result<Option<usize>, String> {
    if memmem::find(&head.to_ascii_lowercase(), b"\r\ntransfer-encoding: chunked\r\n").is_none() {
        return Err(format!("neither a length nor chunks: {}", shown(head)));
    }
    let (whole, mut body) = (rest.len(), Vec::new());
    loop {
        let Some(line_end) = memmem::find(rest, b"\r\n") else { return Ok(None) };
        let digits = rest.get(..line_end).and_then(|line| std::str::from_utf8(line).ok());
        let size = digits.and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let size = size.ok_or_else(|| format!("not a chunk: {}", shown(rest)))?;
        let Some(chunk) = rest.get(line_end + 2..line_end + 2 + size + 2) else { return Ok(None) };
        rest = rest.get(line_end + 2 + size + 2..).unwrap_or_default();
        if size == 0 {
            check_body(run, &body)?;
            return Ok(Some(head.len() + whole - rest.len()));
        }
        body.extend_from_slice(chunk.get(..size).unwrap_or_default());
    }
}

fn check_body(run: &Run, body: &[u8]) -> Result<(), String> {
    let expected = run.body.get_or_init(|| body.to_vec());
    if expected.as_slice() != body {
        return Err(format!("another body than before: {}", shown(body)));
    }
    // All bodies are equal, so those before the first counted answer stand for the others.
    let found = |hidden: &&String| run.answers.get() == 0 && memmem::find(body, hidden.as_bytes()).is_some();
    match run.absent.iter().find(found) {
        Some(hidden) => Err(format!("`{hidden}` should be hidden: {}", shown(body))),
        None => Ok(()),
    }
}

fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..600).unwrap_or(bytes)).into_owned();
    if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") }
}

/// CPU time of all threads of the processes so far, from the scheduler's own account.
fn cpu_ns(pids: &[&str]) -> Outcome<u64> {
    let mut sum = 0;
    for pid in pids {
        let tasks =
            fs::read_dir(format!("/proc/{pid}/task")).map_err(|_| format!("process {pid} is gone"))?;
        for task in tasks {
            let text = fs::read_to_string(task?.path().join("schedstat"))
                .map_err(|error| format!("no schedstat: this kernel does not account CPU time ({error})"))?;
            sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
    }
    Ok(sum)
}

fn report(run: &Run, cpu_ns: u64, elapsed: Duration) -> Outcome<()> {
    let (answers, latencies) = (run.answers.get(), run.latencies.borrow());
    let at = |part: f64| {
        let mut left = answers as f64 * part;
        latencies.iter().position(|count| {
            left -= f64::from(*count);
            left <= 0.0
        })
    };
    let line = serde_json::json!({
        "answers": answers, "seconds": elapsed.as_secs_f64(),
        "per_second": answers as f64 / elapsed.as_secs_f64(),
        "cpu_us": cpu_ns as f64 / 1e3 / answers as f64,
        "busy": cpu_ns as f64 / elapsed.as_nanos() as f64,
        "p50_us": at(0.5), "p90_us": at(0.9), "p99_us": at(0.99), "p999_us": at(0.999),
    });
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn token(options: &Options) -> Outcome<()> {
    let random = SystemRandom::new();
    let algorithm = options.given("algorithm").unwrap_or("RS256");
    let (mut key, sign): (serde_json::Value, Sign) = match algorithm {
        "RS256" => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let public = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
            let key = serde_json::json!({"kty": "RSA", "n": b64(&public.n), "e": b64(&public.e)});
            let sign: Sign = Box::new(move |text| {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature)?;
                Ok(signature)
            });
            (key, sign)
        }
        "ES256" => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            let point = pair.public_key().as_ref();
            let (x, y) = point.get(1..).and_then(|xy| xy.split_at_checked(32)).ok_or("no P-256 point")?;
            let key = serde_json::json!({"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)});
            (key, Box::new(move |text| Ok(pair.sign(&random, text)?.as_ref().to_vec())))
        }
        _ => return Err(USAGE.into()),
    };
    let members = key.as_object_mut().ok_or("a key is an object")?;
    for (name, value) in [("kid", "bench"), ("use", "sig"), ("alg", algorithm)] {
        members.insert(name.to_owned(), value.into());
    }
    let out = Path::new(options.must("out")?);
    fs::write(out.join("jwks.json"), serde_json::json!({"keys": [key]}).to_string())?;
    Ok(fs::write(out.join("token"), padded(options, algorithm, &sign)?)?)
}

/// Signs the claims, padded to the length asked for: the size of the head is part of what a proxy costs.
fn padded(options: &Options, algorithm: &str, sign: &Sign) -> Outcome<String> {
    let wanted = options.number("bytes", 787_usize)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut claims: serde_json::Value = serde_json::from_str(options.must("claims")?)?;
    let members = claims.as_object_mut().ok_or("`--claims` must be a JSON object")?;
    members.insert("iat".to_owned(), now.into());
    members.insert("exp".to_owned(), (now + 86_400).into());
    let head = serde_json::json!({"alg": algorithm, "typ": "JWT", "kid": "bench"});
    let head = b64(head.to_string().as_bytes());
    let mut padding = String::new();
    loop {
        let members = claims.as_object_mut().ok_or("`--claims` must be a JSON object")?;
        members.insert("padding".to_owned(), padding.clone().into());
        let text = format!("{head}.{}", b64(claims.to_string().as_bytes()));
        let signature = b64(&sign(text.as_bytes())?);
        // Base64 of some lengths does not exist: one more byte is near enough.
        if text.len() + 1 + signature.len() >= wanted {
            return Ok(format!("{text}.{signature}"));
        }
        padding.push('x');
    }
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
