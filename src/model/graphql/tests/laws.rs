//! Random schemas, documents and answers: what is hidden is what a simple reading of all three hides.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;
use proptest::prelude::*;
use serde_json::Map;

const CLASS_NAMES: [&str; 3] = ["pii.name", "pii.ssn", "pii.mail"];
/// No two of them fold to the same.
const KEYS: [&str; 6] = ["f0", "f1", "f2", "g", "h", "id"];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        let at = self.roll(all.len() as u64);
        all[usize::try_from(at).unwrap()].clone()
    }

    fn class(&mut self) -> Option<&'static str> {
        (self.roll(4) == 0).then(|| self.of(&CLASS_NAMES))
    }
}

/// A type of the random schema: `O0` is the type of queries, `I` are interfaces, `U` unions.
#[derive(Default)]
struct Of {
    class: Option<&'static str>,
    fields: BTreeMap<&'static str, (String, Option<&'static str>)>,
    implements: Vec<String>,
    members: Vec<String>,
}

const TYPES: [&str; 6] = ["O0", "O1", "O2", "I0", "I1", "U0"];

fn schema(dice: &mut Dice) -> BTreeMap<&'static str, Of> {
    let mut all = BTreeMap::new();
    let gives = |name: &str, dice: &mut Dice| match name {
        "f0" => "S0".to_owned(),
        "f1" => "String".to_owned(),
        _ => dice.of(&TYPES).to_owned(),
    };
    let mut of_all: BTreeMap<&str, String> = BTreeMap::new();
    for name in ["f0", "f1", "f2"] {
        let of = gives(name, dice);
        of_all.insert(name, of);
    }
    for name in TYPES {
        let mut of = Of { class: dice.class().filter(|_| name != "O0"), ..Of::default() };
        if name == "U0" {
            of.members = vec!["O1".to_owned(), "O2".to_owned()];
        } else {
            for field in ["f0", "f1", "f2"] {
                // Every type has them all, so that whatever is asked of an interface is there.
                of.fields.insert(field, (of_all[field].clone(), dice.class()));
            }
        }
        if name.starts_with('O') {
            of.implements =
                ["I0", "I1"].iter().filter(|_| dice.roll(2) == 0).map(|one| (*one).to_owned()).collect();
        }
        all.insert(name, of);
    }
    all
}

fn written(all: &BTreeMap<&'static str, Of>, scalar: Option<&str>) -> String {
    let class =
        |class: Option<&str>| class.map_or(String::new(), |name| format!(" @class(name: \"{name}\")"));
    let mut out = format!("schema {{ query: O0 }} scalar S0{}\n", class(scalar));
    for (name, of) in all {
        if *name == "U0" {
            writeln!(out, "union U0{} = {}", class(of.class), of.members.join(" | ")).unwrap();
            continue;
        }
        let kind = if name.starts_with('I') { "interface" } else { "type" };
        let implements = if of.implements.is_empty() {
            String::new()
        } else {
            format!(" implements {}", of.implements.join(" & "))
        };
        let fields: String =
            of.fields.iter().map(|(name, (of, one))| format!("{name}: [{of}]{} ", class(*one))).collect();
        writeln!(out, "{kind} {name}{implements}{} {{ {fields}}}", class(of.class)).unwrap();
    }
    out
}

enum Select {
    Field { key: &'static str, name: &'static str, selects: Vec<Select> },
    On(Option<&'static str>, Vec<Select>),
    Spread(usize),
}

struct Maker<'a> {
    dice: &'a mut Dice,
    types: &'a BTreeMap<&'static str, Of>,
}

impl Maker<'_> {
    fn selects(&mut self, of: &str, depth: u64, fragments: usize) -> Vec<Select> {
        let count = 1 + self.dice.roll(4);
        let mut all: Vec<Select> = (0..count).map(|_| self.select(of, depth, fragments)).collect();
        if all.is_empty() {
            all.push(self.field(of, 0));
        }
        all
    }

    fn select(&mut self, of: &str, depth: u64, fragments: usize) -> Select {
        match self.dice.roll(6) {
            0 if depth > 0 => {
                let on = self.dice.of(&TYPES);
                Select::On(Some(on), self.selects(on, depth - 1, fragments))
            }
            1 if depth > 0 => Select::On(None, self.selects(of, depth - 1, fragments)),
            2 if fragments > 0 => {
                let at = self.dice.roll(fragments as u64);
                Select::Spread(usize::try_from(at).unwrap())
            }
            _ => self.field(of, depth),
        }
    }

    fn field(&mut self, of: &str, depth: u64) -> Select {
        let name = if of == "U0" { "__typename" } else { self.dice.of(&["f0", "f1", "f2", "__typename"]) };
        let gives = self.types[of].fields.get(name).map_or("String", |(of, _)| of.as_str());
        let is_composite = self.types.contains_key(gives);
        if is_composite && depth == 0 {
            return self.field(of, 0);
        }
        let selects = if is_composite { self.selects(gives, depth - 1, 0) } else { Vec::new() };
        let key = if self.dice.roll(2) == 0 { self.dice.of(&KEYS) } else { name };
        Select::Field { key, name, selects }
    }
}

