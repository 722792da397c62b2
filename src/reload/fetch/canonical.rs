//! One text for one set of keys, whatever order its server tells them in: a set that is the same makes no new snapshot.
//!
//! Never: reads a set that was not found usable; two members of one name would be one here.

use serde_json::Map;
use serde_json::Value;

/// The same set with its keys and their members sorted, and nothing beside `keys`; `None` where it is none.
pub(super) fn canonical(jwks: &str) -> Option<String> {
    let set: Value = serde_json::from_str(jwks).ok()?;
    let Value::Array(keys) = set.get("keys")? else { return None };
    let mut keys: Vec<String> = keys.iter().map(|key| sorted(key).to_string()).collect();
    keys.sort_unstable();
    Some(format!("{{\"keys\":[\n{}\n]}}\n", keys.join(",\n")))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            let one = |name: &String| Some((name.clone(), sorted(members.get(name)?)));
            Value::Object(names.into_iter().filter_map(one).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_order_of_keys_and_members_means_nothing_and_the_rest_is_left_away() {
        let one =
            r#"{"keys":[{"kid":"a","kty":"OKP","x":{"b":1,"a":[2,{"d":1,"c":2}]}},{"kid":"b"}],"more":1}"#;
        let two = r#"{"keys": [{"kid":"b"},{"kty":"OKP","x":{"a":[2,{"c":2,"d":1}],"b":1},"kid":"a"}]}"#;
        assert_eq!(canonical(one), canonical(two));
        assert_ne!(canonical(one), canonical(&two.replace("2,{", "3,{")));
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":"#] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_same_for_every_order_and_stands_still(
            kids in proptest::collection::hash_set("[a-z]{1,8}", 0..8), seed in any::<u64>(),
        ) {
            let mut keys: Vec<String> =
                kids.iter().map(|kid| format!(r#"{{"kid":"{kid}","kty":"OKP"}}"#)).collect();
            let set = |keys: &[String]| canonical(&format!(r#"{{"keys":[{}]}}"#, keys.join(","))).unwrap();
            let first = set(&keys);
            let turn = usize::try_from(seed % 8).unwrap().min(keys.len());
            keys.rotate_left(turn);
            prop_assert_eq!(&set(&keys), &first);
            prop_assert_eq!(canonical(&first).unwrap(), first);
        }

        #[test]
        fn nothing_makes_it_fail(text in "\\PC*") {
            canonical(&text);
        }
    }
}
