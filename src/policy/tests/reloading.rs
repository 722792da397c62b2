//! Whatever was edited in whatever order: what is compiled after it is what a cold load of the same files compiles.

use std::sync::Mutex;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::sample::select;

use super::laws;
use super::*;

/// Hands as they may be: the last piece first, on several threads; and a pair that leaves every other piece undone.
struct Many;
struct Lazy;

impl Hands for Many {
    fn each(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        let left = Mutex::new(0..count);
        let work = || {
            while let Some(at) = { left.lock().unwrap().next_back() } {
                piece(at);
            }
        };
        std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(work))));
    }
}

impl Hands for Lazy {
    fn each(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        (0..count).step_by(2).for_each(piece);
    }
}

/// One edit of some files.
#[derive(Debug, Clone)]
enum Edit {
    /// A file with so many policies, over an old one if there is one.
    Write(Vec<(String, Option<&'static str>)>, Index),
    /// The same text under another name.
    Rename(Index),
    Remove(Index),
    /// Its last bytes are gone.
    Break(Index, usize),
    /// A policy with the id of another.
    Again(Index),
    Template(&'static str),
    Links(&'static str),
    Schema(bool),
    Tenants(String),
    /// A comment before everything: nothing but places.
    Comment(Index),
}

const TEMPLATES: [&str; 3] = [
    "@id(\"tpl\") permit(principal in ?principal, action == Action::\"read\", resource in ?resource);",
    "@id(\"tpl\") @pathway(\"w\") permit(principal in ?principal, action, resource in ?resource) when { resource.level <= 2 };",
    "@id(\"other\") forbid(principal in ?principal, action, resource in ?resource);\n@id(\"tpl\") permit(principal in ?principal, action, resource in ?resource) when { resource.levl == 3 };",
];
const LINKS: [&str; 5] = [
    "links: [{id: l1, template: tpl, principal: 'Tenant::\"globex\"', resource: 'DataKey::\"acme/west\"'}]",
    "links: [{id: l1, template: other, principal: 'Role::\"r0\"', resource: 'DataKey::\"globex\"'}]",
    "links: [{id: l1, template: tpl, principal: 'Role::\"r0\"', resource: 'DataKey::\"acme\"'}, {id: f0-0, template: tpl, principal: 'Role::\"r1\"', resource: 'DataKey::\"acme\"'}]",
    "links: [{id: l1, template: tpl, principal: 'Role::\"r0\"'}]",
    "links: [{id: l1, template: tpl, principal: 'Role::\"r0\"', resource: 'Role::\"acme\"'}]",
];

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        8 => (proptest::collection::vec(laws::policy(), 1..4), at()).prop_map(|(texts, at)| Edit::Write(texts, at)),
        1 => at().prop_map(Edit::Rename),
        2 => at().prop_map(Edit::Remove),
        1 => (at(), 1..9_usize).prop_map(|(at, bytes)| Edit::Break(at, bytes)),
        1 => at().prop_map(Edit::Again),
        2 => select(&TEMPLATES[..]).prop_map(Edit::Template),
        2 => select(&LINKS[..]).prop_map(Edit::Links),
        1 => any::<bool>().prop_map(Edit::Schema),
        1 => laws::a_model().prop_map(Edit::Tenants),
        1 => at().prop_map(Edit::Comment),
    ]
}

/// All files, by name.
#[derive(Debug, Clone, Default)]
struct Folder {
    files: Vec<Source>,
    more_schema: bool,
    tenants: String,
    written: usize,
}

impl Folder {
    fn put(&mut self, file: &str, text: &str, folder: Option<&str>) {
        let confined_to = folder.map(|path| TenantPath::parse(path).unwrap());
        self.files.retain(|one| &*one.file != file);
        self.files.push(Source { confined_to, ..source(file, text) });
        self.files.sort_by(|a, b| a.file.cmp(&b.file));
    }

    fn take(&mut self, edit: &Edit) {
        self.written += 1;
        let n = self.written;
        let count = self.files.len();
        let one = |at: &Index| (count > 0).then(|| at.index(count));
        match edit {
            Edit::Write(texts, at) => {
                // Ids go by the file's number and few policies are invalid, so that most edits go well.
                let number = at.index(5);
                let valid = laws::valid(&self.model(), texts);
                let kept = texts.iter().enumerate().filter(|(k, _)| {
                    n.is_multiple_of(5) || valid.iter().any(|source| *source.file == format!("p{k}"))
                });
                let text: String = kept
                    .map(|(k, (text, _))| {
                        let mode = if (n + k).is_multiple_of(4) { "@mode(\"shadow\") " } else { "" };
                        format!("@id(\"f{number}-{k}\") {mode}{text}\n")
                    })
                    .collect();
                self.put(&format!("f{number}.cedar"), &text, texts[0].1);
            }
            Edit::Rename(at) => {
                if let Some(at) = one(at) {
                    self.files[at].file = format!("renamed-{n}.cedar").into();
                }
            }
            Edit::Remove(at) => drop(one(at).map(|at| self.files.remove(at))),
            Edit::Break(at, bytes) => {
                if let Some(at) = one(at) {
                    let text = self.files[at].text.to_string();
                    let left = text.len().saturating_sub(*bytes);
                    self.files[at].text = text.get(..left).unwrap().into();
                }
            }
            Edit::Again(at) => {
                let text = one(at).map(|at| self.files[at].text.to_string());
                text.into_iter().for_each(|text| self.put("zz.cedar", &text, None));
            }
            Edit::Template(text) => self.put("templates.cedar", text, None),
            Edit::Links(text) => self.put("a.links.yaml", text, None),
            Edit::Schema(more) => self.more_schema = *more,
            Edit::Tenants(text) => self.tenants.clone_from(text),
            Edit::Comment(at) => {
                if let Some(at) = one(at) {
                    self.files[at].text = format!("// {n}\n{}", self.files[at].text).into();
                }
            }
        }
    }

    fn schema(&self) -> Source {
        let more = if self.more_schema { "entity Invoice in [DataKey];\n" } else { "" };
        source("palisade.cedarschema", &format!("{more}{SCHEMA}"))
    }

    fn model(&self) -> Model {
        model(if self.tenants.is_empty() { TENANTS } else { &self.tenants })
    }
}

/// Everything that can be told of policies by looking at them.
fn looks(policies: &Policies) -> String {
    let texts: Vec<_> = policies.ids().map(|id| policies.effective_text(id)).collect();
    let (compiled, crossings) = (&policies.compiled, &policies.crossings);
    let (pathways, mentions) = (policies.pathways(), policies.mentions(|_| true));
    let digest = policies.digest();
    let with_shadow = policies.with_shadow().map(|all| looks(all));
    format!("{texts:#?} {compiled:#?} {crossings:#?} {pathways:#?} {mentions:#?} {digest} {with_shadow:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reload_after_any_edits_is_what_a_cold_load_of_the_files_is(
        edits in proptest::collection::vec(edit(), 2..14),
        asks in proptest::collection::vec(laws::asks(), 1..4),
    ) {
        let mut folder = Folder::default();
        let mut live: Option<Policies> = None;
        for (at, edit) in edits.iter().enumerate() {
            folder.take(edit);
            let (schema, model) = (folder.schema(), folder.model());
            let hands: &dyn Hands = if at % 2 == 0 { &Many } else { &Lazy };
            let cold = Policies::compile(&schema, &folder.files, &model);
            let warm = Policies::compile_after(live.as_ref(), hands, &schema, &folder.files, &model);
            match (cold, warm) {
                (Err(cold), Err(warm)) => prop_assert_eq!(cold, warm),
                (Ok((cold, warnings)), Ok((warm, again))) => {
                    prop_assert_eq!(warnings, again);
                    prop_assert_eq!(looks(&cold), looks(&warm));
                    for asks in &asks {
                        let data_key = DataKey::parse(asks.key).unwrap();
                        let facts = laws::facts(&model, asks, &data_key);
                        let verdicts = [&cold, &warm].map(|policies| {
                            let mut memory = Memory::new();
                            let asked = policies.ask(&model, &facts, &mut memory);
                            let reveals = model.classes.iter().map(|(class, _)| asked.reveal(class));
                            (asked.decide(), reveals.collect::<Vec<_>>())
                        });
                        prop_assert_eq!(&verdicts[0], &verdicts[1]);
                    }
                    live = Some(warm);
                }
                (cold, warm) => prop_assert!(false, "cold {:?}, warm {:?}", cold.map(drop), warm.map(drop)),
            }
        }
    }
}

#[test]
fn what_did_not_change_is_shared_and_what_did_is_told() {
    let model = model(TENANTS);
    let text = |n: usize, more: &str| {
        source(&format!("{n}.cedar"), &format!("@id(\"p{n}\") permit(principal, action, resource){more};"))
    };
    let before = compile(&model, &[text(1, ""), text(2, ""), text(3, "")]);
    let sources = [text(0, ""), text(2, " when { resource.level <= 2 }"), text(3, "")];
    let (after, _) = Policies::compile_after(Some(&before), &Alone, &schema(), &sources, &model).unwrap();
    assert!(
        Arc::ptr_eq(&before.compiled[2], &after.compiled[2]) && Arc::ptr_eq(&before.checker, &after.checker)
    );
    let expected = [("p0", Difference::Added), ("p1", Difference::Removed), ("p2", Difference::Changed)];
    assert_eq!(before.differences(&after), expected);
    // A policy that only moved within its file says the same.
    let (moved, _) = Policies::compile_after(
        Some(&before),
        &Alone,
        &schema(),
        &[source("3.cedar", "\n\n@id(\"p3\")\npermit(principal, action, resource);")],
        &model,
    )
    .unwrap();
    assert_eq!(before.differences(&moved), [("p1", Difference::Removed), ("p2", Difference::Removed)]);
    assert_eq!(moved.place(PolicyIx(0)).unwrap().line, 3);
}

#[test]
fn a_link_is_made_anew_where_its_template_is_another_and_everything_where_the_schema_is() {
    let model = model(TENANTS);
    let link = "links: [{id: l1, template: tpl, principal: 'Role::\"r\"', resource: 'DataKey::\"acme\"'}]";
    let template = |more: &str| {
        let text = "permit(principal in ?principal, action, resource in ?resource)";
        source("t.cedar", &format!("@id(\"tpl\") {text}{more};"))
    };
    let files = |more: &str| [template(more), source("x.links.yaml", link)];
    let before = compile(&model, &files(""));
    let next = files(" when { resource.level <= 2 }");
    let (warm, _) = Policies::compile_after(Some(&before), &Alone, &schema(), &next, &model).unwrap();
    assert_eq!(looks(&warm), looks(&compile(&model, &next)));
    assert_ne!(warm.effective_text("l1"), before.effective_text("l1"));

    let more = source("palisade.cedarschema", &format!("entity Invoice in [DataKey];\n{SCHEMA}"));
    let invoices =
        "@id(\"i\") permit(principal, action, resource) when { resource.tenant in Invoice::\"1\" };";
    let files = [source("i.cedar", invoices)];
    let before = Policies::compile(&more, &files, &model).map(|(policies, _)| policies);
    let warm =
        Policies::compile_after(before.as_ref().ok(), &Alone, &schema(), &files, &model).map(|done| done.1);
    assert_eq!(warm, Policies::compile(&schema(), &files, &model).map(|done| done.1));
    assert!(before.is_ok() != warm.is_ok(), "{before:?} and {warm:?}: the schemas make no difference");
}
