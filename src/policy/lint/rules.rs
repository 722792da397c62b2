//! The rules: the one list of their codes, how bad each is, and what each says. The manual's table is held against it.

use crate::problem::Severity;

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its code, as findings, `@lint_allow` and `--deny` name it.
    pub code: &'static str,
    /// How bad what it finds is.
    pub severity: Severity,
    /// What it finds, in one sentence.
    pub finds: &'static str,
}

const fn warning(code: &'static str, finds: &'static str) -> Rule {
    Rule { code, severity: Severity::Warning, finds }
}

pub(super) const NEVER_APPLIES: Rule =
    warning("never-applies", "a policy that no request can meet, whatever the caller and the data");
pub(super) const FORBIDS_NOTHING: Rule = Rule {
    code: "forbids-nothing",
    severity: Severity::Error,
    finds: "a forbid whose scope and condition exclude each other",
};
pub(super) const EXPIRED: Rule = warning("expired", "a policy whose time is over");
pub(super) const COVERED: Rule =
    warning("covered", "a policy that changes nothing: another of the same effect says all that it says");
pub(super) const ALWAYS_FORBIDDEN: Rule =
    warning("always-forbidden", "a permit that changes nothing: a forbid without a condition covers it");
pub(super) const ALWAYS_TRUE: Rule =
    warning("always-true", "a part of a condition that holds whenever it is looked at");
pub(super) const ALWAYS_FALSE: Rule =
    warning("always-false", "a part of a condition that never holds when it is looked at");
pub(super) const WIDE_PERMIT: Rule = warning(
    "wide-permit",
    "a permit for everybody on everything, without a condition, beside others that are not so",
);
pub(super) const PATHWAY_ENDLESS: Rule =
    warning("pathway-endless", "a pathway whose condition never looks at `context.now`: it has no last day");
pub(super) const PATHWAY_WITHOUT_CEILING: Rule = warning(
    "pathway-without-ceiling",
    "a pathway that bounds neither `level` nor the data class: the most sensitive data crosses too",
);
pub(super) const ARITHMETIC: Rule =
    warning("arithmetic", "arithmetic that can overflow: a policy that errs denies the request");
pub(super) const TENANT_UNSCOPED: Rule = warning(
    "tenant-unscoped",
    "a policy in a tenant's folder that names nobody and nothing in its scope: it is looked at for every request of every tenant",
);
pub(super) const SETS_NOTHING: Rule = warning(
    "sets-nothing",
    "a policy about a class of data by `action in Action::\"write\"`, which says nothing about who may set it",
);
pub(super) const UNUSED_CLASS: Rule =
    warning("unused-class", "a data class that no route carries and no policy names");
pub(super) const UNHELD_ROLE: Rule =
    warning("unheld-role", "a role that a policy names and nobody is known to have");
pub(super) const UNTESTED: Rule =
    warning("untested", "a policy that no test is about, where there are tests");
pub(super) const SHADOW_MODE: Rule =
    warning("shadow-mode", "a policy in shadow mode: it is looked at, and decides nothing");
pub(super) const ALLOW_UNKNOWN: Rule = warning("allow-unknown", "`@lint_allow` of a rule that there is not");
pub(super) const ALLOW_WITHOUT_REASON: Rule =
    warning("allow-without-reason", "`@lint_allow` without a reason; it allows nothing");
pub(super) const ALLOW_UNNEEDED: Rule =
    warning("allow-unneeded", "`@lint_allow` of a rule that finds nothing in this policy");

/// Every rule.
pub const RULES: [Rule; 20] = [
    NEVER_APPLIES,
    FORBIDS_NOTHING,
    EXPIRED,
    COVERED,
    ALWAYS_FORBIDDEN,
    ALWAYS_TRUE,
    ALWAYS_FALSE,
    WIDE_PERMIT,
    PATHWAY_ENDLESS,
    PATHWAY_WITHOUT_CEILING,
    ARITHMETIC,
    TENANT_UNSCOPED,
    SETS_NOTHING,
    UNUSED_CLASS,
    UNHELD_ROLE,
    UNTESTED,
    SHADOW_MODE,
    ALLOW_UNKNOWN,
    ALLOW_WITHOUT_REASON,
    ALLOW_UNNEEDED,
];
