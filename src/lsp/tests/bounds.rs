//! What an editor sends too much of, too often, or under another name: it is told, and nothing is said that is not so.

use super::*;
use crate::limits;
use crate::problem::Place;

#[test]
fn a_document_past_the_bound_is_told_and_not_looked_at() {
    let mut session = session();
    let most = usize::try_from(limits::SOURCE_FILE_BYTES_MAX).unwrap();
    let huge = "x".repeat(most + 1);
    send(&mut session, &[open("policies/new.cedar", &huge)]);
    assert!(session.unsaved().is_empty());
    let out = session.take_out();
    assert!(out[0]["params"]["message"].as_str().unwrap().contains("has more than"), "{:?}", out[0]);
    let edits = session.edits();
    session.looked(edits, World::default());
    let params = json!({ "textDocument": { "uri": "file:///c/policies/new.cedar" }, "position": { "line": 0, "character": 0 } });
    send(&mut session, &[ask(5, "textDocument/hover", &params)]);
    assert_eq!(session.take_out()[0]["result"], Json::Null);
    for number in 0..limits::EDITOR_DOCUMENTS_MAX {
        send(&mut session, &[open(&format!("policies/{number}.cedar"), "")]);
    }
    assert!(session.take_out()[0]["params"]["message"].as_str().unwrap().contains("documents are open"));
    assert_eq!(session.unsaved().len(), limits::EDITOR_DOCUMENTS_MAX - 1);
}

fn change(name: &str, version: u32, text: &str) -> Json {
    let document = json!({ "uri": format!("file://{}", file(name)), "version": version });
    let params = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
    notification("textDocument/didChange", &params)
}

/// A look at the files, what stands in the editor included.
fn look(session: &mut Session) {
    let texts = session.unsaved();
    let edits: Vec<(&str, &str)> = texts
        .iter()
        .map(|(path, text)| (path.to_str().unwrap().strip_prefix("/c/").unwrap(), &**text))
        .collect();
    session.looked(session.edits(), world(&edits));
}

/// What is told of a file.
fn told(session: &mut Session, name: &str) -> Vec<Json> {
    let out = session.take_out();
    let mut of_file =
        out.iter().filter(|message| message["params"]["uri"] == format!("file://{}", file(name)));
    of_file
        .next_back()
        .map_or_else(Vec::new, |message| message["params"]["diagnostics"].as_array().unwrap().clone())
}

const ROLES: &str = "policies/roles.cedar";
const FIRST: &str = "// Before.\n@id(\"x\") permit (principal in Tenant::\"acem\", action, resource);\n";

fn asks(session: &mut Session, method: &str) -> Json {
    let position = json!({ "line": 1, "character": 6 });
    let range = json!({ "start": position, "end": position });
    let params = json!({ "textDocument": { "uri": format!("file://{}", file(ROLES)) }, "position": position, "range": range });
    send(session, &[ask(5, method, &params)]);
    let out = session.take_out();
    out.iter().find(|message| message["id"] == 5).unwrap()["result"].clone()
}

#[test]
fn of_a_text_that_has_become_too_large_nothing_older_is_said() {
    let mut session = session();
    send(&mut session, &[open(ROLES, FIRST)]);
    look(&mut session);
    assert_eq!(told(&mut session, ROLES)[0]["code"], "unknown-tenant");
    assert_ne!(asks(&mut session, "textDocument/documentSymbol"), Json::Null);
    let most = usize::try_from(limits::SOURCE_FILE_BYTES_MAX).unwrap();
    send(&mut session, &[change(ROLES, 2, &"x".repeat(most + 1))]);
    assert!(session.unsaved().is_empty());
    // What is saved has a problem of its own: it would be shown at the wrong place.
    session.looked(session.edits(), world(&[(ROLES, FIRST)]));
    let told_now = told(&mut session, ROLES);
    assert_eq!(told_now.len(), 1, "{told_now:?}");
    assert!(told_now[0]["message"].as_str().unwrap().contains("nothing is said of what stands here"));
    for method in [
        "textDocument/hover",
        "textDocument/documentSymbol",
        "textDocument/formatting",
        "textDocument/codeAction",
    ] {
        assert_eq!(asks(&mut session, method), Json::Null, "{method}");
    }
    // Nor are its places told from elsewhere.
    let test = "policies/roles_test.yaml";
    let text = "tests:\n- name: a\n  expect: {policies: [x]}\n";
    send(&mut session, &[open(test, text)]);
    session.looked(session.edits(), world(&[(ROLES, FIRST), (test, text)]));
    session.take_out();
    let params = json!({ "textDocument": { "uri": format!("file://{}", file(test)) }, "position": { "line": 2, "character": 22 } });
    send(&mut session, &[ask(6, "textDocument/definition", &params)]);
    assert_eq!(session.take_out()[0]["result"], json!([]));
    // A text that fits is looked at again.
    send(&mut session, &[change(ROLES, 3, FIRST)]);
    look(&mut session);
    assert_eq!(told(&mut session, ROLES)[0]["code"], "unknown-tenant");
}

#[test]
fn an_edit_that_is_no_whole_text_leaves_none() {
    let mut session = session();
    send(&mut session, &[open(ROLES, FIRST)]);
    look(&mut session);
    let document = json!({ "uri": format!("file://{}", file(ROLES)), "version": 2 });
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 } });
    for changes in [json!([{ "range": range, "text": "x" }]), json!([]), Json::Null] {
        send(&mut session, &[change(ROLES, 2, FIRST)]);
        assert_eq!(session.unsaved().len(), 1);
        let params = json!({ "textDocument": document, "contentChanges": changes });
        send(&mut session, &[notification("textDocument/didChange", &params)]);
        assert!(session.unsaved().is_empty(), "{params}");
    }
}

