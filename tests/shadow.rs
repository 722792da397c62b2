//! Policies that are only looked at, over the wire: no answer changes, each disagreement is on record and counted, and
//! looking stops where it was told to.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use common::Answer;
use common::Client;
use common::Folder;
use common::POLICIES;
use common::Sidecar;
use common::Upstream;
use common::key;
use serde_json::Value;

const BODY: &str = r#"{"name":"Ann","email":"a@b.c","ssn":"1","note":"x"}"#;

/// Desks may no longer read, nor see names; whoever is in `globex` may list what `acme` has; `ssn` is hidden otherwise.
const CANDIDATE: &str = r#"
@id("clinicians") permit (principal in Role::"clinician", action, resource);
@id("desk") permit (principal in Role::"desk", action == Action::"list", resource);
@id("north") @pathway("north to acme") permit (principal in Tenant::"globex", action in [Action::"list", Action::"read"], resource in DataKey::"acme");
@id("no-ssn") forbid (principal, action == Action::"reveal", resource == Field::"acme#pii");
"#;

fn folder(upstream: &Upstream, shadow: &str) -> Folder {
    let folder = Folder::new(upstream.address);
    folder.write("palisade.yaml", &(folder.read("palisade.yaml") + shadow + "\n"));
    folder
}

/// Waits until something is so.
fn wait<T>(mut is: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(Instant::now() < end, "it did not become so");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn looks(sidecar: &Sidecar, what: &str) {
    wait(|| sidecar.admin("/readyz?verbose").text().contains(what).then_some(()));
}

fn metric(sidecar: &Sidecar, line: &str) -> u64 {
    let text = sidecar.admin("/metrics").text();
    let found = text.lines().find_map(|one| one.strip_prefix(line)?.trim().parse().ok());
    found.unwrap_or_default()
}

const DESK: &str = "des";
const REQUESTS: [(&str, &str); 8] = [
    ("ann", "GET /patients/7"),
    ("ann", "GET /plain"),
    (DESK, "GET /patients/7"),
    (DESK, "GET /patients"),
    (DESK, "PUT /plain"),
    ("gil", "GET /patients"),
    ("gil", "GET /t/acme/patients"),
    ("wes", "GET /nothing"),
];

fn ask(client: &mut Client, (who, line): (&str, &str)) -> Answer {
    client.ask(&format!("{line} HTTP/1.1\r\n{}", key(who)), b"")
}

/// All of an answer but for what no two answers have in common.
fn told(answer: &Answer) -> (u16, BTreeMap<String, String>, String) {
    let mut headers = answer.headers.clone();
    let id = headers.remove("x-palisade-decision-id").unwrap();
    headers.remove("date");
    (answer.status, headers, answer.text().replace(&id, "<id>"))
}

#[test]
fn no_answer_is_another_one_because_something_is_looked_at() {
    let upstream = Upstream::json(BODY);
    let plain = folder(&upstream, "");
    let shadowed = folder(&upstream, "shadow: {policies: candidate}");
    shadowed.write("candidate/main.cedar", CANDIDATE);
    shadowed.write(
        "policies/tried.cedar",
        "@id(\"tried-forbid\") @mode(\"shadow\") forbid (principal, action, resource);\n\
         @id(\"tried-permit\") @mode(\"shadow\") @pathway(\"all\") permit (principal in Tenant::\"globex\", action, resource in DataKey::\"acme\");\n",
    );
    let (without, with) = (Sidecar::start(&plain), Sidecar::start(&shadowed));
    looks(&with, "looking at candidate");
    looks(&with, "looking at policies in shadow mode");
    let (mut one, mut other) = (Client::connect(without.data), Client::connect(with.data));
    for round in 0..3 {
        for request in REQUESTS {
            let (a, b) = (told(&ask(&mut one, request)), told(&ask(&mut other, request)));
            assert_eq!(a, b, "{request:?} in round {round}");
        }
    }
    let total = 3 * REQUESTS.len();
    let decisions = shadowed.records("decision", total);
    assert_eq!(decisions.len(), total, "one decision record each");
    assert!(decisions.iter().all(|record| record["mode"] == "enforce"));
    wait(|| {
        (metric(&with, "palisade_shadow_disagreements_total{direction=\"new_denial\",origin=\"mode\"}") > 0)
            .then_some(())
    });
}

fn shadows(folder: &Folder, count: usize) -> Vec<Value> {
    folder.records("shadow", count)
}

#[test]
fn each_disagreement_is_on_record_and_counted_by_its_direction() {
    let upstream = Upstream::json(BODY);
    let folder = folder(&upstream, "shadow: {policies: candidate}");
    folder.write("candidate/main.cedar", CANDIDATE);
    let sidecar = Sidecar::start(&folder);
    looks(&sidecar, "looking at candidate");
    let mut client = Client::connect(sidecar.data);
    let statuses: Vec<u16> = REQUESTS.iter().map(|request| ask(&mut client, *request).status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 403, 200, 403, 404]);
    let decisions = folder.records("decision", REQUESTS.len());
    let all = shadows(&folder, 4);
    assert_eq!(all.len(), 4, "{all:#?}");
    let told = |at: usize| {
        let record = all.iter().find(|record| record["decision_id"] == decisions[at]["decision_id"]);
        let record = record.unwrap_or_else(|| panic!("nothing of {:?}", REQUESTS[at]));
        assert_eq!(record["mode"], "shadow");
        assert_eq!(record["snapshot"], decisions[at]["snapshot"]);
        let part = |name: &str| record[name].to_string();
        [part("directions"), part("policies"), record["shadow"]["decision"].to_string(), part("classes")]
    };
    let masks = r#"[{"class":"pii","enforced":"shown","shadow":"fixed"}]"#;
    assert_eq!(told(0), ["[\"shows_less\"]", "[\"no-ssn\"]", "\"allow\"", masks]);
    assert_eq!(told(2), ["[\"new_denial\"]", "[\"desk\"]", "\"deny\"", "[]"]);
    let names = r#"[{"class":"pii.name","enforced":"shown","shadow":"fixed"}]"#;
    assert_eq!(told(3), ["[\"shows_less\"]", "[]", "\"allow\"", names]);
    assert_eq!(told(6), ["[\"new_allow\"]", "[\"north\"]", "\"allow\"", "[]"]);
    for (line, count) in [
        ("decisions_total{origin=\"candidate\",result=\"agreed\"}", 3),
        ("decisions_total{origin=\"candidate\",result=\"disagreed\"}", 4),
        ("disagreements_total{direction=\"new_denial\",origin=\"candidate\"}", 1),
        ("disagreements_total{direction=\"new_allow\",origin=\"candidate\"}", 1),
        ("disagreements_total{direction=\"shows_less\",origin=\"candidate\"}", 2),
        ("active{origin=\"candidate\"}", 1),
        ("active{origin=\"mode\"}", 0),
    ] {
        let line = format!("palisade_shadow_{line}");
        wait(|| (metric(&sidecar, &line) == count).then_some(()));
    }
    sidecar.signal("TERM");
    let counted = wait(|| folder.log().into_iter().find(|record| record["event"] == "shadow_counted"));
    assert_eq!((&counted["looked_at"], &counted["disagreed"]), (&7.into(), &4.into()));
    let started = folder.log().into_iter().find(|record| record["event"] == "shadow_started").unwrap();
    assert_eq!(started["candidate"], counted["candidate"]);
    assert_eq!(started["added"].to_string(), "[\"no-ssn\",\"north\"]");
    assert_eq!(started["removed"].to_string(), "[\"desk-names\"]");
}

