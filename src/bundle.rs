//! A bundle: every file that says what is allowed, as one archive with a manifest of digests and a signature.
//!
//! It is read in two states. [`Opened`] holds a manifest that somebody wrote. [`Opened::verify`] asks whether somebody
//! trusted signed exactly these bytes, then reads the files and holds each against its digest; what comes out is a
//! [`Verified`], and only that has files which may become a snapshot. So nothing is unpacked for a stranger.
//!
//! Two bundles leave out each other's files never, and a bundle brings no key: who may call stays each sidecar's own.
//! Never: opens a file or a socket, or reads a clock; bytes in, values out.
//! INVARIANT: what is read is what was built or nothing (`bundle::tests::whatever_byte_is_changed_nothing_else_is_read`).

use std::fmt;
use std::io::Read as _;
use std::io::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::GzBuilder;
use flate2::bufread::GzDecoder;

use crate::ids::Digest;
use crate::limits;
use crate::snapshot::SourceFile;
use crate::snapshot::Sources;

mod keys;
mod manifest;
mod tar;

pub use keys::PrivateKey;
pub use keys::PublicKey;
pub use manifest::Entry;
pub use manifest::Header;
pub use manifest::Manifest;
pub use manifest::role_name;

/// The first file of the archive.
const MANIFEST: &str = "manifest.json";
/// The second, where it is signed.
const SIGNATURE: &str = "signature.json";

/// How every bundle begins: gzip (RFC 1952) without a time, a name or a system.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Why a bundle is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadBundle {
    /// It is no gzipped tar of the one form that bundles have, it ends early, or more follows.
    Archive(String),
    /// Its manifest does not hold together.
    Manifest(String),
    /// A file is not as its manifest says.
    File(String),
    /// It is not signed, and must be.
    Unsigned,
    /// It is signed by a key that is not trusted.
    UnknownKey(String),
    /// Its signature is not one of its manifest by the key that it names.
    BadSignature(String),
    /// It is for something else.
    OtherName {
        /// What it is for.
        is: String,
        /// What is wanted.
        wanted: String,
    },
}

impl BadBundle {
    /// The code of the problem that it is.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Archive(_) | Self::Manifest(_) | Self::File(_) => "bundle-malformed",
            Self::Unsigned | Self::UnknownKey(_) | Self::BadSignature(_) => "bundle-signature",
            Self::OtherName { .. } => "bundle-name",
        }
    }
}

impl fmt::Display for BadBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(why) => write!(f, "it is not a bundle: {why}"),
            Self::Manifest(why) => write!(f, "the bundle's manifest is wrong: {why}"),
            Self::File(why) => write!(f, "the bundle is not as its manifest says: {why}"),
            Self::Unsigned => f.write_str("the bundle is not signed"),
            Self::UnknownKey(id) => {
                write!(f, "the bundle is signed by `{id}`, which is not a key that is trusted here")
            }
            Self::BadSignature(id) => {
                write!(f, "the signature by `{id}` is not one of this bundle's manifest")
            }
            Self::OtherName { is, wanted } => write!(f, "the bundle is for `{is}`, not for `{wanted}`"),
        }
    }
}

impl std::error::Error for BadBundle {}

/// What makes a bundle believable.
#[derive(Debug, Clone)]
pub struct Trust {
    /// What it must be for; `None`: anything.
    pub name: Option<String>,
    /// The keys one of which must have signed it.
    pub keys: Vec<PublicKey>,
    /// Is one without a signature taken too? One with a signature must still be signed by a key above, if there is one.
    pub unsigned: bool,
}

/// The signature as it is written.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    algorithm: String,
    key: String,
    signature: String,
}

/// A bundle whose manifest was read, by nobody trusted yet. Its files are not reachable.
pub struct Opened<'a> {
    archive: &'a [u8],
    rest: GzDecoder<&'a [u8]>,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    signature: Option<Signature>,
    next: Option<(String, u64)>,
}

impl fmt::Debug for Opened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

/// A bundle that somebody trusted vouches for, every file of it held against its digest.
#[derive(Clone)]
pub struct Verified {
    manifest: Manifest,
    digest: Digest,
    key: Option<String>,
    files: Vec<SourceFile>,
    archive: Arc<[u8]>,
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bundle {} {}", self.title(), self.digest)
    }
}

