//! Walks one policy, part by part, with Cedar's evaluator answering for each test.
//!
//! `&&`, `||`, `!` and `if` are put together here as Cedar does; everything else is evaluated by Cedar whole.
//! INVARIANT: the value of the whole is what `evaluate` finds (`tests::tracing`).
//! Never: looks at a part that Cedar would not look at.

use cedar_policy_core::ast::ActionConstraint;
use cedar_policy_core::ast::BinaryOp;
use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::EntityType;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::Literal;
use cedar_policy_core::ast::PrincipalOrResource;
use cedar_policy_core::ast::PrincipalOrResourceConstraint;
use cedar_policy_core::ast::Request;
use cedar_policy_core::ast::SlotEnv;
use cedar_policy_core::ast::Template;
use cedar_policy_core::ast::UnaryOp;
use cedar_policy_core::ast::Value;
use cedar_policy_core::ast::ValueKind;
use cedar_policy_core::ast::Var;
use cedar_policy_core::entities::Dereference;
use cedar_policy_core::entities::Entities;
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::parser::Loc;

use crate::limits;
use crate::policy::trace::Fate;
use crate::policy::trace::Part;
use crate::policy::trace::PartKind;
use crate::policy::trace::Read;
use crate::policy::trace::Seen;
use crate::policy::trace::Span;
use crate::policy::trace::one_line;

use super::Rule;

/// The question that a policy is put to.
pub(in crate::policy) struct Question<'a> {
    pub(in crate::policy) request: Request,
    pub(in crate::policy) entities: &'a Entities,
    pub(in crate::policy) action: &'a Entity,
}

/// A policy's scope and condition with their values, and what comes of them.
pub(in crate::policy) struct Walked {
    pub(in crate::policy) fate: Fate,
    pub(in crate::policy) scope: Vec<Part>,
    pub(in crate::policy) conditions: Vec<Part>,
}

/// Walks a policy whose condition begins with `guards` parts of the loader's. Without a question no part is looked at.
pub(in crate::policy) fn walk(
    template: &Template,
    rule: &Rule,
    guards: usize,
    question: Option<Question<'_>>,
) -> Walked {
    let mut walk = match &question {
        Some(Question { request, entities, action }) => {
            let evaluator = Evaluator::new(request.clone(), entities, Extensions::all_available());
            Walk { looking: Some(Looking { evaluator, entities, action }), left: limits::TRACE_PARTS_MAX }
        }
        None => Walk { looking: None, left: limits::TRACE_PARTS_MAX },
    };
    let scope = vec![
        walk.scope(template, template.principal_constraint().as_inner(), PrincipalOrResource::Principal),
        walk.action(template.action_constraint(), rule),
        walk.scope(template, template.resource_constraint().as_inner(), PrincipalOrResource::Resource),
    ];
    let (mut operands, mut rest) = (Vec::new(), template.non_scope_constraints());
    for _ in 0..guards {
        match rest.map(|rest| (rest, rest.expr_kind())) {
            Some((_, ExprKind::And { left, right })) => {
                operands.push((PartKind::Guard, &**left));
                rest = Some(right);
            }
            Some((whole, _)) => {
                operands.push((PartKind::Guard, whole));
                rest = None;
            }
            None => {}
        }
    }
    let mut own = Vec::new();
    rest.into_iter().for_each(|rest| flatten(rest, Joint::And, &mut own));
    operands.extend(own.into_iter().map(|operand| (PartKind::Test, operand)));
    let mut looking = question.is_some() && scope.iter().all(|part| part.value == Seen::True);
    let mut conditions = Vec::with_capacity(operands.len());
    for (kind, operand) in operands {
        let is_guard = kind == PartKind::Guard;
        let part = if is_guard { walk.guard(operand, looking) } else { walk.part(operand, looking) };
        looking &= part.value == Seen::True;
        conditions.push(part);
    }
    let fate = if looking {
        Fate::Applies
    } else if conditions.iter().any(|part| matches!(part.value, Seen::Error(_))) {
        Fate::Errs
    } else {
        Fate::Stopped
    };
    Walked { fate, scope, conditions }
}

