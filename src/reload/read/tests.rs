//! What reading promises.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::reload::tests::config;
use crate::reload::tests::folder;

fn names(reading: &Reading) -> Vec<String> {
    let policies =
        reading.sources.files().iter().filter(|source| matches!(source.role, Role::Policies { .. }));
    policies.map(|source| source.name.to_string()).collect()
}

#[test]
fn hidden_files_and_backups_are_passed_over_and_subfolders_are_read() {
    let dir = folder();
    let policies = dir.path().join("policies");
    for name in [".a.cedar", "a.cedar~", "#a.cedar#", ".#a.cedar", "a.cedar.bak", "README.md", "notes.yaml"] {
        fs::write(policies.join(name), "nonsense").unwrap();
    }
    fs::create_dir_all(policies.join("shared/deep")).unwrap();
    fs::write(policies.join("shared/deep/b.cedar"), "// b").unwrap();
    fs::write(policies.join("shared/c.links.yaml"), "links: []").unwrap();
    let reading = read(&config(dir.path()).files);
    assert_eq!(reading.problems, []);
    assert_eq!(
        names(&reading),
        ["policies/a.cedar", "policies/shared/c.links.yaml", "policies/shared/deep/b.cedar"]
    );
}

#[test]
fn test_files_are_read_beside_the_policies_and_are_no_part_of_a_snapshot() {
    let dir = folder();
    let policies = dir.path().join("policies");
    let config = config(dir.path());
    let before = read(&config.files);
    fs::create_dir_all(policies.join("tenants/acme")).unwrap();
    for name in ["a_test.yaml", "tenants/acme/b_test.yaml", ".c_test.yaml", "d_test.yaml~", "test.yaml"] {
        fs::write(policies.join(name), "tests: []").unwrap();
    }
    let (tests, problems) = read_tests(&config.files, &[]);
    assert_eq!(problems, []);
    let names: Vec<_> =
        tests.iter().map(|test| Path::new(&*test.file).strip_prefix(&policies).unwrap()).collect();
    assert_eq!(names, [Path::new("a_test.yaml"), Path::new("tenants/acme/b_test.yaml")]);
    // An edit of a test is no edit of the policies.
    let after = read(&config.files);
    assert_eq!(after.fingerprint, before.fingerprint);
    assert_eq!(after.sources.digest(&config.settings), before.sources.digest(&config.settings));
}

#[test]
fn a_tenants_folder_confines_and_a_folder_that_is_no_tenant_is_a_problem() {
    let dir = folder();
    let policies = dir.path().join("policies");
    fs::create_dir_all(policies.join("tenants/acme/west")).unwrap();
    fs::write(policies.join("tenants/x.cedar"), "// of nobody").unwrap();
    fs::write(policies.join("tenants/acme/west/b.cedar"), "// b").unwrap();
    let reading = read(&config(dir.path()).files);
    let owner = |name: &str| {
        let source = reading.sources.files().iter().find(|source| &*source.name == name).unwrap();
        let Role::Policies { confined_to } = &source.role else { panic!("{source:?}") };
        confined_to.as_ref().map(ToString::to_string)
    };
    assert_eq!(owner("policies/tenants/acme/west/b.cedar").as_deref(), Some("acme/west"));
    assert_eq!(owner("policies/tenants/x.cedar"), None);
    assert_eq!(owner("policies/a.cedar"), None);
    fs::create_dir_all(policies.join("tenants/Acme")).unwrap();
    assert_eq!(read(&config(dir.path()).files).problems[0].code, "bad-folder");
}

