//! What is refused when policies are loaded, where it points, and what is added.

use super::*;
use crate::problem::Severity;

/// Code, line and hint of every problem of one platform file.
fn found(text: &str) -> Vec<(&'static str, u32, Option<String>)> {
    let found = problems(&model(TENANTS), &[source("p.cedar", text)]);
    found.into_iter().map(|one| (one.code, one.place.line, one.hint)).collect()
}

fn codes(text: &str) -> Vec<&'static str> {
    found(text).into_iter().map(|(code, _, _)| code).collect()
}

fn in_folder(file: &str, tenant: &str, text: &str) -> Source {
    Source { confined_to: Some(TenantPath::parse(tenant).unwrap()), ..source(file, text) }
}

#[test]
fn every_problem_of_every_file_comes_at_once_with_its_place() {
    let sources = [
        source("a.cedar", "permit(principal, action, resource);"),
        source(
            "b.cedar",
            "@id(\"b\")\npermit(principal in Tenant::\"acmee\", action, resource)\nwhen { principal.tennant == 1 };",
        ),
        source("c.cedar", "@id(\"c\") permit(principal, action resource);\n@id(\"d\") forbid();"),
        source("d.cedar", "@id(\"b\") forbid(principal, action, resource);"),
    ];
    let found = problems(&model(TENANTS), &sources);
    let brief: Vec<_> = found.iter().map(|one| (&*one.place.file, one.code, one.place.line)).collect();
    assert!(brief.contains(&("a.cedar", "policy-without-id", 1)), "{found:#?}");
    assert!(brief.contains(&("b.cedar", "unknown-tenant", 2)), "{found:#?}");
    assert!(brief.contains(&("b.cedar", "policy-type", 3)), "{found:#?}");
    assert!(brief.contains(&("c.cedar", "policy-syntax", 1)), "{found:#?}");
    assert!(brief.contains(&("d.cedar", "policy-id-twice", 1)), "{found:#?}");
    let attribute = found.iter().find(|one| one.code == "policy-type").unwrap();
    assert_eq!((attribute.place.column, attribute.place.length), (8, 17));
    assert!(attribute.hint.as_ref().unwrap().contains("tenant"), "{attribute:?}");
    let tenant = found.iter().find(|one| one.code == "unknown-tenant").unwrap();
    assert_eq!(tenant.hint.as_deref(), Some("did you mean `acme`?"));
    assert!(found.iter().all(|one| !one.message.contains('\n') && !one.message.contains("::engine")));
}

#[test]
fn an_id_is_mandatory_unique_over_all_files_and_not_empty() {
    assert_eq!(codes("@id permit(principal, action, resource);"), ["policy-without-id"]);
    assert_eq!(
        codes(
            "@id(\"a\") permit(principal, action, resource); @id(\"a\") permit(principal, action, resource);"
        ),
        ["policy-id-twice"]
    );
    assert_eq!(codes("@id(\"a\\nb\") permit(principal, action, resource);"), ["bad-policy-id"]);
}

#[test]
fn a_forbid_that_can_never_apply_is_an_error_and_such_a_permit_a_warning() {
    let useless = "(principal is User, action, resource) when { principal is Service };";
    let forbid = problems(&model(TENANTS), &[source("p", &format!("@id(\"a\") forbid {useless}"))]);
    assert_eq!(forbid.iter().map(|one| one.severity).collect::<Vec<_>>(), [Severity::Error]);
    let permit = problems(&model(TENANTS), &[source("p", &format!("@id(\"a\") permit {useless}"))]);
    assert_eq!(permit.iter().map(|one| one.severity).collect::<Vec<_>>(), [Severity::Warning]);
    let misplaced = "@id(\"a\") forbid (principal, action == Action::\"reveal\", resource is Resource);";
    let misplaced = problems(&model(TENANTS), &[source("p", misplaced)]);
    assert!(misplaced.iter().any(|one| one.severity == Severity::Error), "{misplaced:#?}");
}

