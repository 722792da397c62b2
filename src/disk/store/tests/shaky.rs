//! A device that fails as it is told, and forgets what was not synced when the power goes.
//!
//! Names are there at once, as after a sync of their folder; contents are what the last sync of the file left, and of what came
//! after it any prefix.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use crate::disk::store::Files;

#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    pub(super) seen: Vec<u8>,
    pub(super) kept: Vec<u8>,
    /// A sync failed: what is not kept yet never will be, whatever a later sync says.
    broken: bool,
}

/// What is to fail, in order: each operation takes one off; `None` at the end.
#[derive(Debug, Default)]
pub(super) struct Device {
    pub(super) files: BTreeMap<String, Rc<RefCell<Inode>>>,
    pub(super) faults: Vec<Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// It fails; of a write, this share in 256ths is there all the same.
    Fails(u8),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Shaky(pub(super) Rc<RefCell<Device>>);

impl Shaky {
    fn fault(&self) -> Result<(), u8> {
        match self.0.borrow_mut().faults.pop() {
            Some(Fault::Fails(share)) => Err(share),
            Some(Fault::None) | None => Ok(()),
        }
    }

    fn inode(&self, name: &str) -> Option<Rc<RefCell<Inode>>> {
        self.0.borrow().files.get(name).cloned()
    }

    /// The power goes and comes back: of each file what was kept, and of what came after it a share in 256ths.
    pub(super) fn power_cut(&self, share: u8) -> Self {
        let device = self.0.borrow();
        let files = device.files.iter().map(|(name, inode)| {
            let Inode { seen, kept, broken } = inode.borrow().clone();
            let more = seen.len().saturating_sub(kept.len()) * usize::from(share) / 256;
            let survives = seen.starts_with(&kept) && !broken;
            let bytes = if survives { seen[..kept.len() + more].to_vec() } else { kept };
            (name.clone(), Rc::new(RefCell::new(Inode { seen: bytes.clone(), kept: bytes, broken: false })))
        });
        Self(Rc::new(RefCell::new(Device { files: files.collect(), faults: Vec::new() })))
    }

    /// The process is killed: all that was written is there.
    pub(super) fn kill(&self) -> Self {
        for inode in self.0.borrow().files.values() {
            let mut inode = inode.borrow_mut();
            inode.kept = inode.seen.clone();
            inode.broken = false;
        }
        self.power_cut(0)
    }
}

fn error() -> io::Error {
    io::Error::from_raw_os_error(5)
}

impl Files for Shaky {
    type File = Rc<RefCell<Inode>>;

    fn create(&mut self, name: &str) -> io::Result<Self::File> {
        self.fault().map_err(|_| error())?;
        let inode = Rc::new(RefCell::new(Inode::default()));
        self.0.borrow_mut().files.insert(name.to_owned(), Rc::clone(&inode));
        Ok(inode)
    }

    fn reopen(&mut self, name: &str, length: u64) -> io::Result<Self::File> {
        let inode = self.inode(name).unwrap();
        {
            let mut inode = inode.borrow_mut();
            inode.seen.truncate(usize::try_from(length).unwrap());
            inode.kept = inode.seen.clone();
        }
        Ok(inode)
    }

    fn append(&mut self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()> {
        let fault = self.fault();
        let part = match fault {
            Ok(()) => bytes,
            Err(share) => &bytes[..bytes.len() * usize::from(share) / 256],
        };
        file.borrow_mut().seen.extend_from_slice(part);
        fault.map_err(|_| error())
    }

    fn sync(&mut self, file: &mut Self::File) -> io::Result<()> {
        let fault = self.fault();
        let mut file = file.borrow_mut();
        if fault.is_err() {
            file.broken = true;
            return Err(error());
        }
        // As on Linux: the error is told once, and the next sync says that all is well.
        if !file.broken {
            file.kept = file.seen.clone();
        }
        Ok(())
    }

    fn set_len(&mut self, file: &mut Self::File, length: u64) -> io::Result<()> {
        self.fault().map_err(|_| error())?;
        file.borrow_mut().seen.truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.fault().map_err(|_| error())?;
        let inode = Inode { seen: bytes.to_vec(), kept: bytes.to_vec(), broken: false };
        self.0.borrow_mut().files.insert(name.to_owned(), Rc::new(RefCell::new(inode)));
        Ok(())
    }

    fn write_at(&mut self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.fault().map_err(|_| error())?;
        let mut all = self.read(name)?.unwrap_or_default();
        all.resize(usize::try_from(at).unwrap(), 0);
        all.extend_from_slice(bytes);
        let inode = Inode { seen: all.clone(), kept: all, broken: false };
        self.0.borrow_mut().files.insert(name.to_owned(), Rc::new(RefCell::new(inode)));
        Ok(())
    }

    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.inode(name).map(|inode| inode.borrow().seen.clone()))
    }

    fn list(&mut self, folder: &str) -> io::Result<Vec<String>> {
        let prefix = format!("{folder}/");
        let device = self.0.borrow();
        Ok(device.files.keys().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect())
    }

    fn length(&mut self, name: &str) -> io::Result<u64> {
        Ok(self.inode(name).map_or(0, |inode| inode.borrow().seen.len() as u64))
    }

    fn compress(&mut self, name: &str) -> io::Result<()> {
        let bytes = self.read(name)?.unwrap();
        let packed = zstd::bulk::compress(&bytes, 1)?;
        self.replace(&format!("{name}.zst"), &packed)?;
        self.remove(name)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.0.borrow_mut().files.remove(name);
        Ok(())
    }

    fn owner(&self, _: &str) -> io::Result<u32> {
        Ok(0)
    }
}
