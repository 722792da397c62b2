//! Reads a whole test file: principals and requests first, then what is said of them.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use crate::identity::Principal;
use crate::limits;
use crate::model::tree::At;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::model::tree::Value;
use crate::problem::Place;
use crate::problem::Problem;

use super::Asks;
use super::Case;
use super::Cases;
use super::Expect;
use super::Mention;
use super::TestFile;
use super::What;
use super::expect;
use super::keys;
use super::request;
use super::request::Request;
use super::table;

/// One file while it is read.
pub(super) struct File {
    pub(super) reader: Reader,
    mentions: Vec<Mention>,
    defaults: Request,
    principals: BTreeMap<String, Arc<Principal>>,
    requests: BTreeMap<String, Request>,
    now_ms: u64,
    cases: Vec<Case>,
    names: HashMap<String, u32>,
}

pub(super) fn file(test: &TestFile, now_ms: u64) -> Result<Cases, Vec<Problem>> {
    let mut reader = Reader::new(&test.file);
    let Some(root) = reader.parse(&test.text) else { return Err(reader.into_problems()) };
    let mut file = File {
        reader,
        mentions: Vec::new(),
        defaults: Request::default(),
        principals: BTreeMap::new(),
        requests: BTreeMap::new(),
        now_ms,
        cases: Vec::new(),
        names: HashMap::new(),
    };
    file.whole(&root);
    if file.reader.has_errors() {
        let mut problems = file.reader.into_problems();
        // A word that stands for many cells is wrong once.
        problems.dedup();
        return Err(problems);
    }
    Ok(Cases { all: file.cases, mentions: file.mentions })
}

impl File {
    fn whole(&mut self, root: &Node) {
        self.reader.fields(root, "a test file", &keys::names(keys::FILE));
        if let Some(node) = root.get("defaults") {
            self.defaults = request::request(self, node, &[]);
        }
        for (key, node) in self.named(root, "principals") {
            let principal = request::principal(self, node, key);
            self.principals.insert(key.to_owned(), Arc::new(principal));
        }
        for (key, node) in self.named(root, "requests") {
            let request = request::request(self, node, &[]);
            self.requests.insert(key.to_owned(), request);
        }
        let list = |file: &mut Self, key: &str, read: fn(&mut Self, &Node)| {
            let Some(node) = root.get(key) else { return 0 };
            let items = file.reader.list(node, &format!("`{key}`"));
            items.iter().for_each(|node| read(file, node));
            items.len()
        };
        let tests = list(self, "tests", Self::test)
            + list(self, "tables", table::read)
            + list(self, "redactions", Self::redaction);
        if tests == 0 && !self.reader.has_errors() {
            self.missing(root.at, "the file has no test: it needs `tests`, `tables` or `redactions`");
        }
        if self.cases.len() > limits::TESTS_MAX {
            let message = format!("{} tests are too many: at most {}", self.cases.len(), limits::TESTS_MAX);
            self.reader.error("too-many", root.at, message);
        }
    }

