//! A schema as its file says it: the definitions of types, in the schema definition language (September 2025, section 3).
//!
//! Directives that are not ours are read over: gateways and servers have their own.
//! Never: looks at whether a name means something. What reads the definitions together does.

use std::collections::BTreeMap;
use std::collections::HashSet;

use crate::limits;
use crate::model::graphql::reader::Around;
use crate::model::graphql::reader::Directive;
use crate::model::graphql::reader::Name;
use crate::model::graphql::reader::Reader;
use crate::model::graphql::reader::Value;
use crate::model::graphql::tokens::Bad;
use crate::model::graphql::tokens::Token;
use crate::model::graphql::tokens::Whose;
use crate::model::graphql::tokens::Why;

/// The directive that says of which data class something is.
pub(super) const CLASS: &str = "class";

/// Where directives stand that callers write.
const OF_CALLERS: [&str; 8] = [
    "QUERY",
    "MUTATION",
    "SUBSCRIPTION",
    "FIELD",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "VARIABLE_DEFINITION",
];

/// What kind of type it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Object,
    Interface,
    Union,
    Scalar,
    Enum,
    Input,
}

/// A type, with all that extends it.
#[derive(Debug, Clone)]
pub(super) struct Type<'t> {
    pub(super) kind: Kind,
    pub(super) name: Name<'t>,
    pub(super) classes: Vec<Name<'t>>,
    pub(super) fields: Vec<Field<'t>>,
    /// The types of a union.
    pub(super) members: Vec<Name<'t>>,
    pub(super) implements: Vec<Name<'t>>,
}

/// A field of a type, or of an input.
#[derive(Debug, Clone)]
pub(super) struct Field<'t> {
    pub(super) name: Name<'t>,
    pub(super) of: Name<'t>,
    pub(super) around: Around,
    pub(super) classes: Vec<Name<'t>>,
    pub(super) arguments: Vec<Field<'t>>,
}

/// What a file defines.
#[derive(Debug, Clone, Default)]
pub(super) struct Definitions<'t> {
    pub(super) types: BTreeMap<&'t str, Type<'t>>,
    /// The types of queries, mutations and subscriptions, where the file says so itself.
    pub(super) roots: BTreeMap<&'t str, Name<'t>>,
    /// What callers may give to each directive of theirs.
    pub(super) directives: BTreeMap<&'t str, Vec<Field<'t>>>,
}

impl<'t> Definitions<'t> {
    /// Reads a file.
    pub(super) fn read(text: &'t str) -> Result<Self, Bad> {
        let mut reader = Reader::new(text, Whose::File, limits::GRAPHQL_SCHEMA_TOKENS_MAX)?;
        let mut all = Self::default();
        // What extends a type may stand before it.
        let mut extensions = Vec::new();
        while reader.token != Token::End {
            reader.description()?;
            if reader.takes_word("extend")? {
                extensions.extend(all.definition(&mut reader)?);
            } else if let Some(new) = all.definition(&mut reader)? {
                let name = new.name;
                if all.types.insert(name.text, new).is_some() {
                    let message = "this type is defined twice; write `extend` before the second";
                    return Err(Bad { at: name.at, why: Why::Syntax, message });
                }
            }
        }
        for more in extensions {
            // Of a type that another service defines there may be nothing but what this one adds.
            let Some(known) = all.types.get_mut(more.name.text) else {
                all.types.insert(more.name.text, more);
                continue;
            };
            if known.kind != more.kind {
                let message = "the type that this extends is of another kind";
                return Err(Bad { at: more.name.at, why: Why::Syntax, message });
            }
            known.classes.extend(more.classes);
            known.members.extend(more.members);
            known.implements.extend(more.implements);
            known.fields.extend(more.fields);
        }
        all.types.values().try_for_each(|of| distinct(&of.fields))?;
        Ok(all)
    }

