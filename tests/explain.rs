//! What `explain` says about the clinic, as golden cases: a command goes in, what it prints comes out.
//!
//! A case in `golden/explain/` opens with a sentence, then has `=== command`, one command for a shell that stands in a copy
//! of the clinic's configuration, and may have `=== <file>` to write there before. `UPDATE_GOLDEN=1` rewrites what comes
//! out, which is standard output and the exit code. Digests are not shown.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::cases::clinic;
use common::cases::hold;
use common::cases::sections;
use serde_json::Value;
use serde_json::json;

/// Runs a shell's command in a folder; what it prints, and its exit code.
fn shell(folder: &Path, command: &str) -> (String, i32) {
    let program = Path::new(env!("CARGO_BIN_EXE_palisade")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", program.display());
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    (said + &error, output.status.code().unwrap())
}

fn json_of(folder: &Path, command: &str) -> Value {
    let (said, _) = shell(folder, command);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{command}: {error}: {said}"))
}

fn play(case: &str) -> String {
    let folder = clinic();
    let mut out = String::new();
    for (name, text) in sections(case) {
        if name == "command" {
            let (said, code) = shell(folder.path(), text);
            out += &format!("{}\nexit code {code}\n", said.trim_end());
        } else {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), text).unwrap();
        }
    }
    let is_digest = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = out.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).map(|word| {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if is_digest(bare) { word.replace(bare, "<digest>") } else { word.to_owned() }
    });
    words.collect()
}

#[test]
fn what_is_explained_is_what_the_cases_say() {
    hold("explain", 5, play);
}

/// Questions that are denied, each as JSON.
fn denied() -> Vec<Value> {
    vec![
        json!({"principal": "dana", "tenant": "acme/west", "route": "getPatient"}),
        json!({"principal": "gus", "tenant": "globex", "roles": ["auditor"], "target": "acme", "method": "GET", "path": "/claims"}),
        json!({"principal": "frida", "tenant": "acme/west", "roles": ["frontdesk"], "route": "deletePatient"}),
        json!({"principal": "eve", "tenant": "acme/east", "roles": ["clinician"], "data_key": "acme/west", "route": "listPatients"}),
        json!({"principal": "nora", "tenant": "globex/north", "roles": ["auditor"], "data_key": "acme/claims", "action": "export"}),
        json!({"principal": "gus", "tenant": "globex", "roles": ["auditor"], "target": "acme", "purpose": "audit", "route": "listClaims", "now": "2037-01-01T00:00:00Z"}),
    ]
}

#[test]
fn every_change_that_is_told_allows_when_it_is_made() {
    let mut kinds = std::collections::BTreeSet::new();
    for asked in denied() {
        let folder = clinic();
        let put = |verb: &str, asked: &Value| {
            fs::write(folder.path().join("request.json"), asked.to_string()).unwrap();
            json_of(folder.path(), &format!("palisade {verb} --request request.json -o json"))
        };
        let told = put("explain", &asked);
        assert_eq!(told["decision"], "deny", "{asked}");
        assert_eq!(put("eval", &asked)["decision"], "deny", "explain and eval agree");
        for hint in told["hints"]["found"].as_array().unwrap() {
            let (kind, change) = (hint["kind"].as_str().unwrap(), hint["change"].as_str().unwrap());
            let name = change.split('`').nth(1).unwrap_or_default();
            let mut other = asked.clone();
            match kind {
                "role" => other["roles"] = json!([name]),
                "purpose" => other["purpose"] = json!(name),
                "tenant" => other["tenant"] = json!(name),
                "now" => other["now"] = json!("2027-01-01T00:00:00Z"),
                "policy" => {
                    fs::write(folder.path().join("policies/new.cedar"), hint["policy"].as_str().unwrap())
                        .unwrap();
                }
                other => panic!("no test makes the change `{other}`"),
            }
            assert_eq!(put("eval", &other)["decision"], "allow", "{asked}: {change}");
            assert_eq!(put("eval", &other)["reasons"][0]["policy_id"], hint["by"][0], "{asked}: {change}");
            kinds.insert(kind.to_owned());
        }
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["now", "policy", "purpose", "role", "tenant"]);
}