#[test]
fn a_policy_in_shadow_mode_decides_nothing_and_what_it_would_have_done_is_told() {
    let upstream = Upstream::json("{}");
    let folder = folder(&upstream, "");
    folder.write(
        "policies/tried.cedar",
        "@id(\"tried\") @mode(\"shadow\") forbid (principal in Role::\"desk\", action == Action::\"list\", resource);\n\
         @id(\"tried-too\") @mode(\"shadow\") permit (principal in Role::\"desk\", action == Action::\"update\", resource);\n",
    );
    let sidecar = Sidecar::start(&folder);
    looks(&sidecar, "looking at policies in shadow mode");
    let mut client = Client::connect(sidecar.data);
    assert_eq!(ask(&mut client, (DESK, "GET /patients")).status, 200);
    assert_eq!(ask(&mut client, (DESK, "PUT /plain")).status, 403);
    assert_eq!(ask(&mut client, ("ann", "GET /patients")).status, 200);
    let all = shadows(&folder, 2);
    let told: Vec<String> = all
        .iter()
        .map(|record| format!("{} {} {}", record["origin"], record["directions"], record["policies"]))
        .collect();
    assert_eq!(told, ["\"mode\" [\"new_denial\"] [\"tried\"]", "\"mode\" [\"new_allow\"] [\"tried-too\"]"]);
    // Once it is enforced, it is: the annotation is all that kept it.
    folder.write(
        "policies/tried.cedar",
        "@id(\"tried\") forbid (principal in Role::\"desk\", action == Action::\"list\", resource);\n",
    );
    wait(|| (ask(&mut client, (DESK, "GET /patients")).status == 403).then_some(()));
    looks(&sidecar, "files are what is live");
    wait(|| (!sidecar.admin("/readyz?verbose").text().contains("shadow mode")).then_some(()));
}

