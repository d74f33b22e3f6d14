//! Bytes worked out by hand from Kafka's definitions, every version there and back, and bytes that
//! are no records.

use super::*;
use crate::model::Uuid;
use crate::protocol::message::group_record::classic::MemberMetadata;
use crate::protocol::message::group_record::consumer::{
    ClassicMemberMetadata, ClassicProtocol, PartitionMetadata, TopicMetadata, TopicPartition,
    TopicPartitions,
};
use crate::protocol::wire::Problem;

const TOPIC: Uuid = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
const TOPIC_BYTES: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const OFFSET_KEY: [u8; 12] = [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 5];
const GROUP_KEY: [u8; 5] = [0, 2, 0, 1, b'g'];
const MEMBER_KEY: [u8; 6] = [0, 1, b'g', 0, 1, b'm'];
/// 60 and 45 seconds.
const TIMEOUTS: [u8; 8] = [0, 0, 0xea, 0x60, 0, 0, 0xaf, 0xc8];
/// 1000 and 2000 milliseconds.
const TIMESTAMP: [u8; 8] = [0, 0, 0, 0, 0, 0, 3, 0xe8];
const EXPIRY: [u8; 8] = [0, 0, 0, 0, 0, 0, 7, 0xd0];
const OFFSET: [u8; 8] = [0, 0, 0, 0, 0, 0, 1, 2];

#[test]
fn an_offset_has_a_tag_for_the_topic_id_since_version_4() {
    let expected = [
        &[0, 4][..],
        &OFFSET,
        &[0, 0, 0, 3],
        &[2, b'm'],
        &TIMESTAMP,
        &[1, 0, 16],
        &TOPIC_BYTES,
    ]
    .concat();
    let written = offset_record(offset_in(4));
    assert_stands_as(&written, &OFFSET_KEY, Some(&expected));

    let without_id = [
        &[0, 4][..],
        &OFFSET,
        &[0, 0, 0, 3],
        &[2, b'm'],
        &TIMESTAMP,
        &[0],
    ]
    .concat();
    let value = OffsetCommitValue {
        topic_id: Uuid::ZERO,
        ..offset_in(4)
    };
    assert_stands_as(&offset_record(value), &OFFSET_KEY, Some(&without_id));
}

#[test]
fn an_offset_of_version_3_has_a_leader_epoch_and_classic_lengths() {
    let bytes = [
        &[0, 3][..],
        &OFFSET,
        &[0, 0, 0, 3],
        &[0, 1, b'm'],
        &TIMESTAMP,
    ]
    .concat();
    let record = offset_record(offset_in(3));
    assert_eq!(record.encode_in(3).unwrap().1.unwrap(), bytes);
    assert_eq!(
        GroupRecord::decode(&OFFSET_KEY, Some(&bytes)),
        Ok(Decoded::Record(record))
    );
}

#[test]
fn an_offset_that_expires_is_written_in_version_1() {
    let expected = [&[0, 1][..], &OFFSET, &[0, 1, b'm'], &TIMESTAMP, &EXPIRY].concat();
    assert_stands_as(&offset_record(offset_in(1)), &OFFSET_KEY, Some(&expected));

    // What version 1 has no place for is left out, as Kafka leaves it out.
    let complete = OffsetCommitValue {
        leader_epoch: 3,
        topic_id: TOPIC,
        ..offset_in(1)
    };
    let (_, value) = offset_record(complete).encode().unwrap();
    assert_eq!(value, Some(expected));
}