#[test]
fn a_decision_that_serving_put_on_record_is_made_again_from_the_log() {
    let folder = clinic();
    let record = json!({"type": "decision", "decision_id": "0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f", "time": "2026-11-01T10:00:00Z",
        "decision": "allow", "mode": "enforce", "tenant": "acme", "data_key": "acme/claims",
        "principal": {"type": "User", "id": "gus", "tenant": "globex", "auth_method": "jwt", "issuer": "https://login.clinic.example"},
        "action": "list", "resource": "listClaims", "http": {"method": "GET", "host": "api.example", "path": "/claims"},
        "snapshot": "00", "generation": 1, "now": "2026-11-01T10:00:00Z", "pathway": "acme claims to globex auditors",
        "reasons": [{"policy_id": "acme-claims-for-globex-auditors", "effect": "permit"}], "errors": [], "classes": {"revealed": [], "hidden": []}});
    fs::write(folder.path().join("log.jsonl"), format!("{{\"type\":\"event\"}}\nnot json\n{record}\n"))
        .unwrap();
    let command = |flags: &str| {
        format!("palisade explain --log log.jsonl 0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f {flags} -o json")
    };
    let told = json_of(folder.path(), &command("--roles auditor --purpose audit"));
    assert_eq!((&told["logged"]["agrees"], &told["decision"]), (&json!(true), &json!("allow")), "{told:#}");
    assert_eq!(told["pathway"], "acme claims to globex auditors");
    let told = json_of(folder.path(), &command(""));
    assert_eq!((&told["logged"]["agrees"], &told["decision"]), (&json!(false), &json!("deny")));
    let assumed = told["logged"]["assumed"].to_string();
    for what in ["roles", "groups", "scopes", "another snapshot"] {
        assert!(assumed.contains(what), "{what}: {assumed}");
    }
    let mut whole = record.clone();
    whole["principal"]["roles"] = json!(["auditor"]);
    whole["purpose"] = json!("audit");
    fs::write(folder.path().join("log.jsonl"), format!("{whole}\n")).unwrap();
    let told = json_of(folder.path(), &command(""));
    assert_eq!(told["logged"]["agrees"], true, "what the record holds is used");
    // A flag comes before the record, and is never taken for what the record says.
    let told = json_of(
        folder.path(),
        &command("--roles billing --tenant globex --purpose audit --action read --source-ip 192.0.2.1"),
    );
    let assumed: Vec<&str> =
        told["logged"]["assumed"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(
        assumed[..3],
        [
            "`--roles billing`, in place of `auditor` on record",
            "`--action read`, which is not on record",
            "`--source-ip 192.0.2.1`, which is not on record",
        ]
    );
    assert!(
        assumed[3..].iter().all(|one| !one.contains("--tenant") && !one.contains("--purpose")),
        "{assumed:?}"
    );
    assert_eq!(told["action"], "read", "and not that of the route on record");
    assert_ne!(told["route"], "listClaims");
    let (said, code) =
        shell(folder.path(), "palisade explain --log log.jsonl 00000000-0000-0000-0000-000000000000");
    assert!(code == 2 && said.contains("has no decision"), "{said}");
}

#[test]
fn who_can_tells_exactly_those_whom_eval_allows() {
    let folder = clinic();
    let told = json_of(
        folder.path(),
        "palisade who-can list listClaims --data-key acme/claims --now 2026-11-01T00:00:00Z -o json",
    );
    let rows = told["who_can"].as_array().unwrap();
    let mut allowed = 0;
    for tenant in ["acme", "acme/west", "acme/west/sf1", "acme/east", "globex", "globex/north"] {
        for role in
            ["", "auditor", "billing", "clinician", "frontdesk", "identity-desk", "incident-responder"]
        {
            for purpose in ["", "audit"] {
                let flag = |name: &str, value: &str| {
                    if value.is_empty() { String::new() } else { format!(" --{name} {value}") }
                };
                let command = format!(
                    "palisade eval --principal anybody --tenant {tenant}{}{} --data-key acme/claims --route listClaims --now 2026-11-01T00:00:00Z -o json",
                    flag("roles", role),
                    flag("purpose", purpose),
                );
                let is_allowed = json_of(folder.path(), &command)["decision"] == "allow";
                let is_told = rows.iter().any(|row| {
                    let purposes = row["purposes"].as_str().unwrap();
                    let word = if purpose.is_empty() { "none" } else { purpose };
                    let kinds = row["kinds"].as_array().unwrap();
                    row["who"] == format!("role {role}").as_str()
                        && row["tenants"].as_array().unwrap().iter().any(|of| of == tenant)
                        && kinds.iter().any(|kind| kind == "User")
                        && (purposes == "any" || purposes.split(", ").any(|one| one == word))
                });
                assert_eq!(is_told, is_allowed, "{command}\n{told:#}");
                allowed += usize::from(is_allowed);
            }
        }
    }
    assert_eq!(allowed, 6, "auditors and billing of acme, and with a purpose auditors of globex and below");
}

#[test]
fn what_can_tells_what_eval_allows_and_who_can_agrees() {
    let folder = clinic();
    let told = json_of(
        folder.path(),
        "palisade what-can gus --tenant globex --roles auditor --now 2026-11-01T00:00:00Z -o json",
    );
    let rows = told["what_can"].as_array().unwrap();
    assert!(rows.len() >= 10, "{told:#}");
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap();
        let purpose = if text("purposes") == "any" { "none" } else { text("purposes") };
        let command = format!(
            "palisade eval --principal gus --tenant globex --roles auditor --route {} --data-key {} --purpose {purpose} --now 2026-11-01T00:00:00Z -o json",
            text("route"),
            text("data_key"),
        );
        let answer = json_of(folder.path(), &command);
        assert_eq!(answer["decision"], "allow", "{command}");
        assert_eq!(answer["pathway"], row["pathway"], "{command}");
        let shown = answer["classes"].as_array().unwrap().iter().filter(|class| class["revealed"] == true);
        let shown: Vec<&Value> = shown.map(|class| &class["class"]).collect();
        assert_eq!(shown, row["shown"].as_array().unwrap().iter().collect::<Vec<_>>(), "{command}");
    }
    let foreign: Vec<&str> = rows
        .iter()
        .map(|row| row["data_key"].as_str().unwrap())
        .filter(|key| !key.starts_with("globex"))
        .collect();
    assert_eq!(foreign, ["acme/claims", "acme/claims"], "only the pathway leads out");
}

