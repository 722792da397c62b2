//! Answers of an operation with rows, of types in which no rows can be told.
//!
//! Never: takes one for an error: whatever an app answers by them is refused.

use crate::model::rows;
use crate::model::schema::Document;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::redact::http;

/// Warns of each content type that the operation's answers have.
pub(super) fn warn<'n>(reader: &mut Reader, document: &mut Document<'n>, operation: &'n Node) {
    for (_, response) in operation.get("responses").map_or(&[][..], Node::entries) {
        let Some(content) = document.follow(reader, response).and_then(|response| response.get("content"))
        else {
            continue;
        };
        for (kind, _) in content.entries().iter().filter(|(kind, _)| !http::tells_rows(&kind.text)) {
            rows::warn_of_untold(reader, kind.at, &kind.text);
        }
    }
}
