//! Redacted bodies that leave compressed: by gzip (RFC 1952), deflate (zlib, RFC 1950), br (RFC 7932) or zstd (RFC 8878).
//!
//! Each piece is flushed, so that a client can read all that was sent: a stream stays a stream.
//!
//! Never: takes bytes that have not been redacted, or ends a stream that broke off.

use std::fmt;
use std::io;
use std::io::Write;

use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use flate2::write::ZlibEncoder;
use zstd::stream::write::Encoder as ZstdEncoder;

use crate::limits;
use crate::redact::Redacted;
use crate::redact::reader::Encoding;

/// Fast: a sidecar shares its cores with the app.
const ZSTD_LEVEL: i32 = 1;
/// The second of zlib's levels. Against the first, instructions (callgrind) and bytes: a body of 1.3 KB 0.71 M to 0.59 M, 326 to
/// 532; 64 KiB of FHIR 1.78 M to 1.27 M, 7,002 to 8,952; 64 KiB of users 1.47 M to 1.00 M, 4,191 to 5,604; 512 KiB of FHIR in
/// pieces of 8 KiB 21.4 M to 11.1 M, 40,427 to 49,415. The third costs up to three quarters more for another few percent.
const DEFLATE_LEVEL: u32 = 2;
const BROTLI_QUALITY: u32 = 2;
/// brotli's own working buffer.
const BROTLI_BUFFER_BYTES: usize = 4 << 10;

enum Coder {
    Gzip(GzEncoder<Vec<u8>>),
    Zlib(ZlibEncoder<Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

/// The encoding of one redacted body on its way out.
pub struct Encoder(Coder);

/// The library that encodes failed: the body must not be ended as if it were whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotEncoded;

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

impl From<io::Error> for NotEncoded {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Encoder {
    /// `None` for what needs no encoding, or where there is no memory for it.
    #[must_use]
    pub fn new(encoding: Encoding) -> Option<Self> {
        let window = limits::DEFLATE_WINDOW_BYTES.ilog2();
        Some(Self(match encoding {
            Encoding::Identity => return None,
            Encoding::Gzip => Coder::Gzip(GzEncoder::new(Vec::new(), Compression::new(DEFLATE_LEVEL))),
            Encoding::Deflate => Coder::Zlib(ZlibEncoder::new(Vec::new(), Compression::new(DEFLATE_LEVEL))),
            Encoding::Brotli => Coder::Brotli(Box::new(CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER_BYTES,
                BROTLI_QUALITY,
                window,
            ))),
            Encoding::Zstd => {
                let mut encoder = ZstdEncoder::new(Vec::new(), ZSTD_LEVEL).ok()?;
                encoder.window_log(window).ok()?;
                Coder::Zstd(encoder)
            }
        }))
    }

    /// Encodes the next piece; what leaves lets a client read all of it.
    ///
    /// # Errors
    /// When the library fails.
    pub fn feed(&mut self, piece: &Redacted) -> Result<Redacted, NotEncoded> {
        if piece.is_empty() {
            return Ok(Redacted(Bytes::new()));
        }
        let coded = match &mut self.0 {
            Coder::Gzip(coder) => flushed(coder, piece).map(|()| std::mem::take(coder.get_mut())),
            Coder::Zlib(coder) => flushed(coder, piece).map(|()| std::mem::take(coder.get_mut())),
            Coder::Brotli(coder) => flushed(&mut **coder, piece).map(|()| std::mem::take(coder.get_mut())),
            Coder::Zstd(coder) => flushed(coder, piece).map(|()| std::mem::take(coder.get_mut())),
        };
        Ok(Redacted(coded?.into()))
    }

    /// Encodes the last piece, which may be empty, and the end.
    ///
    /// # Errors
    /// When the library fails.
    pub fn finish(self, last: &Redacted) -> Result<Redacted, NotEncoded> {
        let coded = match self.0 {
            Coder::Gzip(mut coder) => coder.write_all(&last.0).and_then(|()| coder.finish()),
            Coder::Zlib(mut coder) => coder.write_all(&last.0).and_then(|()| coder.finish()),
            Coder::Brotli(mut coder) => coder.write_all(&last.0).map(|()| coder.into_inner()),
            Coder::Zstd(mut coder) => coder.write_all(&last.0).and_then(|()| coder.finish()),
        };
        Ok(Redacted(coded?.into()))
    }
}

fn flushed(coder: &mut impl Write, piece: &Redacted) -> io::Result<()> {
    coder.write_all(&piece.0)?;
    coder.flush()
}
