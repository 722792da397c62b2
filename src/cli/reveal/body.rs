//! A whole document turned back: each value that a mask made, where the route says that a class of the caller's stands.
//!
//! Never: changes another byte, or looks into a string that holds a document itself.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use bytes::Bytes;

use crate::model::Model;
use crate::redact::Mask;
use crate::redact::Plan;
use crate::redact::held;
use crate::snapshot::Held;

use super::Count;
use super::ask::Asked;
use super::show;
use super::turn;

/// A document as it was, as far as it could be turned back.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) text: Vec<u8>,
    pub(super) count: Count,
    /// How many pseudonyms stand there, which stay.
    pub(super) pseudonyms: usize,
}

/// Turns a document back.
///
/// # Errors
/// When it is not one JSON document.
pub(super) fn turn_back(model: &Model, asked: &Asked, keys: &[Held], body: Bytes) -> Result<Body, String> {
    let body = held::strict(&body).map_err(|why| why.to_string())?;
    let (mut cuts, mut count, mut pseudonyms) = (BTreeMap::new(), Count::default(), BTreeSet::new());
    let Some(shape) = &asked.shape else { return Ok(Body { text: body.to_vec(), count, pseudonyms: 0 }) };
    for class in asked.seen() {
        // Each class by itself: of values within each other all are found.
        let plan = Plan::new(shape, [(class.ix, Mask::Drop)], None);
        let known = model.classes.get(class.ix);
        let keeps_format = known.is_some_and(|known| known.mask == Mask::Format) && keys.len() == 1;
        for place in held::places(&plan, &body) {
            let range = place.bytes();
            let raw = body.get(range.clone()).unwrap_or_default();
            let Ok(text) = serde_json::from_slice::<String>(raw) else { continue };
            let revealed = turn::turn_back(keys, &class.name, text);
            match revealed.mask {
                "seal" => {}
                "format" if keeps_format => {}
                "pseudonym" => {
                    pseudonyms.insert(range.start);
                    continue;
                }
                _ => continue,
            }
            let cut = cuts.entry(range.start).or_insert((range.end, None));
            if let Some(turned) = revealed.values.into_iter().next() {
                count.keys.push(turned.key);
                cut.1 = Some(show::written(&turned.value));
            }
        }
    }
    count.given = cuts.len();
    count.turned_back = cuts.values().filter(|(_, value)| value.is_some()).count();
    count.keys.sort();
    count.keys.dedup();
    let (mut text, mut from) = (Vec::with_capacity(body.len()), 0);
    for (start, (end, value)) in cuts {
        let Some(value) = value else { continue };
        text.extend_from_slice(body.get(from..start).unwrap_or_default());
        text.extend_from_slice(value.as_bytes());
        from = end;
    }
    text.extend_from_slice(body.get(from..).unwrap_or_default());
    Ok(Body { text, count, pseudonyms: pseudonyms.len() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Buf as _;
    use proptest::prelude::*;
    use serde_json::Value as Json;
    use serde_json::json;

    use super::*;
    use crate::model::Classes;
    use crate::model::RoutesBuilder;
    use crate::model::Tenants;
    use crate::redact::ClassIx;
    use crate::redact::Encoding;
    use crate::redact::KeyId;
    use crate::redact::PseudonymKey;
    use crate::redact::Redactor;
    use crate::redact::Shape;
    use crate::redact::ShapeBuilder;

    const CLASSES: [(ClassIx, &str); 3] = [(ClassIx(0), "card"), (ClassIx(1), "name"), (ClassIx(2), "outer")];

    fn model() -> Model {
        let classes =
            "classes: {card: {level: 1, mask: format}, name: {level: 1, mask: seal}, outer: {level: 1}}\n";
        let (tenants, _) = Tenants::parse("t", "tenants: {acme: {}}\n").unwrap();
        Model::new(tenants, Classes::parse("c", classes).unwrap(), RoutesBuilder::new().finish().unwrap())
    }

    fn shape() -> Arc<Shape> {
        let mut shape = ShapeBuilder::new();
        for ((class, name), path) in CLASSES.iter().zip(["$..card", "$..name", "$.outer"]) {
            shape.path(path, *class).unwrap();
            shape.name_class(*class, name);
        }
        Arc::new(shape.build().unwrap())
    }

    fn key(secret: &str) -> PseudonymKey {
        PseudonymKey::new(secret.as_bytes(), "acme").named(KeyId::parse("k").unwrap())
    }

    fn masked(text: &str) -> String {
        let hidden = [(ClassIx(0), Mask::Format), (ClassIx(1), Mask::Seal)];
        let plan = Plan::new(&shape(), hidden, Some(key("one")));
        let mut redactor = Redactor::new(Arc::new(plan), Encoding::Identity);
        let mut first = redactor.feed(Bytes::from(text.to_owned())).unwrap();
        let (mut last, _) = redactor.finish().unwrap();
        let both = [first.copy_to_bytes(first.remaining()), last.copy_to_bytes(last.remaining())].concat();
        String::from_utf8(both).unwrap()
    }

    fn turned(text: &str, secret: &str) -> Body {
        let asked = Asked::seeing(&shape(), &CLASSES);
        let keys = [Held { file_of: None, key: key(secret) }];
        turn_back(&model(), &asked, &keys, Bytes::from(text.to_owned())).unwrap()
    }

    fn document() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![any::<String>().prop_map(Json::from), any::<i64>().prop_map(Json::from)];
        let member = prop_oneof![
            leaf.clone().prop_map(|value| ("name".to_owned(), value)),
            "[0-9]{6,12}".prop_map(|digits| ("card".to_owned(), digits.into())),
            ("[b-e]", prop_oneof![leaf, Just(json!(null)), Just(json!(true))]),
        ];
        let object = proptest::collection::vec(member, 0..5)
            .prop_map(|members| Json::Object(members.into_iter().collect()));
        object.prop_recursive(4, 20, 3, |inner| {
            let items = proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::from);
            (inner, items, "outer|[f-h]").prop_map(|(mut object, items, key)| {
                object.as_object_mut().unwrap().insert(key, items);
                object
            })
        })
    }

    proptest! {
        #[test]
        fn a_document_that_was_masked_is_what_it_was_and_with_another_key_stays_masked(
            tree in document(),
            pretty in any::<bool>(),
        ) {
            let text = if pretty { serde_json::to_string_pretty(&tree) } else { serde_json::to_string(&tree) };
            let text = text.unwrap();
            let masked = masked(&text);
            let body = turned(&masked, "one");
            prop_assert_eq!(body.count.given, body.count.turned_back);
            let back: Json = serde_json::from_slice(&body.text).unwrap();
            prop_assert_eq!(back, tree);
            let other = turned(&masked, "two");
            prop_assert!(masked.matches("sl_k_").count() <= String::from_utf8(other.text).unwrap().matches("sl_k_").count());
        }
    }

    #[test]
    fn what_no_mask_made_stays_byte_for_byte_and_pseudonyms_are_counted() {
        let pseudonym = key("one").pseudonym("name", "Ada");
        let text = format!("{{ \"name\":\"Ada\",\"x\": [1E400, {{\"name\":\"{pseudonym}\"}}] }}\n");
        let body = turned(&text, "one");
        assert_eq!(String::from_utf8(body.text).unwrap(), text);
        assert_eq!((body.count.given, body.pseudonyms), (0, 1));
        let sealed = masked("{\"outer\":{\"name\":1E400}}");
        assert_eq!(turned(&sealed, "one").text, b"{\"outer\":{\"name\":1E400}}");
    }
}
