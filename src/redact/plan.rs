//! What one caller may not see in one body. Fixed before the first byte of the body is looked at.
//!
//! Never: changes after it is made.

mod hidden;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::Digest;
use crate::redact::automaton::Shape;
use crate::redact::classes::Mark;
use crate::redact::detect::Detectors;
use crate::redact::detect::Kind;
use crate::redact::key::PseudonymKey;
use crate::redact::mask;
use crate::redact::mask::Made;
use crate::redact::mask::Mask;
use crate::redact::output::ShortText;
use crate::redact::shape::ClassIx;

pub use hidden::Hidden;

/// How a hidden value is replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Drop,
    /// These bytes, which are JSON.
    Text(Vec<u8>),
    /// What is nothing in the value's own type.
    Typed,
    /// What is made from the value.
    Made(Made),
}

/// Is a string read as the JSON document that it holds?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Document {
    #[default]
    No,
    /// It is, and stays if it holds none.
    Read,
    /// It is; what is neither object nor array is what no class names, and hidden.
    OfTheRest,
}

/// Is a number one of rows?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Counts {
    #[default]
    No,
    /// It is, and becomes less by those that are taken out.
    These,
    /// It is, of more than these.
    All,
}

/// What is done with a value.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Act {
    /// It is replaced.
    pub(super) mask: Option<Rule>,
    pub(super) document: Document,
    /// It is a row, which stays only if it is the right owner's.
    pub(super) row: bool,
    /// Such a row may become `null`, and is none where it is.
    pub(super) nullable: bool,
    /// It says whose the row is.
    pub(super) owner: bool,
    pub(super) counts: Counts,
}

impl Act {
    /// How a value is replaced with which nothing else is done.
    #[inline]
    pub(super) fn hides_only(&self) -> Option<&Rule> {
        let is_else = self.row || self.owner || self.document != Document::No || self.counts != Counts::No;
        self.mask.as_ref().filter(|_| !is_else)
    }
}

/// What is done with a value whose number says nothing: it cannot happen, and must not leak if it does.
static UNKNOWN: Act = Act {
    mask: Some(Rule::Drop),
    document: Document::No,
    row: false,
    nullable: false,
    owner: false,
    counts: Counts::No,
};

/// What one caller may not see in one body.
#[derive(Debug)]
pub struct Plan {
    pub(super) shape: Arc<Shape>,
    hidden: BTreeMap<ClassIx, Mask>,
    /// For each set of classes of the shape, one more than the place of its act; 0 where there is nothing to do.
    act_of_set: Box<[u16]>,
    acts: Vec<Act>,
    /// For each act, and the one that does nothing before them, the text that it hides a value by if it does no more.
    texts: Vec<ShortText>,
    /// May a member have to be dropped?
    pub(super) drops: bool,
    /// Are strings to be looked at that nothing is said of?
    pub(super) looks: bool,
    /// Finds, in text that is not hidden, what is of a hidden class by its form.
    pub(super) detectors: Detectors,
    /// Are there any kinds to find?
    pub(super) finds: bool,
    pub(super) key: Option<PseudonymKey>,
    tag: [u8; 8],
}

