//! Each rule of `lint` with policies that it finds and others that it does not.

use std::collections::BTreeSet;

use super::*;
use crate::policy::lint::Looked;
use crate::policy::lint::RULES;
use crate::policy::lint::lint;

const NOW_MS: u64 = 1_700_000_000_123;

fn findings(sources: &[Source], looked: &Looked<'_>) -> Vec<Problem> {
    let model = model(TENANTS);
    lint(&compile(&model, sources), sources, &model, looked)
}

fn looked<'a>() -> Looked<'a> {
    Looked { now_ms: NOW_MS, roles: None, roles_from: "", tested: None, left_out: &[] }
}

/// Code and line of what is found in one platform file. The test's model has classes that no policy needs.
pub(super) fn found(text: &str) -> Vec<(&'static str, u32)> {
    let found = findings(&[source("p.cedar", text)], &looked());
    found.into_iter().map(|one| (one.code, one.place.line)).collect()
}

/// The same of one policy with a scope for clinicians and this condition.
fn of_condition(condition: &str) -> Vec<&'static str> {
    let text = format!(
        "@id(\"x\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource)\n{condition};"
    );
    found(&text).into_iter().map(|(code, _)| code).collect()
}

fn in_folder(tenant: &str, text: &str) -> Vec<&'static str> {
    let source = Source {
        confined_to: Some(TenantPath::parse(tenant).unwrap()),
        ..source(&format!("tenants/{tenant}/p.cedar"), text)
    };
    findings(&[source], &looked()).into_iter().map(|one| one.code).collect()
}

#[test]
fn never_applies() {
    for never in [
        "when { context.method == \"GET\" && context.method == \"PUT\" }",
        "when { context.method == \"GET\" } unless { context.method != \"PUT\" }",
        "when { context.method == \"GET\" && !(context.method like \"G*\") }",
        "when { resource.level > 3 && resource.level < 4 }",
        "when { resource.level >= 10 }",
        "when { resource.level == 2 && resource.level <= 1 }",
        "when { [\"a\", \"b\"].contains(context.method) && context.method == \"c\" }",
        "when { context.now < datetime(\"2030-01-01\") && context.now > datetime(\"2031-01-01T00:00:00Z\") }",
        "when { resource in DataKey::\"acme\" && resource in DataKey::\"globex\" }",
        "when { resource in DataKey::\"acme/west\" && !(resource in DataKey::\"acme\") }",
        "when { principal.tenant in Tenant::\"acme\" && principal.tenant == Tenant::\"acme-x\" }",
        "when { principal in Tenant::\"acme\" && principal in Tenant::\"acme-x\" }",
        "when { context has purpose && !(context has purpose) }",
        "when { if context has purpose then 1 > 2 else false }",
        "unless { true }",
        "when { 1 + 2 == 4 }",
    ] {
        // A chain is settled link by link, or as a whole: either way it is found.
        assert!(
            of_condition(never).iter().any(|code| matches!(*code, "never-applies" | "always-false")),
            "{never}: {:?}",
            of_condition(never)
        );
    }
    for may in [
        "when { context.method == \"GET\" || context.method == \"PUT\" }",
        "when { resource.level > 3 && resource.level <= 4 }",
        "when { resource in DataKey::\"acme/west\" && resource in DataKey::\"acme/west/sf1\" }",
        "when { resource in DataClass::\"pii\" && resource in DataClass::\"billing\" }",
        "when { principal in Role::\"a\" && principal in Role::\"b\" }",
        "when { context has purpose && context.purpose == \"a\" }",
        "when { principal.auth == \"jwt\" && principal has issuer && principal.issuer != \"jwt\" }",
    ] {
        assert_eq!(of_condition(may), Vec::<&str>::new(), "{may}");
    }
    let no_route = "@id(\"x\")\npermit(principal in Role::\"r\", action == Action::\"export\", resource);";
    assert_eq!(found(no_route), [("never-applies", 1)]);
    let no_group = "@id(\"x\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource in RouteGroup::\"clinical\");";
    assert_eq!(found(no_group), []);
    assert_eq!(
        in_folder(
            "acme",
            "@id(\"x\") permit(principal in Role::\"r\", action == Action::\"read\", resource in DataKey::\"globex\");"
        ),
        ["never-applies"]
    );
    let template = "@id(\"t\")\npermit(principal == ?principal, action == Action::\"read\", resource);";
    assert_eq!(found(template), [("never-applies", 1)]);
    let links = source("p.links.yaml", "links:\n- {id: l, template: t, principal: 'User::\"anna\"'}\n");
    assert_eq!(findings(&[source("p.cedar", template), links], &looked()), []);
}

