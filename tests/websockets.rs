//! WebSockets through the sidecar, byte by byte: what opens one, what passes on it, and what ends it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use common::Answer;
use common::Folder;
use common::Sidecar;
use common::key;

const ROUTES: &str = r#"
routes:
  - {method: GET, path: /open, websocket: true}
  - {method: GET, path: /plain}
  - {method: GET, path: /public, public: true, websocket: true}
  - {method: GET, path: /writers, action: update, websocket: true}
  - {method: GET, path: /feed, websocket: true, request: {classes: {"$.ssn": pii}}, response: {classes: {"$..name": pii.name, "$..ssn": pii}}}
  - {method: GET, path: /refusing, websocket: true, request: {classes: {"$.ssn": pii}, denied: refuse}}
  - {method: GET, path: /strict, websocket: true, request: {schema: {type: object, required: [a]}}}
  - {method: GET, path: /blobs, websocket: true, response: {classes: {"$.ssn": pii}, opaque: [application/octet-stream]}}
  - {method: GET, path: /rows, websocket: true, response: {rows: {at: "$", tenant: tenant, foreign: drop}}}
"#;

/// What every handshake here has for a key, and what answers it.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";
const ACCEPT: &str = "Bz3qJYTGdOe8gUSpLosEdiLKDrk=";

fn start(upstream: SocketAddr, more: &str) -> (Folder, Sidecar) {
    let folder = Folder::new(upstream);
    folder.write("routes.yaml", ROUTES);
    let config = folder.read("palisade.yaml").replace("workers: 2", "workers: 1") + more;
    folder.write("palisade.yaml", &config);
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

/// The first byte of a frame, and its payload.
type Frame = (u8, Vec<u8>);

/// What an app saw, on all of its connections.
#[derive(Clone, Default)]
struct Saw {
    heads: Arc<Mutex<Vec<String>>>,
    frames: Arc<Mutex<Vec<Frame>>>,
}

impl Saw {
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The frames once there are so many.
    fn frames(&self, count: usize) -> Vec<Frame> {
        let end = Instant::now() + Duration::from_secs(20);
        while self.frames.lock().unwrap().len() < count && Instant::now() < end {
            pause(5);
        }
        self.frames.lock().unwrap().clone()
    }
}

/// An app that is given each head and its connection.
fn app(each: impl Fn(&str, &mut TcpStream, &Saw) + Send + Sync + Clone + 'static) -> (SocketAddr, Saw) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, saw) = (listener.local_addr().unwrap(), Saw::default());
    let all = saw.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (each, saw) = (each.clone(), all.clone());
            std::thread::spawn(move || {
                while let Some(head) = read_head(&mut stream) {
                    saw.heads.lock().unwrap().push(head.clone());
                    each(&head, &mut stream, &saw);
                }
            });
        }
    });
    (address, saw)
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}

fn agree(stream: &mut TcpStream) {
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nset-cookie: a=b\r\nsec-websocket-accept: {ACCEPT}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).unwrap();
}