    fn definition(&mut self, reader: &mut Reader<'t>) -> Result<Option<Type<'t>>, Bad> {
        let word = reader.name()?;
        let kind = match word.text {
            "schema" => return self.schema(reader).map(|()| None),
            "directive" => return self.directive(reader).map(|()| None),
            "type" => Kind::Object,
            "interface" => Kind::Interface,
            "union" => Kind::Union,
            "scalar" => Kind::Scalar,
            "enum" => Kind::Enum,
            "input" => Kind::Input,
            _ => {
                let message = "no definition begins so; a schema has `type`, `interface`, `union`, `scalar`, `enum`, `input`, `directive`, `schema`";
                return Err(Bad { at: word.at, why: Why::Syntax, message });
            }
        };
        let name = reader.name()?;
        let implements = if reader.takes_word("implements")? { many(reader, b'&')? } else { Vec::new() };
        let classes = classes(reader.directives(true)?)?;
        let (mut fields, mut members) = (Vec::new(), Vec::new());
        match kind {
            Kind::Object | Kind::Interface | Kind::Input => fields = read_fields(reader, kind)?,
            Kind::Union if reader.takes(b'=')? => members = many(reader, b'|')?,
            Kind::Enum => values(reader)?,
            Kind::Union | Kind::Scalar => {}
        }
        Ok(Some(Type { kind, name, classes, fields, members, implements }))
    }

    fn schema(&mut self, reader: &mut Reader<'t>) -> Result<(), Bad> {
        if let Some(class) = classes(reader.directives(true)?)?.first() {
            let message = "a schema has no class of its own; give one to its types";
            return Err(Bad { at: class.at, why: Why::Syntax, message });
        }
        if !reader.takes(b'{')? {
            return Ok(());
        }
        while !reader.takes(b'}')? {
            let root = reader.name()?;
            if !["query", "mutation", "subscription"].contains(&root.text) {
                let message = "a schema has a `query`, a `mutation` and a `subscription`";
                return Err(Bad { at: root.at, why: Why::Syntax, message });
            }
            reader.mark(b':', "a `:` is missing")?;
            self.roots.insert(root.text, reader.name()?);
        }
        Ok(())
    }

    fn directive(&mut self, reader: &mut Reader<'t>) -> Result<(), Bad> {
        reader.mark(b'@', "a `@` is missing before the name of a directive")?;
        let name = reader.name()?.text;
        let arguments = inputs(reader, b'(', b')')?;
        reader.takes_word("repeatable")?;
        if !reader.takes_word("on")? {
            return Err(reader.bad("`on` is missing, and where the directive may stand"));
        }
        let places = many(reader, b'|')?;
        let class = arguments.iter().find_map(|argument| argument.classes.first());
        if let Some(class) = class.filter(|_| !places.iter().any(|place| OF_CALLERS.contains(&place.text))) {
            let message = "callers give nothing to this directive, so that a class of its argument has no meaning; give it to the field, the argument or the type that has the value";
            return Err(Bad { at: class.at, why: Why::Syntax, message });
        }
        self.directives.insert(name, arguments);
        Ok(())
    }
}

/// Names with a mark between them, and perhaps one before.
fn many<'t>(reader: &mut Reader<'t>, mark: u8) -> Result<Vec<Name<'t>>, Bad> {
    reader.takes(mark)?;
    let mut all = vec![reader.name()?];
    while reader.takes(mark)? {
        all.push(reader.name()?);
    }
    Ok(all)
}

fn read_fields<'t>(reader: &mut Reader<'t>, kind: Kind) -> Result<Vec<Field<'t>>, Bad> {
    if kind == Kind::Input {
        return inputs(reader, b'{', b'}');
    }
    let mut all = Vec::new();
    if !reader.takes(b'{')? {
        return Ok(all);
    }
    while !reader.takes(b'}')? {
        reader.description()?;
        let name = reader.name()?;
        let arguments = inputs(reader, b'(', b')')?;
        reader.mark(b':', "a `:` is missing after the name of a field")?;
        let (of, around) = reader.written_type()?;
        let classes = classes(reader.directives(true)?)?;
        all.push(Field { name, of, around, classes, arguments });
    }
    Ok(all)
}

/// Fields of an input, or arguments, between two marks; none where the first one is not there.
fn inputs<'t>(reader: &mut Reader<'t>, open: u8, close: u8) -> Result<Vec<Field<'t>>, Bad> {
    let mut all = Vec::new();
    if !reader.takes(open)? {
        return Ok(all);
    }
    while !reader.takes(close)? {
        reader.description()?;
        let name = reader.name()?;
        reader.mark(b':', "a `:` is missing after a name")?;
        let (of, around) = reader.written_type()?;
        if reader.takes(b'=')? {
            reader.value(true)?;
        }
        let classes = classes(reader.directives(true)?)?;
        all.push(Field { name, of, around, classes, arguments: Vec::new() });
    }
    distinct(&all)?;
    Ok(all)
}

fn distinct(all: &[Field<'_>]) -> Result<(), Bad> {
    let mut known = HashSet::new();
    match all.iter().find(|field| !known.insert(field.name.text)) {
        Some(Field { name, .. }) => {
            Err(Bad { at: name.at, why: Why::Syntax, message: "this name is there twice" })
        }
        None => Ok(()),
    }
}

/// The words of an enum. They have no classes of their own: the enum has.
fn values(reader: &mut Reader<'_>) -> Result<(), Bad> {
    if !reader.takes(b'{')? {
        return Ok(());
    }
    while !reader.takes(b'}')? {
        reader.description()?;
        reader.name()?;
        if let Some(class) = classes(reader.directives(true)?)?.first() {
            let message = "a word of an enum has no class of its own; give one to the enum";
            return Err(Bad { at: class.at, why: Why::Syntax, message });
        }
    }
    Ok(())
}

/// The classes that directives name.
fn classes(directives: Vec<Directive<'_>>) -> Result<Vec<Name<'_>>, Bad> {
    let ours = directives.into_iter().filter(|directive| directive.name.text == CLASS);
    ours.map(|directive| match &*directive.arguments {
        [(Name { text: "name", .. }, Value::Text(text))] => {
            Ok(Name { text, at: directive.name.at.saturating_sub(1) })
        }
        _ => {
            let message = "write which class it is: `@class(name: \"pii.name\")`";
            Err(Bad { at: directive.name.at, why: Why::Syntax, message })
        }
    })
    .collect()
}
