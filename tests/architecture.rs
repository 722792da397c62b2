//! The rules of structure, as a test: who may use whom, what pure modules may not name, how long a file may be.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Each module with those that it may use. Down only: a module uses what stands above it here.
const LAYERS: &[(&str, &[&str])] = &[
    ("ids", &["limits"]),
    ("limits", &[]),
    ("pem", &[]),
    ("problem", &["limits"]),
    ("redact", &["ids", "limits"]),
    ("model", &["ids", "limits", "problem", "redact"]),
    ("learn", &["ids", "limits", "redact", "model"]),
    ("identity", &["ids", "limits", "pem", "problem"]),
    ("policy", &["ids", "limits", "problem", "redact", "model", "identity"]),
    ("tenancy", &["ids", "limits", "problem", "model"]),
    ("quota", &["ids", "limits", "model"]),
    ("audit", &["ids", "limits", "pem", "problem"]),
    ("snapshot", &["ids", "limits", "problem", "redact", "model", "identity", "policy", "tenancy"]),
    ("bundle", &["ids", "limits", "pem", "snapshot"]),
    (
        "request",
        &["ids", "limits", "redact", "model", "identity", "policy", "tenancy", "quota", "audit", "snapshot"],
    ),
    (
        "cases",
        &[
            "ids", "limits", "problem", "redact", "model", "identity", "policy", "tenancy", "snapshot",
            "request",
        ],
    ),
    (
        "compare",
        &[
            "ids", "limits", "redact", "model", "identity", "policy", "tenancy", "audit", "snapshot",
            "request",
        ],
    ),
    ("lsp", &["ids", "limits", "problem", "redact", "model", "policy", "snapshot", "cases"]),
    ("file", &[]),
    ("door", &["ids", "limits", "problem", "identity", "file", "background"]),
    ("remote", &["ids", "limits", "file"]),
    ("evidence", &["ids", "limits", "audit", "file", "remote"]),
    ("archive", &["ids", "limits", "audit", "file", "evidence"]),
    ("query", &["ids", "limits", "audit", "evidence", "archive"]),
    (
        "config",
        &[
            "ids", "limits", "problem", "redact", "model", "identity", "policy", "tenancy", "snapshot",
            "request", "remote", "disk", "ship", "audit", "evidence", "door", "settling",
        ],
    ),
    ("background", &["limits"]),
    ("telemetry", &["ids", "limits", "model", "learn", "audit", "request", "snapshot"]),
    ("disk", &["ids", "limits", "audit", "file", "telemetry"]),
    ("settling", &["limits", "model", "quota", "snapshot", "file", "telemetry", "background"]),
    ("ship", &["ids", "limits", "audit", "file", "remote", "evidence", "background", "telemetry", "disk"]),
    (
        "shadow",
        &[
            "ids",
            "limits",
            "redact",
            "policy",
            "audit",
            "snapshot",
            "request",
            "compare",
            "telemetry",
            "disk",
            "background",
        ],
    ),
    (
        "learning",
        &["ids", "limits", "redact", "learn", "request", "compare", "file", "telemetry", "background"],
    ),
    (
        "reload",
        &[
            "ids",
            "limits",
            "problem",
            "model",
            "identity",
            "audit",
            "cases",
            "config",
            "snapshot",
            "policy",
            "bundle",
            "file",
            "remote",
            "background",
        ],
    ),
    ("net", &["ids", "limits", "redact", "request", "file", "identity", "door"]),
    (
        "admin",
        &[
            "ids",
            "limits",
            "problem",
            "identity",
            "door",
            "policy",
            "config",
            "telemetry",
            "reload",
            "snapshot",
        ],
    ),
    (
        "cli",
        &[
            "ids",
            "limits",
            "problem",
            "redact",
            "model",
            "learn",
            "identity",
            "policy",
            "tenancy",
            "quota",
            "settling",
            "audit",
            "snapshot",
            "request",
            "cases",
            "compare",
            "lsp",
            "config",
            "telemetry",
            "disk",
            "ship",
            "shadow",
            "learning",
            "reload",
            "net",
            "admin",
            "bundle",
            "file",
            "door",
            "remote",
            "evidence",
        ],
    ),
    ("keeping", &["ids", "limits", "audit", "file", "evidence"]),
    (
        "audit_cli",
        &[
            "ids", "limits", "identity", "policy", "audit", "snapshot", "request", "file", "remote",
            "evidence", "archive", "query", "disk", "cli", "keeping",
        ],
    ),
    ("manual", &[]),
];

