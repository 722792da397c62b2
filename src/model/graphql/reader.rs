//! What schemas and documents have in common: names, values, arguments, directives, types.
//!
//! Never: nests deeper than its bound, or takes less than a whole text.

use std::collections::HashSet;

use crate::limits;
use crate::model::graphql::tokens::Bad;
use crate::model::graphql::tokens::Token;
use crate::model::graphql::tokens::Tokens;
use crate::model::graphql::tokens::Whose;
use crate::model::graphql::tokens::Why;

/// A name and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'t> {
    Variable(&'t str),
    /// A number, `true`, `false`, `null` or a word of an enum.
    Word(&'t str),
    /// What stands between the quotes of a text in one line.
    Text(&'t str),
    Block(&'t str),
    List(Vec<Self>),
    Object(Vec<(Name<'t>, Self)>),
}

/// An argument, or the default of something.
pub(super) type Argument<'t> = (Name<'t>, Value<'t>);

/// A directive where it is used.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Directive<'t> {
    pub(super) name: Name<'t>,
    pub(super) arguments: Vec<Argument<'t>>,
}

/// A text that is read from its front.
pub(super) struct Reader<'t> {
    tokens: Tokens<'t>,
    pub(super) token: Token<'t>,
    /// Where the token begins.
    pub(super) at: usize,
    depth: usize,
}

/// What stands around the name of a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Around {
    /// How many lists.
    pub(super) lists: u8,
    /// May there be `null` in its place?
    pub(super) is_nullable: bool,
}

impl<'t> Reader<'t> {
    /// Reads so many tokens at most.
    pub(super) fn new(text: &'t str, whose: Whose, tokens: usize) -> Result<Self, Bad> {
        let mut reader =
            Self { tokens: Tokens::new(text, whose, tokens), token: Token::End, at: 0, depth: 0 };
        reader.skip()?;
        Ok(reader)
    }

    /// How many more tokens may come.
    pub(super) const fn left(&self) -> usize {
        self.tokens.left()
    }

    pub(super) fn bad(&self, message: &'static str) -> Bad {
        Bad { at: self.at, why: Why::Syntax, message }
    }

    /// Goes on to the next token.
    pub(super) fn skip(&mut self) -> Result<(), Bad> {
        (self.token, self.at) = self.tokens.next()?;
        Ok(())
    }

    /// Takes this mark if it is the next token.
    pub(super) fn takes(&mut self, mark: u8) -> Result<bool, Bad> {
        let is_it = self.token == Token::Mark(mark);
        if is_it {
            self.skip()?;
        }
        Ok(is_it)
    }

    pub(super) fn mark(&mut self, mark: u8, message: &'static str) -> Result<(), Bad> {
        if self.takes(mark)? { Ok(()) } else { Err(self.bad(message)) }
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.token == Token::Name(word)
    }

    /// Takes this word if it is the next token.
    pub(super) fn takes_word(&mut self, word: &str) -> Result<bool, Bad> {
        let is_it = self.is_word(word);
        if is_it {
            self.skip()?;
        }
        Ok(is_it)
    }

    pub(super) fn name(&mut self) -> Result<Name<'t>, Bad> {
        let Token::Name(text) = self.token else { return Err(self.bad("a name is missing")) };
        let name = Name { text, at: self.at };
        self.skip()?;
        Ok(name)
    }

    /// Reads what nests, within the bound.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Bad>) -> Result<T, Bad> {
        self.depth += 1;
        if self.depth > limits::GRAPHQL_DEPTH_MAX {
            return Err(Bad { at: self.at, why: Why::TooLarge, message: "it nests too deep" });
        }
        let done = read(self)?;
        self.depth -= 1;
        Ok(done)
    }

    /// `( a: 1 b: 2 )`, if it is there; at least one.
    pub(super) fn arguments(&mut self, is_constant: bool) -> Result<Vec<Argument<'t>>, Bad> {
        let mut all: Vec<Argument<'t>> = Vec::new();
        if !self.takes(b'(')? {
            return Ok(all);
        }
        let mut known = HashSet::new();
        loop {
            let name = self.name()?;
            self.mark(b':', "a `:` is missing after the name of an argument")?;
            let value = self.value(is_constant)?;
            if !known.insert(name.text) {
                let message = "an argument is given twice";
                return Err(Bad { at: name.at, why: Why::TwoReadings, message });
            }
            all.push((name, value));
            if self.takes(b')')? {
                return Ok(all);
            }
        }
    }

    pub(super) fn directives(&mut self, is_constant: bool) -> Result<Vec<Directive<'t>>, Bad> {
        let mut all = Vec::new();
        while self.takes(b'@')? {
            let name = self.name()?;
            all.push(Directive { name, arguments: self.arguments(is_constant)? });
        }
        Ok(all)
    }

    pub(super) fn value(&mut self, is_constant: bool) -> Result<Value<'t>, Bad> {
        let value = match self.token {
            Token::Mark(b'$') if !is_constant => {
                self.skip()?;
                return Ok(Value::Variable(self.name()?.text));
            }
            Token::Mark(b'[') => return self.deeper(|reader| reader.list(is_constant)),
            Token::Mark(b'{') => return self.deeper(|reader| reader.object(is_constant)),
            Token::Name(word) | Token::Number(word) => Value::Word(word),
            Token::Text(text) => Value::Text(text),
            Token::Block(text) => Value::Block(text),
            Token::Mark(_) | Token::Spread | Token::End => return Err(self.bad("a value is missing")),
        };
        self.skip()?;
        Ok(value)
    }

    fn list(&mut self, is_constant: bool) -> Result<Value<'t>, Bad> {
        self.skip()?;
        let mut all = Vec::new();
        while !self.takes(b']')? {
            all.push(self.value(is_constant)?);
        }
        Ok(Value::List(all))
    }

    fn object(&mut self, is_constant: bool) -> Result<Value<'t>, Bad> {
        self.skip()?;
        let mut all: Vec<Argument<'t>> = Vec::new();
        let mut known = HashSet::new();
        while !self.takes(b'}')? {
            let name = self.name()?;
            self.mark(b':', "a `:` is missing after the name of a field")?;
            if !known.insert(name.text) {
                let message = "a field of a value is given twice";
                return Err(Bad { at: name.at, why: Why::TwoReadings, message });
            }
            all.push((name, self.value(is_constant)?));
        }
        Ok(Value::Object(all))
    }

    /// The name of a type without its brackets and exclamation marks: a list is of what its items are of.
    pub(super) fn type_name(&mut self) -> Result<Name<'t>, Bad> {
        self.written_type().map(|(name, _)| name)
    }

    /// The same, with what stands around it.
    pub(super) fn written_type(&mut self) -> Result<(Name<'t>, Around), Bad> {
        let (name, lists) = if self.takes(b'[')? {
            let (name, inner) = self.deeper(Self::written_type)?;
            self.mark(b']', "a `]` is missing")?;
            (name, inner.lists.saturating_add(1))
        } else {
            (self.name()?, 0)
        };
        Ok((name, Around { lists, is_nullable: !self.takes(b'!')? }))
    }

    /// A text that says what the next thing is.
    pub(super) fn description(&mut self) -> Result<(), Bad> {
        if matches!(self.token, Token::Text(_) | Token::Block(_)) {
            self.skip()?;
        }
        Ok(())
    }
}
