//! How much a tenant may do: requests in a time, requests at once, bytes a day.
//!
//! A limit that is written at a tenant holds for it and all below it together. A tier's limits hold for each tenant at
//! which that tier is written, the default ones for each at the top of the tree whose tier has none: so every customer
//! has its own, and its parts share them, beside those that are written at a part.
//! Never: counts. What has been used is no part of a snapshot.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::limits;
use crate::model::TenantIx;
use crate::model::forest::Entry;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::model::tree::Value;
use crate::problem::Problem;

/// The index of an account in one snapshot's [`Quotas`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountIx(pub u32);

/// So many in a time, and so many at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    emission_ns: u64,
    burst: u64,
}

/// How much may be done. What is absent is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Requests in a time.
    pub requests: Option<Rate>,
    /// Requests at once.
    pub concurrent: Option<u32>,
    /// Bytes of bodies, both ways together, in a day of UTC.
    pub bytes: Option<u64>,
}

/// A tenant that a limit holds for, it and all below it together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Which.
    pub tenant: TenantIx,
    /// How much it may do.
    pub quota: Quota,
    /// The nearest tenant above it that a limit holds for: that one counts what this one does, too.
    pub above: Option<AccountIx>,
}

/// How much the tenants of one snapshot may do.
#[derive(Debug, Default)]
pub struct Quotas {
    accounts: Vec<Account>,
    /// For each tenant its nearest account; empty where there is no account at all.
    nearest: Vec<Option<AccountIx>>,
}

impl Rate {
    /// `count` in `window_ns` nanoseconds, never more, and `burst` at once; `None` where that is nothing, or takes longer
    /// than [`limits::QUOTA_REFILL_SECONDS_MAX`] to be whole again.
    #[must_use]
    pub fn new(count: u64, window_ns: u64, burst: u64) -> Option<Self> {
        if count == 0 || burst == 0 {
            return None;
        }
        // Rounded up: what is allowed is never more than what is written.
        let rate = Self { emission_ns: window_ns.div_ceil(count).max(1), burst };
        let most = limits::QUOTA_REFILL_SECONDS_MAX.saturating_mul(1_000_000_000);
        (rate.emission_ns.checked_mul(burst)? <= most).then_some(rate)
    }

    /// `100/s`, `6000/min`, `1000/h` or `5/day`. As many may come at once as it names, unless `burst` says another number.
    #[must_use]
    pub fn parse(text: &str, burst: Option<u64>) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let seconds: u64 = match unit {
            "s" => 1,
            "min" => 60,
            "h" => 3_600,
            "day" => 86_400,
            _ => return None,
        };
        let count = whole(count)?;
        Self::new(count, seconds * 1_000_000_000, burst.unwrap_or(count))
    }

    /// After so many nanoseconds one more may come.
    #[must_use]
    pub const fn emission_ns(self) -> u64 {
        self.emission_ns
    }

    /// So many may come at once after a pause.
    #[must_use]
    pub const fn burst(self) -> u64 {
        self.burst
    }

    /// How long that pause is, in nanoseconds.
    #[must_use]
    pub const fn refill_ns(self) -> u64 {
        self.emission_ns.saturating_mul(self.burst)
    }
}

impl Quota {
    const fn is_none(&self) -> bool {
        self.requests.is_none() && self.concurrent.is_none() && self.bytes.is_none()
    }
}

impl Quotas {
    /// Is nobody limited?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// The nearest account that counts what this tenant does.
    #[must_use]
    pub fn nearest(&self, tenant: TenantIx) -> Option<AccountIx> {
        *self.nearest.get(usize::try_from(tenant.0).ok()?)?
    }

    /// An account and those above it, nearest first.
    pub fn chain(&self, first: AccountIx) -> impl Iterator<Item = &Account> {
        let get = |ix: AccountIx| self.accounts.get(usize::try_from(ix.0).ok()?);
        std::iter::successors(get(first), move |account| get(account.above?))
    }

    /// Every account, each after those above it.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}

/// A limit as it is written: absent, `unlimited`, or one.
type Written<T> = Option<Option<T>>;

#[derive(Debug, Clone, Copy, Default)]
struct Sheet {
    requests: Written<Rate>,
    concurrent: Written<u32>,
    bytes: Written<u64>,
}

impl Sheet {
    fn over(self, base: Quota) -> Quota {
        Quota {
            requests: self.requests.unwrap_or(base.requests),
            concurrent: self.concurrent.unwrap_or(base.concurrent),
            bytes: self.bytes.unwrap_or(base.bytes),
        }
    }
}

/// The limits that a file declares by tier, and for all others.
#[derive(Debug, Default)]
struct Declared<'n> {
    default: Quota,
    tiers: BTreeMap<&'n str, Quota>,
}

/// Reads the limits of all tenants.
pub(super) fn read(reader: &mut Reader, top: Option<&Node>, entries: &[Entry<'_>]) -> Quotas {
    let declared = top.map_or_else(Declared::default, |node| declared(reader, node, entries));
    let mut quotas = Quotas::default();
    let mut nearest: Vec<Option<AccountIx>> = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let above = entry.parent.and_then(|parent| nearest.get(parent).copied().flatten());
        let tier = entry.field("tier").and_then(Node::as_text).and_then(|tier| declared.tiers.get(tier));
        let base = match (tier, entry.parent) {
            (Some(tier), _) => *tier,
            (None, None) => declared.default,
            (None, Some(_)) => Quota::default(),
        };
        let own = entry.field("limits").map_or_else(Sheet::default, |node| sheet(reader, node));
        let quota = own.over(base);
        if quota.is_none() {
            nearest.push(above);
            continue;
        }
        if let Some((node, above)) = entry.field("limits").zip(above) {
            reached(reader, node, entry, quota, quotas.chain(above));
        }
        nearest.push(Some(AccountIx(number(quotas.accounts.len()))));
        quotas.accounts.push(Account { tenant: TenantIx(number(at)), quota, above });
    }
    if !quotas.accounts.is_empty() {
        quotas.nearest = nearest;
    }
    quotas
}

