//! A client of plain sockets for the tests: requests encoded by the `kafka-protocol` crate, which
//! shares no code with klamm, or raw bytes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteRecordsRequest, FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse, ProduceRequest, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

/// Longest wait for one response.
const RESPONSE_WAIT: Duration = Duration::from_secs(60);

/// One connection.
pub(crate) struct Wire {
    socket: TcpStream,
    correlation_id: i32,
}

impl Wire {
    /// Connects with a time limit on connecting, sending and each read.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(RESPONSE_WAIT))?;
        socket.set_write_timeout(Some(RESPONSE_WAIT))?;
        Ok(Self {
            socket,
            correlation_id: 0,
        })
    }

    /// The socket, for bytes that no client would send.
    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Sends one request and waits for its response.
    pub(crate) fn ask<R: Request>(&mut self, request: &R, version: i16) -> io::Result<R::Response> {
        self.send(request, version)?;
        self.receive::<R>(version)
    }

    /// Sends one request.
    pub(crate) fn send<R: Request>(&mut self, request: &R, version: i16) -> io::Result<()> {
        self.correlation_id += 1;
        let frame = frame(request, version, self.correlation_id);
        self.socket.write_all(&frame)
    }

    /// Waits for the next response, which must be to a request of this kind.
    pub(crate) fn receive<R: Request>(&mut self, version: i16) -> io::Result<R::Response> {
        let mut body = self.receive_frame()?;
        let header_version = R::Response::header_version(version);
        ResponseHeader::decode(&mut body, header_version).map_err(io::Error::other)?;
        R::Response::decode(&mut body, version).map_err(io::Error::other)
    }

    /// Waits for the next response and returns its bytes, header included.
    pub(crate) fn receive_frame(&mut self) -> io::Result<Bytes> {
        let mut size = [0; 4];
        self.socket.read_exact(&mut size)?;
        let size = usize::try_from(i32::from_be_bytes(size)).map_err(io::Error::other)?;
        let mut body = vec![0; size];
        self.socket.read_exact(&mut body)?;
        Ok(body.into())
    }

    /// Asks what the broker speaks: the cheapest sign of life.
    pub(crate) fn api_versions(&mut self) -> io::Result<ApiVersionsResponse> {
        self.ask(&ApiVersionsRequest::default(), 0)
    }

    /// Creates one topic; returns Kafka's error code for it.
    pub(crate) fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> io::Result<CreateTopicsResponse> {
        let configs = configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
        });
        let topic = CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(60_000);
        self.ask(&request, 5)
    }

    /// Asks for one topic's metadata.
    pub(crate) fn metadata(&mut self, topic: &str) -> io::Result<MetadataResponse> {
        let topic = MetadataRequestTopic::default().with_name(Some(topic_name(topic)));
        let request = MetadataRequest::default().with_topics(Some(vec![topic]));
        self.ask(&request, 8)
    }

    /// The log ends of the partitions, -1 where the broker answered an error.
    pub(crate) fn log_ends(&mut self, topic: &str, partitions: &[i32]) -> io::Result<Vec<i64>> {
        let asked = partitions.iter().map(|&partition| {
            ListOffsetsPartition::default()
                .with_partition_index(partition)
                .with_timestamp(-1)
        });
        let topic = ListOffsetsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(asked.collect());
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        let response: ListOffsetsResponse = self.ask(&request, 5)?;
        Ok(ends_in_order(&response, partitions))
    }

    /// The offset of the first record that can be read.
    pub(crate) fn log_start(&mut self, topic: &str, partition: i32) -> io::Result<i64> {
        let asked = ListOffsetsPartition::default()
            .with_partition_index(partition)
            .with_timestamp(-2);
        let topic = ListOffsetsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![asked]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        let response: ListOffsetsResponse = self.ask(&request, 5)?;
        Ok(ends_in_order(&response, &[partition])[0])
    }

    /// Deletes the records of one partition before an offset; Kafka's error code.
    pub(crate) fn delete_records(
        &mut self,
        topic: &str,
        partition: i32,
        before: i64,
    ) -> io::Result<i16> {
        let partition = DeleteRecordsPartition::default()
            .with_partition_index(partition)
            .with_offset(before);
        let topic = DeleteRecordsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(60_000);
        let response = self.ask(&request, 1)?;
        Ok(response.topics[0].partitions[0].error_code)
    }

    /// Produces one record with acks=all; Kafka's error code.
    pub(crate) fn produce(&mut self, topic: &str, partition: i32, value: Bytes) -> io::Result<i16> {
        let records = batch(&[value], Compression::None);
        let request = produce_request(topic, -1, vec![(partition, records)]);
        let response = self.ask(&request, 8)?;
        Ok(response.responses[0].partition_responses[0].error_code)
    }

    /// Fetches from one partition at once, at most the given bytes.
    pub(crate) fn fetch(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        bytes_max: i32,
    ) -> io::Result<FetchResponse> {
        self.ask(&fetch_request(topic, partition, offset, bytes_max), 11)
    }
}

/// A whole frame: size, header, body.
pub(crate) fn frame<R: Request>(request: &R, version: i16, correlation_id: i32) -> BytesMut {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(text("outside-check")));
    let mut frame = BytesMut::zeroed(4);
    header
        .encode(&mut frame, R::header_version(version))
        .expect("a plain header encodes");
    request
        .encode(&mut frame, version)
        .expect("the tests ask what the version has");
    let size = i32::try_from(frame.len() - 4).expect("tests send small frames");
    frame[..4].copy_from_slice(&size.to_be_bytes());
    frame
}

/// A produce request of one topic: (partition, records) pairs. Version 3 to 12.
pub(crate) fn produce_request(topic: &str, acks: i16, data: Vec<(i32, Bytes)>) -> ProduceRequest {
    let partitions = data.into_iter().map(|(partition, records)| {
        PartitionProduceData::default()
            .with_index(partition)
            .with_records(Some(records))
    });
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(partitions.collect());
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(60_000)
        .with_topic_data(vec![topic])
}

/// A fetch request for one partition that is answered at once. Version 4 to 12.
pub(crate) fn fetch_request(
    topic: &str,
    partition: i32,
    offset: i64,
    bytes_max: i32,
) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(bytes_max);
    let topic = FetchTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(0)
        .with_min_bytes(0)
        .with_max_bytes(bytes_max)
        .with_topics(vec![topic])
}

/// One batch of plain records.
pub(crate) fn batch(values: &[Bytes], compression: Compression) -> Bytes {
    let now = timestamp_now();
    let records: Vec<_> = (0..)
        .zip(values)
        .map(|(offset, value)| record(offset, now, value.clone()))
        .collect();
    let options = RecordEncodeOptions {
        version: 2,
        compression,
    };
    let mut batch = BytesMut::new();
    RecordBatchEncoder::encode(&mut batch, &records, &options).expect("plain records encode");
    batch.freeze()
}

/// A topic's name as the crate wants it.
pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// A string as the crate wants it.
pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn record(offset: i64, timestamp: i64, value: Bytes) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset,
        sequence: -1,
        timestamp,
        key: None,
        value: Some(value),
        headers: IndexMap::new(),
    }
}

fn timestamp_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_millis()).expect("before the year 292277026")
}

fn ends_in_order(response: &ListOffsetsResponse, partitions: &[i32]) -> Vec<i64> {
    let answers: std::collections::HashMap<i32, i64> = response
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .filter(|answer| answer.error_code == 0)
        .map(|answer| (answer.partition_index, answer.offset))
        .collect();
    partitions
        .iter()
        .map(|partition| answers.get(partition).copied().unwrap_or(-1))
        .collect()
}
