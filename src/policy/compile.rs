//! Files to [`Policies`]: every problem of every file in one pass, or policies that can be evaluated.
//!
//! What can be said of a file by itself is said in `sheet` and `linked`, by as many hands as there are, and taken over
//! from the policies before where the file is as it was. Here is what needs all files at once.
//! INVARIANT: what comes out is the same whatever was taken over (`tests::reloading`).
//! Never: lets anything through that has a problem of the severity error.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::ids::Digest;
use crate::limits;
use crate::model::Model;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;

use super::Compiled;
use super::Policies;
use super::Source;
use super::engine::context::Functions;
use super::engine::entities::Types;
use super::guard;
use super::guard::Crossing;
use super::guard::Guard;
use super::hands;
use super::hands::Hands;
use super::linked::Linked;
use super::linked::Templates;
use super::links;
use super::links::Blank;
use super::names::Names;
use super::parse;
use super::parse::Named;
use super::schema::Checker;
use super::sheet::Sheet;
use super::world::World;

/// Tells the policies of one compilation from those of any other in this process.
static GENERATIONS: AtomicU64 = AtomicU64::new(0);

pub(super) fn compile(
    schema: &Source,
    sources: &[Source],
    model: &Model,
    before: Option<&Policies>,
    hands: &dyn Hands,
) -> Result<(Policies, Vec<Problem>), Vec<Problem>> {
    let mut problems = Vec::new();
    let (types, functions) = vocabulary().map_err(|problem| vec![problem])?;
    // What was said under another schema holds no more.
    let before = before.filter(|before| before.checker.source == *schema);
    let checker = match before {
        Some(before) => Ok(Arc::clone(&before.checker)),
        None => Checker::read(schema, &types, &functions).map(Arc::new),
    };
    let checker = checker.map_err(|found| problems.extend(found)).ok();
    let files = Files::read(sources, checker.as_deref(), &functions, before, hands);
    files.check(sources, model, &mut problems);
    problems.extend(checker.iter().flat_map(|checker| checker.warnings.iter().cloned()));
    problems.sort_by(|a, b| (&a.place, a.code, &a.message).cmp(&(&b.place, b.code, &b.message)));
    problems.dedup();
    let Some(checker) = checker.filter(|_| problems.iter().all(|one| one.severity < Severity::Error)) else {
        return Err(problems);
    };
    let misfit = |message| Problem::error("schema-misfit", Place::file(schema.file.clone()), message);
    let files = Arc::new(files);
    let build = |in_shadow: bool, (types, functions)| {
        let compiled = files.compiled(in_shadow);
        let world = World::new(types, functions, &checker.schema, &compiled, model).map_err(misfit)?;
        Ok::<_, Problem>(Policies {
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            digest: digest(schema, sources),
            crossings: crossings(&compiled),
            compiled,
            world,
            with_shadow: None,
            checker: Arc::clone(&checker),
            files: Arc::clone(&files),
            counters: super::hits::Counters::new(),
        })
    };
    let built = build(false, (types, functions)).and_then(|mut policies| {
        // Cedar's evaluator is told nothing of modes: those in shadow mode are simply not among what is enforced.
        if files.policies().any(|one| one.shadow) {
            policies.with_shadow = Some(Arc::new(build(true, vocabulary()?)?));
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

/// What the pathways among some policies lead to.
fn crossings(compiled: &[Arc<Compiled>]) -> Vec<Crossing> {
    let pathways = compiled.iter().filter(|one| one.pathway.is_some());
    let found: BTreeSet<Crossing> =
        pathways.filter_map(|one| guard::crossing(&one.template).ok().flatten()).collect();
    found.into_iter().collect()
}

/// Everything that was read, each file by itself, in the order of the sources.
#[derive(Debug)]
pub(super) struct Files {
    sheets: Vec<Arc<Sheet>>,
    links: Vec<Arc<Linked>>,
}

impl Files {
    fn read(
        sources: &[Source],
        checker: Option<&Checker>,
        functions: &Functions,
        before: Option<&Policies>,
        hands: &dyn Hands,
    ) -> Self {
        let before = before.map(|before| &before.files);
        let known = before.into_iter().flat_map(|before| &before.sheets);
        let known: HashMap<&str, &Arc<Sheet>> = known.map(|sheet| (&*sheet.source.file, sheet)).collect();
        let of_policies: Vec<&Source> = sources.iter().filter(|source| !links::is_links(source)).collect();
        let sheets = hands::renew(
            hands,
            &of_policies,
            |source| {
                known.get(&*source.file).filter(|sheet| sheet.source == **source).map(|one| Arc::clone(one))
            },
            |source| Arc::new(Sheet::read(source, checker, functions)),
        );
        let of_links: Vec<&Source> = sources.iter().filter(|source| links::is_links(source)).collect();
        let links = if of_links.is_empty() {
            Vec::new()
        } else {
            let (all, by_id) = templates(&sheets);
            let templates = Templates { all: &all, by_id: &by_id };
            let known = before.into_iter().flat_map(|before| &before.links);
            let known: HashMap<&str, &Arc<Linked>> =
                known.map(|linked| (&*linked.source.file, linked)).collect();
            let same =
                |linked: &Linked, source: &Source| linked.source == *source && linked.still_holds(templates);
            hands::renew(
                hands,
                &of_links,
                |source| known.get(&*source.file).filter(|one| same(one, source)).map(|one| Arc::clone(one)),
                |source| Arc::new(Linked::read(source, templates, checker, functions)),
            )
        };
        Self { sheets, links }
    }

    /// What needs all files, or the model.
    fn check(&self, sources: &[Source], model: &Model, problems: &mut Vec<Problem>) {
        let linked = || self.links.iter().flat_map(|linked| &linked.links);
        let of_links = linked().map(|one| (one.link.id.as_ref(), &one.link.place));
        problems.extend(parse::twice(self.sheets.iter().flat_map(|sheet| sheet.ids()).chain(of_links)));
        problems.extend(self.sheets.iter().flat_map(|sheet| sheet.problems.iter().cloned()));
        problems.extend(self.links.iter().flat_map(|linked| linked.problems.iter().cloned()));
        if self.sheets.iter().map(|sheet| sheet.ids().count()).sum::<usize>() > limits::POLICIES_MAX {
            let place = Place::file("");
            problems.push(Problem::error("too-many-policies", place, "there are too many policies"));
        }
        let mut names = Names::new(model);
        for sheet in self.sheets.iter().filter(|sheet| !sheet.names.iter().all(|uid| Names::has(model, uid)))
        {
            for one in &sheet.policies {
                let as_written = (&one.template, Guard::behind(&one.template, one.guards));
                names.check(&sheet.source, as_written, problems);
            }
            for one in &sheet.templates {
                names.check(&sheet.source, (&one.template, one.template.non_scope_constraints()), problems);
            }
        }
        for (uid, place) in linked().flat_map(|one| one.link.slots.values()) {
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

    /// Policies and links, each with its guard.
    fn policies(&self) -> impl Iterator<Item = &Arc<Compiled>> {
        let policies = self.sheets.iter().flat_map(|sheet| &sheet.policies);
        policies.chain(self.links.iter().flat_map(|linked| &linked.links).map(|one| &one.policy))
    }

    /// The same in the order of their ids; those in shadow mode only where they are wanted.
    fn compiled(&self, in_shadow: bool) -> Vec<Arc<Compiled>> {
        let mut all: Vec<Arc<Compiled>> =
            self.policies().filter(|one| in_shadow || !one.shadow).map(Arc::clone).collect();
        all.sort_by(|a, b| a.id().cmp(b.id()));
        all
    }
}

type AllTemplates<'a> = Vec<(&'a Source, &'a Arc<Named>)>;

/// All templates, and what stands under each id.
fn templates(sheets: &[Arc<Sheet>]) -> (AllTemplates<'_>, HashMap<&str, Blank<'_>>) {
    let of = |sheet: &'_ Arc<Sheet>| sheet.templates.len();
    let mut all = Vec::with_capacity(sheets.iter().map(of).sum());
    let mut by_id = HashMap::new();
    for sheet in sheets {
        for one in &sheet.policies {
            by_id.entry(one.id()).or_insert(Blank { at: None, template: None });
        }
        for one in &sheet.templates {
            let blank = Blank { at: Some(all.len()), template: Some(&one.template) };
            by_id.entry(one.id()).or_insert(blank);
            all.push((&sheet.source, one));
        }
    }
    (all, by_id)
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
