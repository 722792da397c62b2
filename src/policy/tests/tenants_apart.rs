//! The promise that tenants are apart by construction, over every tenant, every DataKey and every action.

use super::*;

const CARELESS: &str = "@id(\"careless\") permit(principal, action, resource);";
const PATHWAYS: &str = "
@id(\"way-read\") @pathway(\"acme west to globex\")
permit(principal in Tenant::\"globex\", action in [Action::\"read\", Action::\"list\"], resource in DataKey::\"acme/west\");
@id(\"way-email\") @pathway(\"acme west to globex: email\")
permit(principal in Tenant::\"globex\", action == Action::\"reveal\", resource in DataClass::\"pii.contact.email\")
when { resource in DataKey::\"acme/west\" };
";

/// Every tenant's own DataKey and one below it.
fn keys(model: &Model) -> Vec<String> {
    let paths = model.tenants.iter().map(|(_, tenant)| tenant.path.to_string());
    paths.flat_map(|path| [format!("{path}/claims"), path]).collect()
}

/// Every question about every pair of tenant and DataKey: (caller, key, action or class, allowed).
fn matrix(policies: &Policies, model: &Model) -> Vec<(String, String, &'static str, bool)> {
    let mut all = Vec::new();
    let mut memory = Memory::new();
    for (caller, tenant) in model.tenants.iter() {
        let principal = user("anna", tenant.path.as_str(), &["admin"]);
        for key in keys(model) {
            let data_key = DataKey::parse(&key).unwrap();
            for action in Action::ALL {
                let facts = Facts {
                    principal: &principal,
                    caller,
                    target: model.tenants.owner(&data_key).unwrap(),
                    action,
                    route: route(model, "getPatient"),
                    data_key: &data_key,
                    method: &Method::GET,
                    path: "/patients/1",
                    host: "h",
                    purpose: None,
                    source_ip: None,
                    now_ms: 0,
                };
                let asked = policies.ask(model, &facts, &mut memory);
                let mut note =
                    |what, allowed| all.push((tenant.path.to_string(), key.clone(), what, allowed));
                note(action.as_str(), asked.decide().allowed);
                if action == Action::Read {
                    for class in ["pii", "pii.contact.email", "billing"] {
                        note(class, asked.reveal(model.classes.find(class).unwrap()).allowed);
                    }
                }
            }
        }
    }
    all
}

/// Whole segments: the one rule, written again without the code under test.
fn within(inner: &str, outer: &str) -> bool {
    let (inner, outer): (Vec<_>, Vec<_>) = (inner.split('/').collect(), outer.split('/').collect());
    inner.starts_with(&outer)
}

#[test]
fn a_careless_permit_never_crosses_tenants() {
    let model = model(TENANTS);
    let all = matrix(&policies(&model, CARELESS), &model);
    assert_eq!(all.len(), 12 * 24 * 10);
    for (caller, key, what, allowed) in &all {
        assert_eq!(*allowed, within(key, caller), "{caller} {what} {key}");
    }
    assert!(all.iter().any(|one| one.3) && all.iter().any(|one| !one.3));
}

#[test]
fn a_pathway_crosses_exactly_where_it_says() {
    let model = model(TENANTS);
    let pathways = PATHWAYS.replace(
        "resource in DataClass::\"pii.contact.email\")\nwhen { resource in DataKey::\"acme/west\" }",
        "resource in DataKey::\"acme/west\")\nwhen { resource in DataClass::\"pii.contact.email\" }",
    );
    for (careless, own) in [("", false), (CARELESS, true)] {
        let policies = policies(&model, &format!("{careless}{pathways}"));
        for (caller, key, what, allowed) in matrix(&policies, &model) {
            let crosses = within(&caller, "globex") && within(&key, "acme/west");
            let crosses = crosses && ["read", "list", "pii.contact.email"].contains(&what);
            assert_eq!(allowed, crosses || own && within(&key, &caller), "{caller} {what} {key}");
        }
    }
}

#[test]
fn a_folder_reaches_only_its_own_tenants_data() {
    let model = model(TENANTS);
    let folder = |text: &str| Source {
        confined_to: Some(TenantPath::parse("acme/west").unwrap()),
        ..source("w.cedar", text)
    };
    let share = "@id(\"share\") @pathway(\"s\") permit(principal in Tenant::\"globex\", action, resource in DataKey::\"acme\");";
    let policies_share = compile(&model, &[folder(share)]);
    for (caller, key, what, allowed) in matrix(&policies_share, &model) {
        assert_eq!(allowed, within(&caller, "globex") && within(&key, "acme/west"), "{caller} {what} {key}");
    }
    let deny = "@id(\"deny\") forbid(principal, action, resource);";
    let denying = compile(&model, &[folder(deny), source("p.cedar", CARELESS)]);
    for (caller, key, what, allowed) in matrix(&denying, &model) {
        assert_eq!(allowed, within(&key, &caller) && !within(&key, "acme/west"), "{caller} {what} {key}");
    }
}

#[test]
fn no_condition_talks_the_guard_away() {
    let model = model(TENANTS);
    let tricks = [
        "permit(principal, action, resource) when { true };",
        "permit(principal, action, resource) unless { false };",
        "permit(principal, action, resource) when { true || resource in DataKey::\"acme\" };",
        "permit(principal, action, resource) when { if true then true else false };",
        "permit(principal in Tenant::\"globex\", action, resource in DataKey::\"acme\");",
        "permit(principal, action, resource in DataKey::\"acme\") when { principal in Tenant::\"globex\" };",
        "@pathwy(\"x\") permit(principal in Tenant::\"globex\", action, resource in DataKey::\"acme\");",
        "@Pathway(\"x\") permit(principal in Tenant::\"globex\", action, resource in DataKey::\"acme\");",
    ];
    for trick in tricks {
        let policies = policies(&model, &format!("@id(\"t\") {trick}"));
        let crossed: Vec<_> = matrix(&policies, &model)
            .into_iter()
            .filter(|(caller, key, _, allowed)| *allowed && !within(key, caller))
            .collect();
        assert!(crossed.is_empty(), "{trick} {crossed:?}");
    }
}