#[test]
fn looking_stops_at_too_many_new_denials_and_starts_again_with_another_text() {
    let upstream = Upstream::json("{}");
    let folder = folder(
        &upstream,
        "shadow: {policies: candidate, stop_after: {new_denials: 5, percent: 50, window: 1h}}",
    );
    let nobody = |comment: &str| {
        format!("// {comment}\n@id(\"x\") permit (principal in Role::\"nobody\", action, resource);\n")
    };
    folder.write("candidate/main.cedar", &nobody("one"));
    let sidecar = Sidecar::start(&folder);
    looks(&sidecar, "looking at candidate");
    let mut client = Client::connect(sidecar.data);
    for _ in 0..20 {
        assert_eq!(ask(&mut client, ("ann", "GET /plain")).status, 200);
    }
    looks(&sidecar, "no longer looking at candidate");
    let stopped = wait(|| folder.log().into_iter().find(|record| record["event"] == "shadow_stopped"));
    assert_eq!((&stopped["looked_at"], &stopped["new_denials"]), (&5.into(), &5.into()));
    assert_eq!(shadows(&folder, 5).len(), 5, "what came after was not looked at");
    wait(|| (metric(&sidecar, "palisade_shadow_stops_total{origin=\"candidate\"}") == 1).then_some(()));
    wait(|| (metric(&sidecar, "palisade_shadow_active{origin=\"candidate\"}") == 0).then_some(()));
    wait(|| sidecar.logged().contains("too many new denials").then_some(()));
    // An edit of what is enforced is no other candidate.
    folder.write(
        "policies/more.cedar",
        "@id(\"more\") permit (principal in Role::\"more\", action, resource);\n",
    );
    looks(&sidecar, "generation 2\n");
    looks(&sidecar, "no longer looking at candidate");
    folder.write("candidate/main.cedar", &nobody("another"));
    wait(|| sidecar.admin("/readyz?verbose").text().contains("[+] looking at candidate").then_some(()));
    assert_eq!(ask(&mut client, ("ann", "GET /plain")).status, 200);
    assert_eq!(shadows(&folder, 6).len(), 6);
}

