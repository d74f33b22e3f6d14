//! Bytes worked out by hand from Kafka's protocol guide, and what a table refuses to write.

use klamm::model::Uuid;
use klamm::protocol::message::Message;
use klamm::protocol::message::describe_topic_partitions::{Cursor, DescribeTopicPartitionsRequest};
use klamm::protocol::message::fetch::{FetchRequest, FetchTopic};
use klamm::protocol::message::heartbeat::HeartbeatRequest;
use klamm::protocol::message::metadata::{MetadataRequest, MetadataResponse};
use klamm::protocol::message::produce::{
    LeaderIdAndEpoch, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use klamm::protocol::wire::{Malformed, Problem, Reader, RecordsField, Unencodable, Writer};

fn bytes<'a>(message: &impl Message<'a>, version: i16) -> Result<Vec<u8>, Unencodable> {
    let mut w = Writer::new();
    message.encode(&mut w, version);
    w.finish().map(|encoded| encoded.head)
}

fn read<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) -> Result<M, Malformed> {
    let mut r = Reader::new(bytes);
    let message = M::decode(&mut r, version)?;
    r.expect_end()?;
    Ok(message)
}

#[test]
fn heartbeat_is_classic_to_version_3_and_flexible_from_4() {
    let mut heartbeat = HeartbeatRequest {
        group_id: "g".into(),
        generation_id: 7,
        member_id: "m1".into(),
        group_instance_id: None,
    };
    let classic = [0, 1, b'g', 0, 0, 0, 7, 0, 2, b'm', b'1'];
    assert_eq!(bytes(&heartbeat, 0).unwrap(), classic);
    assert_eq!(
        bytes(&heartbeat, 3).unwrap(),
        [&classic[..], &[0xff, 0xff]].concat()
    );
    let flexible = [2, b'g', 0, 0, 0, 7, 3, b'm', b'1', 0, 0];
    assert_eq!(bytes(&heartbeat, 4).unwrap(), flexible);
    assert_eq!(read(&flexible, 4), Ok(heartbeat.clone()));

    heartbeat.group_instance_id = Some("i".into());
    let refused = bytes(&heartbeat, 2).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "HeartbeatRequest.group_instance_id: version 2 cannot carry this value"
    );
}

#[test]
fn produce_carries_names_to_version_12_and_ids_from_13() {
    let partition = PartitionProduceData {
        index: 1,
        records: Some(RecordsField::Borrowed(b"rr")),
    };
    let topic = TopicProduceData {
        name: "t",
        topic_id: Uuid::METADATA_TOPIC,
        partition_data: vec![partition],
    };
    let request = ProduceRequest {
        transactional_id: None,
        acks: -1,
        timeout_ms: 256,
        topic_data: vec![topic],
    };
    let classic = [
        &[0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0, 0, 0, 0, 1][..],
        &[0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, b'r', b'r'],
    ];
    assert_eq!(bytes(&request, 3).unwrap(), classic.concat());
    let flexible = [
        &[0, 0xff, 0xff, 0, 0, 1, 0, 2][..],
        &[2, b't', 2, 0, 0, 0, 1, 3, b'r', b'r', 0, 0, 0],
    ];
    assert_eq!(bytes(&request, 12).unwrap(), flexible.concat());
    let by_id = [
        &[0, 0xff, 0xff, 0, 0, 1, 0, 2][..],
        Uuid::METADATA_TOPIC.as_bytes(),
        &[2, 0, 0, 0, 1, 3, b'r', b'r', 0, 0, 0],
    ];
    assert_eq!(bytes(&request, 13).unwrap(), by_id.concat());
}

