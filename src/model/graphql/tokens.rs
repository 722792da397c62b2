//! The tokens of GraphQL (September 2025, section 2.1), of schemas and of the documents that callers send.
//!
//! Of a caller's document only that is read which every reader of GraphQL reads alike: what older or laxer ones take for
//! something else is refused, for the app has a reader of its own.
//! Never: takes a token for another than the specification does, or goes on past its bound of tokens.

/// Whose text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The operator's: a file.
    File,
    /// A caller's, which the app reads too.
    Caller,
}

/// Why a text is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It is not GraphQL.
    Syntax,
    /// It is, and readers of other kinds or years read it otherwise.
    TwoReadings,
    /// It is too long, or nests too deep.
    TooLarge,
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) at: usize,
    pub(super) why: Why,
    pub(super) message: &'static str,
}

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// One of `!$&():=@[]{|}`.
    Mark(u8),
    Spread,
    Name(&'t str),
    Number(&'t str),
    /// What stands between the quotes, as it is written.
    Text(&'t str),
    Block(&'t str),
    End,
}

/// The tokens of a text, one after the other.
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
    left: usize,
    whose: Whose,
}

impl<'t> Tokens<'t> {
    /// So many may come.
    pub(super) fn new(text: &'t str, whose: Whose, left: usize) -> Self {
        // Some editors begin a file with it. In a document it is refused with all that stands outside of texts.
        let at = if whose == Whose::File && text.starts_with('\u{feff}') { 3 } else { 0 };
        Self { text, at, left, whose }
    }

    /// How many more may come.
    pub(super) const fn left(&self) -> usize {
        self.left
    }

    /// The next token, and where it begins.
    pub(super) fn next(&mut self) -> Result<(Token<'t>, usize), Bad> {
        self.ignored()?;
        let start = self.at;
        let Some(first) = self.byte(0) else { return Ok((Token::End, start)) };
        let Some(left) = self.left.checked_sub(1) else {
            return Err(self.bad(Why::TooLarge, "there are too many words in it"));
        };
        self.left = left;
        let token = match first {
            b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|' | b'}' => {
                self.at += 1;
                Token::Mark(first)
            }
            b'.' if self.rest().starts_with("...") => {
                self.at += 3;
                Token::Spread
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                self.while_is(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                Token::Name(self.since(start))
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b'"' if self.rest().starts_with("\"\"\"") => self.block()?,
            b'"' => self.string()?,
            _ => return Err(self.bad(Why::Syntax, "this character does not belong here")),
        };
        Ok((token, start))
    }

    fn bad(&self, why: Why, message: &'static str) -> Bad {
        Bad { at: self.at, why, message }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> &'t str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn while_is(&mut self, is: impl Fn(u8) -> bool) {
        while self.byte(0).is_some_and(&is) {
            self.at += 1;
        }
    }

    /// White space, commas and comments.
    fn ignored(&mut self) -> Result<(), Bad> {
        while let Some(byte) = self.byte(0) {
            match byte {
                b' ' | b'\t' | b',' | b'\n' => self.at += 1,
                b'\r' => {
                    self.line_end()?;
                    self.at += 1;
                }
                b'#' => {
                    let start = self.at;
                    self.while_is(|byte| byte != b'\n' && byte != b'\r');
                    self.plain(self.since(start), start)?;
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// A line that a carriage return alone ends: to some readers it goes on, and with it a comment.
    fn line_end(&self) -> Result<(), Bad> {
        if self.whose == Whose::Caller && self.byte(1) != Some(b'\n') {
            return Err(self.bad(Why::TwoReadings, "a line ends by a carriage return alone"));
        }
        Ok(())
    }

    /// Nothing in a comment or a text that a reader may take for the end of a line, or not take at all.
    fn plain(&self, text: &str, start: usize) -> Result<(), Bad> {
        let is_unclear = |c: char| {
            c.is_control() && !matches!(c, '\t' | '\n' | '\r')
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
        };
        match text.char_indices().find(|(_, c)| is_unclear(*c)) {
            Some((at, _)) if self.whose == Whose::Caller => {
                let message = "a character that not every reader takes alike";
                Err(Bad { at: start + at, why: Why::TwoReadings, message })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn number(&mut self) -> Result<Token<'t>, Bad> {
        let start = self.at;
        let digits = |tokens: &mut Self| {
            let from = tokens.at;
            tokens.while_is(|byte| byte.is_ascii_digit());
            if tokens.at == from { Err(tokens.bad(Why::Syntax, "a digit is missing")) } else { Ok(()) }
        };
        if self.byte(0) == Some(b'-') {
            self.at += 1;
        }
        if self.byte(0) == Some(b'0') {
            self.at += 1;
        } else {
            digits(self)?;
        }
        if self.byte(0) == Some(b'.') {
            self.at += 1;
            digits(self)?;
        }
        if matches!(self.byte(0), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(0), Some(b'+' | b'-')) {
                self.at += 1;
            }
            digits(self)?;
        }
        match self.byte(0) {
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') => {
                Err(self.bad(Why::Syntax, "a number ends in what is none"))
            }
            Some(_) | None => Ok(Token::Number(self.since(start))),
        }
    }

    fn string(&mut self) -> Result<Token<'t>, Bad> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.byte(0) {
                None | Some(b'\n' | b'\r') => {
                    return Err(self.bad(Why::Syntax, "a text does not end in its line"));
                }
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(_) => self.at += 1,
            }
        }
        let text = self.since(start);
        self.plain(text, start)?;
        self.at += 1;
        Ok(Token::Text(text))
    }

    fn escape(&mut self) -> Result<(), Bad> {
        match self.byte(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') if (2..6).all(|at| self.byte(at).is_some_and(|byte| byte.is_ascii_hexdigit())) => {
                self.at += 6;
            }
            // Braces came late: readers from before 2021 end here.
            Some(b'u') if self.byte(2) == Some(b'{') && self.whose == Whose::Caller => {
                return Err(self.bad(Why::TwoReadings, "an escape that not every reader knows"));
            }
            Some(b'u') if self.byte(2) == Some(b'{') => self.at += 3,
            Some(_) | None => return Err(self.bad(Why::Syntax, "this is no escape")),
        }
        Ok(())
    }

    fn block(&mut self) -> Result<Token<'t>, Bad> {
        self.at += 3;
        let start = self.at;
        // A caller's has no quote in it: a reader from before there were such texts takes it for three, and what is
        // between them for words.
        let unclear =
            Bad { at: self.at, why: Why::TwoReadings, message: "a quote within a text of many lines" };
        let is_file = self.whose == Whose::File;
        loop {
            let rest = self.rest();
            let (ends, escapes) = (rest.starts_with("\"\"\""), rest.starts_with("\\\"\"\""));
            match self.byte(0) {
                None => return Err(self.bad(Why::Syntax, "a text does not end")),
                Some(b'"') if ends && (is_file || self.byte(3) != Some(b'"')) => break,
                Some(b'\\') if escapes && is_file => self.at += 4,
                Some(b'"') if !is_file => return Err(unclear),
                Some(b'\\') if escapes => return Err(unclear),
                Some(b'\r') => {
                    self.line_end()?;
                    self.at += 1;
                }
                Some(_) => self.at += 1,
            }
        }
        let text = self.since(start);
        self.plain(text, start)?;
        self.at += 3;
        Ok(Token::Block(text))
    }
}