impl<'a> Opened<'a> {
    /// Reads the manifest and the signature of an archive.
    ///
    /// # Errors
    /// When they are not what stands first in it, or not sound.
    pub fn open(archive: &'a [u8]) -> Result<Self, BadBundle> {
        if archive.len() > limits::BUNDLE_BYTES_MAX {
            return Err(BadBundle::Archive(format!("it has more than {} bytes", limits::BUNDLE_BYTES_MAX)));
        }
        if !archive.starts_with(&GZIP_HEAD) {
            return Err(BadBundle::Archive("it does not begin as one".to_owned()));
        }
        let mut rest = GzDecoder::new(archive);
        let first = tar::next(&mut rest).map_err(bad_archive)?;
        let (_, size) = first
            .filter(|(name, _)| name == MANIFEST)
            .ok_or_else(|| BadBundle::Archive(format!("its first file is not `{MANIFEST}`")))?;
        let manifest_bytes =
            tar::bytes(&mut rest, size, limits::BUNDLE_MANIFEST_BYTES_MAX).map_err(bad_archive)?;
        let manifest = Manifest::read(&manifest_bytes)?;
        let mut next = tar::next(&mut rest).map_err(bad_archive)?;
        let mut signature = None;
        if let Some((_, size)) = next.as_ref().filter(|(name, _)| name == SIGNATURE) {
            let bytes =
                tar::bytes(&mut rest, *size, limits::BUNDLE_SIGNATURE_BYTES_MAX).map_err(bad_archive)?;
            let read = serde_json::from_slice(&bytes);
            signature = Some(read.map_err(|error| BadBundle::Archive(format!("`{SIGNATURE}`: {error}")))?);
            next = tar::next(&mut rest).map_err(bad_archive)?;
        }
        Ok(Self { archive, rest, manifest, manifest_bytes, signature, next })
    }

    /// What it says of itself. Whoever shows it must say that nobody vouches for it.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Proves it, and then reads its files.
    ///
    /// # Errors
    /// When it is not signed by a key that is trusted, is for something else, or is not as its manifest says.
    pub fn verify(mut self, trust: &Trust) -> Result<Verified, BadBundle> {
        let key = self.prove(trust)?;
        if let Some(wanted) = trust.name.as_ref().filter(|name| **name != self.manifest.header.name) {
            return Err(BadBundle::OtherName { is: self.manifest.header.name, wanted: wanted.clone() });
        }
        let files = self.files()?;
        let digest = Digest::of(&self.manifest_bytes);
        Ok(Verified { manifest: self.manifest, digest, key, files, archive: self.archive.into() })
    }

    /// The key that proves the manifest; none where one without a signature is taken.
    fn prove(&self, trust: &Trust) -> Result<Option<String>, BadBundle> {
        let Some(signature) = &self.signature else {
            return if trust.unsigned { Ok(None) } else { Err(BadBundle::Unsigned) };
        };
        if trust.unsigned && trust.keys.is_empty() {
            return Ok(None);
        }
        let named = || signature.key.chars().filter(char::is_ascii_alphanumeric).take(64).collect::<String>();
        let key = trust.keys.iter().find(|key| key.id() == signature.key);
        let key = key.ok_or_else(|| BadBundle::UnknownKey(named()))?;
        let bytes = STANDARD.decode(&signature.signature).unwrap_or_default();
        if signature.algorithm != "ed25519" || !key.verifies(&self.manifest_bytes, &bytes) {
            return Err(BadBundle::BadSignature(named()));
        }
        Ok(Some(key.id().to_owned()))
    }

    /// Reads all files: exactly those of the manifest, in its order, each with its digest, and nothing after them.
    fn files(&mut self) -> Result<Vec<SourceFile>, BadBundle> {
        let mut files = Vec::with_capacity(self.manifest.files.len());
        for entry in &self.manifest.files {
            let bad = |why: &str| BadBundle::File(format!("`{}` {why}", entry.path));
            let header = self.next.take();
            if header.as_ref().is_none_or(|(name, size)| *name != entry.path || *size != entry.size) {
                return Err(bad("is not where it should be"));
            }
            let bytes =
                tar::bytes(&mut self.rest, entry.size, limits::SOURCE_FILE_BYTES_MAX).map_err(bad_archive)?;
            if Digest::of(&bytes).to_string() != entry.sha256 {
                return Err(bad("has another digest"));
            }
            let text = String::from_utf8(bytes).map_err(|_| bad("is not UTF-8 text"))?;
            if text.trim().is_empty() {
                return Err(bad("is empty"));
            }
            files.push(SourceFile {
                role: entry.role.clone(),
                name: entry.path.as_str().into(),
                // Without the version, so that a file that a new version leaves as it was is known again.
                file: format!("{}/{}", self.manifest.header.name, entry.path).into(),
                text: text.into(),
            });
            self.next = tar::next(&mut self.rest).map_err(bad_archive)?;
        }
        if let Some((name, _)) = &self.next {
            return Err(BadBundle::File(format!("`{name}` is not in it")));
        }
        self.end()?;
        Ok(files)
    }