#[test]
fn a_name_that_the_model_has_not_is_an_error_wherever_it_stands() {
    let told =
        |text: &str| found(text).into_iter().map(|(code, _, hint)| (code, hint.unwrap_or_default())).next();
    let hint = |near: &str| format!("did you mean `{near}`?");
    let cases = [
        ("permit(principal in Tenant::\"globx\", action, resource);", "unknown-tenant", "globex"),
        (
            "permit(principal, action, resource in DataKey::\"acm/claims\");",
            "unknown-data-key",
            "acme/claims",
        ),
        (
            "permit(principal, action, resource in DataClass::\"pii.contcat\");",
            "unknown-class",
            "pii.contact",
        ),
        (
            "forbid(principal, action, resource) when { [Tenant::\"acmee\"].contains(principal.tenant) };",
            "unknown-tenant",
            "acme",
        ),
        (
            "permit(principal, action, resource) when { resource in [DataKey::\"acme\", DataKey::\"globx\"] };",
            "unknown-data-key",
            "globex",
        ),
        (
            "permit(principal, action, resource in RouteGroup::\"clinicl\");",
            "unknown-route-group",
            "clinical",
        ),
        ("permit(principal, action, resource in Route::\"getPatent\");", "unknown-route", "getPatient"),
    ];
    for (text, code, near) in cases {
        assert_eq!(told(&format!("@id(\"a\") {text}")), Some((code, hint(near))), "{text}");
    }
    // Deeper than any tenant is a DataKey all the same, and a wrong spelling is told as such.
    assert_eq!(
        codes("@id(\"a\") permit(principal, action, resource in DataKey::\"acme/west/claims/2024\");"),
        [""; 0]
    );
    let (code, hint) = told("@id(\"a\") permit(principal, action, resource in DataKey::\"acme/\");").unwrap();
    assert!(code == "unknown-data-key" && hint.contains("segment"), "{hint}");
}

#[test]
fn a_pathway_says_in_its_scope_who_crosses_and_to_what() {
    let pathway = |scope: &str| codes(&format!("@id(\"a\") @pathway(\"x\") permit({scope});"));
    let open = |scope: &str| assert_eq!(pathway(scope), ["pathway-open"], "{scope}");
    assert_eq!(pathway("principal in Tenant::\"globex\", action, resource in DataKey::\"acme\""), [""; 0]);
    assert_eq!(
        pathway("principal is User in Tenant::\"globex\", action, resource is Resource in DataKey::\"acme\""),
        [""; 0]
    );
    open("principal, action, resource in DataKey::\"acme\"");
    open("principal == User::\"anna\", action, resource in DataKey::\"acme\"");
    open("principal in Role::\"auditor\", action, resource in DataKey::\"acme\"");
    open("principal in Tenant::\"globex\", action, resource");
    open("principal in Tenant::\"globex\", action, resource in DataClass::\"pii\"");
    open("principal in Tenant::\"globex\", action, resource == Resource::\"acme#getPatient\"");
    assert_eq!(pathway("principal, action, resource"), ["pathway-open", "pathway-open"]);
    assert_eq!(codes("@id(\"a\") @pathway(\"x\") forbid(principal, action, resource);"), ["pathway-forbids"]);
    assert_eq!(
        codes(
            "@id(\"a\") @pathway permit(principal in Tenant::\"globex\", action, resource in DataKey::\"acme\");"
        ),
        ["pathway-unnamed"]
    );
    assert_eq!(
        codes("@id(\"a\") @pathwy(\"x\") permit(principal, action, resource);"),
        ["unknown-annotation"]
    );
}

