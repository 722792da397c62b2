//! From counts to a classification: which class a path is of, why, and how that stands to what is classified already.
//!
//! Never: changes what is classified, or takes a class for right because nothing speaks against it.

mod evidence;
mod write;

use std::collections::BTreeSet;

use crate::learn::Body;
use crate::learn::Learned;
use crate::learn::Over;
use crate::learn::Side;
use crate::learn::concepts::Concept;
use crate::learn::node::Found;
use crate::learn::node::Node;
use crate::learn::words;
use crate::model::Classes;
use crate::model::Model;
use crate::model::Route;
use crate::redact;
use crate::redact::ClassIx;
use crate::redact::Mode;
use crate::redact::Shape;
use crate::redact::Spot;

use evidence::Evidence;

/// How a path stands to what is classified already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is classified as one thing, and holds another.
    Contradicts,
    /// It is not classified.
    New,
    /// It is classified, and what was seen says the same.
    Agrees,
    /// It is classified; nothing that was seen speaks for it or against it.
    Stands,
    /// It is classified, and no body had it.
    Unseen,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Contradicts, Self::New, Self::Agrees, Self::Stands, Self::Unseen];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Contradicts => "contradicts",
            Self::New => "new",
            Self::Agrees => "agrees",
            Self::Stands => "stands",
            Self::Unseen => "unseen",
        }
    }
}

/// The class that is chosen for a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// One that there is.
    Known(ClassIx),
    /// There is none for this yet.
    Missing(Concept),
}

/// Why a class is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Why {
    /// What the values are taken for.
    pub concept: Option<Concept>,
    /// Values at the path that are something else than `null`.
    pub values: u64,
    /// In how many of them detectors found it.
    pub found: Found,
    /// Does the name of the field say so?
    pub by_name: bool,
}

/// A path and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The path.
    pub path: String,
    /// How that stands to what is classified.
    pub standing: Standing,
    /// The class that it would be of; nothing where it stands as it is.
    pub choice: Option<Choice>,
    /// The classes that it is of.
    pub was: Vec<ClassIx>,
    /// Why.
    pub why: Why,
    spot: Option<Spot>,
}

/// A path whose texts hold something beside much else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The path.
    pub path: String,
    /// What is in some of them.
    pub concept: Concept,
    /// In how many.
    pub values: u64,
    /// Of how many.
    pub of: u64,
}

/// What is proposed of one body of a route.
#[derive(Debug, Clone)]
pub struct OfBody {
    /// Which body.
    pub side: Side,
    /// How many were looked at; those of which only the beginning was; those that could not be read.
    pub bodies: [u64; 3],
    /// Keys that too few bodies have for them to be told.
    pub untold: u64,
    /// What there was no room for.
    pub over: Over,
    /// What becomes of what no class names.
    pub mode: Mode,
    /// The paths of which something is said.
    pub lines: Vec<Line>,
    /// Paths that no class can stand for, for only parts of their texts are what was found.
    pub texts: Vec<Text>,
    /// Paths of strings that hold JSON in which something is proposed.
    pub json: Vec<String>,
}

/// What is proposed of one route.
#[derive(Debug, Clone)]
pub struct OfRoute<'m> {
    /// The route.
    pub route: &'m Route,
    /// Its bodies, that of its requests first.
    pub bodies: [OfBody; 2],
}

/// What is proposed.
#[derive(Debug)]
pub struct Proposal<'m> {
    model: &'m Model,
    /// Every route, in their order.
    pub routes: Vec<OfRoute<'m>>,
    /// Routes of which something was learned and that are no longer there.
    pub gone: Vec<Box<str>>,
    /// Bodies of routes that there was no room for.
    pub routes_over: u64,
    missing: BTreeSet<Concept>,
}

