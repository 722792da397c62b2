//! Palisade's words as Cedar entities, each with all its ancestors, so that no parent needs to be present.
//!
//! Ids are never parsed from text or put into one: Cedar gets them as they are.
//! Never: looks anything up; what an entity says is handed in.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;

use cedar_policy_core::ast::Eid;
use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::EntityType;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Literal;
use cedar_policy_core::ast::Name;
use cedar_policy_core::ast::PartialValue;
use cedar_policy_core::ast::Value;
use smol_str::SmolStr;

use crate::identity::Actor;
use crate::identity::Auth;
use crate::identity::Kind;
use crate::identity::Principal;
use crate::ids::ClassName;
use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::limits;
use crate::model::Tenant;

/// The entity types of `schemas/palisade.cedarschema`, their names parsed once.
#[derive(Debug)]
pub(crate) struct Types {
    pub(crate) user: EntityType,
    pub(crate) service: EntityType,
    pub(crate) actor: EntityType,
    pub(crate) role: EntityType,
    pub(crate) group: EntityType,
    pub(crate) tenant: EntityType,
    pub(crate) data_key: EntityType,
    pub(crate) data_class: EntityType,
    pub(crate) route: EntityType,
    pub(crate) route_group: EntityType,
    pub(crate) resource: EntityType,
    pub(crate) field: EntityType,
    pub(crate) action: EntityType,
}

/// What a route says about the resource of a request.
#[derive(Clone, Copy)]
pub(crate) struct RouteFacts<'a> {
    pub(crate) id: &'a str,
    pub(crate) groups: &'a [Box<str>],
    pub(crate) classes: &'a [&'a ClassName],
    pub(crate) level: u8,
}

/// Who calls, as Cedar knows it.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) uid: Arc<EntityUID>,
    pub(crate) entity: Arc<Entity>,
    /// Who acts for the principal, then for whom that one acted, and so on.
    pub(crate) actors: Vec<Arc<Entity>>,
}

pub(crate) fn uid(of: &EntityType, id: impl AsRef<str>) -> EntityUID {
    EntityUID::from_components(of.clone(), Eid::new(id.as_ref()), None)
}

fn parsed(name: &str) -> Result<EntityType, String> {
    Name::parse_unqualified_name(name).map(EntityType::from).map_err(|error| error.to_string())
}

impl Types {
    pub(crate) fn new() -> Result<Self, String> {
        Ok(Self {
            user: parsed("User")?,
            service: parsed("Service")?,
            actor: parsed("Actor")?,
            role: parsed("Role")?,
            group: parsed("Group")?,
            tenant: parsed("Tenant")?,
            data_key: parsed("DataKey")?,
            data_class: parsed("DataClass")?,
            route: parsed("Route")?,
            route_group: parsed("RouteGroup")?,
            resource: parsed("Resource")?,
            field: parsed("Field")?,
            action: parsed("Action")?,
        })
    }

    pub(crate) fn tenant(&self, tenant: &Tenant, boundary: &TenantPath) -> Entity {
        let mut made = Maker::new(uid(&self.tenant, tenant.path.as_str()));
        made.all_within(&self.tenant, tenant.path.and_enclosing().skip(1).map(|path| path.to_string()));
        made.attribute("dataKey", uid(&self.data_key, tenant.path.as_str()));
        made.attribute("status", tenant.status.as_str());
        made.attribute("region", &*tenant.region);
        made.attribute("tier", &*tenant.tier);
        made.attribute("isolation", tenant.isolation.as_str());
        made.attribute("boundary", uid(&self.tenant, boundary.as_str()));
        made.entity()
    }

    pub(crate) fn data_key(&self, key: &DataKey, owner: Option<&TenantPath>) -> Entity {
        let mut made = Maker::new(uid(&self.data_key, key.as_str()));
        made.all_within(&self.data_key, key.and_enclosing().skip(1).map(|key| key.to_string()));
        if let Some(owner) = owner {
            made.attribute("tenant", uid(&self.tenant, owner.as_str()));
        }
        made.entity()
    }

    pub(crate) fn data_class(&self, name: &ClassName, level: u8) -> Entity {
        let mut made = Maker::new(uid(&self.data_class, name.as_str()));
        made.all_within(&self.data_class, name.and_enclosing().skip(1).map(|name| name.to_string()));
        made.attribute("level", i64::from(level));
        made.entity()
    }

    pub(crate) fn route(&self, id: &str, groups: &[Box<str>]) -> Entity {
        let mut made = Maker::new(uid(&self.route, id));
        made.parents.extend(groups.iter().map(|group| uid(&self.route_group, group)));
        made.entity()
    }

