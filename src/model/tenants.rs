//! The tree of tenants: who the customers are, what state each is in, and what the app calls their data.
//!
//! Never: answers for a tenant that is not in the file; an index of another snapshot is answered by `nobody`,
//! a tenant that may do nothing.

mod overlap;
mod quotas;
mod upstreams;
mod words;

use std::collections::HashMap;

pub use quotas::Account;
pub use quotas::AccountIx;
pub use quotas::Quota;
pub use quotas::Quotas;
pub use quotas::Rate;
pub(super) use words::DELIMITERS;
use words::app_key;
use words::one_of;
use words::seconds;
use words::word;

use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::limits;
use crate::model::forest;
use crate::model::forest::Entry;
use crate::model::tree::Reader;
use crate::problem::Place;
use crate::problem::Problem;

const KIND: forest::Kind = forest::Kind {
    noun: "tenant",
    children: "tenants",
    separator: '/',
    beside: &["limits"],
    known: &[
        "region",
        "tier",
        "status",
        "isolation",
        "data_key",
        "upstream",
        "description",
        "limits",
        "retry_after",
        "tenants",
    ],
    check: |path| TenantPath::parse(path).map(drop),
    duplicate: "duplicate-tenant",
};

/// The index of a tenant in one snapshot's [`Tenants`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantIx(pub u32);

/// What state a tenant is in. Ordered by how much it takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// In normal use.
    Active,
    /// Being worked on.
    Maintenance,
    /// Not served for now, for example unpaid.
    Suspended,
    /// Cut off, for example because its credentials leaked.
    Quarantined,
}

impl Status {
    const ALL: [Self; 4] = [Self::Active, Self::Maintenance, Self::Suspended, Self::Quarantined];

    /// The name that files and policies use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Maintenance => "maintenance",
            Self::Suspended => "suspended",
            Self::Quarantined => "quarantined",
        }
    }
}

/// May tenants above this one be permitted to see its data?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isolation {
    /// They may, where a policy says so.
    Shared,
    /// They may not, whatever a policy says.
    Strict,
}

impl Isolation {
    const ALL: [Self; 2] = [Self::Shared, Self::Strict];

    /// The name that files and policies use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Strict => "strict",
        }
    }
}

/// A customer, or a part of one.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its path in the tree.
    pub path: TenantPath,
    /// The enclosing tenant.
    pub parent: Option<TenantIx>,
    /// Where its data is kept; empty where the file does not say.
    pub region: Box<str>,
    /// What it has paid for; empty where the file does not say.
    pub tier: Box<str>,
    /// Its state. A part without one of its own has the state of the whole.
    pub status: Status,
    /// While it is in maintenance its data is closed, and callers are told to come again after so many seconds; `None`: what
    /// is open then is for policies to say. A part without one of its own is as its whole.
    pub retry_after_s: Option<u32>,
    /// Whether tenants above may see it. A part without one of its own is as its whole.
    pub isolation: Isolation,
    /// Where strict isolation holds here: the tenant that declares it, this one or one that encloses it. Nobody from
    /// outside that tenant may touch the data. This tenant itself where isolation is shared.
    pub boundary: TenantIx,
    /// What the app's database calls its data, with the delimiter at the end: `1.2.5.`.
    pub app_key: Option<Box<str>>,
    /// Which of [`Tenants::upstreams`] its requests go to; `None` where neither it nor a tenant above says.
    pub upstream: Option<u16>,
}

impl Tenant {
    /// After how many seconds a caller may come again, where its data is closed.
    #[must_use]
    pub fn closed_s(&self) -> Option<u32> {
        self.retry_after_s.filter(|_| self.status == Status::Maintenance)
    }
}

/// The tree of tenants.
pub struct Tenants {
    /// In the order of their segments, so that a tenant's subtree is one run.
    all: Vec<Tenant>,
    /// One past the last tenant below each.
    ends: Vec<u32>,
    /// Every request looks its tenants up: one place in memory, where a search in order would touch many.
    by_path: HashMap<TenantPath, TenantIx>,
    /// Those that name a key of their own, by it.
    by_app_key: HashMap<Box<str>, TenantIx>,
    /// The names of places where the app runs that are said, each with the first place where it is.
    upstreams: Vec<(Box<str>, Place)>,
    quotas: Quotas,
    nobody: Tenant,
}

