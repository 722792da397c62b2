//! Policies as their authors wrote them, part by part: what two snapshots are compared by, and what requests they could
//! tell apart.
//!
//! Never: shows the guard that the loader adds; `Policies::effective_text` does that.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy_core::ast::BinaryOp;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::Literal;
use cedar_policy_core::ast::Template;
use cedar_policy_core::ast::Var;
use cedar_policy_core::parser::Loc;

use crate::ids::TenantPath;

use super::Effect;
use super::Source;
use super::engine;
use super::format;
use super::links;
use super::lint;
use super::parse;

/// One policy, or one link of a template with its slots filled.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its id.
    pub id: String,
    /// The file that it stands in; of a link, the file of links.
    pub file: Arc<str>,
    /// The tenant in whose folder it stands.
    pub confined_to: Option<TenantPath>,
    /// What it does where it applies.
    pub effect: Effect,
    /// Its scope in Cedar's words: principal, action, resource.
    pub scope: [String; 3],
    /// Its condition in Cedar's words; empty where it has none.
    pub condition: String,
    /// Its annotations but for `@id`, sorted.
    pub annotations: Vec<(String, String)>,
    text: Arc<str>,
}

impl Written {
    /// Its text in Cedar's layout, with its comments.
    #[must_use]
    pub fn text(&self) -> String {
        let source = Source { file: Arc::clone(&self.file), text: Arc::clone(&self.text), confined_to: None };
        format::format(&source, format::WIDTH).map_or_else(|_| self.text.to_string(), |done| done.text)
    }
}

/// Every policy and link of some sources that can be read, in the order of their ids.
#[must_use]
pub fn written(sources: &[Source]) -> Vec<Written> {
    all(sources).into_iter().map(|(template, stands)| describe(&template, stands)).collect()
}

/// What the text of a policy is, and where it stands.
struct Stands {
    file: Arc<str>,
    confined_to: Option<TenantPath>,
    text: Arc<str>,
}

fn all(sources: &[Source]) -> Vec<(Template, Stands)> {
    // Who compares has had them checked.
    let mut unheard = Vec::new();
    let named = parse::all(sources, &mut unheard);
    let links = links::all(sources, &named, &mut unheard);
    let stands = |source: &Source, text: Arc<str>| Stands {
        file: Arc::clone(&source.file),
        confined_to: source.confined_to.clone(),
        text,
    };
    let mut found = Vec::new();
    for one in named.iter().filter(|one| one.template.is_static()) {
        let Some(source) = sources.get(one.source) else { continue };
        let text = one.template.loc().and_then(Loc::snippet).unwrap_or_default();
        found.push((one.template.clone(), stands(source, text.into())));
    }
    for link in &links {
        let (Some(one), Some(source)) = (named.get(link.template), sources.get(link.source)) else {
            continue;
        };
        let filled = link.fill(&one.template);
        let text = filled.to_string();
        found.push((filled, stands(source, text.into())));
    }
    found.sort_by(|a, b| a.0.id().cmp(b.0.id()));
    found
}

fn describe(template: &Template, stands: Stands) -> Written {
    let annotations = template.annotations().filter(|(key, _)| AsRef::<str>::as_ref(*key) != "id");
    Written {
        id: template.id().to_string(),
        file: stands.file,
        confined_to: stands.confined_to,
        effect: match template.effect() {
            cedar_policy_core::ast::Effect::Permit => Effect::Permit,
            cedar_policy_core::ast::Effect::Forbid => Effect::Forbid,
        },
        scope: [
            template.principal_constraint().to_string(),
            template.action_constraint().to_string(),
            template.resource_constraint().to_string(),
        ],
        condition: template.non_scope_constraints().map_or_else(String::new, ToString::to_string),
        annotations: annotations.map(|(key, value)| (key.to_string(), value.val.to_string())).collect(),
        text: stands.text,
    }
}

/// What policies name: of the values that a request may have, those that some policy could tell from others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Roles, as entities or as texts in the caller's `roles`.
    pub roles: BTreeSet<String>,
    /// Groups, likewise.
    pub groups: BTreeSet<String>,
    /// Users by id.
    pub users: BTreeSet<String>,
    /// Services by id.
    pub services: BTreeSet<String>,
    /// Does any speak of services as such?
    pub any_service: bool,
    /// Tenants.
    pub tenants: BTreeSet<String>,
    /// DataKeys.
    pub data_keys: BTreeSet<String>,
    /// Texts that `context.purpose` is compared with.
    pub purposes: BTreeSet<String>,
    /// Times, in milliseconds since 1970.
    pub times_ms: BTreeSet<i64>,
}

