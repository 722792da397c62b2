//! What reloading promises, on real folders.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use tempfile::TempDir;

use super::*;
use crate::config::Config;

const CONFIG: &str = "upstream: {address: '127.0.0.1:9000'}\npolicies: {directory: policies}\nmodel: {tenants: tenants.yaml}\n";
const SLOW_POLL: Duration = Duration::from_secs(3_600);
/// An edit must be live this soon after its last write; twice what is promised, for a machine that is busy.
const SOON: Duration = Duration::from_millis(500);

fn permit(id: &str) -> String {
    format!("@id(\"{id}\")\npermit (principal, action, resource);\n")
}

pub(super) fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("policies")).unwrap();
    fs::write(dir.path().join("tenants.yaml"), "tenants: {acme: {region: eu, tier: gold}}\n").unwrap();
    fs::write(dir.path().join("policies/a.cedar"), permit("a")).unwrap();
    dir
}

pub(super) fn config(dir: &Path) -> Config {
    let file = dir.join("palisade.yaml");
    Config::read(&file.to_string_lossy(), CONFIG, &[], &|_| None).unwrap().0
}

struct Running {
    reloader: Reloader,
    live: Arc<Live>,
    changes: Arc<Mutex<Vec<Change>>>,
}

fn start(dir: &Path, poll: Duration) -> Running {
    let config = config(dir);
    let (reading, checked) = first(&config.files, &config.settings);
    let live = Live::new(checked.unwrap());
    let changes = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&changes);
    let on_change = move |change: &Change| told.lock().unwrap().push(change.clone());
    let reloader =
        Reloader::start(config.files, config.settings, Arc::clone(&live), &reading, poll, on_change).unwrap();
    // The watches are set when the thread is started; the first look is over when it has had time for one.
    std::thread::sleep(Duration::from_millis(50));
    Running { reloader, live, changes }
}

impl Running {
    fn ids(&self) -> Vec<String> {
        self.live.current().policies().ids().map(str::to_owned).collect()
    }

    fn changes(&self) -> Vec<Change> {
        self.changes.lock().unwrap().clone()
    }
}

/// Waits until `is` holds; how long it took.
fn soon(within: Duration, is: impl Fn() -> bool) -> Duration {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < within, "not within {within:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    started.elapsed()
}

#[test]
fn an_edit_is_live_soon_after_its_last_write_and_says_what_changed() {
    let dir = folder();
    let running = start(dir.path(), SLOW_POLL);
    fs::write(dir.path().join("policies/b.cedar"), permit("b")).unwrap();
    soon(SOON, || running.ids() == ["a", "b"]);
    fs::write(
        dir.path().join("policies/a.cedar"),
        permit("a").replace("resource)", "resource) when { false }"),
    )
    .unwrap();
    soon(SOON, || running.reloader.status().generation == 3);
    fs::remove_file(dir.path().join("policies/b.cedar")).unwrap();
    soon(SOON, || running.ids() == ["a"] && running.changes().len() == 3);
    let changes = running.changes().into_iter().map(|change| match change {
        Change::Applied { changes, generation, .. } => {
            (generation, changes.added, changes.removed, changes.changed)
        }
        other @ (Change::Refused { .. } | Change::Restored { .. } | Change::Beside(_)) => panic!("{other:?}"),
    });
    let changes: Vec<_> = changes.collect();
    let s = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let expected =
        [(2, s(&["b"]), s(&[]), s(&[])), (3, s(&[]), s(&[]), s(&["a"])), (4, s(&[]), s(&["b"]), s(&[]))];
    assert_eq!(changes, expected);
}

#[test]
fn a_broken_edit_never_takes_effect_and_is_visible_until_it_is_mended() {
    let dir = folder();
    let running = start(dir.path(), SLOW_POLL);
    let before = running.live.current().digest();
    let file = dir.path().join("policies/a.cedar");
    fs::write(&file, "@id(\"a\")\npermit (principal, action resource);\n").unwrap();
    soon(SOON, || running.reloader.status().refused.is_some());
    let status = running.reloader.status();
    assert_eq!((status.live, status.generation, status.refused_total), (before, 1, 1));
    let refused = status.refused.clone().unwrap();
    assert_eq!(refused.problems[0].place.line, 2, "{refused:?}");
    assert!(refused.problems[0].place.file.ends_with("policies/a.cedar"));
    assert_eq!(running.live.current().digest(), before);

    fs::write(&file, permit("mended")).unwrap();
    soon(SOON, || running.ids() == ["mended"]);
    soon(SOON, || running.reloader.status().refused.is_none());
    assert_eq!(running.reloader.status().applied_total, 1);
}