/// Bytes and `now` in, values out.
const PURE: &[&str] = &[
    "ids", "limits", "pem", "problem", "redact", "model", "learn", "identity", "policy", "tenancy", "quota",
    "audit", "snapshot", "bundle", "cases", "compare", "lsp",
];
const IMPURE: &[&str] = &[
    "tokio::",
    "hyper::",
    "std::fs",
    "fs::read",
    "std::net::Tcp",
    "std::net::Udp",
    "TcpStream",
    "Instant::now",
    "SystemTime",
    "std::env",
    "std::thread",
    "std::process",
    "Timestamp::now",
    "Zoned::now",
];

const LINES_MAX: usize = 400;

struct Source {
    path: PathBuf,
    module: String,
    text: String,
    is_test: bool,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    assert!(files.len() > 30, "only {} files found", files.len());
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let inner = path.strip_prefix(&root).unwrap().to_owned();
            let first = inner.components().next().unwrap().as_os_str().to_str().unwrap();
            let module = first.strip_suffix(".rs").unwrap_or(first).to_owned();
            let name = inner.to_str().unwrap();
            let is_test = name.ends_with("tests.rs") || name.contains("/tests/");
            Source { text: fs::read_to_string(&path).unwrap(), path: inner, module, is_test }
        })
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// The part of a file that is neither its test module nor a comment.
fn product(source: &Source) -> String {
    if source.is_test {
        return String::new();
    }
    let code = source.text.split("#[cfg(test)]").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn modules_use_only_what_stands_below_them() {
    for source in sources().iter().filter(|source| !matches!(&*source.module, "lib" | "main" | "bin")) {
        let (_, allowed) = LAYERS
            .iter()
            .find(|(module, _)| *module == source.module)
            .unwrap_or_else(|| panic!("{}: module `{}` has no layer", source.path.display(), source.module));
        for used in product(source).split("crate::").skip(1) {
            let used = used.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap();
            assert!(!used.is_empty(), "{}: write one `crate::…` path for each name", source.path.display());
            assert!(
                used == source.module || allowed.contains(&used),
                "{}: `{}` must not use `crate::{used}`",
                source.path.display(),
                source.module
            );
        }
    }
}

#[test]
fn pure_modules_name_no_socket_file_clock_or_runtime() {
    for source in sources().iter().filter(|source| PURE.contains(&&*source.module)) {
        for line in product(source).lines() {
            for impure in IMPURE {
                assert!(!line.contains(impure), "{}: names `{impure}`: {line}", source.path.display());
            }
        }
    }
}

#[test]
fn the_steps_of_a_request_name_no_runtime_and_no_socket() {
    for source in sources().iter().filter(|source| source.module == "request") {
        for impure in ["tokio::", "hyper::", "std::fs", "TcpStream", "Instant::now", "SystemTime"] {
            let named = product(source).contains(impure);
            assert!(!named, "{}: names `{impure}`", source.path.display());
        }
    }
}

#[test]
fn only_one_file_can_send_to_the_app() {
    for source in sources().iter().filter(|source| !source.path.ends_with("net/upstream/link.rs")) {
        assert!(
            !product(source).contains("hyper::client"),
            "{}: names hyper's client",
            source.path.display()
        );
    }
}

#[test]
fn only_the_engine_names_cedars_evaluator() {
    for source in sources().iter().filter(|source| source.module != "policy") {
        assert!(!product(source).contains("cedar_policy"), "{}: names Cedar", source.path.display());
    }
}

#[test]
fn only_the_authorized_state_can_make_a_permit() {
    for source in sources() {
        let makes = product(&source).contains("Permit {") && product(&source).contains("Ok(Authorized");
        assert_eq!(makes, source.path.ends_with("request/authorized.rs"), "{}", source.path.display());
    }
}

#[test]
fn every_file_says_what_it_is_and_is_short_enough_to_read() {
    for source in sources() {
        assert!(source.text.starts_with("//!"), "{}: has no module doc", source.path.display());
        let lines = source.text.lines().count();
        assert!(lines <= LINES_MAX, "{}: {lines} lines", source.path.display());
    }
}

#[test]
fn the_top_level_is_as_the_readme_says() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "policies",
        "schemas",
        "tests",
        "examples",
        "Dockerfile",
        "README.md",
        "target",
    ];
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name.starts_with('.') || allowed.contains(&&*name),
            "`{name}` does not belong at the top level"
        );
    }
}

#[test]
fn ci_runs_the_test_command_of_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let ci = fs::read_to_string(root.join(".ci/run")).unwrap();
    for command in ["cargo test --features audit", "cargo run --release --example clinic"] {
        assert!(readme.lines().any(|line| line.trim() == command), "the README does not give `{command}`");
        assert!(ci.contains(command), "CI does not run `{command}`");
    }
}
