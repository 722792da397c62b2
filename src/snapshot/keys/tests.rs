//! What the keys of masks promise.

use base64::engine::general_purpose::STANDARD as BASE64;

use super::*;

fn secret(byte: u8) -> String {
    BASE64.encode([byte; 32])
}

fn source(name: &str, text: &str) -> SourceFile {
    let role = if name == "key" { Role::PseudonymKey } else { Role::TenantKeys };
    SourceFile { role, name: name.into(), file: name.into(), text: text.into() }
}

fn read(files: &[(&str, String)]) -> (MaskKeys, Vec<Problem>) {
    let files = files.iter().map(|(name, text)| source(name, text)).collect();
    let tenants = "tenants: {acme: {tenants: {west: {tenants: {sf1: {}}}, east: {}}}, globex: {}}\n";
    let (tenants, _) = Tenants::parse("tenants.yaml", tenants).unwrap();
    let mut found = Vec::new();
    let keys = MaskKeys::read(&Sources::new(files, Vec::new()), Some(&tenants), &mut found);
    (keys, found)
}

fn file(tenant: &str, keys: &[(&str, u8)]) -> String {
    let keys = keys.iter().map(|(id, byte)| format!("  - {{id: \"{id}\", secret: {}}}\n", secret(*byte)));
    format!("tenant: {tenant}\nkeys:\n{}", keys.collect::<String>())
}

fn tenant(path: &str) -> TenantPath {
    TenantPath::parse(path).unwrap()
}

fn made(keys: &MaskKeys, path: &str) -> String {
    keys.newest(&tenant(path)).map_or(String::new(), |key| key.pseudonym("pii", "Ada"))
}

#[test]
fn the_nearest_file_counts_and_no_two_tenants_join() {
    let (keys, found) = read(&[
        ("key", "k".repeat(32)),
        ("acme.yaml", file("acme", &[("b", 2), ("a", 1)])),
        ("west.yaml", file("acme/west", &[("w", 3)])),
    ]);
    assert_eq!(found, []);
    for (path, start) in
        [("acme", "ps_b_"), ("acme/east", "ps_b_"), ("acme/west", "ps_w_"), ("acme/west/sf1", "ps_w_")]
    {
        assert!(made(&keys, path).starts_with(start), "{path}: {}", made(&keys, path));
    }
    assert_eq!(made(&keys, "globex").len(), "ps_".len() + 32);
    let all = ["acme", "acme/east", "acme/west", "acme/west/sf1", "globex"];
    let codes: HashSet<_> =
        all.map(|path| made(&keys, path).split('_').next_back().map(str::to_owned)).into();
    assert_eq!(codes.len(), 5);
    let held = keys.all(&tenant("acme/west/sf1"));
    let told: Vec<_> = held
        .iter()
        .map(|held| (held.file_of.as_ref().map(ToString::to_string), held.key.id().map(ToString::to_string)))
        .collect();
    let some = |file: &str, id: &str| (Some(file.to_owned()), Some(id.to_owned()));
    assert_eq!(told, [some("acme/west", "w"), some("acme", "b"), some("acme", "a"), (None, None)]);
}

