//! What a rule reads of a request's context: what its answer can depend on besides the entities.
//!
//! Time is special: a rule that only compares `context.now` with dates written in it depends on where now lies between
//! those dates, and that stays the same for as long as none of them is passed.
//! INVARIANT: two contexts that agree on what is read get the same answer (`tests::laws`, over kept answers).
//! Never: takes an expression that it does not know for one that reads nothing.

use std::net::IpAddr;

use cedar_policy_core::ast::BinaryOp;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::Literal;
use cedar_policy_core::ast::Var;

use crate::limits;

use super::context::Functions;

/// What rules read of the context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    attributes: Attributes,
    now: Now,
    /// The context as one value, or something in it that is not known here: then nothing can be told apart.
    pub(crate) whole: bool,
}

/// A set of attributes other than the time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Attributes(u8);

impl Attributes {
    const METHOD: Self = Self(1);
    const PATH: Self = Self(1 << 1);
    const HOST: Self = Self(1 << 2);
    const PURPOSE: Self = Self(1 << 3);
    const SOURCE_IP: Self = Self(1 << 4);

    const fn add(&mut self, more: Self) {
        self.0 |= more.0;
    }

    const fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Now {
    #[default]
    Unread,
    /// Only compared with these times: milliseconds since 1970, sorted, each once.
    Compared(Vec<u64>),
    Read,
}

/// The parts of a context that can be read, as the request has them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    pub(crate) purpose: Option<&'a str>,
    pub(crate) source_ip: Option<IpAddr>,
    /// As the policies see it.
    pub(crate) now_ms: u64,
}

/// The parts that were read once.
#[derive(Debug)]
pub(crate) struct Seen {
    method: Box<str>,
    path: Box<str>,
    host: Box<str>,
    purpose: Option<Box<str>>,
    source_ip: Option<IpAddr>,
    now: u64,
}

impl Reads {
    /// What a condition reads.
    pub(crate) fn of(condition: &Expr, functions: &Functions) -> Self {
        let mut reads = Self::default();
        let mut left = vec![condition];
        while let Some(part) = left.pop() {
            if let Some(bound) = comparison(part, functions) {
                reads.now.add(&Now::Compared(vec![bound]));
            } else if let Some(name) = attribute(part) {
                reads.note(name);
            } else {
                reads.whole |= is_context(part);
                children(part, &mut left);
            }
        }
        reads
    }

    fn note(&mut self, name: &str) {
        match name {
            "method" => self.attributes.add(Attributes::METHOD),
            "path" => self.attributes.add(Attributes::PATH),
            "host" => self.attributes.add(Attributes::HOST),
            "purpose" => self.attributes.add(Attributes::PURPOSE),
            "sourceIp" => self.attributes.add(Attributes::SOURCE_IP),
            "now" => self.now = Now::Read,
            // It belongs to the caller, as roles do.
            "actor" => {}
            _ => self.whole = true,
        }
    }

    /// What either of two reads.
    pub(crate) fn add(&mut self, more: &Self) {
        self.attributes.add(more.attributes);
        self.whole |= more.whole;
        self.now.add(&more.now);
    }

    /// Does this context agree with one that was seen before, in all that is read?
    pub(crate) fn agree(&self, seen: &Seen, parts: &Parts<'_>) -> bool {
        !self.whole
            && (!self.attributes.has(Attributes::METHOD) || *seen.method == *parts.method)
            && (!self.attributes.has(Attributes::PATH) || *seen.path == *parts.path)
            && (!self.attributes.has(Attributes::HOST) || *seen.host == *parts.host)
            && (!self.attributes.has(Attributes::PURPOSE) || seen.purpose.as_deref() == parts.purpose)
            && (!self.attributes.has(Attributes::SOURCE_IP) || seen.source_ip == parts.source_ip)
            && seen.now == self.now.place(parts.now_ms)
    }

    /// Keeps of a context what is read of it. Nothing where that is long: callers choose these texts.
    pub(crate) fn see(&self, parts: &Parts<'_>) -> Option<Seen> {
        let text = |one, text: Option<&str>| -> Option<Option<Box<str>>> {
            match text.filter(|_| self.attributes.has(one)) {
                Some(text) if text.len() > limits::ANSWER_TEXT_BYTES_MAX => None,
                kept => Some(kept.map(Into::into)),
            }
        };
        Some(Seen {
            method: text(Attributes::METHOD, Some(parts.method))?.unwrap_or_default(),
            path: text(Attributes::PATH, Some(parts.path))?.unwrap_or_default(),
            host: text(Attributes::HOST, Some(parts.host))?.unwrap_or_default(),
            purpose: text(Attributes::PURPOSE, parts.purpose)?,
            source_ip: parts.source_ip.filter(|_| self.attributes.has(Attributes::SOURCE_IP)),
            now: self.now.place(parts.now_ms),
        })
    }
}

