//! Produce (key 0), v3-13
//!
//! Behaviour: batches are validated on the connection's core, then take their place on the core
//! that owns the partition; the connection goes on to its next request from there. Answered when
//! the batches are durable (acks=all) or written (acks=1); never with acks=0, where an error
//! closes the connection.
//! Versions:  7 zstd · 8 record errors (KIP-467) · 9 flexible · 10 new leader (KIP-951) · 13 topic ids
//! Not done:  transactions: a transactional batch is refused with INVALID_TXN_STATE. Versions 0 to
//!            2 are advertised for old librdkafka builds and refused, as in Kafka.

use std::future::Future;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::super::authorization::{Operation, Resource};
use super::super::codes;
use super::super::context::{Context, Request};
use super::super::dispatch::{CloseConnection, Started, decode};
use super::super::placement::Frame;
use super::super::response::Response;
use crate::config::{CompressionType, TopicConfig};
use crate::metadata::{MetadataImage, TopicImage};
use crate::model::{CoreId, Offset, PartitionId, TimestampMs, Uuid};
use crate::partition::Promise;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use crate::protocol::record::{
    Codec, Compression, RecordError, Rules, Step, TargetCompression, TimestampType, Validated,
    Validation,
};
use crate::protocol::wire::RecordsField;
use crate::shard::{AppendBatch, AppendCall, AppendDone, BatchBytes};

/// So much of a batch is validated before the core looks after its other work.
const STEP_BYTES: usize = 128 << 10;
/// The client id that may write to internal topics.
const ADMIN_CLIENT: &str = "__admin_client";

/// What becomes of one partition of the request.
enum Share {
    /// Refused before the append.
    Refused(Refusal),
    /// The batch at this place in one of the calls.
    Sent { call: usize, at: usize },
}

/// An error of one partition, with what Kafka tells about it.
struct Refusal {
    code: ErrorCode,
    message: Option<String>,
    records: Vec<(i32, Option<String>)>,
}

/// One partition of the request, in its order.
struct Item {
    topic: usize,
    partition: i32,
    share: Share,
}

/// A validated batch that is still a part of the frame.
struct Ready {
    partition: PartitionId,
    range: Range<usize>,
    validated: Validated,
}

impl Ready {
    fn take_from(self, frame: &mut Frame) -> AppendBatch {
        let bytes = match self.validated.rebuilt {
            Some(_) => BatchBytes::default(),
            None => frame.take_batch(self.range),
        };
        AppendBatch {
            partition: self.partition,
            bytes,
            validated: self.validated,
        }
    }
}

/// The batches of each core, in the order of the calls to them.
type Calls = Vec<(CoreId, Vec<Ready>)>;

struct Topic {
    name: String,
    id: Uuid,
}

/// A request whose batches have their place.
struct Placed {
    request: Request,
    topics: Vec<Topic>,
    items: Vec<Item>,
}

pub(in crate::broker) async fn start(
    cx: &Rc<Context>,
    mut request: Request,
) -> Result<Started, CloseConnection> {
    let mut frame = std::mem::take(&mut request.frame);
    let message: ProduceRequest<'_> = decode(&request, &frame)?;
    let promise = match message.acks {
        0 => None,
        1 => Some(Promise::Written),
        -1 => Some(Promise::Committed),
        _ => return refuse_all(&request, &message),
    };
    let mut calls = Calls::new();
    let (topics, items) = share_out(cx, &request, &message, &frame, &mut calls).await;
    let pending: Vec<_> = calls
        .into_iter()
        .map(|(core, ready)| {
            let batches = ready.into_iter().map(|ready| ready.take_from(&mut frame));
            let batches = batches.collect();
            cx.shards.append(core, AppendCall { promise, batches })
        })
        .collect();
    let placed = Placed {
        request,
        topics,
        items,
    };
    Ok(Started::Later(Box::pin(finish(placed, promise, pending))))
}

/// Validates each batch; what every partition of the request has become.
async fn share_out(
    cx: &Context,
    request: &Request,
    message: &ProduceRequest<'_>,
    frame: &[u8],
    calls: &mut Calls,
) -> (Vec<Topic>, Vec<Item>) {
    let (image, now_ms) = (cx.image(), cx.now_ms());
    let (mut topics, mut items) = (Vec::new(), Vec::new());
    for (at, data) in message.topic_data.iter().enumerate() {
        topics.push(Topic {
            name: data.name.to_owned(),
            id: data.topic_id,
        });
        if at > 0 {
            cx.core.breathe().await;
        }
        let admitted = admit(cx, request, &image, data);
        for part in &data.partition_data {
            let share = match prepare(cx, request, now_ms, &admitted, part, frame).await {
                Ok(batch) => send(cx, batch, calls),
                Err(refusal) => Share::Refused(refusal),
            };
            items.push(Item {
                topic: at,
                partition: part.index,
                share,
            });
        }
    }
    (topics, items)
}

