//! The conversation: its beginning and end, what is told without being asked, what is bounded and what is taken back.

use super::*;

/// The problems that were told, by file: code, severity and range as `line:from-to`.
fn told(session: &mut Session) -> Vec<(String, Vec<String>)> {
    let out = session.take_out();
    let published = out.iter().filter(|message| message["method"] == "textDocument/publishDiagnostics");
    let one = |problem: &Json| {
        let (start, end) = (&problem["range"]["start"], &problem["range"]["end"]);
        format!(
            "{} {} {}:{}-{}",
            problem["severity"],
            problem["code"].as_str().unwrap(),
            start["line"],
            start["character"],
            end["character"]
        )
    };
    published
        .map(|message| {
            let uri = message["params"]["uri"].as_str().unwrap().replace("file:///c/", "");
            (uri, message["params"]["diagnostics"].as_array().unwrap().iter().map(one).collect())
        })
        .collect()
}

#[test]
fn problems_are_told_at_their_place_and_taken_back_when_mended() {
    let mut session = session();
    // Before the place stand a character of two UTF-16 units, one of two bytes, and lines that end with CR LF.
    let broken = "// 😀\r\n@id(\"ä😀\") permit (principal in Tenant::\"acem\", action, resource);\r\n";
    let (look, edits) = session.take_look().unwrap();
    assert_eq!(look, Look::Now);
    session.looked(edits, world(&[("policies/new.cedar", broken)]));
    let said = told(&mut session);
    assert_eq!(said, [("policies/new.cedar".to_owned(), vec!["1 unknown-tenant 1:32-46".to_owned()])]);
    session.want(Look::Now);
    let edits = session.edits();
    session.looked(edits, world(&[("policies/new.cedar", &broken.replace("acem", "acme"))]));
    assert_eq!(told(&mut session), [("policies/new.cedar".to_owned(), Vec::new())], "it is taken back once");
    session.looked(edits, world(&[]));
    assert_eq!(told(&mut session), []);
}

#[test]
fn a_syntax_error_in_one_file_hides_no_problem_of_another() {
    let mut session = session();
    let edits = [
        ("policies/roles.cedar", "@id(\"x\")\npermit (principal, action resource);\n"),
        ("policies/new.cedar", "@id(\"y\") permit (principal in Tenant::\"acem\", action, resource);\n"),
        ("tenants.yaml", "tenants:\n  acme: {regon: eu}\n"),
    ];
    session.looked(1, world(&edits));
    let files: Vec<String> = told(&mut session).into_iter().map(|(file, _)| file).collect();
    assert!(
        files.contains(&"policies/roles.cedar".to_owned()) && files.contains(&"tenants.yaml".to_owned()),
        "{files:?}"
    );
}

#[test]
fn what_was_found_in_an_older_text_is_not_told() {
    let mut session = session();
    let edits = session.edits();
    send(&mut session, &[open("policies/new.cedar", "")]);
    session.looked(edits, world(&[("policies/new.cedar", "permit (")]));
    assert_eq!(told(&mut session), []);
    let edits = session.edits();
    session.looked(edits, world(&[("policies/new.cedar", "permit (")]));
    assert_eq!(told(&mut session).len(), 1);
}

#[test]
fn typing_is_looked_at_later_and_opening_and_saving_now() {
    let mut session = session();
    session.take_look();
    let document = json!({ "uri": "file:///c/policies/new.cedar", "version": 2 });
    let change = |text: &str| {
        let params = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
        notification("textDocument/didChange", &params)
    };
    send(&mut session, &[open("policies/new.cedar", "a"), change("b")]);
    assert_eq!(session.take_look().unwrap().0, Look::Now);
    send(&mut session, &[change("c"), change("ä")]);
    assert_eq!(session.take_look().unwrap().0, Look::Soon);
    assert_eq!(session.unsaved().into_values().map(|text| text.to_string()).collect::<Vec<_>>(), ["ä"]);
    send(&mut session, &[notification("textDocument/didSave", &json!({ "textDocument": document }))]);
    assert_eq!(session.take_look().unwrap().0, Look::Now);
    send(&mut session, &[notification("textDocument/didClose", &json!({ "textDocument": document }))]);
    assert!(session.unsaved().is_empty() && session.take_look().is_some());
    assert!(session.take_look().is_none());
}