#[test]
fn links_out_of_the_folder_loops_and_dead_links_are_problems() {
    let dir = folder();
    let policies = dir.path().join("policies");
    let code = |link: &str, to: &Path| {
        symlink(to, policies.join(link)).unwrap();
        let codes: Vec<_> =
            read(&config(dir.path()).files).problems.iter().map(|problem| problem.code).collect();
        fs::remove_file(policies.join(link)).unwrap();
        codes
    };
    fs::write(dir.path().join("secret"), "// secret").unwrap();
    assert_eq!(code("x.cedar", &dir.path().join("secret")), ["outside"]);
    assert_eq!(code("x.cedar", &dir.path().join("nowhere")), ["unreadable"]);
    assert_eq!(code("x", dir.path()), ["outside"]);
    assert_eq!(code("loop", &policies), ["twice"]);
    assert_eq!(code("x.cedar", &policies.join("a.cedar")), [""; 0]);
}

#[test]
fn what_is_not_a_text_file_is_a_problem_and_never_blocks() {
    let dir = folder();
    let tenants = dir.path().join("tenants.yaml");
    fs::write(&tenants, [0xff, 0xfe]).unwrap();
    assert_eq!(read(&config(dir.path()).files).problems[0].code, "not-text");
    fs::remove_file(&tenants).unwrap();
    fs::create_dir(&tenants).unwrap();
    assert_eq!(read(&config(dir.path()).files).problems[0].code, "unreadable");
    fs::remove_dir(&tenants).unwrap();
    symlink("/dev/zero", &tenants).unwrap();
    assert_eq!(read(&config(dir.path()).files).problems[0].code, "unreadable");
    fs::remove_file(&tenants).unwrap();
    let large = fs::File::create(&tenants).unwrap();
    large.set_len(limits::SOURCE_FILE_BYTES_MAX + 1).unwrap();
    assert_eq!(read(&config(dir.path()).files).problems[0].code, "unreadable");
}

#[test]
fn the_fingerprint_changes_with_every_byte_and_the_digest_with_all_but_secrets() {
    let dir = folder();
    let config = config(dir.path());
    let both = |files: &Files| {
        let reading = read(files);
        (reading.fingerprint, reading.sources.digest(&config.settings))
    };
    let mut files = config.files.clone();
    files.pseudonym_key = Some(dir.path().join("key"));
    fs::write(dir.path().join("key"), "a".repeat(32)).unwrap();
    let (fingerprint, digest) = both(&files);
    assert_eq!(both(&files), (fingerprint, digest));
    fs::write(dir.path().join("key"), "b".repeat(32)).unwrap();
    let (other, same) = both(&files);
    assert_ne!(other, fingerprint);
    assert_eq!(same, digest);
    fs::write(dir.path().join("policies/a.cedar"), "// a").unwrap();
    assert_ne!(both(&files).1, digest);
    assert!(!format!("{:?}", read(&files)).contains("bbbb"));
}

#[test]
fn the_digest_is_the_same_wherever_the_folder_stands() {
    let (one, two) = (folder(), folder());
    let digest = |dir: &Path| {
        let config = config(dir);
        read(&config.files).sources.digest(&config.settings)
    };
    assert_eq!(digest(one.path()), digest(two.path()));
}