#[test]
fn a_broken_candidate_harms_nothing_and_is_told_where_an_operator_looks() {
    let upstream = Upstream::json("{}");
    let folder = folder(&upstream, "shadow: {policies: candidate}");
    folder.write("candidate/main.cedar", "@id(\"x\")\npermit (principal, action);\n");
    let sidecar = Sidecar::start(&folder);
    looks(&sidecar, "the candidate is broken");
    let text = sidecar.admin("/readyz?verbose").text();
    assert!(text.contains("candidate/main.cedar:2") && text.contains("files are what is live"), "{text}");
    let mut client = Client::connect(sidecar.data);
    assert_eq!(ask(&mut client, ("ann", "GET /plain")).status, 200);
    wait(|| (metric(&sidecar, "palisade_shadow_refused_total") == 1).then_some(()));
    let refused = wait(|| folder.log().into_iter().find(|record| record["event"] == "shadow_refused"));
    assert_eq!(refused["problems"][0]["line"], 2);
    // What is enforced can still be edited.
    folder.write("policies/main.cedar", &POLICIES.replace("clinician", "doctor"));
    wait(|| (ask(&mut client, ("ann", "GET /plain")).status == 403).then_some(()));
    assert!(sidecar.admin("/readyz?verbose").text().contains("the candidate is broken"));
    folder.write("candidate/main.cedar", POLICIES);
    looks(&sidecar, "looking at candidate");
    assert!(!sidecar.admin("/readyz?verbose").text().contains("broken"));
    std::fs::remove_dir_all(folder.path("candidate")).unwrap();
    wait(|| (!sidecar.admin("/readyz?verbose").text().contains("candidate")).then_some(()));
    wait(|| folder.log().into_iter().find(|record| record["event"] == "shadow_ended"));
}

