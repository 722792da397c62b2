//! Bodies that arrive compressed: gzip (RFC 1952), any number of members, nothing after them.
//!
//! Never: holds more than one window of decoded bytes, or follows a bomb beyond its bound.

use std::io::Write;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

use crate::limits;
use crate::redact::malformed::Malformed;

#[derive(Debug)]
pub(super) struct Inflate {
    decoder: MultiGzDecoder<Vec<u8>>,
    taken: u64,
    given: u64,
}

impl Default for Inflate {
    fn default() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()), taken: 0, given: 0 }
    }
}

impl Inflate {
    /// Decodes the next piece and hands it on, window by window; what comes back from there.
    pub(super) fn feed(
        &mut self,
        chunk: &[u8],
        mut on: impl FnMut(Bytes) -> Result<Bytes, Malformed>,
    ) -> Result<Bytes, Malformed> {
        let mut out = Vec::new();
        let mut rest = chunk;
        while !rest.is_empty() {
            // One call decodes at most one window, so that no chunk can inflate to more before it is looked at.
            let taken = self.decoder.write(rest).map_err(|_| Malformed::Gzip)?;
            let decoded = std::mem::take(self.decoder.get_mut());
            if taken == 0 && decoded.is_empty() {
                return Err(Malformed::Gzip);
            }
            rest = rest.get(taken..).unwrap_or_default();
            self.taken += taken as u64;
            self.pass(decoded, &mut out, &mut on)?;
        }
        self.decoder.flush().map_err(|_| Malformed::Gzip)?;
        let decoded = std::mem::take(self.decoder.get_mut());
        self.pass(decoded, &mut out, &mut on)?;
        Ok(out.into())
    }

    /// The stream has ended: it must have ended with a whole member.
    pub(super) fn finish(
        mut self,
        mut on: impl FnMut(Bytes) -> Result<Bytes, Malformed>,
    ) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::new();
        self.decoder.try_finish().map_err(|_| Malformed::Gzip)?;
        let decoded = std::mem::take(self.decoder.get_mut());
        self.pass(decoded, &mut out, &mut on)?;
        Ok(out)
    }

    fn pass(
        &mut self,
        decoded: Vec<u8>,
        out: &mut Vec<u8>,
        on: &mut impl FnMut(Bytes) -> Result<Bytes, Malformed>,
    ) -> Result<(), Malformed> {
        self.given += decoded.len() as u64;
        let allowed = self.taken.saturating_mul(limits::INFLATE_RATIO_MAX).max(limits::INFLATE_FREE_BYTES);
        if self.given > allowed {
            return Err(Malformed::Inflates);
        }
        if !decoded.is_empty() {
            out.extend_from_slice(&on(decoded.into())?);
        }
        Ok(())
    }
}
