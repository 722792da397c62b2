//! `/v1/tail`: the newest records and those that come, as server-sent events; each event's id is the record's number.
//!
//! Never: goes on past the caller's credential, once the keys that proved it are others, or once the policies say another thing of the books that it reads.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::StatusCode;
use tokio::sync::mpsc;
use tokio::sync::mpsc::Sender;

use crate::audit::entry;
use crate::audit::entry::Entry;
use crate::audit_cli::Refused;
use crate::audit_cli::asking;
use crate::cli::now_ms;
use crate::limits;
use crate::query;
use crate::query::Answer;

use super::Server;
use super::answers;
use super::answers::Asked;
use super::answers::Declined;
use super::answers::Session;
use super::body::Sent;

/// How often it is looked for new records.
const PAUSE: Duration = Duration::from_millis(500);

/// After so many looks without a record something is sent all the same, so that a reader that went away is noticed.
const QUIET_LOOKS: u32 = 30;

/// Where a stream stands.
struct At {
    /// The number of the next record.
    next: u64,
    tenants: Vec<String>,
}

/// Begins a stream.
pub(super) async fn stream(server: &Arc<Server>, asked: Asked) -> Result<Response<Sent>, Declined> {
    let Ok(place) = Arc::clone(&server.streams).try_acquire_owned() else {
        let why = "as many streams as there may be are open".to_owned();
        return Err(Declined(StatusCode::SERVICE_UNAVAILABLE, why));
    };
    let (shared, asked) = (Arc::clone(server), Arc::new(asked));
    let first = Arc::clone(&asked);
    let (begun, at) = answers::worked(server, move || begin(&shared, &first)).await?;
    let (sender, lines) = mpsc::channel(2);
    let server = Arc::clone(server);
    tokio::spawn(async move {
        if sender.send(begun).await.is_ok() {
            go_on(&server, &asked, at, &sender).await;
        }
        drop(place);
    });
    Ok(answers::sent(StatusCode::OK, "text/event-stream", Sent::Lines(lines)))
}

/// The newest records, or those after the one that the caller had last.
fn begin(server: &Server, asked: &Asked) -> Result<(Bytes, At), Refused> {
    let snapshot = server.followed.live.current();
    let filter = asked.parameters.which.filter(false)?;
    let rows = asked.parameters.rows(&asked.question);
    let after = asked.parameters.after;
    let statement = match after {
        Some(last) => filter.following(last.saturating_add(1), limits::QUERY_ROWS),
        None => filter.newest("*", rows),
    };
    let Session { said, engine } = asked.open(server, &snapshot, 0)?;
    let denied = said.code.is_some() && said.tenants.is_empty();
    let answer =
        if denied { None } else { Some(engine.whole(&statement).map_err(|why| asking::refused(&why))) };
    let rows = answer.as_ref().and_then(|answer| answer.as_ref().ok()).map_or(0, |answer| answer.rows);
    asked.record(server, &said, &format!("tail: {statement}"), rows)?;
    let answer = answer.ok_or_else(|| Refused::internal("not asked"))??;
    let next = after.map_or(0, |last| last.saturating_add(1));
    let next = query::last(&answer).map_or(next, |last| next.max(last.saturating_add(1)));
    // So that a reader knows that it is connected before the first record comes.
    let mut text = b": connected\n\n".to_vec();
    events(&answer, &mut text);
    Ok((text.into(), At { next, tenants: said.tenants }))
}

async fn go_on(server: &Arc<Server>, asked: &Arc<Asked>, mut at: At, sender: &Sender<Bytes>) {
    let mut quiet = 0;
    loop {
        tokio::time::sleep(PAUSE).await;
        if sender.is_closed() || now_ms() / 1_000 >= asked.who.expires {
            return;
        }
        let (shared, again) = (Arc::clone(server), Arc::clone(asked));
        let looked = answers::worked(server, move || {
            let text = follow(&shared, &again, &mut at)?;
            Ok((text, at))
        });
        let Ok((text, then)) = looked.await else { return };
        at = then;
        let Some(text) = text else { return };
        quiet = if text.is_empty() { quiet + 1 } else { 0 };
        let text = if quiet >= QUIET_LOOKS { Bytes::from_static(b": quiet\n\n") } else { text };
        if text.is_empty() {
            continue;
        }
        quiet = 0;
        if sender.send(text).await.is_err() {
            return;
        }
    }
}

/// What came since; `None` where the books are no longer those that it began with, or the keys those that proved who asks: the
/// credential may be taken back, so whoever connects again shows it again.
fn follow(server: &Server, asked: &Asked, at: &mut At) -> Result<Option<Bytes>, Refused> {
    let snapshot = server.followed.live.current();
    if snapshot.keyring().digest() != asked.keyring {
        return Ok(None);
    }
    let Session { said, engine } = asked.open(server, &snapshot, at.next)?;
    if at.tenants.iter().any(|tenant| !said.tenants.contains(tenant)) {
        return Ok(None);
    }
    let filter = asked.parameters.which.filter(false)?;
    let answer =
        engine.whole(&filter.following(at.next, limits::QUERY_ROWS)).map_err(|why| asking::refused(&why))?;
    at.next = query::last(&answer).map_or(at.next, |last| at.next.max(last.saturating_add(1)));
    let mut text = Vec::new();
    events(&answer, &mut text);
    Ok(Some(text.into()))
}

/// Each record as an event; what is of no record is told by `verify`, so nothing of it is shown.
fn events(answer: &Answer, text: &mut Vec<u8>) {
    query::records(answer, |record| {
        let Some(record) = record else { return };
        let (Ok(head), begin) = (Entry::read(record), text.len()) else { return };
        text.extend_from_slice(format!("id: {}\ndata: ", head.seq).as_bytes());
        // The line ends with its end of line, the event with an empty one.
        if entry::line(record, text).is_err() {
            return text.truncate(begin);
        }
        text.push(b'\n');
    });
}
