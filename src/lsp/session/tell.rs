//! What is sent to an editor that it has not asked for: the problems of every file, and the wish to be told of changes.
//!
//! Never: tells of an edit that is over.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_json::json;

use crate::lsp::problems;
use crate::lsp::uri;

use super::Session;
use super::documents::not_looked_at;

impl Session {
    /// Tells every problem; where there was one and is none any more, that there is none.
    pub(super) fn tell_problems(&mut self) {
        let by_file = problems::diagnostics(&self.now);
        let mut told = BTreeMap::new();
        for (file, problems) in &by_file {
            told.insert(self.uri_of(file), json!(problems));
        }
        for open in self.open.values() {
            // What was found in it as it was saved stands elsewhere in it now.
            if let Err(why) = &open.text {
                told.insert(open.uri.clone(), json!([problems::at_top(1, not_looked_at(why))]));
            }
        }
        for uri in std::mem::take(&mut self.told) {
            told.entry(uri).or_insert_with(|| json!([]));
        }
        for (uri, problems) in told {
            let mut params = json!({ "uri": uri, "diagnostics": problems });
            let version = self.open.values().find(|open| open.uri == uri).and_then(|open| open.version);
            if let (Some(version), Some(params)) = (version, params.as_object_mut()) {
                params.insert("version".to_owned(), json!(version));
            }
            if problems.as_array().is_some_and(|problems| !problems.is_empty()) {
                self.told.insert(uri);
            }
            self.notify("textDocument/publishDiagnostics", &params);
        }
    }

    /// The URI of a file: as the editor says it, where it is open there.
    pub(super) fn uri_of(&self, file: &str) -> String {
        let open = self.open.iter().find(|(path, open)| &*self.file(path, open) == file);
        open.map_or_else(|| uri::of_path(file), |(_, open)| open.uri.clone())
    }

    /// Asks to be told when files change.
    pub(super) fn watch(&mut self) {
        let watchers = ["**/*.cedar", "**/*.cedarschema", "**/*.yaml", "**/*.yml", "**/*.json"];
        let watchers: Vec<Json> = watchers.iter().map(|glob| json!({ "globPattern": glob })).collect();
        let method = "workspace/didChangeWatchedFiles";
        let one = json!({ "id": "files", "method": method, "registerOptions": { "watchers": watchers } });
        let params = json!({ "registrations": [one] });
        self.out.push(json!({ "jsonrpc": "2.0", "id": "palisade-watch", "method": "client/registerCapability", "params": params }));
    }
}
