//! The table `decisions`: the files of the archive that are of the caller's books, and what is not in the archive yet.
//!
//! Never: lists a folder, or opens a file by a name that somebody asked with.

use std::pin::Pin;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::catalog::TableProvider;
use datafusion::common::ColumnStatistics;
use datafusion::common::Result;
use datafusion::common::ScalarValue;
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::datasource::physical_plan::FileScanConfigBuilder;
use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::TableProviderFilterPushDown;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::physical_plan::union::UnionExec;

use crate::archive::Kept;

use super::fresh::Fresh;

/// The table.
#[derive(Debug)]
pub(super) struct Decisions {
    pub(super) schema: SchemaRef,
    pub(super) files: Arc<[Kept]>,
    pub(super) store: ObjectStoreUrl,
    /// What is taken off the path of a file, for the store begins there.
    pub(super) root: String,
    pub(super) fresh: Fresh,
}

type Scanned<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn ExecutionPlan>>> + Send + 'a>>;

impl Decisions {
    /// What of a file is known without opening it.
    fn known(&self, kept: &Kept) -> Statistics {
        let mut known = Statistics::new_unknown(&self.schema);
        known.num_rows = Precision::Exact(usize::try_from(kept.rows).unwrap_or(usize::MAX));
        let time = |us| ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into()));
        let number = |seq| ScalarValue::UInt64(Some(seq));
        let book = || ScalarValue::Utf8View(Some(kept.book.clone()));
        let bounds = [
            ("time", time(kept.since_us), time(kept.until_us)),
            ("seq", number(kept.first), number(kept.last)),
            ("book", book(), book()),
        ];
        for (name, min, max) in bounds {
            let place = self.schema.index_of(name).ok().and_then(|at| known.column_statistics.get_mut(at));
            if let Some(place) = place {
                *place = ColumnStatistics::new_unknown()
                    .with_min_value(Precision::Exact(min))
                    .with_max_value(Precision::Exact(max))
                    .with_null_count(Precision::Exact(0));
            }
        }
        known
    }

    /// The files, shared out over so many readers.
    fn groups(&self, readers: usize) -> Vec<FileGroup> {
        let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); readers.max(1)];
        for kept in &*self.files {
            let path = kept.path.strip_prefix(&self.root).unwrap_or(&kept.path);
            let file = PartitionedFile::new(path.trim_start_matches('/'), kept.bytes)
                .with_statistics(Arc::new(self.known(kept)));
            if let Some((bytes, files)) = groups.iter_mut().min_by_key(|(bytes, _)| *bytes) {
                *bytes += kept.bytes;
                files.push(file);
            }
        }
        groups.into_iter().filter(|(_, files)| !files.is_empty()).map(|(_, files)| files.into()).collect()
    }

    fn plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut parts: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        if !self.files.is_empty() {
            let runtime = state.runtime_env();
            let store = runtime.object_store(&self.store)?;
            let cache = runtime.cache_manager.get_file_metadata_cache();
            let source = ParquetSource::new(Arc::clone(&self.schema))
                .with_table_parquet_options(state.table_options().parquet.clone())
                .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(
                    store, cache,
                )));
            let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
                .with_file_groups(self.groups(state.config().target_partitions()))
                .with_projection_indices(projection.cloned())?
                .with_limit(limit)
                .build();
            parts.push(DataSourceExec::from_data_source(config));
        }
        if self.fresh.is_any() || parts.is_empty() {
            let partition = Arc::new(self.fresh.clone());
            let exec = StreamingTableExec::try_new(
                Arc::clone(&self.schema),
                vec![partition],
                projection,
                [],
                false,
                limit,
            )?;
            parts.push(Arc::new(exec));
        }
        match <[_; 1]>::try_from(parts) {
            Ok([only]) => Ok(only),
            Err(parts) => UnionExec::try_new(parts),
        }
    }
}

/// By hand what `async fn scan` would be: the trait is of a crate that would be needed for nothing else.
impl TableProvider for Decisions {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    fn scan<'this, 'state, 'projection, 'filters, 'all>(
        &'this self,
        state: &'state dyn Session,
        projection: Option<&'projection Vec<usize>>,
        _filters: &'filters [Expr],
        limit: Option<usize>,
    ) -> Scanned<'all>
    where
        'this: 'all,
        'state: 'all,
        'projection: 'all,
        'filters: 'all,
        Self: 'all,
    {
        Box::pin(async move { self.plan(state, projection, limit) })
    }
}
