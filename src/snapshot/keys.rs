//! The keys that masks are made with: one secret for all tenants, or files of their own for some, whose keys rotate.
//!
//! The newest key of the nearest file up the hierarchy makes a tenant's masks; every other that may have made some before
//! is kept to turn them back. Whatever the secret, keys are derived with the tenant's own path.
//! Never: tells what stands in such a file, not even what is wrong there: it may be a secret at the wrong place.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;

use crate::ids::TenantPath;
use crate::limits;
use crate::model::Tenants;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Place;
use crate::problem::Problem;
use crate::redact::KeyId;
use crate::redact::PseudonymKey;

use super::Role;
use super::SourceFile;
use super::Sources;

/// All keys of one snapshot.
#[derive(Default)]
pub struct MaskKeys {
    /// The one secret of all tenants.
    shared: Option<Arc<str>>,
    /// The keys of each tenant that has a file, the newest first.
    of_tenants: HashMap<TenantPath, Vec<Kept>>,
}

/// One key of a file.
struct Kept {
    id: KeyId,
    secret: Box<[u8]>,
}

/// A key that may have made masks of one tenant's data.
#[derive(Debug, Clone)]
pub struct Held {
    /// The tenant that its file names: the one whose data it is, or one that encloses it. `None`: the one secret of all.
    pub file_of: Option<TenantPath>,
    /// The key, derived for the tenant whose data it is.
    pub key: PseudonymKey,
}

impl MaskKeys {
    /// The key that makes the masks of a tenant's data; `None` where there is none.
    #[must_use]
    pub fn newest(&self, tenant: &TenantPath) -> Option<PseudonymKey> {
        self.secrets(tenant).next().map(|secret| secret.held(tenant).key)
    }

    /// Every key that may have made masks of a tenant's data: first the one that makes them, then those of its file, of the
    /// files of the tenants around it, and the one secret of all.
    #[must_use]
    pub fn all(&self, tenant: &TenantPath) -> Vec<Held> {
        self.secrets(tenant).map(|secret| secret.held(tenant)).collect()
    }

    fn secrets<'k>(&'k self, tenant: &TenantPath) -> impl Iterator<Item = Secret<'k>> + use<'k> {
        let files = tenant.and_enclosing().filter_map(|path| self.of_tenants.get_key_value(&path));
        let of_files = files.flat_map(|(path, keys)| keys.iter().map(|kept| Secret::OfFile(path, kept)));
        of_files.chain(self.shared.as_deref().map(Secret::Shared))
    }

    /// A tenant whose masks cannot be made, if there is one.
    pub(super) fn tenant_without<'t>(&self, tenants: &'t Tenants) -> Option<&'t TenantPath> {
        if self.shared.is_some() {
            return None;
        }
        // Each comes after those that enclose it.
        let mut has_key = Vec::with_capacity(tenants.len());
        for (_, tenant) in tenants.iter() {
            let above = tenant.parent.and_then(|parent| has_key.get(usize::try_from(parent.0).ok()?));
            let found = above.copied().unwrap_or(false) || self.of_tenants.contains_key(&tenant.path);
            has_key.push(found);
        }
        tenants.iter().zip(has_key).find(|(_, has_key)| !has_key).map(|((_, tenant), _)| &tenant.path)
    }

    /// Is there any key at all?
    pub(super) fn is_empty(&self) -> bool {
        self.shared.is_none() && self.of_tenants.is_empty()
    }

    /// Reads the one secret, and every file of tenants' keys. Tenants that are not known are a problem where the tenants are.
    pub(super) fn read(sources: &Sources, tenants: Option<&Tenants>, found: &mut Vec<Problem>) -> Self {
        let of_role = |role: Role| sources.files().iter().filter(move |source| source.role == role);
        let mut keys = Self::default();
        for source in of_role(Role::PseudonymKey) {
            keys.shared = Some(shared(source, found));
        }
        for source in of_role(Role::TenantKeys) {
            keys.file(source, tenants, found);
        }
        keys
    }

    fn file(&mut self, source: &SourceFile, tenants: Option<&Tenants>, found: &mut Vec<Problem>) {
        let mut file = File { reader: Reader::new(&source.file) };
        let Some(root) = file.reader.parse(&source.text) else {
            // What a parser says may quote what stands there.
            found.extend(file.reader.into_problems().into_iter().map(|problem| match problem.code {
                "syntax" => Problem { message: "this is not well-formed YAML".to_owned(), ..problem },
                _ => problem,
            }));
            return;
        };
        if let Some((tenant, keys)) = file.read(&root, tenants)
            && self.of_tenants.insert(tenant.clone(), keys).is_some()
        {
            let message = format!("another file has the keys of `{tenant}` too");
            let at = root.get("tenant").map_or(root.at, |node| node.at);
            file.reader.error("duplicate-tenant-keys", at, message);
        }
        found.extend(file.reader.into_problems());
    }
}

impl fmt::Debug for MaskKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKeys(…)")
    }
}

/// Where a key comes from.
enum Secret<'k> {
    OfFile(&'k TenantPath, &'k Kept),
    Shared(&'k str),
}

impl Secret<'_> {
    fn held(&self, tenant: &TenantPath) -> Held {
        match self {
            Self::Shared(secret) => {
                Held { file_of: None, key: PseudonymKey::new(secret.as_bytes(), tenant.as_str()) }
            }
            Self::OfFile(path, kept) => {
                let key = PseudonymKey::new(&kept.secret, tenant.as_str()).named(kept.id.clone());
                Held { file_of: Some((*path).clone()), key }
            }
        }
    }
}

