//! Nothing that an answer costs may grow with what it does not depend on.

use super::*;

/// A request costs about the same with ten thousand tenants as with ten: only its own become entities.
#[test]
fn a_policy_set_compiles_and_answers_in_a_large_tree_of_tenants() {
    let tenants: String = (0..10_000).map(|n| format!("  t{n}: {{}}\n")).collect();
    let model = model(&format!("tenants:\n{tenants}"));
    let policies = policies(&model, "@id(\"all\") permit(principal, action, resource);");
    let anna = user("anna", "t9999", &[]);
    let mut memory = Memory::new();
    let data_key = DataKey::parse("t9999/x").unwrap();
    for n in 0..100 {
        let facts = Facts {
            principal: &anna,
            caller: model.tenants.find("t9999").unwrap(),
            target: model.tenants.owner(&data_key).unwrap(),
            action: Action::Read,
            route: route(&model, "getPatient"),
            data_key: &data_key,
            method: &Method::GET,
            path: "/patients/1",
            host: "h",
            purpose: None,
            source_ip: None,
            now_ms: n,
        };
        assert!(policies.ask(&model, &facts, &mut memory).decide().allowed);
    }
}
