//! What GraphQL itself defines, in a document: the type's name, and the schema.
//!
//! Never: takes what it gives for data.

use crate::model::graphql::Flaw;
use crate::model::graphql::compile::Selections;
use crate::model::graphql::document::Field;
use crate::model::graphql::document::Selection;
use crate::model::graphql::schema::TypeIx;
use crate::redact::NodeIx;

/// What every type of objects has.
const TYPE_NAME: &str = "__typename";

impl<'d> Selections<'_, '_, 'd> {
    /// A field that every schema has. What it gives is no data.
    pub(super) fn of_graphql(&mut self, node: NodeIx, of: TypeIx, field: &'d Field<'d>) -> Result<(), Flaw> {
        let graph = self.compiler.graph;
        let is_of_schema = matches!(field.name, "__schema" | "__type") && graph.schema.root(0) == Some(of);
        if is_of_schema && !graph.introspection {
            return Err(Flaw::Introspection);
        }
        if field.name != TYPE_NAME && !is_of_schema {
            self.compiler.flawed(Flaw::Mismatch);
        }
        let plain = self.compiler.plain;
        self.compiler.shape.member(node, field.key, plain);
        self.spreads(&field.selects)
    }

    /// Fragments of what GraphQL defines may contain themselves as any other.
    pub(super) fn spreads(&mut self, all: &'d [Selection<'d>]) -> Result<(), Flaw> {
        self.deeper(|selections| {
            for one in all {
                match one {
                    Selection::Field(field) => selections.spreads(&field.selects)?,
                    Selection::Inline(_, _, selects) => selections.spreads(selects)?,
                    Selection::Spread(name, _) => drop(selections.fragment(name)?),
                }
            }
            Ok(())
        })
    }
}