struct Looking<'e> {
    evaluator: Evaluator<'e>,
    entities: &'e Entities,
    action: &'e Entity,
}

struct Walk<'e> {
    looking: Option<Looking<'e>>,
    /// How many more parts may be told apart.
    left: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    And,
    Or,
}

/// The operands that hang together by one operator: Cedar nests them two by two.
fn flatten<'t>(expr: &'t Expr, by: Joint, out: &mut Vec<&'t Expr>) {
    match (expr.expr_kind(), by) {
        (ExprKind::And { left, right }, Joint::And) | (ExprKind::Or { left, right }, Joint::Or) => {
            flatten(left, by, out);
            flatten(right, by, out);
        }
        _ => out.push(expr),
    }
}

fn blank(kind: PartKind, loc: Option<&Loc>) -> Part {
    Part {
        kind,
        span: loc.map(|loc| Span { start: loc.start(), end: loc.end() }),
        value: Seen::Unseen,
        reads: Vec::new(),
        parts: Vec::new(),
        file_text: loc.map(|loc| std::sync::Arc::clone(&loc.src)),
        words: Box::default(),
    }
}

impl Walk<'_> {
    fn scope(
        &mut self,
        template: &Template,
        constraint: &PrincipalOrResourceConstraint,
        of: PrincipalOrResource,
    ) -> Part {
        let (kind, var) = match of {
            PrincipalOrResource::Principal => (PartKind::Principal, Var::Principal),
            PrincipalOrResource::Resource => (PartKind::Resource, Var::Resource),
        };
        let named = constraint.get_euid();
        // What a link fills in was read from another file.
        let here =
            |loc: &&Loc| template.loc().is_some_and(|whole| std::sync::Arc::ptr_eq(&whole.src, &loc.src));
        let mut part = blank(kind, named.and_then(|uid| uid.loc()).filter(here));
        part.words = constraint.display(of).into();
        let Some(looking) = &self.looking else { return part };
        part.value = looking.value(&constraint.as_expr(of));
        let wanted: Vec<&EntityType> = match constraint {
            PrincipalOrResourceConstraint::Any => return part,
            PrincipalOrResourceConstraint::Eq(_) | PrincipalOrResourceConstraint::Is(_) => Vec::new(),
            PrincipalOrResourceConstraint::In(_) | PrincipalOrResourceConstraint::IsIn(_, _) => {
                named.iter().map(|uid| uid.entity_type()).collect()
            }
        };
        part.reads.extend(looking.read(&Expr::var(var), &wanted));
        part
    }

    fn action(&mut self, constraint: &ActionConstraint, rule: &Rule) -> Part {
        let uid = match constraint {
            ActionConstraint::Any => None,
            ActionConstraint::Eq(uid) => Some(uid),
            ActionConstraint::In(uids) => uids.first(),
        };
        let mut part = blank(PartKind::Action, uid.and_then(|uid| uid.loc()));
        part.words = constraint.to_string().into();
        let Some(looking) = &self.looking else { return part };
        part.value = if rule.applies_to(looking.action) { Seen::True } else { Seen::False };
        if *constraint != ActionConstraint::Any {
            part.reads.extend(looking.read(&Expr::var(Var::Action), &[]));
        }
        part
    }

    fn guard(&mut self, expr: &Expr, looking: bool) -> Part {
        let mut part = self.test(expr, looking);
        part.kind = PartKind::Guard;
        // It stands in no file.
        part.span = None;
        part.file_text = None;
        part.words = expr.to_string().into();
        part
    }

    fn part(&mut self, expr: &Expr, looking: bool) -> Part {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return self.test(expr, looking);
        }
        let kind = expr.expr_kind();
        if let ExprKind::And { .. } = kind {
            self.joined(expr, Joint::And, looking)
        } else if let ExprKind::Or { .. } = kind {
            self.joined(expr, Joint::Or, looking)
        } else if let ExprKind::If { test_expr, then_expr, else_expr } = kind {
            self.choice(expr, [test_expr, then_expr, else_expr], looking)
        } else if let ExprKind::UnaryApp { op: UnaryOp::Not, arg } = kind
            // Cedar reads `a != b` and `a > b` as negations too; those have the place of what they negate.
            && arg.source_loc() != expr.source_loc()
        {
            self.negated(expr, arg, looking)
        } else {
            self.test(expr, looking)
        }
    }

    fn negated(&mut self, expr: &Expr, arg: &Expr, looking: bool) -> Part {
        let inner = self.part(arg, looking);
        let mut part = blank(PartKind::Not, expr.source_loc());
        if part.text().starts_with("unless") {
            part.kind = PartKind::Unless;
        }
        part.value = match &inner.value {
            Seen::True => Seen::False,
            Seen::False => Seen::True,
            Seen::Error(_) | Seen::Unseen => inner.value.clone(),
        };
        part.parts.push(inner);
        part
    }

    fn choice(&mut self, expr: &Expr, [test, then, otherwise]: [&Expr; 3], looking: bool) -> Part {
        let mut part = blank(PartKind::If, expr.source_loc());
        let test = self.part(test, looking);
        let then = self.part(then, test.value == Seen::True);
        let otherwise = self.part(otherwise, test.value == Seen::False);
        part.value = match &test.value {
            Seen::True => then.value.clone(),
            Seen::False => otherwise.value.clone(),
            Seen::Error(_) | Seen::Unseen => test.value.clone(),
        };
        part.parts = vec![test, then, otherwise];
        part
    }

    fn joined(&mut self, expr: &Expr, by: Joint, mut looking: bool) -> Part {
        let (kind, goes_on) = match by {
            Joint::And => (PartKind::All, Seen::True),
            Joint::Or => (PartKind::Any, Seen::False),
        };
        let mut part = blank(kind, expr.source_loc());
        let mut operands = Vec::new();
        flatten(expr, by, &mut operands);
        for operand in operands {
            let one = self.part(operand, looking);
            if looking {
                part.value = one.value.clone();
                looking = one.value == goes_on;
            }
            part.parts.push(one);
        }
        part
    }

    fn test(&mut self, expr: &Expr, looking: bool) -> Part {
        let mut part = blank(PartKind::Test, expr.source_loc());
        if part.span.is_none() {
            part.words = expr.to_string().into();
        }
        if let Some(found) = self.looking.as_ref().filter(|_| looking) {
            part.value = found.value(expr);
            found.reads(expr, &mut part.reads);
        }
        part
    }
}

