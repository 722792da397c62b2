//! From the definitions of a file to a schema: each name is looked up, once.
//!
//! Never: stops at the first name that means nothing.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use crate::model::classes::Classes;
use crate::model::graphql::reader::Name;
use crate::model::graphql::schema::Field;
use crate::model::graphql::schema::Input;
use crate::model::graphql::schema::Schema;
use crate::model::graphql::schema::Type;
use crate::model::graphql::schema::TypeIx;
use crate::model::graphql::sdl::Definitions;
use crate::model::graphql::sdl::Field as Written;
use crate::model::graphql::sdl::Kind;
use crate::problem::Lines;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::nearest;
use crate::redact::ClassIx;

/// The types that every schema has.
const BUILT_IN: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];
const ROOTS: [(&str, &str); 3] =
    [("query", "Query"), ("mutation", "Mutation"), ("subscription", "Subscription")];

pub(super) fn build(
    file: &str,
    text: &str,
    classes: &Classes,
    definitions: &Definitions<'_>,
) -> Result<Schema, Vec<Problem>> {
    let schema = Schema {
        types: Vec::new(),
        names: HashMap::new(),
        roots: [None; 3],
        sets: HashSet::new(),
        owners: Vec::new(),
        directives: HashMap::new(),
    };
    let mut builder =
        Builder { file: file.into(), lines: Lines::of(text), classes, problems: Vec::new(), schema };
    builder.names(definitions);
    builder.types(definitions);
    builder.directives(definitions);
    builder.roots(definitions);
    if builder.problems.is_empty() { Ok(builder.schema) } else { Err(builder.problems) }
}

struct Builder<'a> {
    file: Arc<str>,
    lines: Lines<'a>,
    classes: &'a Classes,
    problems: Vec<Problem>,
    schema: Schema,
}

impl Builder<'_> {
    fn problem(&mut self, code: &'static str, name: &Name<'_>, message: String, near: Option<&str>) {
        let place = self.lines.span(Arc::clone(&self.file), name.at, name.text.len());
        let problem = Problem::error(code, place, message);
        self.problems.push(match near {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem,
        });
    }

    fn names(&mut self, definitions: &Definitions<'_>) {
        let built_in = BUILT_IN.iter().filter(|name| !definitions.types.contains_key(**name));
        let built_in = built_in.map(|name| (*name, Kind::Scalar));
        for (name, kind) in built_in.chain(definitions.types.iter().map(|(name, of)| (*name, of.kind))) {
            let ix = TypeIx::try_from(self.schema.types.len()).unwrap_or(TypeIx::MAX);
            self.schema.names.insert(name.into(), ix);
            self.schema.types.push(Type {
                kind,
                fields: BTreeMap::new(),
                classes: BTreeSet::new(),
                rows: BTreeSet::new(),
                implements: Vec::new(),
                members: Vec::new(),
            });
        }
    }

    fn types(&mut self, definitions: &Definitions<'_>) {
        for (name, of) in &definitions.types {
            if name.starts_with("__") {
                let message = format!("`{name}` begins as only what GraphQL itself defines does");
                self.problem("bad-graphql-schema", &of.name, message, None);
            }
            let classes = self.classes(&of.classes);
            let implements = self.all_of(&of.implements, |kind| kind == Kind::Interface, "an interface");
            let members = self.all_of(&of.members, |kind| kind == Kind::Object, "a type of objects");
            let fields = of.fields.iter().map(|field| (field.name.text.into(), self.field(field, of.kind)));
            let fields = fields.collect();
            let ix = self.schema.find(name).unwrap_or(TypeIx::MAX);
            if let Some(made) = self.schema.types.get_mut(ix as usize) {
                *made = Type { fields, classes, implements, members, ..made.clone() };
            }
        }
    }

    fn directives(&mut self, definitions: &Definitions<'_>) {
        for (name, written) in &definitions.directives {
            let mut arguments = BTreeMap::new();
            for argument in written {
                // Those of gateways name types that their schemas leave out.
                let of = self.schema.find(argument.of.text).unwrap_or(TypeIx::MAX);
                let input = Input { of, classes: self.classes(&argument.classes) };
                arguments.insert(argument.name.text.into(), input);
            }
            self.schema.directives.insert((*name).into(), arguments);
        }
    }

    fn field(&mut self, written: &Written<'_>, kind: Kind) -> Field {
        let gives = |of: Kind| of != Kind::Input;
        let takes = |of: Kind| matches!(of, Kind::Input | Kind::Scalar | Kind::Enum);
        let of = match kind {
            Kind::Input => self.of(&written.of, takes, "a type that can be given"),
            Kind::Object | Kind::Interface | Kind::Union | Kind::Scalar | Kind::Enum => {
                self.of(&written.of, gives, "a type that can be asked for")
            }
        };
        let classes = self.classes(&written.classes);
        let mut arguments = BTreeMap::new();
        for argument in &written.arguments {
            let of = self.of(&argument.of, takes, "a type that can be given");
            let input = Input { of, classes: self.classes(&argument.classes) };
            arguments.insert(argument.name.text.into(), input);
        }
        Field { of, around: written.around, classes, arguments }
    }

    fn of(&mut self, name: &Name<'_>, is: impl Fn(Kind) -> bool, what: &str) -> TypeIx {
        match self.schema.find(name.text).and_then(|ix| Some((ix, self.schema.get(ix)?.kind))) {
            Some((ix, kind)) if is(kind) => return ix,
            Some(_) => {
                self.problem("bad-graphql-schema", name, format!("`{}` is not {what}", name.text), None);
            }
            None => {
                let names: Vec<Box<str>> = self.schema.names.keys().cloned().collect();
                let near = nearest(name.text, names.iter().map(|name| &**name));
                let message = format!("the schema has no type `{}`", name.text);
                self.problem("unknown-graphql-type", name, message, near);
            }
        }
        TypeIx::MAX
    }

    fn all_of(&mut self, names: &[Name<'_>], is: impl Fn(Kind) -> bool, what: &str) -> Vec<TypeIx> {
        names.iter().map(|name| self.of(name, &is, what)).collect()
    }

    fn classes(&mut self, names: &[Name<'_>]) -> BTreeSet<ClassIx> {
        let classes = self.classes;
        let mut all = BTreeSet::new();
        for name in names {
            if let Some(class) = classes.find(name.text) {
                all.insert(class);
            } else {
                let message = format!("`{}` is not a data class", name.text.escape_debug());
                self.problem("unknown-class", name, message, nearest(name.text, classes.names()));
            }
        }
        all
    }

    fn roots(&mut self, definitions: &Definitions<'_>) {
        for ((word, name), root) in ROOTS.iter().zip([0, 1, 2]) {
            let named = definitions.roots.get(word).copied();
            // Who names one names all.
            let by_name =
                || definitions.types.get(name).filter(|_| definitions.roots.is_empty()).map(|of| of.name);
            let Some(named) = named.or_else(by_name) else { continue };
            let of = self.of(&named, |kind| kind == Kind::Object, "a type of objects");
            if let Some(root) = self.schema.roots.get_mut(root) {
                *root = Some(of);
            }
        }
        if self.schema.root(0).is_none() && self.problems.is_empty() {
            let place = Place::file(Arc::clone(&self.file));
            let message = "the schema has no type of queries";
            let problem = Problem::error("bad-graphql-schema", place, message);
            self.problems.push(problem.hint("define a type `Query`, or name one by `schema { query: … }`"));
        }
    }
}
