//! Bodies that arrive compressed: gzip (RFC 1952, any number of members), deflate (zlib, RFC 1950), br (RFC 7932), zstd
//! (RFC 8878, any number of frames); nothing after them.
//!
//! Never: holds more than one window of decoded bytes, or follows a bomb beyond its bound.

use std::fmt;
use std::io::Write;

use brotli_decompressor::BrotliDecompressStream;
use brotli_decompressor::BrotliResult;
use brotli_decompressor::BrotliState;
use brotli_decompressor::StandardAlloc;
use bytes::Bytes;
use flate2::Decompress;
use flate2::FlushDecompress;
use flate2::Status;
use flate2::write::MultiGzDecoder;
use zstd::stream::raw::DParameter;
use zstd::stream::raw::Decoder as ZstdDecoder;
use zstd::stream::raw::InBuffer;
use zstd::stream::raw::Operation;
use zstd::stream::raw::OutBuffer;

use crate::limits;
use crate::redact::malformed::Malformed;
use crate::redact::reader::Encoding;

/// How much is decoded at once.
const STEP_BYTES: usize = 32 << 10;

type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

enum Decoder {
    Gzip(MultiGzDecoder<Vec<u8>>),
    Zlib(Decompress),
    Brotli(Box<Brotli>),
    /// `None` if there was no memory for one.
    Zstd(Option<ZstdDecoder<'static>>),
}

pub(super) struct Inflate {
    decoder: Decoder,
    /// Has the stream come to an end, so that it may be all there is?
    ended: bool,
    taken: u64,
    given: u64,
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate")
            .field("taken", &self.taken)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

impl Inflate {
    /// `None` for what needs no decoding.
    pub(super) fn new(encoding: Encoding) -> Option<Self> {
        let decoder = match encoding {
            Encoding::Identity => return None,
            Encoding::Gzip => Decoder::Gzip(MultiGzDecoder::new(Vec::new())),
            Encoding::Deflate => Decoder::Zlib(Decompress::new(true)),
            // Strict: without the windows that are larger than the RFC's.
            Encoding::Brotli => Decoder::Brotli(Box::new(BrotliState::new_strict(
                StandardAlloc::default(),
                StandardAlloc::default(),
                StandardAlloc::default(),
            ))),
            Encoding::Zstd => Decoder::Zstd(zstd_decoder()),
        };
        Some(Self { decoder, ended: false, taken: 0, given: 0 })
    }

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
            let (taken, decoded) = self.step(rest)?;
            if taken == 0 && decoded.is_empty() {
                return Err(Malformed::Encoding);
            }
            rest = rest.get(taken..).unwrap_or_default();
            self.taken += taken as u64;
            self.pass(decoded, &mut out, &mut on)?;
        }
        loop {
            let (_, decoded) = self.step(&[])?;
            if decoded.is_empty() {
                return Ok(out.into());
            }
            self.pass(decoded, &mut out, &mut on)?;
        }
    }

    /// The stream has ended: it must have ended whole.
    pub(super) fn finish(
        mut self,
        mut on: impl FnMut(Bytes) -> Result<Bytes, Malformed>,
    ) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::new();
        if let Decoder::Gzip(decoder) = &mut self.decoder {
            decoder.try_finish().map_err(|_| Malformed::Encoding)?;
            let decoded = std::mem::take(decoder.get_mut());
            self.pass(decoded, &mut out, &mut on)?;
        } else if !self.ended {
            return Err(Malformed::Encoding);
        }
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

    /// Decodes on: how much was taken of the input, and some output. Without input, what is still inside.
    fn step(&mut self, input: &[u8]) -> Result<(usize, Vec<u8>), Malformed> {
        let broken = Malformed::Encoding;
        match &mut self.decoder {
            Decoder::Gzip(decoder) => {
                let taken = if input.is_empty() { decoder.flush().map(|()| 0) } else { decoder.write(input) };
                Ok((taken.map_err(|_| broken)?, std::mem::take(decoder.get_mut())))
            }
            _ if self.ended && input.is_empty() => Ok((0, Vec::new())),
            Decoder::Zlib(_) | Decoder::Brotli(_) if self.ended => Err(broken),
            Decoder::Zlib(decoder) => {
                let mut out = Vec::with_capacity(STEP_BYTES);
                let before = decoder.total_in();
                let status = decoder.decompress_vec(input, &mut out, FlushDecompress::None);
                self.ended = status.map_err(|_| broken)? == Status::StreamEnd;
                let taken = usize::try_from(decoder.total_in() - before).map_err(|_| broken)?;
                Ok((taken, out))
            }
            Decoder::Brotli(state) => {
                // The stream begins with its window: 16 MiB is what these bits say.
                if self.taken == 0 && input.first().is_some_and(|first| first & 15 == 15) {
                    return Err(broken);
                }
                brotli(state, input, &mut self.ended)
            }
            Decoder::Zstd(decoder) => {
                let mut out = vec![0; STEP_BYTES];
                let mut from = InBuffer::around(input);
                let mut to = OutBuffer::around(&mut *out);
                let decoder = decoder.as_mut().ok_or(broken)?;
                let owed = decoder.run(&mut from, &mut to).map_err(|_| broken)?;
                let (taken, given) = (from.pos(), to.pos());
                if taken > 0 || given > 0 {
                    self.ended = owed == 0;
                }
                out.truncate(given);
                Ok((taken, out))
            }
        }
    }
}

fn zstd_decoder() -> Option<ZstdDecoder<'static>> {
    let mut decoder = ZstdDecoder::new().ok()?;
    decoder.set_parameter(DParameter::WindowLogMax(limits::INFLATE_WINDOW_BYTES_MAX.ilog2())).ok()?;
    Some(decoder)
}

fn brotli(state: &mut Brotli, input: &[u8], ended: &mut bool) -> Result<(usize, Vec<u8>), Malformed> {
    let mut out = vec![0; STEP_BYTES];
    let (mut left, mut taken, mut room, mut given, mut total) = (input.len(), 0, out.len(), 0, 0);
    let result = BrotliDecompressStream(
        &mut left, &mut taken, input, &mut room, &mut given, &mut out, &mut total, state,
    );
    match result {
        BrotliResult::ResultFailure => return Err(Malformed::Encoding),
        BrotliResult::ResultSuccess => *ended = true,
        BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
    }
    out.truncate(given);
    Ok((taken, out))
}
