//! The clinic's app: a small HTTP API that knows nothing of tenants, roles or masks.
//!
//! It reads one header, `x-palisade-data-key`, and serves the rows whose key starts with it. That is all an app has to
//! do behind Palisade. Never: asks who calls.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use serde_json::json;

use crate::data::Row;
use crate::data::Tables;
use crate::wire;

/// The one header that the app trusts.
const DATA_KEY: &str = "x-palisade-data-key";

/// One call as the app saw it, for the story to show.
#[derive(Clone)]
pub(crate) struct Seen {
    /// Its headers, as they arrived.
    pub(crate) headers: HeaderMap,
    /// Its body, if that was JSON.
    pub(crate) body: Option<Value>,
    /// What the app answered, before Palisade looked at it.
    pub(crate) answer: Value,
}

/// The last call that reached the app. Taken by whoever looks at it.
pub(crate) type Window = Arc<Mutex<Option<Seen>>>;

/// Serves the app for ever.
pub(crate) async fn serve(listener: tokio::net::TcpListener, window: Window) {
    let tables = Arc::new(Mutex::new(Tables::generate()));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (tables, window) = (Arc::clone(&tables), Arc::clone(&window));
        let service = service_fn(move |request| {
            let (tables, window) = (Arc::clone(&tables), Arc::clone(&window));
            async move { Ok::<_, Infallible>(answer(request, &tables, &window).await) }
        });
        tokio::spawn(async move {
            // A connection that breaks off is the client's business.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    tables: &Mutex<Tables>,
    window: &Window,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = wire::read_body(body).await.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let (status, answer) = {
        let mut tables = tables.lock().unwrap_or_else(PoisonError::into_inner);
        let call = Call { path: head.uri.path(), query: head.uri.query(), body: body.as_ref() };
        match head.headers.get(DATA_KEY).and_then(|key| key.to_str().ok()) {
            Some(key) if key.ends_with('/') => call.route(&head.method, key, &mut tables),
            Some(_) | None => failed(StatusCode::INTERNAL_SERVER_ERROR, "no data key"),
        }
    };
    let text = if answer.is_null() { Bytes::new() } else { Bytes::from(answer.to_string()) };
    let seen = Seen { headers: head.headers, body, answer };
    *window.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    if status != StatusCode::NO_CONTENT {
        response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    }
    response
}

type Answer = (StatusCode, Value);

fn failed(status: StatusCode, why: &str) -> Answer {
    (status, json!({ "error": why }))
}

fn missing() -> Answer {
    failed(StatusCode::NOT_FOUND, "no such thing")
}

struct Call<'a> {
    path: &'a str,
    query: Option<&'a str>,
    body: Option<&'a Value>,
}

impl Call<'_> {
    fn route(&self, method: &Method, key: &str, tables: &mut Tables) -> Answer {
        let path: Vec<&str> = self.path.split('/').skip(1).collect();
        match (method.as_str(), path.as_slice()) {
            ("GET", ["patients"] | ["sites", _, "patients"] | ["companies", _, "sites", _, "patients"]) => {
                (StatusCode::OK, Value::Array(self.list(&tables.patients, key)))
            }
            ("POST", ["patients"]) => self.create(&mut tables.patients, "p", key, None),
            ("GET", ["patients", id]) => find(&tables.patients, key, id),
            ("PATCH", ["patients", id]) => self.update(&mut tables.patients, key, id),
            ("DELETE", ["patients", id]) => remove(&mut tables.patients, key, id),
            ("GET", ["patients", id, "encounters"]) => {
                let of_patient =
                    |row: &&Row| row.value.get("patient_id").and_then(Value::as_str) == Some(*id);
                let rows = tables.encounters.iter().filter(|row| row.key.starts_with(key)).filter(of_patient);
                (StatusCode::OK, rows.map(|row| row.value.clone()).collect())
            }
            ("POST", ["patients", id, "encounters"]) => match within(&tables.patients, key, id) {
                Some(row) => {
                    let key = row.key.clone();
                    self.create(&mut tables.encounters, "e", &key, Some(id))
                }
                None => missing(),
            },
            ("GET", ["claims"]) => {
                let claims = self.list(&tables.claims, key);
                (StatusCode::OK, json!({ "count": claims.len(), "claims": claims }))
            }
            ("GET", ["claims", id]) => find(&tables.claims, key, id),
            ("PATCH", ["claims", id]) => self.update(&mut tables.claims, key, id),
            _ => missing(),
        }
    }

    fn list(&self, rows: &[Row], key: &str) -> Vec<Value> {
        let limit = self.query.and_then(|query| query.strip_prefix("limit=")).and_then(|n| n.parse().ok());
        let rows = rows.iter().filter(|row| row.key.starts_with(key)).take(limit.unwrap_or(usize::MAX));
        rows.map(|row| row.value.clone()).collect()
    }

    fn create(&self, rows: &mut Vec<Row>, letter: &str, key: &str, patient: Option<&str>) -> Answer {
        let Some(Value::Object(body)) = self.body else {
            return failed(StatusCode::BAD_REQUEST, "no JSON object");
        };
        let id = format!("{letter}-{}", 101 + rows.len());
        let mut value = json!({ "id": &id, "data_key": key });
        if let Some(patient) = patient {
            merge(&mut value, "patient_id", &json!(patient));
        }
        for (name, new) in body {
            merge(&mut value, name, new);
        }
        rows.push(Row { key: key.to_owned(), id, value: value.clone() });
        (StatusCode::CREATED, value)
    }

    fn update(&self, rows: &mut [Row], key: &str, id: &str) -> Answer {
        let Some(Value::Object(body)) = self.body else {
            return failed(StatusCode::BAD_REQUEST, "no JSON object");
        };
        let Some(row) = rows.iter_mut().find(|row| row.key.starts_with(key) && row.id == id) else {
            return missing();
        };
        for (name, new) in body {
            let own = name == "id" || name == "data_key";
            if let Value::Object(members) = &mut row.value
                && !own
            {
                members.insert(name.clone(), new.clone());
            }
        }
        (StatusCode::OK, row.value.clone())
    }
}

/// Sets a member that is not there yet: a body cannot choose its own id or key.
fn merge(value: &mut Value, name: &str, new: &Value) {
    if let Value::Object(members) = value
        && !members.contains_key(name)
    {
        members.insert(name.to_owned(), new.clone());
    }
}

fn within<'a>(rows: &'a [Row], key: &str, id: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.key.starts_with(key) && row.id == id)
}

fn find(rows: &[Row], key: &str, id: &str) -> Answer {
    within(rows, key, id).map_or_else(missing, |row| (StatusCode::OK, row.value.clone()))
}

fn remove(rows: &mut Vec<Row>, key: &str, id: &str) -> Answer {
    let before = rows.len();
    rows.retain(|row| !(row.key.starts_with(key) && row.id == id));
    if rows.len() < before { (StatusCode::NO_CONTENT, Value::Null) } else { missing() }
}
