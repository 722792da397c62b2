//! The README holds what it says: its commands are run in their order, and what they answer is what it shows (`…` stands
//! for anything). A command that is not in the list below fails. Never: needs curl, or a port that may be taken.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use common::Client;
use common::Upstream;
use common::pages;
use common::pages::Block;
use common::pages::Serving;
use common::pages::compare;
use tempfile::TempDir;

/// How a command of the README is run here.
#[derive(Clone, Copy)]
enum How {
    /// Not here: somebody else runs it.
    Elsewhere,
    /// By a shell, and it ends with this exit code.
    Shell(i32),
    /// It is the sidecar: in the background, on free ports, in front of an app that answers [`PATIENTS`].
    Serve,
    /// A shell takes its arguments apart, our own client sends it.
    Curl,
    /// By a shell, beside the clinic's decision log.
    Log,
}

/// Every command of the README, in its order.
const COMMANDS: [(&str, How); 34] = [
    ("cargo run --release --example clinic", How::Elsewhere),
    ("cargo test --features audit", How::Elsewhere),
    ("cargo build --release", How::Elsewhere),
    ("export PATH=\"$PWD/target/release:$PATH\"", How::Elsewhere),
    ("palisade init demo", How::Shell(0)),
    ("palisade check --config demo/palisade.yaml", How::Shell(0)),
    ("palisade run --config demo/palisade.yaml", How::Serve),
    ("curl -sH \"x-api-key: $KEY\" http://127.0.0.1:8080/patients", How::Curl),
    ("curl -sH \"x-api-key: $KEY\" -H 'x-tenant: globex' http://127.0.0.1:8080/patients", How::Curl),
    ("palisade healthcheck --config demo/palisade.yaml", How::Shell(0)),
    ("curl -s 'http://127.0.0.1:8081/readyz?verbose'", How::Curl),
    (
        "palisade eval --config examples/clinic/config/palisade.yaml \
         --principal frida --tenant acme/west --roles frontdesk --method GET --path /patients/p-101",
        How::Shell(0),
    ),
    (
        "palisade eval --config examples/clinic/config/palisade.yaml \
         --principal gus --tenant globex --roles auditor --target acme --purpose audit --method GET --path /claims",
        How::Shell(0),
    ),
    (
        "palisade explain --config examples/clinic/config/palisade.yaml \
         --principal gus --tenant globex --roles auditor --target acme --method GET --path /claims",
        How::Shell(0),
    ),
    ("palisade test --config examples/clinic/config/palisade.yaml", How::Shell(0)),
    (
        "echo '@id(\"oops\") permit (principal, action, resource) when { resource.levle < 2 };' \
         > demo/policies/oops.cedar",
        How::Shell(0),
    ),
    ("palisade check --config demo/palisade.yaml", How::Shell(3)),
    ("rm demo/policies/oops.cedar", How::Shell(0)),
    ("palisade lint --config demo/palisade.yaml", How::Shell(0)),
    ("palisade fmt --config demo/palisade.yaml", How::Shell(0)),
    ("cp -R demo/policies candidate", How::Shell(0)),
    (
        "echo '@id(\"nobody-lists\") forbid (principal, action == Action::\"list\", resource);' \
         > candidate/lists.cedar",
        How::Shell(0),
    ),
    ("palisade diff --config demo/palisade.yaml demo/policies candidate", How::Shell(0)),
    ("palisade shadow report --config demo/palisade.yaml", How::Shell(0)),
    ("palisade policies --config demo/palisade.yaml", How::Shell(0)),
    ("palisade schema cedar", How::Shell(0)),
    ("palisade schema config", How::Shell(0)),
    ("cargo run --release --example clinic -- --serve", How::Elsewhere),
    ("grep '\"pathway\":' decisions.jsonl | tail -n 1", How::Log),
    ("grep '\"type\":\"outcome\"' decisions.jsonl | tail -n 1", How::Log),
    ("palisade audit --help", How::Shell(0)),
    ("palisade replay --help", How::Shell(0)),
    ("grep '\"event\":\"reload_' decisions.jsonl", How::Log),
    ("palisade schema record", How::Shell(0)),
];

/// What the app answers in the platform team's part.
const PATIENTS: &str = r#"[{"id":"p-1","name":"Ana Abara","phone":"+49 40 5550 0104","ssn":"912-70-0001"}]"#;
/// What the clinic answers in the auditors' part.
const CLAIMS: &str = r#"{"count":1,"claims":[{"id":"c-101","data_key":"acme/claims/west/","status":"open",
    "patient":{"id":"p-101","name":"Liam Abara"},"diagnosis":{"code":"I10"},"payer":{"member":"M1"},"total":163}]}"#;
const CLINIC: &str = "examples/clinic/config";
const SECRET: &str = "gus-secret-0123456789abcdef0123456789abcdef";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks.
fn blocks() -> Vec<Block> {
    pages::blocks(&readme())
}

