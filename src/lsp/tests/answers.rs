//! What is answered at a place: `^` in a text is the cursor.

use super::*;
use crate::lsp::lines::Lines;
use crate::redact::Mask;

/// Asks about the place of `^` in a file whose text is this; the file is opened, the world is as it was.
fn at(name: &str, marked: &str, method: &str) -> Json {
    let byte = marked.find('^').unwrap();
    let text = marked.replacen('^', "", 1);
    let position = json!(Lines::of(&text).position(byte));
    let mut session = session();
    let document = json!({ "uri": format!("file://{}", file(name)) });
    let range = json!({ "start": position, "end": position });
    let params = json!({ "textDocument": document, "position": position, "range": range });
    send(&mut session, &[open(name, &text)]);
    let edits = session.edits();
    session.looked(edits, world(&[]));
    send(&mut session, &[ask(7, method, &params)]);
    let out = session.take_out();
    let answer = out.iter().find(|message| message["id"] == 7).unwrap();
    answer["result"].clone()
}

fn hover(name: &str, marked: &str) -> String {
    at(name, marked, "textDocument/hover")["contents"]["value"].as_str().unwrap_or("").to_owned()
}

/// The labels that are offered.
fn offered(name: &str, marked: &str) -> Vec<String> {
    let found = at(name, marked, "textDocument/completion");
    found["items"].as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
}

/// What the text becomes when one of what is offered is taken.
fn taken(name: &str, marked: &str, label: &str) -> String {
    let found = at(name, marked, "textDocument/completion");
    let item = found["items"].as_array().unwrap().iter().find(|item| item["label"] == label).unwrap().clone();
    let text = marked.replacen('^', "", 1);
    let lines = Lines::of(&text);
    let byte =
        |end: &str| lines.byte(serde_json::from_value(item["textEdit"]["range"][end].clone()).unwrap());
    let (from, to) = (byte("start"), byte("end"));
    [text.get(..from).unwrap(), item["textEdit"]["newText"].as_str().unwrap(), text.get(to..).unwrap()]
        .concat()
}

/// Where it leads: the file and the words there.
fn defined(name: &str, marked: &str) -> Vec<String> {
    let found = at(name, marked, "textDocument/definition");
    let one = |location: &Json| {
        let path = location["uri"].as_str().unwrap().strip_prefix("file:///c/").unwrap().to_owned();
        let text = match &*path {
            _ if path == name => marked.replacen('^', "", 1),
            "palisade.cedarschema" => crate::policy::SCHEMA.to_owned(),
            _ => clinic(&path),
        };
        let lines = Lines::of(&text);
        let byte = |end: &str| lines.byte(serde_json::from_value(location["range"][end].clone()).unwrap());
        format!(
            "{path}:{} {}",
            location["range"]["start"]["line"],
            text.get(byte("start")..byte("end")).unwrap()
        )
    };
    found.as_array().unwrap().iter().map(one).collect()
}

/// The clinic's file with a cursor put into the first place of these words.
fn marked(name: &str, place: &str) -> String {
    let words = place.replacen('^', "", 1);
    let text = clinic(name);
    assert!(text.contains(&words), "{words}");
    text.replacen(&words, place, 1)
}

const ROLES: &str = "policies/roles.cedar";
const SHARING: &str = "policies/tenants/acme/sharing.cedar";
const TESTS: &str = "policies/roles_test.yaml";

