//! What an answer says: who decided it, and that an error is a denial.

use super::*;

#[test]
fn an_error_in_any_policy_is_a_denial_that_names_it() {
    let model = model(TENANTS);
    let overflow = "context.path like \"*1*\" && resource.level + 9223372036854775807 > 0";
    for effect in ["permit", "forbid"] {
        let text = format!(
            "@id(\"all\") permit(principal, action, resource);\n@id(\"errs\") {effect}(principal, action, resource) when {{ {overflow} }};"
        );
        let policies = policies(&model, &text);
        let anna = user("anna", "acme", &[]);
        let verdict = Call::new(&anna, Action::Read, "acme").decide(&policies, &model);
        assert!(!verdict.allowed);
        assert_eq!((ids(&policies, &verdict.errors), verdict.reasons.len()), (vec!["errs".to_owned()], 0));
    }
}

#[test]
fn where_the_entities_cannot_be_put_together_every_candidate_is_an_error_and_nothing_is_allowed() {
    let model = model(TENANTS);
    // On no entities at all, neither forbid would hold: `has` is false of what is not there.
    let text = "@id(\"all\") permit(principal, action, resource);\n@id(\"closed\") forbid(principal, action, resource) when { principal has tenant };\n@id(\"open\") forbid(principal, action, resource) when { context has path && principal has tenant };";
    let policies = policies(&model, text);
    let anna = user("anna", "acme", &[]);
    let verdict = Call::new(&anna, Action::Read, "acme")
        .ask_with(&policies, &model, &mut Memory::new(), |asked| asked.decide_on_nothing())
        .unwrap();
    assert_eq!((verdict.allowed, verdict.reasons.len()), (false, 0));
    assert_eq!(ids(&policies, &verdict.errors), ["all", "closed", "open"]);
}

#[test]
fn a_condition_that_errs_is_not_looked_at_outside_its_guard() {
    let model = model(TENANTS);
    let errs = "resource.level + 9223372036854775807 > 0 && resource.level * 9223372036854775807 > 0";
    let folder = Source {
        confined_to: Some(TenantPath::parse("globex").unwrap()),
        ..source(
            "globex/p.cedar",
            &format!("@id(\"bad\") forbid(principal, action, resource) when {{ {errs} }};"),
        )
    };
    let all = source("p.cedar", "@id(\"all\") permit(principal, action, resource);");
    let policies = compile(&model, &[folder, all]);
    let (anna, gus) = (user("anna", "acme", &[]), user("gus", "globex", &[]));
    assert!(
        Call::new(&anna, Action::Read, "acme").decide(&policies, &model).allowed,
        "one tenant denied another"
    );
    assert!(!Call::new(&gus, Action::Read, "globex").decide(&policies, &model).allowed);
}

#[test]
fn reasons_are_those_of_the_winning_effect_sorted_by_id() {
    let model = model(TENANTS);
    let text = "@id(\"z\") permit(principal, action, resource);\n@id(\"a\") permit(principal, action, resource);\n@id(\"m\") forbid(principal, action == Action::\"delete\", resource);";
    let policies = policies(&model, text);
    let anna = user("anna", "acme", &[]);
    let verdict = |action| Call::new(&anna, action, "acme").decide(&policies, &model);
    assert_eq!(ids(&policies, &verdict(Action::Read).reasons), ["a", "z"]);
    assert_eq!(ids(&policies, &verdict(Action::Delete).reasons), ["m"]);
    let none = Call::new(&anna, Action::Read, "globex").decide(&policies, &model);
    assert_eq!((none.allowed, none.reasons.len(), none.errors.len()), (false, 0, 0));
}

#[test]
fn a_pathway_is_told_only_where_it_alone_allowed() {
    let model = model(TENANTS);
    let text = "@id(\"own\") permit(principal, action, resource);\n@id(\"way\") @pathway(\"w\") permit(principal in Tenant::\"acme\", action, resource in DataKey::\"acme/west\");\n@id(\"out\") @pathway(\"o\") permit(principal in Tenant::\"globex\", action == Action::\"read\", resource in DataKey::\"acme/west\");";
    let policies = policies(&model, text);
    let (anna, gus, wes) =
        (user("anna", "acme", &[]), user("gus", "globex/north", &[]), user("w", "acme/east", &[]));
    let told = |who, action, key| {
        Call::new(who, action, key).decide(&policies, &model).pathway.map(|ix| policies.id(ix).to_owned())
    };
    assert_eq!(told(&anna, Action::Read, "acme/west"), None);
    assert_eq!(told(&gus, Action::Read, "acme/west/sf1").as_deref(), Some("out"));
    assert_eq!(told(&gus, Action::Delete, "acme/west/sf1"), None);
    assert_eq!(told(&wes, Action::Read, "acme/west").as_deref(), Some("way"));
    let at = |path: &str| model.tenants.find(path).unwrap();
    let explains = |caller, target| policies.explains(&model, at(caller), at(target));
    assert!(explains("globex", "acme") && explains("globex/north/ott", "acme/west/sf1"));
    assert!(!explains("globex", "acme/east") && !explains("initech", "acme") && !explains("acme-x", "acme"));
}

