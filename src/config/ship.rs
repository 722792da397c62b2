//! The part of the config that names where the decision log is sent to.
//!
//! Never: opens a file, or asks a place.

use std::path::PathBuf;
use std::time::Duration;

use crate::audit::note::KeyKind;
use crate::audit::note::VerifierKey;
use crate::evidence::Witness;
use crate::limits;
use crate::remote;
use crate::remote::Access;
use crate::ship::Format;
use crate::ship::Login;
use crate::ship::Mechanism;
use crate::ship::Settings;
use crate::ship::To;
use crate::ship::clickhouse_query;

use super::check::Checker;
use super::raw::ship as raw;

/// The region of a store that says nothing of one.
const REGION: &str = "us-east-1";
const URL_HINT: &str = "write `https://host/path`, without a user or password in it";

/// One place that is being checked, and the path of its keys.
struct One<'c, 'p, 'r> {
    c: &'c mut Checker<'p>,
    raw: &'r raw::Ship,
    path: String,
}

/// The places that the log is sent to.
pub(super) fn ship(c: &mut Checker<'_>, all: &[raw::Ship]) -> Vec<Settings> {
    let mut places: Vec<Settings> = Vec::new();
    if all.len() > limits::SHIP_SINKS_MAX {
        let message = format!("there are more than {} places", limits::SHIP_SINKS_MAX);
        c.error("bad-value", "decision_log.ship", message, "let a broker or a collector send it further");
    }
    for (at, raw) in all.iter().enumerate() {
        let mut one = One { c, raw, path: format!("decision_log.ship.{at}") };
        let Some(place) = one.place() else { continue };
        if places.iter().any(|other| other.name == place.name) {
            let (key, message) = (one.key("name"), format!("there are two places named `{}`", place.name));
            one.c.error("duplicate-name", &key, message, "");
        }
        places.push(place);
    }
    places
}

