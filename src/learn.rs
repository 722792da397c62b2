//! Learning: what stands at which path of the bodies that pass, counted. From the counts a classification is proposed.
//!
//! An [`Observer`] reads bodies and keeps, for each body of each route, a bounded tree of paths: how many values, of which
//! types, in how many of them the detectors found something. A key may be a value, so only what is spelt like a name is
//! kept as one, and it is told only once several bodies had it; everything else is a member of any key.
//!
//! Never: keeps a value, a part, a hash or a length of one, or tells a key that may be one.

mod body;
mod concepts;
mod json;
mod names;
mod node;
mod proposal;
mod tables;
mod words;
mod xml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::limits;
use crate::redact::Format;

pub use body::format_of;
pub use concepts::Concept;
pub use node::Found;
pub use node::Node;
pub use node::Types;
pub use proposal::Choice;
pub use proposal::Line;
pub use proposal::OfBody;
pub use proposal::OfRoute;
pub use proposal::Proposal;
pub use proposal::Standing;
pub use proposal::Text;
pub use proposal::Why;

use node::Look;

/// Which body of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The client's, as it was sent.
    Request,
    /// The app's, before anything was hidden.
    Response,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Request, Self::Response];

    /// Its word in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// What there was no room for, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Over {
    /// Objects whose keys became too many to be told apart.
    pub keys: u64,
    /// Values at paths that there was no room for.
    pub paths: u64,
    /// Values that were nested too deep.
    pub depth: u64,
    /// Texts of which only the beginning was looked at.
    pub texts: u64,
}

impl Over {
    /// What came on top of what was before.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            keys: self.keys.saturating_sub(before.keys),
            paths: self.paths.saturating_sub(before.paths),
            depth: self.depth.saturating_sub(before.depth),
            texts: self.texts.saturating_sub(before.texts),
        }
    }

    /// Each with its word.
    #[must_use]
    pub const fn each(self) -> [(&'static str, u64); 4] {
        [("keys", self.keys), ("paths", self.paths), ("depth", self.depth), ("texts", self.texts)]
    }
}

/// What is known of one body of one route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Body {
    /// How many were looked at.
    pub bodies: u64,
    /// Of them, those of which only the beginning was looked at, for they are long or break off.
    pub cut: u64,
    /// And those of a type that is not read, or that are not what their type says.
    pub unread: u64,
    /// Keys that too few bodies have for them to be told.
    pub untold: u64,
    /// What there was no room for.
    pub over: Over,
    /// The whole body.
    pub root: Node,
}

impl Body {
    fn counts(&self) -> impl Iterator<Item = u64> {
        let over = self.over.each().map(|(_, count)| count);
        [self.bodies, self.cut, self.unread, self.untold].into_iter().chain(over)
    }
}

/// What is known of one route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// Of what its clients send.
    pub request: Body,
    /// Of what the app answers.
    pub response: Body,
}

impl Route {
    /// One of its bodies.
    #[must_use]
    pub const fn of(&self, side: Side) -> &Body {
        match side {
            Side::Request => &self.request,
            Side::Response => &self.response,
        }
    }

    const fn of_mut(&mut self, side: Side) -> &mut Body {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }
}

/// The form of [`Learned`] as a file.
const VERSION: u32 = 1;

/// All that was learned and may be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    version: u32,
    /// By the id of the route.
    pub routes: BTreeMap<Box<str>, Route>,
    /// Bodies of routes that there was no room for.
    #[serde(default)]
    pub routes_over: u64,
}

impl Default for Learned {
    fn default() -> Self {
        Self { version: VERSION, routes: BTreeMap::new(), routes_over: 0 }
    }
}

impl Learned {
    /// Reads what [`Learned::json`] wrote. What is not spelt like a name is none, whoever wrote the file.
    ///
    /// # Errors
    /// When the text is no such file, or has more of anything than there is room for.
    pub fn parse(text: &str) -> Result<Self, String> {
        let learned: Self = serde_json::from_str(text).map_err(|error| {
            format!("it is not what was learned: line {}, column {}", error.line(), error.column())
        })?;
        if learned.version != VERSION {
            return Err(format!("it is of version {}, and {VERSION} is read", learned.version));
        }
        let bodies = || learned.routes.values().flat_map(|route| Side::ALL.map(|side| route.of(side)));
        let paths: usize = bodies().map(|body| body.root.count()).sum();
        if learned.routes.len() > limits::LEARNED_ROUTES_MAX || paths > limits::LEARNED_PATHS_TOTAL_MAX {
            return Err("it has more paths than there is room for".to_owned());
        }
        if !bodies().all(|body| body.root.is_sound(0)) {
            return Err("it has a key that is not spelt like a name".to_owned());
        }
        let most = bodies().flat_map(Body::counts).chain([learned.routes_over]).max();
        if most > Some(limits::LEARNED_COUNT_MAX) || !bodies().all(|body| body.root.is_counted()) {
            return Err("it has a count that cannot be one".to_owned());
        }
        Ok(learned)
    }