#[test]
fn callers_that_are_named_are_gone_through_too() {
    let folder = clinic();
    fs::write(
        folder.path().join("people.json"),
        r#"[{"principal": "bo", "tenant": "acme", "roles": ["frontdesk", "billing"]}, {"principal": "cy", "kind": "service", "tenant": "globex"}]"#,
    )
    .unwrap();
    let told = json_of(
        folder.path(),
        "palisade who-can list listClaims --data-key acme/claims --principals people.json -o json",
    );
    let who: Vec<&str> =
        told["who_can"].as_array().unwrap().iter().map(|row| row["who"].as_str().unwrap()).collect();
    assert!(who.contains(&"User bo (given)") && !who.iter().any(|who| who.contains("cy")), "{who:?}");
}

/// A name that tries to leave its place in each of the three languages, and a purpose that does.
const HOSTILE: &str = r#"@id("h")
@pathway("a \"] --> x <script>alert(1)</script> & ' `b` #35; \\ \u{1} \n} next")
permit (principal in Tenant::"globex", action == Action::"read", resource in DataKey::"acme/west")
when { context has purpose && context.purpose == "</text><svg onload='x'>" };
"#;

#[test]
fn a_drawing_is_xml_with_every_tenant_and_nothing_that_runs() {
    let folder = clinic();
    fs::write(folder.path().join("policies/hostile.cedar"), HOSTILE).unwrap();
    let (svg, code) = shell(folder.path(), "palisade graph -o svg");
    assert_eq!(code, 0, "{svg}");
    let drawing = roxmltree::Document::parse(&svg).unwrap();
    assert_eq!(drawing.root_element().tag_name().name(), "svg");
    let mut texts = Vec::new();
    for node in drawing.descendants().filter(roxmltree::Node::is_element) {
        let known = ["svg", "title", "defs", "marker", "path", "rect", "text"];
        assert!(known.contains(&node.tag_name().name()), "{}", node.tag_name().name());
        for attribute in node.attributes() {
            assert!(
                !attribute.name().starts_with("on") && !attribute.name().contains("href"),
                "{attribute:?}"
            );
        }
        texts.extend(node.text().map(str::to_owned));
    }
    for tenant in ["acme", "acme/west", "acme/west/sf1", "acme/east", "globex", "globex/north", "acme/claims"]
    {
        assert!(texts.iter().any(|text| text == tenant), "{tenant}: {texts:?}");
    }
    let shown = texts.iter().find(|text| text.contains("<script>alert(1)</script>"));
    assert!(shown.is_some_and(|text| text.contains("</text><svg onload='x'>")), "shown as text: {texts:?}");
}

#[test]
fn no_name_leaves_its_place_in_mermaid_or_dot() {
    let folder = clinic();
    fs::write(folder.path().join("policies/hostile.cedar"), HOSTILE).unwrap();
    let (mermaid, _) = shell(folder.path(), "palisade graph");
    for line in mermaid.lines() {
        let quotes = line.matches('"').count();
        assert!(quotes == 0 || quotes == 2, "{line}");
        let inner = line.split('"').nth(1).unwrap_or("").replace("<br>", "");
        assert!(!inner.contains(['<', '>', '&', '`', '\\']), "{line}");
    }
    let (dot, _) = shell(folder.path(), "palisade graph -o dot");
    let mut arrows = 0;
    for line in dot.lines() {
        let plain = line.replace(r"\\", "").replace(r#"\""#, "");
        assert_eq!(plain.matches('"').count() % 2, 0, "{line}");
        let outside: String = plain.split('"').step_by(2).collect();
        assert!(!outside.contains("script") && !outside.contains("next"), "{line}");
        arrows += usize::from(outside.contains("->"));
    }
    assert_eq!(arrows, 7, "five of the tree, two pathways: {dot}");
    let (said, code) = shell(folder.path(), "palisade graph --tenant acne");
    assert!(code == 2 && said.contains("did you mean `acme`?"), "{said}");
    assert_eq!(shell(folder.path(), "palisade graph -o sarif").1, 2);
}