/// Puts a batch among those of the core it belongs to.
fn send(cx: &Context, batch: Ready, calls: &mut Calls) -> Share {
    let core = cx.shards.owner(batch.partition);
    let known = calls.iter().position(|(to, _)| *to == core);
    let call = known.unwrap_or_else(|| {
        calls.push((core, Vec::new()));
        calls.len() - 1
    });
    let batches = &mut calls[call].1;
    batches.push(batch);
    let at = batches.len() - 1;
    Share::Sent { call, at }
}

/// A topic that the sender may write to.
struct Admitted<'i> {
    topic: &'i TopicImage,
    config: Rc<TopicConfig>,
}

fn find_topic<'i>(
    image: &'i MetadataImage,
    version: i16,
    name: &str,
    id: Uuid,
) -> Result<&'i TopicImage, ErrorCode> {
    match version {
        13.. => image.topic_by_id(id).ok_or(ErrorCode::UnknownTopicId),
        _ => image.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition),
    }
    .map(AsRef::as_ref)
}

fn admit<'i>(
    cx: &Context,
    request: &Request,
    image: &'i Arc<MetadataImage>,
    data: &TopicProduceData<'_>,
) -> Result<Admitted<'i>, ErrorCode> {
    let topic = find_topic(image, request.version, data.name, data.topic_id)?;
    if !cx.may(request, Operation::Write, Resource::Topic(&topic.name)) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    let by_admin = request.client_id.as_deref() == Some(ADMIN_CLIENT);
    if crate::metadata::is_internal(&topic.name) && !by_admin {
        return Err(ErrorCode::InvalidTopicException);
    }
    let config = cx.topic_configs.of(&cx.config(), image, topic);
    Ok(Admitted { topic, config })
}

async fn prepare(
    cx: &Context,
    request: &Request,
    now_ms: TimestampMs,
    admitted: &Result<Admitted<'_>, ErrorCode>,
    part: &PartitionProduceData<'_>,
    frame: &[u8],
) -> Result<Ready, Refusal> {
    let Admitted { topic, config } = admitted.as_ref().map_err(|code| *code)?;
    let partition = PartitionId {
        topic_id: topic.id,
        index: part.index,
    };
    if topic.partition(part.index).is_none() {
        return Err(ErrorCode::UnknownTopicOrPartition.into());
    }
    let records = part.records.as_ref().and_then(RecordsField::bytes);
    let bytes = records.unwrap_or_default();
    let rules = rules(cx, request.version, now_ms, config);
    let validated = validate(cx, bytes, &rules).await?;
    if validated.header.is_transactional() {
        return Err(ErrorCode::InvalidTxnState.into());
    }
    Ok(Ready {
        partition,
        range: range_in(frame, bytes),
        validated,
    })
}

/// Opens every batch, as Kafka does, a piece at a time.
async fn validate(cx: &Context, bytes: &[u8], rules: &Rules) -> Result<Validated, Refusal> {
    let mut validation = Validation::new(bytes, rules)?;
    loop {
        match validation.step(STEP_BYTES)? {
            Step::Done(validated) => return Ok(validated),
            Step::More => cx.core.breathe().await,
        }
    }
}

fn rules(cx: &Context, produce_version: i16, now_ms: TimestampMs, config: &TopicConfig) -> Rules {
    Rules {
        max_message_bytes: config.max_message_bytes as usize,
        produce_version,
        compacted: config.cleanup_policy.compact,
        timestamp_type: match config.timestamp_type {
            crate::config::TimestampType::CreateTime => TimestampType::CreateTime,
            crate::config::TimestampType::LogAppendTime => TimestampType::LogAppendTime,
        },
        timestamp_before_max_ms: config.timestamp_before_max_ms,
        timestamp_after_max_ms: config.timestamp_after_max_ms,
        now_ms,
        compression: target_compression(config),
        decompressed_bytes_max: cx.config().connections.decompressed_bytes_max,
    }
}

fn target_compression(config: &TopicConfig) -> TargetCompression {
    let fixed = |codec, level| TargetCompression::Fixed(Compression { codec, level });
    match config.compression_type {
        CompressionType::Producer => TargetCompression::Producer,
        CompressionType::Uncompressed => fixed(Codec::None, None),
        CompressionType::Gzip => fixed(Codec::Gzip, Some(config.compression_gzip_level)),
        CompressionType::Snappy => fixed(Codec::Snappy, None),
        CompressionType::Lz4 => fixed(Codec::Lz4, Some(config.compression_lz4_level)),
        CompressionType::Zstd => fixed(Codec::Zstd, Some(config.compression_zstd_level)),
    }
}

