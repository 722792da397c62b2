//! Files to [`Policies`]: every problem of every file in one pass, or policies that can be evaluated.
//!
//! Never: lets anything through that has a problem of the severity error.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use cedar_policy::Schema;
use cedar_policy::ValidationWarning;
use cedar_policy_core::ast::Effect as CedarEffect;
use cedar_policy_core::ast::PolicySet;
use cedar_policy_core::ast::Template;

use crate::ids::Digest;
use crate::model::Model;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;

use super::Compiled;
use super::Effect;
use super::Policies;
use super::Source;
use super::engine::Rule;
use super::engine::context::Functions;
use super::engine::entities::Types;
use super::guard;
use super::guard::Crossing;
use super::guard::Guard;
use super::links;
use super::links::Link;
use super::names::Names;
use super::parse;
use super::parse::Named;
use super::problems;
use super::schema;
use super::world::World;

/// Tells the policies of one compilation from those of any other in this process.
static GENERATIONS: AtomicU64 = AtomicU64::new(0);

pub(super) fn compile(
    schema: &Source,
    sources: &[Source],
    model: &Model,
) -> Result<(Policies, Vec<Problem>), Vec<Problem>> {
    let mut problems = Vec::new();
    let (types, functions) = vocabulary().map_err(|problem| vec![problem])?;
    let read_schema = schema::read(schema, &types, &functions, &mut problems);
    let named = parse::all(sources, &mut problems);
    let links = links::all(sources, &named, &mut problems);
    check_names(sources, &named, &links, model, &mut problems);
    let mut crossings = crossings(sources, &named, &links, &mut problems);
    if let Some(read_schema) = &read_schema {
        validate(read_schema, sources, &named, &links, &mut problems);
    }
    problems.sort_by(|a, b| (&a.place, a.code, &a.message).cmp(&(&b.place, b.code, &b.message)));
    problems.dedup();
    let Some(read_schema) = read_schema.filter(|_| problems.iter().all(|one| one.severity < Severity::Error))
    else {
        return Err(problems);
    };
    let misfit = |message| Problem::error("schema-misfit", Place::file(schema.file.clone()), message);
    let mut build = |in_shadow: bool, (types, functions)| {
        let taken = |named: &Named| in_shadow || !named.shadow;
        let compiled = finish(sources, &named, &links, &functions, taken);
        let world = World::new(types, functions, &read_schema, &compiled, model).map_err(misfit)?;
        Ok::<_, Problem>(Policies {
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            digest: digest(schema, sources),
            compiled,
            crossings: std::mem::take(if in_shadow { &mut crossings.all } else { &mut crossings.enforced })
                .into_iter()
                .collect(),
            world,
            schema: read_schema.clone(),
            with_shadow: None,
        })
    };
    let built = build(false, (types, functions)).and_then(|mut policies| {
        // Cedar's evaluator is told nothing of modes: those in shadow mode are simply not among what is enforced.
        if named.iter().any(|one| one.shadow) {
            policies.with_shadow = Some(std::sync::Arc::new(build(true, vocabulary()?)?));
        }
        Ok(policies)
    });
    match built {
        Ok(policies) => Ok((policies, problems)),
        Err(problem) => {
            problems.push(problem);
            Err(problems)
        }
    }
}

/// The words that every schema has, and the functions of Cedar's that are called.
fn vocabulary() -> Result<(Types, Functions), Problem> {
    match (Types::new(), Functions::new()) {
        (Ok(types), Ok(functions)) => Ok((types, functions)),
        (Err(error), _) | (_, Err(error)) => Err(Problem::error("schema", Place::file(""), error)),
    }
}

