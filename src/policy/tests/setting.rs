//! Who may set a class of data.

use super::lint::found;
use super::*;

/// What is said of setting `pii.contact.email` (hidden unless revealed) by these policies, beside a permit of all updates.
fn may(text: &str) -> (bool, Vec<String>) {
    let model = model(TENANTS);
    let text = format!(
        "@id(\"work\") permit(principal, action in [Action::\"read\", Action::\"write\"], resource);\n{text}"
    );
    let policies = policies(&model, &text);
    let anna = user("anna", "acme", &["clinician"]);
    let class = model.classes.find("pii.contact.email").unwrap();
    let verdict = Call::new(&anna, Action::Update, "acme/west").ask_with(
        &policies,
        &model,
        &mut Memory::new(),
        |asked| asked.set(class),
    );
    (verdict.allowed, ids(&policies, &[verdict.reasons, verdict.errors].concat()))
}

fn of(allowed: bool, by: &str) -> (bool, Vec<String>) {
    (allowed, by.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect())
}

const SEE: &str =
    "@id(\"see\") permit(principal, action == Action::\"reveal\", resource in DataClass::\"pii\");\n";

#[test]
fn where_no_policy_says_anything_who_may_see_may_set_and_nobody_else() {
    assert_eq!(may(""), of(false, ""));
    assert_eq!(may(SEE), of(true, "see"));
    // The group is about calls: whoever could not set it before `write` was asked cannot now.
    let group = "@id(\"group\") permit(principal in Role::\"clinician\", action in Action::\"write\", resource in DataClass::\"pii\");";
    assert_eq!(may(group), of(false, ""));
    let in_condition =
        "@id(\"group\") permit(principal, action, resource) when { action in Action::\"write\" };";
    assert_eq!(may(in_condition), of(false, ""));
}

#[test]
fn policy_says_who_may_set_by_the_name_of_the_action() {
    let permit = "@id(\"set\") permit(principal in Role::\"clinician\", action == Action::\"write\", resource in DataClass::\"pii.contact\");\n";
    assert_eq!(may(permit), of(true, "set"));
    let both =
        "@id(\"both\") permit(principal, action in [Action::\"reveal\", Action::\"write\"], resource);";
    assert_eq!(may(both), of(true, "both"));
    let forbid = "@id(\"not\") forbid(principal, action == Action::\"write\", resource in DataClass::\"pii\") when { resource.level > 3 };";
    assert_eq!(may(&format!("{SEE}{forbid}")), of(false, "not"));
    assert_eq!(may(&format!("{SEE}{permit}{forbid}")), of(false, "not"));
    assert_eq!(may(&format!("{SEE}{}", forbid.replace("> 3", "> 4"))), of(true, "see"));
    let errs = "@id(\"errs\") forbid(principal, action == Action::\"write\", resource) when { resource.level + 9223372036854775807 > 0 };";
    assert_eq!(may(&format!("{SEE}{permit}{errs}")), of(false, "errs"));
    // It is guarded like every permit.
    let elsewhere = permit.replace("permit(principal in", "@pathway(\"x\") permit(principal in Tenant::\"globex\", action == Action::\"write\", resource in DataKey::\"acme\");\n@id(\"y\") forbid(principal in");
    assert!(!may(&elsewhere).0);
}

#[test]
fn a_policy_of_calls_may_read_what_a_field_does_not_have_and_shows_why() {
    let model = model(TENANTS);
    let text = "@id(\"calls\") forbid(principal, action in Action::\"write\", resource) when { resource.route == Route::\"getPatient\" };\n@id(\"field\") permit(principal, action == Action::\"write\", resource) when { resource.class == DataClass::\"billing\" };";
    let policies = policies(&model, text);
    let effective = policies.effective_text("calls").unwrap();
    assert!(effective.contains("!(action == Action::\"write\")"), "{effective}");
    assert!(!policies.effective_text("field").unwrap().contains("!("));
    // A field has no route, and it is said where the policy asks for it by name.
    let wrong = "@id(\"x\") permit(principal, action == Action::\"write\", resource) when { resource.route == Route::\"getPatient\" };";
    assert!(Policies::compile(&schema(), &[source("p.cedar", wrong)], &model).is_err());
}

#[test]
fn a_schema_of_ones_own_must_let_write_apply_to_fields() {
    let model = model(TENANTS);
    let (before, after) = SCHEMA.split_once("action \"write\" appliesTo").unwrap();
    let rest = after.split_once(";\n").unwrap().1;
    let own = Source { text: format!("{before}action \"write\";\n{rest}").into(), ..schema() };
    let problems = Policies::compile(&own, &[], &model).unwrap_err();
    assert!(problems.iter().any(|one| one.code == "schema-misfit"), "{problems:?}");
}

#[test]
fn sets_nothing() {
    let found_of = |action: &str, class: &str| {
        let text =
            format!("@id(\"x\")\nforbid(principal, action {action}, resource in DataClass::\"{class}\");");
        found(&text)
    };
    for group in ["in Action::\"write\"", "in [Action::\"write\", Action::\"read\"]"] {
        assert_eq!(found_of(group, "pii.contact"), [("sets-nothing", 1)]);
        // No request carries it.
        assert_eq!(found_of(group, "pii.name"), []);
    }
    for named in
        ["== Action::\"write\"", "in [Action::\"write\", Action::\"reveal\"]", "== Action::\"update\""]
    {
        assert_eq!(found_of(named, "pii.contact"), [], "{named}");
    }
}