#[test]
fn a_message_that_was_passed_over_takes_the_text_of_its_document() {
    let two = |session: &mut Session| {
        send(session, &[open(ROLES, FIRST), open("policies/new.cedar", "")]);
        look(session);
        session.take_out();
    };
    let left = |session: &Session| -> Vec<String> {
        session.unsaved().keys().map(|path| path.to_str().unwrap().to_owned()).collect()
    };
    let mut session = session();
    two(&mut session);
    let whole = change(ROLES, 2, "a \"uri\": \"file:///c/policies/new.cedar\" \"method\": \"x\"").to_string();
    session.passed_over(1 << 27, whole.as_bytes());
    assert_eq!(left(&session), ["/c/policies/new.cedar"]);
    look(&mut session);
    assert!(
        told(&mut session, ROLES)[0]["message"].as_str().unwrap().contains("a message of 134217728 bytes")
    );
    // One that opens a document, and one of which it cannot be seen which it is: any may have been meant.
    two(&mut session);
    let opening = open("policies/other.cedar", "permit").to_string();
    session.passed_over(1 << 27, opening.as_bytes());
    assert_eq!(left(&session).len(), 2);
    look(&mut session);
    assert_eq!(told(&mut session, "policies/other.cedar").len(), 1);
    for start in [
        &b"{"[..],
        b"{\"method\":\"textDocument/didChange\",\"params\":{\"contentChanges\":[{\"text\":\"\xff",
    ] {
        two(&mut session);
        session.passed_over(1 << 27, start);
        assert_eq!(left(&session), Vec::<String>::new());
    }
    two(&mut session);
    session.passed_over(1 << 27, b"{\"method\":\"workspace/didChangeWatchedFiles\"");
    assert_eq!(left(&session).len(), 2);
}

#[test]
fn files_that_change_all_the_time_do_not_keep_what_was_found_from_being_told() {
    let mut session = session();
    session.take_look();
    let saved = notification("workspace/didChangeWatchedFiles", &json!({ "changes": [] }));
    for _ in 0..3 {
        send(&mut session, std::slice::from_ref(&saved));
        let (_, edits) = session.take_look().unwrap();
        // One more comes while the files are looked at.
        send(&mut session, std::slice::from_ref(&saved));
        session.looked(edits, world(&[(ROLES, FIRST)]));
        assert_eq!(told(&mut session, ROLES).len(), 1);
        assert_eq!(session.take_look().map(|(look, _)| look), Some(Look::Now), "and is looked at after it");
    }
}

#[test]
fn a_name_that_was_learnt_is_not_forgotten_by_a_world_without_names() {
    let mut session = Session::new(Box::new(|path| Some(path.replace("/c/", "/real/"))));
    send(&mut session, &[json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {} })]);
    send(&mut session, &[open("palisade.yaml", "bundle: {}")]);
    let names = HashMap::from([("/real/palisade.yaml".to_owned(), Arc::from("/link/palisade.yaml"))]);
    let (_, edits) = session.take_look().unwrap();
    session.looked(edits, World { names, ..world(&[]) });
    let unsaved = |session: &Session| session.unsaved().into_keys().collect::<Vec<_>>();
    assert_eq!(unsaved(&session), [Path::new("/link/palisade.yaml")]);
    let (_, edits) =
        session.take_look().expect("it was the file that was looked at, not what stands in the editor");
    session.looked(edits, World::default());
    assert_eq!(unsaved(&session), [Path::new("/link/palisade.yaml")]);
    assert!(session.take_look().is_none(), "nothing new was learnt");
    send(&mut session, &[change("palisade.yaml", 2, "bundle: {a: 1}")]);
    assert_eq!(unsaved(&session), [Path::new("/link/palisade.yaml")]);
}

#[test]
fn what_was_sound_of_another_configuration_is_not_shown() {
    let mut session = session();
    let text = clinic(ROLES);
    send(&mut session, &[open(ROLES, &text)]);
    look(&mut session);
    assert!(session.sound().is_some());
    session.looked(session.edits(), world(&[("policies/new.cedar", "permit (")]));
    assert!(session.sound().is_some());
    session.looked(session.edits(), World::default());
    assert!(session.sound().is_none());
}

#[test]
fn the_last_problem_says_how_many_more_there_are() {
    let mut session = session();
    let problems = |count: usize| -> World {
        let place = |line| Place::span(file(ROLES), FIRST, line, 1);
        let problem =
            |line: usize| crate::problem::Problem::warning("w", place(line % 10), format!("number {line}"));
        World { problems: (0..count).map(problem).collect(), ..world(&[(ROLES, FIRST)]) }
    };
    let most = limits::EDITOR_PROBLEMS_MAX;
    session.looked(session.edits(), problems(most));
    let said = told(&mut session, ROLES);
    assert_eq!(
        (said.len(), said[most - 1]["message"].as_str().unwrap()),
        (most, &*format!("number {}", most - 1))
    );
    session.looked(session.edits(), problems(most + 41));
    let said = told(&mut session, ROLES);
    assert_eq!(said.len(), most);
    let last = said[most - 1]["message"].as_str().unwrap();
    assert!(last.starts_with("42 more problems"), "{last}");
    assert_eq!(said[most - 1]["severity"], 2, "none of them is an error");
}
