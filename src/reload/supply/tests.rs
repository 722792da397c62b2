//! Bundles out of a file: what is taken, what is refused, what is kept. Real servers are in `tests/bundles.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

use super::super::Change;
use super::super::Reloader;
use super::super::first;
use super::asking::PAUSE_MAX;
use super::*;
use crate::bundle;
use crate::bundle::Header;
use crate::bundle::PrivateKey;
use crate::config::Config;
use crate::redact::PseudonymKey;
use crate::snapshot::Live;
use crate::snapshot::Role;
use crate::snapshot::SourceFile;
use crate::snapshot::Sources;

mod trouble;

const PERMIT: &str = "@id(\"p\")\npermit (principal, action, resource);\n";

/// A folder with a config, a key, and a bundle at its source.
struct Stand {
    folder: TempDir,
    key: PrivateKey,
}

fn file(role: Role, name: &str, text: &str) -> SourceFile {
    SourceFile { role, name: name.into(), file: name.into(), text: text.into() }
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = PrivateKey::generate().unwrap();
        fs::write(folder.path().join("k.pub"), public).unwrap();
        Self { folder, key: PrivateKey::from_pem(&private).unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self) -> Config {
        let text = "upstream: {address: '127.0.0.1:9000'}\n\
                    bundle: {source: b.tar.gz, name: n, public_keys: [k.pub], keep: kept, poll: 50ms}\n";
        Config::read(&self.path("palisade.yaml").to_string_lossy(), text, &[], &|_| None).unwrap().0
    }

    /// Publishes a bundle of this version with these policies, signed by this key.
    fn publish_by(&self, key: Option<&PrivateKey>, name: &str, version: u64, policies: &str) {
        let files = vec![
            file(Role::Policies { confined_to: None }, "policies/p.cedar", policies),
            file(Role::Tenants, "tenants.yaml", "tenants: {acme: {region: eu, tier: gold}}\n"),
        ];
        let header = Header { name: name.to_owned(), version, created_ms: 1_795_000_000_000 };
        let archive = bundle::build(&header, &Sources::new(files, Vec::new()), key).unwrap();
        // Whoever asks sees the old one or the new one.
        fs::write(self.path("next"), archive).unwrap();
        fs::rename(self.path("next"), self.path("b.tar.gz")).unwrap();
    }

    fn publish(&self, version: u64, policies: &str) {
        self.publish_by(Some(&self.key), "n", version, policies);
    }

    fn supply(&self) -> Supply {
        Supply::open(&self.config().files.bundle.unwrap())
    }

    /// Asks as a process that starts now; what it gets goes live.
    fn take(&self, supply: &Supply) -> Result<u64, &'static str> {
        supply.ask();
        let offer = supply.offer();
        match (offer.problems.first(), offer.bundle) {
            (Some(problem), _) => Err(problem.code),
            (None, bundle) => {
                let bundle = bundle.unwrap();
                supply.accept(&bundle).map_err(|problem| problem.code)?;
                supply.keep_now();
                Ok(bundle.header().version)
            }
        }
    }
}

#[test]
fn an_older_version_is_refused_also_after_a_restart() {
    let stand = Stand::new();
    let supply = stand.supply();
    stand.publish(7, PERMIT);
    assert_eq!(stand.take(&supply), Ok(7));
    stand.publish(6, PERMIT);
    assert_eq!(stand.take(&supply), Err("bundle-rollback"));
    // The same version with other content is none, and with the same content it is no news.
    stand.publish(7, "forbid (principal, action, resource);");
    assert_eq!(stand.take(&supply), Err("bundle-rollback"));
    stand.publish(7, PERMIT);
    assert_eq!(stand.take(&supply), Ok(7));
    stand.publish(6, PERMIT);
    drop(supply);
    let supply = stand.supply();
    assert_eq!(stand.take(&supply), Err("bundle-rollback"));
    // Also where the kept bundle is gone, or was swapped for an old one that was good once.
    drop(supply);
    fs::copy(stand.path("b.tar.gz"), stand.path("kept/bundle.tar.gz")).unwrap();
    assert_eq!(stand.take(&stand.supply()), Err("bundle-rollback"));
    assert!(stand.supply().last_good().is_none());
    fs::remove_file(stand.path("kept/bundle.tar.gz")).unwrap();
    assert_eq!(stand.take(&stand.supply()), Err("bundle-rollback"));
    stand.publish(8, PERMIT);
    assert_eq!(stand.take(&stand.supply()), Ok(8));
}

#[test]
fn a_bundle_that_was_overtaken_while_it_was_checked_does_not_go_live() {
    let stand = Stand::new();
    let supply = stand.supply();
    stand.publish(1, PERMIT);
    assert_eq!(stand.take(&supply), Ok(1));
    stand.publish(3, PERMIT);
    supply.ask();
    let newer = supply.offer().bundle.unwrap();
    // The source goes back while the newer one is still being checked.
    stand.publish(2, PERMIT);
    supply.ask();
    let older = supply.offer().bundle.unwrap();
    assert_eq!(supply.accept(&newer), Ok(()));
    assert_eq!(supply.accept(&older).unwrap_err().code, "bundle-rollback");
    assert_eq!(supply.last_good().unwrap().bundle.unwrap().header().version, 3);
}

