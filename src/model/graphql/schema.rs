//! What a schema says of data classes: which types, fields and arguments there are, and of which classes what they give or
//! take is.
//!
//! A class of an interface is one of every type that implements it, and what is asked of an interface or a union may be
//! any of its types. So what is said anywhere of a field holds wherever that field may be meant.
//! Never: leaves out a class because another was said.

mod build;
mod owners;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;

use crate::model::classes::Classes;
use crate::model::graphql::reader::Around;
use crate::model::graphql::sdl::Definitions;
use crate::model::graphql::sdl::Kind;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::nearest;
use crate::redact::ClassIx;

/// The index of a type in its [`Schema`].
pub(super) type TypeIx = u32;

/// What may be given: an argument, or a field of an input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) of: TypeIx,
    pub(super) classes: BTreeSet<ClassIx>,
}

/// What may be asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) of: TypeIx,
    pub(super) around: Around,
    pub(super) classes: BTreeSet<ClassIx>,
    pub(super) arguments: BTreeMap<Box<str>, Input>,
}

/// A type.
#[derive(Debug, Clone)]
pub(super) struct Type {
    pub(super) kind: Kind,
    /// Of an input the arguments are empty.
    pub(super) fields: BTreeMap<Box<str>, Field>,
    /// What a value of it is of. Of an interface or a union, with what its types are of.
    pub(super) classes: BTreeSet<ClassIx>,
    /// How an object of it says whose row it is, by number. Of an interface or a union, with how its types do.
    pub(super) rows: BTreeSet<u16>,
    implements: Vec<TypeIx>,
    /// The types of a union, as it is written.
    members: Vec<TypeIx>,
}

impl Type {
    /// Has a value of it fields that are selected?
    pub(super) const fn is_composite(&self) -> bool {
        matches!(self.kind, Kind::Object | Kind::Interface | Kind::Union)
    }
}

/// A schema, with the classes of everything in it.
#[derive(Debug, Clone)]
pub struct Schema {
    types: Vec<Type>,
    names: HashMap<Box<str>, TypeIx>,
    roots: [Option<TypeIx>; 3],
    /// The types of inputs that have a class, or something in them has.
    sets: HashSet<TypeIx>,
    /// The fields by which rows say whose they are, each from the object that is the row.
    owners: Vec<Box<[Box<str>]>>,
    /// What may be given to each directive.
    pub(super) directives: HashMap<Box<str>, BTreeMap<Box<str>, Input>>,
}

impl Schema {
    /// Reads the file of a schema.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place; of what cannot be read, the first thing.
    pub fn read(file: &str, text: &str, classes: &Classes) -> Result<Self, Vec<Problem>> {
        let definitions = Definitions::read(text).map_err(|bad| {
            let place = Place::span(file, text, bad.at, 1);
            vec![Problem::error(
                "bad-graphql-schema",
                place,
                format!("the schema cannot be read: {}", bad.message),
            )]
        })?;
        build::build(file, text, classes, &definitions)
    }

    pub(super) fn get(&self, ix: TypeIx) -> Option<&Type> {
        self.types.get(usize::try_from(ix).unwrap_or(usize::MAX))
    }

    pub(super) fn find(&self, name: &str) -> Option<TypeIx> {
        self.names.get(name).copied()
    }

    /// The type of queries, mutations or subscriptions.
    pub(super) fn root(&self, of: usize) -> Option<TypeIx> {
        self.roots.get(of).copied().flatten()
    }