/// In the order of the tree; the table of paths has the same in none.
impl std::fmt::Debug for Tenants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { all, ends, quotas, nobody, by_path: _, by_app_key: _, upstreams: _ } = self;
        let mut tenants = f.debug_struct("Tenants");
        tenants.field("all", all).field("ends", ends).field("quotas", quotas).field("nobody", nobody).finish()
    }
}

impl Tenants {
    /// Reads `tenants.yaml`; with the tree come warnings.
    ///
    /// # Errors
    /// All problems of the file at once.
    pub fn parse(file: &str, text: &str) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let mut reader = Reader::new(file);
        let nobody = TenantPath::parse("nobody");
        let (Some(root), Ok(path)) = (reader.parse(text), nobody) else { return Err(reader.into_problems()) };
        let entries = forest::read(&mut reader, &root, &KIND);
        if entries.len() > limits::TENANTS_MAX {
            let message = format!("{} tenants are too many: at most {}", entries.len(), limits::TENANTS_MAX);
            reader.error("too-many", root.at, message);
            return Err(reader.into_problems());
        }
        let nobody = Tenant {
            path,
            parent: None,
            region: "".into(),
            tier: "".into(),
            status: Status::Quarantined,
            retry_after_s: None,
            isolation: Isolation::Strict,
            boundary: TenantIx(u32::MAX),
            app_key: None,
            upstream: None,
        };
        let (all, ends) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
        let mut tenants = Self {
            all,
            ends,
            by_path: HashMap::with_capacity(entries.len()),
            by_app_key: HashMap::new(),
            upstreams: Vec::new(),
            quotas: Quotas::default(),
            nobody,
        };
        for entry in &entries {
            tenants.add(&mut reader, entry);
        }
        if entries.is_empty() && !reader.has_errors() {
            reader.add(root.at, |place| {
                Problem::warning("no-tenants", place, "there is no tenant, so every request will be refused")
            });
        }
        if !reader.has_errors() {
            tenants.check_app_keys(&mut reader, &entries);
        }
        tenants.quotas = quotas::read(&mut reader, root.get("limits"), &entries);
        if reader.has_errors() { Err(reader.into_problems()) } else { Ok((tenants, reader.into_problems())) }
    }

    fn add(&mut self, reader: &mut Reader, entry: &Entry<'_>) {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let Ok(path) = TenantPath::parse(&entry.path) else { return };
        let parent = entry.parent.map(|parent| TenantIx(number(parent)));
        let above = parent.map_or(&self.nobody, |parent| self.get(parent));
        let itself = TenantIx(number(self.all.len()));
        let (mut status, mut isolation, mut boundary) = (Status::Active, Isolation::Shared, itself);
        if parent.is_some() {
            (status, isolation) = (above.status, above.isolation);
            boundary = if isolation == Isolation::Strict { above.boundary } else { itself };
        }
        if let Some(node) = entry.field("status")
            && let Some(own) = one_of(reader, node, "status", Status::ALL, Status::as_str)
        {
            if own < status {
                let message = format!(
                    "`{}` is {} although the tenant above it is {}",
                    path,
                    own.as_str(),
                    status.as_str()
                );
                reader.add(node.at, |place| Problem::warning("status-above", place, message));
            }
            status = own;
        }
        if let Some(node) = entry.field("isolation") {
            isolation =
                one_of(reader, node, "isolation", Isolation::ALL, Isolation::as_str).unwrap_or(isolation);
            boundary = itself;
        }
        let region = entry.field("region").and_then(|node| word(reader, node, "a region"));
        let tier = entry.field("tier").and_then(|node| word(reader, node, "a tier"));
        let app_key = entry.field("data_key").and_then(|node| app_key(reader, node));
        let upstream =
            entry.field("upstream").and_then(|node| upstreams::read(reader, node, &mut self.upstreams));
        let above = parent.map_or(&self.nobody, |parent| self.get(parent));
        let upstream = upstream.or(above.upstream);
        let retry_after_s = entry.field("retry_after").and_then(|node| seconds(reader, node));
        let retry_after_s = retry_after_s.or(above.retry_after_s);
        if let Some(node) = entry.field("description") {
            reader.text(node, "a description");
        }
        let region = region.unwrap_or_else(|| above.region.clone());
        let tier = tier.unwrap_or_else(|| above.tier.clone());
        self.by_path.insert(path.clone(), itself);
        self.by_app_key.extend(app_key.clone().map(|key| (key, itself)));
        let tenant = Tenant {
            path,
            parent,
            region,
            tier,
            status,
            retry_after_s,
            isolation,
            boundary,
            app_key,
            upstream,
        };
        self.all.push(tenant);
        self.ends.push(number(entry.end));
    }

    /// The names of places where the app runs that tenants name, each with the first place that does.
    #[must_use]
    pub fn upstreams(&self) -> &[(Box<str>, Place)] {
        &self.upstreams
    }

    /// How much tenants may do.
    #[must_use]
    pub const fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Has any tenant a key of its own?
    pub(super) fn has_app_keys(&self) -> bool {
        !self.by_app_key.is_empty()
    }

    /// The tenant that has this key of its own.
    pub(super) fn with_app_key(&self, key: &str) -> Option<TenantIx> {
        self.by_app_key.get(key).copied()
    }

    /// The tenant of a path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<TenantIx> {
        self.by_path.get(path).copied()
    }

    /// A tenant by its index. An index that no tenant has is answered by one that may do nothing.
    #[must_use]
    pub fn get(&self, tenant: TenantIx) -> &Tenant {
        usize::try_from(tenant.0).ok().and_then(|at| self.all.get(at)).unwrap_or(&self.nobody)
    }

    /// The deepest tenant whose own DataKey encloses `key`.
    #[must_use]
    pub fn owner<'k>(&self, key: &'k DataKey) -> Option<TenantIx> {
        let shorter = |path: &&'k str| path.rsplit_once('/').map(|(enclosing, _)| enclosing);
        std::iter::successors(Some(key.as_str()), shorter).find_map(|path| self.find(path))
    }

    /// Is `inner` the tenant `outer`, or below it?
    #[must_use]
    pub fn is_within(&self, inner: TenantIx, outer: TenantIx) -> bool {
        (outer.0..self.end(outer)).contains(&inner.0)
    }

    fn end(&self, tenant: TenantIx) -> u32 {
        usize::try_from(tenant.0).ok().and_then(|at| self.ends.get(at)).copied().unwrap_or(0)
    }

    /// The tenants that enclose this one, nearest first, without itself.
    pub fn ancestors(&self, tenant: TenantIx) -> impl Iterator<Item = TenantIx> {
        std::iter::successors(self.get(tenant).parent, |above| self.get(*above).parent)
    }

    /// The tenants directly below this one.
    pub fn children(&self, tenant: TenantIx) -> impl Iterator<Item = TenantIx> {
        let end = self.end(tenant);
        let first = TenantIx(tenant.0.saturating_add(1));
        let next = move |at: &TenantIx| Some(TenantIx(self.end(*at)));
        std::iter::successors(Some(first), next).take_while(move |at| at.0 < end)
    }

    /// All tenants, each after those that enclose it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (TenantIx, &Tenant)> {
        self.all
            .iter()
            .enumerate()
            .map(|(at, tenant)| (TenantIx(u32::try_from(at).unwrap_or(u32::MAX)), tenant))
    }

    /// How many tenants there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Is there no tenant at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A DataKey as the app is told it, with a delimiter at the end so that `starts_with` is safe: `acme/west/`, or
    /// below the key that the app's own database uses for the nearest enclosing tenant, `1.2.5.claims.`.
    #[must_use]
    pub fn app_key(&self, key: &DataKey) -> String {
        let named = self.owner(key).and_then(|owner| {
            std::iter::once(owner)
                .chain(self.ancestors(owner))
                .map(|at| self.get(at))
                .find_map(|tenant| Some((tenant.app_key.as_deref()?, &tenant.path)))
        });
        let Some((own, path)) = named else { return format!("{key}/") };
        let mut text = own.to_owned();
        let delimiter = own.chars().next_back().unwrap_or('/');
        let below = key.as_str().strip_prefix(path.as_str()).unwrap_or("");
        for segment in below.split('/').filter(|segment| !segment.is_empty()) {
            text.push_str(segment);
            text.push(delimiter);
        }
        text
    }
}

#[cfg(test)]
mod tests;