impl<'m> Proposal<'m> {
    /// A proposal from what was learned. A path is proposed by its form where at least `percent` of its values are of it.
    #[must_use]
    pub fn new(learned: &Learned, model: &'m Model, percent: u64) -> Self {
        let nothing = Body::default();
        let of = |route: &'m Route| {
            let known = learned.routes.get(&*route.id);
            let bodies = Side::ALL.map(|side| {
                let shape = match side {
                    Side::Request => route.request.as_deref(),
                    Side::Response => route.response.as_deref(),
                };
                let body = known.map_or(&nothing, |known| known.of(side));
                Walk::new(&model.classes, shape, percent).body(side, body)
            });
            OfRoute { route, bodies }
        };
        let routes: Vec<OfRoute<'m>> = model.routes.iter().map(|(_, route)| of(route)).collect();
        let is_there = |id: &str| model.routes.iter().any(|(_, route)| *route.id == *id);
        let gone = learned.routes.keys().filter(|id| !is_there(id)).cloned().collect();
        let lines = routes.iter().flat_map(|route| &route.bodies).flat_map(|body| &body.lines);
        let missing = lines.filter_map(|line| match line.choice {
            Some(Choice::Missing(concept)) => Some(concept),
            Some(Choice::Known(_)) | None => None,
        });
        let missing = missing.collect();
        Self { model, routes, gone, routes_over: learned.routes_over, missing }
    }

    /// The name of a class.
    #[must_use]
    pub fn name(&self, choice: Choice) -> String {
        match choice {
            Choice::Known(class) => {
                self.model.classes.get(class).map_or(String::new(), |class| class.name.to_string())
            }
            Choice::Missing(concept) => format!("{}.{concept}", evidence::NEW_PARENT),
        }
    }

    /// How many paths stand so.
    #[must_use]
    pub fn count(&self, standing: Standing) -> usize {
        // Where no body was looked at, nothing can be said to be unseen.
        let looked = self.routes.iter().flat_map(|route| &route.bodies).filter(|body| body.bodies != [0; 3]);
        looked.flat_map(|body| &body.lines).filter(|line| line.standing == standing).count()
    }

    /// For what there is no class yet.
    pub fn missing(&self) -> impl Iterator<Item = Concept> {
        self.missing.iter().copied()
    }
}

/// One body's tree, walked beside its shape.
struct Walk<'a> {
    classes: &'a Classes,
    shape: Option<&'a Shape>,
    percent: u64,
    lines: Vec<Line>,
    texts: Vec<Text>,
    json: Vec<String>,
    seen: BTreeSet<Spot>,
}

/// A node on the walk.
struct Here<'a> {
    node: &'a Node,
    path: String,
    spot: Option<Spot>,
    /// What its name says.
    named: Option<Concept>,
    /// A text around it that holds it as JSON.
    within: Option<&'a str>,
}

impl<'a> Walk<'a> {
    const fn new(classes: &'a Classes, shape: Option<&'a Shape>, percent: u64) -> Self {
        let seen = BTreeSet::new();
        Self { classes, shape, percent, lines: Vec::new(), texts: Vec::new(), json: Vec::new(), seen }
    }

    fn body(mut self, side: Side, body: &Body) -> OfBody {
        let spot = self.shape.map(Shape::body);
        self.node(&Here { node: &body.root, path: "$".to_owned(), spot, named: None, within: None });
        let classified = self.shape.filter(|_| body.root.values() > 0).map(Shape::classified);
        for place in classified.unwrap_or_default() {
            if !self.seen.contains(&place.spot) {
                self.lines.push(Line {
                    path: place.path,
                    standing: Standing::Unseen,
                    choice: None,
                    was: place.classes,
                    why: Why::default(),
                    spot: Some(place.spot),
                });
            }
        }
        OfBody {
            side,
            bodies: [body.bodies, body.cut, body.unread],
            untold: body.untold,
            over: body.over,
            mode: self.shape.map_or(Mode::Open, Shape::mode),
            lines: self.lines,
            texts: self.texts,
            json: self.json,
        }
    }