    /// Says of which class a type, a field or an argument is, as a routes file names it: `Patient`, `Patient.name`,
    /// `Mutation.rename.name`.
    ///
    /// # Errors
    /// Which part is not there, and what may have been meant.
    pub(in crate::model) fn classify(
        &mut self,
        path: &str,
        class: ClassIx,
    ) -> Result<(), (String, Option<String>)> {
        let mut parts = path.split('.');
        let name = parts.next().unwrap_or_default();
        let near = |name: &str, names: Vec<&str>| nearest(name, names).map(str::to_owned);
        let Some(of) = self.find(name) else {
            let names = self.names.keys().map(|name| &**name).collect();
            return Err((format!("the schema has no type `{}`", name.escape_debug()), near(name, names)));
        };
        let Some(of) = self.types.get_mut(usize::try_from(of).unwrap_or(usize::MAX)) else { return Ok(()) };
        let Some(field) = parts.next() else {
            of.classes.insert(class);
            return Ok(());
        };
        let Some(found) = of.fields.get_mut(field) else {
            let names = of.fields.keys().map(|name| &**name).collect();
            let message = format!("the type `{name}` has no field `{}`", field.escape_debug());
            return Err((message, near(field, names).map(|near| format!("{name}.{near}"))));
        };
        let Some(argument) = parts.next() else {
            found.classes.insert(class);
            return Ok(());
        };
        let here = (parts.next().is_none()).then(|| found.arguments.get_mut(argument)).flatten();
        let Some(here) = here else {
            let names = found.arguments.keys().map(|name| &**name).collect();
            let message = format!("the field `{name}.{field}` has no argument `{}`", argument.escape_debug());
            return Err((message, near(argument, names).map(|near| format!("{name}.{field}.{near}"))));
        };
        here.classes.insert(class);
        Ok(())
    }

    /// Gives everything the classes that it has by what it implements, or may be; what an object has without any is of the
    /// class of what is unclassified, if there is one.
    #[must_use]
    pub(super) fn spread(mut self, unclassified: Option<ClassIx>) -> Self {
        let above: Vec<BTreeSet<TypeIx>> = (0..self.types.len()).map(|ix| self.above(ix)).collect();
        // First down, from what is implemented; then up, to what may be meant.
        self.inherit(
            &above,
            |above, ix| above.get(ix).into_iter().flatten().copied().collect(),
            |kind| matches!(kind, Kind::Object | Kind::Interface),
        );
        if let Some(class) = unclassified {
            self.fill(class);
        }
        let mut below: Vec<BTreeSet<TypeIx>> = vec![BTreeSet::new(); self.types.len()];
        for (ix, of) in self.types.iter().enumerate() {
            let ix = TypeIx::try_from(ix).unwrap_or(TypeIx::MAX);
            for above in above.get(ix as usize).into_iter().flatten() {
                below.get_mut(*above as usize).map(|below| below.insert(ix));
            }
            if let Some(below) = below.get_mut(ix as usize) {
                below.extend(&of.members);
            }
        }
        self.inherit(
            &below,
            |below, ix| below.get(ix).into_iter().flatten().copied().collect(),
            |kind| matches!(kind, Kind::Interface | Kind::Union),
        );
        self.sets = self.classified_inputs();
        self
    }

    /// Each leaf that nothing is said of is of this class, so that no other field under its key shows it.
    fn fill(&mut self, class: ClassIx) {
        let is_plain = |of: &Type| of.classes.is_empty() && !of.is_composite();
        let plain: Vec<bool> = self.types.iter().map(is_plain).collect();
        let objects = self.types.iter_mut().filter(|of| of.kind == Kind::Object && of.classes.is_empty());
        for field in objects.flat_map(|of| of.fields.values_mut()) {
            if field.classes.is_empty() && plain.get(field.of as usize) == Some(&true) {
                field.classes.insert(class);
            }
        }
    }

    /// Has an input of this type a class, or something in it?
    pub(super) fn sets(&self, of: TypeIx) -> bool {
        self.sets.contains(&of)
    }

