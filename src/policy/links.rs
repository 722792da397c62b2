//! Links of templates: `*.links.yaml`, for Cedar's own text has no words for them.
//!
//! ```yaml
//! links:
//!   - {id: acme-west-owner, template: tpl-owner, principal: 'User::"anna"', resource: 'DataKey::"acme/west"'}
//! ```
//!
//! A link becomes an ordinary policy with its scope filled in, and its own id.
//! Never: reaches into the condition of a template.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use cedar_policy_core::ast::Annotation;
use cedar_policy_core::ast::Annotations;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::PolicyID;
use cedar_policy_core::ast::SlotId;
use cedar_policy_core::ast::Template;
use serde_saphyr::MessageFormatter as _;
use serde_saphyr::Spanned;
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::nearest;

use super::Source;
use super::parse::Named;

/// A file is a map of a list of maps.
const NESTING_MAX: usize = 8;

/// Does a source hold links rather than policies?
pub(super) fn is_links(source: &Source) -> bool {
    source.file.ends_with(".links.yaml") || source.file.ends_with(".links.yml")
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    links: Vec<Entry>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Spanned<String>,
    template: Spanned<String>,
    principal: Option<Spanned<String>>,
    resource: Option<Spanned<String>>,
}

/// One link whose template exists and whose slots are filled.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) source: usize,
    pub(super) place: Place,
    /// Which of the named templates it fills in.
    pub(super) template: usize,
    pub(super) id: PolicyID,
    pub(super) slots: HashMap<SlotId, (EntityUID, Place)>,
}

impl Link {
    pub(super) fn values(&self) -> HashMap<SlotId, EntityUID> {
        self.slots.iter().map(|(slot, (uid, _))| (*slot, uid.clone())).collect()
    }

    /// The template with its scope filled in, under the link's id.
    pub(super) fn fill(&self, template: &Template) -> Template {
        let uid = |slot: SlotId| self.slots.get(&slot).map(|(uid, _)| Arc::new(uid.clone()));
        let mut principal = template.principal_constraint().clone();
        if let Some(uid) = uid(SlotId::principal()) {
            principal = principal.with_filled_slot(uid);
        }
        let mut resource = template.resource_constraint().clone();
        if let Some(uid) = uid(SlotId::resource()) {
            resource = resource.with_filled_slot(uid);
        }
        let annotations: Annotations = template
            .annotations()
            .map(|(key, value)| {
                let is_id = AsRef::<str>::as_ref(key) == "id";
                let id = || Annotation::with_optional_value(Some(self.id.clone().into_smolstr()), None);
                (key.clone(), if is_id { id() } else { value.clone() })
            })
            .collect();
        Template::new_shared(
            self.id.clone(),
            template.loc().cloned(),
            Arc::new(annotations),
            template.effect(),
            principal,
            template.action_constraint().clone(),
            resource,
            template.non_scope_constraints_arc().map(Arc::clone),
        )
    }
}

/// What a link may find under an id.
#[derive(Clone, Copy)]
pub(super) struct Blank<'a> {
    /// Which template it is; none where it is a policy.
    pub(super) at: Option<usize>,
    pub(super) template: Option<&'a Template>,
}

/// Every link that can be made.
pub(super) fn all(sources: &[Source], named: &[Named], problems: &mut Vec<Problem>) -> Vec<Link> {
    let blanks = named.iter().enumerate().map(|(at, one)| {
        let template = Some(&one.template).filter(|template| !template.is_static());
        (one.id(), Blank { at: template.map(|_| at), template })
    });
    let blanks: HashMap<&str, Blank<'_>> = blanks.collect();
    let mut links: Vec<Link> = Vec::new();
    let mut taken: HashSet<PolicyID> = HashSet::new();
    for (at, source) in sources.iter().enumerate().filter(|(_, source)| is_links(source)) {
        let first = |one: &Link| !blanks.contains_key(one.id.as_ref()) && taken.insert(one.id.clone());
        links.extend(one(at, source, &blanks, problems).into_iter().filter(first));
    }
    links
}

/// Every link of one source that can be made. Whether another has its id is for who sees all of them.
pub(super) fn one(
    at: usize,
    source: &Source,
    blanks: &HashMap<&str, Blank<'_>>,
    problems: &mut Vec<Problem>,
) -> Vec<Link> {
    let entries = read(source, problems);
    entries.iter().filter_map(|entry| link(at, source, entry, blanks, problems)).collect()
}