fn check_names(
    sources: &[Source],
    named: &[Named],
    links: &[Link],
    model: &Model,
    problems: &mut Vec<Problem>,
) {
    let mut names = Names::new(model);
    for (source, one) in named.iter().filter_map(|one| Some((sources.get(one.source)?, one))) {
        names.check(source, &one.template, problems);
    }
    for (uid, place) in links.iter().flat_map(|link| link.slots.values()) {
        problems.extend(names.check_one(uid).map(|wrong| Problem { place: place.clone(), ..wrong }));
    }
    for source in sources {
        let missing =
            source.confined_to.as_ref().filter(|tenant| model.tenants.find(tenant.as_str()).is_none());
        problems.extend(missing.map(|tenant| {
            let message = format!("the folder belongs to `{tenant}`, and there is no such tenant");
            Problem::error("unknown-tenant", Place::file(source.file.clone()), message)
        }));
    }
}

/// Where pathways lead: those that are enforced, and all.
#[derive(Default)]
struct Crossings {
    enforced: BTreeSet<Crossing>,
    all: BTreeSet<Crossing>,
}

/// What every pathway leads to, with a problem for each whose scope does not say.
fn crossings(sources: &[Source], named: &[Named], links: &[Link], problems: &mut Vec<Problem>) -> Crossings {
    let mut found = Crossings::default();
    let mut note =
        |template: &Template, shadow: bool, place: Place| match guard::crossing(template) {
            Ok(crossing) => {
                found.enforced.extend(crossing.iter().filter(|_| !shadow).cloned());
                found.all.extend(crossing);
            }
            Err(lacks) => problems.extend(lacks.into_iter().map(|lacks| {
                Problem::error("pathway-open", place.clone(), lacks.message()).hint(lacks.hint())
            })),
        };
    for (source, one) in named.iter().filter_map(|one| Some((sources.get(one.source)?, one))) {
        if one.pathway.is_some() {
            note(&one.template, one.shadow, parse::place_of_id(source, &one.template));
        }
    }
    for (link, one) in links.iter().filter_map(|link| Some((link, named.get(link.template)?))) {
        if one.pathway.is_some() {
            note(&link.fill(&one.template), one.shadow, link.place.clone());
        }
    }
    found
}

/// Cedar's strict validation of the policies as written, so that every place is the author's.
fn validate(
    schema: &Schema,
    sources: &[Source],
    named: &[Named],
    links: &[Link],
    problems: &mut Vec<Problem>,
) {
    let mut set = PolicySet::new();
    let mut from: HashMap<&str, (&Source, Option<&Template>, Place, bool)> = HashMap::new();
    for (source, one) in named.iter().filter_map(|one| Some((sources.get(one.source)?, one))) {
        let template = one.template.clone();
        let added = if template.is_static() {
            match Template::try_as_policy(std::sync::Arc::new(template)) {
                Ok(policy) => set.add(policy).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        } else {
            set.add_template(template).map_err(|error| error.to_string())
        };
        let place = parse::place_of_id(source, &one.template);
        problems.extend(added.err().map(|why| Problem::error("policy-id-twice", place.clone(), why)));
        from.insert(one.id(), (source, Some(&one.template), place, one.is_forbid()));
    }
    for (link, one) in links.iter().filter_map(|link| Some((link, named.get(link.template)?))) {
        let Some(source) = sources.get(link.source) else { continue };
        let made = set.link(one.template.id().clone(), link.id.clone(), link.values()).map(drop);
        let place = link.place.clone();
        problems
            .extend(made.err().map(|why| Problem::error("link-unfilled", place.clone(), why.to_string())));
        from.insert(link.id.as_ref(), (source, None, place, one.is_forbid()));
    }
    let validator = cedar_policy::Validator::new(schema.clone());
    let result =
        validator.validate(&cedar_policy::PolicySet::from(set), cedar_policy::ValidationMode::Strict);
    let mut tell =
        |id: &cedar_policy::PolicyId, severity: fn(bool) -> Severity, said: &dyn miette::Diagnostic| {
            let id: &str = id.as_ref();
            let Some((source, template, place, is_forbid)) = from.get(id) else { return };
            let problem = match template {
                Some(template) => {
                    problems::from_cedar("policy-type", severity(*is_forbid), source, template.loc(), said)
                }
                // What Cedar points at is in the template's file; the link is what is wrong.
                None => {
                    let about = problems::from_cedar("policy-type", severity(*is_forbid), source, None, said);
                    Problem { place: place.clone(), ..about }
                }
            };
            problems.push(problem);
        };
    for error in result.validation_errors() {
        tell(error.policy_id(), |_| Severity::Error, error);
    }
    for warning in result.validation_warnings() {
        tell(warning.policy_id(), severity_of(warning), warning);
    }
}

/// A `forbid` that can never apply forbids nothing, which its author did not mean: that is an error.
fn severity_of(warning: &ValidationWarning) -> fn(bool) -> Severity {
    let useless = matches!(
        warning,
        ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_)
    );
    if useless {
        |is_forbid| if is_forbid { Severity::Error } else { Severity::Warning }
    } else {
        |_| Severity::Warning
    }
}