/// An app that agrees, says this, and then keeps what it is told until that ends; a close frame it answers.
fn says(frames: Vec<Vec<u8>>) -> (SocketAddr, Saw) {
    app(move |_, stream, saw| {
        agree(stream);
        if stream.write_all(&frames.concat()).is_err() {
            return;
        }
        while let Some((first, payload)) = read_frame(stream, true) {
            saw.frames.lock().unwrap().push((first, payload.clone()));
            if first == CLOSE {
                drop(stream.write_all(&frame(CLOSE, &payload, false)));
                return;
            }
        }
    })
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let bit = if masked { 0x80 } else { 0 };
    let mut out = vec![first];
    match payload.len() {
        length @ ..126 => out.push(bit | u8::try_from(length).unwrap()),
        length @ ..65_536 => {
            out.push(bit | 126);
            out.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            out.push(bit | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    let mask = [0x12, 0x34, 0x56, 0x78];
    if masked {
        out.extend(mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        out.extend(payload);
    }
    out
}

/// The first byte and the payload of the next frame, or nothing at the end.
fn read_frame(stream: &mut TcpStream, masked: bool) -> Option<Frame> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).ok()?;
    assert_eq!(head[1] & 0x80 != 0, masked, "who masks and who does not");
    let length = match head[1] & 0x7f {
        126 => {
            let mut length = [0; 2];
            stream.read_exact(&mut length).ok()?;
            usize::from(u16::from_be_bytes(length))
        }
        127 => {
            let mut length = [0; 8];
            stream.read_exact(&mut length).ok()?;
            usize::try_from(u64::from_be_bytes(length)).unwrap()
        }
        length => usize::from(length),
    };
    let mut mask = [0; 4];
    if masked {
        stream.read_exact(&mut mask).ok()?;
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).ok()?;
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    Some((head[0], payload))
}

fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

fn handshake(path: &str, who: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{}{more}\r\n",
        if who.is_empty() { String::new() } else { key(who) }
    )
}

/// A client that has asked for a WebSocket.
struct Client {
    stream: TcpStream,
    head: String,
}

impl Client {
    fn ask(sidecar: &Sidecar, request: &str, early: &[u8]) -> Self {
        let mut stream = common::connect(sidecar.data);
        stream.write_all(&[request.as_bytes(), early].concat()).unwrap();
        let head = read_head(&mut stream).unwrap();
        Self { stream, head }
    }

    fn open(sidecar: &Sidecar, path: &str, who: &str) -> Self {
        let client = Self::ask(sidecar, &handshake(path, who, ""), b"");
        assert!(client.head.starts_with("HTTP/1.1 101 "), "{}", client.head);
        client
    }

    fn send(&mut self, first: u8, payload: &[u8]) {
        self.stream.write_all(&frame(first, payload, true)).unwrap();
    }

    fn next(&mut self) -> Option<Frame> {
        read_frame(&mut self.stream, false)
    }

    /// The code of a close frame, and nothing but the end behind it.
    fn end(&mut self) -> u16 {
        let Some((CLOSE, code)) = self.next() else { panic!("no close frame") };
        assert_eq!(self.next(), None, "nothing behind it");
        u16::from_be_bytes(code.try_into().unwrap())
    }
}

/// The one answer to a request that opens nothing.
fn refused(sidecar: &Sidecar, request: &str) -> Answer {
    common::Client::connect(sidecar.data).ask(request.strip_suffix("\r\n").unwrap(), b"")
}

fn text(text: &str) -> Frame {
    (TEXT, text.as_bytes().to_vec())
}

fn close(code: u16) -> Frame {
    (CLOSE, code.to_be_bytes().to_vec())
}

#[test]
fn where_nothing_is_hidden_bytes_pass_both_ways_and_the_upgrade_is_on_record() {
    let told = [
        frame(BINARY, b"\xff\0", false),
        frame(0x01, b"{\"ssn\":", false),
        frame(PING, b"p", false),
        frame(0x80, b"1}", false),
        frame(TEXT, &vec![b'x'; 1_200_000], false),
    ];
    let all = told.concat();
    let (address, saw) = says(told.to_vec());
    let (folder, sidecar) = start(address, "");
    let more = "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: a,b\r\nx-palisade-tenant: forged\r\n";
    let mut client = Client::ask(&sidecar, &handshake("/feed?x=y", "ann", more), b"");
    let mut lines: Vec<&str> = client.head.lines().skip(1).filter(|line| !line.is_empty()).collect();
    lines.retain(|line| !line.starts_with("date: ") && !line.starts_with("x-palisade-decision-id: "));
    lines.sort_unstable();
    assert!(client.head.starts_with("HTTP/1.1 101 "), "{}", client.head);
    assert_eq!(
        lines,
        ["connection: Upgrade", &format!("sec-websocket-accept: {ACCEPT}"), "upgrade: websocket"]
    );
    let mut got = vec![0; all.len()];
    client.stream.read_exact(&mut got).unwrap();
    assert!(got == all, "not a byte is another one");
    client.send(BINARY, b"\0\xff");
    client.send(PONG, b"p");
    client.send(CLOSE, b"\x03\xe8bye");
    assert_eq!(client.next(), Some((CLOSE, b"\x03\xe8bye".to_vec())));
    assert_eq!(client.next(), None);
    let wanted = [(BINARY, b"\0\xff".to_vec()), (PONG, b"p".to_vec()), (CLOSE, b"\x03\xe8bye".to_vec())];
    assert_eq!(saw.frames(3), wanted);
    let head = &saw.heads()[0];
    for line in [
        "GET /feed?x=y HTTP/1.1",
        "connection: Upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        &format!("sec-websocket-key: {KEY}"),
        "sec-websocket-protocol: a, b",
        "x-palisade-tenant: acme",
        "host: localhost",
    ] {
        assert_eq!(head.lines().filter(|known| *known == line).count(), 1, "{line} in {head}");
    }
    assert!(!head.contains("extensions") && !head.contains("forged"), "{head}");
    let decisions = folder.records("decision", 1);
    assert_eq!((decisions.len(), &decisions[0]["decision"]), (1, &"allow".into()));
    let outcome = &folder.records("outcome", 1)[0];
    assert_eq!(outcome["decision_id"], decisions[0]["decision_id"]);
    assert_eq!((&outcome["status"], &outcome["ended"]), (&101.into(), &"complete".into()), "{outcome}");
    assert_eq!(outcome["messages"], serde_json::json!({"request": 1, "response": 3}));
    assert_eq!(outcome["response_bytes"], all.len() + 7);
    assert_eq!(outcome["request_bytes"], 8 + 7 + 11);
    assert!(outcome["redactions"].as_array().unwrap().is_empty());
    drop(client);
    pause(700);
    let metrics = sidecar.admin("/metrics").text();
    assert!(metrics.contains("palisade_requests_total{code=\"101\",route=\"GET /feed\"} 1"), "{metrics}");
    assert!(metrics.contains("palisade_upstream_connections 0"), "{metrics}");
}

#[test]
fn a_hidden_field_is_in_no_byte_that_the_client_gets() {
    let (address, _) = says(vec![
        frame(TEXT, b"{\"name\":\"Ada\",\"ssn\":\"SECRET\"}", false),
        frame(0x01, b"{\"a\":{\"s\\u0073", false),
        frame(PING, b"SECRET", false),
        frame(0x00, b"n\":\"SEC", false),
        frame(PONG, b"SECRET", false),
        frame(0x80, b"RET\"}}", false),
        frame(TEXT, b"[1]", false),
        frame(CLOSE, b"\x03\xe8SECRET", false),
    ]);
    let (folder, sidecar) = start(address, "");
    let mut client = Client::open(&sidecar, "/feed", "des");
    for wanted in [
        text("{\"name\":\"Ada\",\"ssn\":\"[redacted]\"}"),
        (PING, Vec::new()),
        (PONG, Vec::new()),
        text("{\"a\":{\"s\\u0073n\":\"[redacted]\"}}"),
        text("[1]"),
        close(1000),
    ] {
        assert_eq!(client.next(), Some(wanted));
    }
    client.send(PONG, b"");
    client.send(CLOSE, b"\x03\xe8");
    assert_eq!(client.next(), None);
    let outcome = &folder.records("outcome", 1)[0];
    assert_eq!(
        (&outcome["ended"], &outcome["messages"]["response"]),
        (&"complete".into(), &3.into()),
        "{outcome}"
    );
    assert_eq!(
        outcome["redactions"],
        serde_json::json!([{"body": "response", "class": "pii", "mask": "fixed", "count": 2}])
    );
}

#[test]
fn pings_are_answered_with_what_they_carried_although_the_client_never_got_it() {
    let (address, saw) = app(|_, stream, saw| {
        agree(stream);
        stream.write_all(&frame(PING, b"token", false)).unwrap();
        while let Some((first, payload)) = read_frame(stream, true) {
            saw.frames.lock().unwrap().push((first, payload.clone()));
            if first == PING {
                stream.write_all(&frame(PONG, &payload, false)).unwrap();
            }
        }
    });
    let (_folder, sidecar) = start(address, "");
    let mut client = Client::open(&sidecar, "/feed", "des");
    assert_eq!(client.next(), Some((PING, Vec::new())));
    client.send(PONG, b"");
    client.send(PING, b"mine");
    assert_eq!(client.next(), Some((PONG, b"mine".to_vec())));
    assert_eq!(saw.frames(2), [(PONG, b"token".to_vec()), (PING, b"mine".to_vec())]);
}

#[test]
fn only_the_answer_to_this_handshake_opens_anything() {
    let good = format!("Upgrade: websocket\r\nConnection: Upgrade\r\nsec-websocket-accept: {ACCEPT}\r\n");
    for (status, lines) in [
        ("200 OK", good.clone() + "content-length: 0\r\n"),
        ("204 No Content", good.clone()),
        ("101 Switching Protocols", good.replace("Bz3q", "Bz4q")),
        ("101 Switching Protocols", good.replace("Upgrade: websocket", "Upgrade: h2c")),
        ("101 Switching Protocols", good.replace("Connection: Upgrade", "Connection: keep-alive")),
        ("101 Switching Protocols", good.clone() + "sec-websocket-extensions: permessage-deflate\r\n"),
        ("101 Switching Protocols", good.clone() + "sec-websocket-protocol: b\r\n"),
        ("101 Switching Protocols", String::new()),
        ("426 Upgrade Required", "content-length: 0\r\n".to_owned()),
    ] {
        let (said, got) = (format!("HTTP/1.1 {status}\r\n{lines}\r\n"), Saw::default());
        let behind = got.clone();
        let (address, saw) = app(move |_, stream, _| {
            stream.write_all(&[said.as_bytes(), &frame(TEXT, b"smuggled", false)].concat()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut rest = Vec::new();
            drop(stream.read_to_end(&mut rest));
            behind.frames.lock().unwrap().push((0, rest));
        });
        let (folder, sidecar) = start(address, "");
        let mut client = common::Client::connect(sidecar.data);
        let early = frame(TEXT, b"early", true);
        let request = handshake("/open", "ann", "Sec-WebSocket-Protocol: a\r\n");
        client.send(&[request.as_bytes(), &early, b"\r\n\r\n"].concat()).unwrap();
        let answer = client.read_answer(false).unwrap();
        assert_eq!((answer.status, &*answer.code()), (502, "not_a_websocket"), "{status} {lines}");
        // What the client sent behind its head is a request now, and no sound one.
        assert_eq!(client.read_answer(false).unwrap().status, 400);
        assert_eq!(
            got.frames(1),
            [(0, Vec::new())],
            "the app got nothing but the head, and its connection was closed"
        );
        assert_eq!((saw.heads().len(), folder.records("decision", 2).len()), (1, 2));
        let outcome = &folder.records("outcome", 1)[0];
        assert_eq!((&outcome["ended"], &outcome["status"]), (&"not_a_websocket".into(), &502.into()));
        assert!(outcome.get("messages").is_none());
    }
}

#[test]
fn what_a_client_sends_before_the_answer_waits_for_it() {
    let (address, saw) = app(|_, stream, saw| {
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        assert!(stream.read(&mut [0]).is_err(), "nothing comes before the answer");
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        agree(stream);
        for _ in 0..3 {
            saw.frames.lock().unwrap().extend(read_frame(stream, true));
        }
    });
    let (_folder, sidecar) = start(address, "");
    // Masked, the ping carries what ends a line.
    let early =
        [frame(PING, b"\x18", true), frame(TEXT, b"{\"ssn\":1,\"a\":2}", true), frame(TEXT, b"[2]", true)]
            .concat();
    let client = Client::ask(&sidecar, &handshake("/feed", "des", ""), &early[..early.len() - 2]);
    assert!(client.head.starts_with("HTTP/1.1 101 "));
    (&client.stream).write_all(&early[early.len() - 2..]).unwrap();
    // What may not be set was taken out of it like out of any body.
    assert_eq!(saw.frames(3), [(PING, b"\x18".to_vec()), text("{\"a\":2}"), text("[2]")]);
}

#[test]
fn a_request_behind_a_handshake_is_judged_like_any_other() {
    let (address, saw) = app(|head, stream, _| {
        let body = if head.starts_with("GET /plain") { "plain" } else { "none" };
        stream
            .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes())
            .unwrap();
    });
    let (folder, sidecar) = start(address, "");
    let mut client = common::Client::connect(sidecar.data);
    let next = format!("GET /plain HTTP/1.1\r\nhost: a\r\n{}\r\n", key("ann"));
    let unknown = format!("GET /admin HTTP/1.1\r\nhost: a\r\n{}\r\n", key("ann"));
    client.send((next.clone() + &handshake("/open", "ann", "") + &next + &unknown).as_bytes()).unwrap();
    let statuses: Vec<u16> = (0..4).map(|_| client.read_answer(false).unwrap().status).collect();
    assert_eq!(statuses, [200, 502, 200, 404]);
    assert_eq!((saw.heads().len(), folder.records("decision", 4).len()), (3, 4));
    // What asks in another way asks for nothing: it is a plain request.
    let odd = handshake("/open", "ann", "").replace("Version: 13", "Version: 8");
    assert_eq!(refused(&sidecar, &odd).status, 200);
    assert!(!saw.heads()[3].to_lowercase().contains("upgrade"));
}

#[test]
fn only_who_may_opens_one_where_one_is_to_be_had() {
    let (address, saw) = says(Vec::new());
    let (folder, sidecar) = start(address, "");
    for (path, who, status, code) in [
        ("/plain", "ann", 403, "no_websocket"),
        ("/open", "", 401, "unidentified"),
        ("/plain", "", 401, "unidentified"),
        ("/writers", "des", 403, "denied"),
        ("/nowhere", "ann", 404, "no_route"),
    ] {
        let answer = refused(&sidecar, &handshake(path, who, ""));
        assert_eq!((answer.status, &*answer.code()), (status, code), "{path} {who}");
    }
    assert_eq!(saw.heads(), [""; 0]);
    assert!(folder.records("decision", 5).iter().all(|record| record["decision"] == "deny"));
    let mut client = Client::open(&sidecar, "/public", "");
    client.send(TEXT, b"hello");
    assert_eq!(saw.frames(1), [text("hello")]);
    // It goes on as the same kind of connection that it was.
    let mut client = common::Client::connect(sidecar.data);
    client.send((handshake("/plain", "ann", "") + &handshake("/plain", "ann", "")).as_bytes()).unwrap();
    assert_eq!([(); 2].map(|()| client.read_answer(false).unwrap().status), [403, 403]);
}

#[test]
fn what_is_no_sound_frame_ends_it_with_its_code() {
    for (path, who, bytes, code, ended) in [
        ("/open", "ann", frame(TEXT, b"bare", false), 1002, "bad_message"),
        ("/open", "ann", frame(0xc1, b"x", true), 1002, "bad_message"),
        ("/open", "ann", frame(0x83, b"x", true), 1002, "bad_message"),
        ("/open", "ann", frame(PING, &[0; 126], true), 1002, "bad_message"),
        ("/open", "ann", frame(0x80, b"x", true), 1002, "bad_message"),
        ("/open", "ann", b"GET / HTTP/1.1\r\n\r\n".to_vec(), 1002, "bad_message"),
        ("/feed", "des", frame(TEXT, b"{\"a\":\"\xff\"}", true), 1007, "bad_message"),
        ("/feed", "des", frame(TEXT, b"ssn=1", true), 1008, "unreadable_body"),
        ("/feed", "des", frame(BINARY, b"{}", true), 1003, "unreadable_body"),
        ("/feed", "des", frame(TEXT, &vec![b' '; (1 << 20) + 1], true), 1009, "body_too_large"),
        ("/refusing", "des", frame(TEXT, b"{\"ssn\":1}", true), 1008, "field_denied"),
        ("/strict", "ann", frame(TEXT, b"{}", true), 1008, "invalid_body"),
    ] {
        let (address, saw) = says(Vec::new());
        let (folder, sidecar) = start(address, "");
        let mut client = Client::open(&sidecar, path, who);
        client.send(TEXT, b"{\"a\":1}");
        // It may be over before all of it is sent.
        drop(client.stream.write_all(&bytes));
        assert_eq!(client.end(), code, "{path} {ended}");
        assert_eq!(
            saw.frames(2),
            [text("{\"a\":1}"), close(code)],
            "{path} {ended}: the app got nothing of it"
        );
        assert_eq!(folder.records("outcome", 1)[0]["ended"], ended);
    }
}

#[test]
fn a_message_of_the_app_that_cannot_be_judged_does_not_leave() {
    for (path, bytes, code, ended) in [
        ("/feed", frame(TEXT, b"hello SECRET", false), 1008, "unredactable"),
        ("/feed", frame(TEXT, b"", false), 1008, "unredactable"),
        ("/feed", frame(TEXT, b"{\"ssn\":\"SECRET", false), 1008, "unredactable"),
        ("/feed", frame(BINARY, b"SECRET", false), 1003, "unredactable"),
        ("/feed", frame(TEXT, b"{\"a\":\"SECRET\xff\"}", false), 1007, "bad_upstream"),
        ("/feed", frame(TEXT, b"{\"a\":\"SECRET\"}", true), 1002, "bad_upstream"),
        ("/feed", frame(0xc1, b"{\"a\":\"SECRET\"}", false), 1002, "bad_upstream"),
        ("/feed", frame(TEXT, &vec![b'1'; (1 << 20) + 1], false), 1009, "unredactable"),
        ("/rows", frame(BINARY, b"SECRET", false), 1003, "unredactable"),
    ] {
        let (address, saw) = says(vec![frame(TEXT, b"{\"tenant\":\"acme/west\"}", false), bytes]);
        let (folder, sidecar) = start(address, "");
        let mut client = Client::open(&sidecar, path, "des");
        assert_eq!(client.next(), Some(text("{\"tenant\":\"acme/west\"}")), "what came before is whole");
        assert_eq!(client.end(), code, "{ended}");
        assert_eq!(saw.frames(1), [close(code)]);
        assert_eq!(folder.records("outcome", 1)[0]["ended"], ended);
    }
}

#[test]
fn binary_messages_pass_where_the_route_says_so_and_rows_of_others_do_not() {
    let (address, _) = says(vec![
        frame(BINARY, b"\xff\0", false),
        frame(TEXT, b"{\"ssn\":1}", false),
        frame(CLOSE, b"", false),
    ]);
    let (_folder, sidecar) = start(address, "");
    let mut client = Client::open(&sidecar, "/blobs", "des");
    assert_eq!(client.next(), Some((BINARY, b"\xff\0".to_vec())));
    assert_eq!(client.next(), Some(text("{\"ssn\":\"[redacted]\"}")));
    assert_eq!(client.next(), Some((CLOSE, Vec::new())));
    let (address, _) = says(vec![
        frame(TEXT, b"{\"tenant\":\"acme/west\",\"a\":1}", false),
        frame(TEXT, b"{\"tenant\":\"globex\",\"a\":2}", false),
        frame(TEXT, b"{\"a\":3}", false),
        frame(TEXT, b"{\"tenant\":\"acme/west\",\"a\":4}", false),
        frame(CLOSE, b"", false),
    ]);
    let (folder, sidecar) = start(address, "");
    let mut client = Client::open(&sidecar, "/rows", "wes");
    assert_eq!(client.next(), Some(text("{\"tenant\":\"acme/west\",\"a\":1}")));
    assert_eq!(client.next(), Some(text("{\"tenant\":\"acme/west\",\"a\":4}")));
    assert_eq!(client.next(), Some((CLOSE, Vec::new())));
    client.send(CLOSE, b"");
    assert_eq!(folder.records("outcome", 1)[0]["foreign_rows"], 2);
}

#[test]
fn whoever_hangs_up_is_on_record() {
    let (address, _) = app(|_, stream, _| agree(stream));
    let (folder, sidecar) = start(address, "");
    let mut client = Client::open(&sidecar, "/feed", "des");
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.next(), None);
    assert_eq!(folder.records("outcome", 1)[0]["ended"], "aborted");
    let (address, _) = app(|_, stream, _| {
        agree(stream);
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let (folder, sidecar) = start(address, "");
    let mut client = Client::open(&sidecar, "/feed", "des");
    assert_eq!(client.next(), None);
    assert_eq!(folder.records("outcome", 1)[0]["ended"], "upstream_broken");
}

#[test]
fn it_ends_when_it_is_idle_has_lasted_or_its_credential_expires() {
    let (address, _) = says(Vec::new());
    let soon = |seconds| {
        let now = std::time::SystemTime::now() + Duration::from_secs(seconds);
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        jiff::Timestamp::from_second(i64::try_from(since).unwrap()).unwrap().to_string()
    };
    for (more, expires, code, ended) in [
        ("timeouts: {websocket_idle: 1s}\n", 3_600, 1001, "idle"),
        ("timeouts: {websocket_idle: 2s, websocket_total: 1s}\n", 3_600, 1001, "outlived"),
        ("", 6, 1008, "expired"),
    ] {
        let folder = Folder::new(address);
        folder.write("routes.yaml", ROUTES);
        folder.write("palisade.yaml", &(folder.read("palisade.yaml") + more));
        let keys = folder
            .read("api_keys.yaml")
            .replace("kind: user", &format!("expires: '{}', kind: user", soon(expires)));
        folder.write("api_keys.yaml", &keys);
        let sidecar = Sidecar::start(&folder);
        let mut client = Client::open(&sidecar, "/open", "ann");
        let started = Instant::now();
        for _ in 0..4 {
            pause(200);
            // It may be over by now.
            drop(client.stream.write_all(&frame(PING, b"", true)));
        }
        assert_eq!(client.end(), code, "{ended}");
        let lasted = started.elapsed();
        assert!(
            lasted > Duration::from_millis(700) && lasted < Duration::from_secs(15),
            "{ended}: {lasted:?}"
        );
        assert_eq!(folder.records("outcome", 1)[0]["ended"], ended);
    }
}

#[test]
fn an_edit_ends_what_it_may_forbid_or_hide_more_of_and_leaves_the_rest() {
    let (address, saw) = says(Vec::new());
    let (folder, sidecar) = start(address, "");
    let mut free = Client::open(&sidecar, "/open", "ann");
    let mut redacted = Client::open(&sidecar, "/feed", "des");
    let mut public = Client::open(&sidecar, "/public", "");
    let mut desk = Client::open(&sidecar, "/open", "des");
    let policies = folder.read("policies/main.cedar");
    let edited = policies.replace(
        "principal in Role::\"desk\", action in [Action::\"read\", ",
        "principal in Role::\"desk\", action in [",
    );
    assert_ne!(edited, policies);
    folder.write("policies/main.cedar", &edited);
    sidecar.signal("HUP");
    assert_eq!((redacted.end(), desk.end()), (1001, 1001));
    for client in [&mut free, &mut public] {
        client.send(TEXT, b"still here");
    }
    let still = |frames: Vec<Frame>| frames.into_iter().filter(|frame| *frame == text("still here")).count();
    assert_eq!(still(saw.frames(4)), 2);
    // Who is another one now to the app, or whose data has another name there, is told by another handshake.
    let mut wes = Client::open(&sidecar, "/open", "wes");
    let mut gil = Client::open(&sidecar, "/open", "gil");
    folder.keys(&[
        ("ann", "acme", &["clinician"]),
        ("wes", "acme/east", &["clinician"]),
        ("gil", "globex", &["clinician"]),
    ]);
    folder.write("tenants.yaml", &folder.read("tenants.yaml").replace("'7.'", "'8.'"));
    sidecar.signal("HUP");
    assert_eq!((wes.end(), gil.end()), (1001, 1001));
    free.send(TEXT, b"still here");
    assert_eq!(still(saw.frames(7)), 3);
    // And one that forbids it to all ends these too, but what is public.
    folder.write("policies/main.cedar", "@id(\"none\") forbid (principal, action, resource);");
    sidecar.signal("HUP");
    assert_eq!(free.end(), 1001);
    public.send(TEXT, b"still here");
    assert_eq!(still(saw.frames(9)), 4);
    let ended: Vec<_> = folder.records("outcome", 5).iter().map(|record| record["ended"].clone()).collect();
    assert_eq!(ended, ["reloaded"; 5]);
}

#[test]
fn a_stop_ends_it_at_once() {
    let (address, saw) = says(Vec::new());
    let (folder, mut sidecar) = start(address, "");
    let mut client = Client::open(&sidecar, "/open", "ann");
    let started = Instant::now();
    sidecar.signal("TERM");
    assert_eq!(client.end(), 1001);
    drop(client);
    assert!(sidecar.child.wait().unwrap().success());
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    assert_eq!(saw.frames(1), [close(1001)]);
    assert_eq!(folder.records("outcome", 1)[0]["ended"], "stopped");
}

#[test]
fn a_client_that_does_not_read_holds_up_the_app_and_nothing_piles_up() {
    let (address, saw) = app(|_, stream, saw| {
        agree(stream);
        stream.set_write_timeout(Some(Duration::from_millis(700))).unwrap();
        let message = frame(TEXT, &[b"\"", &vec![b'x'; 500_000][..], b"\""].concat(), false);
        let (mut written, mut left) = (0_u64, &message[..]);
        while let Ok(some) = stream.write(left) {
            written += some as u64;
            left = if some == left.len() { &message } else { &left[some..] };
        }
        saw.frames.lock().unwrap().push((0, written.to_be_bytes().to_vec()));
        drop(stream.read(&mut [0]));
    });
    let (folder, sidecar) = start(address, "timeouts: {body_idle: 2s}\n");
    let client = Client::open(&sidecar, "/feed", "des");
    let written = u64::from_be_bytes(saw.frames(1)[0].1.clone().try_into().unwrap());
    assert!(written < 32 << 20, "{written} bytes were taken of the app");
    // Nobody waits for it for ever.
    assert_eq!(folder.records("outcome", 1)[0]["ended"], "aborted");
    drop(client);
}

#[test]
fn another_implementation_speaks_through_it_on_both_sides() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut socket = tungstenite::accept(stream).unwrap();
                while let Ok(message) = socket.read() {
                    if message.is_text() || message.is_binary() {
                        socket.send(message).unwrap();
                    }
                }
            });
        }
    });
    let (folder, sidecar) = start(address, "");
    for (path, who, seen) in [("/open", "ann", "\"SECRET\""), ("/feed", "des", "\"[redacted]\"")] {
        let mut request =
            tungstenite::client::IntoClientRequest::into_client_request(format!("ws://localhost{path}"))
                .unwrap();
        let (_, secret) = key(who).trim().split_once(": ").map(|(_, value)| ((), value.to_owned())).unwrap();
        request.headers_mut().insert("x-api-key", secret.parse().unwrap());
        let stream = common::connect(sidecar.data);
        let (mut socket, _) = tungstenite::client(request, stream).unwrap();
        for round in 0..20 {
            let long = "y".repeat(round * 3_000);
            // A key that stands nowhere in what the app is told is one that the request may not set.
            let sent = format!("{{\"b\":{{\"ssn\":\"SECRET\"}},\"long\":\"{long}\"}}");
            socket.send(tungstenite::Message::text(sent.clone())).unwrap();
            socket.send(tungstenite::Message::Ping(vec![1, 2].into())).unwrap();
            let mut got = socket.read().unwrap();
            while got.is_ping() || got.is_pong() {
                got = socket.read().unwrap();
            }
            assert_eq!(got.into_text().unwrap().as_str(), sent.replace("\"SECRET\"", seen));
        }
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    }
    let outcomes = folder.records("outcome", 2);
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome["ended"] == "complete" && outcome["messages"]["response"] == 20)
    );
}