fn read(source: &Source, problems: &mut Vec<Problem>) -> Vec<Entry> {
    if u64::try_from(source.text.len()).is_ok_and(|bytes| bytes > limits::SOURCE_FILE_BYTES_MAX) {
        let message = format!("a file has at most {} bytes", limits::SOURCE_FILE_BYTES_MAX);
        problems.push(Problem::error("policy-too-big", Place::file(source.file.clone()), message));
        return Vec::new();
    }
    match serde_saphyr::from_str_with_options::<File>(&source.text, options()) {
        Ok(file) => file.links,
        Err(error) => {
            let error = error.without_snippet();
            let place = error.location().map_or_else(
                || Place::file(source.file.clone()),
                |at| Place {
                    file: source.file.clone(),
                    line: u32::try_from(at.line()).unwrap_or(0),
                    column: u32::try_from(at.column()).unwrap_or(0),
                    length: 1,
                },
            );
            let message = serde_saphyr::UserMessageFormatter.format_message(error).into_owned();
            let message = message.lines().next().unwrap_or("the links cannot be read").to_owned();
            problems.push(
                Problem::error("links-syntax", place, message).hint(
                    "a link has `id`, `template`, and `principal` or `resource` as Cedar writes entities",
                ),
            );
            Vec::new()
        }
    }
}

/// The reader of YAML recurses, so what may nest is bounded by what links need.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: NESTING_MAX,
            flow_nesting_limit: NESTING_MAX,
            max_nodes: limits::DOCUMENT_NODES_MAX,
            max_events: limits::DOCUMENT_NODES_MAX * 2,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: limits::DOCUMENT_ALIASED_NODES_MAX },
        duplicate_keys: DuplicateKeyPolicy::Error,
    }
}

fn link(
    at: usize,
    source: &Source,
    entry: &Entry,
    blanks: &HashMap<&str, Blank<'_>>,
    problems: &mut Vec<Problem>,
) -> Option<Link> {
    let before = problems.len();
    let id_place = place(source, &entry.id);
    let id = PolicyID::from_string(&entry.id.value);
    if entry.id.value.is_empty() {
        problems.push(Problem::error("policy-without-id", id_place.clone(), "a link needs an `id`"));
    }
    let found = blanks.get(&*entry.template.value);
    let Some((ix, template)) = found.and_then(|blank| Some((blank.at?, blank.template?))) else {
        let known = blanks.iter().filter(|(_, blank)| blank.at.is_some()).map(|(id, _)| *id);
        let wrong = format!("no template has the id `{}`", entry.template.value);
        let wrong = Problem::error("unknown-template", place(source, &entry.template), wrong);
        problems.push(match nearest(&entry.template.value, known) {
            Some(near) => wrong.hint(format!("did you mean `{near}`?")),
            None => wrong,
        });
        return None;
    };
    let mut slots = HashMap::new();
    let given = [
        (SlotId::principal(), "principal", &entry.principal),
        (SlotId::resource(), "resource", &entry.resource),
    ];
    for (slot, noun, given) in given {
        let has = template.slots().any(|one| one.id == slot);
        match (has, given) {
            (false, None) => {}
            (true, Some(given)) => {
                let place = place(source, given);
                match given.value.parse::<EntityUID>() {
                    Ok(uid) => drop(slots.insert(slot, (uid, place))),
                    Err(error) => problems.push(
                        Problem::error("links-syntax", place, error.to_string())
                            .hint("write an entity as Cedar does: `Tenant::\"acme\"`"),
                    ),
                }
            }
            (true, None) => {
                let message = format!("the template `{}` needs a `{noun}`", entry.template.value);
                problems.push(Problem::error("link-unfilled", id_place.clone(), message));
            }
            (false, Some(given)) => {
                let message = format!("the template `{}` takes no `{noun}`", entry.template.value);
                problems.push(Problem::error("link-unfilled", place(source, given), message));
            }
        }
    }
    (problems.len() == before).then_some(Link { source: at, place: id_place, template: ix, id, slots })
}

fn place(source: &Source, spanned: &Spanned<String>) -> Place {
    Place {
        file: source.file.clone(),
        line: u32::try_from(spanned.referenced.line()).unwrap_or(0),
        column: u32::try_from(spanned.referenced.column()).unwrap_or(0),
        length: u32::try_from(spanned.value.chars().count()).unwrap_or(0),
    }
}