#[test]
fn a_group_is_classic_in_version_3_and_flexible_in_version_4() {
    let classic = [
        &[0, 3][..],
        &[0, 1, b'c', 0, 0, 0, 7, 0, 1, b'p', 0, 1, b'm'],
        &TIMESTAMP,
        &[0, 0, 0, 1],
        &[0, 1, b'm', 0xff, 0xff, 0, 1, b'a', 0, 2, b'/', b'h'],
        &TIMEOUTS,
        &[0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 3],
    ]
    .concat();
    let mut group = group_in(4);
    group.members[0].group_instance_id = None;
    let record = group_record(group);
    assert_eq!(record.encode_in(3).unwrap().1.unwrap(), classic);
    assert_eq!(
        GroupRecord::decode(&GROUP_KEY, Some(&classic)),
        Ok(Decoded::Record(record.clone()))
    );

    let flexible = [
        &[0, 4][..],
        &[2, b'c', 0, 0, 0, 7, 2, b'p', 2, b'm'],
        &TIMESTAMP,
        &[2],
        &[2, b'm', 0, 2, b'a', 3, b'/', b'h'],
        &TIMEOUTS,
        &[3, 1, 2, 2, 3, 0],
        &[0],
    ]
    .concat();
    assert_stands_as(&record, &GROUP_KEY, Some(&flexible));
}

#[test]
fn a_group_without_members_has_neither_protocol_nor_leader() {
    let group = GroupMetadataValue {
        protocol: None,
        leader: None,
        members: vec![],
        ..group_in(4)
    };
    let head = [0, 4, 2, b'c', 0, 0, 0, 7, 0, 0];
    let expected = [&head[..], &TIMESTAMP, &[1, 0]].concat();
    assert_stands_as(&group_record(group), &GROUP_KEY, Some(&expected));
}

#[test]
fn a_member_of_the_classic_protocol_stands_in_a_tag() {
    let expected = [
        &[0, 0][..],
        &[0, 0, 2, b'a', 3, b'/', b'h', 2, 2, b't', 0],
        &[0, 0, 0xea, 0x60, 2, b'u'],
        &[1, 0, 13],
        &[1, 0, 0, 0xaf, 0xc8, 2, 2, b'p', 3, 1, 2, 0, 0],
    ]
    .concat();
    let key = [&[0, 5][..], &MEMBER_KEY].concat();
    assert_stands_as(&member(), &key, Some(&expected));
}

#[test]
fn assignment_epochs_stand_in_a_tag_of_their_topic() {
    let expected = [
        &[0, 0][..],
        &[0, 0, 0, 5, 0, 0, 0, 4, 1],
        &[2],
        &TOPIC_BYTES,
        &[2, 0, 0, 0, 3],
        &[1, 0, 5, 2, 0, 0, 0, 5],
        &[1, 0],
    ]
    .concat();
    let key = [&[0, 8][..], &MEMBER_KEY].concat();
    assert_stands_as(&current_assignment(), &key, Some(&expected));
}

#[test]
fn a_tombstone_is_a_key_alone() {
    let tombstone = GroupRecord::OffsetCommit {
        key: offset_key(),
        value: None,
    };
    assert_stands_as(&tombstone, &OFFSET_KEY, None);
    let tombstone = GroupRecord::GroupMetadata {
        key: GroupMetadataKey { group: "g".into() },
        value: None,
    };
    assert_stands_as(&tombstone, &GROUP_KEY, None);
}

#[test]
fn an_offset_of_type_0_is_read_as_one_of_type_1() {
    let mut key = OFFSET_KEY;
    key[1] = 0;
    let value = [&[0, 0][..], &OFFSET, &[0, 1, b'm'], &TIMESTAMP].concat();
    assert_eq!(
        GroupRecord::decode(&key, Some(&value)),
        Ok(Decoded::Record(offset_record(offset_in(0))))
    );
    let tombstone = GroupRecord::OffsetCommit {
        key: offset_key(),
        value: None,
    };
    assert_eq!(
        GroupRecord::decode(&key, None),
        Ok(Decoded::Record(tombstone))
    );
    assert_eq!(
        GroupRecord::decode(&key, Some(&[0, 1])),
        Err(RecordError::UnknownVersion {
            kind: 0,
            version: 1
        })
    );
}

