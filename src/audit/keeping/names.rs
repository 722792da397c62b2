//! Pseudonyms: what stands in a log in place of who called, and the names that they stand for.
//!
//! Never: derives a pseudonym from a name. One whose name is forgotten says nothing to anybody.

use std::collections::HashMap;

use serde::Deserialize;
use serde::Serialize;

/// How a pseudonym begins.
const SIGN: char = '~';

/// How long one is, in bytes: the sign and sixteen of base64's letters.
const BYTES: usize = 17;

/// What a pseudonym stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The pseudonym.
    pub pseudonym: String,
    /// The tenant that the person is of; empty where that is nobody's.
    pub tenant: String,
    /// The person's id.
    pub id: String,
}

/// The names of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(HashMap<String, Named>);

impl Names {
    /// Those of a file, a line each; what is cut off at its end is none.
    ///
    /// # Errors
    /// When a line is none.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut names = Self::default();
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            let named: Named = serde_json::from_slice(line).map_err(|why| why.to_string())?;
            names.0.insert(named.pseudonym.clone(), named);
        }
        Ok(names)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Named> {
        self.0.values()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pseudonyms of a person; of whatever tenant where none is said.
    #[must_use]
    pub fn of(&self, tenant: Option<&str>, id: &str) -> Vec<String> {
        let is = |named: &&Named| named.id == id && tenant.is_none_or(|tenant| tenant == named.tenant);
        self.iter().filter(is).map(|named| named.pseudonym.clone()).collect()
    }

    /// A text with the names in place of their pseudonyms; those that nobody knows any more stay. `write` says how a name is written
    /// there.
    #[must_use]
    pub fn reveal(&self, text: &str, write: impl Fn(&str) -> String) -> String {
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, from)) = rest.find(SIGN).and_then(|at| rest.split_at_checked(at)) {
            out.push_str(before);
            let found =
                from.split_at_checked(BYTES).and_then(|(one, behind)| Some((self.0.get(one)?, behind)));
            if let Some((named, behind)) = found {
                out.push_str(&write(&named.id));
                rest = behind;
            } else {
                out.push(SIGN);
                rest = from.strip_prefix(SIGN).unwrap_or_default();
            }
        }
        out.push_str(rest);
        out
    }

    /// The same within JSON.
    #[must_use]
    pub fn reveal_json(&self, text: &str) -> String {
        self.reveal(text, |id| {
            let quoted = serde_json::Value::from(id).to_string();
            quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_where_their_pseudonyms_stand_and_unknown_ones_stay() {
        let line = |one: &str, id: &str| {
            let (pseudonym, tenant, id) = (one.to_owned(), "acme".to_owned(), id.to_owned());
            serde_json::to_string(&Named { pseudonym, tenant, id }).unwrap() + "\n"
        };
        let (ann, odd) = ("~AAAAAAAAAAAAAAAA", "~BBBBBBBBBBBBBBBB");
        let file = line(ann, "ann") + &line(odd, "o\"dd") + "{\"pseudonym\": \"~CCC";
        let names = Names::read(file.as_bytes()).unwrap();
        assert_eq!(names.reveal(&format!("~{ann}~ by {ann}"), str::to_owned), "~ann~ by ann");
        assert_eq!(names.reveal_json(&format!("\"{odd}\"")), r#""o\"dd""#);
        for text in ["", "~", "~AAAA", "~CCCCCCCCCCCCCCCC", "é~é"] {
            assert_eq!(names.reveal(text, str::to_owned), text);
        }
        assert_eq!(names.of(None, "ann"), [ann]);
        assert_eq!(names.of(Some("globex"), "ann"), Vec::<String>::new());
        assert!(Names::read(b"x\n").is_err());
    }
}
