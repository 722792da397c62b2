//! The manual's half-day of a security engineer holds what it says: its files are written and its commands run, in their
//! order and in one shell, and what they answer is what it shows (`…` stands for anything). Never: needs curl, or a port
//! that may be taken.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use common::Upstream;
use common::pages::Block;
use common::pages::Serving;
use common::pages::blocks;
use common::pages::compare;
use tempfile::TempDir;

/// The commands that do not end with 0.
const ENDS: [(&str, i32); 3] = [
    ("palisade test --set policies.directory=candidate --filter settlement", 4),
    ("palisade lint --set policies.directory=candidate --deny warnings", 5),
    ("palisade diff policies candidate --now 2030-01-01T00:00:00Z --fail-on widening", 5),
];
/// What the clinic's app answers.
const CLAIMS: &str = r#"{"count":1,"claims":[{"id":"c-101","data_key":"acme/claims/west/","status":"open","patient":{"id":"p-101","name":"Liam Abara"},"diagnosis":{"code":"I10"},"payer":{"member":"M1"},"total":163}]}"#;
const SECRET: &str = "desk-secret-0123456789abcdef0123456789abcdef";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn chapter() -> String {
    fs::read_to_string(root().join("src/manual/half-day.md")).unwrap()
}

/// One shell from the beginning to the end, so that what one command sets the next one has.
struct Shell {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Shell {
    fn start(folder: &Path) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_palisade")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
        let mut child = Command::new("sh")
            .current_dir(folder)
            .env("PATH", path)
            .env("KEY", format!("desk.{SECRET}"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut shell = Self { child, stdin, stdout };
        // What the clients of the story send is sent by a client of ours.
        shell.run("exec 2>&1; curl() { printf '%s\\n' \"$@\"; }");
        shell
    }

    /// What a command says, and what it ends with.
    fn run(&mut self, command: &str) -> (String, i32) {
        const END: &str = "--- it ended with ";
        writeln!(self.stdin, "{command}\necho; echo \"{END}$?\"").unwrap();
        let (mut said, mut line) = (String::new(), String::new());
        loop {
            line.clear();
            assert!(
                self.stdout.read_line(&mut line).unwrap() > 0,
                "the shell is gone after `{command}`: {said}"
            );
            if let Some(code) = line.strip_prefix(END) {
                // `$?` is that of the `echo` before it.
                return (said, code.trim().parse().unwrap());
            }
            said += &line;
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Where the story takes place.
struct Ground {
    folder: TempDir,
    shell: Shell,
    serving: Option<Serving>,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").arg("-R").arg(root().join("examples")).arg(folder.path()).status();
        assert!(copied.unwrap().success());
        // The desk has its key already.
        let keys = folder.path().join("examples/clinic/config/api_keys.yaml");
        let digest = palisade::ids::Digest::of(SECRET.as_bytes());
        let key = format!(
            "  - {{id: desk, sha256: \"{digest}\", kind: user, principal: lea, tenant: globex/north, roles: [billing]}}\n"
        );
        let text = fs::read_to_string(&keys).unwrap();
        fs::write(&keys, text + &key).unwrap();
        let shell = Shell::start(folder.path());
        Self { folder, shell, serving: None }
    }

    fn clinic(&self) -> PathBuf {
        self.folder.path().join("clinic")
    }

    /// What a command says; it must end as it should.
    fn run(&mut self, command: &str) -> String {
        if command == "palisade run &" {
            self.serving = Some(Serving::start(&self.clinic(), "palisade run", Upstream::json(CLAIMS)));
            self.wait("\"event\":\"shadow_started\"");
            return String::new();
        }
        if command.starts_with("palisade explain --log") {
            self.wait("\"type\":\"outcome\"");
        }
        if command == "palisade shadow report" {
            self.wait("\"type\":\"shadow\"");
        }
        let (said, _) = self.shell.run(&format!("{command}\nended=$?"));
        let (code, _) = self.shell.run("echo $ended");
        let wanted = ENDS.iter().find(|(known, _)| *known == command).map_or(0, |(_, code)| *code);
        assert_eq!(code.trim(), wanted.to_string(), "`{command}` says:\n{said}");
        if command == "palisade shadow promote" {
            self.wait("\"event\":\"reload_applied\"");
        }
        if command.starts_with("curl ") { self.serving.as_ref().unwrap().curl(&said) } else { said }
    }

    /// Waits until the decision log has lines with this in them.
    fn wait(&self, what: &str) {
        let log = self.clinic().join("decisions.jsonl");
        let end = Instant::now() + Duration::from_secs(30);
        while !fs::read_to_string(&log).unwrap_or_default().contains(what) {
            assert!(Instant::now() < end, "no {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A block with a file's name after its language is that file.
fn write_file(ground: &Ground, block: &Block) -> bool {
    let Some((_, name)) = block.language.split_once(' ') else { return false };
    let path = ground.clinic().join(name);
    fs::write(path, format!("{}\n", block.text)).unwrap();
    true
}

#[test]
fn every_command_of_the_half_day_does_what_it_shows() {
    let blocks = blocks(&chapter());
    let mut ground = Ground::new();
    let (mut commands, mut compared) = (0, 0);
    for (at, block) in blocks.iter().enumerate() {
        if write_file(&ground, block) {
            continue;
        }
        let here = block.commands();
        let said: String = here.iter().map(|command| ground.run(command)).collect();
        commands += here.len();
        let shown =
            blocks.get(at + 1).filter(|next| ["text", "json", "mermaid"].contains(&next.language.as_str()));
        if let Some(shown) = shown.filter(|_| !here.is_empty()) {
            compare(shown, &said).unwrap_or_else(|why| panic!("{}\n{why}", here.join("\n")));
            compared += 1;
        }
    }
    assert!(commands >= 15 && compared >= 12, "{commands} commands, {compared} answers");
}

#[test]
fn each_command_that_fails_is_in_the_chapter() {
    let found: Vec<String> = blocks(&chapter()).iter().flat_map(Block::commands).collect();
    for (command, _) in ENDS {
        assert!(found.iter().any(|known| known == command), "{command}");
    }
}
