//! Puts acts of those who keep a log on record: by opening it, or by asking whoever has hold of it in a file beside it.
//!
//! Never: makes a log or a key; comes back without an error before the acts are signed.

use std::fmt;
use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use crate::audit::keeping::Names;
use crate::audit::keeping::Order;
use crate::limits;

use super::OpenError;
use super::StoreSettings;
use super::now_ms;
use super::open_store;
use super::store::Folder;
use super::store::ORDERS;
use super::store::Store;
use super::store::VAULT;

/// How long to wait before the answer is looked for again.
const PAUSE: Duration = Duration::from_millis(20);

/// Acts were not put on record.
#[derive(Debug)]
pub enum NotPut {
    /// There is no log.
    NoLog(PathBuf),
    /// The key that signs it is not here.
    NoKey(PathBuf),
    /// It could not be opened.
    Open(OpenError),
    /// A file could not be written.
    File(PathBuf, io::Error),
    /// Whoever has hold of the log did not answer.
    Unanswered(PathBuf),
}

impl fmt::Display for NotPut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLog(path) => write!(f, "`{}` is no directory of a log", path.display()),
            Self::NoKey(path) => write!(
                f,
                "the key that signs `{}` is not in it: name the configuration with its `decision_log.key_file`",
                path.display()
            ),
            Self::Open(why) => why.fmt(f),
            Self::File(path, why) => write!(f, "`{}`: {why}", path.display()),
            Self::Unanswered(path) => write!(
                f,
                "a process has hold of the log `{}` and puts nothing on record: is it a sidecar that runs?",
                path.display()
            ),
        }
    }
}

impl std::error::Error for NotPut {}

/// Puts acts on record, signed, whether or not a sidecar writes to the log.
///
/// # Errors
/// When they are not on record.
pub fn act(settings: &StoreSettings, order: &Order) -> Result<(), NotPut> {
    let dir = &settings.dir;
    if !dir.join("log.json").exists() {
        return Err(NotPut::NoLog(dir.clone()));
    }
    match settings.key_file {
        None if !dir.join("signing.key").exists() => return Err(NotPut::NoKey(dir.clone())),
        None | Some(_) => {}
    }
    match open_store(settings) {
        Err(OpenError::Taken(_)) => ask(settings, order),
        Err(why) => Err(NotPut::Open(why)),
        Ok(store) => put(settings, store, order),
    }
}

fn put(settings: &StoreSettings, mut store: Store<Folder>, order: &Order) -> Result<(), NotPut> {
    let uid = rustix::process::getuid().as_raw();
    store.act(order, uid, now_ms()).map_err(|why| NotPut::File(settings.dir.clone(), why))
}

/// Asks whoever has hold of the log, and waits until the file is taken away, or until nobody has hold of it any more.
fn ask(settings: &StoreSettings, order: &Order) -> Result<(), NotPut> {
    let dir = &settings.dir;
    let folder = dir.join(ORDERS);
    let failed = |why: io::Error| NotPut::File(folder.clone(), why);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
    let path = folder.join(format!("{:020}-{}.json", now_ms(), std::process::id()));
    let beside = path.with_extension("tmp");
    let bytes = serde_json::to_vec(order).map_err(|why| failed(why.into()))?;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(failed)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, &path).map_err(failed)?;
    let end = Instant::now() + Duration::from_millis(limits::ORDER_WAIT_MS);
    while path.exists() {
        if Instant::now() > end {
            // Nobody shall find it later.
            return match fs::remove_file(&path) {
                Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
                Ok(()) | Err(_) => Err(NotPut::Unanswered(dir.clone())),
            };
        }
        std::thread::sleep(PAUSE);
        // Whoever had it was another command, or has ended.
        if let Ok(store) = open_store(settings) {
            return match fs::remove_file(&path) {
                Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(why) => Err(failed(why)),
                Ok(()) => put(settings, store, order),
            };
        }
    }
    Ok(())
}

/// The names that the pseudonyms of a log stand for; none where it was never written with pseudonyms.
///
/// # Errors
/// When they cannot be read.
pub fn names(log: &Path) -> Result<Names, NotPut> {
    let path = log.join(VAULT);
    let failed = |why| NotPut::File(path.clone(), why);
    match crate::file::bytes(&path, limits::VAULT_BYTES_MAX) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Names::default()),
        Err(why) => Err(failed(why)),
        Ok(bytes) => Names::read(&bytes).map_err(|why| failed(io::Error::other(why))),
    }
}
