//! The parameters of a path.
//!
//! Never: decodes one; each is as it stands in the path.

/// The parameters of a path, by the names that the route's template gives them.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    pub(super) names: &'a [Box<str>],
    pub(super) values: Option<matchit::Params<'a, 'a>>,
}

impl<'a> Params<'a> {
    /// The parameters of a path without any.
    #[must_use]
    pub const fn none() -> Self {
        Self { names: &[], values: None }
    }

    /// The value of a parameter, as it stands in the path.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// All parameters, in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let values = self.values.iter().flat_map(matchit::Params::iter);
        self.names.iter().map(|name| &**name).zip(values.map(|(_, value)| value))
    }
}