#[test]
fn a_policy_shows_what_is_evaluated_and_what_the_loader_added() {
    let said = hover(ROLES, &marked(ROLES, "@id(\"billing-sees-nam^es\")"));
    assert!(said.starts_with("**permit** `billing-sees-names`"), "{said}");
    assert!(said.contains("added by the loader: `resource in principal.dataKey`"), "{said}");
    assert!(said.contains("the guard: it applies within the caller's own DataKey"), "{said}");
    assert!(said.contains("looked at for requests with: `principal in Role::\"billing\"`, `resource in DataClass::\"pii.name\"`"), "{said}");
    assert!(said.contains("```cedar\n@id(\"billing-sees-names\")\npermit("), "{said}");
    let said = hover(SHARING, &marked(SHARING, "perm^it ("));
    assert!(said.contains("the pathway `acme claims to globex auditors`"), "{said}");
    assert!(said.contains("the confinement: it stands in a tenant's folder"), "{said}");
    assert!(!said.contains("the guard: it"), "{said}");
}

#[test]
fn a_name_in_a_policy_shows_what_it_is() {
    let tenant = hover(SHARING, &marked(SHARING, "Tenant::\"glo^bex\""));
    assert!(
        tenant.starts_with("The tenant `globex`: **active**") && tenant.contains("region `eu-central`"),
        "{tenant}"
    );
    let key = hover(SHARING, &marked(SHARING, "DataKey::\"acme/cl^aims\""));
    assert!(key.starts_with("The DataKey `acme/claims`: data of the tenant `acme`"), "{key}");
    let class = hover(ROLES, &marked(ROLES, "DataClass::\"pii.name^\""));
    assert!(
        class.contains("level 2")
            && class.contains("hidden by `pseudonym`")
            && class.contains("`getPatient`"),
        "{class}"
    );
    let action = hover(ROLES, &marked(ROLES, "Action::\"rev^eal\""));
    assert!(
        action.contains("Asked once for each class of data") && action.contains("about `Field`"),
        "{action}"
    );
    let role = hover(ROLES, &marked(ROLES, "Role::\"front^desk\""));
    assert!(role.contains("named by `front-desk-registers-patients`"), "{role}");
    let group = hover(ROLES, &marked(ROLES, "RouteGroup::\"ch^art\""));
    assert!(group.contains("`listPatients`"), "{group}");
    let of = hover(ROLES, &marked(ROLES, "Data^Class::"));
    assert!(of.contains("A kind of data.") && of.contains("`level: Long`: sensitivity, 0 to 9"), "{of}");
    let level = hover(ROLES, &marked(ROLES, "resource.lev^el"));
    assert_eq!(level.trim(), "- `level: Long` of `Field`");
    let purpose = hover(SHARING, &marked(SHARING, "context.purp^ose"));
    assert!(
        purpose.contains("`purpose?: String`") && purpose.contains("Optional: test it with `has`"),
        "{purpose}"
    );
    let status =
        hover("policies/baseline.cedar", &marked("policies/baseline.cedar", "principal has tenant.sta^tus"));
    assert!(status.contains("`status: String`: \"active\", \"suspended\""), "{status}");
    let variable = hover(ROLES, &marked(ROLES, "when { res^ource"));
    assert_eq!(variable, "`resource`: `Field`");
    assert_eq!(
        hover(
            ROLES,
            &marked(
                ROLES,
                "// None of^ these permits"
                    .replace("None of", "What each")
                    .replace(" these permits", " role does")
                    .as_str()
            )
        ),
        ""
    );
}

#[test]
fn a_name_in_a_yaml_file_shows_the_same() {
    let tenant = hover("tenants.yaml", &marked("tenants.yaml", "      we^st:"));
    assert!(tenant.starts_with("The tenant `acme/west`"), "{tenant}");
    let class = hover("classes.yaml", &marked("classes.yaml", "          ph^one:"));
    assert!(class.starts_with("The data class `pii.contact.phone`"), "{class}");
    let route = hover("openapi.yaml", &marked("openapi.yaml", "operationId: getPat^ient"));
    assert!(route.starts_with("The route `getPatient`: GET `/patients/{id}`"), "{route}");
    let of_test = hover(TESTS, &marked(TESTS, "carla: {tenant: acme/we^st"));
    assert_eq!(of_test, tenant);
    let policy = hover(TESTS, &marked(TESTS, "policies: [clinicians-^work"));
    assert!(policy.starts_with("**permit** `clinicians-work-with-charts`"), "{policy}");
    let key = hover(TESTS, &marked(TESTS, "redact^ions:"));
    assert_eq!(key, "`redactions`\n\nA body as it is sent, and as it arrives.");
    let pathway = "policies/tenants/acme/sharing_test.yaml";
    let said = hover(pathway, &marked(pathway, "pathway: acme cl^aims"));
    assert!(said.contains("from `globex` to the data of `acme/claims`, until 2036"), "{said}");
}