#[test]
fn every_version_of_every_record_comes_back() {
    for (record, version) in all_versions() {
        let (key, value) = record.encode_in(version).unwrap();
        assert_eq!(
            GroupRecord::decode(&key, value.as_deref()),
            Ok(Decoded::Record(record)),
            "version {version}"
        );
    }
}

#[test]
fn what_is_written_is_what_kafka_4_3_writes() {
    for record in samples() {
        let (key, value) = record.encode().unwrap();
        let version = match record {
            GroupRecord::OffsetCommit { .. } | GroupRecord::GroupMetadata { .. } => 4,
            _ => 0,
        };
        assert_eq!(value.unwrap()[..2], [0, version], "{record:?}");
        assert_eq!(key[..2], record.schema().kind.key().to_be_bytes());
    }
}

#[test]
fn a_type_that_is_not_known_is_passed_over() {
    let decode = |kind: i16, value| {
        let key = [&kind.to_be_bytes()[..], b"anything"].concat();
        GroupRecord::decode(&key, value).unwrap()
    };
    for kind in [9, 10, 15, 17, 99, i16::MAX, -1] {
        assert_eq!(decode(kind, Some(&b"?"[..])), Decoded::UnknownType(kind));
        assert_eq!(decode(kind, None), Decoded::UnknownType(kind));
    }
}

#[test]
fn a_version_that_is_not_known_is_an_error() {
    for version in [5, -1] {
        let value = [&i16::to_be_bytes(version)[..], &[0; 64]].concat();
        assert_eq!(
            GroupRecord::decode(&OFFSET_KEY, Some(&value)),
            Err(RecordError::UnknownVersion { kind: 1, version })
        );
    }
}

#[test]
fn a_record_that_is_cut_off_or_too_long_is_an_error() {
    for (record, version) in all_versions() {
        let (key, value) = record.encode_in(version).unwrap();
        let value = value.unwrap();
        for len in 0..key.len() {
            let error = GroupRecord::decode(&key[..len], Some(&value)).unwrap_err();
            assert!(matches!(error, RecordError::Key(_)), "{len}: {error}");
        }
        for len in 0..value.len() {
            let error = GroupRecord::decode(&key, Some(&value[..len])).unwrap_err();
            assert!(matches!(error, RecordError::Value { .. }), "{len}: {error}");
        }
        let longer = |bytes: &[u8]| [bytes, &[0]].concat();
        assert!(GroupRecord::decode(&longer(&key), Some(&value)).is_err());
        assert!(GroupRecord::decode(&key, Some(&longer(&value))).is_err());
    }
}

#[test]
fn damaged_bytes_are_read_or_refused_but_do_no_harm() {
    for (record, version) in all_versions() {
        let (key, value) = record.encode_in(version).unwrap();
        let value = value.unwrap();
        for damage in [0, 1, 0x7f, 0x80, 0xff] {
            for at in 0..key.len() {
                let mut key = key.clone();
                key[at] = damage;
                let _read_or_refused = GroupRecord::decode(&key, Some(&value));
            }
            for at in 0..value.len() {
                let mut value = value.clone();
                value[at] = damage;
                let _read_or_refused = GroupRecord::decode(&key, Some(&value));
            }
        }
    }
}

#[test]
fn a_claim_of_two_billion_members_fails_at_once() {
    let head = [0, 0, 0, 1, b'c', 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff];
    let value = [&head[..], &[0x7f, 0xff, 0xff, 0xff], &[0; 16]].concat();
    let error = GroupRecord::decode(&GROUP_KEY, Some(&value)).unwrap_err();
    let truncated = matches!(
        &error,
        RecordError::Value { kind: 2, error } if matches!(error.problem, Problem::Truncated { .. })
    );
    assert!(truncated, "{error}");
}

