//! Policy texts to named templates: bounds first, then Cedar's parser, then the `@id` of each.
//!
//! Never: stops at the first problem, or parses a text that [`scan`] has not measured.

use std::sync::Arc;

use cedar_policy_core::ast::Effect;
use cedar_policy_core::ast::PolicyID;
use cedar_policy_core::ast::Template;
use cedar_policy_core::parser;

use crate::limits;
use crate::problem::Lines;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;
use crate::problem::nearest;
use crate::redact::Mask;

use super::Source;
use super::links;
use super::problems;
use super::scan;

/// The annotations that mean something to Palisade.
const ANNOTATIONS: [&str; 5] = ["id", "pathway", "mask", "mode", "lint_allow"];

/// One policy or template as written, with the name that its `@id` gives it.
#[derive(Debug)]
pub(super) struct Named {
    /// Which source it stands in.
    pub(super) source: usize,
    pub(super) template: Template,
    /// Where its `@id` stands.
    pub(super) place: Place,
    pub(super) pathway: Option<Arc<str>>,
    pub(super) mask: Option<Mask>,
    /// `@mode("shadow")`: it is looked at beside the others, and decides nothing.
    pub(super) shadow: bool,
}

impl Named {
    pub(super) fn id(&self) -> &str {
        self.template.id().as_ref()
    }

    pub(super) fn is_forbid(&self) -> bool {
        self.template.effect() == Effect::Forbid
    }
}

/// Refuses a text that is too big or nests too deep to be given to Cedar.
pub(super) fn measure(source: &Source, kind: scan::Kind) -> Option<Problem> {
    if u64::try_from(source.text.len()).is_ok_and(|bytes| bytes > limits::SOURCE_FILE_BYTES_MAX) {
        let most = limits::SOURCE_FILE_BYTES_MAX;
        let place = Place::file(source.file.clone());
        return Some(Problem::error("policy-too-big", place, format!("a file has at most {most} bytes")));
    }
    let deep = scan::check(&source.text, kind).err()?;
    let place = problems::place(source, deep.at, 1);
    Some(if deep.chain {
        let most = limits::POLICY_CHAIN_MAX;
        Problem::error("policy-too-long", place, format!("more than {most} operators hang together here"))
            .hint("say it with a set, or in several policies")
    } else {
        let most = limits::POLICY_NESTING_MAX;
        Problem::error("policy-too-deep", place, format!("nesting is deeper than {most}"))
            .hint("say it in several policies")
    })
}

/// Every policy and template of every source that can be read, in the order of their ids.
pub(super) fn all(sources: &[Source], problems: &mut Vec<Problem>) -> Vec<Named> {
    let mut named: Vec<Named> = Vec::new();
    for (ix, source) in sources.iter().enumerate().filter(|(_, source)| !links::is_links(source)) {
        named.extend(one(ix, source, problems));
    }
    // Of those with one id the first is kept, and the order of the sources is kept where ids are equal.
    named.sort_by(|a, b| a.id().cmp(b.id()));
    named.dedup_by(|later, first| later.id() == first.id());
    named
}

/// Every policy and template of one source, in the order in which they stand there.
pub(super) fn one(ix: usize, source: &Source, problems: &mut Vec<Problem>) -> Vec<Named> {
    if let Some(problem) = measure(source, scan::Kind::Policy) {
        problems.push(problem);
        return Vec::new();
    }
    match parser::parse_policyset(&source.text) {
        Ok(set) => {
            let mut found: Vec<&Template> = set.all_templates().collect();
            found.sort_by_key(|template| template.loc().map(parser::Loc::start));
            let lines = Lines::of(&source.text);
            found.into_iter().filter_map(|one| name((ix, source, &lines), one, problems)).collect()
        }
        Err(errors) => {
            let told = |e| problems::from_cedar("policy-syntax", Severity::Error, source, None, &e);
            problems.extend(errors.into_iter().map(told));
            Vec::new()
        }
    }
}

