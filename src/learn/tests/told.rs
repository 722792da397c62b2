//! What is told of keys, columns and counts that are not what they look like.

use super::*;

#[test]
fn keys_of_which_each_object_has_few_are_told_as_any_key() {
    let people = ["ann", "bob", "cyd", "dan", "eve", "fay", "gus", "hal"];
    let bodies = |value: &dyn Fn(usize) -> Value| -> Vec<String> {
        let two =
            |n: usize| json!({"name": "x", "balance": {people[n]: value(n), people[(n + 1) % 8]: value(n)}});
        (0..8).map(|n| two(n).to_string()).collect()
    };
    let texts = |n: usize| json!(format!("t{n}"));
    for (value, is_map) in [
        (&(|n| json!(n)) as &dyn Fn(usize) -> Value, true),
        (&texts, true),
        (&|n| json!({"sum": n, "at": "x"}), true),
        // Fields of several types are those of a record, of which each has some.
        (&|n| if n % 2 == 0 { json!(n) } else { json!("x") }, false),
    ] {
        let bodies = bodies(value);
        let bodies: Vec<(&str, &str)> = bodies.iter().map(|body| ("application/json", &**body)).collect();
        let learned = learned(1, &bodies);
        let balance = at(&learned, &["balance"]);
        assert_eq!((balance.members.is_empty(), balance.any.is_some()), (is_map, is_map), "{balance:?}");
        assert!(at(&learned, &[]).members.contains_key("name"));
    }
}

#[test]
fn a_first_row_like_those_below_it_names_no_columns() {
    let names = |table: &str| {
        let learned = learned(1, &[("text/csv", table)]);
        let items = at(&learned, &["[]"]);
        let mut names: Vec<String> = items.members.keys().map(|key| key.to_string()).collect();
        names.extend(items.any.iter().map(|_| "*".to_owned()));
        (names, items.types.object)
    };
    let named =
        |names: &[&str], rows| (names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), rows);
    assert_eq!(names("smith,berlin,active\njones,paris,closed\n"), named(&["*"], 2));
    assert_eq!(names("smith,berlin,active\njones,paris,closed\nblake,berlin,active\n"), named(&["*"], 3));
    assert_eq!(names("smith,berlin,active"), named(&["*"], 1));
    assert_eq!(names("smith,email,active\njones,email,closed\n"), named(&["*"], 2));
    assert_eq!(names("active,active,closed\n1,2,3\n"), named(&["*"], 2));
    // What is told by a column's kind, or by what its name speaks of.
    assert_eq!(names("person,city,since\nsmith,berlin,2026-11-22\n"), named(&["city", "person", "since"], 1));
    assert_eq!(names("surname,city\nsmith,berlin\n"), named(&["city", "surname"], 1));
    let said = learned(1, &[("text/csv; header=present", "smith,berlin\njones,paris\n")]);
    assert!(at(&said, &["[]"]).members.contains_key("smith"));
}

#[test]
fn what_follows_a_line_that_is_no_document_counts_as_what_it_is() {
    let mut lines = "{\"a\": [[[[{\"b\": \n".repeat(20);
    lines.push_str("{\"mail\": {\"of\": [\"ann@example.org\"]}}\n");
    let learned = learned(1, &[("application/x-ndjson", &lines)]);
    assert_eq!(at(&learned, &["mail", "of", "[]"]).types.string, 1);
    let body = &learned.routes["r"].response;
    assert_eq!((body.unread, body.over), (1, Over::default()));
}

#[test]
fn counts_as_high_as_may_be_are_added_without_harm() {
    let most = limits::LEARNED_COUNT_MAX;
    let types =
        json!({"null": most, "boolean": most, "number": most, "string": most, "object": most, "array": most});
    let node = json!({"bodies": most, "types": types, "found": {"email": {"values": most, "whole": most}}, "documents": most, "spoken": {"email": most}});
    let syllables = ["ta", "ke", "di", "fo", "gu", "la", "me", "ni", "po", "ru"];
    let letters =
        |n: usize| n.to_string().bytes().map(|b| syllables[usize::from(b - b'0')]).collect::<String>();
    let mut inner = node.clone();
    inner["members"] =
        (0..4_000).map(|n| (letters(n), node.clone())).collect::<serde_json::Map<_, _>>().into();
    let body = json!({"bodies": most, "root": {"bodies": most, "types": {"object": most}, "members": {"mail": inner}}});
    let file = json!({"version": 1, "routes": {"r": {"response": body, "request": body}}}).to_string();
    let before = Learned::parse(&file).unwrap();
    assert_eq!(before.bodies(), 2 * most);
    let mut observer = Observer::new(before, 1);
    observer.observe(&seen("application/json", br#"{"mail": {"new": "ann@example.org"}}"#));
    let learned = observer.learned();
    assert_eq!(at(&learned, &["mail", "*"]).types.null, u64::MAX);
    let model = model(ROUTES);
    drop(Proposal::new(&learned, &model, u64::MAX).routes_yaml());
}