impl One<'_, '_, '_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    fn bad(&mut self, key: &str, what: &str, hint: &str) {
        let key = self.key(key);
        self.c.bad_value(&key, what, hint);
    }

    fn text(&mut self, key: &str, value: Option<&String>, hint: &str) -> Option<String> {
        let key = self.key(key);
        self.c.required(&key, value, hint).map(str::to_owned)
    }

    fn file(&self, path: Option<&String>) -> Option<PathBuf> {
        path.map(|path| self.c.path(path))
    }

    fn place(&mut self) -> Option<Settings> {
        let hint = "give it a short name, such as `siem`";
        let name = self.text("name", self.raw.name.as_ref(), hint)?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !name.bytes().all(plain) || name.len() > limits::SHIP_NAME_BYTES_MAX {
            self.bad("name", "a name", "write at most 40 of `a`-`z`, `0`-`9` and `-`");
        }
        let hint = "write `http`, `otlp`, `clickhouse`, `s3`, `kafka` or `witness`";
        let kind = self.text("kind", self.raw.kind.as_ref(), hint)?;
        let to = match &*kind {
            "http" => self.url("").map(|url| To::Http { url, format: self.format() }),
            "otlp" => self.url("/v1/logs").map(|url| To::Otlp { url }),
            "clickhouse" => self.clickhouse(),
            "s3" => self.s3(),
            "kafka" => self.kafka(),
            "witness" => self.witness(),
            _ => {
                self.bad("kind", "a kind of place", hint);
                None
            }
        };
        if self.raw.format.is_some() && !matches!(&*kind, "http" | "kafka") {
            self.bad("format", "for this kind", "it has a form of its own: take it out");
        }
        let batch = self.raw.batch.unwrap_or(1_000);
        if !(1..=limits::SHIP_BATCH_RECORDS_MAX).contains(&batch) {
            self.bad("batch", "a number of records", "name one from `1` to `10000`");
        }
        let (every, key) = (self.raw.every.as_ref(), self.key("every"));
        let every = self.c.duration(&key, every, Duration::from_secs(1));
        let access = self.access(to.as_ref());
        Some(Settings { name, to: to?, access, batch, every })
    }

    /// The URL; where it has no path, this one.
    fn url(&mut self, path: &str) -> Option<http::Uri> {
        let text = self.text("url", self.raw.url.as_ref(), URL_HINT)?;
        let whole = remote::web_url(&text).and_then(|url| {
            let bare = url.path() == "/" && url.query().is_none();
            if bare && !path.is_empty() {
                remote::web_url(&format!("{}{path}", text.trim_end_matches('/')))
            } else {
                Ok(url)
            }
        });
        whole.map_err(|_| self.bad("url", "a URL", URL_HINT)).ok()
    }

    fn format(&mut self) -> Format {
        let Some(text) = &self.raw.format else { return Format::default() };
        let known = Format::ALL.into_iter().find(|(word, _)| word == text);
        if known.is_none() {
            self.bad("format", "a format", "write `native`, `ocsf` or `cloudevents`");
        }
        known.map(|(_, format)| format).unwrap_or_default()
    }

    fn clickhouse(&mut self) -> Option<To> {
        let url = self.url("")?;
        let table = self.raw.table.clone().unwrap_or_else(|| "palisade.decisions".to_owned());
        let plain =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let Some((database, table)) =
            table.split_once('.').filter(|(database, table)| plain(database) && plain(table))
        else {
            self.bad("table", "a table", "write `database.table`");
            return None;
        };
        let query = clickhouse_query(database, table, self.raw.async_insert.unwrap_or(true));
        let whole = url.to_string();
        let joint = if url.query().is_some() { '&' } else { '?' };
        remote::web_url(&format!("{whole}{joint}{query}")).ok().map(|url| To::ClickHouse { url })
    }

    fn s3(&mut self) -> Option<To> {
        let bucket = self.text("bucket", self.raw.bucket.as_ref(), "name the bucket")?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if !bucket.bytes().all(plain) {
            self.bad("bucket", "a bucket", "write its name alone");
        }
        Some(To::S3 { bucket, prefix: self.raw.prefix.clone().unwrap_or_default() })
    }

    fn witness(&mut self) -> Option<To> {
        let url = self.url("")?;
        let hint = "write the witness's verifier key, `name+id+key`: who runs it tells";
        let key = self.text("key", self.raw.key.as_ref(), hint)?;
        let key = VerifierKey::parse(&key).ok().filter(|key| key.kind() == KeyKind::Cosignature);
        if key.is_none() {
            self.bad("key", "the key of a witness", hint);
        }
        key.map(|key| To::Witness(Witness { url, key }))
    }

    fn kafka(&mut self) -> Option<To> {
        let brokers = self.raw.brokers.clone();
        let address = |broker: &String| {
            broker
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if brokers.is_empty() || !brokers.iter().all(address) {
            self.bad("brokers", "a list of brokers", "write each as `host:port`");
        }
        let topic = self.text("topic", self.raw.topic.as_ref(), "name the topic")?;
        let word = self.raw.mechanism.as_deref().unwrap_or("scram-sha-512");
        let mechanism = Mechanism::ALL.into_iter().find(|(known, _)| *known == word);
        if mechanism.is_none() {
            self.bad("mechanism", "a mechanism", "write `plain`, `scram-sha-256` or `scram-sha-512`");
        }
        let login = match (&self.raw.username, self.file(self.raw.password_file.as_ref())) {
            (Some(username), Some(password_file)) => {
                mechanism.map(|(_, mechanism)| Login { mechanism, username: username.clone(), password_file })
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                self.bad("username", "a user with a password", "name both `username` and `password_file`");
                None
            }
        };
        let tls = !self.raw.plain_http.unwrap_or(false);
        Some(To::Kafka { brokers, topic, tls, login, format: self.format() })
    }

    fn access(&mut self, to: Option<&To>) -> Access {
        let s3 = &self.raw.s3;
        let plain_http = self.raw.plain_http.unwrap_or(false);
        let endpoint = s3.endpoint.as_deref().and_then(|text| {
            remote::endpoint(text).map_err(|why| self.bad("s3.endpoint", "the URL of a store", &why)).ok()
        });
        let url = match to {
            Some(To::Http { url, .. } | To::Otlp { url } | To::ClickHouse { url }) => Some(url),
            Some(To::Witness(witness)) => Some(&witness.url),
            Some(To::S3 { .. }) => endpoint.as_ref(),
            Some(To::Kafka { .. }) | None => None,
        };
        let path = self.path.clone();
        if url.is_some_and(|url| url.scheme_str() == Some("http")) && !plain_http {
            let hint = "use `https://`; where the network is your own, `plain_http: true` allows it";
            self.c.error("plain-http", &path, "the decision log is sent without TLS", hint);
        }
        if plain_http {
            let message = "the decision log may be sent without TLS: it can be read on the way";
            self.c.warning("plain-http", &format!("{path}.plain_http"), message, "use TLS");
        }
        if s3.access_key_file.is_some() != s3.secret_key_file.is_some() {
            let message = "`access_key_file` and `secret_key_file` need each other";
            self.c.error("missing-key", &format!("{path}.s3"), message, "name both, or neither");
        }
        let timeout = self.raw.timeout.as_ref();
        let timeout = self.c.duration(&format!("{path}.timeout"), timeout, Duration::from_secs(30));
        Access {
            timeout,
            plain_http,
            ca_file: self.file(self.raw.ca_file.as_ref()),
            bearer_token_file: self.file(self.raw.bearer_token_file.as_ref()),
            username: self.raw.username.clone(),
            password_file: self.file(self.raw.password_file.as_ref()),
            s3_endpoint: endpoint,
            s3_region: s3.region.clone().unwrap_or_else(|| REGION.to_owned()),
            s3_access_key_file: self.file(s3.access_key_file.as_ref()),
            s3_secret_key_file: self.file(s3.secret_key_file.as_ref()),
            s3_session_token_file: self.file(s3.session_token_file.as_ref()),
        }
    }
}