#[test]
fn names_are_offered_where_they_fit() {
    assert_eq!(
        offered(ROLES, "permit (principal in Tenant::^"),
        ["acme", "acme/east", "acme/west", "acme/west/sf1", "globex", "globex/north"]
    );
    assert_eq!(offered(ROLES, "permit (principal in Tenant::\"sf^"), ["acme/west/sf1"]);
    assert_eq!(
        taken(ROLES, "permit (principal in Tenant::\"glo^\nforbid", "globex"),
        "permit (principal in Tenant::\"globex\"\nforbid"
    );
    assert_eq!(
        taken(ROLES, "permit (principal in Tenant::\"glo^x\", a", "globex"),
        "permit (principal in Tenant::\"globex\", a"
    );
    assert!(
        offered(ROLES, "permit (p, a, resource in DataClass::\"contact^\"")
            .contains(&"pii.contact.email".to_owned())
    );
    assert!(offered(ROLES, "permit (p, a, resource in DataKey::\"^").contains(&"acme/claims".to_owned()));
    assert!(offered(ROLES, "permit (principal in Role::\"^").contains(&"identity-desk".to_owned()));
    let actions = offered(ROLES, "permit (principal, action == Action::^");
    assert!(actions.contains(&"reveal".to_owned()) && actions.contains(&"write".to_owned()), "{actions:?}");
    assert_eq!(
        taken(ROLES, "permit (principal, action == re^", "reveal"),
        "permit (principal, action == Action::\"reveal\""
    );
    assert_eq!(taken(ROLES, "permit (principal in Te^", "Tenant"), "permit (principal in Tenant::");
    assert_eq!(offered(ROLES, "@mask(\"keep^\")"), ["keep-last(4)", "keep-first(4)"]);
    assert_eq!(offered(ROLES, "@^"), ["id", "pathway", "mask", "mode", "lint_allow"]);
    assert_eq!(offered(ROLES, "@mode(\"sh^\")"), ["shadow"]);
    assert!(offered(ROLES, "@lint_allow(\"wide^").contains(&"wide-permit: ".to_owned()));
    assert!(offered(ROLES, "per^").contains(&"permit".to_owned()));
    assert!(offered(ROLES, "permit (principal, action, resource) wh^").contains(&"when".to_owned()));
    assert_eq!(offered(ROLES, "// per^"), Vec::<String>::new());
}

#[test]
fn attributes_are_offered_by_the_types_that_the_scope_leaves() {
    let field =
        offered(ROLES, "permit (principal, action == Action::\"reveal\", resource) when { resource.^ };");
    assert_eq!(field, ["class", "level", "dataKey", "tenant"]);
    let resource =
        offered(ROLES, "permit (principal, action == Action::\"read\", resource) when { resource.^ };");
    assert_eq!(resource, ["dataKey", "tenant", "route", "classes", "level"]);
    let nested = offered(ROLES, "permit (principal, action, resource) when { principal.tenant.st^ };");
    assert_eq!(nested, ["status"]);
    let has = offered(ROLES, "permit (principal, action, resource) when { context has pu^");
    assert_eq!(has, ["purpose"]);
    let deep = offered(ROLES, "permit (principal, action, resource) when { principal has tenant.bo^");
    assert_eq!(deep, ["boundary"]);
    let method = taken(ROLES, "permit (principal, action, resource) when { resource.classes.^", "contains");
    assert!(method.ends_with("resource.classes.contains("), "{method}");
    let entity = offered(ROLES, "permit (principal, action, resource) when { Tenant::\"acme\".re^");
    assert_eq!(entity, ["region"]);
    assert_eq!(
        offered(ROLES, "permit (principal, action, resource) when { nonsense.^ };"),
        Vec::<String>::new()
    );
    assert_eq!(
        offered(SHARING, "permit (principal, action, resource) when { context.purpose == \"^\" };"),
        ["audit"]
    );
}

