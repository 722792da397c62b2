//! A cluster of brokers that speaks Kafka's protocol.
//!
//! Records of one book go to one partition, in their order; what is made of a record is the message, and the attributes of its
//! CloudEvent are the headers, so that a reader knows it without looking into it.
//! Never: takes a broker's word before all replicas that are in step have the records.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rskafka::chrono::DateTime;
use rskafka::client::Client;
use rskafka::client::ClientBuilder;
use rskafka::client::Credentials;
use rskafka::client::SaslConfig;
use rskafka::client::partition::Compression;
use rskafka::client::partition::PartitionClient;
use rskafka::client::partition::UnknownTopicHandling;
use rskafka::record::Record;
use tokio::runtime::Runtime;

use crate::audit::cloudevents;
use crate::audit::entry;
use crate::audit::entry::Entry;
use crate::limits;
use crate::remote;
use crate::remote::Access;

use super::Format;
use super::Refused;
use super::Sink;
use super::Taken;
use super::tail::Batch;
use super::web::unread;

/// Who the brokers are told it is.
#[derive(Debug, Clone)]
pub struct Login {
    /// How that is proven.
    pub mechanism: Mechanism,
    /// The name.
    pub username: String,
    /// The file with the password.
    pub password_file: PathBuf,
}

/// How a name is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// The password is sent.
    Plain,
    /// The password is not sent, SHA-256.
    ScramSha256,
    /// The password is not sent, SHA-512.
    ScramSha512,
}

impl Mechanism {
    /// Every mechanism, with the word for it.
    pub const ALL: [(&'static str, Self); 3] =
        [("plain", Self::Plain), ("scram-sha-256", Self::ScramSha256), ("scram-sha-512", Self::ScramSha512)];
}

/// A topic of a cluster of brokers.
pub(super) struct Kafka {
    brokers: Vec<String>,
    topic: String,
    tls: bool,
    login: Option<Login>,
    format: Format,
    access: Access,
    log_id: String,
    open: Option<Open>,
}

/// Connections, and what drives them: only while something is sent.
struct Open {
    partitions: Vec<PartitionClient>,
    // Last: what it drives goes before it.
    runtime: Runtime,
}

impl Kafka {
    pub(super) const fn new(
        brokers: Vec<String>,
        topic: String,
        tls: bool,
        login: Option<Login>,
        format: Format,
        access: Access,
        log_id: String,
    ) -> Self {
        Self { brokers, topic, tls, login, format, access, log_id, open: None }
    }

    fn open(&self) -> Result<Open, Refused> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Refused::Later(error.to_string()))?;
        let mut builder = ClientBuilder::new(self.brokers.clone()).client_id("palisade");
        builder = builder.max_message_size(limits::KAFKA_ANSWER_BYTES_MAX);
        if self.tls {
            builder = builder.tls_config(remote::tls(&self.access)?);
        }
        if let Some(login) = &self.login {
            let password = remote::credential(&login.password_file)?;
            let said = Credentials::new(login.username.clone(), password);
            builder = builder.sasl_config(match login.mechanism {
                Mechanism::Plain => SaslConfig::Plain(said),
                Mechanism::ScramSha256 => SaslConfig::ScramSha256(said),
                Mechanism::ScramSha512 => SaslConfig::ScramSha512(said),
            });
        }
        let found = async {
            let client = builder.build().await.map_err(|error| Refused::Later(error.to_string()))?;
            partitions(&client, &self.topic).await
        };
        let partitions = runtime.block_on(async { within(self.access.timeout, found).await })?;
        Ok(Open { partitions, runtime })
    }

    /// The messages of a batch, by the partition that each goes to.
    fn messages(&self, batch: &Batch, partitions: usize) -> Result<Vec<Vec<Record>>, Refused> {
        let mut all: Vec<Vec<Record>> = (0..partitions).map(|_| Vec::new()).collect();
        for record in batch.records() {
            let entry = Entry::read(record).map_err(unread)?;
            let mut value = Vec::new();
            // The headers say which log it is.
            match self.format {
                Format::Native => {
                    entry::line(record, &mut value).map_err(unread)?;
                    value.pop();
                }
                Format::Ocsf | Format::CloudEvents => {
                    self.format.write(&self.log_id, record, &mut value).map_err(unread)?;
                }
            }
            let time_ms = i64::try_from(entry.time_ms).unwrap_or(i64::MAX);
            let timestamp = DateTime::from_timestamp_millis(time_ms).unwrap_or(DateTime::UNIX_EPOCH);
            let message = Record {
                key: (!entry.book.is_empty()).then(|| entry.book.as_bytes().to_vec()),
                value: Some(value),
                headers: self.headers(record)?,
                timestamp,
            };
            let at = crc32c::crc32c(entry.book.as_bytes()) as usize % partitions.max(1);
            if let Some(of_partition) = all.get_mut(at) {
                of_partition.push(message);
            }
        }
        Ok(all)
    }

    fn headers(&self, record: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, Refused> {
        let attributes = cloudevents::attributes(&self.log_id, record).map_err(unread)?;
        let whole = self.format == Format::CloudEvents;
        let named = attributes.into_iter().filter_map(|(name, text)| match name {
            // The binding names this one after the protocol's own header.
            "datacontenttype" if whole => {
                Some(("content-type".to_owned(), b"application/cloudevents+json".to_vec()))
            }
            "datacontenttype" => Some(("content-type".to_owned(), text.into_bytes())),
            // An event that holds all of itself has its attributes in it, but for what tells it from others.
            name if whole && name != "id" => None,
            name => Some((format!("ce_{name}"), text.into_bytes())),
        });
        Ok(named.collect())
    }
}

impl Sink for Kafka {
    fn send(&mut self, batch: &Batch) -> Result<Taken, Refused> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.open()?,
        };
        let messages = self.messages(batch, open.partitions.len())?;
        let timeout = self.access.timeout;
        let sent = open.runtime.block_on(async {
            within(timeout, async {
                for (partition, messages) in open.partitions.iter().zip(messages) {
                    let produced = partition.produce(messages, Compression::Snappy).await;
                    produced.map_err(|error| Refused::Later(error.to_string()))?;
                }
                Ok(())
            })
            .await
        });
        // After an error the connection is made anew: the topic may be led by others.
        sent?;
        self.open = Some(open);
        Ok(Taken::All)
    }
}

async fn partitions(client: &Client, topic: &str) -> Result<Vec<PartitionClient>, Refused> {
    let failed = |error: rskafka::client::error::Error| Refused::Later(error.to_string());
    let topics = client.list_topics().await.map_err(failed)?;
    let found = topics.into_iter().find(|found| found.name == topic);
    let found = found.ok_or_else(|| Refused::Later(format!("there is no topic `{topic}`: make it")))?;
    let mut all = Vec::new();
    for partition in found.partitions {
        let handling = UnknownTopicHandling::Error;
        all.push(client.partition_client(topic, partition, handling).await.map_err(failed)?);
    }
    Ok(all)
}

/// The library tries again and again; here it is given up in time, for the sender to say so.
async fn within<T>(timeout: Duration, work: impl Future<Output = Result<T, Refused>>) -> Result<T, Refused> {
    match tokio::time::timeout(timeout, work).await {
        Ok(done) => done,
        Err(_) => Err(Refused::Later("the brokers did not answer in time".to_owned())),
    }
}