#[test]
fn a_name_that_does_not_fit_is_refused() {
    let record = GroupRecord::GroupMetadata {
        key: GroupMetadataKey {
            group: "g".repeat(32_768),
        },
        value: None,
    };
    let refused = record.encode().unwrap_err();
    assert_eq!(
        (refused.table, refused.field),
        ("GroupMetadataKey", "group")
    );
}

/// Written in the version that Kafka writes, the record is these bytes, and these are the record.
#[track_caller]
fn assert_stands_as(record: &GroupRecord, key: &[u8], value: Option<&[u8]>) {
    let written = record.encode().unwrap();
    assert_eq!((&written.0[..], written.1.as_deref()), (key, value));
    assert_eq!(
        GroupRecord::decode(key, value),
        Ok(Decoded::Record(record.clone()))
    );
}

/// Every record with everything that its value can say in a version, and that version.
fn all_versions() -> Vec<(GroupRecord, i16)> {
    let offsets = (0..=4).map(|version| (offset_record(offset_in(version)), version));
    let groups = (0..=4).map(|version| (group_record(group_in(version)), version));
    let others = samples().into_iter().skip(2).map(|record| (record, 0));
    offsets.chain(groups).chain(others).collect()
}

/// One record of each type, by type.
fn samples() -> Vec<GroupRecord> {
    vec![
        offset_record(offset_in(4)),
        group_record(group_in(4)),
        GroupRecord::ConsumerGroupMetadata {
            key: ConsumerGroupMetadataKey {
                group_id: "g".into(),
            },
            value: Some(ConsumerGroupMetadataValue {
                epoch: 5,
                metadata_hash: -77,
            }),
        },
        subscribed_topics(),
        member(),
        GroupRecord::ConsumerGroupTargetAssignmentMetadata {
            key: ConsumerGroupTargetAssignmentMetadataKey {
                group_id: "g".into(),
            },
            value: Some(ConsumerGroupTargetAssignmentMetadataValue {
                assignment_epoch: 5,
                assignment_timestamp: 1000,
            }),
        },
        target_assignment(),
        current_assignment(),
        GroupRecord::ConsumerGroupRegularExpression {
            key: ConsumerGroupRegularExpressionKey {
                group_id: "g".into(),
                regular_expression: "t.*".into(),
            },
            value: Some(ConsumerGroupRegularExpressionValue {
                topics: vec!["t".into(), "tt".into()],
                version: 9,
                timestamp: 1000,
            }),
        },
    ]
}

fn offset_key() -> OffsetCommitKey {
    OffsetCommitKey {
        group: "g".into(),
        topic: "t".into(),
        partition: 5,
    }
}

fn offset_record(value: OffsetCommitValue) -> GroupRecord {
    GroupRecord::OffsetCommit {
        key: offset_key(),
        value: Some(value),
    }
}

/// An offset with all that this version has a place for.
fn offset_in(version: i16) -> OffsetCommitValue {
    OffsetCommitValue {
        offset: 258,
        leader_epoch: if version >= 3 { 3 } else { -1 },
        metadata: "m".into(),
        commit_timestamp: 1000,
        expire_timestamp: if version == 1 { 2000 } else { -1 },
        topic_id: if version >= 4 { TOPIC } else { Uuid::ZERO },
    }
}

fn group_record(value: GroupMetadataValue) -> GroupRecord {
    GroupRecord::GroupMetadata {
        key: GroupMetadataKey { group: "g".into() },
        value: Some(value),
    }
}

/// A group of one static member with all that this version has a place for.
fn group_in(version: i16) -> GroupMetadataValue {
    let member = MemberMetadata {
        member_id: "m".into(),
        group_instance_id: (version >= 3).then(|| "i".into()),
        client_id: "a".into(),
        client_host: "/h".into(),
        rebalance_timeout: if version >= 1 { 60_000 } else { -1 },
        session_timeout: 45_000,
        subscription: vec![1, 2],
        assignment: vec![3],
    };
    GroupMetadataValue {
        protocol_type: "c".into(),
        generation: 7,
        protocol: Some("p".into()),
        leader: Some("m".into()),
        current_state_timestamp: if version >= 2 { 1000 } else { -1 },
        members: vec![member],
    }
}