fn document(all: &[Select], out: &mut String) {
    out.push_str("{ ");
    for one in all {
        match one {
            Select::Field { key, name, selects } => {
                write!(out, "{key}: {name} ").unwrap();
                if !selects.is_empty() {
                    document(selects, out);
                }
            }
            Select::On(on, selects) => {
                write!(out, "...{} ", on.map_or(String::new(), |on| format!(" on {on}"))).unwrap();
                document(selects, out);
            }
            Select::Spread(at) => write!(out, "...F{at} ").unwrap(),
        }
    }
    out.push_str("} ");
}

/// The simple reading.
struct Oracle<'a> {
    types: &'a BTreeMap<&'static str, Of>,
    scalar: Option<&'static str>,
    fragments: &'a [(&'static str, Vec<Select>)],
    hidden: &'a [&'static str],
}

type Asked2<'a> = Vec<(&'a str, &'a [Select])>;

impl<'a> Oracle<'a> {
    /// The types that a value may be where this one is asked for, and all that those implement.
    fn may_be(&self, of: &str) -> BTreeSet<String> {
        let is = |one: &&&'static str| {
            let known = &self.types[**one];
            **one == of
                || known.implements.iter().any(|name| name == of)
                || self.types.get(of).is_some_and(|of| of.members.iter().any(|name| name == **one))
        };
        let mut all: BTreeSet<String> = TYPES.iter().filter(is).map(|name| (*name).to_owned()).collect();
        for name in all.clone() {
            all.extend(self.types[name.as_str()].implements.iter().cloned());
        }
        all
    }

    fn classes(&self, of: &str, name: &str) -> BTreeSet<&'static str> {
        let mut all = BTreeSet::new();
        let Some((gives, _)) = self.types[of].fields.get(name) else { return all };
        for one in self.may_be(of) {
            all.extend(self.types[one.as_str()].fields.get(name).and_then(|(_, class)| *class));
        }
        match gives.as_str() {
            "S0" => all.extend(self.scalar),
            "String" => {}
            gives => all.extend(self.of_type(gives)),
        }
        all
    }

    /// All fields that are selected, whatever the conditions, each with the type that it is asked of.
    fn fields(&self, asked: &Asked2<'a>) -> Vec<(&'a str, &'a Select)> {
        let mut all = Vec::new();
        let mut todo: Asked2<'a> = asked.clone();
        while let Some((of, selects)) = todo.pop() {
            for one in selects {
                match one {
                    Select::Field { .. } => all.push((of, one)),
                    Select::On(on, inner) => todo.push((on.unwrap_or(of), inner)),
                    Select::Spread(at) => todo.push((self.fragments[*at].0, &self.fragments[*at].1)),
                }
            }
        }
        all
    }

    fn everything(&self, asked: &Asked2<'a>) -> BTreeSet<&'static str> {
        let mut all = BTreeSet::new();
        for (of, field) in self.fields(asked) {
            let Select::Field { name, selects, .. } = field else { continue };
            all.extend(self.classes(of, name));
            if let Some((gives, _)) = self.types[of].fields.get(name).filter(|_| !selects.is_empty()) {
                all.extend(self.everything(&vec![(gives, selects)]));
            }
        }
        all
    }

    /// What a value of a type is of, whatever is asked of it.
    fn of_type(&self, of: &str) -> BTreeSet<&'static str> {
        self.may_be(of).iter().filter_map(|one| self.types[one.as_str()].class).collect()
    }

    /// What replaces a value of these classes: nothing, where none of them is hidden.
    fn mask(&self, classes: &BTreeSet<&str>) -> Option<&'static str> {
        ["pii.ssn", "pii.mail", "pii.name"]
            .into_iter()
            .find(|one| classes.contains(one) && self.hidden.contains(one))
    }

    fn see(&self, value: &Json, asked: &Asked2<'a>, everything: &BTreeSet<&str>) -> Json {
        match value {
            Json::Array(items) => items.iter().map(|item| self.see(item, asked, everything)).collect(),
            Json::Object(members) => {
                let fields = self.fields(asked);
                let mut out = Map::new();
                for (key, value) in members {
                    let here: Vec<_> = fields
                        .iter()
                        .filter(|(_, one)| matches!(one, Select::Field { key: k, .. } if k == key))
                        .collect();
                    let mut classes = BTreeSet::new();
                    let mut next: Asked2<'a> = Vec::new();
                    for (of, one) in &here {
                        let Select::Field { name, selects, .. } = one else { continue };
                        classes.extend(self.classes(of, name));
                        if let Some((gives, _)) =
                            self.types[*of].fields.get(name).filter(|_| !selects.is_empty())
                        {
                            next.push((gives, selects));
                        }
                    }
                    // A key that nobody asked for, or a text where there should be more.
                    if here.is_empty() || !next.is_empty() && value.is_string() {
                        classes.extend(everything);
                    }
                    match self.mask(&classes) {
                        Some("pii.ssn") => {}
                        Some("pii.mail") => drop(out.insert(key.clone(), Json::Null)),
                        Some(_) => drop(out.insert(key.clone(), json!("[redacted]"))),
                        None if next.is_empty() => drop(out.insert(key.clone(), value.clone())),
                        None => drop(out.insert(key.clone(), self.see(value, &next, everything))),
                    }
                }
                Json::Object(out)
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value.clone(),
        }
    }

    /// An answer to what is asked, with a key now and then that nobody asked for.
    fn answer(&self, asked: &Asked2<'a>, dice: &mut Dice, depth: u64) -> Json {
        let mut out = Map::new();
        for (of, one) in self.fields(asked) {
            let Select::Field { key, name, selects } = one else { continue };
            if out.contains_key(*key) || dice.roll(6) == 0 {
                continue;
            }
            let gives = self.types[of].fields.get(name).filter(|_| !selects.is_empty());
            let value = match gives {
                Some((gives, _)) if depth > 0 => {
                    let mut next: Asked2<'a> = vec![(gives, selects)];
                    for (of, other) in self.fields(asked) {
                        if let Select::Field { key: k, name, selects } = other
                            && k == key
                            && !selects.is_empty()
                        {
                            next.push((&self.types[of].fields[name].0, selects));
                        }
                    }
                    let count = dice.roll(3);
                    match dice.roll(4) {
                        0 => json!("value-for-an-object"),
                        1 => self.answer(&next, dice, depth - 1),
                        _ => (0..count).map(|_| self.answer(&next, dice, depth - 1)).collect(),
                    }
                }
                Some(_) => Json::Null,
                None => json!(format!("value-{}", dice.roll(1_000_000))),
            };
            out.insert((*key).to_owned(), value);
        }
        if dice.roll(5) == 0 {
            out.insert("stray".to_owned(), json!({"f0": ["value-stray", 1]}));
        }
        Json::Object(out)
    }
}