#[test]
fn a_kept_bundle_that_is_newer_than_what_is_said_of_it_is_not_gone_below() {
    let stand = Stand::new();
    stand.publish(1, PERMIT);
    assert_eq!(stand.take(&stand.supply()), Ok(1));
    // As a machine leaves it that stops between the two writes.
    let said = fs::read(stand.path("kept/accepted.json")).unwrap();
    stand.publish(2, PERMIT);
    assert_eq!(stand.take(&stand.supply()), Ok(2));
    fs::write(stand.path("kept/accepted.json"), said).unwrap();
    stand.publish(1, PERMIT);
    assert_eq!(stand.take(&stand.supply()), Err("bundle-rollback"));
}

#[test]
fn a_bundle_whose_key_comes_later_is_taken_then() {
    let stand = Stand::new();
    let supply = stand.supply();
    let key = fs::read(stand.path("k.pub")).unwrap();
    fs::remove_file(stand.path("k.pub")).unwrap();
    stand.publish(1, PERMIT);
    assert_eq!(stand.take(&supply), Err("bundle-key"));
    fs::write(stand.path("k.pub"), key).unwrap();
    assert_eq!(stand.take(&supply), Ok(1));
}

#[test]
fn what_is_not_signed_by_a_known_key_or_is_for_something_else_is_refused() {
    let stand = Stand::new();
    let supply = stand.supply();
    assert_eq!(stand.take(&supply), Err("bundle-unreachable"));
    stand.publish_by(None, "n", 1, PERMIT);
    assert_eq!(stand.take(&supply), Err("bundle-signature"));
    let (other, _) = PrivateKey::generate().unwrap();
    stand.publish_by(Some(&PrivateKey::from_pem(&other).unwrap()), "n", 2, PERMIT);
    assert_eq!(stand.take(&supply), Err("bundle-signature"));
    stand.publish_by(Some(&stand.key), "m", 3, PERMIT);
    assert_eq!(stand.take(&supply), Err("bundle-name"));
    fs::write(stand.path("b.tar.gz"), "nonsense").unwrap();
    assert_eq!(stand.take(&supply), Err("bundle-malformed"));
    fs::remove_file(stand.path("k.pub")).unwrap();
    stand.publish(4, PERMIT);
    assert_eq!(stand.take(&supply), Err("bundle-key"));
    // Nothing of this counts as taken.
    assert!(!stand.path("kept").exists());
}

#[test]
fn what_is_kept_is_proven_again_and_read_where_the_source_is_away() {
    let stand = Stand::new();
    stand.publish(7, PERMIT);
    assert_eq!(stand.take(&stand.supply()), Ok(7));
    fs::remove_file(stand.path("b.tar.gz")).unwrap();
    let supply = stand.supply();
    assert_eq!(stand.take(&supply), Ok(7));
    assert!(supply.told().unreachable.is_some() && supply.told().contacted_ms.is_none());
    assert!(supply.away().unwrap().message.contains("`n@7`, which is kept"));
    drop(supply);
    let kept = stand.path("kept/bundle.tar.gz");
    let good = fs::read(&kept).unwrap();
    let unpacked = |bytes: &[u8]| std::io::read_to_string(flate2::read::GzDecoder::new(bytes)).ok();
    for at in (0..good.len()).step_by(97) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        // The last bits of a stream may stand for nothing: it is the same bundle then.
        if unpacked(&bad) == unpacked(&good) {
            continue;
        }
        fs::write(&kept, bad).unwrap();
        assert_eq!(stand.take(&stand.supply()), Err("bundle-unreachable"), "byte {at}");
    }
    // A key that is no longer trusted vouches for nothing that is kept either.
    fs::write(&kept, good).unwrap();
    let (_, other) = PrivateKey::generate().unwrap();
    fs::write(stand.path("k.pub"), other).unwrap();
    let supply = stand.supply();
    assert_eq!(stand.take(&supply), Err("bundle-unreachable"));
    assert!(supply.offer().problems[0].message.contains("what is kept cannot be used"));
}

