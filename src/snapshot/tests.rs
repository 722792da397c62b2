//! What a snapshot promises.

use super::*;

const TENANTS: &str = "tenants: {acme: {region: eu, tier: gold}}\n";
const CLASSES: &str = "classes: {pii: {level: 2, mask: pseudonym}}\n";
const PERMIT: &str = "@id(\"a\")\npermit (principal, action, resource);\n";

fn settings() -> Arc<Settings> {
    let text = "upstream: {address: 'a:1'}\npolicies: {directory: p}\nmodel: {tenants: t}\n";
    crate::config::Config::read("p.yaml", text, &[], &|_| None).unwrap().0.settings
}

fn source(role: Role, name: &str, text: &str) -> SourceFile {
    SourceFile { role, name: name.into(), file: name.into(), text: text.into() }
}

fn sources() -> Vec<SourceFile> {
    vec![
        source(Role::Schema, "palisade.cedarschema", include_str!("../../schemas/palisade.cedarschema")),
        source(Role::Tenants, "tenants.yaml", TENANTS),
        source(Role::Policies { confined_to: None }, "a.cedar", PERMIT),
    ]
}

fn check(files: Vec<SourceFile>, unread: Vec<Role>) -> Result<Checked, Vec<Problem>> {
    Draft { sources: Sources::new(files, unread), settings: settings(), problems: Vec::new() }.check(7)
}

#[test]
fn only_a_checked_snapshot_goes_live_and_generations_count_up() {
    let live = Live::new(check(sources(), Vec::new()).unwrap());
    let mut reader = live.reader();
    let first = live.current();
    assert_eq!((first.generation(), first.loaded_at_ms()), (1, 7));
    assert!(Arc::ptr_eq(reader.current(), &first));
    let mut files = sources();
    files.push(source(Role::Policies { confined_to: None }, "b.cedar", &PERMIT.replace("\"a\"", "\"b\"")));
    let (before, after) = live.publish(check(files, Vec::new()).unwrap());
    assert_eq!((before.generation(), after.generation()), (1, 2));
    assert_eq!(before.changes(&after).added, ["b"]);
    assert_eq!(after.changes(&before).removed, ["b"]);
    assert!(Arc::ptr_eq(reader.current(), &live.current()));
    // Who took the first one still has it whole.
    assert_eq!(first.policies().ids().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn what_could_not_be_read_refuses_whatever_the_rest_says() {
    for role in [
        Role::Classes,
        Role::Routes,
        Role::OpenApi,
        Role::ApiKeys,
        Role::PseudonymKey,
        Role::Policies { confined_to: None },
    ] {
        assert!(check(sources(), vec![role.clone()]).is_err(), "{role:?}");
    }
    let problems = vec![Problem::error("unreadable", crate::problem::Place::file("x"), "x")];
    let draft = Draft { sources: Sources::new(sources(), Vec::new()), settings: settings(), problems };
    assert!(draft.check(0).is_err());
}

#[test]
fn the_order_of_files_does_not_matter_and_every_name_and_text_does() {
    let digest = |files: Vec<SourceFile>| Sources::new(files, Vec::new()).digest(&settings());
    let mut turned = sources();
    turned.reverse();
    assert_eq!(digest(turned), digest(sources()));
    for at in 0..sources().len() {
        let mut other = sources();
        other[at].name = "other".into();
        assert_ne!(digest(other), digest(sources()));
        let mut other = sources();
        other[at].text = "other".into();
        assert_ne!(digest(other), digest(sources()));
    }
}

#[test]
fn pseudonyms_need_a_secret_and_a_strong_one() {
    let with = |secret: Option<&str>| {
        let mut files = sources();
        files.push(source(Role::Classes, "classes.yaml", CLASSES));
        files.extend(secret.map(|secret| source(Role::PseudonymKey, "key", secret)));
        check(files, Vec::new())
    };
    let codes = |checked: Result<Checked, Vec<Problem>>| {
        checked.unwrap_err().iter().map(|p| p.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(with(None)), ["no-secret"]);
    assert_eq!(codes(with(Some("short"))), ["weak-secret"]);
    let strong = "0123456789abcdef0123456789abcdef\n";
    let checked = with(Some(strong)).unwrap();
    assert_eq!(checked.snapshot().pseudonym_secret(), Some(strong.trim().as_bytes()));
    assert_eq!(checked.snapshot().sources().text("key"), None);
    assert!(!format!("{checked:?} {:?}", checked.snapshot().sources()).contains("0123456789"));
}

#[test]
fn problems_of_all_parts_come_together() {
    let mut files = sources();
    files[1].text = "tenants: {ACME: {}}\n".into();
    files[2].text = "permit (\n".into();
    let of_names = "@id(\"n\")\npermit (principal in Tenant::\"acme\", action, resource);\n";
    files.push(source(Role::Policies { confined_to: None }, "names.cedar", of_names));
    files.push(source(Role::ApiKeys, "keys.yaml", "keys: [{}]\n"));
    files.push(source(Role::Classes, "classes.yaml", "classes: {pii: {levl: 2}}\n"));
    let problems = check(files, Vec::new()).unwrap_err();
    let mut files: Vec<_> = problems.iter().map(|problem| problem.place.file.to_string()).collect();
    files.dedup();
    assert_eq!(files, ["a.cedar", "classes.yaml", "keys.yaml", "tenants.yaml"]);
}
