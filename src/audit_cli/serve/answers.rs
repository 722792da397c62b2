//! From a request to its answer: who asks, what, of which books; then the question, its record, and the rows.
//!
//! Never: tells a caller whether a tenant exists whose book it may not read.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt as _;
use http_body_util::Limited;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

use crate::audit_cli::Output;
use crate::audit_cli::Refused;
use crate::audit_cli::asking;
use crate::audit_cli::query::records;
use crate::audit_cli::query::rendered;
use crate::cli::Exit;
use crate::cli::audits;
use crate::cli::audits::Reading;
use crate::cli::audits::Said;
use crate::cli::audits::Who;
use crate::cli::now_ms;
use crate::cli::times;
use crate::identity;
use crate::identity::Verified;
use crate::ids::Action;
use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::limits;
use crate::query::Answer;
use crate::query::Books;
use crate::query::Bounds;
use crate::query::Engine;
use crate::request::question::Call;
use crate::request::question::Question as Put;
use crate::snapshot::Snapshot;

use super::Server;
use super::asked;
use super::asked::Parameters;
use super::asked::Question;
use super::body::Sent;
use super::live;

/// How long a question waits for a place, and its statement for its last byte.
const PATIENCE: Duration = Duration::from_secs(5);

/// What somebody asks, who was proven.
pub(super) struct Asked {
    pub(super) question: Question,
    pub(super) parameters: Parameters,
    pub(super) who: Verified,
    /// The keys that proved who asks.
    pub(super) keyring: Digest,
    purpose: Option<String>,
    from: IpAddr,
}

/// Why there is no answer: the status, and what is said of it.
pub(super) struct Declined(pub(super) StatusCode, pub(super) String);

impl From<Refused> for Declined {
    fn from(Refused(exit, why): Refused) -> Self {
        let status = match exit {
            Exit::Usage => StatusCode::BAD_REQUEST,
            Exit::Denied => StatusCode::FORBIDDEN,
            Exit::Threshold => StatusCode::UNPROCESSABLE_ENTITY,
            Exit::Ok | Exit::Internal | Exit::Invalid | Exit::TestsFailed | Exit::Audit => {
                // Places and names of files are for who runs this.
                tracing::error!("a question failed: {why}");
                return Self(StatusCode::INTERNAL_SERVER_ERROR, "the log cannot be read".to_owned());
            }
        };
        Self(status, why)
    }
}

/// Rows in the form that was asked for.
struct Reply {
    kind: &'static str,
    bytes: Vec<u8>,
    rows: usize,
    cut: bool,
}

