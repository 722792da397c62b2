//! The pathways of a snapshot, as their scopes and conditions say: from whom, to which data, for what, until when.
//!
//! Never: says that data may cross; the policies decide that of each request.

use std::sync::Arc;

use cedar_policy_core::ast::ActionConstraint;
use cedar_policy_core::ast::BinaryOp;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;

use crate::ids::DataKey;
use crate::ids::TenantPath;

use super::Policies;
use super::PolicyIx;
use super::guard;
use super::guard::Crossing;
use super::mentions::path;
use super::mentions::text;

/// One pathway: a policy or a link annotated `@pathway`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pathway {
    /// The policy that it is.
    pub policy: PolicyIx,
    /// Its name.
    pub name: Arc<str>,
    /// Who may cross: this tenant and those below it.
    pub from: TenantPath,
    /// Which data may be reached.
    pub data: DataKey,
    /// For which actions; none named means every one.
    pub actions: Vec<String>,
    /// The purposes of which its condition wants one; none named means that it does not say.
    pub purposes: Vec<String>,
    /// The times of which each must still be to come; none named means that it does not say.
    pub until: Vec<String>,
}

impl Policies {
    /// Every pathway, in the order of the policies' ids.
    #[must_use]
    pub fn pathways(&self) -> Vec<Pathway> {
        let found = (0..).zip(&self.compiled).filter_map(|(number, one)| {
            let name = Arc::clone(one.pathway.as_ref()?);
            let Crossing { from, data } = guard::crossing(&one.template).ok()??;
            let mut says = Says::default();
            one.template.non_scope_constraints().into_iter().for_each(|whole| says.note(whole));
            let uids: Vec<&EntityUID> = match one.template.action_constraint() {
                ActionConstraint::Any => Vec::new(),
                ActionConstraint::Eq(uid) => vec![uid],
                ActionConstraint::In(uids) => uids.iter().map(|uid| &**uid).collect(),
            };
            let actions = uids.into_iter().map(|uid| AsRef::<str>::as_ref(uid.eid()).to_owned()).collect();
            let Says { purposes, until } = says;
            Some(Pathway { policy: PolicyIx(number), name, from, data, actions, purposes, until })
        });
        found.collect()
    }
}

/// What must hold whatever else does: the operands of the outermost `&&`.
#[derive(Default)]
struct Says {
    purposes: Vec<String>,
    until: Vec<String>,
}

impl Says {
    fn note(&mut self, expr: &Expr) {
        let kind = expr.expr_kind();
        if let ExprKind::And { left, right } = kind {
            self.note(left);
            self.note(right);
        } else if let ExprKind::BinaryApp { op, arg1, arg2 } = kind {
            self.compared(*op, arg1, arg2);
        }
    }

    fn compared(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        let is = |expr: &Expr, wanted: &str| path(expr).as_deref() == Some(wanted);
        if op == BinaryOp::Eq {
            for (at, value) in [(left, right), (right, left)] {
                if is(at, "context.purpose") {
                    self.purposes.extend(text(value).map(str::to_owned));
                }
            }
        } else if op == BinaryOp::Contains
            && is(right, "context.purpose")
            && let ExprKind::Set(items) = left.expr_kind()
        {
            self.purposes.extend(items.iter().filter_map(text).map(str::to_owned));
        } else if matches!(op, BinaryOp::Less | BinaryOp::LessEq)
            && is(left, "context.now")
            && let ExprKind::ExtensionFunctionApp { args, .. } = right.expr_kind()
        {
            self.until.extend(args.iter().filter_map(text).map(str::to_owned));
        }
    }
}