/// Where the commands run: a folder with the examples in it, and the sidecar once it serves.
struct Ground {
    folder: TempDir,
    key: String,
    serving: Option<Serving>,
    clinic: bool,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").arg("-R").arg(root().join("examples")).arg(folder.path()).status();
        assert!(copied.unwrap().success());
        Self { folder, key: String::new(), serving: None, clinic: false }
    }

    fn run(&mut self, command: &str, how: How) -> String {
        match how {
            How::Elsewhere => String::new(),
            How::Shell(code) => {
                let said = self.shell(command, ".", code);
                if let Some(key) = said.lines().find(|line| line.trim().starts_with("demo.")) {
                    key.trim().clone_into(&mut self.key);
                }
                said
            }
            How::Serve => {
                self.serving = Some(Serving::start(self.folder.path(), command, Upstream::json(PATIENTS)));
                String::new()
            }
            How::Curl => {
                let arguments = self.shell(command, ".", 0);
                self.serving.as_ref().unwrap().curl(&arguments)
            }
            How::Log => {
                if !std::mem::replace(&mut self.clinic, true) {
                    leave_records(self.folder.path());
                }
                // What says who he is: an API key here, a token in the README.
                self.shell(command, CLINIC, 0).replace(r#""source":"api_key""#, r#""source":"claim""#)
            }
        }
    }

    /// Runs it as it stands; only the addresses that Palisade is told are those that were free.
    fn shell(&self, command: &str, folder: &str, code: i32) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_palisade")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
        let set = self.serving.as_ref().map(|sidecar| format!("--set listen.admin={}", sidecar.admin));
        let script = format!(
            "palisade() {{ command palisade \"$@\" $SET; }}\ncurl() {{ printf '%s\\n' \"$@\"; }}\n{{ {command}\n}} 2>&1"
        );
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(self.folder.path().join(folder))
            .env("PATH", path)
            .env("SET", set.unwrap_or_default())
            .env("KEY", &self.key)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}\n{said}");
        said
    }
}

/// The auditor of globex reads claims of acme, and an edit is refused.
fn leave_records(folder: &Path) {
    let digest = palisade::ids::Digest::of(SECRET.as_bytes());
    let key = format!(
        "keys:\n  - {{id: gus, sha256: \"{digest}\", kind: user, principal: gus, tenant: globex, roles: [auditor]}}\n"
    );
    let clinic = folder.join(CLINIC);
    fs::write(clinic.join("api_keys.yaml"), key).unwrap();
    let command = format!("palisade run --config {CLINIC}/palisade.yaml");
    let sidecar = Serving::start(folder, &command, Upstream::json(CLAIMS));
    let head =
        format!("GET /claims HTTP/1.1\r\nx-api-key: gus.{SECRET}\r\nx-tenant: acme\r\nx-purpose: audit\r\n");
    let answer = Client::connect(sidecar.data).ask(&head, b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    fs::write(clinic.join("policies/oops.cedar"), "permit (").unwrap();
    for record in ["\"type\":\"outcome\"", "\"event\":\"reload_refused\""] {
        let end = Instant::now() + Duration::from_secs(20);
        while !fs::read_to_string(clinic.join("decisions.jsonl")).unwrap().contains(record) {
            assert!(Instant::now() < end, "no {record}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn the_list_here_and_the_commands_of_the_readme_are_the_same() {
    let found: Vec<String> = blocks().iter().flat_map(Block::commands).collect();
    let known: Vec<&str> = COMMANDS.iter().map(|(command, _)| *command).collect();
    assert_eq!(found, known);
}

#[test]
fn every_command_of_the_readme_does_what_the_readme_shows() {
    assert!(readme().contains(PATIENTS), "what the app answers");
    let blocks = blocks();
    let mut ground = Ground::new();
    let mut list = COMMANDS.iter();
    let mut compared = 0;
    for (at, block) in blocks.iter().enumerate() {
        let commands = block.commands();
        let said: String =
            commands.iter().map(|command| ground.run(command, list.next().unwrap().1)).collect();
        let shown = blocks.get(at + 1).filter(|next| ["text", "json"].contains(&next.language.as_str()));
        if let Some(shown) = shown.filter(|_| !commands.is_empty()) {
            compare(shown, &said).unwrap_or_else(|why| panic!("{commands:?}: {why}"));
            compared += 1;
        }
    }
    let shown = blocks.iter().filter(|block| ["text", "json"].contains(&block.language.as_str())).count();
    assert_eq!(compared, shown, "a block shows what no command says");
}

#[test]
fn the_policies_and_the_openapi_members_of_the_readme_are_those_of_the_clinic() {
    let clinic = root().join(CLINIC);
    let read = |name: &str| fs::read_to_string(clinic.join(name)).unwrap();
    let cedar = read("policies/roles.cedar") + &read("policies/tenants/acme/sharing.cedar");
    let openapi = read("openapi.yaml");
    for block in blocks() {
        let file = match block.language.as_str() {
            "cedar" => &cedar,
            "yaml" => &openapi,
            _ => continue,
        };
        for line in block.text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "# …") {
            assert!(file.lines().any(|real| real.trim() == line), "the clinic has no `{line}`");
        }
    }
}

#[test]
fn the_readme_links_to_what_is_there_and_names_no_path_of_a_machine() {
    let readme = readme();
    for link in readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        assert!(link.starts_with("https://") || root().join(link).exists(), "{link}");
    }
    for path in ["/home/", "/root/", "/tmp/", "/Users/", env!("CARGO_MANIFEST_DIR")] {
        assert!(!readme.contains(path), "{path}");
    }
}