/// Where in the frame `bytes` lies, which borrows from it.
fn range_in(frame: &[u8], bytes: &[u8]) -> Range<usize> {
    if bytes.is_empty() {
        return 0..0;
    }
    let from = bytes.as_ptr() as usize - frame.as_ptr() as usize;
    from..from + bytes.len()
}

type Appended = Result<AppendDone, crate::partition::PartitionError>;

async fn finish<F>(
    placed: Placed,
    promise: Option<Promise>,
    pending: Vec<F>,
) -> Result<Response, CloseConnection>
where
    F: Future<Output = Result<Vec<Appended>, crate::shard::CoreGone>>,
{
    let mut appended: Vec<Vec<Appended>> = Vec::with_capacity(pending.len());
    for call in pending {
        appended.push(call.await?);
    }
    let Placed {
        request,
        topics,
        mut items,
    } = placed;
    let answers: Vec<Answer> = items
        .iter_mut()
        .map(|item| answer(item, &appended))
        .collect();
    if promise.is_none() {
        return unacknowledged(&answers);
    }
    respond(&request, &topics, &items, &answers)
}

/// What one partition is told.
struct Answer {
    refusal: Refusal,
    base_offset: Offset,
    log_append_time: TimestampMs,
    log_start: Offset,
}

fn answer(item: &mut Item, appended: &[Vec<Appended>]) -> Answer {
    let refused = |refusal| Answer {
        refusal,
        base_offset: -1,
        log_append_time: -1,
        log_start: -1,
    };
    match &mut item.share {
        Share::Refused(refusal) => refused(std::mem::replace(refusal, ErrorCode::None.into())),
        Share::Sent { call, at } => match appended[*call][*at] {
            Err(error) => refused(codes::of_partition(error).into()),
            Ok(done) => Answer {
                refusal: ErrorCode::None.into(),
                base_offset: done.base_offset,
                log_append_time: done.log_append_time,
                log_start: done.log_start,
            },
        },
    }
}

/// With acks=0 an error has no other way to the client than the end of the connection.
fn unacknowledged(answers: &[Answer]) -> Result<Response, CloseConnection> {
    match answers.iter().find(|answer| !answer.refusal.code.is_none()) {
        Some(answer) => Err(CloseConnection::Unacknowledged(answer.refusal.code.name())),
        None => Ok(Response::default()),
    }
}

fn respond(
    request: &Request,
    topics: &[Topic],
    items: &[Item],
    answers: &[Answer],
) -> Result<Response, CloseConnection> {
    let topics = topics.iter().map(|topic| TopicProduceResponse {
        name: &topic.name,
        topic_id: topic.id,
        ..Default::default()
    });
    let mut responses: Vec<TopicProduceResponse<'_>> = topics.collect();
    for (item, answer) in items.iter().zip(answers) {
        let topic = &mut responses[item.topic];
        topic.partition_responses.push(partition(item, answer));
    }
    let response = ProduceResponse {
        responses,
        ..Default::default()
    };
    Ok(Response::encode(request, &response)?)
}

fn partition<'a>(item: &Item, answer: &'a Answer) -> PartitionProduceResponse<'a> {
    let records = answer.refusal.records.iter();
    let record_errors = records.map(|(index, message)| BatchIndexAndErrorMessage {
        batch_index: *index,
        batch_index_error_message: message.as_deref(),
    });
    PartitionProduceResponse {
        index: item.partition,
        error_code: answer.refusal.code.code(),
        base_offset: answer.base_offset,
        log_append_time_ms: answer.log_append_time,
        log_start_offset: answer.log_start,
        record_errors: record_errors.collect(),
        error_message: answer.refusal.message.as_deref(),
        ..Default::default()
    }
}

fn refuse_all(request: &Request, message: &ProduceRequest<'_>) -> Result<Started, CloseConnection> {
    let responses = message.topic_data.iter().map(|data| TopicProduceResponse {
        name: data.name,
        topic_id: data.topic_id,
        partition_responses: data
            .partition_data
            .iter()
            .map(|part| PartitionProduceResponse {
                index: part.index,
                error_code: ErrorCode::InvalidRequiredAcks.code(),
                base_offset: -1,
                ..Default::default()
            })
            .collect(),
    });
    let response = ProduceResponse {
        responses: responses.collect(),
        ..Default::default()
    };
    Ok(Started::Ready(Response::encode(request, &response)?))
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            message: None,
            records: Vec::new(),
        }
    }
}

impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Self {
        let code = codes::of_record(&error);
        let message = Some(error.to_string());
        let records = match error {
            RecordError::Rejected(rejected) => rejected
                .listed
                .into_iter()
                .map(|one| (one.index, Some(one.fault.to_string())))
                .collect(),
            _ => Vec::new(),
        };
        Self {
            code,
            message,
            records,
        }
    }
}
