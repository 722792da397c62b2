//! The log's directory on a device that fails, is stuck, or is gone: a real file system on a loop device.
//!
//! A frozen one (`fsfreeze`) takes no byte and says nothing. One whose own place is full takes bytes into memory and fails when
//! they are to be put on it. One that is shut down (`EXT4_IOC_SHUTDOWN`) fails with EIO.
//! Never: on a machine where it may not mount anything; it says that it was skipped then.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use super::common::Folder;
use super::common::Sidecar;
use super::common::Upstream;
use super::common::key;
use super::ids;
use super::log::records;
use super::verified;
use super::with_directory;

/// A file system on a loop device over a file in memory.
struct Device {
    log: PathBuf,
    backing: tempfile::TempDir,
}

fn done(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

impl Device {
    /// Mounted at the log's directory, on something that holds so many mebibytes; `None`, said loudly, where that cannot be had.
    fn new(log: &Path, holds_mib: u32, features: &str) -> Option<Self> {
        std::fs::create_dir(log).unwrap();
        let backing = tempfile::tempdir().unwrap();
        let (at, image) = (backing.path().to_str().unwrap(), backing.path().join("image"));
        let (image, log) = (image.to_str().unwrap(), log.to_str().unwrap());
        let size = format!("size={holds_mib}m");
        let made = done("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", at])
            && done("truncate", &["-s", "64M", image])
            && done("mkfs.ext4", &["-q", "-m", "0", "-O", features, image])
            && done("mount", &["-o", "loop,errors=continue", image, log]);
        let device = Self { log: log.into(), backing };
        if !made {
            let said = b"SKIPPED: a file system cannot be mounted on a loop device here, so devices that fail were not tested\n";
            std::io::stderr().write_all(said).unwrap();
        }
        made.then_some(device)
    }

    /// It takes no byte and says nothing until what is returned is dropped.
    fn frozen(&self) -> Frozen<'_> {
        assert!(done("fsfreeze", &["-f", self.log.to_str().unwrap()]));
        Frozen(self)
    }

    /// From now on everything that is to be put on it fails, and what is there can be read once it is mounted again.
    fn shut_down(&self) {
        let call = "import fcntl,os,struct,sys;fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587d,struct.pack('I',2))";
        assert!(done("python3", &["-c", call, self.log.to_str().unwrap()]));
    }

    fn mount_again(&self) {
        let (image, log) = (self.backing.path().join("image"), self.log.to_str().unwrap());
        assert!(done("umount", &["-l", log]));
        let end = Instant::now() + Duration::from_secs(20);
        while !done("mount", &["-o", "loop,errors=continue", image.to_str().unwrap(), log]) {
            assert!(Instant::now() < end, "it cannot be mounted again");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// To be dropped before the sidecar, which could not end otherwise.
struct Frozen<'a>(&'a Device);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        done("fsfreeze", &["-u", self.0.log.to_str().unwrap()]);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        done("umount", &["-l", self.log.to_str().unwrap()]);
        done("umount", &["-l", self.backing.path().to_str().unwrap()]);
    }
}

/// An app, a sidecar's folder with this in its `decision_log`, and where its log is.
fn set_up(more: &str) -> (Upstream, Folder, PathBuf) {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    with_directory(&folder, more);
    let log = folder.path("log");
    (upstream, folder, log)
}

fn ask(sidecar: &Sidecar) -> u16 {
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status
}

/// Decisions that are there, outcomes that are, and what is in gaps.
fn counted(log: &Path) -> (u64, u64, u64) {
    let all = records(log);
    let of = |kind: &str| ids(&all, kind).len() as u64;
    let gaps = all.iter().filter(|record| record["event"] == "records_lost");
    (of("decision"), of("outcome"), gaps.map(|record: &Value| record["count"].as_u64().unwrap()).sum())
}

