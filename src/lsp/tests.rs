//! An editor's conversation about the clinic's files, message by message, and what is answered at each kind of place.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use serde_json::json;

use super::*;
use crate::snapshot::Draft;
use crate::snapshot::Role;
use crate::snapshot::Settings;
use crate::snapshot::SourceFile;
use crate::snapshot::UnknownRoute;
use crate::tenancy::Places;

mod answers;
mod bounds;
mod talk;

const CLINIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/clinic/config/");

/// A file of the clinic, where the tests say it stands.
fn clinic(name: &str) -> String {
    std::fs::read_to_string(Path::new(CLINIC).join(name)).unwrap()
}

fn file(name: &str) -> String {
    format!("/c/{name}")
}

/// The clinic's world, with some files other than they are. The routes are written by hand here, the schema is a file.
fn world(edits: &[(&str, &str)]) -> World {
    let text = |name: &str| {
        let edited = edits.iter().find(|(edited, _)| *edited == name).map(|(_, text)| (*text).to_owned());
        edited.unwrap_or_else(|| match name {
            "palisade.cedarschema" => crate::policy::SCHEMA.to_owned(),
            "links.yaml" => String::new(),
            _ => clinic(name),
        })
    };
    let source = |role: Role, name: &str| SourceFile {
        role,
        name: name.into(),
        file: file(name).into(),
        text: text(name).into(),
    };
    let shared = Role::Policies { confined_to: None };
    let of_acme = Role::Policies { confined_to: crate::ids::TenantPath::parse("acme").ok() };
    let mut files = vec![
        source(Role::Schema, "palisade.cedarschema"),
        source(Role::Tenants, "tenants.yaml"),
        source(Role::Classes, "classes.yaml"),
        source(Role::OpenApi, "openapi.yaml"),
        source(shared.clone(), "policies/baseline.cedar"),
        source(shared.clone(), "policies/roles.cedar"),
        source(of_acme, "policies/tenants/acme/sharing.cedar"),
    ];
    for (name, text) in edits.iter().filter(|(name, _)| name.starts_with("policies/new")) {
        let (name, file, text) = ((*name).into(), file(name).into(), (*text).into());
        files.push(SourceFile { role: shared.clone(), name, file, text });
    }
    files.push(SourceFile {
        role: Role::PseudonymKey,
        name: "pseudonym.key".into(),
        file: file("pseudonym.key").into(),
        text: "a secret that must never be shown to anybody".into(),
    });
    let settings = Settings {
        issuers: Vec::new(),
        workloads: crate::identity::Workloads::default(),
        api_key_header: http::HeaderName::from_static("x-api-key"),
        purpose_header: http::HeaderName::from_static("x-purpose"),
        places: Places::default(),
        unknown_route: UnknownRoute::Refuse,
        assertion: None,
        upstreams: None,
        text: "".into(),
    };
    let sources = Sources::new(files, Vec::new());
    let draft = Draft { sources: sources.clone(), settings: Arc::new(settings), problems: Vec::new() };
    let model = draft.model_alone();
    let (checked, mut problems) = match draft.check(0) {
        Ok(checked) => (Some(checked), Vec::new()),
        Err(problems) => (None, problems),
    };
    if let Some(checked) = &checked {
        problems.extend_from_slice(checked.warnings());
    }
    let tests = ["policies/roles_test.yaml", "policies/tenants/acme/sharing_test.yaml"];
    let tests = tests.map(|name| TestFile { file: file(name).into(), text: text(name).into() }).to_vec();
    let config = Some((file("palisade.yaml").into(), text("palisade.yaml").into()));
    World { config, sources: Some(sources), tests, checked, model, problems, names: HashMap::new() }
}

/// A session that has said hello.
fn session() -> Session {
    let mut session = Session::new(Box::new(|_| None));
    send(&mut session, &[json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {} })]);
    assert_eq!(session.state(), State::Running);
    session.take_out();
    session
}

fn send(session: &mut Session, messages: &[Json]) {
    let messages: Vec<Vec<u8>> = messages.iter().map(|message| message.to_string().into_bytes()).collect();
    session.receive(&messages);
}

fn notification(method: &str, params: &Json) -> Json {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

fn open(name: &str, text: &str) -> Json {
    let document =
        json!({ "uri": format!("file://{}", file(name)), "languageId": "x", "version": 1, "text": text });
    notification("textDocument/didOpen", &json!({ "textDocument": document }))
}

fn ask(id: u32, method: &str, params: &Json) -> Json {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}