#[test]
fn the_guard_stands_before_the_authors_condition_and_can_be_read() {
    let sources = [
        source(
            "p.cedar",
            "@id(\"plain\") permit(principal, action, resource) when { context has purpose };\n@id(\"no\") forbid(principal, action, resource);",
        ),
        in_folder(
            "acme/p.cedar",
            "acme/west",
            "@id(\"in\") permit(principal, action, resource) unless { context has actor };\n@id(\"in-no\") forbid(principal, action, resource);",
        ),
        in_folder(
            "acme/q.cedar",
            "acme",
            "@id(\"way\") @pathway(\"w\") permit(principal in Tenant::\"globex\", action, resource in DataKey::\"acme\");",
        ),
    ];
    let policies = compile(&model(TENANTS), &sources);
    let text =
        |id: &str| policies.effective_text(id).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text("plain")
            .ends_with("when { (resource in (principal[\"dataKey\"])) && (context has \"purpose\") };")
            || text("plain").contains("resource in"),
        "{}",
        text("plain")
    );
    assert!(!text("no").contains("when"), "{}", text("no"));
    assert!(
        text("in").contains("DataKey::\"acme/west\"") && text("in").contains("principal"),
        "{}",
        text("in")
    );
    assert!(text("in-no").contains("resource in DataKey::\"acme/west\""), "{}", text("in-no"));
    assert!(text("way").contains("when { resource in DataKey::\"acme\" }"), "{}", text("way"));
    assert_eq!(policies.effective_text("nothing"), None);
    // What is printed is Cedar, and says the same.
    for id in ["plain", "no", "in", "in-no", "way"] {
        cedar_policy::Policy::parse(None, policies.effective_text(id).unwrap()).unwrap();
    }
    let ids: Vec<_> = policies.ids().collect();
    assert_eq!(ids, ["in", "in-no", "no", "plain", "way"]);
    assert_eq!(policies.pathway(policies.find("way").unwrap()), Some("w"));
}

#[test]
fn links_fill_templates_and_are_guarded_like_policies() {
    let template = "@id(\"tpl\") permit(principal in ?principal, action == Action::\"read\", resource in ?resource);\n@id(\"tpl-way\") @pathway(\"w\") permit(principal in ?principal, action, resource in ?resource);";
    let links = |text: &str| source("x.links.yaml", text);
    let good = "links:\n  - {id: l1, template: tpl, principal: 'Role::\"nurse\"', resource: 'DataKey::\"acme/west\"'}\n  - {id: l2, template: tpl-way, principal: 'Tenant::\"globex\"', resource: 'DataKey::\"acme/east\"'}\n";
    let model = model(TENANTS);
    let policies = compile(&model, &[source("t.cedar", template), links(good)]);
    assert_eq!(policies.ids().collect::<Vec<_>>(), ["l1", "l2"]);
    assert!(policies.effective_text("l1").unwrap().contains("principal in Role::\"nurse\""));
    let nurse = user("n", "acme", &["nurse"]);
    assert!(Call::new(&nurse, Action::Read, "acme/west/sf1").decide(&policies, &model).allowed);
    assert!(!Call::new(&nurse, Action::Read, "acme/east").decide(&policies, &model).allowed);
    let other = user("n", "globex", &["nurse"]);
    assert!(!Call::new(&other, Action::Read, "acme/west").decide(&policies, &model).allowed);
    assert!(Call::new(&other, Action::Read, "acme/east").decide(&policies, &model).allowed);
    let bad = |entry: &str| {
        let text = format!("links:\n  - {entry}\n");
        let found = problems(&model, &[source("t.cedar", template), links(&text)]);
        assert!(
            found.iter().all(|one| one.place.file.ends_with("links.yaml") && one.place.line == 2),
            "{found:#?}"
        );
        found.into_iter().map(|one| one.code).collect::<Vec<_>>()
    };
    assert_eq!(
        bad("{id: l, template: tql, principal: 'Role::\"n\"', resource: 'DataKey::\"acme\"'}"),
        ["unknown-template"]
    );
    assert_eq!(bad("{id: l, template: tpl, principal: 'Role::\"n\"'}"), ["link-unfilled"]);
    assert_eq!(
        bad("{id: l, template: tpl, principal: 'Role::n', resource: 'DataKey::\"acme\"'}"),
        ["links-syntax"]
    );
    assert_eq!(
        bad("{id: l, template: tpl, principal: 'Role::\"n\"', resource: 'DataKey::\"acne\"'}"),
        ["unknown-data-key"]
    );
    assert_eq!(
        bad("{id: tpl, template: tpl, principal: 'Role::\"n\"', resource: 'DataKey::\"acme\"'}"),
        ["policy-id-twice"]
    );
    assert_eq!(
        bad("{id: l, template: tpl-way, principal: 'Role::\"n\"', resource: 'DataKey::\"acme\"'}"),
        ["pathway-open"]
    );
    assert!(
        bad("{id: l, template: tpl, principal: 'Rule::\"n\"', resource: 'DataKey::\"acme\"'}")
            .contains(&"policy-type")
    );
    assert_eq!(bad("{id: l, template: tpl, princpal: 'Role::\"n\"'}"), ["links-syntax"]);
}

