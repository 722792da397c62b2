//! The baseline policies: what they say, and that no missing fact makes one of them silent.

use std::collections::BTreeMap;

use cedar_policy_core::ast::Context;
use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::EntityUIDEntry;
use cedar_policy_core::ast::Request;
use cedar_policy_core::entities::Entities;
use cedar_policy_core::entities::NoEntitiesSchema;
use cedar_policy_core::entities::TCComputation;
use cedar_policy_core::extensions::Extensions;

use super::*;
use crate::policy::engine::Rule;
use crate::policy::engine::entities::RouteFacts;
use crate::policy::engine::entities::Types;
use crate::policy::engine::entities::uid;
use crate::policy::world::Asking;

const BASELINE: &str = include_str!("../../../policies/baseline.cedar");
const ALL: &str = "@id(\"all\") permit(principal, action, resource);\n@id(\"from-above\") @pathway(\"p\") permit(principal in Tenant::\"globex\", action, resource in DataKey::\"acme\");";

fn world(acme: &str, west: &str, sf1: &str) -> Model {
    model(&format!(
        "tenants:\n  acme: {{{acme}, tenants: {{west: {{{west}, tenants: {{sf1: {{{sf1}}}}}}}}}}}\n  globex: {{}}\n"
    ))
}

/// What callers of `tenant` may do to `key`: reading, changing, seeing a class.
fn may(model: &Model, tenant: &str, roles: &[&str], key: &str) -> [bool; 3] {
    let policies = policies(model, &format!("{BASELINE}{ALL}"));
    let anna = user("anna", tenant, roles);
    let decide = |action| Call::new(&anna, action, key).decide(&policies, model).allowed;
    [
        decide(Action::Read),
        decide(Action::Update),
        Call::new(&anna, Action::Read, key).reveal(&policies, model, "pii").allowed,
    ]
}

const ACTIVE: &str = "status: active, isolation: shared";

#[test]
fn active_tenants_are_not_touched_by_the_baseline() {
    let model = world(ACTIVE, ACTIVE, ACTIVE);
    assert_eq!(may(&model, "acme", &[], "acme/west/sf1"), [true; 3]);
    assert_eq!(may(&model, "globex", &[], "acme/west/sf1"), [true; 3]);
}

#[test]
fn a_quarantined_tenant_is_cut_off_but_for_those_who_respond() {
    let model = world(ACTIVE, "status: quarantined, isolation: shared", ACTIVE);
    assert_eq!(may(&model, "acme/west", &["incident-responder"], "acme/west"), [false; 3]);
    assert_eq!(may(&model, "acme", &[], "acme/west"), [false; 3]);
    assert_eq!(may(&model, "acme", &["incident-responder"], "acme/west"), [true; 3]);
    assert_eq!(may(&model, "globex", &[], "acme/west"), [false; 3]);
    assert_eq!(may(&model, "acme", &[], "acme"), [true; 3]);
}

#[test]
fn suspension_stops_the_tenants_people_and_every_change() {
    let model = world(ACTIVE, "status: suspended, isolation: shared", ACTIVE);
    assert_eq!(may(&model, "acme/west", &[], "acme/west"), [false; 3]);
    assert_eq!(may(&model, "acme", &[], "acme/west"), [true, false, true]);
}

#[test]
fn maintenance_stops_every_change_and_nothing_else() {
    let model = world(ACTIVE, "status: maintenance, isolation: shared", ACTIVE);
    assert_eq!(may(&model, "acme/west", &[], "acme/west"), [true, false, true]);
    assert_eq!(may(&model, "acme", &[], "acme/west/claims"), [true, false, true]);
}

#[test]
fn strict_isolation_keeps_out_the_tenants_around_and_the_pathways() {
    let model = world(ACTIVE, "status: active, isolation: strict", ACTIVE);
    assert_eq!(may(&model, "acme/west", &[], "acme/west"), [true; 3]);
    assert_eq!(may(&model, "acme", &[], "acme/west"), [false; 3]);
    assert_eq!(may(&model, "globex", &[], "acme/west/claims"), [false; 3]);
    assert_eq!(may(&model, "acme", &[], "acme/west/sf1"), [true; 3]);
}

#[test]
fn a_strict_company_keeps_strangers_out_of_its_sites_and_not_itself() {
    let model = world("status: active, isolation: strict", "status: active", "status: active");
    assert_eq!(may(&model, "acme", &[], "acme/west"), [true; 3]);
    assert_eq!(may(&model, "acme/west", &[], "acme/west/sf1"), [true; 3]);
    assert_eq!(may(&model, "globex", &[], "acme/west/sf1"), [false; 3]);
}