    pub(crate) fn caller(&self, principal: &Principal, tenant: &TenantPath) -> Caller {
        let of = match principal.kind {
            Kind::User => &self.user,
            Kind::Service => &self.service,
        };
        let mut made = Maker::new(uid(of, &principal.id));
        made.parents.extend(principal.roles.iter().map(|role| uid(&self.role, role)));
        made.parents.extend(principal.groups.iter().map(|group| uid(&self.group, group)));
        made.all_within(&self.tenant, tenant.and_enclosing().map(|path| path.to_string()));
        made.attribute("tenant", uid(&self.tenant, tenant.as_str()));
        made.attribute("dataKey", uid(&self.data_key, tenant.as_str()));
        made.set("roles", principal.roles.iter().map(|role| Literal::from(&**role)));
        made.set("groups", principal.groups.iter().map(|group| Literal::from(&**group)));
        made.set("scopes", principal.scopes.iter().map(|scope| Literal::from(&**scope)));
        made.attribute("auth", principal.auth.as_str());
        if let Auth::Jwt { issuer } = &principal.auth {
            made.attribute("issuer", &**issuer);
        }
        let entity = Arc::new(made.entity());
        Caller { uid: Arc::new(entity.uid().clone()), entity, actors: self.actors(principal.actor.as_ref()) }
    }

    /// The chain of actors, each within those after it. Who stands in it twice counts where it stands first.
    fn actors(&self, first: Option<&Actor>) -> Vec<Arc<Entity>> {
        let mut chain: Vec<(EntityUID, &Actor)> = Vec::new();
        let actors = std::iter::successors(first, |actor| actor.actor.as_deref());
        for actor in actors.take(limits::DELEGATION_DEPTH_MAX + 1) {
            let name = uid(&self.actor, format!("{}:{}", actor.kind.as_str(), actor.id));
            if chain.iter().all(|(before, _)| *before != name) {
                chain.push((name, actor));
            }
        }
        let within = |at: usize| chain.iter().skip(at + 1).map(|(name, _)| name.clone());
        let entities = chain.iter().enumerate().map(|(at, (name, actor))| {
            let mut made = Maker::new(name.clone());
            made.parents.extend(within(at).take(1));
            made.ancestors.extend(within(at).skip(1));
            made.attribute("kind", actor.kind.as_str());
            made.attribute("id", &*actor.id);
            Arc::new(made.entity())
        });
        entities.collect()
    }

    pub(crate) fn resource(
        &self,
        name: &str,
        route: RouteFacts<'_>,
        key: &DataKey,
        owner: &TenantPath,
    ) -> Entity {
        let mut made = Maker::new(uid(&self.resource, name));
        made.all_within(&self.data_key, key.and_enclosing().map(|key| key.to_string()));
        made.parents.insert(uid(&self.route, route.id));
        made.parents.extend(route.groups.iter().map(|group| uid(&self.route_group, group)));
        made.classes(self, route.classes.iter().copied());
        made.attribute("dataKey", uid(&self.data_key, key.as_str()));
        made.attribute("tenant", uid(&self.tenant, owner.as_str()));
        made.attribute("route", uid(&self.route, route.id));
        made.set(
            "classes",
            route.classes.iter().map(|name| Literal::from(uid(&self.data_class, name.as_str()))),
        );
        made.attribute("level", i64::from(route.level));
        made.entity()
    }

    pub(crate) fn field(
        &self,
        id: &str,
        class: (&ClassName, u8),
        key: &DataKey,
        owner: &TenantPath,
    ) -> Entity {
        let (name, level) = class;
        let mut made = Maker::new(uid(&self.field, id));
        made.classes(self, std::iter::once(name));
        made.all_within(&self.data_key, key.and_enclosing().map(|key| key.to_string()));
        made.attribute("class", uid(&self.data_class, name.as_str()));
        made.attribute("level", i64::from(level));
        made.attribute("dataKey", uid(&self.data_key, key.as_str()));
        made.attribute("tenant", uid(&self.tenant, owner.as_str()));
        made.entity()
    }
}

/// An entity in the making.
struct Maker {
    uid: EntityUID,
    attributes: BTreeMap<SmolStr, PartialValue>,
    parents: HashSet<EntityUID>,
    ancestors: HashSet<EntityUID>,
}

impl Maker {
    fn new(uid: EntityUID) -> Self {
        Self { uid, attributes: BTreeMap::new(), parents: HashSet::new(), ancestors: HashSet::new() }
    }

    fn attribute(&mut self, name: &'static str, value: impl Into<Literal>) {
        let value = Value::from(value.into());
        self.attributes.insert(SmolStr::new_static(name), PartialValue::Value(value));
    }

    fn set(&mut self, name: &'static str, values: impl Iterator<Item = Literal>) {
        let value = Value::set_of_lits(values, None);
        self.attributes.insert(SmolStr::new_static(name), PartialValue::Value(value));
    }

    /// Nearest first: the first is the parent, the others enclose it.
    fn all_within(&mut self, of: &EntityType, names: impl Iterator<Item = String>) {
        for (at, name) in names.enumerate() {
            if at == 0 {
                self.parents.insert(uid(of, name))
            } else {
                self.ancestors.insert(uid(of, name))
            };
        }
    }

    fn classes<'c>(&mut self, types: &Types, names: impl Iterator<Item = &'c ClassName>) {
        for name in names {
            self.all_within(&types.data_class, name.and_enclosing().map(|name| name.to_string()));
        }
    }

    fn entity(self) -> Entity {
        // A parent through one path and an ancestor through another is a parent.
        let ancestors = self.ancestors.difference(&self.parents).cloned().collect();
        Entity::new_with_attr_partial_value(self.uid, self.attributes, ancestors, self.parents, [])
    }
}