/// The one secret of all tenants.
fn shared(source: &SourceFile, found: &mut Vec<Problem>) -> Arc<str> {
    let secret = source.text.trim();
    if secret.len() < limits::PSEUDONYM_SECRET_BYTES_MIN {
        let least = limits::PSEUDONYM_SECRET_BYTES_MIN;
        let message = format!("the secret of pseudonyms needs at least {least} bytes");
        let problem = Problem::error("weak-secret", Place::file(Arc::clone(&source.file)), message);
        found.push(problem.hint("make one: `openssl rand -hex 32`"));
    }
    secret.into()
}

/// A file of one tenant's keys.
struct File {
    reader: Reader,
}

impl File {
    /// Everything in it; `None` where the tenant or the keys are missing or wrong.
    fn read(&mut self, root: &Node, tenants: Option<&Tenants>) -> Option<(TenantPath, Vec<Kept>)> {
        self.only(root, "a file of keys", &["tenant", "keys"]);
        let tenant = self.needed(root, "tenant").and_then(|node| self.tenant(node, tenants));
        let listed = self.needed(root, "keys")?;
        let keys = self.reader.list(listed, "`keys`");
        if keys.is_empty() {
            let message = "`keys` needs at least one key: the first one makes masks, the others turn back";
            self.reader.error("no-keys", listed.at, message);
        }
        if let Some(over) = keys.get(limits::TENANT_KEYS_MAX) {
            let message = format!("a tenant has at most {} keys", limits::TENANT_KEYS_MAX);
            self.reader.error("too-many", over.at, message);
        }
        let (mut ids, mut secrets) = (HashSet::new(), HashSet::new());
        let mut read = Vec::with_capacity(keys.len());
        for node in keys.iter().take(limits::TENANT_KEYS_MAX) {
            let Some(kept) = self.key(node) else { continue };
            if !ids.insert(kept.id.clone()) {
                let at = node.get("id").map_or(node.at, |id| id.at);
                self.reader.error("duplicate-key-id", at, "another key has the same id");
            }
            if !secrets.insert(kept.secret.clone()) {
                let at = node.get("secret").map_or(node.at, |secret| secret.at);
                self.reader.error("duplicate-secret", at, "another key has the same secret");
            }
            read.push(kept);
        }
        Some((tenant?, read))
    }

    fn tenant(&mut self, node: &Node, tenants: Option<&Tenants>) -> Option<TenantPath> {
        let text = self.reader.text(node, "`tenant`")?;
        let Ok(path) = TenantPath::parse(text) else {
            self.reader.error("unknown-tenant", node.at, "this is not the path of a tenant");
            return None;
        };
        let known =
            Some(path).filter(|path| tenants.is_none_or(|tenants| tenants.find(path.as_str()).is_some()));
        if known.is_none() {
            // Not what stands there: it may be a secret at the wrong place.
            self.reader.error("unknown-tenant", node.at, "this is the path of no tenant");
        }
        known
    }

    fn key(&mut self, node: &Node) -> Option<Kept> {
        self.only(node, "a key", &["id", "secret"]);
        let id = self.needed(node, "id").and_then(|node| self.id(node));
        let secret = self.needed(node, "secret").and_then(|node| self.secret(node));
        Some(Kept { id: id?, secret: secret? })
    }

    fn id(&mut self, node: &Node) -> Option<KeyId> {
        let id = KeyId::parse(self.reader.text(node, "an id")?);
        if id.is_none() {
            let most = limits::KEY_ID_BYTES_MAX;
            let message = format!("an id has 1 to {most} lower-case letters and digits, as in `2026b`");
            self.reader.error("bad-key-id", node.at, message);
        }
        id
    }

    fn secret(&mut self, node: &Node) -> Option<Box<[u8]>> {
        const HINT: &str = "make one: `openssl rand -base64 32`";
        let text = self.reader.text(node, "a secret")?.trim();
        let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let Ok(secret) = GeneralPurpose::new(&STANDARD, padding).decode(text) else {
            self.reader.add(node.at, |place| {
                Problem::error("bad-secret", place, "the secret is not base64").hint(HINT)
            });
            return None;
        };
        let (least, most) = (limits::PSEUDONYM_SECRET_BYTES_MIN, limits::TENANT_SECRET_BYTES_MAX);
        if !(least..=most).contains(&secret.len()) {
            let message = format!("the secret of a key has {least} to {most} bytes, before they are base64");
            self.reader.add(node.at, |place| Problem::error("weak-secret", place, message).hint(HINT));
            return None;
        }
        Some(secret.into())
    }

    /// Only these keys may stand in the map.
    fn only(&mut self, node: &Node, what: &str, known: &[&str]) {
        for (key, _) in self.reader.map(node, what) {
            if !known.contains(&key.text.as_str()) {
                let message = format!("only `{}` may stand in {what}", known.join("` and `"));
                self.reader.error("unknown-key", key.at, message);
            }
        }
    }

    fn needed<'n>(&mut self, node: &'n Node, key: &str) -> Option<&'n Node> {
        let found = node.get(key);
        if found.is_none() {
            self.reader.error("missing-key", node.at, format!("`{key}` is required"));
        }
        found
    }
}

#[cfg(test)]
mod tests;
