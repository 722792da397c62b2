//! A document as a caller sends it: operations and fragments (September 2025, sections 2.3 to 2.8).
//!
//! Never: knows a schema, or reads what is no part of an executable document.

use std::collections::HashSet;

use crate::model::graphql::reader::Argument;
use crate::model::graphql::reader::Directive;
use crate::model::graphql::reader::Name;
use crate::model::graphql::reader::Reader;
use crate::model::graphql::reader::Value;
use crate::model::graphql::tokens::Bad;
use crate::model::graphql::tokens::Token;
use crate::model::graphql::tokens::Whose;
use crate::model::graphql::tokens::Why;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Does {
    /// It reads.
    Query,
    /// It changes something, then reads.
    Mutation,
    /// It reads what comes, as it comes.
    Subscription,
}

/// A variable, as an operation declares it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variable<'t> {
    pub(super) name: &'t str,
    /// The type, without what says that it is a list or required.
    pub(super) of: Name<'t>,
    pub(super) default: Option<Value<'t>>,
    pub(super) directives: Vec<Directive<'t>>,
}

/// An operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation<'t> {
    pub(super) does: Does,
    pub(super) name: Option<&'t str>,
    pub(super) variables: Vec<Variable<'t>>,
    pub(super) directives: Vec<Directive<'t>>,
    pub(super) selects: Vec<Selection<'t>>,
}

/// A fragment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fragment<'t> {
    pub(super) name: &'t str,
    pub(super) on: &'t str,
    pub(super) directives: Vec<Directive<'t>>,
    pub(super) selects: Vec<Selection<'t>>,
}

/// What is selected of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Selection<'t> {
    Field(Field<'t>),
    /// All that a fragment selects.
    Spread(&'t str, Vec<Directive<'t>>),
    /// The same, written where it is spread.
    Inline(Option<&'t str>, Vec<Directive<'t>>, Vec<Self>),
}

/// A field, as it is selected.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field<'t> {
    /// What it is called in the answer.
    pub(super) key: &'t str,
    pub(super) name: &'t str,
    pub(super) arguments: Vec<Argument<'t>>,
    pub(super) directives: Vec<Directive<'t>>,
    pub(super) selects: Vec<Selection<'t>>,
}

/// A whole document.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Document<'t> {
    pub(super) operations: Vec<Operation<'t>>,
    pub(super) fragments: Vec<Fragment<'t>>,
}

/// The names that a document has taken.
#[derive(Default)]
struct Known<'t> {
    operations: HashSet<&'t str>,
    fragments: HashSet<&'t str>,
}

impl<'t> Document<'t> {
    /// Reads a caller's document, of which so many tokens are taken.
    pub(super) fn read(text: &'t str, tokens: &mut usize) -> Result<Self, Bad> {
        let mut reader = Reader::new(text, Whose::Caller, *tokens)?;
        let mut document = Self::default();
        let mut known = Known::default();
        while reader.token != Token::End {
            document.definition(&mut reader, &mut known)?;
        }
        *tokens = reader.left();
        Ok(document)
    }

    fn definition(&mut self, reader: &mut Reader<'t>, known: &mut Known<'t>) -> Result<(), Bad> {
        if reader.token == Token::Mark(b'{') {
            let selects = selection(reader)?;
            let (variables, directives) = (Vec::new(), Vec::new());
            let does = Does::Query;
            self.operations.push(Operation { does, name: None, variables, directives, selects });
            return Ok(());
        }
        let at = reader.at;
        let does = match reader.name()?.text {
            "query" => Does::Query,
            "mutation" => Does::Mutation,
            "subscription" => Does::Subscription,
            "fragment" => return self.fragment(reader, known),
            _ => {
                let message = "neither an operation nor a fragment";
                return Err(Bad { at, why: Why::Syntax, message });
            }
        };
        let name = if let Token::Name(name) = reader.token {
            reader.skip()?;
            Some(name)
        } else {
            None
        };
        if name.is_some_and(|name| !known.operations.insert(name)) {
            return Err(Bad { at, why: Why::TwoReadings, message: "an operation is there twice" });
        }
        let variables = variables(reader)?;
        let directives = reader.directives(false)?;
        let selects = selection(reader)?;
        self.operations.push(Operation { does, name, variables, directives, selects });
        Ok(())
    }

