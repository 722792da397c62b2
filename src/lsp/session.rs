//! One editor: its messages in, ours out; what it has open, and what it has been told.
//!
//! A request that was taken back, or that asks of a document no longer open, is not worked on. What the editor sends is
//! bounded: of a document past the bound that is told, and nothing else. Never: fails at a message, or writes a file.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value as Json;
use serde_json::json;

use crate::limits;

use super::World;
use super::protocol::at;
use super::uri;

mod answer;
mod documents;
mod tell;

use documents::Open;

/// How far the conversation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The editor has not said who it is.
    New,
    /// It asks and is answered.
    Running,
    /// It has said that it will leave.
    ShutDown,
    /// It has left; had it said so before?
    Left(bool),
}

/// When the files are to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// When nothing was typed for a while.
    Soon,
    /// Now.
    Now,
}

/// Gives the real path of a file, where there is one.
pub type Real = Box<dyn Fn(&str) -> Option<String>>;

/// Codes of errors, as the protocol numbers them.
#[derive(Debug, Clone, Copy)]
enum Code {
    NoJson = -32700,
    NoRequest = -32600,
    NoMethod = -32601,
    BadParams = -32602,
    NotYet = -32002,
    Cancelled = -32800,
}

/// One editor.
pub struct Session {
    state: State,
    /// The real path of a file.
    real: Real,
    /// By path.
    open: BTreeMap<String, Open>,
    roots: Vec<String>,
    now: Arc<World>,
    /// The last world without an error.
    sound: Option<Arc<World>>,
    looked: bool,
    /// Counts the changes of what stands in the editor.
    edits: u64,
    /// How many of them the last look was about.
    seen: u64,
    look: Option<Look>,
    told: BTreeSet<String>,
    waiting: Vec<Json>,
    watches: bool,
    out: Vec<Json>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("state", &self.state)
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// An editor of which nothing is known yet.
    #[must_use]
    pub fn new(real: Real) -> Self {
        Self {
            state: State::New,
            real,
            open: BTreeMap::new(),
            roots: Vec::new(),
            now: Arc::default(),
            sound: None,
            looked: false,
            edits: 0,
            seen: 0,
            look: None,
            told: BTreeSet::new(),
            waiting: Vec::new(),
            watches: false,
            out: Vec::new(),
        }
    }

    /// How far the conversation has come.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// What is to be sent, in order.
    pub fn take_out(&mut self) -> Vec<Json> {
        std::mem::take(&mut self.out)
    }

    /// Is a look at the files wanted? The number of edits that it will be about comes with it.
    pub fn take_look(&mut self) -> Option<(Look, u64)> {
        self.look.take().map(|look| (look, self.edits))
    }

    /// How many edits there have been. A look at fewer finds what is no longer so.
    #[must_use]
    pub const fn edits(&self) -> u64 {
        self.edits
    }

    /// The last world without an error.
    #[must_use]
    pub fn sound(&self) -> Option<Arc<World>> {
        self.sound.clone()
    }

    /// What was found when the files were looked at as they were after so many edits. What was edited since is not told.
    pub fn looked(&mut self, edits: u64, world: World) {
        let world = Arc::new(world);
        let file = |world: &World| world.config.as_ref().map(|(file, _)| Arc::clone(file));
        if world.checked.is_some() {
            self.sound = Some(Arc::clone(&world));
        } else if self.sound.as_ref().is_some_and(|sound| file(sound) != file(&world)) {
            // It was another configuration.
            self.sound = None;
        }
        self.now = world;
        self.looked = true;
        self.seen = edits;
        // A document is known by another name than the one that was guessed: what was looked at was the file.
        if self.learn_names() {
            self.edited(Look::Now);
        }
        if edits == self.edits {
            self.tell_problems();
        }
        for request in std::mem::take(&mut self.waiting) {
            self.respond_to(&request);
        }
    }

    /// Says something to the person at the editor. 1: an error, 2: a warning, 3: for information.
    pub fn say(&mut self, kind: u8, text: &str) {
        let text = format!("palisade: {text}");
        self.notify("window/showMessage", &json!({ "type": kind, "message": text }));
    }

    /// Takes messages that have come in. Those that take others back are heard first.
    pub fn receive(&mut self, messages: &[Vec<u8>]) {
        let parsed: Vec<Option<Json>> =
            messages.iter().map(|bytes| serde_json::from_slice(bytes).ok()).collect();
        let cancels = parsed.iter().flatten().filter(|message| at(message, "/method") == "$/cancelRequest");
        let cancelled: HashSet<String> =
            cancels.map(|message| at(message, "/params/id").to_string()).collect();
        for message in parsed {
            let Some(message) = message else {
                self.fail(&Json::Null, Code::NoJson, "this is not JSON");
                continue;
            };
            let id = message.get("id").filter(|_| message.get("method").is_some());
            if id.is_some_and(|id| cancelled.contains(&id.to_string())) {
                self.fail(at(&message, "/id"), Code::Cancelled, "it was taken back");
            } else {
                self.message(&message);
            }
            if matches!(self.state, State::Left(_)) {
                return;
            }
        }
    }

    fn message(&mut self, message: &Json) {
        let answers = message.get("result").is_some() || message.get("error").is_some();
        if message.is_object() && message.get("method").is_none() && message.get("id").is_some() && answers {
            // An answer to what we have asked; there is nothing to do with it.
            return;
        }
        let Some(method) = message.get("method").and_then(Json::as_str) else {
            let id = message.get("id").cloned().unwrap_or_default();
            return self.fail(&id, Code::NoRequest, "a message is an object with a `method`");
        };
        let is_id = |id: &Json| id.is_string() || id.is_i64() || id.is_u64();
        match message.get("id") {
            None => self.notification(method, message.get("params").unwrap_or(&Json::Null)),
            Some(id) if is_id(id) => self.request(message),
            Some(_) => self.fail(&Json::Null, Code::NoRequest, "an `id` is a number or a text"),
        }
    }

