//! What a snapshot promises.

use super::*;
use crate::ids::TenantPath;
use crate::redact::PseudonymKey;

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
        Role::GraphQl,
        Role::ApiKeys,
        Role::PseudonymKey,
        Role::TenantKeys,
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
    let acme = TenantPath::parse("acme").unwrap();
    let made = |key: &PseudonymKey| key.pseudonym("pii", "Ada");
    let key = checked.snapshot().mask_keys().newest(&acme).unwrap();
    assert_eq!(made(&key), made(&PseudonymKey::new(strong.trim().as_bytes(), "acme")));
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

/// What each file may say in the course of time; empty where it is not there, `!` where it cannot be read.
const TEXTS: [(&str, &[&str]); 8] = [
    (
        "tenants.yaml",
        &[
            TENANTS,
            "tenants: {acme: {status: suspended, tenants: {west: {status: active}}}, globex: {}}\n",
            "tenants: {acme: {}, acme-x: {}, globex: {}}\n",
            "tenants: {ACME: {}}\n",
        ],
    ),
    (
        "classes.yaml",
        &["", CLASSES, "classes: {pii: {level: 1}, billing: {level: 3}}\n", "classes: {pii: {levl: 2}}\n"],
    ),
    (
        "routes.yaml",
        &[
            "",
            "routes: [{method: GET, path: '/p/{id}', id: get, response: {classes: {'$.name': pii}}}]\n",
            "routes: [{method: GET, path: '/b', id: bill, response: {classes: {'$.sum': billing}}}]\n",
            "!",
        ],
    ),
    ("keys.yaml", &["", "keys: []\n", "keys: [{}]\n"]),
    ("secret", &["", "0123456789abcdef0123456789abcdef\n", "short\n"]),
    (
        "a.cedar",
        &[
            PERMIT,
            "@id(\"a\")\n@pahtway(\"x\")\npermit (principal, action, resource in DataKey::\"globex\");\n",
            "@id(\"a\") permit (principal, action, resource in DataClass::\"pii\");\n@id(\"a2\") permit (principal, action, resource in Route::\"get\");\n",
            "@id(\"a\") permit (principal, action, resource) when { resource.lvl };\n",
            "!",
        ],
    ),
    (
        "b.cedar",
        &[
            "",
            "@id(\"b\") forbid (principal in Tenant::\"globex\", action, resource);\n",
            "@id(\"a\") permit (principal, action, resource);\n",
        ],
    ),
    (
        "tenant.keys",
        &[
            "",
            "tenant: acme\nkeys: [{id: \"2026b\", secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY}]\n",
            "tenant: globex\nkeys: [{id: a, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]\n",
            "tenant: acme\nkeys: []\n",
            "!",
        ],
    ),
];

fn role(name: &str) -> Role {
    match name {
        "tenants.yaml" => Role::Tenants,
        "classes.yaml" => Role::Classes,
        "routes.yaml" => Role::Routes,
        "keys.yaml" => Role::ApiKeys,
        "secret" => Role::PseudonymKey,
        "tenant.keys" => Role::TenantKeys,
        _ => Role::Policies { confined_to: None },
    }
}

fn draft(says: &[usize; 8]) -> Draft {
    let schema = source(Role::Schema, "palisade.cedarschema", policy::SCHEMA);
    let (mut files, mut unread) = (vec![schema], Vec::new());
    for ((name, texts), says) in TEXTS.iter().zip(says) {
        match texts[says % texts.len()] {
            "" => {}
            "!" => unread.push(role(name)),
            text => files.push(source(role(name), name, text)),
        }
    }
    Draft { sources: Sources::new(files, unread), settings: settings(), problems: Vec::new() }
}

fn looks(snapshot: &Snapshot) -> String {
    let policies = snapshot.policies();
    let texts: Vec<_> = policies.ids().map(|id| (id, policies.effective_text(id))).collect();
    let (model, keyring) = (snapshot.model(), snapshot.keyring());
    let digest = snapshot.digest();
    let made = |(_, tenant): (_, &crate::model::Tenant)| {
        let keys = snapshot.mask_keys().all(&tenant.path);
        keys.iter().map(|held| held.key.pseudonym("pii", "Ada")).collect::<Vec<_>>()
    };
    let pseudonyms: Vec<_> = model.tenants.iter().map(made).collect();
    format!("{texts:?} {model:?} {keyring:?} {digest} {pseudonyms:?}")
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_taken_over_from_the_snapshot_before_is_what_a_cold_load_makes(
        edits in proptest::collection::vec((0..8_usize, 0..20_usize), 1..16),
    ) {
        let mut live: Option<Checked> = None;
        let mut says = [0; 8];
        for (file, text) in edits {
            // Most edits end well, so that there is something to take over.
            says[file] = if text > 12 { 1 } else { text };
            let cold = draft(&says).check(7);
            let warm = draft(&says).check_after(live.as_ref().map(Checked::snapshot), &policy::Alone, 7);
            match (cold, warm) {
                (Err(cold), Err(warm)) => proptest::prop_assert_eq!(cold, warm),
                (Ok(cold), Ok(warm)) => {
                    proptest::prop_assert_eq!(cold.warnings(), warm.warnings());
                    proptest::prop_assert_eq!(looks(cold.snapshot()), looks(warm.snapshot()));
                    live = Some(warm);
                }
                (cold, warm) => proptest::prop_assert!(false, "cold {:?}, warm {:?}", cold, warm),
            }
        }
    }
}