#[test]
fn the_baseline_and_the_schema_are_clean() {
    assert_eq!(problems(&model(TENANTS), &[source("baseline.cedar", BASELINE)]), []);
}

/// Every way to take one fact away: an attribute of an entity, a whole entity, or a member of the context.
pub(super) fn maimed(
    entities: &[Entity],
    context: &BTreeMap<smol_str::SmolStr, cedar_policy_core::ast::Value>,
) -> Vec<(String, Vec<Entity>, Context)> {
    let whole = || Context::Value(Arc::new(context.clone()));
    let mut all = Vec::new();
    for (at, entity) in entities.iter().enumerate() {
        let mut without = entities.to_vec();
        without.remove(at);
        all.push((format!("{} gone", entity.uid()), without, whole()));
        for name in entity.keys() {
            let (uid, mut attributes, ancestors, parents, _) = entity.clone().into_inner();
            attributes.remove(name);
            let mut changed = entities.to_vec();
            changed[at] = Entity::new_with_attr_partial_value(uid, attributes, ancestors, parents, []);
            all.push((format!("{} without {name}", entity.uid()), changed, whole()));
        }
    }
    for name in context.keys() {
        let mut context = context.clone();
        context.remove(name);
        all.push((format!("context without {name}"), entities.to_vec(), Context::Value(Arc::new(context))));
    }
    all
}

/// All tenant states on both sides × all actions: where the full request is denied, taking any fact away leaves it so.
#[test]
fn taking_a_fact_away_never_turns_a_deny_into_an_allow() {
    let mut denied = 0;
    for (mine, theirs) in
        states().iter().flat_map(|mine| states().into_iter().map(move |theirs| (mine.clone(), theirs)))
    {
        let model = world(&mine, &theirs, ACTIVE);
        let policies = policies(&model, &format!("{BASELINE}{ALL}"));
        let types = Types::new().unwrap();
        let anna = user("anna", "acme", &[]);
        let acme = TenantPath::parse("acme").unwrap();
        let west = TenantPath::parse("acme/west").unwrap();
        let tenant = |path: &TenantPath| {
            types.tenant(model.tenants.get(model.tenants.find(path.as_str()).unwrap()), path)
        };
        let facts = RouteFacts { id: "r", groups: &[], classes: &[], level: 0 };
        let resource = types.resource("x", facts, &west.data_key(), &west);
        let caller = (*types.caller(&anna, &acme).entity).clone();
        let key = types.data_key(&west.data_key(), Some(&west));
        let entities = [caller, resource.clone(), tenant(&acme), tenant(&west), key];
        let context = BTreeMap::from([("purpose".into(), "audit".into())]);
        for action in Action::ALL {
            let allowed = |entities: &[Entity], context: Context| {
                let asking = policies.world.asking(action).unwrap();
                evaluate(&policies, &types, asking, resource.uid(), entities, context)
            };
            if allowed(&entities, Context::Value(Arc::new(context.clone()))) {
                continue;
            }
            denied += 1;
            for (what, entities, context) in maimed(&entities, &context) {
                assert!(!allowed(&entities, context), "{action} of {mine} on {theirs}: {what}");
            }
        }
    }
    assert!(denied > 100, "{denied}");
}

pub(super) fn states() -> Vec<String> {
    let status = ["active", "maintenance", "suspended", "quarantined"];
    status.iter().flat_map(|s| ["shared", "strict"].map(|i| format!("status: {s}, isolation: {i}"))).collect()
}

pub(super) fn evaluate(
    policies: &Policies,
    types: &Types,
    asking: &Asking,
    resource: &EntityUID,
    entities: &[Entity],
    context: Context,
) -> bool {
    let all = entities.iter().cloned().map(Arc::new).chain([Arc::clone(&asking.entity)]);
    let all = Entities::new()
        .add_entities(
            all,
            None::<&NoEntitiesSchema>,
            TCComputation::AssumeAlreadyComputed,
            Extensions::all_available(),
        )
        .unwrap();
    let known = |uid: EntityUID| EntityUIDEntry::known(uid, None);
    let request = Request::new_unchecked(
        known(uid(&types.user, "anna")),
        known((*asking.uid).clone()),
        known(resource.clone()),
        Some(context),
    );
    let rules = (0..).zip(&policies.compiled).map(|(number, one)| (number, &one.rule));
    let rules: Vec<(u32, &Rule)> = rules.filter(|(_, rule)| rule.applies_to(&asking.entity)).collect();
    let outcome = crate::policy::engine::evaluate(request, &all, rules.into_iter());
    outcome.errors.is_empty() && outcome.forbids.is_empty() && !outcome.permits.is_empty()
}
