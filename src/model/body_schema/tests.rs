//! What is told of a body that is not as its schema says.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn schema() -> BodySchema {
    let schema = json!({
        "type": "object",
        "required": ["name", "ssn"],
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "maxLength": 3},
            "ssn": {"type": "string", "pattern": "^[0-9]{3}-[0-9]{2}-[0-9]{4}$"},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "kind": {"enum": ["a", "b"]},
            "tags": {"type": "array", "items": {"const": "x"}, "uniqueItems": true, "maxItems": 3},
            "any": {"oneOf": [{"type": "string"}, {"type": "integer", "multipleOf": 7}]},
            "map": {"additionalProperties": {"type": "boolean"}, "propertyNames": {"maxLength": 4}},
        },
    });
    BodySchema::new(&schema, true).unwrap()
}

fn faults(body: &str) -> Vec<(String, String)> {
    let found = schema().check(body.as_bytes()).err().unwrap_or_default();
    found.into_iter().map(|fault| (fault.pointer, fault.keyword.into())).collect()
}

#[test]
fn what_is_wrong_is_told_by_place_and_keyword() {
    let told = |body: &str| {
        faults(body).iter().map(|(at, keyword)| format!("{at} {keyword}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told(r#"{"name":"ada","ssn":"078-05-1120"}"#), "");
    assert_eq!(told(r#"{"name":"adam","ssn":"078-05-1120"}"#), "/name maxLength");
    assert_eq!(told(r#"{"name":"ada"}"#), "/ssn required");
    assert_eq!(
        told(r#"{"name":"ada","ssn":"078","map":{"a@b.example":1}}"#),
        "/ssn pattern, /map/* type, /map propertyNames"
    );
    assert_eq!(told(r#"{"name":"ada","ssn":"078-05-1120","078-05-1121":1}"#), " additionalProperties");
    assert_eq!(told(r#"{"name":"ada","name":"bob","ssn":"078-05-1120"}"#), "/name duplicate_key");
    assert_eq!(told(r#"{"name":"ada","ssn":"078-05-1120","tags":["x","y"]}"#), "/tags/1 const");
}

#[test]
fn a_pattern_that_needs_more_than_linear_time_is_refused_when_it_is_read() {
    for pattern in ["(?=a)b", r"(a)\1"] {
        assert!(BodySchema::new(&json!({"pattern": pattern}), false).is_err(), "{pattern}");
    }
}

#[test]
fn a_reference_never_leaves_the_schema() {
    for reference in ["https://schemas.example/a.json", "file:///etc/passwd", "other.json", "#/nowhere"] {
        assert!(BodySchema::new(&json!({"$ref": reference}), false).is_err(), "{reference}");
    }
}

fn value() -> impl Strategy<Value = (Json, Vec<String>)> {
    // Texts and numbers that no name and no keyword contains.
    let leaf = prop_oneof![
        "[G-Z]{8,12}".prop_map(|text| (json!(text), vec![text])),
        (1_000_000_u64..u64::MAX).prop_map(|number| (json!(number), vec![number.to_string()])),
        any::<bool>().prop_map(|flag| (json!(flag), Vec::new())),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let name = prop_oneof![
            proptest::sample::select(vec!["name", "ssn", "age", "kind", "tags", "any", "map"])
                .prop_map(str::to_owned),
            "[G-Z]{8} [G-Z]{4}",
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|all| {
                let (items, texts): (Vec<Json>, Vec<Vec<String>>) = all.into_iter().unzip();
                (Json::from(items), texts.concat())
            }),
            proptest::collection::vec((name, inner), 0..5).prop_map(|all| {
                let texts = all.iter().flat_map(|(_, (_, texts))| texts.clone()).collect();
                (Json::Object(all.into_iter().map(|(name, (value, _))| (name, value)).collect()), texts)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_told_holds_no_value_of_the_body((body, values) in value()) {
        let told = format!("{:?}", faults(&body.to_string()));
        for value in values {
            prop_assert!(!told.contains(&value), "{} tells {}", told, value);
        }
        // Nor a key that is no plain name: those that are made have a space.
        let ends: Vec<char> = told.match_indices(' ').filter_map(|(at, _)| told.get(..at)?.chars().last()).collect();
        prop_assert!(ends.iter().all(|c| !('G'..='Z').contains(c)), "{}", told);
    }
}