impl Now {
    fn add(&mut self, more: &Self) {
        *self = match (std::mem::take(self), more) {
            (Self::Read, _) | (_, Self::Read) => Self::Read,
            (one, Self::Unread) => one,
            (Self::Unread, one) => one.clone(),
            (Self::Compared(mut all), Self::Compared(more)) => {
                all.extend(more);
                all.sort_unstable();
                all.dedup();
                Self::Compared(all)
            }
        };
    }

    /// A number that is the same for two times exactly where all that is read of them is.
    fn place(&self, now_ms: u64) -> u64 {
        match self {
            Self::Unread => 0,
            Self::Read => now_ms,
            Self::Compared(bounds) => {
                // How many lie before, and how many before or at it: so a time between two bounds and one at a bound differ.
                let before = bounds.partition_point(|bound| *bound < now_ms);
                let until = bounds.partition_point(|bound| *bound <= now_ms);
                u64::try_from(before.saturating_add(until)).unwrap_or(u64::MAX)
            }
        }
    }
}

/// The time that `context.now` is compared with, where the whole part is such a comparison.
fn comparison(part: &Expr, functions: &Functions) -> Option<u64> {
    let ExprKind::BinaryApp { op: BinaryOp::Less | BinaryOp::LessEq, arg1, arg2 } = part.expr_kind() else {
        return None;
    };
    let is_now = |one: &Expr| matches!(one.expr_kind(), ExprKind::GetAttr { expr, attr } if is_context(expr) && *attr == "now");
    match (is_now(arg1), is_now(arg2)) {
        (true, false) => written_time(arg2, functions),
        (false, true) => written_time(arg1, functions),
        (true, true) | (false, false) => None,
    }
}

fn written_time(part: &Expr, functions: &Functions) -> Option<u64> {
    let ExprKind::ExtensionFunctionApp { fn_name, args } = part.expr_kind() else { return None };
    let [text] = args.as_slice() else { return None };
    let ExprKind::Lit(Literal::String(text)) = text.expr_kind() else { return None };
    functions.written_time(fn_name, text)
}

fn is_context(part: &Expr) -> bool {
    matches!(part.expr_kind(), ExprKind::Var(Var::Context))
}

/// The attribute of the context that a part reads or asks for.
fn attribute(part: &Expr) -> Option<&str> {
    let (of, name) =
        if let ExprKind::GetAttr { expr, attr } | ExprKind::HasAttr { expr, attr } = part.expr_kind() {
            (expr, attr)
        } else if let ExprKind::ExtHasAttr { expr, attrs } = part.expr_kind() {
            (expr, attrs.first())
        } else {
            return None;
        };
    is_context(of).then_some(name)
}

/// Every kind of expression is listed, so that a new one in Cedar must be looked at here.
fn children<'e>(part: &'e Expr, left: &mut Vec<&'e Expr>) {
    match part.expr_kind() {
        ExprKind::Lit(_) | ExprKind::Var(_) | ExprKind::Slot(_) | ExprKind::Unknown(_) => {}
        ExprKind::If { test_expr, then_expr, else_expr } => {
            left.extend([&**test_expr, &**then_expr, &**else_expr]);
        }
        ExprKind::And { left: one, right: other }
        | ExprKind::Or { left: one, right: other }
        | ExprKind::BinaryApp { op: _, arg1: one, arg2: other } => left.extend([&**one, &**other]),
        ExprKind::UnaryApp { arg: expr, .. }
        | ExprKind::GetAttr { expr, .. }
        | ExprKind::HasAttr { expr, .. }
        | ExprKind::ExtHasAttr { expr, .. }
        | ExprKind::Like { expr, .. }
        | ExprKind::Is { expr, .. } => left.push(expr),
        ExprKind::ExtensionFunctionApp { args: parts, .. } | ExprKind::Set(parts) => {
            left.extend(parts.iter())
        }
        ExprKind::Record(parts) => left.extend(parts.values()),
    }
}
