//! What is known about each value that a condition looks at, once some parts of it are taken to hold: enough to see that
//! two of them cannot hold together.
//!
//! It errs to one side only: what is called impossible is impossible. Never: evaluates; what cannot be told is left open.

use std::rc::Rc;

use cedar_policy_core::ast::BinaryOp;
use cedar_policy_core::ast::EntityType;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::Literal;
use cedar_policy_core::ast::Pattern;
use cedar_policy_core::ast::UnaryOp;
use cedar_policy_core::ast::Var;

use crate::limits;

use super::within;

/// What is known, by the expression that it is known of. There are few, and they are copied for each part looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    of: Vec<(Expr, Rc<About>)>,
    impossible: bool,
}

/// A value that stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    /// A number; times are numbers of milliseconds.
    Number(i64),
    Text(String),
    Entity(EntityUID),
}

/// What is known of one expression.
#[derive(Debug, Clone)]
struct About {
    is: Option<Value>,
    is_not: Vec<Value>,
    least: i64,
    most: i64,
    among: Option<Vec<Value>>,
    kind: Option<EntityType>,
    not_kinds: Vec<EntityType>,
    within: Vec<EntityUID>,
    not_within: Vec<EntityUID>,
    like: Vec<(Pattern, bool)>,
}

impl About {
    fn new(of: &Expr) -> Self {
        // Palisade itself fills in the level, and classes have none above this.
        let levelled = if let ExprKind::GetAttr { expr, attr } = of.expr_kind() {
            attr == "level" && matches!(expr.expr_kind(), ExprKind::Var(Var::Resource))
        } else {
            false
        };
        let (least, most) = if levelled { (0, i64::from(limits::LEVEL_MAX)) } else { (i64::MIN, i64::MAX) };
        Self {
            is: None,
            is_not: Vec::new(),
            least,
            most,
            among: None,
            kind: None,
            not_kinds: Vec::new(),
            within: Vec::new(),
            not_within: Vec::new(),
            like: Vec::new(),
        }
    }

    /// Could the value be this one?
    fn could_be(&self, value: &Value) -> bool {
        let by_kind = match value {
            Value::Number(number) => (self.least..=self.most).contains(number),
            Value::Text(text) => self.like.iter().all(|(like, holds)| like.wildcard_match(text) == *holds),
            Value::Entity(uid) => self.could_be_entity(uid),
            Value::Bool(_) => true,
        };
        by_kind
            && self.is.as_ref().is_none_or(|is| is == value)
            && !self.is_not.contains(value)
            && self.among.as_ref().is_none_or(|among| among.contains(value))
    }

    fn could_be_entity(&self, uid: &EntityUID) -> bool {
        self.kind.as_ref().is_none_or(|kind| kind == uid.entity_type())
            && !self.not_kinds.contains(uid.entity_type())
            && self.within.iter().all(|outer| within::could_be(uid, outer))
            && !self.not_within.iter().any(|outer| within::is(uid, outer))
    }

    fn is_possible(&self) -> bool {
        let told = match (&self.is, &self.among) {
            (Some(is), _) => self.could_be(is),
            (None, Some(among)) => among.iter().any(|one| self.could_be(one)),
            (None, None) => self.least <= self.most,
        };
        let placed = self.within.iter().enumerate().all(|(at, a)| {
            let fits = |b: &EntityUID| within::are_on_one_path(a, b);
            self.within.iter().skip(at + 1).all(fits)
        });
        let apart = !self.within.iter().any(|a| self.not_within.iter().any(|b| within::is(a, b)));
        let kinds = self.kind.as_ref().is_none_or(|kind| !self.not_kinds.contains(kind));
        told && placed && apart && kinds
    }
}

impl Known {
    /// Nothing fits what is known: the parts that were taken to hold cannot hold together.
    pub(super) fn is_impossible(&self) -> bool {
        self.impossible
    }

    /// The same, with an expression taken to hold, or not to.
    pub(super) fn and(&self, part: &Expr, holds: bool) -> Self {
        let mut known = self.clone();
        known.take(part, holds);
        known
    }

    /// Takes an expression to hold, or not to.
    pub(super) fn take(&mut self, part: &Expr, holds: bool) {
        match (part.expr_kind(), holds) {
            (ExprKind::UnaryApp { op: UnaryOp::Not, arg }, _) => self.take(arg, !holds),
            (ExprKind::And { left, right }, true) | (ExprKind::Or { left, right }, false) => {
                self.take(left, holds);
                self.take(right, holds);
            }
            _ if self.atom(part, holds).is_some() => {}
            _ => self.about(part, |about| about.is(Value::Bool(holds))),
        }
    }

    /// The clock of the request, in milliseconds since 1970, is at least this.
    pub(super) fn not_before(&mut self, now: &Expr, ms: i64) {
        self.about(now, |about| about.least = about.least.max(ms));
    }