#[test]
fn now_is_cut_to_steps_and_told() {
    let model = model(TENANTS);
    let text = "@id(\"until\") permit(principal, action, resource) when { context.now < datetime(\"2023-11-14T22:13:20.300Z\") };";
    let policies = policies(&model, text);
    let anna = user("anna", "acme", &[]);
    let at = |now_ms| {
        let call = Call { now_ms, ..Call::new(&anna, Action::Read, "acme") };
        call.ask(&policies, &model, |asked| (asked.now_ms(), asked.decide().allowed))
    };
    assert_eq!(at(1_700_000_000_299), (1_700_000_000_200, true));
    assert_eq!(at(1_700_000_000_300), (1_700_000_000_300, false));
    // A time that Cedar cannot say leaves nothing to compare with, which is an error and a denial.
    assert!(!at(u64::MAX).1);
}

#[test]
fn the_actor_is_in_the_context_and_the_principal_is_the_subject() {
    let model = model(TENANTS);
    let text = "@id(\"all\") permit(principal == User::\"anna\", action, resource);\n@id(\"not-by-batch\") forbid(principal, action, resource) when { context has actor && context.actor in Actor::\"Service:batch\" };\n@id(\"not-delete\") forbid(principal, action == Action::\"delete\", resource) when { context has actor && context.actor.kind == \"Service\" };";
    let policies = policies(&model, text);
    let by = |chain: &[&str]| {
        let actor = chain.iter().rev().fold(None, |before, id| {
            Some(crate::identity::Actor {
                kind: Kind::Service,
                id: (*id).into(),
                actor: before.map(Box::new),
            })
        });
        let anna = Arc::new(Principal { actor, ..(*user("anna", "acme", &[])).clone() });
        [Action::Read, Action::Delete]
            .map(|action| Call::new(&anna, action, "acme").decide(&policies, &model).allowed)
    };
    assert_eq!(by(&[]), [true, true]);
    assert_eq!(by(&["front"]), [true, false]);
    assert_eq!(by(&["batch"]), [false, false]);
    assert_eq!(by(&["front", "batch", "front"]), [false, false]);
}

#[test]
fn ids_from_outside_are_never_read_as_cedar() {
    let model = model(TENANTS);
    let policies = policies(&model, "@id(\"admin\") permit(principal in Role::\"admin\", action, resource);");
    for evil in [
        "x\"] in Role::\"admin",
        "admin\0",
        "Role::\"admin\"",
        "\\\"admin\\\"",
        &"a".repeat(65_536),
        "ａdmin",
        "",
    ] {
        let anna = user(evil, "acme", &[evil]);
        let verdict = Call::new(&anna, Action::Read, "acme").decide(&policies, &model);
        assert_eq!(verdict, Verdict::default(), "{evil:.40}");
    }
    assert!(
        Call::new(&user("x", "acme", &["admin"]), Action::Read, "acme").decide(&policies, &model).allowed
    );
}

#[test]
fn reveal_asks_for_one_class_and_its_enclosing_ones() {
    let model = model(TENANTS);
    let text = "@id(\"contact\") permit(principal in Role::\"desk\", action == Action::\"reveal\", resource in DataClass::\"pii.contact\") when { resource.level <= 4 && resource.class.level >= 3 };";
    let policies = policies(&model, text);
    let desk = user("d", "acme", &["desk"]);
    let sees = |key, class| Call::new(&desk, Action::Read, key).reveal(&policies, &model, class).allowed;
    assert!(sees("acme/west", "pii.contact") && sees("acme/west", "pii.contact.email"));
    assert!(!sees("acme/west", "pii") && !sees("acme/west", "pii.name") && !sees("acme/west", "billing"));
    assert!(!sees("globex", "pii.contact"));
    assert!(!Call::new(&desk, Action::Read, "acme").decide(&policies, &model).allowed);
    let call = Call::new(&desk, Action::Read, "acme");
    assert!(!call.ask(&policies, &model, |asked| asked.reveal(crate::redact::ClassIx(u16::MAX))).allowed);
}

