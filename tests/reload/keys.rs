//! Keys of masks are rotated while it runs: a new one takes effect without a restart, and a broken file changes nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::common::Folder;
use crate::common::Sidecar;
use crate::common::Upstream;
use crate::common::key;
use crate::wait;

fn secret(byte: u8) -> String {
    STANDARD.encode([byte; 32])
}

/// Keys of a tenant, the newest first.
fn file(tenant: &str, keys: &[(&str, u8)]) -> String {
    let keys = keys.iter().map(|(id, byte)| format!("  - {{id: \"{id}\", secret: {}}}\n", secret(*byte)));
    format!("tenant: {tenant}\nkeys:\n{}", keys.collect::<String>())
}

fn folder(upstream: &Upstream) -> Folder {
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml");
    let redaction = "redaction: {pseudonym_key_file: pseudonym.key, key_files: ['keys/*.yaml']}\n";
    folder.write("palisade.yaml", &(config + redaction));
    folder.write("pseudonym.key", &"k".repeat(32));
    folder.write("keys/globex.yaml", &file("globex", &[("g", 9)]));
    folder.write(
        "classes.yaml",
        "classes: {pii: {level: 3, mask: pseudonym, classes: {name: {}, contact: {classes: {email: {}}}}}}\n",
    );
    folder.write(
        "policies/main.cedar",
        "@id(\"list\") permit (principal, action == Action::\"list\", resource);\n",
    );
    folder
}

#[test]
fn a_rotated_key_takes_effect_without_a_restart_and_a_broken_file_changes_nothing() {
    let upstream = Upstream::json(r#"[{"name": "Ada"}]"#);
    let folder = folder(&upstream);
    let sidecar = Sidecar::start(&folder);
    let name_for = |id: &str| {
        let answer = sidecar.ask(&format!("GET /patients HTTP/1.1\r\n{}", key(id)));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let name = answer.json()[0]["name"].as_str().unwrap().to_owned();
        (name, answer.headers.get("etag").cloned())
    };
    let name = |id: &str| name_for(id).0;
    let (of_the_one_secret, of_globex) = (name("ann"), name("gil"));
    assert_eq!(of_the_one_secret.len(), "ps_".len() + 32);
    assert!(of_globex.starts_with("ps_g_"), "{of_globex}");

    folder.write("keys/acme.yaml", &file("acme", &[("a", 1)]));
    let first = wait(|| Some(name("ann")).filter(|name| name.starts_with("ps_a_")));
    let of_west = name("wes");
    assert!(of_west.starts_with("ps_a_") && of_west != first, "a part is no tenant that joins: {of_west}");

    let digest = || {
        let text = sidecar.admin("/readyz?verbose").text();
        let line = text.lines().find(|line| line.contains("] snapshot ")).map(str::to_owned).unwrap();
        line.split(' ').nth(2).map(str::to_owned)
    };
    let before = digest();
    folder.write("keys/acme.yaml", &file("acme", &[("b", 2), ("a", 1)]));
    let second = wait(|| Some(name("ann")).filter(|name| name.starts_with("ps_b_")));
    assert_ne!(first.split('_').next_back(), second.split('_').next_back());
    assert_eq!(name("gil"), of_globex);
    assert_eq!(digest(), before, "what is recorded knows of no key");

    let broken = file("acme", &[("c", 3), ("b", 2)]).replace(&secret(3), "not-base64-at-all");
    folder.write("keys/acme.yaml", &broken);
    let told = wait(|| {
        let text = sidecar.admin("/readyz?verbose").text();
        text.contains("keys/acme.yaml:3:23").then_some(text)
    });
    assert!(!told.contains("not-base64-at-all"), "{told}");
    assert_eq!(name("ann"), second);
    folder.write("keys/acme.yaml", &file("acme", &[("c", 3), ("b", 2)]));
    wait(|| Some(name("ann")).filter(|name| name.starts_with("ps_c_")));

    std::fs::remove_file(folder.path("keys/acme.yaml")).unwrap();
    wait(|| Some(name("ann")).filter(|name| *name == of_the_one_secret));
    let said = sidecar.logged() + &folder.read("decisions.jsonl") + &sidecar.admin("/metrics").text();
    for secret in (1..=3).chain([9]).map(secret) {
        assert!(!said.contains(&secret));
    }
}

#[test]
fn a_missing_mount_of_keys_refuses_to_serve() {
    let upstream = Upstream::json("[]");
    let folder = folder(&upstream);
    std::fs::remove_dir_all(folder.path("keys")).unwrap();
    let said = Sidecar::try_start(&folder).err().unwrap();
    assert!(said.contains("keys/*.yaml"), "{said}");
}
