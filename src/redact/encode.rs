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
            Encoding::Gzip => Coder::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Encoding::Deflate => Coder::Zlib(ZlibEncoder::new(Vec::new(), Compression::fast())),
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