    fn named<'n>(&mut self, root: &'n Node, key: &str) -> Vec<(&'n str, &'n Node)> {
        let Some(node) = root.get(key) else { return Vec::new() };
        let entries = self.reader.map(node, &format!("`{key}`"));
        entries.iter().map(|(key, node)| (key.text.as_str(), node)).collect()
    }

    fn test(&mut self, node: &Node) {
        self.reader.fields(node, "a test", &keys::names(keys::TEST));
        let name = self.name(node, "a test");
        let principal = node.get("principal").map(|node| self.principal(node));
        let before = self.mentions.len();
        let request = self.request(node, "a test");
        let expect = match node.get("expect") {
            Some(node) => expect::expect(self, node),
            None => {
                self.missing(node.at, "a test needs a key `expect`");
                None
            }
        };
        if expect.as_ref().is_some_and(|expect| expect.code.as_deref() == Some("unknown_tenant")) {
            // That there is no such tenant is what this test is about.
            let mut of_test = self.mentions.split_off(before);
            of_test.retain(|mention| mention.what != What::Tenant);
            self.mentions.append(&mut of_test);
        }
        if let (Some(name), Some(request), Some(expect)) = (name, request, expect) {
            self.case(name, node.at, principal.flatten(), request, expect);
        }
    }

    fn redaction(&mut self, node: &Node) {
        self.reader.fields(node, "a redaction", &keys::names(keys::REDACTION));
        let name = self.name(node, "a redaction");
        let Some(who) = node.get("principal") else {
            return self.missing(node.at, "a redaction needs a key `principal`");
        };
        let principal = self.principal(who);
        let request = self.request(node, "a redaction");
        let body = expect::becomes(self, node);
        if let (Some(name), Some(request), Some(principal), Some(body)) = (name, request, principal, body) {
            let expect = Expect { allowed: true, body: Some(body), ..Expect::default() };
            self.case(name, node.at, Some(principal), request, expect);
        }
    }

    /// Adds a test, whose request is taken over the file's defaults.
    pub(super) fn case(
        &mut self,
        name: String,
        at: At,
        principal: Option<Arc<Principal>>,
        request: Request,
        expect: Expect,
    ) {
        let place = self.reader.place(at);
        if let Some(line) = self.names.insert(name.clone(), place.line) {
            let message = format!("another test is called `{}`: in line {line}", name.escape_debug());
            self.reader.error("duplicate-test", at, message);
        }
        let request = request.over(&self.defaults);
        let states = request.states.clone();
        match request.question(principal, self.now_ms) {
            Some(question) => {
                let asks = Asks::Request(Box::new(question));
                self.cases.push(Case { name, place, asks, states, expect });
            }
            None => self.missing(at, "the request needs a `path`, a `route` or an `action`"),
        }
    }

    pub(super) fn name(&mut self, node: &Node, what: &str) -> Option<String> {
        let Some(name) = node.get("name") else {
            self.missing(node.at, &format!("{what} needs a key `name`"));
            return None;
        };
        let text = self.text(name, "`name`")?;
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            self.reader.error("bad-name", name.at, "a name is one line of text");
        }
        Some(text)
    }

    fn principal(&mut self, node: &Node) -> Option<Arc<Principal>> {
        let name = self.text(node, "`principal`")?;
        self.known_principal(&name, node.at)
    }

    pub(super) fn known_principal(&mut self, name: &str, at: At) -> Option<Arc<Principal>> {
        let found = self.principals.get(name).cloned();
        if found.is_none() {
            let known = self.principals.keys().map(String::as_str);
            self.reader.unknown("unknown-principal", at, "a name of `principals`", name, known);
        }
        found
    }

    /// The request of a test: by its name, or as it is written.
    pub(super) fn request(&mut self, node: &Node, what: &str) -> Option<Request> {
        let Some(node) = node.get("request") else {
            self.missing(node.at, &format!("{what} needs a key `request`"));
            return None;
        };
        if let Value::Text(name) = &node.value {
            return self.known_request(name, node.at);
        }
        let request = request::request(self, node, &[keys::LIKE.name]);
        let Some(like) = node.get(keys::LIKE.name) else { return Some(request) };
        let name = self.text(like, "`like`")?;
        Some(request.over(&self.known_request(&name, like.at)?))
    }

    pub(super) fn known_request(&mut self, name: &str, at: At) -> Option<Request> {
        let found = self.requests.get(name).cloned();
        if found.is_none() {
            let known = self.requests.keys().map(String::as_str);
            self.reader.unknown("unknown-request", at, "a name of `requests`", name, known);
        }
        found
    }

    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        self.reader.text(node, what).map(str::to_owned)
    }

    /// The value of a key that is one of few words.
    pub(super) fn word(
        &mut self,
        node: &Node,
        key: &str,
        what: &str,
        known: &[&'static str],
    ) -> Option<&'static str> {
        let node = node.get(key)?;
        let text = self.reader.text(node, &format!("`{key}`"))?;
        let found = known.iter().copied().find(|word| *word == text);
        if found.is_none() {
            self.reader.unknown("unknown-word", node.at, what, text, known.iter().copied());
        }
        found
    }

    pub(super) fn missing(&mut self, at: At, message: &str) {
        self.reader.error("missing-key", at, message);
    }

    /// Notes a name that must exist in the snapshot.
    pub(super) fn mention(&mut self, what: What, name: &str, at: At) {
        let place: Place = self.reader.place(at);
        self.mentions.push(Mention { what, name: name.to_owned(), place });
    }
}