#[test]
fn only_chosen_tenants_are_looked_at_and_what_was_handed_over_is_all_accounted_for() {
    let upstream = Upstream::json("{}");
    let folder = folder(
        &upstream,
        "shadow: {policies: candidate, tenants: [acme/west], stop_after: {new_denials: 0}}",
    );
    folder.write(
        "candidate/main.cedar",
        "@id(\"x\") permit (principal in Role::\"nobody\", action, resource);\n",
    );
    let sidecar = Sidecar::start(&folder);
    looks(&sidecar, "looking at candidate");
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let address = sidecar.data;
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                for _ in 0..250 {
                    assert_eq!(ask(&mut client, ("wes", "GET /plain")).status, 200);
                    assert_eq!(ask(&mut client, ("gil", "GET /plain")).status, 200);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    wait(|| {
        let of = |result: &str| {
            metric(
                &sidecar,
                &format!("palisade_shadow_decisions_total{{origin=\"candidate\",result=\"{result}\"}}"),
            )
        };
        let dropped = metric(&sidecar, "palisade_shadow_dropped_total");
        (of("disagreed") + of("agreed") + of("unknown") + dropped == 1_000).then_some(())
    });
    let unrecorded = metric(&sidecar, "palisade_shadow_unrecorded_total");
    let disagreed =
        metric(&sidecar, "palisade_shadow_decisions_total{origin=\"candidate\",result=\"disagreed\"}");
    assert!(disagreed > 0);
    let recorded = shadows(&folder, usize::try_from(disagreed - unrecorded).unwrap());
    assert!(recorded.iter().all(|record| record["caller"] == "acme/west"));
}

/// Runs a verb on the folder; its exit code and what it printed.
fn palisade(folder: &Folder, words: &[&str]) -> (i32, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(words)
        .arg("--config")
        .arg(folder.path("palisade.yaml"))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn one_promotion_or_rollback_works_at_a_time_and_a_second_one_changes_nothing() {
    let upstream = Upstream::json("{}");
    let folder = folder(&upstream, "shadow: {policies: candidate}");
    let permit = "@id(\"new\") permit (principal in Role::\"clinician\", action, resource);\n";
    folder.write("candidate/main.cedar", permit);
    assert_eq!(palisade(&folder, &["shadow", "promote"]).0, 0);
    let promoted = std::fs::read_to_string(folder.path("policies/main.cedar")).unwrap();
    folder.write("candidate/main.cedar", &permit.replace("new", "newer"));
    let at_work = std::fs::File::options().write(true).open(folder.path(".policies.lock")).unwrap();
    at_work.lock().unwrap();
    for verb in ["promote", "rollback"] {
        let (code, said) = palisade(&folder, &["shadow", verb]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("another promotion or rollback is at work"), "{said}");
        assert_eq!(palisade(&folder, &["shadow", verb, "--dry-run"]).0, 0);
    }
    assert_eq!(std::fs::read_to_string(folder.path("policies/main.cedar")).unwrap(), promoted);
    drop(at_work);
    assert_eq!(palisade(&folder, &["shadow", "promote"]).0, 0);
}

#[test]
fn a_promotion_and_a_rollback_under_load_are_on_record_and_no_request_sees_half_of_one() {
    const ROUNDS: usize = 6;
    let upstream = Upstream::json("{}");
    let folder = folder(&upstream, "shadow: {policies: candidate}");
    // Each side allows by two policies of its own, in files of their own.
    let permit =
        |id: &str| format!("@id(\"{id}\") permit (principal in Role::\"clinician\", action, resource);\n");
    for (side, name) in [("policies", "old"), ("candidate", "new")] {
        folder.write(&format!("{side}/main.cedar"), &permit(&format!("{name}-a")));
        folder.write(&format!("{side}/{name}.cedar"), &permit(&format!("{name}-b")));
    }
    let sidecar = Sidecar::start(&folder);
    looks(&sidecar, "looking at candidate");
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (address, stop) = (sidecar.data, std::sync::Arc::clone(&stop));
            std::thread::spawn(move || {
                let (mut client, mut asked) = (Client::connect(address), 0);
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    assert_eq!(ask(&mut client, ("ann", "GET /plain")).status, 200);
                    asked += 1;
                    std::thread::sleep(Duration::from_millis(1));
                }
                asked
            })
        })
        .collect();
    for round in 0..ROUNDS {
        let verb = if round % 2 == 0 { "promote" } else { "rollback" };
        let (code, said) = palisade(&folder, &["shadow", verb]);
        assert_eq!(code, 0, "{said}");
        looks(&sidecar, &format!("generation {}\n", round + 2));
        assert!(sidecar.admin("/readyz?verbose").text().contains("files are what is live"));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let asked: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    let records = folder.records("decision", asked);
    assert_eq!(records.len(), asked);
    let mut seen = BTreeMap::new();
    for record in &records {
        let reasons = record["reasons"].to_string();
        let whole = ["old", "new"].iter().any(|side| {
            reasons.contains(&format!("{side}-a"))
                && reasons.contains(&format!("{side}-b"))
                && record["reasons"].as_array().unwrap().len() == 2
        });
        assert!(whole, "{reasons}");
        let known = seen.entry(record["snapshot"].to_string()).or_insert_with(|| reasons.clone());
        assert_eq!(*known, reasons, "one snapshot, one set of reasons");
    }
    assert_eq!(seen.len(), 2);
    let events: Vec<Value> =
        folder.log().into_iter().filter(|record| record["event"] == "reload_applied").collect();
    let causes: Vec<&str> = events.iter().map(|event| event["cause"].as_str().unwrap()).collect();
    // A second promotion puts back what was enforced before too; that it is the candidate says more.
    assert_eq!(causes, ["promotion", "rollback", "promotion", "rollback", "promotion", "rollback"]);
    let started = folder.log().into_iter().find(|record| record["event"] == "shadow_started").unwrap();
    assert_eq!(started["candidate"], events[0]["after"], "a candidate's digest is that of its promotion");
    assert_eq!(events[0]["added"].to_string(), "[\"new-a\",\"new-b\"]");
    let refused = folder.log().into_iter().filter(|record| record["event"] == "reload_refused").count();
    assert_eq!(refused, 0);
}

