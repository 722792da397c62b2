//! The questions that an editor puts about its documents, each with its answer.
//!
//! Never: changes anything; an edit is proposed, and the editor makes it.

use std::sync::Arc;

use serde_json::Value as Json;
use serde_json::json;

use crate::lsp::complete::complete;
use crate::lsp::define::define;
use crate::lsp::hover::hover;
use crate::lsp::lines::Lines;
use crate::lsp::page::Desk;
use crate::lsp::page::Kind;
use crate::lsp::page::Page;
use crate::lsp::problems;
use crate::lsp::protocol::Position;
use crate::lsp::protocol::Range;
use crate::lsp::protocol::TextEdit;
use crate::lsp::protocol::at;
use crate::lsp::symbols::symbols;
use crate::lsp::uri;
use crate::policy::Source;
use crate::policy::format;

use super::Session;

pub(super) const FORMATTING: &str = "textDocument/formatting";
pub(super) const HOVER: &str = "textDocument/hover";
/// All that is answered beside the beginning and the end of the conversation.
pub(super) const METHODS: [&str; 6] = [
    HOVER,
    "textDocument/completion",
    "textDocument/definition",
    "textDocument/documentSymbol",
    FORMATTING,
    "textDocument/codeAction",
];

impl Session {
    /// The answer; nothing where the parameters are not those of the request.
    pub(super) fn respond(&self, method: &str, params: &Json) -> Option<Json> {
        let uri = at(params, "/textDocument/uri").as_str()?;
        let position = || serde_json::from_value::<Position>(at(params, "/position").clone()).ok();
        let path = uri::to_path(uri);
        let Some((path, open)) = path.as_ref().and_then(|path| self.open.get_key_value(path)) else {
            // It has been closed since it was asked, or is no file.
            return Some(Json::Null);
        };
        let file = self.file(path, open);
        let Ok(text) = &open.text else { return Some(Json::Null) };
        let desk = Desk::new(&self.now, self.sound.as_deref(), &|file| self.typed(file));
        let Some(page) = desk.page(&file, Some(Arc::clone(text))) else { return Some(Json::Null) };
        Some(match method {
            HOVER => json!(hover(&desk, &page, position()?)),
            "textDocument/completion" => {
                let (items, whole) = complete(&desk, &page, position()?);
                json!({ "isIncomplete": !whole, "items": items })
            }
            "textDocument/definition" => {
                let mut found = define(&desk, &page, position()?);
                for location in &mut found {
                    if let Some(file) = uri::to_path(&location.uri) {
                        location.uri = self.uri_of(&file);
                    }
                }
                json!(found)
            }
            "textDocument/documentSymbol" => json!(symbols(&page)),
            FORMATTING => json!(formatted(&page)),
            "textDocument/codeAction" => {
                let range = serde_json::from_value::<Range>(at(params, "/range").clone()).ok()?;
                json!(self.actions(uri, &page, range))
            }
            _ => Json::Null,
        })
    }

    fn actions(&self, uri: &str, page: &Page, range: Range) -> Vec<Json> {
        // What was found in another text may stand elsewhere in this one.
        if self.now.text(&page.file) != Some(&*page.text) {
            return Vec::new();
        }
        let one = |mend: problems::Mend| {
            let changes = json!({ uri: [mend.edit] });
            json!({ "title": mend.title, "kind": "quickfix", "isPreferred": true, "edit": { "changes": changes } })
        };
        problems::mends(&self.now, &page.file, range).into_iter().map(one).collect()
    }
}

/// A policy file in Cedar's layout; no edit where it has that, or cannot be read.
fn formatted(page: &Page) -> Vec<TextEdit> {
    if page.kind != Kind::Policies {
        return Vec::new();
    }
    let source = Source { file: page.file.clone(), text: page.text.clone(), confined_to: None };
    match format::format(&source, format::WIDTH) {
        Ok(done) if done.text != *page.text => {
            let range = Lines::of(&page.text).range(&(0..page.text.len()));
            vec![TextEdit { range, new_text: done.text }]
        }
        Ok(_) | Err(_) => Vec::new(),
    }
}
