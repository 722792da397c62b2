//! `palisade lsp` as editors start it: literal bytes over the standard streams, and a whole session of Neovim.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what it skips"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value as Json;
use serde_json::json;
use tempfile::TempDir;

fn palisade() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.env_clear();
    command
}

/// A copy of the clinic's configuration.
fn clinic() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/clinic/config/.");
    assert!(Command::new("cp").arg("-R").arg(from).arg(folder.path()).status().unwrap().success());
    folder
}

/// An editor that has started the program.
struct Editor {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Editor {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = palisade()
            .arg("lsp")
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout }
    }

    /// One that works in this folder.
    fn hello(folder: &Path, arguments: &[&str]) -> Self {
        let mut editor = Self::start(folder, arguments);
        let root = format!("file://{}", folder.display());
        editor.ask(0, "initialize", &json!({ "rootUri": root, "capabilities": {} }));
        assert_eq!(editor.read()["id"], 0);
        editor.tell("initialized", &json!({}));
        editor
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // It may have ended already; what it says of that is looked at later.
        drop(self.stdin.as_mut().unwrap().write_all(bytes));
    }

    fn send(&mut self, message: &Json) {
        let text = message.to_string();
        self.bytes(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    fn ask(&mut self, id: u32, method: &str, params: &Json) {
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
    }

    fn tell(&mut self, method: &str, params: &Json) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn open(&mut self, path: &Path, text: &str) {
        let uri = format!("file://{}", path.display());
        self.tell(
            "textDocument/didOpen",
            &json!({ "textDocument": { "uri": uri, "languageId": "x", "version": 1, "text": text } }),
        );
    }

    fn change(&mut self, path: &Path, version: u32, text: &str) {
        let document = json!({ "uri": format!("file://{}", path.display()), "version": version });
        self.tell(
            "textDocument/didChange",
            &json!({ "textDocument": document, "contentChanges": [{ "text": text }] }),
        );
    }

    fn read(&mut self) -> Json {
        let mut head = String::new();
        self.stdout.read_line(&mut head).unwrap();
        let length =
            head.trim().strip_prefix("Content-Length: ").unwrap_or_else(|| panic!("`{head}` is no header"));
        let mut rest = vec![0; length.parse::<usize>().unwrap() + 2];
        self.stdout.read_exact(&mut rest).unwrap();
        serde_json::from_slice(rest.strip_prefix(b"\r\n").unwrap()).unwrap()
    }

    /// The problems of a file, once they are as wanted.
    fn problems(&mut self, name: &str, wanted: impl Fn(&[Json]) -> bool) -> Vec<Json> {
        loop {
            let message = self.read();
            if message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"].as_str().unwrap().ends_with(name)
            {
                let problems = message["params"]["diagnostics"].as_array().unwrap().clone();
                if wanted(&problems) {
                    return problems;
                }
            }
        }
    }

    /// Leaves as it should be left: the exit code.
    fn leave(&mut self) -> i32 {
        self.ask(99, "shutdown", &Json::Null);
        while self.read()["id"] != 99 {}
        self.tell("exit", &Json::Null);
        self.end()
    }

    /// The exit code, once nothing more comes.
    fn end(&mut self) -> i32 {
        self.stdin = None;
        self.child.wait().unwrap().code().unwrap()
    }

    fn errors(&mut self) -> String {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_conversation_in_literal_bytes() {
    let folder = clinic();
    let mut editor = Editor::start(folder.path(), &[]);
    editor.bytes(b"Content-Length: 73\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n");
    editor.bytes(br#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"rootUri":null}} "#);
    let mut head = vec![0; 21];
    editor.stdout.read_exact(&mut head).unwrap();
    let head = String::from_utf8(head).unwrap();
    let length: usize =
        head.strip_prefix("Content-Length: ").unwrap().split('\r').next().unwrap().parse().unwrap();
    assert!(head.ends_with("\r\n") || head.contains("\r\n"), "{head:?}");
    let already = head.split("\r\n").nth(1).unwrap().len();
    let mut rest = vec![0; length + 2 - already];
    editor.stdout.read_exact(&mut rest).unwrap();
    let rest = String::from_utf8(rest).unwrap();
    assert!(rest.trim_start().starts_with(r#"{"jsonrpc":"2.0","id":1,"result":{"capabilities":{"#), "{rest}");
    editor.bytes(b"Content-Length: 44\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"shutdown\"}");
    assert_eq!(editor.read(), json!({ "jsonrpc": "2.0", "id": 2, "result": null }));
    editor.bytes(b"Content-Length: 33\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"exit\"}");
    assert_eq!(editor.end(), 0);
}

#[test]
fn it_ends_with_1_where_it_is_left_without_a_word() {
    let folder = clinic();
    let mut editor = Editor::hello(folder.path(), &[]);
    editor.tell("exit", &Json::Null);
    assert_eq!(editor.end(), 1);
    let mut editor = Editor::hello(folder.path(), &[]);
    assert_eq!(editor.end(), 1, "the stream just ends");
    let mut editor = Editor::start(folder.path(), &[]);
    assert_eq!(editor.end(), 1);
    let mut editor = Editor::hello(folder.path(), &[]);
    assert_eq!(editor.leave(), 0);
}

#[test]
fn headers_that_are_none_end_it_and_json_that_is_none_does_not() {
    let folder = clinic();
    for bytes in [
        "hello\n",
        "Content-Length: x\r\n\r\n",
        "Content-Length: 2\n\n{}",
        "X: 1\r\n\r\n",
        "Content-Length: 9\r\n\r\n{}",
    ] {
        let mut editor = Editor::start(folder.path(), &[]);
        editor.bytes(bytes.as_bytes());
        assert_eq!(editor.end(), 1, "{bytes:?}");
        let said = editor.errors();
        assert!(
            said.starts_with("error: the standard input") && said.lines().count() == 1,
            "{bytes:?}: {said}"
        );
        let mut rest = Vec::new();
        editor.stdout.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "{bytes:?}");
    }
    let mut editor = Editor::hello(folder.path(), &[]);
    for (bytes, code) in
        [("{", -32700), ("[]", -32600), ("7", -32600), ("{\"id\":1}", -32600), ("\u{fffd}", -32700)]
    {
        editor.bytes(format!("Content-Length: {}\r\n\r\n{bytes}", bytes.len()).as_bytes());
        let mut answer = editor.read();
        while answer.get("error").is_none() {
            answer = editor.read();
        }
        assert_eq!(answer["error"]["code"], code, "{bytes}");
    }
    editor.bytes(b"Content-Length: 3\r\n\r\n\"\xff\"");
    assert_eq!(editor.read()["error"]["code"], -32700, "no UTF-8");
    assert_eq!(editor.leave(), 0);
}

/// What `check` and `lint` say: file, line, code.
fn said_by(folder: &Path, verb: &str) -> BTreeSet<(String, u64, String)> {
    let config = folder.join("palisade.yaml");
    let output = palisade().args([verb, "-o", "json", "-c", config.to_str().unwrap()]).output().unwrap();
    let found: Json = serde_json::from_slice(&output.stdout).unwrap();
    let one = |problem: &Json| {
        let place = &problem["place"];
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        (text(&place["file"]), place["line"].as_u64().unwrap(), text(&problem["code"]))
    };
    found["problems"].as_array().unwrap().iter().map(one).collect()
}

/// What an editor is told at once: file, line, code.
fn told(folder: &Path, said: &BTreeSet<(String, u64, String)>) -> BTreeSet<(String, u64, String)> {
    let files: BTreeSet<&String> = said.iter().map(|(file, _, _)| file).collect();
    let mut editor = Editor::hello(folder, &[]);
    let mut found = BTreeSet::new();
    for _ in files {
        let message = editor.read();
        assert_eq!(message["method"], "textDocument/publishDiagnostics");
        let file = message["params"]["uri"].as_str().unwrap().strip_prefix("file://").unwrap();
        for problem in message["params"]["diagnostics"].as_array().unwrap() {
            let line = problem["range"]["start"]["line"].as_u64().unwrap() + 1;
            found.insert((file.to_owned(), line, problem["code"].as_str().unwrap().to_owned()));
        }
    }
    assert_eq!(editor.leave(), 0);
    found
}

#[test]
fn what_is_told_is_what_check_and_lint_say() {
    let folder = clinic();
    let add = |name: &str, more: &str| {
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, text + more).unwrap();
    };
    add("policies/new.cedar", "@id(\"open\")\npermit (principal, action, resource) when { true };\n");
    let lint = said_by(folder.path(), "lint");
    assert!(!lint.is_empty() && said_by(folder.path(), "check").is_empty(), "{lint:?}");
    assert_eq!(told(folder.path(), &lint), lint);

    add("tenants.yaml", "  umbrella: {regon: eu}\n");
    add("classes.yaml", "  other: {}\n");
    add("policies/roles_test.yaml", "more: 1\n");
    add("policies/broken.cedar", "permit (");
    add("policies/x.links.yaml", "links: [{id: a, template: nothing}]\n");
    let check = said_by(folder.path(), "check");
    let files: BTreeSet<&String> = check.iter().map(|(file, _, _)| file).collect();
    assert_eq!(files.len(), 5, "{check:?}");
    assert_eq!(told(folder.path(), &check), check);

    add("palisade.yaml", "nonsense: 1\n");
    let check = said_by(folder.path(), "check");
    assert_eq!(check.len(), 1, "{check:?}");
    assert_eq!(told(folder.path(), &check), check);
}

#[test]
fn what_stands_in_the_editor_counts_and_is_never_written() {
    let folder = clinic();
    let before = fs::read_to_string(folder.path().join("policies/roles.cedar")).unwrap();
    let mut editor = Editor::hello(folder.path(), &[]);
    let roles = folder.path().join("policies/roles.cedar");
    editor.open(&roles, &before);
    editor.change(&roles, 2, &before.replacen("Role::\"clinician\"", "Rol::\"clinician\"", 1));
    editor.problems("/roles.cedar", |problems| problems.iter().any(|problem| problem["severity"] == 1));
    // A file that is not there yet, in the folder of a tenant: it is confined, and its problems are told.
    let new = folder.path().join("policies/tenants/acme/new.cedar");
    editor.change(&roles, 3, &before);
    editor.problems("/roles.cedar", <[Json]>::is_empty);
    editor.open(&new, "@id(\"new\") permit (principal in Tenant::\"acem\", action, resource);");
    editor.problems("/new.cedar", |problems| {
        problems.iter().any(|problem| problem["code"] == "unknown-tenant")
    });
    editor.change(&new, 2, "@id(\"new\") permit (principal in Tenant::\"acme\", action, resource);");
    editor.problems("/new.cedar", |problems| {
        problems.iter().all(|problem| problem["code"] != "unknown-tenant")
    });
    let uri = format!("file://{}", new.display());
    let params = json!({ "textDocument": { "uri": uri }, "position": { "line": 0, "character": 6 } });
    editor.ask(5, "textDocument/hover", &params);
    let answer = editor.read();
    let said = answer["result"]["contents"]["value"].as_str().unwrap();
    assert!(said.contains("the confinement: it stands in a tenant's folder"), "{said}");
    // The configuration itself, and a file that is emptied.
    let config = folder.path().join("palisade.yaml");
    let text = fs::read_to_string(&config).unwrap();
    editor.open(&config, &text.replace("listen:", "listn:"));
    editor.problems("/palisade.yaml", |problems| problems.len() == 1);
    editor.change(&config, 2, &text);
    editor.problems("/palisade.yaml", <[Json]>::is_empty);
    editor.change(&roles, 4, "");
    editor
        .problems("/roles.cedar", |problems| problems.iter().any(|problem| problem["code"] == "empty-file"));
    assert_eq!(editor.leave(), 0);
    assert_eq!(fs::read_to_string(&roles).unwrap(), before);
    assert!(!new.exists());
}

#[test]
fn fast_typing_is_looked_at_once_it_is_over() {
    let folder = clinic();
    let mut editor = Editor::hello(folder.path(), &[]);
    let path = folder.path().join("policies/new.cedar");
    editor.open(&path, "@id(\"n\") permit (");
    editor.problems("/new.cedar", |problems| !problems.is_empty());
    for number in 2..200 {
        editor.change(&path, number, &format!("@id(\"n\") permit (principal in Tenant::\"t{number}\""));
    }
    editor.change(&path, 200, "@id(\"n\") permit (principal in Tenant::\"t\", action, resource);");
    let mut looks = 0;
    loop {
        let message = editor.read();
        looks += 1;
        if message["params"]["version"] == 200 {
            assert_eq!(message["params"]["diagnostics"][0]["code"], "unknown-tenant");
            break;
        }
    }
    assert!(looks < 20, "{looks} looks at 200 edits");
    assert_eq!(editor.leave(), 0);
}

#[test]
fn files_that_change_all_the_time_are_looked_at_one_look_after_another() {
    let folder = clinic();
    let mut editor = Editor::hello(folder.path(), &[]);
    fs::write(folder.path().join("policies/new.cedar"), "permit (").unwrap();
    let mut stdin = editor.stdin.take().unwrap();
    let (told, is_told) = std::sync::mpsc::channel();
    let events = std::thread::spawn(move || {
        let text = r#"{"jsonrpc":"2.0","method":"workspace/didChangeWatchedFiles","params":{"changes":[]}}"#;
        let message = format!("Content-Length: {}\r\n\r\n{text}", text.len());
        for number in 0..10_000_u32 {
            if is_told.try_recv().is_ok() {
                return (stdin, number);
            }
            stdin.write_all(message.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("nothing was told while files changed");
    });
    editor.problems("/new.cedar", |problems| !problems.is_empty());
    told.send(()).unwrap();
    let (stdin, before) = events.join().unwrap();
    editor.stdin = Some(stdin);
    // Those that came meanwhile are looked at together.
    editor.ask(99, "shutdown", &Json::Null);
    let mut looks = 0;
    while editor.read()["id"] != 99 {
        looks += 1;
    }
    assert!(looks < 10, "{looks} looks after {before} events");
    editor.tell("exit", &Json::Null);
    assert_eq!(editor.end(), 0);
}

#[test]
fn the_configuration_is_looked_for_again_when_it_appears_moves_or_goes() {
    let from = clinic();
    let folder = tempfile::tempdir().unwrap();
    let mut editor = Editor::hello(folder.path(), &[]);
    assert_eq!(editor.read()["method"], "window/showMessage");
    fs::write(from.path().join("policies/new.cedar"), "permit (").unwrap();
    let copy = |to: &Path| {
        let all = from.path().join(".");
        assert!(Command::new("cp").arg("-R").arg(all).arg(to).status().unwrap().success());
    };
    copy(folder.path());
    let saved = json!({ "changes": [] });
    editor.tell("workspace/didChangeWatchedFiles", &saved);
    editor.problems("/policies/new.cedar", |problems| !problems.is_empty());
    // It goes.
    fs::remove_file(folder.path().join("palisade.yaml")).unwrap();
    editor.tell("workspace/didChangeWatchedFiles", &saved);
    let message = editor.read();
    assert_eq!(message["method"], "window/showMessage", "{message}");
    editor.problems("/policies/new.cedar", <[Json]>::is_empty);
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    copy(&inner);
    // It is elsewhere, where it is found from a file that is opened.
    editor.open(&inner.join("tenants.yaml"), "tenants: {}");
    editor.problems("/inner/policies/new.cedar", |problems| !problems.is_empty());
    assert_eq!(editor.leave(), 0);
}

#[test]
fn a_configuration_by_another_name_that_takes_a_bundle_is_looked_at_once() {
    let folder = clinic();
    fs::write(folder.path().join("policies/new.cedar"), "permit (").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let mut editor = Editor::hello(&link, &[]);
    editor.problems("/new.cedar", |problems| !problems.is_empty());
    let text = "upstream: {address: '127.0.0.1:9000'}\nbundle: {name: clinic, source: 'https://bundles.example/clinic', public_keys: [a.pub]}\n";
    editor.open(&folder.path().join("palisade.yaml"), text);
    editor.problems("/new.cedar", <[Json]>::is_empty);
    std::thread::sleep(Duration::from_millis(500));
    editor.ask(99, "shutdown", &Json::Null);
    let mut told = Vec::new();
    loop {
        let message = editor.read();
        if message["id"] == 99 {
            break;
        }
        told.push(message);
    }
    assert!(told.len() < 4, "{told:?}");
    editor.tell("exit", &Json::Null);
    assert_eq!(editor.end(), 0);
}

#[test]
fn a_message_that_is_too_large_takes_the_text_that_it_replaced() {
    let folder = clinic();
    let mut editor = Editor::hello(folder.path(), &[]);
    let path = folder.path().join("policies/new.cedar");
    editor.open(&path, "permit (");
    editor.problems("/new.cedar", |problems| problems.len() == 1 && problems[0]["code"] != "not-shown");
    editor.change(&path, 2, "forbid (");
    editor.change(&path, 3, &"x".repeat(65 << 20));
    let problems =
        editor.problems("/new.cedar", |problems| problems.iter().any(|one| one["code"] == "not-shown"));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(editor.leave(), 0);
}

#[test]
fn the_configuration_is_the_nearest_one_or_the_one_that_is_named() {
    let folder = clinic();
    let below = folder.path().join("policies/tenants/acme");
    fs::write(folder.path().join("policies/new.cedar"), "permit (").unwrap();
    let mut editor = Editor::hello(&below, &[]);
    editor.problems("/policies/new.cedar", |problems| !problems.is_empty());
    assert_eq!(editor.leave(), 0);

    let elsewhere = tempfile::tempdir().unwrap();
    let mut editor = Editor::hello(elsewhere.path(), &[]);
    let message = editor.read();
    assert_eq!(message["method"], "window/showMessage");
    assert!(message["params"]["message"].as_str().unwrap().contains("--config"), "{message}");
    // Where the editor works tells nothing, but what it opens does.
    editor.open(&folder.path().join("policies/new.cedar"), "forbid (");
    editor.problems("/policies/new.cedar", |problems| !problems.is_empty());
    assert_eq!(editor.leave(), 0);

    let config = folder.path().join("palisade.yaml");
    let mut editor = Editor::hello(elsewhere.path(), &["--config", config.to_str().unwrap()]);
    editor.problems("/policies/new.cedar", |problems| !problems.is_empty());
    assert_eq!(editor.leave(), 0);

    // The same folder by another name.
    let link: PathBuf = elsewhere.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let mut editor = Editor::hello(folder.path(), &[]);
    let path = link.join("policies/new.cedar");
    editor.open(&path, "@id(\"n\") permit (principal in Tenant::\"acem\", action, resource);");
    editor.problems("/link/policies/new.cedar", |problems| {
        problems.iter().any(|one| one["code"] == "unknown-tenant")
    });
    assert_eq!(editor.leave(), 0);
}

#[test]
fn a_session_of_neovim_on_the_clinic() {
    let nvim = Command::new("nvim").arg("--version").output();
    if !nvim.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: no nvim (Debian: apt-get install neovim)");
        return;
    }
    let folder = clinic();
    let home = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/editor/session.lua");
    let output = Command::new("nvim")
        .args(["--headless", "--clean", "-n", "-c"])
        .arg(format!("luafile {}", script.display()))
        .args(["-c", "cquit 1"])
        .current_dir(folder.path())
        .env("HOME", home.path())
        .env("XDG_STATE_HOME", home.path())
        .env("XDG_CACHE_HOME", home.path())
        .env("PALISADE", env!("CARGO_BIN_EXE_palisade"))
        .env("CLINIC", folder.path())
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("FAILED"), "{said}");
    assert!(said.matches("ok: ").count() >= 20, "{said}");
}