impl Plan {
    /// Fixes which classes of a shape are hidden, and by what. Where a value is of several hidden classes, the mask
    /// that hides most wins. Without a key, pseudonyms become the fixed text.
    #[must_use]
    pub fn new(
        shape: &Arc<Shape>,
        hidden: impl IntoIterator<Item = (ClassIx, Mask)>,
        key: Option<PseudonymKey>,
    ) -> Self {
        let mut masks: BTreeMap<ClassIx, Mask> = BTreeMap::new();
        for (class, mask) in hidden {
            if shape.classes().binary_search(&class).is_ok() {
                let known = masks.entry(class).or_insert_with(|| mask.clone());
                if mask > *known {
                    *known = mask;
                }
            }
        }
        let mut acts: Vec<Act> = Vec::new();
        let mut act_of_set = Vec::with_capacity(shape.sets.len());
        for set in &shape.sets {
            let here = masks.iter().filter(|(class, _)| set.contains(**class));
            // Of two classes with the same mask the first lends its name, whatever order they were given in.
            let most = here.reduce(|most, next| if next.1 > most.1 { next } else { most });
            let act = Act {
                mask: most.map(|(class, mask)| match set.has(Mark::Kept) {
                    true => Rule::Text(mask::quoted(mask::REDACTED)),
                    false => rule(shape, *class, mask, key.is_some()),
                }),
                document: match most {
                    _ if !set.has(Mark::Json) => Document::No,
                    None => Document::Read,
                    Some((class, _)) if shape.unclassified == Some(*class) && set.is_only(*class) => {
                        Document::OfTheRest
                    }
                    Some(_) => Document::No,
                },
                row: set.has(Mark::Row),
                nullable: set.has(Mark::Nullable),
                owner: set.has(Mark::Owner),
                counts: match set {
                    set if set.has(Mark::Total) => Counts::All,
                    set if set.has(Mark::Count) => Counts::These,
                    _ => Counts::No,
                },
            };
            act_of_set.push(if act == Act::default() {
                0
            } else {
                let at = acts.iter().position(|known| *known == act).unwrap_or_else(|| {
                    acts.push(act);
                    acts.len() - 1
                });
                u16::try_from(at + 1).unwrap_or(u16::MAX)
            });
        }
        let drops = masks.values().any(|mask| *mask == Mask::Drop);
        let (shape, act_of_set) = (Arc::clone(shape), act_of_set.into());
        // Rows are looked for whoever asks.
        let looks = shape.looks_into_strings && (!masks.is_empty() || shape.has_rows);
        let class = |kind: &Kind| Some(shape.detected.get(*kind as usize)?.as_ref()?.0);
        let is_found = |kind: &Kind| class(kind).is_some_and(|class| masks.contains_key(&class));
        let detectors = Detectors::new(Kind::ALL.into_iter().filter(is_found).collect());
        let finds = !detectors.is_empty();
        let mut plan = Self {
            shape,
            hidden: masks,
            act_of_set,
            texts: texts(&acts),
            acts,
            drops,
            looks,
            detectors,
            finds,
            key,
            tag: [0; 8],
        };
        plan.tag = plan.name_view();
        plan
    }

    /// The plan for bodies in which nothing is classified, and for those that Palisade itself makes.
    #[must_use]
    pub fn nothing() -> Self {
        Self::new(&Arc::new(Shape::empty()), [], None)
    }

    /// May the caller see everything, whosever it is? Then bodies pass as they are, and are not even parsed.
    #[must_use]
    pub fn hides_nothing(&self) -> bool {
        self.hidden.is_empty() && !self.shape.has_rows
    }

