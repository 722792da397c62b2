//! Limits that several sidecars count together, through a real Redis (Debian's `redis-server`; `.ci/run` installs it).
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;

/// A Redis on a socket in a folder of its own.
struct Redis {
    child: Child,
    socket: PathBuf,
}

impl Redis {
    /// `None`, said loudly, where there is none.
    fn start(folder: &Path) -> Option<Self> {
        let socket = folder.join("redis.sock");
        drop(std::fs::remove_file(&socket));
        let started = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--requirepass", "the-password"])
            .arg("--dir")
            .arg(folder)
            .arg("--unixsocket")
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            std::io::stderr()
                .write_all(b"SKIPPED: no redis-server (apt-get install redis-server)\n")
                .unwrap();
            return None;
        };
        let redis = Self { child, socket };
        until("Redis listens", || std::os::unix::net::UnixStream::connect(&redis.socket).is_ok());
        Some(redis)
    }

    fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A sidecar of the fleet.
fn replica(upstream: &Upstream, redis: &Redis, limits: &str) -> (Folder, Sidecar) {
    let folder = Folder::new(upstream.address);
    folder.write(
        "tenants.yaml",
        &format!("tenants:\n  acme: {{limits: {{{limits}}}, tenants: {{west: {{}}}}}}\n  globex: {{}}\n"),
    );
    folder.write("password", "the-password\n");
    let shared = format!(
        "limits: {{shared: {{redis: {{address: 'redis+unix://{}', password_file: password, every: 10ms, timeout: 200ms}}}}}}\n",
        redis.socket.display()
    );
    folder.write("palisade.yaml", &(folder.read("palisade.yaml") + &shared));
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

fn ask(sidecar: &Sidecar, who: &str) -> common::Answer {
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key(who)))
}

/// What is left by the last answer.
fn left(answer: &common::Answer) -> u64 {
    let text = answer.headers.get("ratelimit").unwrap().split(";r=").nth(1).unwrap();
    text.split(';').next().unwrap().parse().unwrap()
}

fn counted(sidecar: &Sidecar, line: &str) -> u64 {
    let text = sidecar.admin("/metrics").text();
    let known = text.lines().find_map(|known| known.strip_prefix(line)?.trim().parse().ok());
    known.unwrap_or(0)
}

const TOLD: &str = "palisade_limits_settled_total{result=\"ok\"}";

/// Asks once, and waits until the others have been told of it.
fn told(sidecar: &Sidecar) -> common::Answer {
    let before = counted(sidecar, TOLD);
    let answer = ask(sidecar, "ann");
    if answer.status == 200 {
        until("it is told", || counted(sidecar, TOLD) > before);
    }
    answer
}

#[test]
fn replicas_count_together_and_none_lets_through_more_than_it_did_not_know_of() {
    let upstream = Upstream::json("{}");
    let folder = tempfile::tempdir().unwrap();
    let Some(redis) = Redis::start(folder.path()) else { return };
    let (_one, first) = replica(&upstream, &redis, "requests: 20/h");
    let (_other, second) = replica(&upstream, &redis, "requests: 20/h");
    for taken in 1..=10 {
        let answer = told(&first);
        assert_eq!((answer.status, left(&answer)), (200, 20 - taken));
    }
    // What it does not know yet it lets through, once.
    assert_eq!(left(&told(&second)), 19);
    for taken in 12..=20 {
        let answer = told(&second);
        assert_eq!((answer.status, left(&answer)), (200, 20 - taken));
    }
    assert_eq!(told(&second).status, 429);
    assert_eq!(left(&told(&first)), 9);
    assert_eq!(told(&first).status, 429);
    assert_eq!(upstream.seen.lock().unwrap().len(), 21);
    assert_eq!(ask(&first, "gil").status, 200);
    let ready = first.admin("/readyz?verbose").text();
    assert!(ready.contains("[+] limits shared through redis+unix://"), "{ready}");
    assert!(!first.logged().contains("the-password") && !ready.contains("the-password"));
}

#[test]
fn a_store_that_is_killed_leaves_each_replica_to_its_own_count_until_it_is_back() {
    let upstream = Upstream::json("{}");
    let folder = tempfile::tempdir().unwrap();
    let Some(redis) = Redis::start(folder.path()) else { return };
    let (_one, first) = replica(&upstream, &redis, "requests: 10/h");
    assert_eq!(told(&first).status, 200);
    drop(redis);
    let mut allowed = 1;
    while ask(&first, "ann").status == 200 {
        allowed += 1;
    }
    // Not open, and not shut: its own count goes on.
    assert_eq!(allowed, 10);
    assert_eq!(ask(&first, "gil").status, 200);
    until("it is told", || first.admin("/readyz?verbose").text().contains("[!] limits shared through"));
    assert_eq!(first.admin("/readyz").status, 200);
    assert_eq!(counted(&first, "palisade_limits_shared"), 0);
    assert!(first.logged().contains("limits cannot be shared"), "{}", first.logged());
    let redis = Redis::start(folder.path()).unwrap();
    until("it is back", || counted(&first, "palisade_limits_shared") == 1);
    assert!(first.logged().contains("shared with the other replicas again"));
    // What came meanwhile was told: another replica learns of it with its first request.
    let (_other, second) = replica(&upstream, &redis, "requests: 10/h");
    until("the other one knows", || told(&second).status == 429);
    assert!(upstream.seen.lock().unwrap().len() <= 13);
}

#[test]
fn nobody_waits_for_a_store_that_does_not_answer() {
    let upstream = Upstream::json("{}");
    let folder = tempfile::tempdir().unwrap();
    let Some(redis) = Redis::start(folder.path()) else { return };
    let (_one, first) = replica(&upstream, &redis, "requests: 1000/h");
    assert_eq!(told(&first).status, 200);
    redis.signal("STOP");
    // While it hangs requests are answered; that they do not wait for it shows in that all are before it goes on.
    for taken in 2..=100 {
        assert_eq!(left(&ask(&first, "ann")), 1_000 - taken);
    }
    until("it is told", || counted(&first, "palisade_limits_settled_total{result=\"failed\"}") > 0);
    redis.signal("CONT");
    until("it is back", || counted(&first, "palisade_limits_shared") == 1);
    assert_eq!(upstream.seen.lock().unwrap().len(), 100);
}

#[test]
fn bytes_of_the_day_outlive_a_replica() {
    let upstream = Upstream::json("{}");
    let folder = tempfile::tempdir().unwrap();
    let Some(redis) = Redis::start(folder.path()) else { return };
    let (_one, first) = replica(&upstream, &redis, "bytes: 1KiB/day");
    let post = format!("POST /plain HTTP/1.1\r\ncontent-type: application/octet-stream\r\n{}", key("ann"));
    let mut client = common::Client::connect(first.data);
    assert_eq!(client.ask(&post, &[b'x'; 1_022]).status, 200);
    assert_eq!(ask(&first, "ann").code(), "quota_spent");
    // It tells what came last when it stops.
    drop(client);
    first.stop();
    let (_other, second) = replica(&upstream, &redis, "bytes: 1KiB/day");
    assert_eq!(ask(&second, "ann").status, 200);
    until("it knows", || ask(&second, "ann").code() == "quota_spent");
}
