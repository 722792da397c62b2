//! Answers questions over a log's books, within bounds.
//!
//! Never: answers anything but one `SELECT`; knows a table but `decisions`, a function that reads a file, or a folder but the archive's.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::disk_manager::DiskManagerMode;
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::prelude::SessionConfig;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use futures_core::Stream as _;

use crate::archive::Kept;
use crate::archive::Manifest;
use crate::archive::columns;
use crate::archive::folder_of;
use crate::evidence::Folder;
use crate::limits;

use super::fresh::Fresh;
use super::table::Decisions;

/// The name of the one table.
pub const TABLE: &str = "decisions";

/// The books that are looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Books {
    /// All, and the program's own.
    All,
    /// These; the empty name is the program's own.
    These(BTreeSet<String>),
}

impl Books {
    /// Is this book among them?
    #[must_use]
    pub fn holds(&self, book: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(books) => books.contains(book),
        }
    }
}

/// What one question may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most rows of the answer; those past it are left out, and the answer says so.
    pub rows: usize,
    /// Most bytes of the answer.
    pub bytes: usize,
    /// The longest time.
    pub time: Duration,
    /// Most memory while it is worked out, in bytes.
    pub memory: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            rows: limits::QUERY_ROWS,
            bytes: limits::QUERY_BYTES_MAX,
            time: Duration::from_millis(limits::QUERY_MS),
            memory: limits::QUERY_MEMORY_BYTES,
        }
    }
}

/// The answer to a question.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows.
    pub batches: Vec<RecordBatch>,
    /// How many there are.
    pub rows: usize,
    /// There were more, or they were longer, than the bounds let.
    pub cut: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAnswered {
    /// The statement is none that is answered, and why.
    Refused(String),
    /// It passed a bound.
    Bound(String),
    /// What it asks of cannot be read.
    Unreadable(String),
}

impl fmt::Display for NotAnswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) | Self::Bound(why) | Self::Unreadable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for NotAnswered {}

impl From<DataFusionError> for NotAnswered {
    fn from(error: DataFusionError) -> Self {
        let text = error.strip_backtrace();
        let root = error.find_root();
        let says_so = |root: &DataFusionError| {
            if let DataFusionError::Plan(why) | DataFusionError::NotImplemented(why) = root {
                Some(why.clone())
            } else if let DataFusionError::SQL(why, _) = root {
                Some(why.to_string())
            } else if let DataFusionError::SchemaError(why, _) = root {
                Some(why.to_string())
            } else {
                None
            }
        };
        if matches!(root, DataFusionError::ResourcesExhausted(_)) {
            return Self::Bound(
                "the question takes more memory than it may: ask for less at once".to_owned(),
            );
        }
        says_so(root).map_or(Self::Unreadable(text), Self::Refused)
    }
}

/// Answers questions over some books of a log.
pub struct Engine {
    /// Knows the table as it is shown.
    shown: SessionContext,
    /// Knows the same table with what records are made of again.
    whole: SessionContext,
    runtime: tokio::runtime::Runtime,
    bounds: Bounds,
    fresh: Fresh,
    files: Arc<[Kept]>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

/// Where the store of the archive's files is found; nothing else is.
const STORE: &str = "archive://log";

impl Engine {
    /// Opens the books: what the archive holds of them now, and all that is not in the archive yet whenever it is asked.
    ///
    /// # Errors
    /// When the log or the archive cannot be read.
    pub fn open(log: &Path, archive: &Path, books: Books, bounds: Bounds) -> Result<Self, NotAnswered> {
        Self::open_from(log, archive, books, bounds, 0)
    }