#[test]
fn forbids_nothing() {
    let text = "@id(\"x\")\nforbid(principal, action, resource in DataKey::\"acme\")\nwhen { resource.level > 3 && resource.level < 2 };";
    let all = findings(&[source("p.cedar", text)], &looked());
    assert_eq!(
        all.iter().map(|one| (one.code, one.place.line)).collect::<Vec<_>>(),
        [("forbids-nothing", 3)]
    );
    assert_eq!(all[0].severity, crate::problem::Severity::Error);
    assert_eq!(found(&text.replace("< 2", "< 5")), []);
}

#[test]
fn expired() {
    assert_eq!(of_condition("when { context.now < datetime(\"2023-11-14\") }"), ["expired"]);
    assert_eq!(
        of_condition("when { context.now < datetime(\"2023-11-15T22:13:20.124+0000\") }"),
        Vec::<&str>::new()
    );
    assert_eq!(of_condition("when { context.now >= datetime(\"2020-01-01\") }"), Vec::<&str>::new());
}

#[test]
fn covered() {
    let wide = "@id(\"wide\")\npermit(principal in Role::\"r\", action in [Action::\"read\", Action::\"list\"], resource in DataKey::\"acme\")";
    let with = |narrow: &str| found(&format!("{wide};\n@id(\"narrow\")\n{narrow};"));
    let narrow = "permit(principal in Role::\"r\", action == Action::\"read\", resource in DataKey::\"acme/west\") when { resource.level < 2 }";
    assert_eq!(with(narrow), [("covered", 3)]);
    for other in [
        narrow.replace("Role::\"r\"", "Role::\"s\""),
        narrow.replace("acme/west", "acme-x/west"),
        narrow.replace("== Action::\"read\"", "in [Action::\"read\", Action::\"update\"]"),
        narrow.replace("permit", "forbid"),
        narrow.replace("in Role::\"r\"", ""),
    ] {
        assert_eq!(with(&other), [], "{other}");
    }
    // A condition covers what follows from it.
    let with = |a: &str, b: &str| {
        found(&format!(
            "@id(\"a\")\npermit(principal, action == Action::\"read\", resource) when {{ {a} }};\n@id(\"b\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource) when {{ {b} }};"
        ))
    };
    assert_eq!(with("resource.level <= 3", "resource.level < 3 && context has purpose"), [("covered", 3)]);
    assert_eq!(with("[\"a\", \"b\"].contains(context.method)", "context.method == \"b\""), [("covered", 3)]);
    assert_eq!(with("resource.level <= 2", "resource.level <= 3"), []);
    // Of two that say the same the later one is told, and only it.
    assert_eq!(with("resource.level <= 3", "resource.level <= 3"), [("covered", 3)]);
    let twice = "@id(\"a\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource);\n@id(\"b\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource);";
    assert_eq!(found(twice), [("covered", 3)]);
    // What a tenant says in its folder does not cover what holds everywhere.
    let everywhere = source(
        "p.cedar",
        "@id(\"p\") permit(principal in Role::\"r\", action == Action::\"read\", resource in DataKey::\"acme\");",
    );
    let confined = Source {
        confined_to: Some(TenantPath::parse("acme/west").unwrap()),
        ..source(
            "q.cedar",
            "@id(\"q\") permit(principal in Role::\"r\", action == Action::\"read\", resource in DataKey::\"acme\");",
        )
    };
    let all = findings(&[everywhere, confined], &looked());
    assert_eq!(
        all.iter().map(|one| (one.code, &*one.place.file)).collect::<Vec<_>>(),
        [("covered", "q.cedar")]
    );
}