#[test]
fn a_request_that_was_taken_back_is_not_worked_on() {
    let mut session = session();
    session.looked(1, world(&[]));
    session.take_out();
    let params = json!({ "textDocument": { "uri": "file:///c/tenants.yaml" }, "position": { "line": 0, "character": 0 } });
    let cancel = notification("$/cancelRequest", &json!({ "id": 5 }));
    send(
        &mut session,
        &[ask(5, "textDocument/hover", &params), ask(6, "textDocument/hover", &params), cancel],
    );
    let out = session.take_out();
    assert_eq!(out[0]["error"]["code"], -32800);
    assert_eq!((&out[1]["id"], &out[1]["result"]), (&json!(6), &Json::Null));
    assert_eq!(out.len(), 2);
}

#[test]
fn questions_wait_until_something_is_known() {
    let mut session = session();
    let text = clinic("tenants.yaml");
    let params = json!({ "textDocument": { "uri": "file:///c/tenants.yaml" }, "position": { "line": 2, "character": 4 } });
    send(&mut session, &[open("tenants.yaml", &text), ask(5, "textDocument/hover", &params)]);
    assert_eq!(session.take_out(), Vec::<Json>::new());
    let edits = session.edits();
    session.looked(edits, world(&[]));
    let out = session.take_out();
    let said = out.iter().find(|message| message["id"] == 5).unwrap();
    assert!(said["result"]["contents"]["value"].as_str().unwrap().starts_with("The tenant `acme`"), "{said}");
}

#[test]
fn what_a_policy_is_waits_for_a_look_at_the_last_edit() {
    let mut session = session();
    let edits = session.edits();
    session.looked(edits, world(&[]));
    let text = clinic("policies/roles.cedar").replacen("Role::\"clinician\"", "Role::\"surgeon\"", 1);
    let line = text.lines().position(|line| line.contains("clinicians-work-with-charts")).unwrap();
    let position = json!({ "line": line, "character": 6 });
    let params = json!({ "textDocument": { "uri": "file:///c/policies/roles.cedar" }, "position": position });
    let cancel = notification("$/cancelRequest", &json!({ "id": 6 }));
    send(&mut session, &[open("policies/roles.cedar", &text), ask(5, "textDocument/hover", &params)]);
    send(&mut session, &[ask(6, "textDocument/hover", &params)]);
    assert_eq!(session.take_out(), Vec::<Json>::new());
    send(&mut session, &[cancel]);
    assert_eq!(session.take_out()[0]["error"]["code"], -32800);
    let edits = session.edits();
    session.looked(edits, world(&[("policies/roles.cedar", &text)]));
    let out = session.take_out();
    let said = &out.iter().find(|message| message["id"] == 5).unwrap()["result"]["contents"]["value"];
    assert!(said.as_str().unwrap().contains("principal in Role::\"surgeon\""), "{said}");
    // With an error in the files there is nothing newer than what was sound.
    session.want(Look::Now);
    let edits = session.edits();
    session.looked(edits, world(&[("policies/roles.cedar", "permit (")]));
    session.take_out();
    send(&mut session, &[ask(7, "textDocument/hover", &params)]);
    let out = session.take_out();
    let said = out[0]["result"]["contents"]["value"].as_str().unwrap();
    assert!(said.contains("surgeon") && said.contains("as it was when there was none"), "{said}");
}

