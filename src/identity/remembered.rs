//! What one worker remembers of tokens that it has proven: an ES256 check costs 55 us, a look here under 1 us.
//!
//! INVARIANT: an answer is the one that the keyring itself would give now
//! (`tests::hostile::a_remembered_token_is_forgotten_with_its_keys_and_its_time`).
//! Never: remembers a refusal, outlives the token or its keyring, or finds a token by less than all of its bytes.

use quick_cache::unsync::Cache;

use super::Credential;
use super::Keyring;
use super::Rejected;
use super::Verified;
use crate::ids::Digest;
use crate::limits;

struct Entry {
    verified: Verified,
    from: u64,
    until: u64,
}

/// The proven tokens of one worker. API keys are not kept: proving one costs no more than finding it here.
pub struct Remembered {
    entries: Cache<Digest, Entry>,
}

impl std::fmt::Debug for Remembered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remembered").field("entries", &self.entries.len()).finish()
    }
}

impl Default for Remembered {
    fn default() -> Self {
        Self { entries: Cache::new(limits::VERIFIED_CREDENTIALS_MAX) }
    }
}

impl Remembered {
    /// The same as [`Keyring::verify`], sooner where the token was proven before with the same keyring.
    ///
    /// # Errors
    /// As the keyring.
    pub fn verify(
        &mut self,
        keyring: &Keyring,
        credential: Credential<'_>,
        now: u64,
    ) -> Result<Verified, Rejected> {
        let token = match credential {
            Credential::Bearer(token) if token.len() <= limits::CREDENTIAL_BYTES_MAX => token,
            Credential::Bearer(_) | Credential::ApiKey(_) => return keyring.verify(credential, now),
        };
        let name = name(token, keyring);
        // A clock that leaps back must not make an entry live longer.
        if let Some(entry) = self.entries.get(&name).filter(|entry| (entry.from..entry.until).contains(&now))
        {
            return Ok(entry.verified.clone());
        }
        let verified = keyring.verify(credential, now)?;
        let until = verified.expires.min(now.saturating_add(limits::VERIFIED_SECONDS_MAX));
        if until > now {
            self.entries.insert(name, Entry { verified: verified.clone(), from: now, until });
        }
        Ok(verified)
    }

    /// Was this token proven before, with the same keyring, so that it need not be proven again?
    #[must_use]
    pub fn knows(&self, keyring: &Keyring, credential: Credential<'_>, now: u64) -> bool {
        let Credential::Bearer(token) = credential else { return false };
        let entry = self.entries.get(&name(token, keyring));
        entry.is_some_and(|entry| (entry.from..entry.until).contains(&now))
    }

    /// How many tokens are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is nothing remembered?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn name(token: &[u8], keyring: &Keyring) -> Digest {
    Digest::of_parts([&b"bearer"[..], token, keyring.digest().as_bytes()])
}