#[test]
fn keys_and_names_are_offered_in_yaml() {
    assert_eq!(offered(TESTS, "pr^"), ["principals"]);
    assert_eq!(taken(TESTS, "principals:\n  dana: {ten^", "tenant"), "principals:\n  dana: {tenant: ");
    assert_eq!(offered(TESTS, "principals:\n  dana: {tenant: acme/w^}"), ["acme/west", "acme/west/sf1"]);
    assert_eq!(
        offered(TESTS, "principals:\n  dana: {tenant: acme}\ntests:\n- name: a\n  principal: ^\n"),
        ["dana"]
    );
    assert!(offered(TESTS, "tests:\n- name: a\n  ^\n").contains(&"expect".to_owned()));
    let codes = offered(TESTS, "tests:\n- expect: {code: ten^}");
    assert_eq!(codes[0], "tenant_mismatch", "what begins so comes first");
    assert!(offered(TESTS, "tests:\n- expect: {policies: [^]}").contains(&"auditors-look".to_owned()));
    assert!(
        offered(TESTS, "tests:\n- expect:\n    hide: [pii.id^]").contains(&"pii.identifier.ssn".to_owned())
    );
    let route = taken(TESTS, "tests:\n- request: {route: get^}", "getPatient");
    assert_eq!(route, "tests:\n- request: {route: getPatient}");
    assert_eq!(offered("tenants.yaml", "tenants:\n  acme:\n    sta^"), ["status"]);
    assert_eq!(offered("tenants.yaml", "tenants:\n  acme: {status: q^}"), ["quarantined"]);
    assert_eq!(offered("tenants.yaml", "tenants:\n  acme:\n    status: active\n    ^\n").len(), 10);
    assert_eq!(offered("tenants.yaml", "tenants:\n  ^\n"), Vec::<String>::new());
    assert_eq!(offered("classes.yaml", "classes:\n  pii: {ma^}"), ["mask"]);
    let masks = offered("classes.yaml", "classes:\n  pii: {mask: ^}");
    let bare = |mask: &String| mask.trim_matches(['\'', '"']).to_owned();
    assert_eq!(masks.iter().map(bare).collect::<Vec<_>>(), Mask::WRITTEN);
}