#[test]
fn what_cannot_be_kept_goes_live_and_is_tried_again() {
    let stand = Stand::new();
    stand.publish(7, PERMIT);
    fs::write(stand.path("kept"), "a file where the folder should be").unwrap();
    let supply = stand.supply();
    // What is kept cannot be read either; the source has one.
    assert_eq!(stand.take(&supply), Ok(7));
    assert!(supply.told().lines().iter().any(|(good, line)| !good && line.starts_with("bundle is not kept")));
    fs::remove_file(stand.path("kept")).unwrap();
    supply.keep_again();
    assert_eq!(supply.told().unkept, None);
    let mode = fs::metadata(stand.path("kept/bundle.tar.gz")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // One process uses the folder.
    let other = stand.supply();
    stand.take(&other).unwrap();
    assert!(other.told().unkept.unwrap().contains("another process"));
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn start(config: &Config) -> (Reloader, Arc<Live>) {
    let (reading, checked) = first(&config.files, &config.settings);
    let live = Live::new(checked.unwrap());
    let (files, settings) = (config.files.clone(), Arc::clone(&config.settings));
    let slow = Duration::from_secs(3_600);
    let nothing = |_: &Change| {};
    (Reloader::start(files, settings, Arc::clone(&live), &reading, slow, nothing).unwrap(), live)
}

#[test]
fn a_broken_bundle_never_goes_live_and_its_problems_are_told_like_an_edits() {
    let stand = Stand::new();
    stand.publish(7, PERMIT);
    let config = stand.config();
    let (reloader, live) = start(&config);
    let snapshot = || live.current().digest();
    let good = snapshot();
    stand.publish(8, "@id(\"p\")\npermit (principal, action, resouce);\n");
    wait("the refusal", || reloader.status().refused.is_some());
    let refused = reloader.status().refused.clone().unwrap();
    assert_eq!((&*refused.problems[0].place.file, refused.problems[0].place.line), ("n/policies/p.cedar", 2));
    assert_eq!((snapshot(), reloader.supplied().unwrap().version), (good, 7));
    let told = reloader.supplied().unwrap().lines();
    assert!(told.contains(&(false, "bundle source has n@8, which is not live".to_owned())), "{told:?}");
    // Only what went live counts as taken.
    stand.publish(7, PERMIT);
    wait("the way back", || reloader.status().refused.is_none());
    assert_eq!(snapshot(), good);
    stand.publish(8, &PERMIT.replace("\"p\"", "\"q\""));
    wait("the next version", || snapshot() != good);
    assert_eq!(reloader.supplied().unwrap().version, 8);
    // The same content as another version goes live too: it is what counts against older ones.
    stand.publish(9, &PERMIT.replace("\"p\"", "\"q\""));
    wait("the version after it", || reloader.supplied().unwrap().version == 9);
}

#[test]
fn a_start_with_a_bad_bundle_at_the_source_serves_the_kept_one_and_tells() {
    let stand = Stand::new();
    stand.publish(7, PERMIT);
    let config = stand.config();
    drop(start(&config));
    stand.publish(8, "permit (principal, action, resouce);\n");
    let (reading, checked) = first(&config.files, &config.settings);
    let warnings = checked.unwrap().warnings().to_vec();
    assert!(
        warnings.iter().any(|w| w.message.ends_with("`n@7`, which is kept, is used instead")),
        "{warnings:?}"
    );
    assert_eq!(reading.bundle.unwrap().header().version, 7);
    drop(reading.supply);
    let (reloader, _) = start(&config);
    wait("the refusal", || reloader.status().refused.is_some());
    assert_eq!(reloader.supplied().unwrap().version, 7);
}

#[test]
fn local_files_are_still_watched_beside_a_bundle() {
    let stand = Stand::new();
    stand.publish(7, PERMIT);
    let secret = stand.path("pseudonym.key");
    fs::write(&secret, "a".repeat(32)).unwrap();
    let mut config = stand.config();
    config.files.pseudonym_key = Some(secret.clone());
    let (reloader, live) = start(&config);
    fs::write(&secret, "b".repeat(32)).unwrap();
    wait("the edit", || live.current().generation() == 2);
    let acme = crate::ids::TenantPath::parse("acme").unwrap();
    let made = |key: &PseudonymKey| key.pseudonym("pii", "Ada");
    let key = live.current().mask_keys().newest(&acme).unwrap();
    assert_eq!(made(&key), made(&PseudonymKey::new("b".repeat(32).as_bytes(), "acme")));
    fs::write(&secret, "short").unwrap();
    wait("the refusal", || reloader.status().refused.is_some());
    let here: &Path = &secret;
    assert_eq!(*reloader.status().refused.as_ref().unwrap().problems[0].place.file, *here.to_string_lossy());
}

#[test]
fn a_source_that_fails_is_asked_less_and_less_often() {
    let stand = Stand::new();
    let mut bundle = Bundle::clone(&stand.config().files.bundle.unwrap());
    bundle.poll = Duration::from_secs(30);
    let supply = Supply::open(&Arc::new(bundle));
    let (first, second, last) = (supply.pause(0), supply.pause(1), supply.pause(40));
    assert!(first >= Duration::from_secs(30) && first < Duration::from_secs(34), "{first:?}");
    assert!(second >= Duration::from_secs(60) && second < Duration::from_secs(67), "{second:?}");
    assert!(last >= PAUSE_MAX && last < PAUSE_MAX + Duration::from_secs(31), "{last:?}");
}