/// Gives one template the name that its `@id` says, and reads its other annotations.
fn name(
    (ix, source, lines): (usize, &Source, &Lines<'_>),
    template: &Template,
    problems: &mut Vec<Problem>,
) -> Option<Named> {
    let mut pathway = None;
    let mut mask = None;
    let mut shadow = false;
    let mut id = None;
    for (key, value) in template.annotations() {
        let key: &str = key.as_ref();
        let place = || problems::place_of(source, value.loc.as_ref());
        match key {
            "id" => id = Some(value),
            "pathway" if template.effect() == Effect::Forbid => problems.push(
                Problem::error("pathway-forbids", place(), "only a `permit` can be a pathway")
                    .hint("leave `@pathway` out: a `forbid` holds everywhere"),
            ),
            "pathway" if value.val.trim().is_empty() => problems.push(
                Problem::error("pathway-unnamed", place(), "`@pathway` needs a name")
                    .hint("say who shares what with whom: `@pathway(\"acme claims to globex\")`"),
            ),
            "pathway" => pathway = Some(Arc::from(value.val.as_str())),
            // Whoever writes this expects a mask, and the value would be shown as it is.
            "mask" if template.effect() == Effect::Permit => problems.push(
                Problem::error("mask-permits", place(), "only a `forbid` can have a mask")
                    .hint("a `permit` of `reveal` shows the value; leave `@mask` out, or forbid `reveal`"),
            ),
            "mask" => match Mask::parse(&value.val) {
                Ok(parsed) => mask = Some(parsed),
                Err(why) => problems.push(Problem::error("bad-mask", place(), why)),
            },
            "mode" => match value.val.as_str() {
                "shadow" => shadow = true,
                "enforce" => {}
                other => problems.push(
                    Problem::error("bad-mode", place(), format!("`{other}` is no mode of a policy"))
                        .hint("write `@mode(\"shadow\")`, or leave it out: then the policy is enforced"),
                ),
            },
            // Its words are for `lint` alone.
            "lint_allow" => {}
            other => problems.extend(nearest(other, ANNOTATIONS).map(|meant| {
                Problem::warning("unknown-annotation", place(), format!("`@{other}` means nothing here"))
                    .hint(format!("did you mean `@{meant}`?"))
            })),
        }
    }
    let Some(id) = id.filter(|id| !id.val.is_empty()) else {
        let place = problems::place_of(source, template.loc());
        problems.push(
            Problem::error("policy-without-id", place, "this policy has no `@id`")
                .hint("write `@id(\"a-name\")` before it: records name policies by it"),
        );
        return None;
    };
    if id.val.len() > limits::CLAIM_BYTES_MAX || id.val.chars().any(char::is_control) {
        let place = problems::place_of(source, id.loc.as_ref());
        let most = limits::CLAIM_BYTES_MAX;
        problems.push(Problem::error(
            "bad-policy-id",
            place,
            format!("an `@id` has at most {most} bytes and no control characters"),
        ));
        return None;
    }
    let place = id.loc.as_ref().or(template.loc()).map_or_else(
        || Place::file(source.file.clone()),
        |loc| lines.span(source.file.clone(), loc.start(), loc.end().saturating_sub(loc.start())),
    );
    let template = template.new_id(PolicyID::from_smolstr(id.val.clone()));
    Some(Named { source: ix, template, place, pathway, mask, shadow })
}

/// Of some ids with their places, in the order of their files: a problem for each that another had before.
pub(super) fn twice<'n>(ids: impl Iterator<Item = (&'n str, &'n Place)>) -> Vec<Problem> {
    let mut all: Vec<(&str, &Place)> = ids.collect();
    // Stable, so that of one id the first is the one that stands first.
    all.sort_by_key(|(id, _)| *id);
    let mut first: Option<(&str, &Place)> = None;
    let mut found = Vec::new();
    for (id, place) in all {
        match first.filter(|(before, _)| *before == id) {
            None => first = Some((id, place)),
            Some((_, before)) => {
                let where_first = format!("the first one is in `{}`, line {}", before.file, before.line);
                let message = format!("another policy has the id `{id}`");
                found.push(Problem::error("policy-id-twice", place.clone(), message).hint(where_first));
            }
        }
    }
    found
}
