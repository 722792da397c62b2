//! What is read of schemas, whole and half written.

use super::*;
use crate::policy::SCHEMA;

fn named(name: &str) -> Type {
    Type::Named(name.into())
}

fn told(attributes: &[Attribute]) -> Vec<String> {
    attributes
        .iter()
        .map(|a| format!("{}{}: {}", a.name, if a.optional { "?" } else { "" }, a.of.written()))
        .collect()
}

#[test]
fn the_schema_that_ships_is_read_whole() {
    let known = Vocabulary::of(SCHEMA);
    let names: Vec<&str> = known.entities().map(|one| &*one.name).collect();
    assert_eq!(
        names,
        [
            "Tenant",
            "DataKey",
            "DataClass",
            "Role",
            "Group",
            "RouteGroup",
            "Route",
            "User",
            "Service",
            "Actor",
            "Resource",
            "Field"
        ]
    );
    let actions: Vec<&str> = known.actions().map(|one| &*one.name).collect();
    assert_eq!(
        actions,
        [
            "write", "transfer", "read", "list", "create", "update", "delete", "export", "import", "audit",
            "reveal"
        ]
    );
    let members = |name| known.members(name).into_iter().map(|one| &*one.name).collect::<Vec<_>>();
    assert_eq!(members("write"), ["write", "create", "update", "delete"]);
    let of = named("Context");
    let context = known.attributes(&of);
    let wanted = "now: datetime, method: String, path: String, host: String, sourceIp?: ipaddr, purpose?: String, actor?: Actor";
    assert_eq!(told(context).join(", "), wanted);
    let resource = known.entity("Resource").unwrap();
    assert_eq!(*resource.within, ["DataKey", "DataClass", "Route", "RouteGroup"]);
    assert!(resource.says.starts_with("What a request touches: one route's data"), "{}", resource.says);
    let of = named("Resource");
    let attributes = known.attributes(&of);
    assert_eq!(told(attributes)[3], "classes: Set<DataClass>");
    assert_eq!(attributes[3].says, "all that its bodies may carry");
    assert!(SCHEMA.get(attributes[3].bytes.clone()).unwrap().starts_with("classes"));
    let What::Action(asked) = &known.action("reveal").unwrap().what else { panic!() };
    assert_eq!((asked.principals.len(), &*asked.resources), (2, &["Field".to_owned()][..]));
    assert_eq!(asked.context, Some(Type::Named("Context".into())));
}

#[test]
fn every_half_of_a_schema_is_read_without_an_end() {
    for at in (0..SCHEMA.len()).filter(|at| SCHEMA.is_char_boundary(*at)) {
        let known = Vocabulary::of(SCHEMA.get(..at).unwrap());
        assert!(known.0.len() <= 24, "{at}");
    }
    for text in
        ["entity A = {b: {c: Set<", "namespace X { entity A in [", "action \"a\" in [,", "type = ;", "}}}"]
    {
        Vocabulary::of(text);
    }
    let deep = format!("type D = {}", "{a: ".repeat(500));
    Vocabulary::of(&deep);
}

#[test]
fn the_names_of_one_declaration_share_what_it_says() {
    let known = Vocabulary::of(
        "// Both.\nentity A, B in [C] = { x: Long };\naction a, b appliesTo { principal: A };",
    );
    let entities: Vec<_> = known.entities().collect();
    let (What::Entity(of_a), What::Entity(of_b)) = (&entities[0].what, &entities[1].what) else { panic!() };
    assert!(Rc::ptr_eq(of_a, of_b) && Rc::ptr_eq(&entities[0].says, &entities[1].says));
    assert!(Rc::ptr_eq(&entities[0].within, &entities[1].within) && *entities[1].says == *"Both.");
    let actions: Vec<_> = known.actions().collect();
    let (What::Action(of_a), What::Action(of_b)) = (&actions[0].what, &actions[1].what) else { panic!() };
    assert!(Rc::ptr_eq(of_a, of_b) && of_a.principals == ["A"]);
}

#[test]
fn a_declaration_without_its_end_takes_nothing_of_the_next() {
    let known = Vocabulary::of(
        "entity A = { x: Long\nentity B in [A] = { y?: Set<A> };\nnamespace N { entity C; }\nentity D;",
    );
    let names: Vec<&str> = known.entities().map(|one| &*one.name).collect();
    assert_eq!(names, ["A", "B", "N::C", "D"]);
    assert_eq!(told(known.attributes(&named("B"))), ["y?: Set<A>"]);
}