/// Answers one request.
pub(super) async fn answer(
    server: &Arc<Server>,
    from: IpAddr,
    request: http::Request<Incoming>,
) -> Response<Sent> {
    if request.uri().path() == "/healthz" {
        return whole(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".into());
    }
    match asked(server, from, request).await {
        Ok(asked) => match reply(server, asked).await {
            Ok(response) => response,
            Err(declined) => problem(&declined),
        },
        Err(declined) => problem(&declined),
    }
}

async fn asked(server: &Server, from: IpAddr, request: http::Request<Incoming>) -> Result<Asked, Declined> {
    let (who, keyring) = identified(server, request.headers())?;
    let Some((question, method)) = asked::question(request.uri().path()) else {
        let all = "try /v1/decisions /v1/top /v1/pathways /v1/stats /v1/tail, or POST /v1/sql";
        return Err(Declined(StatusCode::NOT_FOUND, all.to_owned()));
    };
    if *request.method() != method {
        return Err(Declined(StatusCode::METHOD_NOT_ALLOWED, format!("this takes {method}")));
    }
    let mut parameters = Parameters::read(request.uri().query().unwrap_or_default())?;
    parameters.begin_after(request.headers().get("last-event-id"))?;
    let purpose = request.headers().get(&server.followed.purpose_header);
    let purpose = purpose.and_then(|text| text.to_str().ok()).map(str::to_owned);
    let question = if method == Method::POST {
        if !parameters.which.is_empty() {
            return Err(Refused::usage("say which records in the statement").into());
        }
        Question::Sql(statement(request.into_body()).await?)
    } else {
        question
    };
    Ok(Asked { question, parameters, who, keyring, purpose, from })
}

fn identified(server: &Server, headers: &HeaderMap) -> Result<(Verified, Digest), Declined> {
    let unknown = || Declined(StatusCode::UNAUTHORIZED, "show one credential that is valid".to_owned());
    let found = identity::credential(headers, &server.followed.api_key_header);
    let credential = found.ok().flatten().ok_or_else(unknown)?;
    let snapshot = server.followed.live.current();
    let who = snapshot.keyring().verify(credential, now_ms() / 1_000).map_err(|_| unknown())?;
    Ok((who, snapshot.keyring().digest()))
}

#[expect(clippy::disallowed_methods, reason = "it is bounded by `Limited`")]
async fn statement(body: Incoming) -> Result<String, Declined> {
    let most = limits::QUERY_STATEMENT_BYTES_MAX;
    let read = tokio::time::timeout(PATIENCE, Limited::new(body, most).collect()).await;
    let collected = match read {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(_)) => {
            let why = format!("the statement is cut off, or has more than {most} bytes");
            return Err(Declined(StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        Err(_) => {
            return Err(Declined(StatusCode::REQUEST_TIMEOUT, "the statement took too long".to_owned()));
        }
    };
    String::from_utf8(collected.into()).map_err(|_| Refused::usage("the statement is not UTF-8").into())
}

async fn reply(server: &Arc<Server>, asked: Asked) -> Result<Response<Sent>, Declined> {
    if asked.question == Question::Tail {
        return live::stream(server, asked).await;
    }
    let out = placed(&server.out).await?;
    let shared = Arc::clone(server);
    let Reply { kind, bytes, rows, cut } = worked(server, move || work(&shared, &asked)).await?;
    let mut response = sent(StatusCode::OK, kind, Sent::Whole { bytes: bytes.into(), _place: Some(out) });
    let headers = response.headers_mut();
    headers.insert("palisade-rows", HeaderValue::from(rows));
    if cut {
        headers.insert("palisade-cut", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A place, once there is one.
async fn placed(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Declined> {
    let place = tokio::time::timeout(PATIENCE, Arc::clone(places).acquire_owned()).await;
    place.ok().and_then(Result::ok).ok_or_else(|| {
        let why = "as many questions as there is memory for are being answered: ask again".to_owned();
        Declined(StatusCode::SERVICE_UNAVAILABLE, why)
    })
}

/// Does what takes a while on a thread of its own, once there is a place for it.
pub(super) async fn worked<T: Send + 'static>(
    server: &Server,
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Declined> {
    let place = placed(&server.free).await?;
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(place);
        done
    });
    match done.await {
        Ok(done) => done.map_err(Declined::from),
        Err(error) => Err(Refused::internal(error).into()),
    }
}

/// The books that somebody may read now, and an engine over them.
pub(super) struct Session {
    pub(super) said: Said,
    pub(super) engine: Engine,
}

impl Asked {
    /// Opens the books that are asked for and that the caller may read, of records from this number on.
    pub(super) fn open(&self, server: &Server, snapshot: &Snapshot, from: u64) -> Result<Session, Refused> {
        let time = self.parameters.timeout.as_deref().map(times::duration_ms).transpose();
        let time = time.map_err(Refused::usage)?.map_or(server.timeout, Duration::from_millis);
        let rows = self.parameters.rows(&self.question);
        let (time, bytes) = (time.min(server.timeout), limits::AUDIT_ANSWER_BYTES_MAX);
        let bounds = Bounds { rows, time, bytes, ..Bounds::default() };
        let open = |books: Books| {
            Engine::open_from(&server.log, &server.archive, books, bounds, from)
                .map_err(|why| asking::refused(&why))
        };
        let known = Engine::open(&server.log, &server.archive, Books::All, bounds)
            .and_then(|all| all.books())
            .map_err(|why| asking::refused(&why))?;
        let wanted = asking::wanted(known, &self.parameters.tenant);
        let said = audits::said(snapshot, &wanted, |tenant| self.put(tenant)).map_err(Refused::usage)?;
        let engine = open(Books::These(said.tenants.iter().cloned().collect()))?;
        Ok(Session { said, engine })
    }

    fn put(&self, tenant: &str) -> Result<Put, String> {
        let target = TenantPath::parse(tenant).map_err(|_| "that is no name of a tenant".to_owned())?;
        Ok(Put {
            principal: Some(Arc::clone(&self.who.principal)),
            call: Call::Action(Action::Audit, Vec::new()),
            action: None,
            method: None,
            target: Some(target),
            data_key: None,
            purpose: self.purpose.clone(),
            host: None,
            source_ip: Some(self.from),
            now_ms: now_ms(),
        })
    }

    /// Puts the reading on record; refuses it where no book may be read.
    pub(super) fn record(
        &self,
        server: &Server,
        said: &Said,
        statement: &str,
        rows: usize,
    ) -> Result<(), Refused> {
        let (principal, purpose) = (Some(&*self.who.principal), self.purpose.as_deref());
        let reading = Reading { statement, tenants: &said.tenants, rows: rows as u64 };
        let who = Who { principal, purpose, claimed: &[] };
        who.record(&server.reads, said, &reading).map_err(Refused::internal)?;
        if said.code.is_some() && said.tenants.is_empty() {
            return Err(Refused(Exit::Denied, "the policies let no book be read".to_owned()));
        }
        Ok(())
    }

    /// The statement that answers it.
    fn statement(&self) -> Result<String, Refused> {
        let (rows, by) = (self.parameters.rows(&self.question), self.parameters.by(&self.question)?);
        let filter = self.parameters.which.filter(false)?;
        Ok(match (&self.question, by) {
            (Question::Sql(statement), _) => statement.clone(),
            (Question::Top, Some(by)) => filter.top(by.by(), rows),
            (Question::Pathways, _) => filter.pathways(rows),
            (Question::Stats, _) => filter.stats(),
            (Question::Decisions | Question::Tail | Question::Top, _) => filter.newest("*", rows),
        })
    }
}

/// Answers a question: nothing of it leaves before it is on record.
fn work(server: &Server, asked: &Asked) -> Result<Reply, Refused> {
    let statement = asked.statement()?;
    let snapshot = server.followed.live.current();
    let Session { said, engine } = asked.open(server, &snapshot, 0)?;
    let form = asked.parameters.format;
    let as_written = asked.question == Question::Decisions && matches!(form, Output::Json | Output::Ocsf);
    let denied = said.code.is_some() && said.tenants.is_empty();
    let answer = if denied {
        Err(Refused::internal("not asked"))
    } else if as_written {
        engine.whole(&statement).map_err(|why| asking::refused(&why))
    } else {
        engine.sql(&statement).map_err(|why| asking::refused(&why))
    };
    asked.record(server, &said, &statement, answer.as_ref().map_or(0, |answer| answer.rows))?;
    let answer: Answer = answer?;
    let bytes = if as_written {
        records(&server.log, &answer, matches!(form, Output::Ocsf))?
    } else {
        rendered(form, &answer)?
    };
    let kind = match form {
        Output::Pretty => "text/plain; charset=utf-8",
        Output::Json | Output::Ocsf => "application/x-ndjson",
        Output::Csv => "text/csv; charset=utf-8",
        Output::Parquet => "application/vnd.apache.parquet",
    };
    Ok(Reply { kind, bytes, rows: answer.rows, cut: answer.cut })
}

pub(super) fn whole(status: StatusCode, kind: &'static str, bytes: Bytes) -> Response<Sent> {
    sent(status, kind, Sent::Whole { bytes, _place: None })
}

pub(super) fn sent(status: StatusCode, kind: &'static str, body: Sent) -> Response<Sent> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn problem(Declined(status, why): &Declined) -> Response<Sent> {
    let title = status.canonical_reason().unwrap_or_default();
    let value = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": why,
    });
    let mut response = whole(*status, "application/problem+json", format!("{value}\n").into());
    let headers = response.headers_mut();
    match *status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"palisade-audit\""),
            );
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}