    /// Are there rows whose owners are to be looked at?
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.shape.has_rows
    }

    /// The hidden classes that a body of this shape may carry, with their masks.
    pub fn hidden(&self) -> impl Iterator<Item = (ClassIx, &Mask)> {
        self.hidden.iter().map(|(class, mask)| (*class, mask))
    }

    /// About how many bytes it takes to keep, without its shape.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let bytes = size_of::<Self>()
            + size_of_val(&*self.act_of_set)
            + size_of_val(&*self.acts)
            + size_of_val(&*self.texts);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// About how many bytes its shape takes.
    #[must_use]
    pub fn shape_weight(&self) -> u64 {
        self.shape.weight()
    }

    /// A name of the view that this plan gives: two plans with the same tag turn any body into the same bytes.
    /// For entity tags.
    #[must_use]
    pub const fn tag(&self) -> [u8; 8] {
        self.tag
    }

    fn name_view(&self) -> [u8; 8] {
        let mut text =
            self.key.as_ref().and_then(PseudonymKey::id).map_or(String::new(), |id| format!("key {id}\n"));
        for (class, mask) in &self.hidden {
            text.push_str(&format!("{}={mask}\n{}\n", class.0, self.shape.name(*class)));
        }
        let key = self.key.as_ref().map_or([0; 16], |key| key.sign("", b"palisade view"));
        let digest = Digest::of_parts([&self.shape.digest().as_bytes()[..], text.as_bytes(), &key]);
        digest.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// Can plain text be redacted by it: is nothing hidden but what is found by its form?
    pub(super) fn reads_text(&self) -> bool {
        self.finds && self.act_of(self.shape.state(self.shape.start).below) == 0
    }

    /// What is found of this kind: the set of its class, how it is replaced, and how much that hides.
    pub(super) fn detected(&self, kind: Kind) -> (u16, &Rule, &Mask) {
        let found = self.shape.detected.get(kind as usize).copied().flatten();
        let found = found.and_then(|(class, set)| {
            Some((set, self.act(self.act_of(set)).mask.as_ref()?, self.hidden.get(&class)?))
        });
        found.unwrap_or((0, &Rule::Drop, &Mask::Drop))
    }

    /// The set of what hides most of all that is found: of a text that is too long to be looked at.
    pub(super) fn detected_most(&self) -> u16 {
        let all =
            Kind::ALL.into_iter().filter(|kind| self.detectors.finds(*kind)).map(|kind| self.detected(kind));
        all.reduce(|most, next| if next.2 > most.2 { next } else { most }).map_or(0, |(set, ..)| set)
    }

    /// Is one of the classes of this set hidden?
    pub(super) fn hides(&self, set: u16) -> bool {
        match self.act_of(set) {
            0 => false,
            number => self.act(number).mask.is_some(),
        }
    }

    /// Of these sets the one that hides most, with the number of its act; nothing where none of them hides.
    pub(super) fn strongest(&self, sets: impl Iterator<Item = u16>) -> Option<(u16, u16)> {
        let mask = |set: u16| {
            // A set that is not there hides.
            let classes = self.shape.sets.get(usize::from(set));
            let masks = classes.map(|classes| self.hidden().filter(|(class, _)| classes.contains(*class)));
            masks.map_or(Some(&Mask::Drop), |masks| masks.map(|(_, mask)| mask).max())
        };
        let hiding = sets.filter(|set| self.hides(*set)).map(|set| (self.act_of(set), set));
        hiding.reduce(|most, next| if mask(next.1) > mask(most.1) { next } else { most })
    }

    /// What is done with a value of these classes, or may have to be done below one: the number of its act, or 0.
    #[inline]
    pub(super) fn act_of(&self, set: u16) -> u16 {
        self.act_of_set.get(usize::from(set)).copied().unwrap_or(u16::MAX)
    }

    /// The text by which the act of that number hides a value, if that is all it does and the text is short; else none.
    #[inline(always)]
    pub(super) fn short_text(&self, number: u16) -> &ShortText {
        self.texts.get(usize::from(number)).unwrap_or(&NO_TEXT)
    }

    /// The act of that number.
    pub(super) fn act(&self, number: u16) -> &Act {
        usize::from(number).checked_sub(1).and_then(|at| self.acts.get(at)).unwrap_or(&UNKNOWN)
    }
}

static NO_TEXT: ShortText = ShortText::NONE;

fn texts(acts: &[Act]) -> Vec<ShortText> {
    let text = |act: &Act| match act.hides_only() {
        Some(Rule::Text(text)) => ShortText::of(text),
        Some(Rule::Drop | Rule::Typed | Rule::Made(_)) | None => NO_TEXT,
    };
    std::iter::once(NO_TEXT).chain(acts.iter().map(text)).collect()
}

/// How a mask replaces values of a class.
fn rule(shape: &Shape, class: ClassIx, mask: &Mask, has_key: bool) -> Rule {
    match mask {
        Mask::Drop => Rule::Drop,
        Mask::Null => Rule::Text(b"null".to_vec()),
        Mask::Fixed(text) => Rule::Text(mask::quoted(text)),
        Mask::Typed => Rule::Typed,
        Mask::Pseudonym | Mask::Seal | Mask::Format if !has_key => Rule::Text(mask::quoted(mask::REDACTED)),
        Mask::Format => Rule::Made(Made::Format(shape.name(class))),
        Mask::Seal => Rule::Made(Made::Seal(shape.name(class))),
        Mask::Pseudonym => Rule::Made(Made::Pseudonym(shape.name(class))),
        Mask::KeepFirst(count) => Rule::Made(Made::KeepFirst(*count)),
        Mask::KeepLast(count) => Rule::Made(Made::KeepLast(*count)),
        Mask::Year => Rule::Made(Made::Year),
        Mask::Bucket(width) => Rule::Made(Made::Bucket(*width)),
        Mask::Prefix(count) => Rule::Made(Made::Prefix(*count)),
        Mask::Network => Rule::Made(Made::Network),
    }
}