impl Looking<'_> {
    fn interpret(&self, expr: &Expr) -> Result<Value, String> {
        self.evaluator.interpret(expr, &SlotEnv::new()).map_err(|error| error.to_string())
    }

    fn value(&self, expr: &Expr) -> Seen {
        match self.interpret(expr).map(|value| value.value) {
            Ok(ValueKind::Lit(Literal::Bool(true))) => Seen::True,
            Ok(ValueKind::Lit(Literal::Bool(false))) => Seen::False,
            Ok(_) => Seen::Error("it is neither true nor false".into()),
            Err(error) => Seen::Error(one_line(&error).into()),
        }
    }

    /// What an expression looks at: the longest paths in it from a variable or a named entity.
    fn reads(&self, expr: &Expr, out: &mut Vec<Read>) {
        if out.len() >= limits::TRACE_READS_MAX {
            return;
        }
        let mut note = |read: Option<Read>| out.extend(read.filter(|read| !out.contains(read)));
        match expr.expr_kind() {
            ExprKind::Var(_) => note(self.read(expr, &[])),
            ExprKind::GetAttr { expr: base, .. } => {
                note(self.read(expr, &[]));
                if !is_path(base) {
                    self.reads(base, out);
                }
            }
            ExprKind::HasAttr { expr: base, attr } => {
                note(self.read(&Expr::get_attr((**base).clone(), attr.clone()), &[]));
            }
            ExprKind::ExtHasAttr { expr: base, attrs } => {
                let path = attrs.iter().fold((**base).clone(), |path, one| Expr::get_attr(path, one.clone()));
                note(self.read(&path, &[]));
            }
            ExprKind::BinaryApp { op: BinaryOp::In, arg1, arg2 } => {
                let wanted = self.interpret(arg2).map_or(Vec::new(), |value| uids(&value));
                let wanted: Vec<&EntityType> = wanted.iter().map(EntityUID::entity_type).collect();
                if is_path(arg1) {
                    note(self.read(arg1, &wanted));
                } else {
                    self.reads(arg1, out);
                }
                self.reads(arg2, out);
            }
            // Every other kind is listed, so that a new one in Cedar must be looked at here.
            ExprKind::UnaryApp { arg, .. } => self.reads(arg, out),
            ExprKind::BinaryApp { arg1, arg2, .. } => {
                [arg1, arg2].iter().for_each(|arg| self.reads(arg, out))
            }
            ExprKind::And { left, right } | ExprKind::Or { left, right } => {
                [left, right].iter().for_each(|arg| self.reads(arg, out));
            }
            ExprKind::If { test_expr, then_expr, else_expr } => {
                [test_expr, then_expr, else_expr].iter().for_each(|arg| self.reads(arg, out));
            }
            ExprKind::ExtensionFunctionApp { args, .. } | ExprKind::Set(args) => {
                args.iter().for_each(|arg| self.reads(arg, out));
            }
            ExprKind::Record(pairs) => pairs.values().for_each(|arg| self.reads(arg, out)),
            ExprKind::Like { expr, .. } | ExprKind::Is { expr, .. } => self.reads(expr, out),
            ExprKind::Lit(_) | ExprKind::Slot(_) | ExprKind::Unknown(_) => {}
        }
    }

    /// What stands at one path, with those of the wanted types that it is in.
    fn read(&self, path: &Expr, wanted: &[&EntityType]) -> Option<Read> {
        let value = self.interpret(path).ok();
        let at = value.as_ref().map_or(Vec::new(), uids);
        let entities = at.iter().filter_map(|uid| match self.entities.entity(uid) {
            Dereference::Data(entity) => Some(entity),
            Dereference::NoSuchEntity | Dereference::Residual(_) => None,
        });
        let mut within: Vec<String> = entities
            .flat_map(Entity::ancestors)
            .filter(|uid| wanted.contains(&uid.entity_type()))
            .map(|uid| one_line(&uid.to_string()))
            .collect();
        within.sort_unstable();
        within.truncate(limits::TRACE_WITHIN_MAX);
        let written = path.source_loc().and_then(Loc::snippet).map(one_line);
        let text = written.unwrap_or_else(|| one_line(&path.to_string()));
        Some(Read { text, value: value.map(|value| one_line(&value.to_string())), within })
    }
}

fn is_path(expr: &Expr) -> bool {
    if let ExprKind::GetAttr { expr, .. } = expr.expr_kind() {
        return is_path(expr);
    }
    matches!(expr.expr_kind(), ExprKind::Var(_) | ExprKind::Lit(Literal::EntityUID(_)))
}

/// The entities that a value is or holds.
fn uids(value: &Value) -> Vec<EntityUID> {
    let one = |value: &Value| {
        if let ValueKind::Lit(Literal::EntityUID(uid)) = &value.value { Some((**uid).clone()) } else { None }
    };
    if let ValueKind::Set(set) = &value.value {
        set.iter().filter_map(one).collect()
    } else {
        one(value).into_iter().collect()
    }
}