#[test]
fn always_forbidden() {
    let with = |forbid: &str| {
        found(&format!(
            "@id(\"p\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource in DataKey::\"acme/west\");\n@id(\"f\")\n{forbid};"
        ))
    };
    assert_eq!(with("forbid(principal, action, resource in DataKey::\"acme\")"), [("always-forbidden", 1)]);
    assert_eq!(
        with("forbid(principal, action, resource in DataKey::\"acme\") unless { resource.level > 1 }"),
        []
    );
    assert_eq!(with("forbid(principal, action in Action::\"write\", resource in DataKey::\"acme\")"), []);
    assert_eq!(with("forbid(principal, action, resource in DataKey::\"acme/west/sf1\")"), []);
}

#[test]
fn always_true_and_always_false() {
    for (condition, code) in [
        ("when { true }", "always-true"),
        ("when { principal in Role::\"r\" && resource.level < 3 }", "always-true"),
        ("when { resource.level < 3 && resource.level < 5 }", "always-true"),
        ("when { resource.level <= 9 && context has purpose }", "always-true"),
        ("when { context.method == context.method && context has purpose }", "always-true"),
        (
            "when { context has purpose && (context.method == \"a\" || context.method != \"a\") }",
            "always-true",
        ),
        ("when { context has purpose || 1 > 2 }", "always-false"),
        ("when { context has purpose } unless { resource.level > 9 }", "always-false"),
        (
            "when { context.method == \"a\" || (context has purpose && context.method == \"a\") }",
            "always-false",
        ),
    ] {
        assert_eq!(of_condition(condition), [code], "{condition}");
    }
    let all = findings(
        &[source(
            "p.cedar",
            "@id(\"x\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource)\nwhen { context has purpose } unless { 1 >\n 2 };",
        )],
        &looked(),
    );
    assert_eq!(all[0].message, "`1 > 2` never holds when it is looked at");
    assert_eq!((all[0].place.line, all[0].place.column), (3, 39));
}

#[test]
fn wide_permit() {
    let scoped = "@id(\"s\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource in DataKey::\"globex\");";
    let wide = "@id(\"w\")\npermit(principal, action in [Action::\"read\", Action::\"list\"], resource);";
    let codes = |text: String| {
        found(&text).into_iter().filter(|(code, _)| *code == "wide-permit").collect::<Vec<_>>()
    };
    assert_eq!(codes(format!("{scoped}\n{wide}")), [("wide-permit", 3)]);
    // Alone it has no neighbours; with a condition or a scope it is not wide.
    assert_eq!(codes(wide.to_owned()), []);
    assert_eq!(
        codes(format!("{scoped}\n{}", wide.replace(", resource", ", resource in DataKey::\"acme\""))),
        []
    );
    assert_eq!(codes(format!("{scoped}\n{} when {{ resource.level < 2 }};", wide.trim_end_matches(';'))), []);
}

#[test]
fn pathway_endless_and_without_ceiling() {
    let with = |condition: &str| {
        found(&format!(
            "@id(\"x\")\n@pathway(\"p\")\npermit(principal in Tenant::\"globex\", action == Action::\"read\", resource in DataKey::\"acme\") when {{ {condition} }};"
        ))
    };
    assert_eq!(with("context.method == \"GET\""), [("pathway-endless", 1), ("pathway-without-ceiling", 1)]);
    assert_eq!(with("context.now < datetime(\"2036-06-30\") && resource.level <= 2"), []);
    assert_eq!(with("context.now < datetime(\"2036-06-30\") && resource in DataClass::\"billing\""), []);
    assert_eq!(with("context.now < datetime(\"2036-06-30\")"), [("pathway-without-ceiling", 1)]);
    assert_eq!(with("resource.level <= 2"), [("pathway-endless", 1)]);
}