    fn fragment(&mut self, reader: &mut Reader<'t>, known: &mut Known<'t>) -> Result<(), Bad> {
        let Name { text: name, at } = reader.name()?;
        if name == "on" {
            return Err(Bad { at, why: Why::Syntax, message: "a fragment has no name" });
        }
        if !known.fragments.insert(name) {
            return Err(Bad { at, why: Why::TwoReadings, message: "a fragment is there twice" });
        }
        if !reader.takes_word("on")? {
            return Err(reader.bad("a fragment does not say of which type it is"));
        }
        let on = reader.name()?.text;
        let directives = reader.directives(false)?;
        let selects = selection(reader)?;
        self.fragments.push(Fragment { name, on, directives, selects });
        Ok(())
    }

    /// The operation of this name, or the only one. `None` where it is not clear which one is meant.
    pub(super) fn operation(&self, name: Option<&str>) -> Option<&Operation<'t>> {
        match (name.filter(|name| !name.is_empty()), &*self.operations) {
            (None, [only]) => Some(only),
            (None, _) => None,
            // One without a name beside others is one that only some readers know how to leave out.
            (Some(_), [_, _, ..]) if self.operations.iter().any(|one| one.name.is_none()) => None,
            (Some(name), all) => all.iter().find(|one| one.name == Some(name)),
        }
    }
}

fn variables<'t>(reader: &mut Reader<'t>) -> Result<Vec<Variable<'t>>, Bad> {
    let mut all: Vec<Variable<'t>> = Vec::new();
    if !reader.takes(b'(')? {
        return Ok(all);
    }
    let mut known = HashSet::new();
    loop {
        reader.mark(b'$', "a variable is missing")?;
        let name = reader.name()?;
        reader.mark(b':', "a `:` is missing after a variable")?;
        let of = reader.type_name()?;
        let default = if reader.takes(b'=')? { Some(reader.value(true)?) } else { None };
        let directives = reader.directives(true)?;
        if !known.insert(name.text) {
            return Err(Bad { at: name.at, why: Why::TwoReadings, message: "a variable is there twice" });
        }
        all.push(Variable { name: name.text, of, default, directives });
        if reader.takes(b')')? {
            return Ok(all);
        }
    }
}

fn selection<'t>(reader: &mut Reader<'t>) -> Result<Vec<Selection<'t>>, Bad> {
    reader.deeper(|reader| {
        reader.mark(b'{', "a `{` is missing")?;
        let mut all = Vec::new();
        loop {
            all.push(selected(reader)?);
            if reader.takes(b'}')? {
                return Ok(all);
            }
        }
    })
}

fn selected<'t>(reader: &mut Reader<'t>) -> Result<Selection<'t>, Bad> {
    if reader.token != Token::Spread {
        return field(reader).map(Selection::Field);
    }
    reader.skip()?;
    let on = match reader.token {
        Token::Name("on") => {
            reader.skip()?;
            Some(reader.name()?.text)
        }
        Token::Name(name) => {
            reader.skip()?;
            return Ok(Selection::Spread(name, reader.directives(false)?));
        }
        Token::Mark(_) | Token::Number(_) | Token::Text(_) | Token::Block(_) | Token::Spread | Token::End => {
            None
        }
    };
    let directives = reader.directives(false)?;
    Ok(Selection::Inline(on, directives, selection(reader)?))
}

fn field<'t>(reader: &mut Reader<'t>) -> Result<Field<'t>, Bad> {
    let key = reader.name()?.text;
    let name = if reader.takes(b':')? { reader.name()?.text } else { key };
    let arguments = reader.arguments(false)?;
    let directives = reader.directives(false)?;
    let has_more = reader.token == Token::Mark(b'{');
    let selects = if has_more { selection(reader)? } else { Vec::new() };
    Ok(Field { key, name, arguments, directives, selects })
}
