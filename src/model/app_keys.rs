//! From what the app's rows say of their owner back to a DataKey.
//!
//! Never: guesses. A text that names no tenant's data names nothing.

use crate::ids::DataKey;
use crate::limits;
use crate::model::tenants::TenantIx;
use crate::model::tenants::Tenants;

impl Tenants {
    /// The DataKey that a text of the app names: the app's own key (`1.2.5.claims.`) or a path (`acme/west/`), the delimiter
    /// at the end or not. `None` where it names no tenant's data.
    #[must_use]
    pub fn of_app_key(&self, text: &str) -> Option<DataKey> {
        self.by_own_key(text).or_else(|| {
            let key = DataKey::parse(text.strip_suffix('/').unwrap_or(text)).ok()?;
            self.owner(&key).map(|_| key)
        })
    }

    /// By the longest of the tenants' own keys that it starts with.
    fn by_own_key(&self, text: &str) -> Option<DataKey> {
        if !self.has_app_keys() {
            return None;
        }
        if text.len() > limits::APP_KEY_TEXT_BYTES_MAX {
            return None;
        }
        let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
        ends.rev().find_map(|end| {
            let (start, rest) = text.split_at_checked(end)?;
            let owner = self.with_app_key(start).or_else(|| self.closed(start, rest))?;
            let delimiter = self.get(owner).app_key.as_deref()?.chars().next_back()?;
            let mut key = self.get(owner).path.to_string();
            for segment in rest.split(delimiter).filter(|segment| !segment.is_empty()) {
                key.push('/');
                key.push_str(segment);
            }
            DataKey::parse(&key).ok()
        })
    }

    /// The tenant whose own key is all of a text but its delimiter.
    fn closed(&self, text: &str, rest: &str) -> Option<TenantIx> {
        let delimiters = super::tenants::DELIMITERS.chars();
        let with = |delimiter| self.with_app_key(&format!("{text}{delimiter}"));
        if rest.is_empty() { delimiters.into_iter().find_map(with) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_its_owner_by_the_apps_key_or_by_a_path() {
        let text = "tenants: {acme: {tenants: {west: {}}}, globex: {data_key: '1.2.', tenants: {north: {}, ott: {data_key: 'x#'}}}}";
        let (tenants, _) = Tenants::parse("tenants.yaml", text).unwrap();
        let of = |text: &str| tenants.of_app_key(text).map(|key| key.to_string()).unwrap_or_default();
        for (text, key) in [
            ("acme", "acme"),
            ("acme/west/", "acme/west"),
            ("acme/west/claims/", "acme/west/claims"),
            ("1.2.", "globex"),
            ("1.2", "globex"),
            ("1.2.north.", "globex/north"),
            ("1.2.claims", "globex/claims"),
            ("x#", "globex/ott"),
            ("x", "globex/ott"),
            ("x#7#", "globex/ott/7"),
            ("globex/north", "globex/north"),
            ("1.20.", ""),
            ("acme2", ""),
            ("ACME", ""),
            (" acme", ""),
            ("", ""),
            ("/", ""),
            ("acme//", ""),
        ] {
            assert_eq!(of(text), key, "{text}");
        }
        // What the app is told is read back as what was meant.
        for key in ["acme", "acme/west", "acme/west/claims", "globex", "globex/north/a", "globex/ott/b"] {
            let key = DataKey::parse(key).unwrap();
            assert_eq!(tenants.of_app_key(&tenants.app_key(&key)), Some(key));
        }
    }
}