    fn request(&mut self, message: &Json) {
        let (id, method) = (at(message, "/id"), at(message, "/method").as_str().unwrap_or(""));
        let params = message.get("params").unwrap_or(&Json::Null);
        match (self.state, method) {
            (State::New, "initialize") => self.initialize(id, params),
            (State::New, _) => self.fail(id, Code::NotYet, "`initialize` comes first"),
            (State::Running, "shutdown") => {
                self.state = State::ShutDown;
                self.answer(id, &Json::Null);
            }
            (State::Running, _) if answer::METHODS.contains(&method) => {
                // What is known of nothing yet is not answered with nothing, and what a policy is that has just been
                // edited not with what it was.
                let knows = self.looked && (method != answer::HOVER || self.seen == self.edits);
                if knows || method == answer::FORMATTING {
                    self.respond_to(message);
                } else {
                    self.wait(message.clone());
                }
            }
            (State::Running, _) => self.fail(id, Code::NoMethod, &format!("there is no `{method}` here")),
            (State::ShutDown | State::Left(_), _) => self.fail(id, Code::NoRequest, "it is shut down"),
        }
    }

    fn respond_to(&mut self, message: &Json) {
        let (id, method) = (at(message, "/id"), at(message, "/method").as_str().unwrap_or(""));
        match self.respond(method, at(message, "/params")) {
            Some(result) => self.answer(id, &result),
            None => self.fail(id, Code::BadParams, "these are not the parameters of this request"),
        }
    }

    fn wait(&mut self, request: Json) {
        if self.waiting.len() < limits::EDITOR_MESSAGES_MAX {
            self.waiting.push(request);
        } else {
            self.fail(at(&request, "/id"), Code::Cancelled, "too many requests wait");
        }
    }

    fn initialize(&mut self, id: &Json, params: &Json) {
        let folders =
            at(params, "/workspaceFolders").as_array().into_iter().flatten().map(|folder| at(folder, "/uri"));
        let uris = folders.chain([at(params, "/rootUri")]).filter_map(|uri| uri::to_path(uri.as_str()?));
        self.roots = uris.chain(at(params, "/rootPath").as_str().map(str::to_owned)).collect();
        let watches = "/capabilities/workspace/didChangeWatchedFiles/dynamicRegistration";
        self.watches = at(params, watches) == true;
        self.state = State::Running;
        let result = json!({
            "capabilities": {
                "positionEncoding": "utf-16",
                "textDocumentSync": { "openClose": true, "change": 1, "save": { "includeText": false } },
                "hoverProvider": true,
                "completionProvider": { "triggerCharacters": [".", ":", "\"", "@"] },
                "definitionProvider": true,
                "documentSymbolProvider": true,
                "documentFormattingProvider": true,
                "codeActionProvider": { "codeActionKinds": ["quickfix"] },
            },
            "serverInfo": { "name": "palisade", "version": env!("CARGO_PKG_VERSION") },
        });
        self.answer(id, &result);
        self.edited(Look::Now);
    }

    fn notification(&mut self, method: &str, params: &Json) {
        if method == "exit" {
            self.state = State::Left(self.state == State::ShutDown);
        }
        if self.state != State::Running {
            return;
        }
        match method {
            "initialized" if self.watches => self.watch(),
            "$/cancelRequest" => {
                let is = |request: &Json| at(request, "/id") == at(params, "/id");
                if let Some(found) = self.waiting.iter().position(is) {
                    let request = self.waiting.remove(found);
                    self.fail(at(&request, "/id"), Code::Cancelled, "it was taken back");
                }
            }
            "textDocument/didOpen" => {
                let document = at(params, "/textDocument");
                self.set(document, at(document, "/text").as_str(), Look::Now);
            }
            "textDocument/didChange" => {
                // Whole texts were asked for, so the last one is what stands there now.
                let last = at(params, "/contentChanges").as_array().and_then(|changes| changes.last());
                let text = last
                    .filter(|change| change.get("range").is_none())
                    .and_then(|change| at(change, "/text").as_str());
                self.set(at(params, "/textDocument"), text, Look::Soon);
            }
            "textDocument/didClose" => {
                let path = at(params, "/textDocument/uri").as_str().and_then(uri::to_path);
                if path.and_then(|path| self.open.remove(&path)).is_some() {
                    self.edited(Look::Now);
                }
            }
            // Another file is none of what stands here: a look that is under way goes on, and one more follows it.
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => self.want(Look::Now),
            _ => {}
        }
    }

    /// What stands in the editor has changed: what an earlier look finds is over.
    fn edited(&mut self, look: Look) {
        self.edits += 1;
        self.want(look);
    }

    /// Wants a look at the files; what is wanted at once stays so.
    pub fn want(&mut self, look: Look) {
        self.look = self.look.max(Some(look));
    }

    fn notify(&mut self, method: &str, params: &Json) {
        self.out.push(json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn answer(&mut self, id: &Json, result: &Json) {
        self.out.push(json!({ "jsonrpc": "2.0", "id": id, "result": result }));
    }

    fn fail(&mut self, id: &Json, code: Code, message: &str) {
        let error = json!({ "code": code as i32, "message": message });
        self.out.push(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
    }
}