    fn classified_inputs(&self) -> HashSet<TypeIx> {
        let mut before: HashMap<TypeIx, Vec<TypeIx>> = HashMap::new();
        let mut todo = Vec::new();
        for (ix, of) in self.types.iter().enumerate().filter(|(_, of)| of.kind == Kind::Input) {
            let ix = TypeIx::try_from(ix).unwrap_or(TypeIx::MAX);
            for field in of.fields.values() {
                before.entry(field.of).or_default().push(ix);
                let is_classified = |of: &Type| !of.classes.is_empty();
                if !field.classes.is_empty() || self.get(field.of).is_some_and(is_classified) {
                    todo.push(ix);
                }
            }
        }
        let mut found = HashSet::new();
        while let Some(ix) = todo.pop() {
            if found.insert(ix) {
                todo.extend(before.get(&ix).into_iter().flatten());
            }
        }
        found
    }

    /// Gives each type of these kinds what these other types have.
    fn inherit(
        &mut self,
        of: &[BTreeSet<TypeIx>],
        from: impl Fn(&[BTreeSet<TypeIx>], usize) -> Vec<TypeIx>,
        takes: impl Fn(Kind) -> bool,
    ) {
        let before = self.types.clone();
        for (ix, heir) in self.types.iter_mut().enumerate().filter(|(_, heir)| takes(heir.kind)) {
            for other in from(of, ix).into_iter().filter_map(|other| before.get(other as usize)) {
                heir.classes.extend(&other.classes);
                heir.rows.extend(&other.rows);
                for (name, field) in &other.fields {
                    let Some(mine) = heir.fields.get_mut(name) else { continue };
                    mine.classes.extend(&field.classes);
                    for (name, argument) in &field.arguments {
                        if let Some(mine) = mine.arguments.get_mut(name) {
                            mine.classes.extend(&argument.classes);
                        }
                    }
                }
            }
        }
    }

    /// All that a type implements, whether it says so itself or what it implements does.
    fn above(&self, ix: usize) -> BTreeSet<TypeIx> {
        let mut all = BTreeSet::new();
        let mut todo = self.types.get(ix).map_or(Vec::new(), |of| of.implements.clone());
        while let Some(next) = todo.pop() {
            if all.insert(next) {
                todo.extend(self.get(next).into_iter().flat_map(|of| &of.implements));
            }
        }
        all
    }

    /// All that answers may carry, and all that mutations may set.
    pub(super) fn carried(&self) -> (BTreeSet<ClassIx>, BTreeSet<ClassIx>) {
        let mut shown = BTreeSet::new();
        let mut set = BTreeSet::new();
        for of in &self.types {
            let given = of.fields.values().flat_map(|field| &field.classes);
            let all: Vec<ClassIx> = of.classes.iter().chain(given).copied().collect();
            if of.kind != Kind::Input {
                shown.extend(all);
            }
        }
        let Some(root) = self.root(1).and_then(|root| self.get(root)) else { return (shown, set) };
        let mut known = HashSet::new();
        // What a mutation selects of what it gives takes arguments too.
        let mut outputs = HashSet::new();
        let mut todo = vec![root];
        let mut inputs: Vec<&Input> = self.directives.values().flat_map(BTreeMap::values).collect();
        while let Some(of) = todo.pop() {
            for field in of.fields.values() {
                inputs.extend(field.arguments.values());
                if outputs.insert(field.of) {
                    let implementors = self.types.iter().filter(|one| one.implements.contains(&field.of));
                    todo.extend(self.get(field.of).into_iter().chain(implementors));
                    let members = self.get(field.of).into_iter().flat_map(|of| &of.members);
                    todo.extend(members.filter_map(|member| self.get(*member)));
                }
            }
        }
        let mut fields: Vec<(&BTreeSet<ClassIx>, TypeIx)> =
            inputs.into_iter().map(|input| (&input.classes, input.of)).collect();
        while let Some((classes, of)) = fields.pop() {
            set.extend(classes);
            if known.insert(of)
                && let Some(of) = self.get(of)
            {
                set.extend(&of.classes);
                fields.extend(of.fields.values().map(|field| (&field.classes, field.of)));
            }
        }
        (shown, set)
    }
}
