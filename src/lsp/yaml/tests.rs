//! What is read of YAML, whole and half written.

use super::*;

fn told(text: &str) -> Vec<String> {
    let one = |scalar: &Scalar| {
        let steps = scalar.way.steps().into_iter().map(|step| match step {
            Step::Key(key) => format!("{key}/"),
            Step::Item => "-/".to_owned(),
        });
        let role = if scalar.role == Role::Key { ":" } else { "" };
        format!("{}{}{role}", steps.collect::<String>(), scalar.text)
    };
    scalars(text).iter().map(one).collect()
}

#[test]
fn each_word_knows_the_way_to_it() {
    let text = "\
# a comment
a:
  b: {c: d, \"e f\": [g, {h: 'i'}], j}  # more
  k: |
    not: this
    nor: that
  l: >-

    nor: this
m:
- n: o
  p:
    - q: r s
    - t
u: x#y
";
    assert_eq!(
        told(text),
        [
            "a:",
            "a/b:",
            "a/b/c:",
            "a/b/c/d",
            "a/b/e f:",
            "a/b/e f/-/g",
            "a/b/e f/-/h:",
            "a/b/e f/-/h/i",
            "a/b/j",
            "a/k:",
            "a/l:",
            "m:",
            "m/-/n:",
            "m/-/n/o",
            "m/-/p:",
            "m/-/p/-/q:",
            "m/-/p/-/q/r s",
            "m/-/p/-/t",
            "u:",
            "u/x#y",
        ]
    );
    assert_eq!(told(&text.replace('\n', "\r\n")), told(text));
    for scalar in scalars(text) {
        assert!(text.get(scalar.bytes.clone()).unwrap().contains(&*scalar.text), "{scalar:?}");
    }
    assert_eq!(
        told("{\"a\":{\"b\":[\"c\",1]},\n\"d\":null}"),
        ["a:", "a/b:", "a/b/-/c", "a/b/-/1", "d:", "d/null"]
    );
}

#[test]
fn a_bracket_that_is_missing_does_not_swallow_what_follows() {
    let text = "tests:\n  - name: a\n    request: {like: b, now\n  - name: c\nd: e\n";
    let words = told(text);
    assert_eq!(words.last().unwrap(), "d/e");
    assert!(words.contains(&"tests/-/name/c".to_owned()), "{words:?}");
}

#[test]
fn all_words_below_a_step_share_the_way_to_it() {
    for text in ["a: {b: [x, y, {c: z}]}", "a:\n  b:\n  - x\n  - y\n"] {
        let words = scalars(text);
        let leg = |text: &str| words.iter().find(|word| word.text == text).unwrap().way.0.clone().unwrap();
        let (x, y) = (leg("x").before.0.clone().unwrap(), leg("y").before.0.clone().unwrap());
        assert!(Rc::ptr_eq(&x, &y), "{text}");
    }
}

#[test]
fn what_is_being_typed_is_a_word() {
    let at = |text: &str| {
        let byte = text.find('^').unwrap();
        let scalar = typed(&text.replace('^', ""), byte).unwrap();
        (scalar.keys().join("/"), scalar.text.to_string(), scalar.bytes)
    };
    assert_eq!(at("a:\n  b: 1\n  c^"), ("a".into(), "c".into(), 12..13));
    assert_eq!(at("a:\n  b: 1\n  ^\nd: 1"), ("a".into(), String::new(), 12..12));
    assert_eq!(at("a: {b: x^y}"), ("a/b".into(), "xy".into(), 7..9));
    assert_eq!(at("a: [b, ^"), ("a".into(), String::new(), 7..7));
    assert_eq!(at("t:\n- n: 1\n  ^"), ("t".into(), String::new(), 12..12));
    assert_eq!(at("a: \"b^\""), ("a".into(), "b".into(), 3..6));
    assert_eq!(typed("a # b", 5), None);
    assert_eq!(typed("ä", 1), None, "the middle of a character");
}

#[test]
fn what_nests_without_end_is_passed_over() {
    let many = 200_000;
    for text in [
        "[a,".repeat(many),
        "{a: ".repeat(many),
        format!("{}a: b", "- ".repeat(many)),
        "a:\n".repeat(many),
        format!("x: {}{}", "[".repeat(many), "a, ".repeat(many)),
    ] {
        assert!(scalars(&text).iter().all(|scalar| scalar.way.steps().len() < 100));
    }
}

proptest::proptest! {
    #[test]
    fn any_text_has_words_that_stand_where_they_say(text in r#"[-a-c:,{}\[\]'"|>#ä \n\r\\]{0,60}"#) {
        for scalar in scalars(&text) {
            proptest::prop_assert!(text.get(scalar.bytes.clone()).is_some(), "{:?}", scalar);
        }
        for at in 0..=text.len() {
            typed(&text, at);
        }
    }
}
