//! Protocol Buffers and gRPC over the wire: fields are hidden by what descriptors and routes say of them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../src/redact/tests/proto/build.rs"]
mod build;
mod common;

use build::bytes;
use build::number;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;

use common::Answer;
use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;
use common::secret;

/// A field of text, of this class.
fn text(name: &str, tag: u64, class: &str) -> Vec<u8> {
    let options = if class.is_empty() { Vec::new() } else { bytes(8, bytes(57_310, class)) };
    [bytes(1, name), number(3, tag), number(4, 1), number(5, 9), options].concat()
}

/// What `protoc` makes of a file with one message: a name, an e-mail of class `class`, and a number.
fn descriptors(class: &str) -> Vec<u8> {
    let fields = [text("name", 1, ""), text("email", 2, class), text("ssn", 3, "")];
    let mut message = bytes(1, "Patient");
    fields.iter().for_each(|field| message.extend(bytes(2, field)));
    bytes(1, [bytes(2, "clinic"), bytes(4, message)].concat())
}

fn folder(upstream: &Upstream, class: &str, message: &str) -> Folder {
    let folder = Folder::new(upstream.address);
    let config = folder
        .read("palisade.yaml")
        .replace("routes: [routes.yaml]", "routes: [routes.yaml], descriptors: [clinic.pb]")
        .replace("listen: {", "listen: {h2c: true, ");
    folder.write("palisade.yaml", &config);
    std::fs::write(folder.path("clinic.pb"), descriptors(class)).unwrap();
    let body = format!("{{protobuf: {message}, classes: {{$.ssn: pii}}}}");
    folder.write(
        "routes.yaml",
        &format!(
            "routes:\n- {{method: GET, path: '/patients/{{id}}', response: {body}}}\n- {{method: POST, path: /clinic/Get, action: read, request: {body}, response: {body}}}\n"
        ),
    );
    folder
}

fn patient() -> Vec<u8> {
    [bytes(1, "Ada"), bytes(2, "SECRET"), bytes(3, "SECRET"), bytes(9, "SECRET")].concat()
}

fn seen() -> Vec<u8> {
    [bytes(1, "Ada"), bytes(3, "[redacted]")].concat()
}

fn answer(kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn get(sidecar: &Sidecar, who: &str) -> Answer {
    sidecar.ask(&format!("GET /patients/1 HTTP/1.1\r\n{}", key(who)))
}

#[test]
fn a_message_is_redacted_by_its_options_and_by_the_routes_paths_both_ways() {
    let upstream = Upstream::start(|_, sent| {
        let body = if sent.is_empty() { patient() } else { sent.to_vec() };
        Some(answer("application/x-protobuf", &body))
    });
    let folder = folder(&upstream, "pii.contact.email", "clinic.Patient");
    let sidecar = Sidecar::start(&folder);
    assert_eq!(get(&sidecar, "ann").body, patient());
    let answer = get(&sidecar, "des");
    assert_eq!(answer.body, seen());
    assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
    let head = "POST /clinic/Get HTTP/1.1\r\ncontent-type: application/x-protobuf\r\n";
    let post = |body: &[u8]| Client::connect(sidecar.data).ask(&format!("{head}{}", key("des")), body);
    assert_eq!(post(&patient()).body, bytes(1, "Ada"));
    let refused = post(b"\x0b\x0c");
    assert_eq!((refused.status, refused.code().as_str()), (415, "unreadable_body"));
}

#[test]
fn what_no_descriptor_knows_is_told_at_the_start() {
    let upstream = Upstream::start(|_, _| None);
    for (class, message, wanted) in [
        ("pii.contact.emial", "clinic.Patient", "did you mean `pii.contact.email`"),
        ("pii.contact.email", "clinic.Patent", "did you mean `clinic.Patient`"),
    ] {
        let said = Sidecar::try_start(&folder(&upstream, class, message)).err().unwrap();
        assert!(said.contains(wanted), "{said}");
    }
    let folder = folder(&upstream, "pii", "clinic.Patient");
    std::fs::write(folder.path("clinic.pb"), b"syntax = \"proto3\";").unwrap();
    assert!(Sidecar::try_start(&folder).err().unwrap().contains("protoc --descriptor_set_out"));
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// The messages, the status in the trailers or the head, and the head's own status.
fn call(sidecar: &Sidecar, who: &str, path: &str) -> Result<(Vec<u8>, String, u16), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(sidecar.data).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(async move { drop(connection.await) });
        let request = http::Request::post(format!("http://localhost{path}"))
            .header("x-api-key", format!("{who}.{}", secret(who)))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(http_body_util::Full::new(Bytes::from(framed(&patient()))))
            .unwrap();
        let (head, mut body) =
            sender.send_request(request).await.map_err(|error| error.to_string())?.into_parts();
        let mut status = head.headers.get("grpc-status").cloned();
        let mut all = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame.map_err(|error| error.to_string())?.into_data() {
                Ok(data) => all.extend_from_slice(&data),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap();
                    assert!(!format!("{trailers:?}{:?}", head.headers).contains("SECRET"), "{trailers:?}");
                    status = trailers.get("grpc-status").cloned();
                }
            }
        }
        Ok((
            all,
            status.map_or(String::new(), |status| status.to_str().unwrap().to_owned()),
            head.status.as_u16(),
        ))
    })
}

