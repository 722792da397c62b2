//! Acts of those who keep the log, asked for in files beside it while a sidecar has hold of it: each is put on record and signed, and the
//! file is taken away, which is the answer. Who may write into the log's directory may ask.
//!
//! Never: takes away a file before what it asks for is signed; does more than put it on record.

use std::io;

use crate::audit::event::Event;
use crate::audit::keeping::Act;
use crate::audit::keeping::Names;
use crate::audit::keeping::Order;
use crate::disk::store::Files;
use crate::disk::store::Store;
use crate::disk::store::Veil;
use crate::disk::store::files;
use crate::limits;

impl<F: Files> Store<F> {
    /// Puts on record what is asked for.
    pub(super) fn obey(&mut self, now_ms: u64) -> io::Result<()> {
        for name in self.files.list(files::ORDERS)? {
            let name = format!("{}/{name}", files::ORDERS);
            if !name.ends_with(".json") || self.files.length(&name)? > limits::ORDER_BYTES_MAX {
                continue;
            }
            let bytes = self.files.read(&name)?.unwrap_or_default();
            match serde_json::from_slice(&bytes) {
                Ok(order) => self.act(&order, self.files.owner(&name)?, now_ms)?,
                Err(error) => {
                    tracing::warn!(%error, name, "what was asked of the decision log cannot be read")
                }
            }
            self.files.remove(&name)?;
        }
        Ok(())
    }

    /// Puts acts on record, asked for by this account of the machine, and signs them.
    pub(in crate::disk) fn act(&mut self, order: &Order, uid: u32, now_ms: u64) -> io::Result<()> {
        let mut holds = self.holds()?;
        let (before, mut forgotten) = (holds.clone(), Vec::new());
        for act in &order.acts {
            self.event(&Event::Log(act.event(uid)), now_ms)?;
            match act {
                Act::Hold(hold) | Act::Stands(hold) => holds.add(hold.clone()),
                Act::Release { hold, .. } => drop(holds.release(hold)),
                Act::Prune(_) => {}
                Act::Erase(erased) => forgotten.extend(erased.pseudonyms.iter().cloned()),
            }
        }
        self.sync(now_ms)?;
        if holds != before {
            self.files.replace(files::HOLDS, &serde_json::to_vec(&holds)?)?;
        }
        self.sign(now_ms)?;
        if !forgotten.is_empty() {
            self.forget(&forgotten)?;
        }
        let erases = order.acts.iter().any(|act| matches!(act, Act::Erase(_)));
        if erases { self.seal(now_ms) } else { Ok(()) }
    }

    /// Writes frames with pseudonyms, whose names are on the device when this returns; `None` where the log is written without.
    pub(super) fn veiled(&mut self, frames: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let Some(veil) = &mut self.veil else { return Ok(None) };
        let veiled = veil.frames(frames);
        let lines = veil.lines()?;
        let written = if lines.is_empty() || veiled.is_err() {
            Ok(())
        } else {
            let end = self.files.length(files::VAULT)?;
            self.files.write_at(files::VAULT, end, &lines)
        };
        veil.settle(written.is_ok() && veiled.is_ok());
        written.and(veiled).map(Some)
    }

    /// Forgets names: their lines go from the file, and who calls again gets another pseudonym.
    fn forget(&mut self, pseudonyms: &[String]) -> io::Result<()> {
        let Some(bytes) = self.files.read(files::VAULT)? else { return Ok(()) };
        let names = Names::read(&bytes).map_err(io::Error::other)?;
        let mut left = Vec::new();
        for named in names.iter().filter(|named| !pseudonyms.contains(&named.pseudonym)) {
            serde_json::to_writer(&mut left, named)?;
            left.push(b'\n');
        }
        self.files.replace(files::VAULT, &left)?;
        if self.veil.is_some() {
            self.veil = Some(Veil::new(&Names::read(&left).map_err(io::Error::other)?));
        }
        Ok(())
    }
}