#[test]
fn taking_a_broken_edit_back_restores_without_a_new_generation() {
    let dir = folder();
    let running = start(dir.path(), SLOW_POLL);
    let file = dir.path().join("policies/a.cedar");
    fs::write(&file, "permit (").unwrap();
    soon(SOON, || running.reloader.status().refused.is_some());
    fs::write(&file, permit("a")).unwrap();
    soon(SOON, || running.reloader.status().refused.is_none());
    assert_eq!(running.live.current().generation(), 1);
    assert!(matches!(running.changes().last(), Some(Change::Restored { .. })));
}

#[test]
fn a_file_that_is_still_being_written_never_goes_live_by_half() {
    let dir = folder();
    let running = start(dir.path(), SLOW_POLL);
    let file = dir.path().join("policies/a.cedar");
    // An empty file and one that ends in the middle are what an editor or a copy leaves for a while.
    fs::write(&file, "").unwrap();
    soon(SOON, || running.reloader.status().refused.is_some());
    assert_eq!(running.reloader.status().refused.as_ref().unwrap().problems[0].code, "empty-file");
    let text = permit("whole");
    let half: String = text.chars().take(text.len() / 2).collect();
    fs::write(&file, half).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(running.ids(), ["a"]);
    fs::write(&file, &text).unwrap();
    soon(SOON, || running.ids() == ["whole"]);
}

#[test]
fn a_folder_that_goes_away_and_comes_back_is_followed() {
    let dir = folder();
    let running = start(dir.path(), Duration::from_millis(200));
    let policies = dir.path().join("policies");
    fs::remove_dir_all(&policies).unwrap();
    soon(Duration::from_secs(2), || running.reloader.status().refused.is_some());
    assert_eq!(running.ids(), ["a"]);
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join("c.cedar"), permit("c")).unwrap();
    soon(Duration::from_secs(2), || running.ids() == ["c"]);
    // And its watch works again, without the poll's help.
    std::thread::sleep(Duration::from_millis(300));
    fs::write(policies.join("d.cedar"), permit("d")).unwrap();
    soon(SOON, || running.ids() == ["c", "d"]);
}

#[test]
fn a_folder_that_is_replaced_at_once_is_watched_again_though_it_may_get_the_number_of_the_old_one() {
    let dir = folder();
    let running = start(dir.path(), SLOW_POLL);
    let policies = dir.path().join("policies");
    fs::remove_dir_all(&policies).unwrap();
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join("c.cedar"), permit("c")).unwrap();
    soon(SOON, || running.ids() == ["c"]);
    fs::write(policies.join("d.cedar"), permit("d")).unwrap();
    soon(SOON, || running.ids() == ["c", "d"]);
}