#[test]
fn a_condition_may_look_into_an_entity_that_it_names_itself() {
    let model =
        model("tenants:\n  acme: {status: suspended, tenants: {west: {status: active}}}\n  globex: {}\n");
    let text = "@id(\"a\") permit(principal, action, resource) when { Tenant::\"acme\".status == \"suspended\" && Tenant::\"acme/west\" in Tenant::\"acme\" && (if context has actor then Tenant::\"acme\" else Tenant::\"globex\").dataKey.tenant == Tenant::\"globex\" && Action::\"create\" in Action::\"write\" && DataClass::\"pii.name\".level == 2 && Route::\"getPatient\" in RouteGroup::\"clinical\" };".replace(".dataKey.tenant == Tenant::\"globex\"", ".dataKey has tenant");
    let policies = policies(&model, &text);
    let gus = user("gus", "globex", &[]);
    let verdict = Call::new(&gus, Action::Read, "globex").decide(&policies, &model);
    assert!(verdict.allowed, "{verdict:?}");
}

#[test]
fn a_condition_may_look_into_the_tenant_at_the_boundary() {
    let model =
        model("tenants: {acme: {isolation: strict, region: eu, tenants: {west: {region: us}, east: {}}}}");
    let text = "@id(\"all\") permit(principal, action, resource) when {
        resource.tenant.boundary.region == \"eu\" && principal.tenant.boundary.dataKey has tenant.region &&
        principal.tenant.boundary.dataKey.tenant.region == \"eu\" };";
    let policies = policies(&model, text);
    for (tenant, key) in
        [("acme/west", "acme/west"), ("acme", "acme/west/claims"), ("acme/east", "acme/east")]
    {
        let anna = user("anna", tenant, &[]);
        let verdict = Call::new(&anna, Action::Read, key).decide(&policies, &model);
        assert!(verdict.allowed, "{tenant} {key}: {verdict:?}");
        assert!(
            Call::new(&anna, Action::Read, key).reveal(&policies, &model, "pii").allowed,
            "{tenant} {key}"
        );
    }
}

#[test]
fn a_condition_may_look_into_the_route_and_the_action() {
    let model = model("tenants: {acme: {region: eu}}");
    let text = "@id(\"clinical\") permit(principal, action, resource is Resource) when {
        resource.route in RouteGroup::\"clinical\" };
        @id(\"writes\") forbid(principal, action, resource) when { action in Action::\"write\" };";
    let policies = policies(&model, text);
    let anna = user("anna", "acme", &[]);
    assert!(Call::new(&anna, Action::Read, "acme").decide(&policies, &model).allowed);
    let verdict = Call::new(&anna, Action::Update, "acme").decide(&policies, &model);
    assert_eq!((verdict.allowed, verdict.reasons.len()), (false, 1), "{verdict:?}");
}

#[test]
fn a_condition_may_look_into_one_of_the_requests_own_entities_by_its_name() {
    let model = model("tenants: {acme: {region: eu}}");
    let forbidden = |text: &str| {
        let text = format!("@id(\"all\") permit(principal, action, resource); @id(\"none\") forbid{text};");
        let policies = policies(&model, &text);
        let mallory = user("mallory", "acme", &["banned"]);
        let call = Call::new(&mallory, Action::Read, "acme");
        [call.decide(&policies, &model).allowed, call.reveal(&policies, &model, "pii.name").allowed]
    };
    let banned =
        "(principal == User::\"mallory\", action, resource) when { User::\"mallory\" in Role::\"banned\" }";
    assert_eq!(forbidden(banned), [false, false]);
    let field = "(principal, action, resource) when { Field::\"acme#pii.name\" in DataClass::\"pii\" }";
    assert_eq!(forbidden(field), [false, false]);
    let resource =
        "(principal, action, resource) when { Resource::\"acme#getPatient\" in DataClass::\"pii\" }";
    assert_eq!(forbidden(resource), [false, false]);
    let other = "(principal, action, resource) when { User::\"eve\" in Role::\"banned\" }";
    assert_eq!(forbidden(other), [true, true]);
}