fn declared<'n>(reader: &mut Reader, node: &'n Node, entries: &[Entry<'_>]) -> Declared<'n> {
    let mut declared = Declared::default();
    let written: BTreeSet<&str> = entries.iter().filter_map(|entry| entry.field("tier")?.as_text()).collect();
    for (key, value) in reader.fields(node, "`limits`", &["default", "tiers"]) {
        if key.text == "default" {
            declared.default = sheet(reader, value).over(Quota::default());
        } else {
            for (tier, value) in reader.map(value, "`tiers`") {
                if !written.contains(tier.text.as_str()) {
                    let message = format!("no tenant has the tier `{}`", tier.text.escape_debug());
                    reader.add(tier.at, |place| Problem::warning("unused-tier", place, message));
                }
                let quota = sheet(reader, value).over(Quota::default());
                declared.tiers.insert(&tier.text, quota);
            }
        }
    }
    declared
}

/// A limit above that is lower is reached first, so that the one written here says nothing.
fn reached<'a>(
    reader: &mut Reader,
    node: &Node,
    entry: &Entry<'_>,
    quota: Quota,
    mut above: impl Iterator<Item = &'a Account>,
) {
    let faster = |one: Option<Rate>, other: Option<Rate>| {
        one.zip(other).is_some_and(|(one, other)| one.emission_ns < other.emission_ns)
    };
    let is_above = above.any(|account| {
        let outer = account.quota;
        faster(quota.requests, outer.requests)
            || quota.concurrent.zip(outer.concurrent).is_some_and(|(one, other)| one > other)
            || quota.bytes.zip(outer.bytes).is_some_and(|(one, other)| one > other)
    });
    if is_above {
        let message =
            format!("`{}` may do more than a tenant above it, whose limit is reached first", entry.path);
        reader.add(node.at, |place| Problem::warning("limit-above", place, message));
    }
}

const KEYS: [&str; 4] = ["requests", "burst", "concurrent", "bytes"];
const UNLIMITED: &str = "unlimited";

fn sheet(reader: &mut Reader, node: &Node) -> Sheet {
    let mut sheet = Sheet::default();
    reader.fields(node, "`limits`", &KEYS);
    let is_unlimited = |node: &&Node| node.as_text() == Some(UNLIMITED);
    let burst = node.get("burst").and_then(|node| count(reader, node, "burst"));
    match node.get("requests") {
        Some(node) if is_unlimited(&node) => sheet.requests = Some(None),
        Some(node) => {
            let rate = node.as_text().and_then(|text| Rate::parse(text, burst));
            if rate.is_none() {
                bad(
                    reader,
                    node,
                    "requests",
                    "`100/s`, `6000/min`, `1000/h` or `5/day`, and at most a year's",
                );
            }
            sheet.requests = rate.map(Some);
        }
        None => {
            if let Some(node) = node.get("burst") {
                bad(reader, node, "burst", "a number beside `requests`");
            }
        }
    }
    match node.get("concurrent") {
        Some(node) if is_unlimited(&node) => sheet.concurrent = Some(None),
        Some(node) => {
            let most = count(reader, node, "concurrent");
            sheet.concurrent = most.map(|most| Some(u32::try_from(most).unwrap_or(u32::MAX)));
        }
        None => {}
    }
    match node.get("bytes") {
        Some(node) if is_unlimited(&node) => sheet.bytes = Some(None),
        Some(node) => {
            let bytes = node.as_text().and_then(bytes_a_day);
            if bytes.is_none() {
                bad(reader, node, "bytes", "`500MiB/day`, `10GiB/day` or `2TiB/day`");
            }
            sheet.bytes = bytes.map(Some);
        }
        None => {}
    }
    sheet
}

fn bad(reader: &mut Reader, node: &Node, key: &str, form: &str) {
    let message = format!("`{key}` is {form}");
    reader.add(node.at, |place| {
        Problem::error("bad-limit", place, message)
            .hint(format!("or `{UNLIMITED}`, where one comes from above"))
    });
}

fn count(reader: &mut Reader, node: &Node, key: &str) -> Option<u64> {
    match node.value {
        Value::Whole(number) if (1..=limits::QUOTA_COUNT_MAX).contains(&number) => Some(number),
        Value::Whole(_)
        | Value::Map(_)
        | Value::List(_)
        | Value::Text(_)
        | Value::Number(_)
        | Value::Bool(_)
        | Value::Null => {
            bad(reader, node, key, "a number from 1 on");
            None
        }
    }
}

fn whole(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|number| is_plain && *number <= limits::QUOTA_COUNT_MAX)
}

fn bytes_a_day(text: &str) -> Option<u64> {
    let size = text.strip_suffix("/day")?;
    let digits = size.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = size.split_at_checked(digits)?;
    let shift = match unit {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    let bytes = whole(number)?.checked_mul(1 << shift)?;
    (bytes <= limits::QUOTA_BYTES_MAX).then_some(bytes)
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
