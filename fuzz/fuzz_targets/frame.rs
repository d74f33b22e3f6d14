//! A frame's bytes, without the length: the head is parsed and the body decoded as the request and
//! as the response of its API and version, and all of it as a metadata record. What can be decoded
//! must be encodable and come back equal. The only batch of a produce request is found where the
//! whole request has it.

#![no_main]

use klamm::protocol::api_key::ApiKey;
use klamm::protocol::frame::RequestHead;
use klamm::protocol::message::metadata_record::MetadataRecord;
use klamm::protocol::message::produce::{ProduceRequest, SoleBatch};
use klamm::protocol::message::{self, Message};
use klamm::protocol::wire::{Reader, RecordsField, Writer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|frame: &[u8]| {
    record(frame);
    if let Ok((head, body)) = RequestHead::parse(frame) {
        both(head.api.number(), head.version, body.clone());
        if head.api == ApiKey::Produce {
            sole_batch(frame, body, head.version);
        }
    }
});

fn sole_batch(frame: &[u8], body: Reader<'_>, version: i16) {
    let sole = SoleBatch::find(body.clone(), version).ok().flatten();
    let Ok(whole) = ProduceRequest::decode(&mut body.clone(), version) else {
        return;
    };
    let mut partitions = whole.topic_data.iter().flat_map(|topic| {
        let name_of = move |data| (topic.name, topic.topic_id, data);
        topic.partition_data.iter().map(name_of)
    });
    match (sole, partitions.next(), partitions.next()) {
        (Some(sole), Some((name, topic_id, data)), None) => {
            assert_eq!(
                (sole.name, sole.topic_id, sole.index),
                (name, topic_id, data.index)
            );
            let bytes = data.records.as_ref().and_then(RecordsField::bytes);
            assert_eq!(bytes, Some(&frame[sole.at..sole.at + sole.len]));
        }
        (Some(_), ..) => panic!("a sole batch among several"),
        (None, ..) => {}
    }
}

macro_rules! there_and_back {
    ($message:ty, $body:ident, $version:ident) => {
        if let Ok(message) = <$message>::decode(&mut $body.clone(), $version) {
            let mut w = Writer::new();
            message.encode(&mut w, $version);
            let bytes = w.finish().expect("what was decoded can be encoded").head;
            let again = <$message>::decode(&mut Reader::new(&bytes), $version);
            assert_eq!(again.as_ref(), Ok(&message));
        }
    };
}

macro_rules! by_key {
    ($($module:ident: $request:ident, $response:ident;)*) => {
        fn both(key: i16, version: i16, body: Reader<'_>) {
            $(if key == <message::$module::$request as Message>::KEY {
                there_and_back!(message::$module::$request, body, version);
                there_and_back!(message::$module::$response, body, version);
            })*
        }
    };
}

klamm::for_every_api!(by_key);

fn record(value: &[u8]) {
    if let Ok((record, version)) = MetadataRecord::decode(value) {
        let bytes = record
            .encode(version)
            .expect("what was decoded can be encoded");
        let again = MetadataRecord::decode(&bytes);
        // A quota may be NaN, which equals nothing.
        assert_eq!(
            format!("{again:?}"),
            format!("{:?}", Ok::<_, ()>((record, version)))
        );
    }
}