/// Of which policies it is asked what they name.
#[derive(Debug, Clone, Copy)]
pub enum Of<'a> {
    /// Of all.
    All,
    /// Of those with these ids.
    These(&'a BTreeSet<String>),
    /// Of those with these ids; of the others no more than roles and groups.
    TheseAndAllRoles(&'a BTreeSet<String>),
}

/// What some sources name.
#[must_use]
pub fn named(sources: &[Source], of: Of<'_>) -> Named {
    let mut found = Named::default();
    for (template, _) in all(sources) {
        let is_one = |ids: &BTreeSet<String>| ids.contains(AsRef::<str>::as_ref(template.id()));
        match of {
            Of::All => found.extend(of_one(&template)),
            Of::These(ids) | Of::TheseAndAllRoles(ids) if is_one(ids) => found.extend(of_one(&template)),
            Of::These(_) => {}
            Of::TheseAndAllRoles(_) => {
                let Named { roles, groups, .. } = of_one(&template);
                found.extend(Named { roles, groups, ..Named::default() });
            }
        }
    }
    found
}

fn of_one(template: &Template) -> Named {
    let mut found = Named::default();
    for scope in [template.principal_constraint().as_inner(), template.resource_constraint().as_inner()] {
        scope.get_euid().into_iter().for_each(|uid| found.entity(uid));
    }
    found.any_service |= template.principal_constraint().to_string().contains("is Service");
    let parts = template.non_scope_constraints().into_iter().flat_map(Expr::subexpressions);
    parts.into_iter().for_each(|part| found.part(part));
    found
}

impl Named {
    /// Adds what others name.
    pub fn extend(&mut self, more: Self) {
        self.roles.extend(more.roles);
        self.groups.extend(more.groups);
        self.users.extend(more.users);
        self.services.extend(more.services);
        self.any_service |= more.any_service;
        self.tenants.extend(more.tenants);
        self.data_keys.extend(more.data_keys);
        self.purposes.extend(more.purposes);
        self.times_ms.extend(more.times_ms);
    }

    fn entity(&mut self, uid: &EntityUID) {
        let id: &str = uid.eid().as_ref();
        let to = match uid.entity_type().to_string().as_str() {
            "Role" => &mut self.roles,
            "Group" => &mut self.groups,
            "User" => &mut self.users,
            "Service" => &mut self.services,
            "Tenant" => &mut self.tenants,
            "DataKey" => &mut self.data_keys,
            _ => return,
        };
        to.insert(id.to_owned());
    }

    fn part(&mut self, part: &Expr) {
        if let Some(uid) = engine::named(part) {
            self.entity(uid);
        }
        let kind = part.expr_kind();
        if let ExprKind::Is { entity_type, .. } = kind {
            self.any_service |= entity_type.to_string() == "Service";
        }
        if let ExprKind::ExtensionFunctionApp { .. } = kind {
            self.times_ms.extend(lint::time_of(part));
        }
        if let ExprKind::BinaryApp { op: BinaryOp::Eq | BinaryOp::Contains, arg1, arg2 } = kind {
            for (of, with) in [(arg1, arg2), (arg2, arg1)] {
                self.compared(of, with);
            }
        }
    }

    /// Texts that something of the request is compared with, alone or as members of a set.
    fn compared(&mut self, of: &Expr, with: &Expr) {
        let ExprKind::GetAttr { expr, attr } = of.expr_kind() else { return };
        let to = match (expr.expr_kind(), attr.as_str()) {
            (ExprKind::Var(Var::Context), "purpose") => &mut self.purposes,
            (_, "roles") => &mut self.roles,
            (_, "groups") => &mut self.groups,
            (_, _) => return,
        };
        to.extend(with.subexpressions().filter_map(|part| {
            if let ExprKind::Lit(Literal::String(text)) = part.expr_kind() {
                Some(text.to_string())
            } else {
                None
            }
        }));
    }
}