#[test]
fn definitions_lead_to_the_line_that_says_it() {
    assert_eq!(defined(SHARING, &marked(SHARING, "Tenant::\"glo^bex\"")), ["tenants.yaml:11 globex"]);
    assert_eq!(defined(SHARING, &marked(SHARING, "DataKey::\"acme/cl^aims\"")), ["tenants.yaml:2 acme"]);
    assert_eq!(defined(ROLES, &marked(ROLES, "DataClass::\"pii.identifier.s^sn\"")), ["classes.yaml:23 ssn"]);
    assert_eq!(defined(ROLES, &marked(ROLES, "Action::\"li^st\"")), ["palisade.cedarschema:77 \"list\""]);
    assert_eq!(defined(ROLES, &marked(ROLES, "Rol^e::")), ["palisade.cedarschema:23 Role"]);
    assert_eq!(defined(ROLES, &marked(ROLES, "resource.lev^el")), ["palisade.cedarschema:58 level"]);
    assert_eq!(
        defined(TESTS, &marked(TESTS, "policies: [clinicians-^work")),
        ["policies/roles.cedar:3 \"clinicians-work-with-charts\""]
    );
    assert_eq!(defined(TESTS, &marked(TESTS, "principal: car^la")), ["policies/roles_test.yaml:3 carla"]);
    assert_eq!(defined(TESTS, &marked(TESTS, "request: pat^ient")), ["policies/roles_test.yaml:11 patient"]);
    assert_eq!(defined(TESTS, &marked(TESTS, "carla: {tenant: acme/we^st")), ["tenants.yaml:6 west"]);
    assert_eq!(defined(TESTS, &marked(TESTS, "routes: [getPat^ient]")), ["openapi.yaml:47 getPatient"]);
    let sharing = "policies/tenants/acme/sharing_test.yaml";
    assert_eq!(defined(sharing, &marked(sharing, "pathway: acme cl^aims")).len(), 2);
    assert_eq!(defined(ROLES, &marked(ROLES, "Role::\"identity-de^sk\"")).len(), 1);
    assert_eq!(
        defined(ROLES, &marked(ROLES, "perm^it (\n  principal in Role::\"clinician\"")),
        ["policies/roles.cedar:3 \"clinicians-work-with-charts\""]
    );
}

#[test]
fn symbols_are_the_policies_tenants_and_tests() {
    let names = |name: &str, text: &str| -> Vec<String> {
        let found = at(name, text, "textDocument/documentSymbol");
        found.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(ROLES, &format!("^{}", clinic(ROLES))).len(), 12);
    assert_eq!(names("tenants.yaml", &format!("^{}", clinic("tenants.yaml")))[2], "acme/west/sf1");
    assert_eq!(names(TESTS, &format!("^{}", clinic(TESTS)))[0], "who calls which route");
    assert_eq!(names(ROLES, "^permit (principal, action, resource);"), ["?"]);
}

#[test]
fn a_policy_is_laid_out_and_one_that_cannot_be_read_is_left() {
    let edits = at(ROLES, "^@id(\"a\") permit(principal,action,resource);", "textDocument/formatting");
    assert_eq!(edits[0]["newText"], "@id(\"a\")\npermit (principal, action, resource);\n");
    assert_eq!(at(ROLES, "^permit (", "textDocument/formatting"), json!([]));
    assert_eq!(at("tenants.yaml", "^tenants:   {}", "textDocument/formatting"), json!([]));
}

#[test]
fn no_place_of_no_file_stops_the_answers() {
    for name in [ROLES, SHARING, "tenants.yaml", TESTS] {
        let whole = clinic(name);
        let desk_world = world(&[]);
        // Every tenth place of a text that ends there, as while it is typed.
        for at in (0..whole.len()).step_by(10).filter(|at| whole.is_char_boundary(*at)) {
            let text: Arc<str> = whole.get(..at).unwrap().into();
            let unsaved = |file_name: &str| (file_name == file(name)).then(|| Ok(Arc::clone(&text)));
            let desk = crate::lsp::page::Desk::new(&desk_world, None, &unsaved);
            let page = desk.page(&file(name), None).unwrap();
            let position = Lines::of(&text).position(at);
            crate::lsp::hover::hover(&desk, &page, position);
            crate::lsp::complete::complete(&desk, &page, position);
            crate::lsp::define::define(&desk, &page, position);
            crate::lsp::symbols::symbols(&page);
        }
    }
}

#[test]
fn a_chain_without_end_is_no_end_of_the_server() {
    let chain =
        format!("permit (principal, action, resource) when {{ principal{}", ".tenant".repeat(100_000));
    assert_eq!(offered(ROLES, &format!("{chain}.^")), Vec::<String>::new());
    assert_eq!(hover(ROLES, &format!("{chain}^")), "");
    let near =
        format!("permit (principal, action, resource) when {{ principal.tenant{}", ".boundary".repeat(50));
    assert!(offered(ROLES, &format!("{near}.^")).contains(&"status".to_owned()));
}
