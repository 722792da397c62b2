//! A folder that is replaced, and one whose replacement fails at each step.

use std::cell::RefCell;

use super::*;

thread_local! {
    /// What was put on the device.
    pub(super) static SYNCED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
}

fn folder(root: &Path, name: &str, text: &str) -> PathBuf {
    let folder = root.join(name);
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(folder.join("sub/a.cedar"), text).unwrap();
    fs::write(folder.join(".hidden"), "x").unwrap();
    folder
}

fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join("sub/a.cedar")).unwrap()
}

fn turn(policies: &Path) -> Turn {
    Place::of(policies).unwrap().take_turn().unwrap()
}

fn names(root: &Path) -> Vec<String> {
    let names = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn what_stood_there_is_kept_and_comes_back_and_goes_again() {
    let root = tempfile::tempdir().unwrap();
    let (old, new) = (folder(root.path(), "policies", "old"), folder(root.path(), "candidate", "new"));
    let turn = turn(&old);
    let before = &turn.place.before;
    let ready = turn.make_ready(&new).unwrap();
    assert_eq!(text(ready), "new");
    assert!(!ready.join(".hidden").exists());
    assert_eq!(turn.put_in_place().unwrap(), None);
    assert_eq!((text(&old), text(before), text(&new)), ("new".into(), "old".into(), "new".into()));
    fs::write(new.join("sub/a.cedar"), "newer").unwrap();
    turn.make_ready(&new).unwrap();
    assert_eq!(turn.put_in_place().unwrap(), None);
    assert_eq!((text(&old), text(before)), ("newer".into(), "new".into()));
    assert_eq!(turn.take_back().unwrap(), None);
    assert_eq!((text(&old), text(before)), ("new".into(), "newer".into()));
    turn.exchange_by_steps(before, &turn.place.enforced).unwrap();
    assert_eq!((text(&old), text(before)), ("newer".into(), "new".into()));
    assert_eq!(names(root.path()), [".policies.before", ".policies.lock", "candidate", "policies"]);
}

#[test]
fn a_copy_that_fails_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let old = folder(root.path(), "policies", "old");
    assert!(turn(&old).make_ready(&root.path().join("none")).is_err());
    assert_eq!(text(&old), "old");
    assert_eq!(names(root.path()), [".policies.lock", "policies"]);
}

#[test]
fn one_at_a_time_replaces_something() {
    let root = tempfile::tempdir().unwrap();
    let old = folder(root.path(), "policies", "old");
    let first = turn(&old);
    let second = Place::of(&old).unwrap().take_turn().unwrap_err();
    assert!(second.to_string().contains("another promotion or rollback is at work"), "{second}");
    drop(first);
    turn(&old);
}

#[test]
fn where_what_was_enforced_cannot_be_kept_it_is_enforced_again_and_nothing_is_lost() {
    let root = tempfile::tempdir().unwrap();
    let (old, new) = (folder(root.path(), "policies", "old"), folder(root.path(), "candidate", "new"));
    let turn = turn(&old);
    fs::write(&turn.place.before, "a file where a folder should be").unwrap();
    turn.make_ready(&new).unwrap();
    let error = turn.put_in_place().unwrap_err().to_string();
    assert!(error.contains("cannot be kept as"), "{error}");
    assert_eq!(text(&old), "old");
    assert!(old.join(".hidden").exists(), "it is the folder itself, and no copy of it");
    assert_eq!(names(root.path()), [".policies.before", ".policies.lock", "candidate", "policies"]);
}

#[test]
fn what_is_needed_no_more_and_stays_is_a_warning() {
    let root = tempfile::tempdir().unwrap();
    let turn = turn(&folder(root.path(), "policies", "old"));
    assert_eq!(turn.tidy(), None);
    // Not a folder, so not to be removed as one.
    fs::write(&turn.place.next, "x").unwrap();
    assert!(turn.tidy().unwrap().contains("is needed no more and cannot be removed"));
}

#[test]
fn what_an_interrupted_run_left_is_not_touched_and_the_error_says_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let old = folder(root.path(), "policies", "old");
    let kept = folder(root.path(), ".policies.before", "kept");
    let taken = turn(&old);
    let aside = folder(root.path(), ".policies.aside", "what was enforced");
    let error = taken.exchange_by_steps(&kept, &old).unwrap_err().to_string();
    assert!(error.contains("move it there; else to"), "{error}");
    assert_eq!([&old, &kept, &aside].map(|folder| text(folder)), ["old", "kept", "what was enforced"]);
    drop(taken);
    let refused = || Place::of(&old).and_then(Place::take_turn).unwrap_err().to_string();
    assert!(refused().contains("an exchange was interrupted"));
    // Stopped between the first two steps, there is no folder at all.
    fs::rename(&old, root.path().join("elsewhere")).unwrap();
    assert!(refused().contains("an exchange was interrupted"));
    fs::rename(&aside, &old).unwrap();
    let left = folder(root.path(), ".policies.ready", "what was enforced");
    assert!(refused().contains("a promotion was interrupted"));
    assert_eq!(text(&left), "what was enforced");
    fs::remove_dir_all(left).unwrap();
    turn(&old);
}

#[test]
fn an_exchange_by_steps_that_fails_puts_everything_back() {
    let root = tempfile::tempdir().unwrap();
    let old = folder(root.path(), "policies", "old");
    let turn = turn(&old);
    assert!(turn.exchange_by_steps(&root.path().join("none"), &old).is_err());
    assert_eq!((text(&old), names(root.path()).len()), ("old".into(), 2));
}

#[test]
fn every_file_and_folder_of_a_promotion_is_put_on_the_device_and_then_their_names() {
    let root = tempfile::tempdir().unwrap();
    let (old, new) = (folder(root.path(), "policies", "old"), folder(root.path(), "candidate", "new"));
    let turn = turn(&old);
    SYNCED.take();
    let next = turn.make_ready(&new).unwrap().to_owned();
    assert_eq!(SYNCED.take(), [next.join("sub/a.cedar"), next.join("sub"), next]);
    turn.put_in_place().unwrap();
    let folder = turn.place.enforced.parent().unwrap().to_owned();
    assert_eq!(SYNCED.take().first(), Some(&folder));
    turn.take_back().unwrap();
    assert_eq!(SYNCED.take(), [folder]);
}
