//! What may stand at a place of a test file, for editors: from the one list of keys.
//!
//! Never: knows of a key that the reader does not.

use crate::ids::Action;
use crate::request::question;

use super::keys::DECISIONS;
use super::keys::FILE;
use super::keys::Form;
use super::keys::Key;
use super::keys::LIKE;

/// What may stand somewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// Keys, each with what it says.
    pub keys: Vec<(&'static str, &'static str)>,
    /// Words that may be the value.
    pub words: Vec<&'static str>,
    /// The key, on the way there, whose value this is or is part of: `tenant`, `classes`.
    pub of: Option<&'static str>,
    /// What that key says.
    pub says: &'static str,
}

/// What may stand where these steps lead, from the top of the file: into a key's value, or into an item of a list.
/// Nothing where they lead nowhere.
#[must_use]
pub fn offer(way: &[Option<&str>]) -> Offer {
    let (mut form, mut last): (Form, Option<Key>) = (Form::Map(FILE), None);
    for step in way {
        let Some((inner, key)) = into(form, *step) else { return Offer::default() };
        form = inner;
        last = key.or(last);
    }
    let keys: Vec<Key> = if let Form::Map(keys) | Form::Decision(keys) = form {
        keys.to_vec()
    } else if let Form::Request(keys) = form {
        keys.iter().copied().chain([LIKE]).collect()
    } else {
        Vec::new()
    };
    Offer {
        keys: keys.iter().map(|key| (key.name, key.says)).collect(),
        words: words(form),
        of: last.map(|key| key.name),
        says: last.map_or("", |key| key.says),
    }
}

/// The words that may stand there by themselves.
fn words(form: Form) -> Vec<&'static str> {
    match form {
        Form::OneOf(words) => words.to_vec(),
        Form::Decision(_) => DECISIONS.to_vec(),
        Form::Action | Form::Actions => Action::ALL.map(Action::as_str).to_vec(),
        Form::Code => question::codes().to_vec(),
        Form::Cells => DECISIONS.iter().copied().chain(question::codes()).collect(),
        Form::Text
        | Form::Texts
        | Form::Anything
        | Form::Map(_)
        | Form::Named(_)
        | Form::List(_)
        | Form::Request(_)
        | Form::Classes => Vec::new(),
    }
}

/// One step further, and the key that it leads through.
fn into(form: Form, step: Option<&str>) -> Option<(Form, Option<Key>)> {
    let find = |keys: &[Key], name: &str| keys.iter().find(|key| key.name == name).copied();
    match (form, step) {
        (Form::Map(keys) | Form::Decision(keys), Some(name)) => {
            let key = find(keys, name)?;
            Some((key.form, Some(key)))
        }
        (Form::Request(keys), Some(name)) => {
            let key = find(keys, name).or_else(|| find(&[LIKE], name))?;
            Some((key.form, Some(key)))
        }
        (Form::Named(keys), Some(_)) | (Form::List(keys), None) => Some((Form::Map(keys), None)),
        (Form::Texts | Form::Classes, None) => Some((Form::Text, None)),
        (Form::Actions, None) => Some((Form::Action, None)),
        (Form::Cells, _) => Some((Form::Cells, None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(way: &[Option<&str>]) -> Vec<&'static str> {
        offer(way).keys.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn each_place_of_a_test_file_has_its_keys_and_words() {
        assert_eq!(keys(&[]), ["defaults", "principals", "requests", "tests", "tables", "redactions"]);
        assert!(keys(&[Some("principals"), Some("dana")]).contains(&"roles"));
        let request = keys(&[Some("tests"), None, Some("request")]);
        assert!(request.contains(&"purpose") && request.contains(&"like"), "{request:?}");
        let roles = offer(&[Some("principals"), Some("dana"), Some("roles"), None]);
        assert_eq!((roles.of, roles.says), (Some("roles"), "Its roles."));
        let status = offer(&[Some("defaults"), Some("tenants"), Some("acme"), Some("status")]);
        assert!(status.words.contains(&"quarantined"));
        let cell = offer(&[Some("tables"), None, Some("expect"), Some("dana"), None]);
        assert!(cell.words.contains(&"allow") && cell.words.contains(&"tenant_mismatch"), "{:?}", cell.words);
        assert_eq!(offer(&[Some("tables"), None, Some("actions"), None]).words.len(), Action::ALL.len());
        assert_eq!(offer(&[Some("nonsense")]), Offer::default());
        assert_eq!(offer(&[None]), Offer::default());
    }
}
