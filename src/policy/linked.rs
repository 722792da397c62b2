//! One file of links, each made into a policy: a template with its blanks filled in, guarded and checked.
//!
//! What it says depends on the templates that it fills in, so it is taken over only where each of them is the very same.
//! INVARIANT: as for a sheet (`tests::reloading`).
//! Never: holds a link without its policy.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy_core::ast::PolicySet;

use crate::problem::Problem;

use super::Compiled;
use super::Source;
use super::engine::context::Functions;
use super::guard::Guard;
use super::links;
use super::links::Blank;
use super::links::Link;
use super::parse::Named;
use super::problems;
use super::schema::Checker;
use super::sheet;

/// One file of links.
#[derive(Debug)]
pub(super) struct Linked {
    pub(super) source: Source,
    pub(super) links: Vec<Filled>,
    pub(super) problems: Vec<Problem>,
}

/// One link.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) link: Link,
    template: Arc<Named>,
    pub(super) policy: Arc<Compiled>,
}

/// The templates of a snapshot, and the sources that they stand in.
#[derive(Clone, Copy)]
pub(super) struct Templates<'a> {
    pub(super) all: &'a [(&'a Source, &'a Arc<Named>)],
    /// By their ids; policies that are no templates too.
    pub(super) by_id: &'a HashMap<&'a str, Blank<'a>>,
}

impl Linked {
    /// Reads, fills in and checks the links of a file.
    pub(super) fn read(
        source: &Source,
        templates: Templates<'_>,
        checker: Option<&Checker>,
        functions: &Functions,
    ) -> Self {
        let mut problems = Vec::new();
        let mut filled = Vec::new();
        let ready = (functions, checker.map_or(&[][..], |checker| &checker.actions));
        for link in links::one(0, source, templates.by_id, &mut problems) {
            let Some((written, template)) = templates.all.get(link.template) else { continue };
            let is_pathway = template.pathway.is_some();
            let as_written = link.fill(&template.template);
            if is_pathway {
                problems.extend(sheet::open(&as_written, &link.place));
            }
            let confined_to = written.confined_to.as_ref();
            let of_template = Guard::of(&template.template, is_pathway, confined_to, ready.1);
            // A template from one tenant's folder, linked in another's, is confined to both.
            let of_link = Guard::of_link(source.confined_to.as_ref());
            let effective = of_link.put_before(&of_template.put_before(&as_written));
            let guards = of_link.parts() + of_template.parts();
            let policy =
                sheet::compiled(effective, link.place.clone(), template, &written.file, guards, ready);
            filled.push(Filled { link, template: Arc::clone(template), policy: Arc::new(policy) });
        }
        if let Some(checker) = checker {
            let mut own = filled.iter().filter(|one| !templates.by_id.contains_key(one.link.id.as_ref()));
            validate(checker, source, &mut own, &mut problems);
        }
        Self { source: source.clone(), links: filled, problems }
    }

    /// Is each template that it fills in still the very same?
    pub(super) fn still_holds(&self, templates: Templates<'_>) -> bool {
        self.links.iter().all(|one| {
            let now = templates.by_id.get(one.template.id());
            let now = now.and_then(|blank| templates.all.get(blank.at?));
            now.is_some_and(|(_, template)| Arc::ptr_eq(template, &one.template))
        })
    }
}

/// Cedar's strict validation of the links alone: their templates have been checked where they stand.
fn validate(
    checker: &Checker,
    source: &Source,
    filled: &mut dyn Iterator<Item = &Filled>,
    problems: &mut Vec<Problem>,
) {
    let mut set = PolicySet::new();
    let mut from: HashMap<&str, &Filled> = HashMap::new();
    for one in filled {
        let (link, template) = (&one.link, &one.template.template);
        // Of two with one id the first is looked at; the other is a problem of its own.
        if from.insert(link.id.as_ref(), one).is_some() {
            continue;
        }
        if set.get_template(template.id()).is_none() {
            let template = Guard::of_calls(template, &checker.actions).put_before(template);
            let added = set.add_template(template);
            let told = |why: String| Problem::error("policy-id-twice", link.place.clone(), why);
            problems.extend(added.err().map(|why| told(why.to_string())));
        }
        let made = set.link(template.id().clone(), link.id.clone(), link.values()).map(drop);
        let told = |why: String| Problem::error("link-unfilled", link.place.clone(), why);
        problems.extend(made.err().map(|why| told(why.to_string())));
    }
    let result = sheet::check(checker, set);
    for (id, warning, said) in sheet::told(&result) {
        let Some(one) = from.get(AsRef::<str>::as_ref(id)) else { continue };
        let severity = sheet::severity(warning, one.template.is_forbid());
        // What Cedar points at is in the template's file; the link is what is wrong.
        let about = problems::from_cedar("policy-type", severity, source, None, said);
        problems.push(Problem { place: one.link.place.clone(), ..about });
    }
}
