//! What the loader makes of one policy, for people: what it adds in front of the condition, and under what the index files
//! the policy.
//!
//! Never: takes part in a decision.

use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;

use super::Policies;
use super::PolicyIx;
use super::engine::index;
use super::engine::index::Key;

impl Policies {
    /// The parts that the loader put in front of a policy's condition, in Cedar's words.
    #[must_use]
    pub fn added(&self, policy: PolicyIx) -> Vec<String> {
        let Some(one) = self.one(policy) else { return Vec::new() };
        let mut rest: Option<&Expr> = one.template.non_scope_constraints();
        let mut added = Vec::new();
        while added.len() < one.guards
            && let Some(part) = rest
        {
            if let ExprKind::And { left, right } = part.expr_kind() {
                added.push(left.to_string());
                rest = Some(right);
            } else {
                // Its author wrote no condition, so the last part stands alone.
                added.push(part.to_string());
                rest = None;
            }
        }
        added
    }

    /// The requests that have to look at a policy: whose principal, then whose resource is so. `any`, where every one has.
    #[must_use]
    pub fn filed(&self, policy: PolicyIx) -> Option<(String, String)> {
        let (principal, resource) = index::keys(&self.one(policy)?.template);
        Some((said("principal", &principal), said("resource", &resource)))
    }
}

fn said(variable: &str, key: &Key) -> String {
    match key {
        Key::Any => format!("any {variable}"),
        Key::Is(of) => format!("{variable} is {of}"),
        Key::Eq(uid) => format!("{variable} == {uid}"),
        Key::In(uid) => format!("{variable} in {uid}"),
    }
}