/// Static policies and links that are taken, each with its guard, in the order of their ids.
fn finish(
    sources: &[Source],
    named: &[Named],
    links: &[Link],
    functions: &Functions,
    taken: impl Fn(&Named) -> bool,
) -> Vec<Compiled> {
    let compiled = |place: &Place, template, named: &Named, written: &Source, guards| {
        let rule = Rule::of(&template, functions);
        compiled(place, rule, template, named, written, guards)
    };
    let linked = links.iter().filter_map(|link| {
        let one = named.get(link.template).filter(|one| taken(one))?;
        let written = sources.get(one.source)?;
        let is_pathway = one.pathway.is_some();
        let of_template = Guard::of(one.template.effect(), is_pathway, written.confined_to.as_ref());
        // A template from one tenant's folder, linked in another's, is confined to both.
        let of_link = Guard::of(CedarEffect::Forbid, true, sources.get(link.source)?.confined_to.as_ref());
        let filled = of_link.put_before(&of_template.put_before(&link.fill(&one.template)));
        let guards = of_link.parts() + of_template.parts();
        Some(compiled(&link.place, filled, one, written, guards))
    });
    let mut all: Vec<Compiled> = linked.collect();
    for one in named.iter().filter(|one| one.template.is_static() && taken(one)) {
        let Some(source) = sources.get(one.source) else { continue };
        let guard = Guard::of(one.template.effect(), one.pathway.is_some(), source.confined_to.as_ref());
        let place = parse::place_of_id(source, &one.template);
        all.push(compiled(&place, guard.put_before(&one.template), one, source, guard.parts()));
    }
    all.sort_by(|a, b| a.id().cmp(b.id()));
    all
}

fn compiled(
    place: &Place,
    rule: Rule,
    template: Template,
    named: &Named,
    written: &Source,
    guards: usize,
) -> Compiled {
    Compiled {
        effect: match template.effect() {
            CedarEffect::Permit => Effect::Permit,
            CedarEffect::Forbid => Effect::Forbid,
        },
        pathway: named.pathway.clone(),
        mask: named.mask.clone(),
        shadow: named.shadow,
        place: place.clone(),
        rule,
        template,
        text_in: std::sync::Arc::clone(&written.file),
        guards,
    }
}

/// Over schema and files by name, so that the order of files does not matter.
fn digest(schema: &Source, sources: &[Source]) -> Digest {
    let mut sorted: Vec<&Source> = sources.iter().collect();
    sorted.sort_by(|a, b| (&a.file, &a.text).cmp(&(&b.file, &b.text)));
    let parts = std::iter::once(schema).chain(sorted).flat_map(|source| {
        let confined = source.confined_to.as_ref().map_or("", |tenant| tenant.as_str());
        [source.file.as_bytes(), confined.as_bytes(), source.text.as_bytes()]
    });
    Digest::of_parts(parts)
}
