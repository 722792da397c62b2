//! What the counts at one path say that it is, and which class is for that.
//!
//! Never: asks for more than counts and names.

use crate::learn::concepts::Concept;
use crate::learn::node::Found;
use crate::learn::node::Node;
use crate::learn::words;
use crate::model::Classes;
use crate::redact::ClassIx;
use crate::redact::detect::Kind;

use super::Choice;
use super::Why;

/// What new classes are below.
pub(super) const NEW_PARENT: &str = "personal";

/// What is known of a path.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// What it is, if it is something.
    pub(super) why: Option<Why>,
    /// Is that so of all that is below?
    pub(super) is_of_all: bool,
    /// What its own texts and numbers are, and those of its items, by their form.
    pub(super) direct: Option<Why>,
    /// All that is said of anything here or below.
    pub(super) all: Vec<Concept>,
    /// What stands within texts that hold more: in how many, of how many.
    pub(super) within: Vec<(Concept, u64, u64)>,
    /// Values that are something else than `null`.
    pub(super) values: u64,
}

impl Evidence {
    pub(super) fn of(node: &Node, named: Option<Concept>, percent: u64) -> Self {
        let own = by_form(node, named, percent);
        let through = items(node).and_then(|items| by_form(items, named, percent));
        let mut all = Vec::new();
        concepts(node, percent, &mut all);
        let is_named = named.filter(|concept| is_of_name(node, *concept, &all));
        all.extend(named);
        let mut evidence = Self { direct: own.or(through), all, values: something(node), ..Self::default() };
        evidence.within = within(node, percent);
        if let Some(concept) = is_named {
            let counted = own.or(through);
            let said = counted.filter(|why| why.concept != Some(concept));
            // What is found counts for more than what the name says.
            evidence.why = Some(match said {
                Some(why) => why,
                None => Why {
                    concept: Some(concept),
                    values: something(items(node).unwrap_or(node)),
                    found: counted.map(|why| why.found).unwrap_or_default(),
                    by_name: true,
                },
            });
            evidence.is_of_all = said.is_none();
        } else if let Some(why) = own {
            evidence.why = Some(why);
        }
        evidence
    }
}

/// The node of the items, within however many arrays.
fn items(node: &Node) -> Option<&Node> {
    let inner = node.items.as_deref()?;
    Some(items(inner).unwrap_or(inner))
}

fn something(node: &Node) -> u64 {
    node.values().saturating_sub(node.types.null)
}

/// Is the value as a whole what its name says? An object of which a part is found to be it is not: the part is.
fn is_of_name(node: &Node, concept: Concept, found: &[Concept]) -> bool {
    let inner = items(node).unwrap_or(node);
    let (texts, objects) = (inner.types.scalars(), inner.types.object);
    if objects > texts && !concept.has_parts() {
        let of_it = |one: &Concept| *one == concept || concept.near().contains(one);
        return !found.iter().any(of_it);
    }
    texts > 0 || objects > 0
}

/// What the texts and numbers of a node are.
fn by_form(node: &Node, named: Option<Concept>, percent: u64) -> Option<Why> {
    let scalars = node.types.scalars();
    let enough = |found: &Found| {
        found.values.saturating_mul(100) >= scalars.saturating_mul(percent)
            && found.whole.saturating_mul(2) >= found.values
    };
    let most = node.found.iter().filter(|(_, found)| found.values > 0 && enough(found));
    let (concept, found) = most.max_by_key(|(concept, found)| {
        (Some(**concept) == named, found.whole, std::cmp::Reverse(**concept))
    })?;
    Some(Why { concept: Some(*concept), values: scalars, found: *found, by_name: Some(*concept) == named })
}

/// What was found in texts that hold more, or in too few of them for the path to be it.
fn within(node: &Node, percent: u64) -> Vec<(Concept, u64, u64)> {
    let scalars = node.types.scalars();
    let is_it =
        |concept: Concept| by_form(node, None, percent).is_some_and(|why| why.concept == Some(concept));
    let found = node.found.iter().filter(|(concept, _)| !is_it(**concept));
    found.map(|(concept, found)| (*concept, found.values, scalars)).collect()
}

/// All that is said of anything here or below, by form or by name.
fn concepts(node: &Node, percent: u64, all: &mut Vec<Concept>) {
    all.extend(by_form(node, None, percent).and_then(|why| why.concept));
    for (key, member) in &node.members {
        all.extend(words::speaks(key));
        concepts(member, percent, all);
    }
    for inner in node.any.iter().chain(&node.items) {
        all.extend(spoken(inner));
        concepts(inner, percent, all);
    }
}

/// What the keys of members of any key say, if half of the values have such.
pub(super) fn spoken(any: &Node) -> Option<Concept> {
    let (concept, count) = any.spoken.iter().max_by_key(|(_, count)| **count)?;
    (count.saturating_mul(2) >= any.values()).then_some(*concept)
}

/// Does a field of this, beside a field called `name`, say that the name is a person's?
pub(super) const fn tells_a_person(concept: Concept) -> bool {
    match concept {
        Concept::Found(kind) => match kind {
            Kind::Email | Kind::Phone | Kind::NationalId => true,
            Kind::Card
            | Kind::Iban
            | Kind::Ip
            | Kind::Mac
            | Kind::Jwt
            | Kind::Token
            | Kind::PrivateKey
            | Kind::Secret => false,
        },
        Concept::BirthDate | Concept::Name | Concept::Gender | Concept::Income | Concept::Belief => true,
        Concept::Address | Concept::Identifier | Concept::Account | Concept::Location | Concept::Health => {
            false
        }
    }
}

/// The class for what a value is: the one that says that its kind is found, or one that is called so.
pub(super) fn class_of(classes: &Classes, concept: Concept) -> Choice {
    let detected = |concept: Concept| {
        let kind = concept.kind()?;
        classes.detected().find(|(known, _)| *known == kind).map(|(_, class)| class)
    };
    let last = |name: &'_ str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let called = |concept: Concept| -> Option<ClassIx> {
        // A class of the very word comes before one that only speaks of it.
        let exactly = classes.iter().find(|(_, class)| last(class.name.as_str()) == concept.word());
        let is_it = |name: &str| words::of_class(&last(name)) == Some(concept);
        let found = exactly.or_else(|| classes.iter().find(|(_, class)| is_it(class.name.as_str())));
        found.map(|(class, _)| class)
    };
    let of = |concept: Concept| detected(concept).or_else(|| called(concept));
    let near = || concept.near().iter().copied().find_map(of);
    of(concept).or_else(near).map_or(Choice::Missing(concept), Choice::Known)
}