#[test]
fn after_a_rotation_the_newest_makes_masks_and_each_one_before_turns_its_own_back() {
    let rounds: [&[(&str, u8)]; 3] = [&[("a", 1)], &[("b", 2), ("a", 1)], &[("c", 3), ("b", 2), ("a", 1)]];
    let mut before: Vec<(String, String)> = Vec::new();
    for keys in rounds {
        let (keys, found) = read(&[("acme.yaml", file("acme", keys))]);
        assert_eq!(found, []);
        let newest = keys.newest(&tenant("acme")).unwrap();
        let sealed = newest.sealed("pii", crate::redact::Scalar::Text("Ada")).unwrap();
        let formatted = newest.formatted("pii", "4111111111111111").unwrap();
        assert!(!before.iter().any(|(old, number)| *old == sealed || *number == formatted));
        before.push((sealed, formatted));
        let all = keys.all(&tenant("acme"));
        for (old, number) in &before {
            let opened: Vec<_> = all.iter().filter_map(|held| held.key.unsealed("pii", old)).collect();
            assert_eq!(opened, [crate::redact::Scalar::Text("Ada".to_owned())]);
            let turned = all.iter().filter_map(|held| held.key.unformatted("pii", number));
            assert_eq!(turned.filter(|value| value == "4111111111111111").count(), 1);
        }
    }
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place_and_nothing_that_stands_there() {
    let good = secret(1);
    for (text, told) in [
        ("tenant: acme\nkeys: [\n", ("syntax", 2, 7)),
        ("keys: []\n", ("missing-key", 1, 1)),
        ("tenant: acme\n", ("missing-key", 1, 1)),
        ("tenant: acme\nkeys: []\n", ("no-keys", 2, 7)),
        ("tenant: acme\nkeys: {SECRET: x}\n", ("wrong-type", 2, 7)),
        ("tenant: acme\nSECRET: x\nkeys: [{id: a, secret: GOOD}]\n", ("unknown-key", 2, 1)),
        ("tenant: acmee\nkeys: [{id: a, secret: GOOD}]\n", ("unknown-tenant", 1, 9)),
        ("tenant: SECRET\nkeys: [{id: a, secret: GOOD}]\n", ("unknown-tenant", 1, 9)),
        ("tenant: acme\nkeys: [{id: a, secret:SECRET}]\n", ("missing-key", 2, 8)),
        ("tenant: acme\nkeys: [{id: SECRET, secret: GOOD}]\n", ("bad-key-id", 2, 13)),
        ("tenant: acme\nkeys: [{id: 2026, secret: GOOD}]\n", ("wrong-type", 2, 13)),
        ("tenant: acme\nkeys: [{id: a, secret: '!SECRET'}]\n", ("bad-secret", 2, 24)),
        ("tenant: acme\nkeys: [{id: a, secret: SECRETAA}]\n", ("weak-secret", 2, 24)),
        ("tenant: acme\nkeys: [{id: a, secret: GOOD}, {id: b, secret: GOOD}]\n", ("duplicate-secret", 2, 87)),
    ] {
        let (_, found) = read(&[("acme.yaml", text.replace("GOOD", &good))]);
        let places: Vec<_> = found.iter().map(|one| (one.code, one.place.line, one.place.column)).collect();
        assert!(places.contains(&told), "{text}: {found:?}");
        let said = format!("{found:?}");
        assert!(!said.contains("SECRET") && !said.contains(&*good), "{said}");
    }
    let twice = file("acme", &[("a", 1), ("a", 2)]);
    assert_eq!(read(&[("acme.yaml", twice)]).1[0].code, "duplicate-key-id");
    let one = || file("acme", &[("a", 1)]);
    let (_, found) = read(&[("a.yaml", one()), ("b.yaml", one())]);
    assert_eq!(
        (found[0].code, &*found[0].place.file, found[0].place.line),
        ("duplicate-tenant-keys", "b.yaml", 1)
    );
    let many: Vec<_> = (0..=64).map(|n| (format!("k{n}"), n)).collect();
    let many: Vec<_> = many.iter().map(|(id, n)| (id.as_str(), *n)).collect();
    assert_eq!(read(&[("a.yaml", file("acme", &many))]).1[0].code, "too-many");
}

#[test]
fn without_the_one_secret_every_tenant_needs_a_file_above_it() {
    let (tenants, _) = Tenants::parse("t", "tenants: {acme: {tenants: {west: {}}}, globex: {}}\n").unwrap();
    let without = |files: &[(&str, String)]| read(files).0.tenant_without(&tenants).map(ToString::to_string);
    let acme = || ("acme.yaml", file("acme", &[("a", 1)]));
    assert_eq!(without(&[acme()]).as_deref(), Some("globex"));
    assert_eq!(without(&[("west.yaml", file("acme/west", &[("a", 1)]))]).as_deref(), Some("acme"));
    assert_eq!(without(&[acme(), ("globex.yaml", file("globex", &[("a", 2)]))]), None);
    assert_eq!(without(&[acme(), ("key", "k".repeat(32))]), None);
}

#[test]
fn keys_are_never_printed() {
    let (keys, _) = read(&[("key", "k".repeat(32)), ("acme.yaml", file("acme", &[("a", 1)]))]);
    let held = keys.all(&tenant("acme"));
    let printed = format!("{keys:?} {held:?} {:?}", source("acme.yaml", &file("acme", &[("a", 1)])));
    assert!(!printed.contains(&secret(1)) && !printed.contains("kkkk"), "{printed}");
}