fn hold(seed: u64) -> Result<(), TestCaseError> {
    let mut dice = Dice(seed);
    let types = schema(&mut dice);
    let scalar = dice.class();
    let graph = graph("", &written(&types, scalar));
    let mut maker = Maker { dice: &mut dice, types: &types };
    let mut fragments: Vec<(&'static str, Vec<Select>)> = Vec::new();
    for at in 0..3 {
        let on = maker.dice.of(&TYPES);
        fragments.push((on, maker.selects(on, 2, at)));
    }
    let root = maker.selects("O0", 4, 3);
    let mut text = "query Q ".to_owned();
    document(&root, &mut text);
    for (at, (on, selects)) in fragments.iter().enumerate() {
        write!(text, "fragment F{at} on {on} ").unwrap();
        document(selects, &mut text);
    }
    let operation = ask(&graph, &text).unwrap();
    prop_assert_eq!(operation.flaw, None, "{}", text);
    let hidden: Vec<&str> = CLASS_NAMES.into_iter().filter(|_| dice.roll(2) == 0).collect();
    let oracle = Oracle { types: &types, scalar, fragments: &fragments, hidden: &hidden };
    let asked: Asked2<'_> = vec![("O0", &root)];
    let of_root = oracle.of_type("O0");
    let everything: BTreeSet<&str> = oracle.everything(&asked).union(&of_root).copied().collect();
    let mut found: Vec<_> = names(&operation.classes);
    found.sort();
    prop_assert_eq!(
        &found,
        &everything.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(),
        "{}",
        text
    );
    let answer = oracle.answer(&asked, &mut dice, 4);
    let wanted = match oracle.mask(&of_root) {
        Some("pii.name") => json!("[redacted]"),
        Some(_) => Json::Null,
        None if oracle.mask(&everything).is_none() => answer.clone(),
        None => oracle.see(&answer, &asked, &everything),
    };
    let got = seen(&operation, &hidden, &json!({"data": answer}));
    prop_assert_eq!(&got["data"], &wanted, "{}\n{}\n{}", written(&types, scalar), text, answer);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn what_is_hidden_is_what_a_simple_reading_hides(seed in any::<u64>()) {
        hold(seed)?;
    }
}