    /// As JSON, for a file.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// How many bodies were looked at.
    #[must_use]
    pub fn bodies(&self) -> u64 {
        let each = self.routes.values().flat_map(|route| [route.request.bodies, route.response.bodies]);
        each.fold(0, u64::saturating_add)
    }
}

/// A body to learn from.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The id of its route.
    pub route: &'a str,
    /// Which body.
    pub side: Side,
    /// How it is written; `None`: in a way that is not read.
    pub format: Option<Format>,
    /// Its bytes, no longer encoded.
    pub bytes: &'a [u8],
    /// Is it only the beginning?
    pub is_cut: bool,
}

/// What became of a body that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// It was learned from.
    Learned,
    /// Its type is not read, or it is not what its type says. What was read of it by then counts.
    Unread,
    /// There was no room for its route.
    NoRoom,
}

/// Looks at bodies, and counts.
pub struct Observer {
    /// With keys that may not be told yet.
    raw: Learned,
    /// So many bodies must have a key before it is told.
    key_bodies_min: u64,
    bodies: u64,
    /// Paths that are kept.
    paths: usize,
    /// Of the body that was looked at last.
    over: Over,
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer").field(&self.learned()).finish()
    }
}

impl Observer {
    /// Goes on from what was learned before. A key is told once so many bodies have it.
    #[must_use]
    pub fn new(learned: Learned, key_bodies_min: u64) -> Self {
        let mut observer = Self { raw: learned, key_bodies_min, bodies: 0, paths: 0, over: Over::default() };
        observer.paths = observer.count();
        observer
    }

    fn count(&self) -> usize {
        let of = |route: &Route| route.request.root.count() + route.response.root.count();
        self.raw.routes.values().map(of).sum()
    }

    /// How many paths are kept.
    #[must_use]
    pub const fn paths(&self) -> usize {
        self.paths
    }

    /// What there was no room for in the body that was looked at last.
    #[must_use]
    pub const fn over(&self) -> Over {
        self.over
    }

    /// Looks at a body.
    pub fn observe(&mut self, seen: &Seen<'_>) -> Looked {
        self.over = Over::default();
        if !self.raw.routes.contains_key(seen.route) {
            if self.raw.routes.len() >= limits::LEARNED_ROUTES_MAX
                || seen.route.len() > limits::ROUTE_NAME_BYTES_MAX
            {
                self.raw.routes_over += 1;
                return Looked::NoRoom;
            }
            self.raw.routes.insert(seen.route.into(), Route::default());
        }
        self.bodies += 1;
        let Some(route) = self.raw.routes.get_mut(seen.route) else { return Looked::NoRoom };
        let body = route.of_mut(seen.side);
        body.bodies += 1;
        let before = body.root.count();
        let room = limits::LEARNED_PATHS_MAX
            .saturating_sub(before)
            .min(limits::LEARNED_PATHS_TOTAL_MAX.saturating_sub(self.paths));
        let mut look = Look::new(self.bodies, self.key_bodies_min, room, body.over);
        let is_read = seen.format.is_some_and(|format| {
            body::look(&mut body.root, &mut look, format, seen.bytes, seen.is_cut).is_ok()
        });
        self.over = look.over.since(body.over);
        body.over = look.over;
        body.cut += u64::from(seen.is_cut);
        body.unread += u64::from(!is_read && !seen.is_cut);
        self.paths = self.paths.saturating_sub(before) + body.root.count();
        if is_read || seen.is_cut && seen.format.is_some() { Looked::Learned } else { Looked::Unread }
    }

    /// What may be told of it.
    #[must_use]
    pub fn learned(&self) -> Learned {
        let told = |body: &Body| {
            let mut untold = body.untold;
            let root = body.root.told(self.key_bodies_min, &mut untold);
            Body { untold, root, ..*body }
        };
        let routes = self.raw.routes.iter().map(|(id, route)| {
            (id.clone(), Route { request: told(&route.request), response: told(&route.response) })
        });
        Learned { version: VERSION, routes: routes.collect(), routes_over: self.raw.routes_over }
    }
}