#[test]
fn the_messages_of_grpc_are_redacted_one_by_one_and_the_status_passes() {
    let upstream = Upstream::start(|_, sent| {
        assert_eq!(sent, framed(&bytes(1, "Ada")));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n";
        let frames = [framed(&patient()), framed(b""), framed(&patient())].concat();
        let mut out = head.as_bytes().to_vec();
        for piece in frames.chunks(7) {
            out.extend([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        }
        let trailers = "grpc-status: 0\r\ngrpc-message: no%20SECRET\r\ngrpc-status-details-bin: SECRET";
        out.extend(format!("0\r\n{trailers}\r\n\r\n").bytes());
        Some(out)
    });
    let folder = folder(&upstream, "pii.contact.email", "clinic.Patient");
    let sidecar = Sidecar::start(&folder);
    let (messages, status, _) = call(&sidecar, "des", "/clinic/Get").unwrap();
    assert_eq!(messages, [framed(&seen()), framed(b""), framed(&seen())].concat());
    assert_eq!(status, "0");
    // Who is refused is told so by a status of gRPC.
    assert_eq!(call(&sidecar, "des", "/clinic/None"), Ok((Vec::new(), "12".to_owned(), 200)));
}

#[test]
fn a_stream_of_grpc_that_cannot_be_read_does_not_end_well() {
    let upstream = Upstream::start(|_, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n";
        let frames = [framed(&patient()), framed(b"\x0b\x0c")].concat();
        let mut out = [head.as_bytes(), format!("{:x}\r\n", frames.len()).as_bytes(), &frames].concat();
        out.extend(b"\r\n0\r\ngrpc-status: 0\r\n\r\n");
        Some(out)
    });
    let folder = folder(&upstream, "pii.contact.email", "clinic.Patient");
    let sidecar = Sidecar::start(&folder);
    // The call ends as calls of gRPC do. What was sound has left, unless it came in one piece with what was not.
    let (messages, status, _) = call(&sidecar, "des", "/clinic/Get").unwrap();
    assert!(messages.is_empty() || messages == framed(&seen()), "{messages:?}");
    assert_eq!(status, "13");
    let empty = Upstream::start(|_, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n";
        Some([head.as_bytes(), b"0\r\ngrpc-status: 5\r\ngrpc-message: no SECRET\r\n\r\n"].concat())
    });
    let folder = self::folder(&empty, "pii.contact.email", "clinic.Patient");
    let sidecar = Sidecar::start(&folder);
    assert_eq!(call(&sidecar, "des", "/clinic/Get"), Ok((Vec::new(), "5".to_owned(), 200)));
}
