//! Where the parts of a document end: its declaration, comments and tags; and bytes as characters.
//!
//! Never: decides what becomes of an element.

use super::Stage;
use super::Xml;
use super::tag;
use super::text;
use crate::limits;
use crate::redact::malformed::Malformed;

impl Xml {
    /// Takes bytes for characters, all of which may stand in XML.
    pub(super) fn characters(&mut self, piece: &[u8]) -> Result<(), Malformed> {
        let bad = self.bad();
        let mut bytes = std::mem::take(&mut self.part);
        let joined = if bytes.is_empty() {
            piece
        } else {
            bytes.extend_from_slice(piece);
            &bytes
        };
        let (text, rest) = match std::str::from_utf8(joined) {
            Ok(text) => (text, &[][..]),
            Err(error) if error.error_len().is_none() => {
                let (text, rest) = joined.split_at_checked(error.valid_up_to()).ok_or(bad)?;
                (std::str::from_utf8(text).map_err(|_| bad)?, rest)
            }
            Err(_) => return Err(bad),
        };
        if !text.chars().all(text::is_character) {
            return Err(bad);
        }
        self.held.push_str(text);
        self.part = rest.to_vec();
        Ok(())
    }

    /// The declaration, if there is one.
    pub(super) fn start(&mut self, out: &mut String) -> Result<bool, Malformed> {
        const OPEN: &str = "<?xml";
        let (bad, rest) = (self.bad(), self.rest());
        if rest.is_empty() {
            return Ok(false);
        }
        if self.before == 0 && rest.starts_with('\u{feff}') {
            self.take('\u{feff}'.len_utf8());
            return Ok(true);
        }
        if rest == "<" {
            return Ok(false);
        }
        if !rest.starts_with("<?") {
            self.stage = Stage::Markup;
            return Ok(true);
        }
        let end = rest.find("?>");
        if end.unwrap_or(rest.len()) > limits::XML_DECLARATION_BYTES_MAX {
            return Err(bad);
        }
        let Some(end) = end else {
            let may_be = rest.starts_with(OPEN) || OPEN.starts_with(rest);
            return if may_be { Ok(false) } else { Err(bad) };
        };
        let declaration = self.take(end + 2);
        if !tag::is_declaration(&declaration) {
            return Err(bad);
        }
        out.push_str(&declaration);
        self.stage = Stage::Markup;
        Ok(true)
    }

    /// The inside of a comment, none of which leaves.
    pub(super) fn comment(&mut self) -> Result<bool, Malformed> {
        let (bad, rest) = (self.bad(), self.rest());
        let Some(end) = rest.find("--") else {
            let sure = rest.len() - usize::from(rest.ends_with('-'));
            self.take(sure);
            return Ok(false);
        };
        match rest.as_bytes().get(end + 2) {
            None => Ok(false),
            Some(b'>') => {
                self.take(end + 3);
                self.stage = Stage::Markup;
                Ok(true)
            }
            Some(_) => Err(bad),
        }
    }

    /// Where the tag ends that stands first.
    pub(super) fn tag_end(&mut self) -> Result<Option<usize>, Malformed> {
        let (bad, at) = (self.bad(), self.before);
        let rest = self.held.as_bytes().get(self.at..).unwrap_or_default();
        let (mut quote, mut end) = (self.quote, None);
        for (at, byte) in rest.iter().copied().enumerate().skip(self.searched) {
            match (quote, byte) {
                (None, b'>') => {
                    end = Some(at);
                    break;
                }
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(open), byte) if byte == open => quote = None,
                (_, b'<') if at > 0 => return Err(bad),
                (None | Some(_), _) => {}
            }
        }
        (self.searched, self.quote) = (rest.len(), quote);
        if end.unwrap_or(self.searched) > limits::XML_TAG_BYTES_MAX {
            return Err(Malformed::TagTooLong { at });
        }
        Ok(end)
    }
}