/// A mount as Kubernetes makes it: visible names link to `..data/name`, and `..data` links to a folder with a date.
fn mount(root: &Path, date: &str, files: &[(&str, &str)]) {
    let real = root.join(format!("..{date}"));
    fs::create_dir(&real).unwrap();
    for (name, text) in files {
        fs::write(real.join(name), text).unwrap();
        if fs::symlink_metadata(root.join(name)).is_err() {
            symlink(format!("..data/{name}"), root.join(name)).unwrap();
        }
    }
    symlink(format!("..{date}"), root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
}

#[test]
fn the_swap_of_a_configmap_is_noticed_and_its_hidden_folders_are_not_read() {
    for (poll, within) in [(SLOW_POLL, SOON), (Duration::from_millis(100), Duration::from_secs(2))] {
        let dir = folder();
        let policies = dir.path().join("policies");
        fs::remove_file(policies.join("a.cedar")).unwrap();
        mount(&policies, "2026_01", &[("a.cedar", &permit("one"))]);
        let running = start(dir.path(), poll);
        assert_eq!(running.ids(), ["one"]);
        mount(&policies, "2026_02", &[("a.cedar", &permit("two"))]);
        fs::remove_dir_all(policies.join("..2026_01")).unwrap();
        soon(within, || running.ids() == ["two"]);
    }
}

#[test]
fn edits_that_no_watcher_reports_are_found_by_polling() {
    let dir = folder();
    let real = tempfile::tempdir().unwrap();
    fs::write(real.path().join("t.yaml"), "tenants: {acme: {region: eu, tier: gold}}\n").unwrap();
    fs::remove_file(dir.path().join("tenants.yaml")).unwrap();
    // The file is written behind a link, in a folder that nobody watches.
    symlink(real.path().join("t.yaml"), dir.path().join("tenants.yaml")).unwrap();
    let running = start(dir.path(), Duration::from_millis(100));
    fs::write(real.path().join("t.yaml"), "tenants: {globex: {region: eu, tier: gold}}\n").unwrap();
    soon(Duration::from_secs(2), || running.live.current().model().tenants.find("globex").is_some());
}

#[test]
fn asking_for_a_look_finds_what_polling_would_find_later() {
    let dir = folder();
    let real = tempfile::tempdir().unwrap();
    fs::write(real.path().join("t.yaml"), "tenants: {acme: {region: eu, tier: gold}}\n").unwrap();
    fs::remove_file(dir.path().join("tenants.yaml")).unwrap();
    symlink(real.path().join("t.yaml"), dir.path().join("tenants.yaml")).unwrap();
    let running = start(dir.path(), SLOW_POLL);
    fs::write(real.path().join("t.yaml"), "tenants: {globex: {region: eu, tier: gold}}\n").unwrap();
    running.reloader.now();
    soon(SOON, || running.live.current().model().tenants.find("globex").is_some());
}

#[test]
fn two_hundred_rapid_edits_end_with_the_last_one_live_and_none_mixed() {
    let dir = folder();
    let running = start(dir.path(), SLOW_POLL);
    let (a, b) = (dir.path().join("policies/a.cedar"), dir.path().join("policies/b.cedar"));
    for n in 0..200 {
        let broken = n % 3 == 0;
        // Written beside and renamed, as careful writers do.
        let next = dir.path().join("policies/.next");
        fs::write(&next, if broken { "permit (".to_owned() } else { permit(&format!("n{n}")) }).unwrap();
        fs::rename(&next, if n % 2 == 0 { &a } else { &b }).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        // At any moment the two files hold two edits that follow each other.
        let numbers: Vec<i32> =
            running.ids().iter().filter_map(|id| id.strip_prefix('n')?.parse().ok()).collect();
        assert!(numbers.len() < 2 || numbers[0].abs_diff(numbers[1]) == 1, "mixed: {numbers:?}");
    }
    fs::write(&a, permit("last-a")).unwrap();
    fs::write(&b, permit("last-b")).unwrap();
    soon(SOON, || running.ids() == ["last-a", "last-b"]);
}

#[test]
fn writing_beside_the_files_changes_nothing_and_the_thread_ends_with_its_last_handle() {
    let dir = folder();
    let running = start(dir.path(), SLOW_POLL);
    for n in 0..50 {
        fs::write(dir.path().join("decisions.jsonl"), format!("{n}\n")).unwrap();
        fs::write(dir.path().join("policies/.a.cedar.swp"), format!("{n}\n")).unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(running.changes().is_empty());
    let told = Arc::downgrade(&running.changes);
    drop(running);
    soon(Duration::from_secs(2), || told.strong_count() == 0);
}

#[test]
fn a_bad_folder_at_the_start_is_refused_with_every_problem() {
    let dir = folder();
    fs::write(dir.path().join("policies/a.cedar"), "permit (").unwrap();
    fs::write(dir.path().join("tenants.yaml"), "tenants: {ACME: {}}\n").unwrap();
    let config = config(dir.path());
    let (_, checked) = first(&config.files, &config.settings);
    let files: Vec<_> =
        checked.unwrap_err().into_iter().map(|problem| problem.place.file.to_string()).collect();
    assert!(files.iter().any(|file| file.ends_with("tenants.yaml")), "{files:?}");
    fs::remove_dir_all(dir.path().join("policies")).unwrap();
    let (_, checked) = first(&config.files, &config.settings);
    assert!(checked.unwrap_err().iter().any(|problem| problem.code == "unreadable"));
}
