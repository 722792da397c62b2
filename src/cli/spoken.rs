//! A GraphQL document on the command line: what `redact` and `explain-field` are told that a request sends.
//!
//! Never: reads a document in a way of its own.

use std::io::Read as _;
use std::path::PathBuf;

use crate::limits;
use crate::model::Route;
use crate::model::graphql::Asked;
use crate::model::graphql::Operation;
use crate::request::Refusal;
use crate::request::Unspoken;

/// What a request to a route of GraphQL sends.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Document {
    /// File with the GraphQL document that the request sends, where its route is one of GraphQL.
    #[arg(long, value_name = "FILE")]
    query: Option<PathBuf>,
    /// Which operation of the document is meant.
    #[arg(long, value_name = "NAME", requires = "query")]
    operation: Option<String>,
}

/// A request to a route of GraphQL.
pub(super) struct Spoken {
    /// The route with the bodies of this request.
    pub(super) route: Route,
    pub(super) operation: Operation,
}

/// Why nothing can be said of a body.
pub(super) enum Unseen {
    /// The call is refused.
    Refused(Refusal),
    /// What is asked makes no sense.
    Usage(String),
}

impl Document {
    /// What the request asks for; nothing where its route is none of GraphQL.
    pub(super) fn spoken(&self, route: &Route) -> Result<Option<Spoken>, Unseen> {
        let Some(graphql) = &route.graphql else {
            return match &self.query {
                Some(_) => Err(Unseen::Usage(format!("`{}` is no route of GraphQL", route.id))),
                None => Ok(None),
            };
        };
        let Some(path) = &self.query else {
            let message = "what stands where in an answer of GraphQL follows from what was asked: name the document by `--query`";
            return Err(Unseen::Usage(message.to_owned()));
        };
        let mut document = String::new();
        // One more byte than may be there, so that too many are seen.
        let most = limits::GRAPHQL_DOCUMENT_BYTES_MAX as u64 + 1;
        let read = std::fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut document));
        read.map_err(|error| Unseen::Usage(format!("`{}` cannot be read: {error}", path.display())))?;
        let asked = Asked { document: &document, operation: self.operation.as_deref() };
        let operation = graphql.operation(&[asked]);
        let operation =
            operation.map_err(|flaw| Unseen::Refused(Refusal::GraphQl(Unspoken::Document(flaw))))?;
        Ok(Some(Spoken { route: route.speaking(&operation), operation }))
    }
}