#[test]
fn a_folder_is_confined_even_through_a_template_of_the_platform() {
    let template = source(
        "t.cedar",
        "@id(\"tpl\") @pathway(\"w\") permit(principal in ?principal, action, resource in ?resource);",
    );
    let mut links = in_folder(
        "globex/x.links.yaml",
        "globex",
        "links:\n  - {id: grab, template: tpl, principal: 'Tenant::\"globex\"', resource: 'DataKey::\"acme\"'}\n",
    );
    let model = model(TENANTS);
    let globex = user("g", "globex", &[]);
    let call =
        |policies: &Policies| Call::new(&globex, Action::Read, "acme").decide(policies, &model).allowed;
    assert!(!call(&compile(&model, &[template.clone(), links.clone()])));
    links.confined_to = None;
    assert!(call(&compile(&model, &[template, links])), "the test would pass for the wrong reason");
}

#[test]
fn a_schema_that_palisade_does_not_fit_into_is_refused_with_the_reason() {
    let misfit = |schema: &str| Policies::compile(&source("s", schema), &[], &model(TENANTS)).unwrap_err();
    let needy = SCHEMA.replace("tier: String,", "tier: String, colour: String,");
    let found = misfit(&needy);
    assert!(found[0].code == "schema-misfit" && found[0].message.contains("colour"), "{found:#?}");
    let found = misfit(&SCHEMA.replace("  tier: String,\n", ""));
    assert!(found[0].message.contains("tier"), "{found:#?}");
    let found = misfit(&SCHEMA.replace("\"export\", ", ""));
    assert!(found.iter().any(|one| one.message.contains("export")), "{found:#?}");
    let found = misfit(&SCHEMA.replace("now: datetime,", "now: String,"));
    assert!(found[0].code == "schema-misfit", "{found:#?}");
    let found = misfit("entity A {");
    assert_eq!((found[0].code, found[0].place.line), ("schema", 1));
    // More than is asked for is welcome.
    let more = SCHEMA.replace("entity Role;", "entity Role; entity Invoice in [DataKey]; action \"approve\" appliesTo { principal: User, resource: Invoice };");
    assert!(Policies::compile(&source("s", &more), &[], &model(TENANTS)).is_ok());
}

#[test]
fn masks_are_read_from_their_annotation() {
    let text =
        "@id(\"m\") @mask(\"keep-last(4)\") forbid(principal, action == Action::\"reveal\", resource);";
    let policies = policies(&model(TENANTS), text);
    assert_eq!(policies.mask(policies.find("m").unwrap()), Some(&Mask::KeepLast(4)));
    for unknown in ["hide", "", "keep-last", "bucket(1)", "hash"] {
        assert_eq!(codes(&text.replace("keep-last(4)", unknown)), ["bad-mask"], "{unknown}");
    }
    let hidden = text.replace("keep-last(4)", "hide").replace(" @mask", "\n  @mask");
    let found = Policies::compile(&source("s", SCHEMA), &[source("p.cedar", &hidden)], &model(TENANTS));
    let place = &found.unwrap_err()[0].place;
    assert_eq!((&*place.file, place.line, place.column), ("p.cedar", 2, 3));
    // A permit with a mask would show the value as it is.
    assert_eq!(codes(&text.replace("forbid", "permit")), ["mask-permits"]);
}

#[test]
fn the_digest_knows_every_byte_and_no_order() {
    let model = model(TENANTS);
    let (a, b) = (
        source("a", "@id(\"a\") permit(principal, action, resource);"),
        source("b", "@id(\"b\") forbid(principal, action, resource);"),
    );
    let digest = |sources: &[Source]| compile(&model, sources).digest();
    assert_eq!(digest(&[a.clone(), b.clone()]), digest(&[b.clone(), a.clone()]));
    let confined = Source { confined_to: Some(TenantPath::parse("acme").unwrap()), ..a.clone() };
    assert_ne!(digest(&[a.clone(), b.clone()]), digest(&[confined, b.clone()]));
    assert_ne!(digest(&[a]), digest(&[b]));
}
