//! Which objects of a schema are rows that say whose they are, and by which of their fields.
//!
//! Never: takes a field for an owner that may give none, or several.

use crate::model::graphql::schema::Schema;
use crate::model::graphql::schema::Type;
use crate::model::graphql::schema::TypeIx;
use crate::model::graphql::sdl::Kind;
use crate::problem::nearest;

impl Schema {
    /// Says that each object of a type is a row, whose owner the leaf at this path below it names: `Claim`, `owner.key`.
    ///
    /// # Errors
    /// What is wrong with the type (`true`) or the path, and what may have been meant.
    pub(in crate::model) fn row(
        &mut self,
        name: &str,
        path: &str,
    ) -> Result<(), (bool, String, Option<String>)> {
        let names = || self.names.keys().map(|name| &**name);
        let near = |near: Option<&str>| near.map(str::to_owned);
        let Some(of) = self.find(name) else {
            let message = format!("the schema has no type `{}`", name.escape_debug());
            return Err((true, message, near(nearest(name, names()))));
        };
        let is_root = (0..3).any(|root| self.root(root) == Some(of));
        let is_object = |of: &Type| matches!(of.kind, Kind::Object | Kind::Interface);
        if is_root || !self.get(of).is_some_and(is_object) {
            let message = format!(
                "`{name}` is no type of objects, or the one of all queries, mutations or subscriptions"
            );
            return Err((true, message, None));
        }
        let mut here = of;
        let mut steps = path.split('.').peekable();
        while let Some(step) = steps.next() {
            let within = self.get(here);
            let Some(field) = within.and_then(|within| within.fields.get(step)) else {
                let fields = within.into_iter().flat_map(|within| within.fields.keys()).map(|name| &**name);
                let message = format!(
                    "a `{name}` has no `{}`: there is no field `{}`",
                    path.escape_debug(),
                    step.escape_debug()
                );
                return Err((false, message, near(nearest(step, fields))));
            };
            let is_leaf = self.get(field.of).is_some_and(|of| !of.is_composite());
            if field.around.lists > 0 || is_leaf != steps.peek().is_none() {
                let message = format!("`{path}` of a `{name}` is not one text or number: look at `{step}`");
                return Err((false, message, None));
            }
            here = field.of;
        }
        let number = u16::try_from(self.owners.len()).unwrap_or(u16::MAX);
        self.owners.push(path.split('.').map(Box::from).collect());
        if let Some(of) = self.types.get_mut(usize::try_from(of).unwrap_or(usize::MAX)) {
            of.rows.insert(number);
        }
        Ok(())
    }

    /// The fields from a row to what names its owner, by number.
    pub(in crate::model::graphql) fn owner(&self, number: u16) -> &[Box<str>] {
        self.owners.get(usize::from(number)).map_or(&[], |path| path)
    }

    /// Are there rows at all?
    pub(in crate::model::graphql) fn has_rows(&self) -> bool {
        !self.owners.is_empty()
    }

    /// The numbers by which a field that is selected of a value of this type may begin. Of several types that do not say it
    /// alike no field can: which of them the value is, nobody knows.
    pub(in crate::model::graphql) fn rows_of(&self, of: TypeIx) -> Vec<u16> {
        let Some(of) = self.get(of) else { return Vec::new() };
        let mut paths = of.rows.iter().map(|number| self.owner(*number));
        let first = paths.next();
        let is_one = of.kind == Kind::Object || paths.all(|path| Some(path) == first);
        if is_one { of.rows.iter().copied().collect() } else { Vec::new() }
    }
}
