//! What is made once per snapshot: the actions with their groups, under what each one's policies are found, and
//! the entities that conditions name and look into.
//!
//! Never: grows with the number of tenants; those become entities when a request needs them.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::Schema;
use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::EntityUID;

use crate::ids::Action;
use crate::ids::DataKey;
use crate::model::Model;
use crate::model::TenantIx;

use super::Compiled;
use super::REVEAL;
use super::WRITE;
use super::engine::context::Functions;
use super::engine::entities::Types;
use super::engine::entities::uid;
use super::engine::index::Cells;
use super::engine::index::Index;

#[derive(Debug)]
pub(super) struct World {
    pub(super) types: Types,
    pub(super) functions: Functions,
    pub(super) index: Index,
    /// In the order of [`Action::ALL`].
    actions: Vec<Asking>,
    reveal: Asking,
    write: Asking,
    /// Nothing where the schema has no such action: then nobody may.
    audit: Option<Asking>,
    /// By the number of each policy: the entities of the model that it names and looks into. Most look into none.
    looked_into: Vec<Box<[Arc<Entity>]>>,
}

/// One action, and what is asked when it is attempted.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) uid: Arc<EntityUID>,
    pub(super) entity: Arc<Entity>,
    /// The policies whose scope lets the action in.
    pub(super) cells: Cells,
}

impl World {
    pub(super) fn new(
        types: Types,
        functions: Functions,
        schema: &Schema,
        compiled: &[Arc<Compiled>],
        model: &Model,
    ) -> Result<Self, String> {
        let actions = schema.as_ref().action_entities().map_err(|error| error.to_string())?;
        let entities: BTreeMap<EntityUID, Arc<Entity>> =
            actions.iter().map(|entity| (entity.uid().clone(), Arc::new(entity.clone()))).collect();
        let mut index = Index::default();
        // Looked up once, not for each action.
        let filed: Vec<(u32, u32)> = compiled.iter().map(|one| index.file(one.rule.keys())).collect();
        let asking = |(number, name): (usize, &str)| {
            let uid = uid(&types.action, name);
            let entity = entities.get(&uid).ok_or_else(|| format!("the schema has no action `{name}`"))?;
            let policies = (0..).zip(compiled).zip(&filed);
            let applying = policies.filter(|((_, one), _)| one.rule.applies_to_number(number));
            let cells = Cells::of(applying.map(|((policy, _), keys)| (*keys, policy)));
            Ok(Asking { uid: Arc::new(entity.uid().clone()), entity: Arc::clone(entity), cells })
        };
        let all: Result<Vec<Asking>, String> =
            Action::ALL.map(Action::as_str).into_iter().enumerate().map(asking).collect();
        let reveal = asking((Action::ALL.len(), REVEAL))?;
        let (actions, write) = (all?, asking((Action::ALL.len() + 1, WRITE))?);
        let audit = entities.get(&uid(&types.action, Action::Audit.as_str())).map(|entity| {
            let policies = (0..).zip(compiled).zip(&filed);
            let naming = policies.filter(|((_, one), _)| one.rule.names(entity));
            let cells = Cells::of(naming.map(|((policy, _), keys)| (*keys, policy)));
            Asking { uid: Arc::new(entity.uid().clone()), entity: Arc::clone(entity), cells }
        });
        let mut found: HashMap<&EntityUID, Vec<Arc<Entity>>> = HashMap::new();
        let looked_into = compiled.iter().map(|one| {
            let mut all: Vec<Arc<Entity>> = Vec::new();
            for uid in one.rule.looks_into() {
                let new = found.entry(uid).or_insert_with(|| known(&types, model, &entities, uid));
                all.extend(new.iter().map(Arc::clone));
            }
            all.into_boxed_slice()
        });
        let looked_into = looked_into.collect();
        Ok(Self { actions, reveal, write, audit, types, functions, index, looked_into })
    }

    /// Adds what a policy looks into beyond the request's own entities, each once.
    pub(super) fn looked_into(&self, policy: u32, all: &mut Vec<Arc<Entity>>) {
        let of = usize::try_from(policy).ok().and_then(|at| self.looked_into.get(at));
        for entity in of.into_iter().flatten() {
            if !all.iter().any(|known| Arc::ptr_eq(known, entity)) {
                all.push(Arc::clone(entity));
            }
        }
    }

    pub(super) fn asking(&self, action: Action) -> Option<&Asking> {
        if action == Action::Audit {
            return self.audit.as_ref();
        }
        let at = Action::ALL.iter().position(|one| *one == action)?;
        self.actions.get(at)
    }

    /// May a class be seen?
    pub(super) fn reveal(&self) -> &Asking {
        &self.reveal
    }

    /// May a class be set?
    pub(super) fn write(&self) -> &Asking {
        &self.write
    }
}

/// An entity of the model by its name, with all that its attributes lead to. Nothing for what only a request brings.
fn known(
    types: &Types,
    model: &Model,
    actions: &BTreeMap<EntityUID, Arc<Entity>>,
    uid: &EntityUID,
) -> Vec<Arc<Entity>> {
    let id: &str = uid.eid().as_ref();
    let of = uid.entity_type();
    let tenant = |tenant: TenantIx| {
        let found = model.tenants.get(tenant);
        let boundary = model.tenants.get(found.boundary);
        [found, boundary].map(|tenant| {
            let key = types.data_key(&tenant.path.data_key(), Some(&tenant.path));
            [types.tenant(tenant, &boundary.path), key]
        })
    };
    let mut entities: Vec<Entity> = Vec::new();
    if *of == types.tenant {
        entities.extend(model.tenants.find(id).into_iter().flat_map(tenant).flatten());
    } else if *of == types.data_key
        && let Ok(key) = DataKey::parse(id)
        && let Some(owner) = model.tenants.owner(&key)
    {
        entities.push(types.data_key(&key, Some(&model.tenants.get(owner).path)));
        entities.extend(tenant(owner).into_iter().flatten().filter(|entity| entity.uid() != uid));
    } else if *of == types.data_class {
        let class = model.classes.find(id).and_then(|class| model.classes.get(class));
        entities.extend(class.map(|class| types.data_class(&class.name, class.level)));
    } else if *of == types.route {
        let route = model.routes.iter().find(|(_, route)| &*route.id == id);
        entities.extend(route.map(|(_, route)| types.route(&route.id, &route.groups)));
    }
    entities.into_iter().map(Arc::new).chain(actions.get(uid).map(Arc::clone)).collect()
}
