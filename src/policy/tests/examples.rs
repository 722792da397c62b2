//! The policies that people will copy, with what a typed request cannot lack taken away from the entities themselves.
//! `tests/attributes.rs` takes away what it can.

use std::collections::BTreeMap;

use cedar_policy_core::ast::Context;
use cedar_policy_core::ast::Entity;

use super::baseline::evaluate;
use super::baseline::maimed;
use super::baseline::states;
use super::*;
use crate::policy::engine::entities::RouteFacts;
use crate::policy::engine::entities::Types;

const BASELINE: &str = include_str!("../../../policies/baseline.cedar");
const WRITTEN: &str = include_str!("../../cli/init/example.cedar");
const CLINIC: &str = include_str!("../../../examples/clinic/config/policies/roles.cedar");
const SHARING: &str = include_str!("../../../examples/clinic/config/policies/tenants/acme/sharing.cedar");
const CLASSES: &str = include_str!("../../../examples/clinic/config/classes.yaml");

/// Who asks, of which tenant, in which roles.
const CALLERS: [(&str, &[&str]); 5] = [
    ("acme", &["clinician"]),
    ("acme/west", &["auditor", "billing", "frontdesk"]),
    ("acme", &["identity-desk", "incident-responder", "frontdesk"]),
    ("globex", &["auditor"]),
    ("globex", &[]),
];
const CLASS_NAMES: [&str; 4] = ["pii.name", "pii.identifier.ssn", "health.note", "billing.amount"];

/// One slice of data in a world where acme's west is in this state.
struct Place {
    model: Model,
    policies: Policies,
    types: Types,
    key: DataKey,
    owner: TenantPath,
}

impl Place {
    fn new(state: &str, sources: &[Source], key: &str) -> Self {
        let text = format!("tenants: {{acme: {{tenants: {{west: {{{state}}}}}}}, globex: {{}}}}");
        let (tenants, _) = Tenants::parse("tenants.yaml", &text).unwrap();
        let classes = classes(CLASSES);
        let routes = routes(ROUTES_OF_NONE, &classes);
        let model = Model::new(tenants, classes, routes);
        let policies = compile(&model, sources);
        let key = DataKey::parse(key).unwrap();
        let owner = model.tenants.get(model.tenants.owner(&key).unwrap()).path.clone();
        Self { model, policies, types: Types::new().unwrap(), key, owner }
    }

    fn tenant(&self, path: &TenantPath) -> Entity {
        let tenant = self.model.tenants.get(self.model.tenants.find(path.as_str()).unwrap());
        self.types.tenant(tenant, &self.model.tenants.get(tenant.boundary).path)
    }

    /// What each question of this caller stands on: the name of the question, its resource, all entities.
    fn questions(&self, caller: &str, roles: &[&str]) -> Vec<(&'static str, Entity, Vec<Entity>)> {
        let types = &self.types;
        let path = TenantPath::parse(caller).unwrap();
        let groups: Vec<Box<str>> = ["chart", "patients", "claims"].map(Into::into).into();
        let names =
            CLASS_NAMES.map(|name| self.model.classes.get(self.model.classes.find(name).unwrap()).unwrap());
        let route =
            RouteFacts { id: "r", groups: &groups, classes: &names.map(|class| &class.name), level: 2 };
        let caller = types.caller(&user("anna", caller, roles), &path);
        let mut around = vec![
            (*caller.entity).clone(),
            types.route("r", &groups),
            types.data_key(&self.key, Some(&self.owner)),
        ];
        around.push(self.tenant(&path));
        if path != self.owner {
            around.push(self.tenant(&self.owner));
        }
        let resource = types.resource("x", route, &self.key, &self.owner);
        let with = |one: &Entity, more: &[Entity]| [&around[..], std::slice::from_ref(one), more].concat();
        let asked = Action::ALL.map(|action| (action.as_str(), resource.clone(), with(&resource, &[])));
        let revealed = names.map(|class| {
            let field = types.field("f", (&class.name, class.level), &self.key, &self.owner);
            let all = with(&field, &[types.data_class(&class.name, class.level)]);
            (REVEAL, field, all)
        });
        asked.into_iter().chain(revealed).collect()
    }

    fn allows(&self, action: &str, resource: &Entity, entities: &[Entity], context: Context) -> bool {
        let known = Action::ALL.into_iter().find(|known| known.as_str() == action);
        let world = &self.policies.world;
        let asking = known.map_or(world.reveal(), |action| world.asking(action).unwrap());
        evaluate(&self.policies, &self.types, asking, resource.uid(), entities, context)
    }

    /// Holds every deny against every fact that can be taken away. How many denials and allows there were.
    fn hold(&self, what: &str) -> [usize; 2] {
        let now = self.policies.world.functions.datetime(1_800_000_000_000).unwrap();
        let context = BTreeMap::from([("purpose".into(), "audit".into()), ("now".into(), now)]);
        let mut counts = [0, 0];
        for (caller, roles) in CALLERS {
            for (action, resource, entities) in self.questions(caller, roles) {
                let allowed =
                    self.allows(action, &resource, &entities, Context::Value(Arc::new(context.clone())));
                counts[usize::from(allowed)] += 1;
                if allowed {
                    continue;
                }
                for (lack, entities, context) in maimed(&entities, &context) {
                    let allowed = self.allows(action, &resource, &entities, context);
                    assert!(
                        !allowed,
                        "{what}: {action} of {} by {roles:?} of {caller}: {lack}",
                        resource.uid()
                    );
                }
            }
        }
        counts
    }
}

const ROUTES_OF_NONE: &str = "routes: [{method: GET, path: /r, id: r}]";

#[test]
fn taking_any_fact_from_any_entity_never_widens_what_the_copied_policies_allow() {
    let baseline = source("baseline.cedar", BASELINE);
    let acme = TenantPath::parse("acme").unwrap();
    let sharing = Source { confined_to: Some(acme), ..source("sharing.cedar", SHARING) };
    let written = [baseline.clone(), source("example.cedar", &WRITTEN.replace("clinical", "health"))];
    let clinic = [baseline, source("roles.cedar", CLINIC), sharing];
    for (what, sources) in [("init", &written[..]), ("clinic", &clinic[..])] {
        for key in ["acme/west", "acme/claims"] {
            let mut sum = [0, 0];
            for state in states() {
                let counts = Place::new(&state, sources, key).hold(&format!("{what}, {key}, {state}"));
                sum = [sum[0] + counts[0], sum[1] + counts[1]];
            }
            assert!(sum[0] > 100 && sum[1] > 10, "{what}, {key}: {sum:?}");
        }
    }
}
