//! What policies speak of: the entities that they name, the texts that they compare with, the times, the paths.
//!
//! Whoever asks "who could" or "what if" tries these: a role that no policy names makes no difference to any.
//! Never: says that a policy applies.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use cedar_policy_core::ast::BinaryOp;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::Literal;
use cedar_policy_core::ast::Template;
use cedar_policy_core::ast::Var;

use super::Policies;
use super::PolicyIx;
use super::engine;

/// What some policies speak of, each kind sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// The ids of the entities that they name, by type: `Role`, `Tenant`, `User`.
    pub entities: BTreeMap<String, BTreeSet<String>>,
    /// The texts that they compare with, by the path of what is compared: `context.purpose`.
    pub texts: BTreeMap<String, BTreeSet<String>>,
    /// The times that they name, as written in `datetime("…")`.
    pub times: BTreeSet<String>,
    /// The paths that they read: `context.sourceIp`.
    pub paths: BTreeSet<String>,
}

impl Mentions {
    /// The ids of the named entities of one type.
    pub fn of_type(&self, name: &str) -> impl Iterator<Item = &str> {
        self.entities.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The texts that a path is compared with.
    pub fn texts_of(&self, path: &str) -> impl Iterator<Item = &str> {
        self.texts.get(path).into_iter().flatten().map(String::as_str)
    }

    fn entity(&mut self, uid: &EntityUID) {
        let ids = self.entities.entry(uid.entity_type().to_string()).or_default();
        ids.insert(AsRef::<str>::as_ref(uid.eid()).to_owned());
    }

    fn note(&mut self, template: &Template) {
        let scopes = [template.principal_constraint().as_inner(), template.resource_constraint().as_inner()];
        for uid in scopes.into_iter().filter_map(|scope| scope.get_euid()) {
            self.entity(uid);
        }
        let parts = template.non_scope_constraints().into_iter().flat_map(|whole| whole.subexpressions());
        for part in parts {
            if let Some(uid) = engine::named(part) {
                self.entity(uid);
            }
            self.paths.extend(path(part));
            let kind = part.expr_kind();
            if let ExprKind::BinaryApp { op: BinaryOp::Eq | BinaryOp::Contains, arg1, arg2 } = kind {
                self.compared(arg1, arg2);
                self.compared(arg2, arg1);
            } else if let ExprKind::ExtensionFunctionApp { fn_name, args } = kind
                && fn_name.to_string() == "datetime"
            {
                self.times.extend(args.iter().filter_map(text).map(str::to_owned));
            } else if let ExprKind::HasAttr { expr, attr } = kind {
                self.paths.extend(path(expr).map(|base| format!("{base}.{attr}")));
            } else if let ExprKind::ExtHasAttr { expr, attrs } = kind
                && let Some(base) = path(expr)
            {
                let whole = attrs.iter().fold(base, |path, attr| format!("{path}.{attr}"));
                self.paths.insert(whole);
            }
        }
    }

    fn compared(&mut self, looked_at: &Expr, with: &Expr) {
        let Some(path) = path(looked_at) else { return };
        let texts: Vec<&str> = if let ExprKind::Set(items) = with.expr_kind() {
            items.iter().filter_map(text).collect()
        } else {
            text(with).into_iter().collect()
        };
        if !texts.is_empty() {
            self.texts.entry(path).or_default().extend(texts.into_iter().map(str::to_owned));
        }
    }
}

/// The text that an expression is.
pub(super) fn text(expr: &Expr) -> Option<&str> {
    if let ExprKind::Lit(Literal::String(text)) = expr.expr_kind() { Some(text) } else { None }
}

/// `principal.tenant.status` of such an expression; nothing for what does not start at a variable.
pub(super) fn path(expr: &Expr) -> Option<String> {
    if let ExprKind::Var(var) = expr.expr_kind() {
        let name = match var {
            Var::Principal => "principal",
            Var::Action => "action",
            Var::Resource => "resource",
            Var::Context => "context",
        };
        return Some(name.to_owned());
    }
    if let ExprKind::GetAttr { expr, attr } = expr.expr_kind() {
        return Some(format!("{}.{attr}", path(expr)?));
    }
    None
}

impl Policies {
    /// What those policies speak of that `among` picks.
    #[must_use]
    pub fn mentions(&self, among: impl Fn(PolicyIx) -> bool) -> Mentions {
        let mut mentions = Mentions::default();
        for (number, one) in (0..).zip(&self.compiled) {
            if among(PolicyIx(number)) {
                mentions.note(&one.template);
            }
        }
        mentions
    }

    /// The ids of the policies that name this entity.
    pub fn naming<'a>(&'a self, of: &'a str, id: &'a str) -> impl Iterator<Item = &'a str> {
        let names = move |one: &&std::sync::Arc<super::Compiled>| {
            let mut mentions = Mentions::default();
            mentions.note(&one.template);
            mentions.of_type(of).any(|named| named == id)
        };
        self.compiled.iter().filter(names).map(|one| one.id())
    }
}
