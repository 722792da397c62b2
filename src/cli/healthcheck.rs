//! `palisade healthcheck`: for a container's HEALTHCHECK, where there is neither shell nor curl.
//!
//! Never: waits longer than it was told.

use std::io::Read as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::formats;
use super::load;

pub(super) const AFTER: &str = "\
Examples:
  palisade healthcheck -c /etc/palisade/palisade.yaml
  palisade healthcheck --address 127.0.0.1:8081 --timeout-ms 500

Exit codes: 0 ready, 1 not ready or not reachable, 3 the configuration cannot be read.";

/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 10;

/// What `healthcheck` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// Address of the admin listener; without it, the one of the configuration.
    #[arg(long, value_name = "IP:PORT")]
    address: Option<SocketAddr>,
    /// Longest wait, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    timeout_ms: u64,
}

/// The admin listener's address: the one that is given, or the configuration's, whose problems are told.
pub(super) fn admin(
    global: &Global,
    given: Option<SocketAddr>,
    world: &World<'_>,
    out: &mut Out,
) -> Option<SocketAddr> {
    if given.is_some() {
        return given;
    }
    let loaded = load(global, world);
    match loaded.config {
        Ok((config, _)) => Some(config.listen.admin),
        Err(problems) => {
            super::check::pretty(global, &problems, &loaded.text, None, |text| out.aside(text));
            None
        }
    }
}

pub(super) fn healthcheck(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(address) = admin(global, arguments.address, world, out) else { return Ok(Exit::Invalid) };
    let answer = ask(here(address), Duration::from_millis(arguments.timeout_ms));
    let (ready, said) = match &answer {
        Ok((200, _)) => (true, "ready".to_owned()),
        Ok((status, body)) => {
            (false, format!("not ready: {status} {}", super::report::printable(body.trim())))
        }
        Err(why) => (false, format!("not reachable at {address}: {why}")),
    };
    if global.output.is_json() {
        out.raw(formats::pretty(&json!({ "ready": ready, "message": said })).as_bytes());
    } else {
        out.line(&said);
    }
    Ok(if ready { Exit::Ok } else { Exit::Internal })
}

/// A listener on every address is reached on the loopback one.
pub(super) fn here(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn ask(address: SocketAddr, patience: Duration) -> Result<(u16, String), String> {
    get(address, "/readyz", patience, ANSWER_BYTES_MAX)
}

/// Status and body of what an admin listener says to a path; an answer ends at so many bytes.
///
/// # Errors
/// When there is no whole answer in time.
pub(super) fn get(
    address: SocketAddr,
    path: &str,
    patience: Duration,
    bytes_max: u64,
) -> Result<(u16, String), String> {
    let end = Instant::now() + patience;
    let left = || end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let told = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect_timeout(&address, left()).map_err(told)?;
    stream.set_write_timeout(Some(left())).map_err(told)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(told)?;
    let mut answer = Vec::new();
    let mut part = vec![0; 16 << 10];
    loop {
        stream.set_read_timeout(Some(left())).map_err(told)?;
        let n = stream.read(&mut part).map_err(told)?;
        answer.extend_from_slice(part.get(..n).unwrap_or_default());
        if n == 0 || u64::try_from(answer.len()).is_ok_and(|n| n > bytes_max) {
            break;
        }
        if Instant::now() >= end {
            return Err("the answer took too long".to_owned());
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.ok_or("the answer is not HTTP")?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answering(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            assert!(stream.read(&mut request).is_ok_and(|read| read > 0));
            stream.write_all(answer).ok();
        });
        address
    }

    #[test]
    fn only_an_answer_of_200_is_ready() {
        let patience = Duration::from_secs(5);
        assert_eq!(
            ask(answering(b"HTTP/1.1 200 OK\r\n\r\nready\n"), patience),
            Ok((200, "ready\n".to_owned()))
        );
        assert_eq!(ask(answering(b"HTTP/1.1 503 No\r\n\r\n"), patience).map(|(status, _)| status), Ok(503));
        assert!(ask(answering(b"SSH-2.0"), patience).is_err());
    }

    #[test]
    fn a_listener_that_does_not_answer_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let started = Instant::now();
        assert!(ask(listener.local_addr().unwrap(), Duration::from_millis(100)).is_err());
        assert!(started.elapsed() < Duration::from_secs(2));
    }
}
