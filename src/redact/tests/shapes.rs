//! Shapes as schemas make them, their bounds, and what a plan's tag tells apart.

use std::sync::Arc;

use super::run;
use crate::redact::ClassIx;
use crate::redact::Encoding;
use crate::redact::Mask;
use crate::redact::Plan;
use crate::redact::PseudonymKey;
use crate::redact::Shape;
use crate::redact::ShapeBuilder;

const PII: ClassIx = ClassIx(0);

fn hidden(shape: ShapeBuilder, mask: &str, body: &str) -> String {
    let shape = Arc::new(shape.build().unwrap());
    let plan = Arc::new(Plan::new(&shape, [(PII, Mask::parse(mask).unwrap())], None));
    let (out, _) = run(&plan, Encoding::Identity, &[body.as_bytes()]).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_schema_that_refers_to_itself_is_followed_to_any_depth() {
    let mut shape = ShapeBuilder::new();
    let (person, name, list) = (shape.node(), shape.node(), shape.node());
    shape.class(name, PII);
    shape.member(person, "name", name);
    shape.member(person, "children", list);
    shape.item(list, person);
    let root = shape.root();
    shape.also(root, person);
    shape.also(person, root);
    let body = r#"{"name":1,"children":[{"name":2,"children":[{"name":3,"age":4}]}]}"#;
    let left = r#"{"name":null,"children":[{"name":null,"children":[{"name":null,"age":4}]}]}"#;
    assert_eq!(hidden(shape, "null", body), left);
}

#[test]
fn additional_properties_are_those_that_the_same_node_does_not_name() {
    let mut shape = ShapeBuilder::new();
    let (id, rest, other) = (shape.node(), shape.node(), shape.node());
    let root = shape.root();
    shape.class(rest, PII);
    shape.member(root, "id", id);
    shape.any_member(root, rest);
    // A second schema by `allOf` names another key; for the first it stays an additional one.
    shape.also(root, other);
    let kind = shape.node();
    shape.member(other, "kind", kind);
    assert_eq!(hidden(shape, "drop", r#"{"id":1,"kind":2,"x":3}"#), r#"{"id":1}"#);
}

#[test]
fn every_member_counts_beside_named_ones() {
    let mut shape = ShapeBuilder::new();
    let (id, all) = (shape.node(), shape.node());
    let root = shape.root();
    shape.class(all, PII);
    shape.member(root, "id", id);
    shape.every_member(root, all);
    assert_eq!(hidden(shape, "drop", r#"{"id":1,"x":3}"#), "{}");
}

#[test]
fn the_mask_that_hides_most_wins_and_each_hidden_class_is_counted() {
    let mut shape = ShapeBuilder::new();
    let node = shape.node();
    let root = shape.root();
    shape.member(root, "a", node);
    for class in [0, 1, 200] {
        shape.class(node, ClassIx(class));
    }
    let shape = Arc::new(shape.build().unwrap());
    assert_eq!(shape.classes(), [ClassIx(0), ClassIx(1), ClassIx(200)]);
    let hidden = [(ClassIx(0), Mask::KeepLast(1)), (ClassIx(200), Mask::Null), (ClassIx(7), Mask::Drop)];
    let plan = Arc::new(Plan::new(&shape, hidden, None));
    let (out, hidden) = run(&plan, Encoding::Identity, &[br#"[{"a":1},{"a":2}]"#]).unwrap();
    assert_eq!(out, br#"[{"a":null},{"a":null}]"#);
    let counts: Vec<_> = hidden.iter().map(|(class, mask, count)| (class.0, mask.kind(), count)).collect();
    assert_eq!(counts, [(0, "keep-last", 2), (200, "null", 2)]);
}

#[test]
fn a_revealed_class_around_a_hidden_one_hides_only_the_inner() {
    let mut shape = ShapeBuilder::new();
    shape.path("person", ClassIx(1)).unwrap();
    shape.path("person.ssn", PII).unwrap();
    assert_eq!(hidden(shape, "drop", r#"{"person":{"a":1,"ssn":2}}"#), r#"{"person":{"a":1}}"#);
}

#[test]
fn forty_any_depth_paths_stay_small_and_wildcards_that_multiply_are_refused() {
    let mut shape = ShapeBuilder::new();
    for n in 0..40 {
        shape.path(&format!("$..field{n}"), ClassIx(n)).unwrap();
        shape.path(&format!("$..field{n}.inner"), ClassIx(n)).unwrap();
    }
    assert!(shape.build().is_ok());
    let mut shape = ShapeBuilder::new();
    shape.path(&format!("$..a{}", ".*".repeat(40)), PII).unwrap();
    assert!(shape.build().is_err());
    let mut shape = ShapeBuilder::new();
    let root = shape.root();
    shape.class(root, ClassIx(256));
    assert!(shape.build().is_err());
}

#[test]
fn what_a_shape_takes_is_bounded_by_whoever_makes_it() {
    let made = |work, cells| {
        let mut shape = ShapeBuilder::new();
        shape.bound(usize::MAX, work, cells);
        for n in 0..200 {
            shape.path(&format!("$.a{n}.b"), PII).unwrap();
        }
        shape.build().map(|_| ()).map_err(|too_large| (too_large.what, too_large.max))
    };
    assert_eq!(made(usize::MAX, usize::MAX), Ok(()));
    assert_eq!(made(usize::MAX, 100), Err(("cells", 100)));
    assert_eq!(made(500, usize::MAX), Err(("steps to compile", 500)));
}

#[test]
fn a_large_schema_is_looked_up_right() {
    let mut shape = ShapeBuilder::new();
    let mut node = shape.root();
    for depth in 0..60 {
        for n in 0..40 {
            let leaf = shape.node();
            shape.member(node, &format!("d{depth}n{n}"), leaf);
            if n % 3 == 0 {
                shape.class(leaf, PII);
            }
        }
        let next = shape.node();
        shape.member(node, "next", next);
        node = next;
    }
    let (mut body, mut left) = (String::new(), String::new());
    for depth in 0..60 {
        let keys = |keep: &dyn Fn(usize) -> bool| {
            (0..40)
                .filter(|n| keep(*n))
                .map(|n| format!("\"d{depth}n{n}\":{n}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        body += &format!("{{{},\"next\":", keys(&|_| true));
        left += &format!("{{{},\"next\":", keys(&|n| n % 3 != 0));
    }
    let end = "0".to_owned() + &"}".repeat(60);
    assert_eq!(hidden(shape, "drop", &(body + &end)), left + &end);
}

#[test]
fn a_tag_names_the_view() {
    let shape = |path: &str| -> Arc<Shape> {
        let mut shape = ShapeBuilder::new();
        shape.path(path, PII).unwrap();
        Arc::new(shape.build().unwrap())
    };
    let key = |tenant| Some(PseudonymKey::new(b"k", tenant));
    let tag = |path, mask: &str, key| Plan::new(&shape(path), [(PII, Mask::parse(mask).unwrap())], key).tag();
    assert_eq!(tag("a", "null", None), tag("a", "null", None));
    let all = [
        tag("a", "null", None),
        tag("b", "null", None),
        tag("a", "drop", None),
        tag("a", "pseudonym", key("acme")),
        tag("a", "pseudonym", key("globex")),
        tag("a.a", "null", None),
        tag("a", "keep-last(1)", None),
        tag("a", "keep-last(2)", None),
    ];
    for (at, tag) in all.iter().enumerate() {
        assert!(!all[..at].contains(tag), "{at}");
    }
}

#[test]
fn pseudonyms_join_within_a_tenant_and_a_named_class_and_nowhere_else() {
    let of = |tenant: &str, class: u16, name: &str| {
        let mut shape = ShapeBuilder::new();
        shape.path("a", ClassIx(class)).unwrap();
        shape.name_class(ClassIx(class), name);
        let plan = Plan::new(
            &Arc::new(shape.build().unwrap()),
            [(ClassIx(class), Mask::Pseudonym)],
            Some(PseudonymKey::new(b"k", tenant)),
        );
        run(&Arc::new(plan), Encoding::Identity, &[br#"{"a":"x"}"#]).unwrap().0
    };
    assert_eq!(of("acme", 1, "pii.email"), of("acme", 2, "pii.email"));
    assert_ne!(of("acme", 1, "pii.email"), of("acme", 1, "pii.phone"));
    assert_ne!(of("acme", 1, "pii.email"), of("globex", 1, "pii.email"));
}