#[test]
fn while_the_device_is_stuck_requests_are_refused_after_the_deadline_and_all_are_counted() {
    for (overflow, durable) in [("fail_closed", "true"), ("fail_closed", "false"), ("block", "true")] {
        let more = format!(", overflow: {overflow}, overflow_deadline: 300ms, durable: {{all: {durable}}}");
        let (upstream, folder, log) = set_up(&more);
        let Some(device) = Device::new(&log, 60, "has_journal") else { return };
        let sidecar = Sidecar::start(&folder);
        assert_eq!(ask(&sidecar), 200);
        let mut allowed = 1;
        let frozen = device.frozen();
        let before = upstream.heads().len();
        // The second burst comes while the records of the first are with the writer, and nobody waits for them any longer.
        for _ in 0..2 {
            let statuses: Vec<u16> = std::thread::scope(|scope| {
                let asking: Vec<_> = (0..4).map(|_| scope.spawn(|| ask(&sidecar))).collect();
                asking.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(statuses, [503; 4], "{more}");
        }
        assert_eq!(upstream.heads().len(), before, "the app saw a request without a record: {more}");
        drop(frozen);
        let end = Instant::now() + Duration::from_secs(20);
        let mut refused = 8;
        while ask(&sidecar) != 200 {
            refused += 1;
            assert!(Instant::now() < end, "it does not go on: {more}");
        }
        allowed += 1;
        sidecar.stop();
        let (decisions, outcomes, gaps) = counted(&log);
        assert_eq!(
            decisions + outcomes + gaps,
            2 * (allowed + refused),
            "{more}: {decisions} {outcomes} {gaps}"
        );
        assert_eq!(verified(&log), "", "{more}");
    }
}

#[test]
fn while_the_device_is_stuck_requests_that_may_go_on_do_and_are_on_record_or_in_a_gap() {
    let (_upstream, folder, log) = set_up(", overflow: shed, overflow_deadline: 300ms");
    let Some(device) = Device::new(&log, 60, "has_journal") else { return };
    let sidecar = Sidecar::start(&folder);
    assert_eq!(ask(&sidecar), 200);
    let frozen = device.frozen();
    for _ in 0..6 {
        assert_eq!(ask(&sidecar), 200);
    }
    drop(frozen);
    assert_eq!(ask(&sidecar), 200);
    sidecar.stop();
    let (decisions, outcomes, gaps) = counted(&log);
    assert_eq!(decisions + outcomes + gaps, 2 * 8, "{decisions} {outcomes} {gaps}");
    assert_eq!(verified(&log), "");
}

#[test]
fn a_device_that_takes_bytes_and_fails_to_keep_them_loses_no_request_that_was_answered() {
    let (upstream, folder, log) = set_up(", durable: {all: true}");
    let Some(device) = Device::new(&log, 4, "^has_journal") else { return };
    let sidecar = Sidecar::start(&folder);
    assert_eq!(ask(&sidecar), 200);
    // What lies beneath has no room left, and the file system does not know.
    let ballast = device.backing.path().join("ballast");
    let fill = std::fs::write(&ballast, vec![0; 8 << 20]).unwrap_err();
    assert_eq!(fill.kind(), std::io::ErrorKind::StorageFull);
    let (mut asked, mut allowed) = (1, 1);
    while asked == allowed {
        assert!(asked < 20_000, "it takes everything");
        asked += 1;
        allowed += u64::from(ask(&sidecar) == 200);
    }
    for _ in 0..20 {
        asked += 1;
        allowed += u64::from(ask(&sidecar) == 200);
    }
    assert_eq!(upstream.heads().len() as u64, allowed, "the app saw what was allowed and nothing else");
    std::fs::remove_file(&ballast).unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        asked += 1;
        if ask(&sidecar) == 200 {
            allowed += 1;
            break;
        }
        assert!(Instant::now() < end, "it does not go on");
    }
    sidecar.stop();
    let (decisions, outcomes, gaps) = counted(&log);
    assert!(decisions >= allowed, "{decisions} decisions of {allowed}");
    assert_eq!(decisions + outcomes + gaps, 2 * asked, "{decisions} {outcomes} {gaps} {allowed}");
    assert_eq!(verified(&log), "");
}

#[test]
fn once_the_device_fails_for_good_nothing_reaches_the_app_and_what_was_there_is_whole() {
    let (upstream, folder, log) = set_up(", durable: {all: true}");
    let Some(device) = Device::new(&log, 60, "has_journal") else { return };
    let sidecar = Sidecar::start(&folder);
    for _ in 0..10 {
        assert_eq!(ask(&sidecar), 200);
    }
    device.shut_down();
    for _ in 0..10 {
        assert_eq!(ask(&sidecar), 503);
    }
    assert_eq!(sidecar.admin("/readyz").status, 503);
    assert_eq!(upstream.heads().len(), 10);
    drop(sidecar);
    device.mount_again();
    let sidecar = Sidecar::start(&folder);
    assert_eq!(ask(&sidecar), 200);
    sidecar.stop();
    let (decisions, ..) = counted(&log);
    assert_eq!(decisions, 11);
    assert_eq!(verified(&log), "");
}
