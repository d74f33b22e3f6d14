//! The metadata log's batches in their order: images come out, transactions are held back.

use std::sync::Arc;

use super::batches::{BatchContent, MetadataBatch};
use super::delta::{Changes, Delta, ReplayError};
use super::image::{MetadataImage, Provenance};
use crate::model::Offset;
use crate::protocol::message::metadata_record::MetadataRecord;

/// Applies the log's batches to an image.
///
/// Between BeginTransaction and EndTransaction (KIP-868) nothing is published: the image stays
/// what it was, and [`Loader::in_transaction`] says so.
#[derive(Debug, Default)]
pub struct Loader {
    image: Arc<MetadataImage>,
    open: Option<Delta>,
}

impl Loader {
    /// Begins with an image: an empty one, or a snapshot's.
    pub fn new(image: MetadataImage) -> Self {
        Self {
            image: Arc::new(image),
            open: None,
        }
    }

    /// The last published image.
    pub fn image(&self) -> &Arc<MetadataImage> {
        &self.image
    }

    /// Whether a transaction is open. At the log's end, a controller that starts must abort it.
    pub fn in_transaction(&self) -> bool {
        self.open.is_some()
    }

    /// Applies a batch: publishes a new image, unless a transaction is open at its end, and says
    /// what changed. An error leaves the image as it was: the log does not fit.
    pub fn apply(&mut self, batch: &MetadataBatch) -> Result<Changes, ReplayError> {
        let mut provenance = Provenance {
            last_offset: batch.last_offset,
            last_epoch: batch.epoch,
            last_timestamp_ms: batch.timestamp_ms,
        };
        let BatchContent::Records(records) = &batch.content else {
            return Ok(self.advance(provenance));
        };
        let mut published = Delta::new(&self.image);
        let mut open = self.open.clone();
        for record in records {
            replay(record, &mut published, &mut open)?;
        }
        self.open = open;
        if self.in_transaction() {
            match records_before_transaction(records) {
                0 => return Ok(Changes::default()),
                before => provenance.last_offset = batch.base_offset + before as Offset - 1,
            }
        }
        let (image, changes) = published.finish(provenance);
        self.image = Arc::new(image);
        Ok(changes)
    }

    /// A control batch moves the offset and nothing else.
    fn advance(&mut self, provenance: Provenance) -> Changes {
        if !self.in_transaction() {
            Arc::make_mut(&mut self.image).provenance = provenance;
        }
        Changes::default()
    }
}

fn replay(
    record: &MetadataRecord,
    published: &mut Delta,
    open: &mut Option<Delta>,
) -> Result<(), ReplayError> {
    match record {
        MetadataRecord::BeginTransaction(_) if open.is_some() => Err(ReplayError::TransactionOpen),
        MetadataRecord::BeginTransaction(_) => {
            *open = Some(published.clone());
            Ok(())
        }
        MetadataRecord::EndTransaction(_) => {
            *published = open.take().ok_or(ReplayError::NoTransaction)?;
            Ok(())
        }
        MetadataRecord::AbortTransaction(_) => {
            open.take().map(|_| ()).ok_or(ReplayError::NoTransaction)
        }
        other => open.as_mut().unwrap_or(published).replay(other),
    }
}

fn records_before_transaction(records: &[MetadataRecord]) -> usize {
    let is_begin = |record: &MetadataRecord| matches!(record, MetadataRecord::BeginTransaction(_));
    records.iter().position(is_begin).unwrap_or(0)
}