fn subscribed_topics() -> GroupRecord {
    let partition = PartitionMetadata {
        partition: 0,
        racks: vec!["a".into(), "b".into()],
    };
    let topic = TopicMetadata {
        topic_id: TOPIC,
        topic_name: "t".into(),
        num_partitions: 1,
        partition_metadata: vec![partition],
    };
    GroupRecord::ConsumerGroupPartitionMetadata {
        key: ConsumerGroupPartitionMetadataKey {
            group_id: "g".into(),
        },
        value: Some(ConsumerGroupPartitionMetadataValue {
            topics: vec![topic],
        }),
    }
}

/// As Kafka 4.3.1 wrote it: that the member is none of the classic protocol is a tagged null.
#[test]
fn a_member_of_kafkas_comes_back_byte_by_byte() {
    let key = b"\0\x05\0\x01g\0\x01m";
    let value = b"\0\0\0\0\x02c\x03/h\x02\x02t\x01\0\x04\x93\xe0\0\x01\0\x01\0";
    let decoded = GroupRecord::decode(key, Some(value)).unwrap();
    let Decoded::Record(record) = decoded else {
        panic!("it is a record that we know: {decoded:?}");
    };
    let GroupRecord::ConsumerGroupMemberMetadata {
        value: Some(member),
        ..
    } = &record
    else {
        panic!("it is a member: {record:?}");
    };
    assert_eq!(member.classic_member_metadata, None);
    assert_eq!(member.rebalance_timeout_ms, 300_000);
    let (key_again, value_again) = record.encode().unwrap();
    assert_eq!(
        (&key_again[..], value_again.as_deref()),
        (&key[..], Some(&value[..]))
    );
}

fn member() -> GroupRecord {
    let protocol = ClassicProtocol {
        name: "p".into(),
        metadata: vec![1, 2],
    };
    GroupRecord::ConsumerGroupMemberMetadata {
        key: ConsumerGroupMemberMetadataKey {
            group_id: "g".into(),
            member_id: "m".into(),
        },
        value: Some(ConsumerGroupMemberMetadataValue {
            instance_id: None,
            rack_id: None,
            client_id: "a".into(),
            client_host: "/h".into(),
            subscribed_topic_names: vec!["t".into()],
            subscribed_topic_regex: None,
            rebalance_timeout_ms: 60_000,
            server_assignor: Some("u".into()),
            classic_member_metadata: Some(ClassicMemberMetadata {
                session_timeout_ms: 45_000,
                supported_protocols: vec![protocol],
            }),
        }),
    }
}

fn target_assignment() -> GroupRecord {
    let topic = TopicPartition {
        topic_id: TOPIC,
        partitions: vec![3, 4],
    };
    GroupRecord::ConsumerGroupTargetAssignmentMember {
        key: ConsumerGroupTargetAssignmentMemberKey {
            group_id: "g".into(),
            member_id: "m".into(),
        },
        value: Some(ConsumerGroupTargetAssignmentMemberValue {
            topic_partitions: vec![topic],
        }),
    }
}

fn current_assignment() -> GroupRecord {
    let topic = TopicPartitions {
        topic_id: TOPIC,
        partitions: vec![3],
        assignment_epochs: Some(vec![5]),
    };
    GroupRecord::ConsumerGroupCurrentMemberAssignment {
        key: ConsumerGroupCurrentMemberAssignmentKey {
            group_id: "g".into(),
            member_id: "m".into(),
        },
        value: Some(ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: 5,
            previous_member_epoch: 4,
            state: 1,
            assigned_partitions: vec![topic],
            partitions_pending_revocation: vec![],
        }),
    }
}