#[test]
fn whatever_changes_during_a_reading_makes_it_start_again() {
    type Edit = (&'static str, fn(&Path));
    let edits: [Edit; 5] = [
        ("a file is written", |dir| fs::write(dir.join("tenants.yaml"), "tenants: {}").unwrap()),
        ("a file is swapped", |dir| {
            fs::write(dir.join("next"), fs::read(dir.join("policies/a.cedar")).unwrap()).unwrap();
            fs::rename(dir.join("next"), dir.join("policies/a.cedar")).unwrap();
        }),
        ("a file is added", |dir| fs::write(dir.join("policies/b.cedar"), "// b").unwrap()),
        ("a file goes away", |dir| fs::remove_file(dir.join("policies/a.cedar")).unwrap()),
        ("the folder is swapped", |dir| {
            fs::rename(dir.join("policies"), dir.join("old")).unwrap();
            fs::create_dir(dir.join("policies")).unwrap();
        }),
    ];
    for (what, edit) in edits {
        let dir = folder();
        let files = config(dir.path()).files;
        let reader = Reader::new(&files, (None, &Fresh::default()), &NOTHING);
        assert!(reader.is_still_so(), "{what}");
        edit(dir.path());
        assert!(!reader.is_still_so(), "{what}");
    }
}

#[test]
fn files_that_never_hold_still_are_a_problem_and_a_short_unrest_is_waited_out() {
    let dir = folder();
    let files = config(dir.path()).files;
    let read_with = |edits: usize| {
        let mut n = 0;
        read_while(&files, (None, &Fresh::default()), &NOTHING, || {
            n += 1;
            if n <= edits {
                fs::write(dir.path().join("policies/next"), format!("// {n}")).unwrap();
                fs::rename(dir.path().join("policies/next"), dir.path().join("policies/a.cedar")).unwrap();
            }
        })
    };
    let reading = read_with(3);
    let text = reading
        .sources
        .files()
        .iter()
        .find(|source| &*source.name == "policies/a.cedar")
        .unwrap()
        .text
        .clone();
    assert!(reading.settled && reading.problems.is_empty() && &*text == "// 3");
    let reading = read_with(usize::MAX);
    assert!(!reading.settled && reading.problems.iter().any(|problem| problem.code == "unsettled"));
}

/// The files of keys that are read, by name, and the problems by code.
fn keys_of(files: &Files) -> (Vec<String>, Vec<&'static str>) {
    let reading = read(files);
    let of_keys = reading.sources.files().iter().filter(|source| source.role == Role::TenantKeys);
    let names = of_keys.map(|source| source.name.to_string()).collect();
    (names, reading.problems.iter().map(|problem| problem.code).collect())
}

#[test]
fn a_pattern_names_each_file_of_its_folder_once_and_must_name_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = folder();
    let mut files = config(dir.path()).files;
    files.key_files = vec![dir.path().join("keys/*.yaml"), dir.path().join("keys/acme.yaml")];
    assert_eq!(keys_of(&files), (Vec::new(), vec!["no-key-files", "unreadable"]));
    fs::create_dir(dir.path().join("keys")).unwrap();
    let write = |name: &str, mode: u32| {
        let path = dir.path().join("keys").join(name);
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    write("notes.txt", 0o600);
    write(".hidden.yaml", 0o600);
    assert_eq!(keys_of(&files), (Vec::new(), vec!["no-key-files", "unreadable"]));
    assert!(read(&files).sources.files().iter().all(|source| source.role != Role::TenantKeys));
    write("acme.yaml", 0o600);
    write("globex.yaml", 0o440);
    let both = vec!["keys/acme.yaml".to_owned(), "keys/globex.yaml".to_owned()];
    assert_eq!(keys_of(&files), (both.clone(), Vec::new()));
    write("globex.yaml", 0o644);
    assert_eq!(keys_of(&files), (both, vec!["exposed-secret"]));
    let reader = Reader::new(&files, (None, &Fresh::default()), &NOTHING);
    assert!(reader.is_still_so());
    write("initech.yaml", 0o600);
    assert!(!reader.is_still_so(), "a file came that the pattern names");
}

#[test]
fn a_digest_that_is_shown_knows_of_no_key() {
    let dir = folder();
    let config = config(dir.path());
    let mut files = config.files.clone();
    let both = |files: &Files| {
        let reading = read(files);
        (reading.fingerprint, reading.sources.digest(&config.settings))
    };
    let (_, digest) = both(&files);
    files.key_files = vec![dir.path().join("*.keys")];
    fs::write(dir.path().join("acme.keys"), "one").unwrap();
    let (fingerprint, same) = both(&files);
    assert_eq!(same, digest);
    fs::write(dir.path().join("acme.keys"), "two").unwrap();
    let (other, same) = both(&files);
    assert_eq!(same, digest);
    assert_ne!(other, fingerprint);
}