#[test]
fn parts_that_no_edit_touched_are_shared() {
    let before = draft(&[1, 1, 1, 1, 1, 0, 1, 0]).check(1).unwrap();
    let check = |says| {
        let after = draft(says).check_after(Some(before.snapshot()), &policy::Alone, 2).unwrap();
        let (then, now) = (&before.snapshot(), after.snapshot());
        let same = [
            Arc::ptr_eq(&then.model.tenants, &now.model.tenants),
            Arc::ptr_eq(&then.model.classes, &now.model.classes),
            Arc::ptr_eq(&then.model.routes, &now.model.routes),
        ];
        assert_eq!(now.loaded_at_ms(), 2);
        same
    };
    assert_eq!(check(&[1, 1, 1, 1, 1, 0, 0, 0]), [true, true, true], "a policy file went away");
    assert_eq!(check(&[2, 1, 1, 1, 1, 0, 1, 0]), [false, true, true], "another tree of tenants");
    assert_eq!(check(&[1, 1, 0, 1, 1, 0, 1, 0]), [true, true, false], "no routes any more");
    assert_eq!(check(&[1, 2, 0, 1, 1, 0, 1, 0]), [true, false, false], "routes are read by the classes");
}

fn masked() -> Vec<SourceFile> {
    let mut files = sources();
    files.push(source(Role::Classes, "classes.yaml", CLASSES));
    files.push(source(Role::PseudonymKey, "secret.key", "a secret of at least thirty-two bytes"));
    let confined_to = Some(TenantPath::parse("acme").unwrap());
    files.push(source(Role::Policies { confined_to }, "b.cedar", &PERMIT.replace("\"a\"", "\"b\"")));
    files
}

#[test]
fn what_was_kept_is_the_snapshot_that_decided_without_its_secrets() {
    let checked = check(masked(), Vec::new()).unwrap();
    let live = checked.snapshot();
    let parts: Vec<Vec<u8>> = live.sources().shown(live.settings()).map(<[u8]>::to_vec).collect();
    let past = Past::of(&parts).unwrap();
    assert_eq!(past.digest(), live.digest());
    assert!(past.snapshot().mask_keys().is_empty());
    assert_eq!(live.changes(past.snapshot()), Changes::default());
    let files = past.snapshot().sources().files();
    assert_eq!(files.len(), masked().len() - 1);
    assert!(!files.iter().any(|file| file.role.is_secret()));
}

#[test]
fn parts_that_are_not_whole_or_laid_out_otherwise_are_not_taken_for_that_snapshot() {
    let checked = check(masked(), Vec::new()).unwrap();
    let live = checked.snapshot();
    let parts: Vec<Vec<u8>> = live.sources().shown(live.settings()).map(<[u8]>::to_vec).collect();
    for cut in 0..parts.len() {
        let cut = Past::of(parts.get(..cut).unwrap());
        assert!(cut.map_or(true, |past| past.digest() != live.digest()));
    }
    for changed in 0..parts.len() {
        let mut other = parts.clone();
        // What is no text is no file of a snapshot.
        other.get_mut(changed).unwrap().push(0xff);
        assert!(Past::of(&other).is_err(), "{changed}");
    }
}

#[test]
fn what_a_policy_is_confined_to_is_a_part_of_the_digest() {
    let digest = |confined_to: Option<&str>| {
        let confined_to = confined_to.map(|tenant| TenantPath::parse(tenant).unwrap());
        let mut files = sources();
        files.push(source(Role::Policies { confined_to }, "b.cedar", &PERMIT.replace("\"a\"", "\"b\"")));
        check(files, Vec::new()).unwrap().snapshot().digest()
    };
    assert_ne!(digest(None), digest(Some("acme")));
}

#[test]
fn where_a_tenants_requests_go_is_part_of_the_snapshot() {
    let text = "upstream: {address: 'a:1'}\nupstreams: {eu: {address: 'b:1'}, us: {address: 'c:1'}}\npolicies: {directory: p}\nmodel: {tenants: t}\n";
    let settings = crate::config::Config::read("p.yaml", text, &[], &|_| None).unwrap().0.settings;
    let with = |tenants: &str| {
        let mut files = sources();
        files[1] = source(Role::Tenants, "tenants.yaml", tenants);
        let draft = Draft {
            sources: Sources::new(files, Vec::new()),
            settings: Arc::clone(&settings),
            problems: Vec::new(),
        };
        draft.check(7)
    };
    let checked =
        with("tenants: {a: {upstream: us, tenants: {b: {}, c: {upstream: default}}}, d: {}}\n").unwrap();
    let snapshot = checked.snapshot();
    let tenants = &snapshot.model().tenants;
    let found = ["a", "a/b", "a/c", "d"].map(|path| snapshot.shard(tenants.find(path).unwrap()).0);
    assert_eq!(found, [2, 2, 0, 0]);
    let problems = with("tenants: {a: {upstream: uss}}\n").unwrap_err();
    assert_eq!((problems[0].code, problems[0].place.column), ("unknown-upstream", 25));
}