#[test]
fn a_report_of_a_real_log_names_decisions_that_can_be_explained() {
    let upstream = Upstream::json("{}");
    let folder = folder(&upstream, "shadow: {policies: candidate}");
    folder.write("candidate/main.cedar", CANDIDATE);
    let sidecar = Sidecar::start(&folder);
    looks(&sidecar, "looking at candidate");
    assert_eq!(ask(&mut Client::connect(sidecar.data), (DESK, "GET /patients/7")).status, 200);
    shadows(&folder, 1);
    sidecar.signal("TERM");
    wait(|| folder.log().into_iter().find(|record| record["event"] == "stop"));
    let (code, said) = palisade(&folder, &["shadow", "report", "--fail-on", "new-denial", "-o", "json"]);
    assert_eq!(code, 5, "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    let story = &report["looked_at"][0];
    assert_eq!((&story["looked_at"], &story["disagreements"]), (&1.into(), &1.into()));
    let id = story["directions"]["new_denial"]["examples"][0]["decision_id"].as_str().unwrap();
    let log = folder.path("decisions.jsonl");
    let (code, said) = palisade(&folder, &["explain", "--log", log.to_str().unwrap(), id]);
    assert!(code == 0 && said.contains("made again: the same decision"), "{said}");
    let (_, said) = palisade(
        &folder,
        &["explain", "--log", log.to_str().unwrap(), id, "--set", "policies.directory=candidate"],
    );
    assert!(said.contains("made again: another decision"), "{said}");
}

#[test]
fn what_each_policy_did_is_told_by_the_admin_listener_and_by_the_verb() {
    let upstream = Upstream::json("{}");
    let folder = folder(&upstream, "shadow: {policies: candidate}");
    folder.write("candidate/main.cedar", CANDIDATE);
    folder.write(
        "policies/more.cedar",
        "@id(\"desk-writes\") permit (principal in Role::\"desk\", action == Action::\"update\", resource);\n\
         @id(\"desk-does-not-write\") forbid (principal in Role::\"desk\", action == Action::\"update\", resource);\n\
         @id(\"counts\") permit (principal in Role::\"desk\", action == Action::\"read\", resource == Resource::\"acme/west#GET /plain\") when { resource.level + 9223372036854775807 + 1 > 0 };\n",
    );
    let sidecar = Sidecar::start(&folder);
    looks(&sidecar, "looking at candidate");
    let mut client = Client::connect(sidecar.data);
    for _ in 0..5 {
        assert_eq!(ask(&mut client, ("ann", "GET /plain")).status, 200);
        assert_eq!(ask(&mut client, (DESK, "PUT /plain")).status, 403);
        assert_eq!(ask(&mut client, (DESK, "GET /plain")).status, 403);
    }
    let expected = [
        "\"clinicians\" 5 0 0",
        "\"counts\" 0 5 0",
        "\"desk\" 0 0 0",
        "\"desk-does-not-write\" 5 0 0",
        "\"desk-names\" 0 0 0",
        "\"desk-writes\" 0 0 5",
    ];
    let counts = || -> Vec<String> {
        let page = sidecar.admin("/policies").json();
        let all = page["policies"].as_array().unwrap().iter();
        all.map(|one| format!("{} {} {} {}", one["id"], one["matched"], one["errored"], one["overridden"]))
            .collect()
    };
    wait(|| (counts() == expected).then_some(()));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(counts(), expected, "nothing is counted twice");
    let second = sidecar.admin("/policies?from=2&limit=1").json();
    assert_eq!(
        (&second["policies"][0]["id"], &second["next"], &second["total"]),
        (&"desk".into(), &3.into(), &6.into())
    );
    assert_eq!(sidecar.admin("/policies?of=mode").status, 404);
    assert_eq!(sidecar.admin("/policies?from=x").status, 404);
    let address = sidecar.admin.to_string();
    let (code, said) = palisade(&folder, &["policies", "--address", &address]);
    assert_eq!(code, 0, "{said}");
    for line in [
        "never matched: 2",
        "permit desk  ",
        "only erring: 1",
        "permit counts",
        "always overridden: 1",
        "permit desk-writes",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let (code, said) =
        palisade(&folder, &["policies", "--address", &address, "--of", "candidate", "--all", "-o", "json"]);
    assert!(code == 0 && said.contains("\"no-ssn\""), "{said}");
    let (code, said) = palisade(&folder, &["policies", "--address", &address, "--of", "mode"]);
    assert!(code == 2 && said.contains("no policies are `mode` there"), "{said}");
}
