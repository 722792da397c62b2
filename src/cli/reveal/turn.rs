//! Single values turned back by the keys that are kept, and pseudonyms found among candidates.
//!
//! Never: guesses. Where a mask does not say which key made it, what each key makes of it is told.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::redact::KeyId;
use crate::redact::Keyed;
use crate::redact::Maker;
use crate::redact::Scalar;
use crate::snapshot::Held;

use super::Count;

/// One value, turned back as far as it can be.
#[derive(Debug)]
pub(super) struct Revealed {
    pub(super) masked: String,
    /// The mask that made it, by its form.
    pub(super) mask: &'static str,
    /// What it was. Several only for `format`: one for each key that may have made it.
    pub(super) values: Vec<Turned>,
    /// Why there is none.
    pub(super) why: &'static str,
}

/// What a value was.
#[derive(Debug)]
pub(super) struct Turned {
    pub(super) value: Scalar<String>,
    /// The id of the key, or `-`.
    pub(super) key: String,
    /// The tenant whose file has the key.
    pub(super) file_of: Option<String>,
}

/// What a key is called: its id, or `-` for the one secret of all tenants.
pub(super) fn label(held: &Held) -> String {
    held.key.id().map_or("-", KeyId::as_str).to_owned()
}

impl Turned {
    fn by(held: &Held, value: Scalar<String>) -> Self {
        Self { value, key: label(held), file_of: held.file_of.as_ref().map(ToString::to_string) }
    }
}

/// Turns one value of a class back.
pub(super) fn turn_back(keys: &[Held], class: &str, masked: String) -> Revealed {
    let (mask, values, why): (_, Vec<Turned>, _) = match Keyed::read(&masked) {
        Some(Keyed { maker: Maker::Seal, .. }) => {
            let opened = |held: &Held| Some(Turned::by(held, held.key.unsealed(class, &masked)?));
            let why = "none of the keys that are kept made it for this tenant and class";
            ("seal", keys.iter().filter_map(opened).collect(), why)
        }
        Some(Keyed { maker: Maker::Pseudonym, .. }) => (
            "pseudonym",
            Vec::new(),
            "a pseudonym cannot be turned back, only found among candidates (`--among`)",
        ),
        None => {
            let turned =
                |held: &Held| Some(Turned::by(held, Scalar::Text(held.key.unformatted(class, &masked)?)));
            let values: Vec<Turned> = keys.iter().filter_map(turned).collect();
            (
                if values.is_empty() { "none" } else { "format" },
                values,
                "no mask that is made with a key makes this",
            )
        }
    };
    Revealed { masked, mask, values, why }
}

/// Finds pseudonyms among candidates, and of what each key makes of a value of `format` keeps what is one. `step` is told
/// of each candidate.
pub(super) fn among(
    keys: &[Held],
    class: &str,
    all: &mut [Revealed],
    candidates: &[String],
    mut step: impl FnMut(),
) {
    let mut wanted: HashMap<String, Vec<usize>> = HashMap::new();
    let mut ids: HashSet<Option<String>> = HashSet::new();
    for (at, one) in all.iter().enumerate() {
        if let Some(Keyed { maker: Maker::Pseudonym, id, .. }) = Keyed::read(&one.masked) {
            ids.insert(id.map(str::to_owned));
            wanted.entry(one.masked.to_ascii_lowercase()).or_default().push(at);
        }
    }
    let makers: Vec<&Held> =
        keys.iter().filter(|held| ids.contains(&held.key.id().map(ToString::to_string))).collect();
    let known: HashSet<&str> = candidates.iter().map(String::as_str).collect();
    for candidate in &known {
        step();
        for held in &makers {
            for at in wanted.get(&held.key.pseudonym(class, candidate)).into_iter().flatten() {
                if let Some(one) = all.get_mut(*at) {
                    one.values.push(Turned::by(held, Scalar::Text((*candidate).to_owned())));
                }
            }
        }
    }
    for one in all {
        if one.mask == "format" {
            one.values.retain(
                |turned| matches!(&turned.value, Scalar::Text(text) if known.contains(text.as_str())),
            );
        }
        if matches!(one.mask, "format" | "pseudonym") {
            one.why = "it is none of the candidates, by no key that is kept";
        }
    }
}

/// What all of it comes to.
pub(super) fn count(all: &[Revealed]) -> Count {
    let turned = all.iter().filter(|one| !one.values.is_empty());
    let mut keys: Vec<String> =
        turned.clone().flat_map(|one| &one.values).map(|one| one.key.clone()).collect();
    keys.sort();
    keys.dedup();
    Count { given: all.len(), turned_back: turned.count(), keys }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::PseudonymKey;
    use proptest::prelude::*;

    fn key(id: &str, secret: &str, tenant: &str) -> Held {
        let key = PseudonymKey::new(secret.as_bytes(), tenant);
        Held { file_of: None, key: KeyId::parse(id).map_or(key.clone(), |id| key.named(id)) }
    }

    fn told(one: &Revealed) -> Vec<(String, String)> {
        let text = |value: &Scalar<String>| match value {
            Scalar::Text(text) | Scalar::Number(text) => text.clone(),
        };
        one.values.iter().map(|turned| (text(&turned.value), turned.key.clone())).collect()
    }

    proptest! {
        #[test]
        fn what_any_kept_key_made_is_turned_back_by_it_and_nothing_for_another_tenant_or_class(
            value in prop_oneof![any::<String>(), "[0-9]{6,20}"],
            at in 0..3_usize,
        ) {
            let kept = |tenant| [key("b", "one", tenant), key("a", "two", tenant), key("", "three", tenant)];
            let (keys, others) = (kept("acme"), kept("globex"));
            let (maker, name) = (&keys[at].key, label(&keys[at]));
            let sealed = maker.sealed("pii", Scalar::Text(&value)).unwrap();
            prop_assert_eq!(told(&turn_back(&keys, "pii", sealed.clone())), [(value.clone(), name.clone())]);
            prop_assert!(turn_back(&keys, "pii.name", sealed.clone()).values.is_empty());
            prop_assert!(turn_back(&others, "pii", sealed).values.is_empty());
            if let Some(made) = maker.formatted("pii", &value) {
                let turned = told(&turn_back(&keys, "pii", made.clone()));
                prop_assert!(turned.contains(&(value.clone(), name.clone())));
                let foreign = told(&turn_back(&others, "pii", made));
                prop_assert!(!foreign.iter().any(|(text, _)| *text == value));
            }
            let mut all = [turn_back(&keys, "pii", maker.pseudonym("pii", &value))];
            prop_assert!(all[0].values.is_empty());
            among(&keys, "pii", &mut all, &["other".to_owned(), value.clone(), value.clone()], || {});
            prop_assert_eq!(told(&all[0]), [(value.clone(), name)]);
            let mut all = [turn_back(&others, "pii", maker.pseudonym("pii", &value))];
            among(&others, "pii", &mut all, &[value], || {});
            prop_assert!(all[0].values.is_empty());
        }
    }

    #[test]
    fn of_what_each_key_makes_of_digits_a_candidate_is_kept() {
        let keys = [key("b", "one", "acme"), key("a", "two", "acme")];
        let made = keys[1].key.formatted("pii", "4111111111111111").unwrap();
        let mut all = [turn_back(&keys, "pii", made)];
        assert_eq!(all[0].values.len(), 2);
        among(&keys, "pii", &mut all, &["4111111111111111".to_owned()], || {});
        assert_eq!(told(&all[0]), [("4111111111111111".to_owned(), "a".to_owned())]);
        assert_eq!(count(&all).keys, ["a"]);
    }
}
