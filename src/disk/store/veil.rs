//! Puts pseudonyms in place of who called, before a record is numbered: on the thread that writes, so that no request waits for it.
//!
//! Never: writes a pseudonym whose name is not on the device; gives two people one.

use std::collections::HashMap;
use std::io;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::audit::entry;
use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Tokens;
use crate::audit::entry::Value;
use crate::audit::frame;
use crate::audit::keeping::Named;
use crate::audit::keeping::Names;
use crate::audit::record::MASKED;

/// The pseudonyms that were given, by tenant and id.
#[derive(Debug, Default)]
pub(super) struct Veil {
    given: HashMap<(String, String), String>,
    /// Those that are not in the file yet.
    fresh: Vec<Named>,
}

/// Codes of the keys that are looked at.
struct Keys {
    principal: u8,
    actor: u8,
    id: u8,
    tenant: u8,
    auth_method: u8,
    issuer: u8,
}

const KEYS: Keys = Keys {
    principal: entry::code_of("principal"),
    actor: entry::code_of("actor"),
    id: entry::code_of("id"),
    tenant: entry::code_of("tenant"),
    auth_method: entry::code_of("auth_method"),
    issuer: entry::code_of("issuer"),
};

impl Veil {
    /// With those that a file holds.
    pub(super) fn new(names: &Names) -> Self {
        let pair = |named: &Named| ((named.tenant.clone(), named.id.clone()), named.pseudonym.clone());
        Self { given: names.iter().map(pair).collect(), fresh: Vec::new() }
    }

    /// The same frames with pseudonyms.
    pub(super) fn frames(&mut self, mut frames: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(frames.len());
        while let Some((head, after)) = frames.split_first_chunk::<{ frame::HEAD_BYTES }>() {
            let length = head.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
            let Some((record, further)) = after.split_at_checked(length as usize) else { break };
            match self.record(record)? {
                Some(veiled) => frame::append(&veiled, &mut out),
                None => frame::append(record, &mut out),
            }
            frames = further;
        }
        Ok(out)
    }

    /// The lines of those that are not in the file yet.
    pub(super) fn lines(&self) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        for named in &self.fresh {
            serde_json::to_writer(&mut lines, named)?;
            lines.push(b'\n');
        }
        Ok(lines)
    }

    /// They are in the file, or will not be.
    pub(super) fn settle(&mut self, written: bool) {
        for named in self.fresh.drain(..).filter(|_| !written) {
            self.given.remove(&(named.tenant, named.id));
        }
    }

    /// A record with pseudonyms; `None` where nobody is named.
    fn record(&mut self, record: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let Ok(entry) = Entry::read(record) else { return Ok(None) };
        if entry.kind == Kind::Outcome {
            return Ok(None);
        }
        let Some((tenant, by_key)) = caller(entry.tokens()) else { return Ok(None) };
        let (mut veiled, mut open) = (Vec::with_capacity(record.len()), Vec::new());
        entry::append_head(&mut veiled, &entry);
        for token in entry.tokens() {
            let (key, value) = token.map_err(|_| io::Error::other("a record that cannot be read"))?;
            let within =
                open.first() == Some(&KEYS.principal) && open.iter().skip(1).all(|key| *key == KEYS.actor);
            let names = key == KEYS.id || (key == KEYS.issuer && by_key && open.len() == 1);
            match value {
                Value::Object | Value::List => open.push(key),
                Value::ObjectEnd | Value::ListEnd(_) => drop(open.pop()),
                Value::Text(id, _) if within && names && id != MASKED => {
                    let pseudonym = self.pseudonym(tenant, id)?;
                    entry::append(&mut veiled, key, &Value::Text(&pseudonym, false));
                    continue;
                }
                Value::Text(..)
                | Value::Bytes(..)
                | Value::Number(_)
                | Value::Id(_)
                | Value::Hex(_)
                | Value::Time(_)
                | Value::Ip(_) => {}
            }
            entry::append(&mut veiled, key, &value);
        }
        Ok(Some(veiled))
    }

    fn pseudonym(&mut self, tenant: &str, id: &str) -> io::Result<String> {
        let who = (tenant.to_owned(), id.to_owned());
        if let Some(pseudonym) = self.given.get(&who) {
            return Ok(pseudonym.clone());
        }
        let mut random = [0; 12];
        rand::fill(&mut random).map_err(|_| io::Error::other("the system gives no random bytes"))?;
        let pseudonym = format!("~{}", URL_SAFE_NO_PAD.encode(random));
        let (tenant, id) = who.clone();
        self.fresh.push(Named { pseudonym: pseudonym.clone(), tenant, id });
        self.given.insert(who, pseudonym.clone());
        Ok(pseudonym)
    }
}

/// The tenant of the caller that a record names, and whether it came by an API key; `None` where it names none.
fn caller(tokens: Tokens<'_>) -> Option<(&str, bool)> {
    let (mut open, mut found, mut tenant, mut by_key) = (Vec::new(), false, "", false);
    for token in tokens {
        let (key, value) = token.ok()?;
        match value {
            Value::Object | Value::List => {
                found |= open.is_empty() && key == KEYS.principal;
                open.push(key);
            }
            Value::ObjectEnd | Value::ListEnd(_) => drop(open.pop()),
            Value::Text(text, _) if open == [KEYS.principal] && key == KEYS.tenant => tenant = text,
            Value::Text(text, _) if open == [KEYS.principal] && key == KEYS.auth_method => {
                by_key = text == "api_key";
            }
            Value::Text(..)
            | Value::Bytes(..)
            | Value::Number(_)
            | Value::Id(_)
            | Value::Hex(_)
            | Value::Time(_)
            | Value::Ip(_) => {}
        }
    }
    found.then_some((tenant, by_key))
}
