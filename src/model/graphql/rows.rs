//! Which values of an answer are rows, and which of them say whose, whatever a document calls them.
//!
//! Never: takes a row for named that a document does not ask for its owner.

use std::collections::HashMap;

use crate::limits;
use crate::model::graphql::Flaw;
use crate::model::graphql::compile::Selections;
use crate::model::graphql::document::Field as Asked;
use crate::model::graphql::document::Selection;
use crate::model::graphql::schema::Field;
use crate::model::graphql::schema::TypeIx;
use crate::redact::NodeIx;

/// Of the way from a row to its owner, by its number, so many steps have been taken.
pub(super) type Owed = (u16, usize);

/// Which fragments select the rest of a way.
pub(super) type Memo<'d> = HashMap<(&'d str, Owed), bool>;

impl<'d> Selections<'_, '_, 'd> {
    /// What a field gives may be rows, each of which the document must ask whose it is.
    pub(super) fn row(&mut self, to: NodeIx, known: &Field, field: &'d Asked<'d>) {
        let graph = self.compiler.graph;
        let Some(of) = graph.schema.get(known.of).filter(|of| !of.rows.is_empty()) else { return };
        let mut row = to;
        for _ in 0..known.around.lists {
            let item = self.compiler.shape.node();
            self.compiler.shape.item(row, item);
            row = item;
        }
        let is_nullable = known.around.lists > 0 || known.around.is_nullable;
        self.compiler.shape.row(row, is_nullable, graph.foreign);
        let mut all = of.rows.iter();
        if !all.all(|number| self.asks(&field.selects, (*number, 0), 0)) {
            self.compiler.flawed(Flaw::Ownerless);
        }
    }

    /// A field of this name is selected of a value of this type, and leads to this node. How far ways to owners have come by
    /// it; where one ends the node is an owner.
    pub(super) fn owed(&mut self, to: NodeIx, of: TypeIx, name: &str, owed: &[Owed]) -> Vec<Owed> {
        let schema = &self.compiler.graph.schema;
        let from_here = schema.rows_of(of).into_iter().map(|number| (number, 0));
        let mut left = Vec::new();
        for (number, taken) in from_here.chain(owed.iter().copied()) {
            let path = schema.owner(number);
            if path.get(taken).is_none_or(|step| **step != *name) {
                continue;
            }
            if taken + 1 == path.len() {
                self.compiler.shape.owner(to);
            } else {
                left.push((number, taken + 1));
            }
        }
        left
    }

    /// The node of a fragment is one for all that spread it; what is owed is so only here.
    pub(super) fn spread_owed(&mut self, node: NodeIx, name: &str, owed: &[Owed]) -> Result<(), Flaw> {
        let Some((fragment, _)) = self.fragments.get(name).filter(|_| !owed.is_empty()) else {
            return Ok(());
        };
        let fragment = *fragment;
        self.within(node, self.condition(fragment.on), &fragment.selects, owed)
    }

    /// Is the rest of a way selected, in whatever fragment?
    fn asks(&mut self, all: &'d [Selection<'d>], (number, taken): Owed, depth: usize) -> bool {
        let path = self.compiler.graph.schema.owner(number);
        let Some(step) = path.get(taken) else { return true };
        // What nests deeper is refused when it is compiled.
        if depth > limits::GRAPHQL_SPREAD_DEPTH_MAX {
            return false;
        }
        all.iter().any(|one| match one {
            Selection::Field(field) => {
                *field.name == **step && self.asks(&field.selects, (number, taken + 1), depth + 1)
            }
            Selection::Inline(_, _, selects) => self.asks(selects, (number, taken), depth + 1),
            Selection::Spread(name, _) => {
                if let Some(known) = self.known.get(&(*name, (number, taken))) {
                    return *known;
                }
                // One that contains itself asks for no more by that.
                self.known.insert((name, (number, taken)), false);
                let fragment = self.fragments.get(name).map(|(fragment, _)| *fragment);
                let asks =
                    fragment.is_some_and(|fragment| self.asks(&fragment.selects, (number, taken), depth + 1));
                self.known.insert((name, (number, taken)), asks);
                asks
            }
        })
    }
}