#[test]
fn null_records_are_not_empty_records() {
    let with = |records| ProduceRequest {
        topic_data: vec![TopicProduceData {
            partition_data: vec![PartitionProduceData { index: 0, records }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let (null, empty) = (with(None), with(Some(RecordsField::Borrowed(&[]))));
    for version in [3, 13] {
        let (null_bytes, empty_bytes) = (bytes(&null, version), bytes(&empty, version));
        assert_ne!(null_bytes, empty_bytes);
        assert_eq!(read(&null_bytes.unwrap(), version), Ok(null.clone()));
        assert_eq!(read(&empty_bytes.unwrap(), version), Ok(empty.clone()));
    }
}

#[test]
fn tagged_fields_are_written_by_rising_tag_and_only_if_not_default() {
    let mut answer = PartitionProduceResponse {
        index: 2,
        ..Default::default()
    };
    let with = |partition: &PartitionProduceResponse<'static>| ProduceResponse {
        responses: vec![TopicProduceResponse {
            name: "",
            partition_responses: vec![partition.clone()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let silent = bytes(&with(&answer), 10).unwrap();
    answer.current_leader = LeaderIdAndEpoch {
        leader_id: 3,
        leader_epoch: 4,
    };
    let told = bytes(&with(&answer), 10).unwrap();
    let (at, tail) = (silent.len() - 7, [0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(silent[at..], tail);
    let tag = [1, 0, 9, 0, 0, 0, 3, 0, 0, 0, 4, 0];
    assert_eq!(told, [&silent[..at], &tag, &tail[1..]].concat());
    // Before version 10 there is nowhere to say it, and saying nothing would mislead the producer.
    assert!(bytes(&with(&answer), 9).is_err());
}

#[test]
fn tags_nobody_knows_are_skipped_and_known_ones_must_fit() {
    let plain = bytes(&FetchRequest::default(), 12).unwrap();
    let body = &plain[..plain.len() - 1];
    let unknown = [body, &[2, 0, 3, 3, b'i', b'd', 9, 2, 0xaa, 0xbb]].concat();
    let request: FetchRequest = read(&unknown, 12).unwrap();
    assert_eq!(request.cluster_id.as_deref(), Some("id"));

    let longer = [body, &[1, 0, 4, 3, b'i', b'd', 0]].concat();
    let refused = read::<FetchRequest>(&longer, 12).unwrap_err();
    assert_eq!(refused.problem, Problem::Trailing(1));
    let shorter = [body, &[1, 0, 2, 3, b'i', b'd']].concat();
    let refused = read::<FetchRequest>(&shorter, 12).unwrap_err();
    assert_eq!(refused.problem, Problem::Truncated { missing: 1 });
    assert_eq!(refused.field, Some(("FetchRequest", "cluster_id")));
}

#[test]
fn a_long_tagged_value_gets_a_long_length() {
    let cluster_id = Some("c".repeat(200));
    let request = FetchRequest {
        cluster_id,
        ..Default::default()
    };
    let encoded = bytes(&request, 12).unwrap();
    assert_eq!(read(&encoded, 12), Ok(request));
}

#[test]
fn null_is_refused_where_the_version_has_none() {
    let all = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    assert_eq!(bytes(&all, 1).unwrap(), [0xff; 4]);
    let refused = bytes(&all, 0).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "MetadataRequest.topics: null is not allowed in version 0"
    );
    let refused = read::<MetadataRequest>(&[0xff; 4], 0).unwrap_err();
    assert_eq!(refused.problem, Problem::Null);
    // The default is Kafka's: an empty list, not null.
    assert_eq!(read(&[0, 0, 0, 0], 0), Ok(MetadataRequest::default()));
}

#[test]
fn a_nullable_struct_begins_with_its_mark() {
    let mut request = DescribeTopicPartitionsRequest::default();
    assert_eq!(bytes(&request, 0).unwrap(), [1, 0, 0, 7, 208, 0xff, 0]);
    request.cursor = Some(Cursor {
        topic_name: "t".into(),
        partition_index: 5,
    });
    let with_cursor = [1, 0, 0, 7, 208, 1, 2, b't', 0, 0, 0, 5, 0, 0];
    assert_eq!(bytes(&request, 0).unwrap(), with_cursor);
    assert_eq!(read(&with_cursor, 0), Ok(request));
    let mut other_mark = with_cursor;
    other_mark[5] = 2;
    let refused = read::<DescribeTopicPartitionsRequest>(&other_mark, 0).unwrap_err();
    assert_eq!(refused.problem, Problem::PresenceMark(2));
}

#[test]
fn ignorable_fields_vanish_from_versions_that_lack_them() {
    let response = MetadataResponse {
        throttle_time_ms: 9,
        ..Default::default()
    };
    let mut back: MetadataResponse = read(&bytes(&response, 2).unwrap(), 2).unwrap();
    assert_eq!(back.throttle_time_ms, 0);
    back = read(&bytes(&response, 3).unwrap(), 3).unwrap();
    assert_eq!(back, response);
}

#[test]
fn text_too_long_for_its_length_is_refused_both_ways() {
    let topic = FetchTopic {
        topic: "x".repeat(40_000),
        ..Default::default()
    };
    let request = FetchRequest {
        topics: vec![topic],
        ..Default::default()
    };
    for version in [4, 12] {
        let refused = bytes(&request, version).unwrap_err();
        assert_eq!((refused.table, refused.field), ("FetchTopic", "topic"));
    }
    let mut compact = vec![0xc1, 0xb8, 0x02];
    compact.extend([b'x'; 40_000]);
    let refused = read::<HeartbeatRequest>(&compact, 4).unwrap_err();
    assert_eq!(refused.problem, Problem::LongText(40_000));
}

#[test]
fn versions_outside_the_table_are_refused_both_ways() {
    for version in [-1, 5, i16::MAX] {
        let refused = read::<HeartbeatRequest>(&[0; 64], version).unwrap_err();
        assert_eq!(refused.problem, Problem::UnknownVersion(version));
        assert!(bytes(&HeartbeatRequest::default(), version).is_err());
    }
}