    /// A comparison with values; `None` where it is none.
    fn atom(&mut self, part: &Expr, holds: bool) -> Option<()> {
        let kind = part.expr_kind();
        if let ExprKind::BinaryApp { op, arg1, arg2 } = kind {
            return self.binary(*op, arg1, arg2, holds);
        }
        if let ExprKind::Lit(Literal::Bool(value)) = kind {
            self.impossible |= *value != holds;
        } else if let ExprKind::Like { expr, pattern } = kind {
            self.about(expr, |about| about.like.push((pattern.clone(), holds)));
        } else if let ExprKind::Is { expr, entity_type } = kind {
            self.about(expr, |about| {
                if holds {
                    about.is_of(entity_type);
                } else {
                    about.not_kinds.push(entity_type.clone());
                }
            });
        } else {
            return None;
        }
        Some(())
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, holds: bool) -> Option<()> {
        let (a, b) = (value(left), value(right));
        match op {
            BinaryOp::Eq => match (a, b) {
                (Some(a), Some(b)) => self.impossible |= (a == b) != holds,
                (None, Some(value)) => self.equal(left, value, holds),
                (Some(value), None) => self.equal(right, value, holds),
                (None, None) if left.eq_shape(right) => self.impossible |= !holds,
                (None, None) => return None,
            },
            BinaryOp::Less | BinaryOp::LessEq => {
                let strict = op == BinaryOp::Less;
                match (a, b) {
                    (Some(Value::Number(a)), Some(Value::Number(b))) => {
                        self.impossible |= (if strict { a < b } else { a <= b }) != holds;
                    }
                    // `x < n`, or its opposite `x >= n`.
                    (None, Some(Value::Number(n))) => self.bound(left, n, strict, holds),
                    // `n < x` is the opposite of `x <= n`.
                    (Some(Value::Number(n)), None) => self.bound(right, n, !strict, !holds),
                    (None, None) if left.eq_shape(right) => self.impossible |= strict == holds,
                    (_, _) => return None,
                }
            }
            BinaryOp::In => match (a, b) {
                (None, Some(Value::Entity(outer))) => self.about(left, |about| {
                    if holds { about.within.push(outer) } else { about.not_within.push(outer) }
                }),
                (_, _) => return None,
            },
            BinaryOp::Contains => {
                let all = set(left)?;
                match b {
                    Some(value) => self.impossible |= all.contains(&value) != holds,
                    None => self.about(right, |about| about.among(all, holds)),
                }
            }
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::ContainsAll
            | BinaryOp::ContainsAny
            | BinaryOp::GetTag
            | BinaryOp::HasTag => return None,
        }
        Some(())
    }

    fn equal(&mut self, of: &Expr, value: Value, holds: bool) {
        self.about(of, |about| if holds { about.is(value) } else { about.is_not.push(value) });
    }

    /// `of < n` or, not strict, `of <= n`: it holds or does not.
    fn bound(&mut self, of: &Expr, n: i64, strict: bool, holds: bool) {
        self.about(of, |about| match (strict, holds) {
            (true, true) => about.most = about.most.min(n.saturating_sub(1)),
            (false, true) => about.most = about.most.min(n),
            (true, false) => about.least = about.least.max(n),
            (false, false) => about.least = about.least.max(n.saturating_add(1)),
        });
    }

    fn about(&mut self, of: &Expr, note: impl FnOnce(&mut About)) {
        let at = self.of.iter().position(|(known, _)| known.eq_shape(of)).unwrap_or_else(|| {
            self.of.push((of.clone(), Rc::new(About::new(of))));
            self.of.len() - 1
        });
        if let Some((_, about)) = self.of.get_mut(at) {
            let about = Rc::make_mut(about);
            note(about);
            self.impossible |= !about.is_possible();
        }
    }
}

impl About {
    fn is(&mut self, value: Value) {
        match &self.is {
            // Two values at once: none is left.
            Some(is) if *is != value => self.among = Some(Vec::new()),
            Some(_) | None => self.is = Some(value),
        }
    }

    fn is_of(&mut self, kind: &EntityType) {
        match &self.kind {
            Some(is) if is != kind => self.not_kinds.push(is.clone()),
            Some(_) | None => self.kind = Some(kind.clone()),
        }
    }

    fn among(&mut self, all: Vec<Value>, holds: bool) {
        if !holds {
            self.is_not.extend(all);
        } else if let Some(among) = &mut self.among {
            among.retain(|one| all.contains(one));
        } else {
            self.among = Some(all);
        }
    }
}

/// The value that an expression is, where it stands in the text.
pub(super) fn value(part: &Expr) -> Option<Value> {
    let kind = part.expr_kind();
    if let ExprKind::Lit(literal) = kind {
        return Some(match literal {
            Literal::Bool(value) => Value::Bool(*value),
            Literal::Long(value) => Value::Number(*value),
            Literal::String(value) => Value::Text(value.to_string()),
            Literal::EntityUID(uid) => Value::Entity(EntityUID::clone(uid)),
        });
    }
    if let ExprKind::UnaryApp { op: UnaryOp::Neg, arg } = kind {
        return number(arg)?.checked_neg().map(Value::Number);
    }
    if let ExprKind::BinaryApp { op, arg1, arg2 } = kind {
        return sum(*op, arg1, arg2).map(Value::Number);
    }
    if let ExprKind::ExtensionFunctionApp { fn_name, args } = kind
        && fn_name.to_string() == "datetime"
        && let Some(Value::Text(text)) = args.first().and_then(value)
    {
        return time(&text).map(Value::Number);
    }
    None
}

fn number(part: &Expr) -> Option<i64> {
    if let Some(Value::Number(number)) = value(part) { Some(number) } else { None }
}

fn sum(op: BinaryOp, a: &Expr, b: &Expr) -> Option<i64> {
    if op == BinaryOp::Add {
        number(a)?.checked_add(number(b)?)
    } else if op == BinaryOp::Sub {
        number(a)?.checked_sub(number(b)?)
    } else if op == BinaryOp::Mul {
        number(a)?.checked_mul(number(b)?)
    } else {
        None
    }
}

/// Milliseconds since 1970 of a time as Cedar writes it.
pub(super) fn time(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let day = text.parse::<jiff::civil::Date>().ok()?;
    Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

fn set(part: &Expr) -> Option<Vec<Value>> {
    if let ExprKind::Set(parts) = part.expr_kind() { parts.iter().map(value).collect() } else { None }
}