#[test]
fn arithmetic() {
    assert_eq!(of_condition("when { resource.level + 1 < 3 }"), ["arithmetic"]);
    assert_eq!(of_condition("when { context.now.toDate() == datetime(\"2036-06-30\") }"), ["arithmetic"]);
    assert_eq!(of_condition("when { resource.level < 1 + 2 }"), Vec::<&str>::new());
}

#[test]
fn tenant_unscoped() {
    let text = "@id(\"x\") forbid(principal, action, resource) when { resource.level > 3 };";
    assert_eq!(in_folder("acme", text), ["tenant-unscoped"]);
    assert_eq!(
        in_folder("acme", &text.replace(", resource)", ", resource in DataKey::\"acme\")")),
        Vec::<&str>::new()
    );
    assert_eq!(found(text), []);
}

#[test]
fn shadow_mode() {
    // What decides nothing covers and forbids nothing; looked at by itself it is as any other.
    let text = "@id(\"a\") @mode(\"shadow\") forbid(principal, action, resource);\n\
                @id(\"b\") permit(principal in Role::\"r\", action == Action::\"read\", resource);";
    assert_eq!(found(text), [("shadow-mode", 1)]);
    assert_eq!(found(&text.replace("@mode(\"shadow\") ", "")), [("always-forbidden", 2)]);
}

#[test]
fn unused_class() {
    let model = |classes: &str| {
        let (tenants, _) = Tenants::parse("tenants.yaml", TENANTS).unwrap();
        let classes = super::classes(classes);
        let routes = routes(
            "routes:\n  - {method: GET, path: /a, id: a, response: {classes: {'$.name': pii.name}}}\n",
            &classes,
        );
        Model::new(tenants, classes, routes)
    };
    let unused = |text: &str| {
        let model = model(
            "classes:\n  pii: {level: 2, classes: {name: {}, old: {classes: {fax: {}}}}}\n  pii2: {level: 1}\n",
        );
        let sources = [source("p.cedar", text)];
        let all = lint(&compile(&model, &sources), &sources, &model, &looked());
        let all = all.into_iter().filter(|one| one.code == "unused-class");
        all.map(|one| (one.place.file.to_string(), one.place.line, one.message)).collect::<Vec<_>>()
    };
    let said = |line, class| {
        (
            "classes.yaml".to_owned(),
            line,
            format!("no route carries the data class `{class}`, and no policy names it"),
        )
    };
    let permit = "@id(\"x\") permit(principal in Role::\"r\", action == Action::\"read\", resource)";
    assert_eq!(unused(&format!("{permit};")), [said(2, "pii.old"), said(3, "pii2")]);
    assert_eq!(
        unused(&format!(
            "{permit} when {{ resource in DataClass::\"pii.old.fax\" }} unless {{ resource in DataClass::\"pii2\" }};"
        )),
        []
    );
}

#[test]
fn unheld_role() {
    let roles = BTreeSet::from(["clinician".to_owned(), "auditor".to_owned()]);
    let known = Looked { roles: Some(&roles), roles_from: "3 API keys", ..looked() };
    let of = |text: &str, looked: &Looked<'_>| {
        let all = findings(&[source("p.cedar", text)], looked);
        all.into_iter().map(|one| (one.code, one.message, one.hint.unwrap_or_default())).collect::<Vec<_>>()
    };
    let permit = |id: &str, role: &str| {
        format!(
            "@id(\"{id}\") permit(principal in Role::\"{role}\", action == Action::\"read\", resource);\n"
        )
    };
    let text = permit("a", "clinican")
        + &permit("b", "clinician")
        + &permit("c", "clinican").replace("Action::\"read\"", "Action::\"reveal\"");
    let message = "nobody is known to have the role `clinican`".to_owned();
    assert_eq!(of(&text, &known), [("unheld-role", message, "did you mean `clinician`?".to_owned())]);
    assert_eq!(of(&text, &looked()), []);
    let text = "@id(\"a\") permit(principal, action == Action::\"read\", resource) when { principal.roles.contains(\"zebra\") || principal.roles.contains(\"auditor\") };";
    let message = "nobody is known to have the role `zebra`".to_owned();
    assert_eq!(of(text, &known), [("unheld-role", message, "looked at: 3 API keys".to_owned())]);
}