    fn end(&mut self) -> Result<(), BadBundle> {
        let mut one = [0];
        let more = self.rest.read(&mut one).map_err(|error| bad_archive(error.into()))?;
        if more > 0 || !self.rest.get_ref().is_empty() {
            return Err(BadBundle::Archive("something follows its end".to_owned()));
        }
        Ok(())
    }
}

fn bad_archive(bad: tar::Bad) -> BadBundle {
    BadBundle::Archive(match bad {
        tar::Bad::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it ends early".to_owned()
        }
        tar::Bad::Io(_) => "it is not a sound gzip stream".to_owned(),
        tar::Bad::Header => {
            "it is not a tar archive of plain files as `palisade bundle build` writes it".to_owned()
        }
        tar::Bad::TooLarge => "a file in it is too large".to_owned(),
    })
}

/// `name@version`, as problems and people name it.
fn title(header: &Header) -> String {
    format!("{}@{}", header.name, header.version)
}

impl Verified {
    /// What it says of itself, proven.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.manifest.header
    }

    /// What it holds.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// `name@version`.
    #[must_use]
    pub fn title(&self) -> String {
        title(&self.manifest.header)
    }

    /// The SHA-256 of its manifest, which is the identity of what it says, however it was packed.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The name of the key that vouches for it; `None` where none had to.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The files of a snapshot that it brings.
    #[must_use]
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The archive as it came, to be kept.
    #[must_use]
    pub fn archive(&self) -> &[u8] {
        &self.archive
    }
}

/// Builds the archive of everything in `sources` that a bundle brings, signed where there is a key. The same input gives
/// the same bytes.
///
/// # Errors
/// When a name or a path cannot stand in a bundle, or there is too much.
pub fn build(header: &Header, sources: &Sources, key: Option<&PrivateKey>) -> Result<Vec<u8>, BadBundle> {
    let shipped = SourceFile::shipped_schema();
    // The schema that ships stays with the program: bundles built before an upgrade are checked by the new one, as folders are.
    let is_shipped = |file: &SourceFile| file.name == shipped.name && file.text == shipped.text;
    let files: Vec<&SourceFile> =
        sources.files().iter().filter(|file| manifest::brings(file) && !is_shipped(file)).collect();
    let manifest = Manifest::of(header, &files)?;
    pack(&manifest, &files, key)
}

/// The same bundle, signed by this key, whoever signed it before.
///
/// # Errors
/// When it is not a sound bundle.
pub fn sign(archive: &[u8], key: &PrivateKey) -> Result<Vec<u8>, BadBundle> {
    let opened = Opened::open(archive)?;
    let manifest = opened.manifest_bytes.clone();
    let verified = opened.verify(&Trust { name: None, keys: Vec::new(), unsigned: true })?;
    pack(&manifest, &verified.files.iter().collect::<Vec<_>>(), Some(key))
}

fn pack(manifest: &[u8], files: &[&SourceFile], key: Option<&PrivateKey>) -> Result<Vec<u8>, BadBundle> {
    let mut archive = Vec::new();
    let mut whole = tar::append(&mut archive, MANIFEST, manifest);
    if let Some(key) = key {
        let signature = Signature {
            algorithm: "ed25519".to_owned(),
            key: key.id(),
            signature: STANDARD.encode(key.sign(manifest)),
        };
        let signature = serde_json::to_vec(&signature).unwrap_or_default();
        whole &= tar::append(&mut archive, SIGNATURE, &signature);
    }
    for file in files {
        whole &= tar::append(&mut archive, &file.name, file.text.as_bytes());
    }
    tar::end(&mut archive);
    let packed = gzip(&archive).filter(|packed| whole && packed.len() <= limits::BUNDLE_BYTES_MAX);
    packed.ok_or_else(|| BadBundle::Archive("a path in it is too long, or it is too large".to_owned()))
}

/// Without a time or the name of a system in its head.
fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut packed =
        GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::default());
    packed.write_all(bytes).ok()?;
    packed.finish().ok()
}

#[cfg(test)]
mod tests;
