//! Places that take records by HTTP: any web server, a collector of OpenTelemetry, a ClickHouse server.
//!
//! Never: shows what such a place answered: it may repeat what it was sent.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::audit::entry::Malformed;
use crate::audit::otlp;
use crate::audit::row;
use crate::limits;
use crate::remote::Access;
use crate::remote::Client;

use super::Format;
use super::Refused;
use super::Sink;
use super::Taken;
use super::tail::Batch;

/// A web server that takes arrays of records.
pub(super) struct Http {
    client: Client,
    log_id: String,
    format: Format,
}

/// A collector of OpenTelemetry.
pub(super) struct Otlp {
    client: Client,
    log_id: String,
}

/// A ClickHouse server.
pub(super) struct ClickHouse {
    client: Client,
    log_id: String,
}

impl Http {
    pub(super) const fn new(url: http::Uri, access: Access, log_id: String, format: Format) -> Self {
        Self { client: Client::new(url, access), log_id, format }
    }
}

impl Otlp {
    pub(super) const fn new(url: http::Uri, access: Access, log_id: String) -> Self {
        Self { client: Client::new(url, access), log_id }
    }
}

impl ClickHouse {
    pub(super) const fn new(url: http::Uri, access: Access, log_id: String) -> Self {
        Self { client: Client::new(url, access), log_id }
    }
}

impl Sink for Http {
    fn send(&mut self, batch: &Batch) -> Result<Taken, Refused> {
        let mut body = vec![b'['];
        joined(batch, &mut body, |record, out| self.format.write(&self.log_id, record, out))?;
        body.push(b']');
        post(&mut self.client, self.format.media_type(), &body).map(|_| Taken::All)
    }
}

impl Sink for Otlp {
    fn send(&mut self, batch: &Batch) -> Result<Taken, Refused> {
        let mut records = Vec::new();
        joined(batch, &mut records, |record, out| {
            let sent = otlp::log_record(&self.log_id, record)?;
            out.extend_from_slice(sent.to_string().as_bytes());
            Ok(())
        })?;
        let body = otlp::request(&self.log_id, &records);
        let answer = post(&mut self.client, "application/json", &body)?;
        // The protocol asks not to send again what was refused in part.
        Ok(otlp::rejected(&answer).map_or(Taken::All, Taken::Without))
    }
}

impl Sink for ClickHouse {
    fn send(&mut self, batch: &Batch) -> Result<Taken, Refused> {
        let mut rows = Vec::new();
        for record in batch.records() {
            row::row_line(&self.log_id, record, &mut rows).map_err(unread)?;
        }
        post(&mut self.client, "application/x-ndjson", &rows).map(|_| Taken::All)
    }
}

/// Appends what is made of each record, parted by commas.
fn joined(
    batch: &Batch,
    out: &mut Vec<u8>,
    write: impl Fn(&[u8], &mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<(), Refused> {
    for (at, record) in batch.records().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(record, out).map_err(unread)?;
    }
    Ok(())
}

/// A record that the reader has looked at already.
pub(super) fn unread(why: Malformed) -> Refused {
    Refused::Later(why.to_string())
}

fn post(client: &mut Client, kind: &str, body: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = packed.write_all(body).and_then(|()| packed.finish());
    let packed = packed.map_err(|error| Refused::Later(error.to_string()))?;
    let headers = [("content-type", kind), ("content-encoding", "gzip")];
    match client.post(&headers, &packed, limits::SHIP_ANSWER_BYTES_MAX)? {
        (200..=299, answer) => Ok(answer),
        (413, _) => Err(Refused::TooMuch),
        (status, _) => Err(Refused::Later(format!("it answered {status}"))),
    }
}