    fn node(&mut self, here: &Here<'_>) {
        let node = here.node;
        if node.values() == 0 {
            return;
        }
        let was = match (self.shape, here.spot) {
            (Some(shape), Some(spot)) => shape.classes_at(spot),
            _ => Vec::new(),
        };
        let evidence = Evidence::of(node, here.named, self.percent);
        if !was.is_empty() {
            self.seen.extend(here.spot);
            self.standing(here, was, &evidence);
            return;
        }
        if let Some(why) = evidence.why {
            let choice = why.concept.map(|concept| evidence::class_of(self.classes, concept));
            let standing = Standing::New;
            self.lines.push(Line { path: here.path.clone(), standing, choice, was, why, spot: None });
            if let Some(path) = here.within.filter(|path| !self.json.iter().any(|known| known == path)) {
                self.json.push(path.to_owned());
            }
            if evidence.is_of_all {
                return;
            }
        }
        let texts = evidence.within.into_iter().map(|(concept, values, of)| Text {
            path: here.path.clone(),
            concept,
            values,
            of,
        });
        self.texts.extend(texts);
        self.below(here);
    }

    fn below(&mut self, here: &Here<'_>) {
        let node = here.node;
        let within = if node.documents > 0 { Some(&*here.path) } else { here.within };
        // Beside something else that tells a person, `name` is a person's.
        let of_person =
            node.members.keys().any(|key| words::speaks(key).is_some_and(evidence::tells_a_person));
        let to = |lead: &dyn Fn(&Shape, Spot) -> Spot| Some(lead(self.shape?, here.spot?));
        let mut next = Vec::new();
        for (key, member) in &node.members {
            let named = words::speaks(key)
                .or_else(|| (of_person && words::may_name_a_person(key)).then_some(Concept::Name));
            let spot = to(&|shape, spot| shape.spot_of_member(spot, key));
            let path = format!("{}{}", here.path, redact::path_step(key));
            next.push(Here { node: member, path, spot, named, within });
        }
        if let Some(any) = &node.any {
            let named = evidence::spoken(any);
            let spot = to(&|shape, spot| shape.spot_of_others(spot));
            next.push(Here { node: any, path: format!("{}.*", here.path), spot, named, within });
        }
        if let Some(items) = &node.items {
            let spot = to(&|shape, spot| shape.spot_of_items(spot));
            next.push(Here { node: items, path: format!("{}[*]", here.path), spot, named: None, within });
        }
        for here in next {
            self.node(&here);
        }
    }

    /// A path that is classified.
    fn standing(&mut self, here: &Here<'_>, was: Vec<ClassIx>, evidence: &Evidence) {
        let related = |class: ClassIx| {
            was.iter().any(|one| self.classes.is_within(class, *one) || self.classes.is_within(*one, class))
        };
        let is_of = |concept: Concept| match evidence::class_of(self.classes, concept) {
            Choice::Known(class) => related(class),
            Choice::Missing(_) => false,
        };
        let direct = evidence.direct;
        let holds = direct.and_then(|why| why.concept);
        let (standing, why) = if let Some(why) = direct.filter(|_| holds.is_some_and(is_of)) {
            (Standing::Agrees, Some(why))
        } else if let Some(why) = direct.filter(|_| holds.is_some_and(|it| self.is_another(it, &was))) {
            (Standing::Contradicts, Some(why))
        } else if evidence.all.iter().any(|concept| is_of(*concept)) {
            (Standing::Agrees, evidence.why.or(direct))
        } else {
            (Standing::Stands, direct)
        };
        let choice = holds.filter(|_| standing == Standing::Contradicts);
        let choice = choice.map(|concept| evidence::class_of(self.classes, concept));
        let why = why.unwrap_or(Why { values: evidence.values, ..Why::default() });
        self.lines.push(Line { path: here.path.clone(), standing, choice, was, why, spot: here.spot });
    }

    /// Is what was found of another class than these, or are these for something else?
    fn is_another(&self, concept: Concept, was: &[ClassIx]) -> bool {
        let is_for_other = |class: &ClassIx| {
            let detects = self.classes.detected().any(|(_, detected)| detected == *class);
            let last = self.classes.get(*class).and_then(|class| class.name.as_str().rsplit('.').next());
            detects || last.and_then(words::of_class).is_some_and(|other| other != concept)
        };
        match evidence::class_of(self.classes, concept) {
            // Whoever asks has seen that it is none of these.
            Choice::Known(_) => true,
            Choice::Missing(_) => was.iter().any(is_for_other),
        }
    }
}
