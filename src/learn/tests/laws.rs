//! What holds of learning whatever the bodies are: nothing of a value stays.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// A value that can be told anywhere, by its middle, and is no name of a field when it is a key.
fn secret() -> BoxedStrategy<String> {
    prop_oneof![
        "womb[a-z]{6}@example\\.org",
        "[0-9a-f]{8}-wombj-[0-9a-f]{12}",
        "womb[a-z]{4} womb[a-z]{4}",
        "9womb[0-9]{6,12}",
        "womb[a-z]{2,5}[0-9]{3,9}",
        "\\+49 171 womb[0-9]{7}",
        "womb[ -~é—\u{0}-\u{1f}]{1,20}!",
        "womb[a-z]{62,80}",
    ]
    .boxed()
}

/// A value whose key may be taken for a name: it is told only where several bodies have it.
fn likely_name() -> BoxedStrategy<String> {
    "womba[a-z]{2,4}".boxed()
}

fn body_of(key: BoxedStrategy<String>) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        secret().prop_map(Value::from),
        any::<i64>().prop_map(|n| Value::from(n.wrapping_abs() | 0x7177_7a00_0000)),
        Just(Value::Null),
        Just(Value::Bool(true)),
    ];
    let known = prop_oneof!["name|email|ssn|items|value|password", key];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((known.clone(), inner.clone()), 0..6)
                .prop_map(|members| Value::from(members.into_iter().collect::<serde_json::Map<_, _>>())),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

/// Nothing that is kept, told, written or shown holds any of it.
fn holds_nothing(observer: &Observer) {
    let learned = observer.learned();
    let model = model(ROUTES);
    let proposal = Proposal::new(&learned, &model, 50);
    for text in [
        learned.json(),
        format!("{observer:?}"),
        format!("{learned:?}"),
        proposal.routes_yaml(),
        proposal.classes_yaml(),
        format!("{proposal:?}"),
    ] {
        assert!(!text.contains("womb") && !text.contains("171 "), "{text}");
    }
}

fn formats(body: &Value) -> Vec<(&'static str, String)> {
    let members = || body.as_object().into_iter().flatten();
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let form: Vec<String> =
        members().map(|(key, value)| format!("{}={}", escaped(key), escaped(&plain(value)))).collect();
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let row = |cells: Vec<String>| cells.join(",");
    let table = [
        row(members().map(|(key, _)| cell(key)).collect()),
        row(members().map(|(_, value)| cell(&plain(value))).collect()),
    ];
    let xml = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let elements: String = members()
        .map(|(_, value)| format!("<value k=\"{}\">{}</value>", xml(&plain(value)), xml(&plain(value))))
        .collect();
    vec![
        ("application/json", body.to_string()),
        ("application/x-ndjson", format!("{body}\n{body}\n")),
        ("text/event-stream", format!("data: {body}\n\n")),
        ("application/x-www-form-urlencoded", form.join("&")),
        ("text/csv", table.join("\r\n")),
        ("application/xml", format!("<r>{elements}</r>")),
        ("text/plain", body.to_string()),
    ]
}

proptest! {
    #[test]
    fn nothing_of_a_value_is_kept_or_told(bodies in proptest::collection::vec(body_of(secret()), 1..4), cut in 0_usize..200) {
        let mut observer = Observer::new(Learned::default(), 1);
        for body in &bodies {
            for (format, text) in formats(body) {
                observer.observe(&seen(format, text.as_bytes()));
                let part = text.as_bytes().get(..cut).unwrap_or(text.as_bytes());
                observer.observe(&Seen { is_cut: true, ..seen(format, part) });
            }
        }
        holds_nothing(&observer);
        // The tree in memory has none either.
        prop_assert!(!observer.raw.json().contains("womb"));
    }

    #[test]
    fn a_key_that_one_body_has_is_never_told(bodies in proptest::collection::vec(body_of(likely_name()), 1..3)) {
        let mut observer = Observer::new(Learned::default(), 3);
        for body in &bodies {
            observer.observe(&seen("application/json", body.to_string().as_bytes()));
        }
        holds_nothing(&observer);
    }

    #[test]
    fn any_bytes_are_looked_at_in_any_format(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:<>/=a-z&;%\n\u{1e}-]{0,80}") {
        let mut observer = Observer::new(Learned::default(), 1);
        for (format, _) in formats(&Value::Null) {
            for bytes in [&bytes, text.as_bytes()] {
                for is_cut in [false, true] {
                    observer.observe(&Seen { is_cut, ..seen(format, bytes) });
                }
            }
        }
        let learned = observer.learned();
        prop_assert_eq!(Learned::parse(&learned.json()), Ok(learned));
    }
}