    /// The same, of records with a number from this on.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_from(
        log: &Path,
        archive: &Path,
        books: Books,
        bounds: Bounds,
        from: u64,
    ) -> Result<Self, NotAnswered> {
        let unreadable = |why: String| NotAnswered::Unreadable(why);
        let folder = Folder::open(log).map_err(|why| unreadable(why.to_string()))?;
        let manifest = Manifest::read(archive, folder.log_id()).map_err(|why| {
            unreadable(format!("`{}`: {why}", archive.join(crate::archive::MANIFEST).display()))
        })?;
        let meant = |file: &Kept| books.holds(&file.book) && file.last >= from;
        let files: Vec<Kept> = manifest.files.into_iter().filter(meant).collect();
        let next = manifest.next.max(from);
        let store = ObjectStoreUrl::parse(STORE)?;
        let root = root_of(&books);
        let runtime = runtime(&store, archive.join(&root), &files, bounds)?;
        let segments = Fresh::segments(&folder, next).map_err(|why| unreadable(why.to_string()))?;
        let schema = columns::schema();
        let fresh =
            Fresh { log: folder, next, books: Arc::new(books), schema: Arc::clone(&schema), segments };
        let files: Arc<[Kept]> = files.into();
        let whole = Decisions { schema, files: Arc::clone(&files), store, root, fresh: fresh.clone() };
        let (shown, whole) = (context(&runtime, shown(&whole)?)?, context(&runtime, whole)?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(readers())
            .enable_time()
            .build()
            .map_err(|why| unreadable(format!("no thread: {why}")))?;
        Ok(Self { shown, whole, runtime, bounds, fresh, files })
    }

    /// The books that there are among those that it was opened over.
    ///
    /// # Errors
    /// When what is not in the archive yet cannot be read.
    pub fn books(&self) -> Result<BTreeSet<String>, NotAnswered> {
        let mut names = self.fresh.names()?;
        names.extend(self.files.iter().map(|file| file.book.clone()));
        Ok(names)
    }

    /// Answers one `SELECT`.
    ///
    /// # Errors
    /// When it is anything else, makes no sense, passes a bound, or the log cannot be read.
    pub fn sql(&self, statement: &str) -> Result<Answer, NotAnswered> {
        if statement.len() > limits::QUERY_STATEMENT_BYTES_MAX {
            let most = limits::QUERY_STATEMENT_BYTES_MAX;
            return Err(NotAnswered::Refused(format!("the statement has more than {most} bytes")));
        }
        self.within(answer(&self.shown, statement, self.bounds))
    }

    /// Answers a question of [`super::Filter`] with rows that records can be made of again, where it asks for all columns.
    ///
    /// # Errors
    /// As for [`Self::sql`].
    pub fn whole(&self, statement: &str) -> Result<Answer, NotAnswered> {
        self.within(answer(&self.whole, statement, self.bounds))
    }

    fn within(&self, work: impl Future<Output = Result<Answer, NotAnswered>>) -> Result<Answer, NotAnswered> {
        let seconds = self.bounds.time.as_secs_f64();
        self.runtime.block_on(async {
            let answered = tokio::time::timeout(self.bounds.time, work).await;
            answered.unwrap_or_else(|_| {
                Err(NotAnswered::Bound(format!("there was no answer within {seconds} s")))
            })
        })
    }
}

fn context(runtime: &Arc<RuntimeEnv>, table: Decisions) -> Result<SessionContext, NotAnswered> {
    let state = SessionStateBuilder::new_with_default_features()
        .with_config(config())
        .with_runtime_env(Arc::clone(runtime))
        .with_table_functions(HashMap::new())
        .with_table_factories(HashMap::new());
    let context = SessionContext::new_with_state(state.build());
    context.register_table(TABLE, Arc::new(table))?;
    Ok(context)
}

async fn answer(context: &SessionContext, statement: &str, bounds: Bounds) -> Result<Answer, NotAnswered> {
    let state = context.state();
    let dialect = state.config_options().sql_parser.dialect;
    let parsed = state.sql_to_statement(statement, &dialect)?;
    let is_query =
        matches!(&parsed, Statement::Statement(inner) if matches!(**inner, ast::Statement::Query(_)));
    if !is_query {
        return Err(NotAnswered::Refused("only `SELECT` is answered".to_owned()));
    }
    let plan = state.statement_to_plan(parsed).await?;
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(&plan)?;
    collect(context.execute_logical_plan(plan).await?, bounds).await
}

/// The table as it is shown: without what only this program reads.
fn shown(whole: &Decisions) -> Result<Decisions, NotAnswered> {
    let wanted: Vec<usize> = (0..whole.schema.fields().len().saturating_sub(1)).collect();
    let schema: SchemaRef = Arc::new(whole.schema.project(&wanted).map_err(DataFusionError::from)?);
    let fresh = Fresh { schema: Arc::clone(&schema), ..whole.fresh.clone() };
    let Decisions { files, store, root, .. } = whole;
    Ok(Decisions { schema, files: Arc::clone(files), store: store.clone(), root: root.clone(), fresh })
}

/// Below which folder of the archive all files are: that of the book, where there is but one.
fn root_of(books: &Books) -> String {
    match books {
        Books::These(books) if books.len() == 1 => {
            books.first().map(|book| folder_of(book)).unwrap_or_default()
        }
        Books::These(_) | Books::All => String::new(),
    }
}

fn runtime(
    store: &ObjectStoreUrl,
    root: PathBuf,
    files: &[Kept],
    bounds: Bounds,
) -> Result<Arc<RuntimeEnv>, NotAnswered> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(bounds.memory)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .with_metadata_cache_limit(limits::QUERY_METADATA_BYTES)
        .build_arc()?;
    // What every session has: the files of this machine.
    drop(runtime.deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref()));
    if !files.is_empty() {
        let files = LocalFileSystem::new_with_prefix(&root)
            .map_err(|why| NotAnswered::Unreadable(format!("`{}`: {why}", root.display())))?;
        runtime.register_object_store(store.as_ref(), Arc::new(files));
    }
    Ok(runtime)
}

fn readers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8)
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_information_schema(false).with_target_partitions(readers());
    let options = config.options_mut();
    options.execution.parquet.pushdown_filters = true;
    options.execution.collect_statistics = false;
    config
}

async fn collect(frame: DataFrame, bounds: Bounds) -> Result<Answer, NotAnswered> {
    let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    let frame = frame.limit(0, Some(bounds.rows.saturating_add(1)))?;
    let mut stream = frame.execute_stream().await?;
    let (mut batches, mut rows, mut bytes) = (Vec::new(), 0, 0);
    while let Some(batch) = std::future::poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {
        let batch = batch?;
        let room = bounds.rows.saturating_sub(rows);
        bytes += batch.get_array_memory_size();
        if batch.num_rows() > room || bytes > bounds.bytes {
            let kept = if bytes > bounds.bytes { 0 } else { room };
            batches.push(batch.slice(0, kept));
            return Ok(Answer { schema, batches, rows: rows + kept, cut: true });
        }
        rows += batch.num_rows();
        batches.push(batch);
    }
    Ok(Answer { schema, batches, rows, cut: false })
}