#[test]
fn the_conversation_has_a_beginning_and_an_end() {
    let mut session = Session::new(Box::new(|_| None));
    let code = |session: &mut Session, message: Json| {
        send(session, &[message]);
        session.take_out().first().map_or(Json::Null, |out| out["error"]["code"].clone())
    };
    assert_eq!(code(&mut session, ask(1, "textDocument/hover", &json!({}))), -32002);
    send(&mut session, &[open("a.cedar", "permit (")]);
    assert!(session.unsaved().is_empty(), "nothing is heard before the beginning");
    let hello = ask(1, "initialize", &json!({ "rootUri": "file:///c%20d", "capabilities": {} }));
    send(&mut session, std::slice::from_ref(&hello));
    let out = session.take_out();
    assert_eq!(out[0]["result"]["capabilities"]["positionEncoding"], "utf-16");
    assert_eq!(session.folders().collect::<Vec<_>>(), [Path::new("/c d")]);
    assert_eq!(code(&mut session, hello), -32601);
    assert_eq!(code(&mut session, ask(2, "textDocument/rename", &json!({}))), -32601);
    assert_eq!(code(&mut session, json!({ "jsonrpc": "2.0", "id": {}, "method": "x" })), -32600);
    assert_eq!(code(&mut session, json!([])), -32600);
    assert_eq!(code(&mut session, json!({ "jsonrpc": "2.0", "id": 9, "result": null })), Json::Null);
    session.receive(&[b"{".to_vec()]);
    assert_eq!(session.take_out()[0]["error"]["code"], -32700);
    let bad = json!({ "textDocument": { "uri": "file:///c/a.cedar" }, "position": { "line": -1 } });
    send(&mut session, &[open("a.cedar", "permit (")]);
    let edits = session.edits();
    session.looked(edits, World::default());
    session.take_out();
    assert_eq!(code(&mut session, ask(3, "textDocument/hover", &bad)), -32602);
    assert_eq!(code(&mut session, ask(3, "textDocument/hover", &Json::Null)), -32602);
    assert_eq!(code(&mut session, ask(4, "shutdown", &Json::Null)), Json::Null);
    assert_eq!(session.state(), State::ShutDown);
    assert_eq!(code(&mut session, ask(5, "shutdown", &Json::Null)), -32600);
    send(&mut session, &[notification("exit", &Json::Null)]);
    assert_eq!(session.state(), State::Left(true));
    let mut session = self::session();
    send(&mut session, &[notification("exit", &Json::Null)]);
    assert_eq!(session.state(), State::Left(false));
}

#[test]
fn a_wrong_word_is_mended_where_the_problem_says_which_was_meant() {
    let text = "// ä\r\n@id(\"n\") permit (principal in Tenant::\"acem\", action, resource) when { resource.levle < 2 };\r\n";
    let mut session = session();
    send(&mut session, &[open("policies/new.cedar", text)]);
    session.looked(1, world(&[("policies/new.cedar", text)]));
    session.take_out();
    let uri = "file:///c/policies/new.cedar";
    let range = json!({ "start": { "line": 1, "character": 0 }, "end": { "line": 1, "character": 99 } });
    let params = json!({ "textDocument": { "uri": uri }, "range": range, "context": { "diagnostics": [] } });
    send(&mut session, &[ask(5, "textDocument/codeAction", &params)]);
    let out = session.take_out();
    let actions = out[0]["result"].as_array().unwrap();
    let titles: Vec<&str> = actions.iter().map(|action| action["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["change `acem` to `acme`", "change `levle` to `level`"]);
    let edit = &actions[0]["edit"]["changes"][uri][0];
    assert_eq!((&edit["newText"], &edit["range"]["start"]["character"]), (&json!("acme"), &json!(39)));
    // In a text that has changed since, nobody knows where it stands now.
    let change =
        json!({ "textDocument": { "uri": uri }, "contentChanges": [{ "text": format!(" {text}") }] });
    send(
        &mut session,
        &[notification("textDocument/didChange", &change), ask(6, "textDocument/codeAction", &params)],
    );
    assert_eq!(session.take_out()[0]["result"], json!([]));
}

#[test]
fn the_text_of_a_secret_is_never_a_page() {
    let world = world(&[]);
    let desk = crate::lsp::page::Desk::new(&world, None, &|_| None);
    assert!(desk.pages.iter().all(|page| !page.text.contains("must never be shown")));
    assert!(desk.page(&file("pseudonym.key"), None).is_none());
    assert_eq!(world.text(&file("pseudonym.key")), None);
}