#[test]
fn untested() {
    let text = "@id(\"x\") permit(principal in Role::\"r\", action == Action::\"read\", resource);\n@id(\"y\") permit(principal in Role::\"s\", action == Action::\"read\", resource);";
    let tested = BTreeSet::from(["x".to_owned()]);
    let all = findings(&[source("p.cedar", text)], &Looked { tested: Some(&tested), ..looked() });
    assert_eq!(all.iter().map(|one| (one.code, one.place.line)).collect::<Vec<_>>(), [("untested", 2)]);
    // Where there are no tests at all, none is missed, and an allowance is not unneeded.
    let allowed =
        text.replace("@id(\"y\")", "@id(\"y\") @lint_allow(\"untested: because; unheld-role: because\")");
    assert_eq!(found(&allowed), []);
    assert_eq!(found(text), []);
}

#[test]
fn a_finding_is_allowed_with_a_reason_and_an_allowance_that_is_not_right_is_a_finding() {
    let with = |annotation: &str| {
        found(&format!(
            "@id(\"x\")\n{annotation}\n@pathway(\"p\")\npermit(principal in Tenant::\"globex\", action == Action::\"read\", resource in DataKey::\"acme\");"
        ))
    };
    let (endless, open) = (("pathway-endless", 1), ("pathway-without-ceiling", 1));
    assert_eq!(with(""), [endless, open]);
    assert_eq!(with("@lint_allow(\"pathway-endless: the contract says so; see 7: b\")"), [open]);
    assert_eq!(with("@lint_allow(\"pathway-endless: because; pathway-without-ceiling: because, too\")"), []);
    for none in ["@lint_allow(\"pathway-endless\")", "@lint_allow(\"pathway-endless: \")"] {
        assert_eq!(with(none), [endless, open, ("allow-without-reason", 2)], "{none}");
    }
    assert_eq!(with("@lint_allow(\"pathway-endles: because\")"), [endless, open, ("allow-unknown", 2)]);
    assert_eq!(with("@lint_allow(\"arithmetic: because\")"), [endless, open, ("allow-unneeded", 2)]);
    let left_out = ["arithmetic".to_owned(), "pathway-endless".to_owned()];
    let text = "@id(\"x\")\n@lint_allow(\"arithmetic: because\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource);";
    assert_eq!(findings(&[source("p.cedar", text)], &Looked { left_out: &left_out, ..looked() }), []);
    // A link is allowed what its template is.
    let template = "@id(\"t\")\n@lint_allow(\"never-applies: the app asks for it from May\")\npermit(principal == ?principal, action == Action::\"export\", resource);";
    let links = source("p.links.yaml", "links:\n- {id: l, template: t, principal: 'User::\"a\"'}\n");
    assert_eq!(findings(&[source("p.cedar", template), links], &looked()), []);
}

#[test]
fn every_rule_has_a_test_that_names_it() {
    let tests = [include_str!("lint.rs"), include_str!("setting.rs")].concat();
    for rule in RULES {
        assert!(tests.contains(&format!("\"{}\"", rule.code)), "{}", rule.code);
    }
}

#[test]
fn long_chains_and_many_policies_without_a_scope_are_looked_at() {
    let chain = |at: usize| {
        let parts: Vec<String> = (0..60).map(|n| format!("context.method != \"{at}.{n}\"")).collect();
        format!(
            "@id(\"c{at}\") permit(principal in Role::\"r{at}\", action == Action::\"read\", resource) when {{ {} }};\n",
            parts.join(" && ")
        )
    };
    let chains: String = (0..20).map(chain).collect();
    assert_eq!(found(&chains), []);
    let many: String = (0..600)
        .map(|n| format!("@id(\"m{n}\") permit(principal, action == Action::\"read\", resource) when {{ context.method == \"{n}\" }};\n"))
        .collect();
    assert_eq!(found(&many), []);
}
