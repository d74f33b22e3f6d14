//! A connection against a peer that follows a script: what it must hear, what it then says.

use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;
use crate::protocol::message::metadata::{MetadataRequest, MetadataResponse};

/// A step of the script: the exact request to hear, without its length, and what to answer.
type Step = (Vec<u8>, Vec<u8>);

/// Version 4 of ApiVersions, correlation id 0, client id "klamm", software klamm 0.1.0.
fn asks_in_version_4(correlation_id: u8) -> Vec<u8> {
    let mut request = vec![0, 18, 0, 4, 0, 0, 0, correlation_id, 0, 5];
    request.extend_from_slice(b"klamm\0\x06klamm\x060.1.0\0");
    request
}

/// Metadata 0 to 1 and ApiVersions 0 to 4, in the flexible encoding, under the first header.
fn offers_in_version_4() -> Vec<u8> {
    let mut answer = vec![0, 0, 0, 0, 0, 0];
    answer.extend_from_slice(&[3, 0, 3, 0, 0, 0, 1, 0, 0, 18, 0, 0, 0, 4, 0]);
    answer.extend_from_slice(&[0, 0, 0, 0, 0]);
    answer
}

fn frame_of(body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

fn peer(script: Vec<Step>) -> (Address, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let play = move || {
        let (mut stream, _) = listener.accept().unwrap();
        for (heard, said) in script {
            let mut request = vec![0; heard.len() + 4];
            stream.read_exact(&mut request).unwrap();
            assert_eq!(request, frame_of(&heard));
            stream.write_all(&said).unwrap();
        }
    };
    let address = Address {
        host: "127.0.0.1".to_owned(),
        port,
    };
    (address, std::thread::spawn(play))
}

fn settings() -> ConnectionSettings {
    ConnectionSettings {
        request_timeout: Duration::from_millis(500),
        ..ConnectionSettings::default()
    }
}

fn metadata_request(correlation_id: u8) -> Vec<u8> {
    let mut request = vec![0, 3, 0, 1, 0, 0, 0, correlation_id, 0, 5];
    request.extend_from_slice(b"klamm");
    request.extend_from_slice(&[0xff; 4]);
    request
}

/// One broker, 7, at h:9092, controller 7, no topics; version 1 of Metadata.
fn metadata_answer(correlation_id: u8) -> Vec<u8> {
    let mut answer = vec![0, 0, 0, correlation_id, 0, 0, 0, 1, 0, 0, 0, 7, 0, 1, b'h'];
    answer.extend_from_slice(&[0, 0, 0x23, 0x84, 0xff, 0xff, 0, 0, 0, 7, 0, 0, 0, 0]);
    frame_of(&answer)
}

fn all_topics() -> MetadataRequest {
    MetadataRequest {
        topics: None,
        ..MetadataRequest::default()
    }
}

#[test]
fn versions_are_agreed_and_the_highest_common_one_is_used() {
    let (address, peer) = peer(vec![
        (asks_in_version_4(0), frame_of(&offers_in_version_4())),
        (metadata_request(1), metadata_answer(1)),
    ]);
    let mut connection = Connection::open(&address, &settings()).unwrap();
    let response = connection.call(&all_topics()).unwrap();
    assert_eq!(response.version(), 1);
    let response: MetadataResponse = response.decode().unwrap();
    assert_eq!(
        (response.brokers[0].node_id, response.brokers[0].port),
        (7, 9092)
    );
    peer.join().unwrap();
}

#[test]
fn an_older_broker_is_asked_again_in_its_own_version() {
    let unsupported = [0, 0, 0, 0, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 2];
    let asked_again = [&[0, 18, 0, 2, 0, 0, 0, 1, 0, 5][..], b"klamm"].concat();
    let offers = [0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0];
    let (address, peer) = peer(vec![
        (asks_in_version_4(0), frame_of(&unsupported)),
        (asked_again, frame_of(&offers)),
    ]);
    let connection = Connection::open(&address, &settings()).unwrap();
    assert_eq!(connection.version_of::<MetadataRequest>().unwrap(), 1);
    let error = connection.version_of::<ApiVersionsRequest>().unwrap_err();
    assert!(matches!(error, ClientError::Unsupported { .. }), "{error}");
    peer.join().unwrap();
}

#[test]
fn pipelined_answers_come_in_order() {
    let (address, peer) = peer(vec![
        (asks_in_version_4(0), frame_of(&offers_in_version_4())),
        (metadata_request(1), Vec::new()),
        (
            metadata_request(2),
            [metadata_answer(1), metadata_answer(2)].concat(),
        ),
    ]);
    let mut connection = Connection::open(&address, &settings()).unwrap();
    connection.send(&all_topics(), &[]).unwrap();
    connection.send(&all_topics(), &[]).unwrap();
    connection.receive().unwrap();
    connection.receive().unwrap();
    peer.join().unwrap();
}

#[test]
fn an_answer_to_another_question_is_refused() {
    let (address, _peer) = peer(vec![
        (asks_in_version_4(0), frame_of(&offers_in_version_4())),
        (metadata_request(1), metadata_answer(9)),
    ]);
    let mut connection = Connection::open(&address, &settings()).unwrap();
    let error = connection.call(&all_topics()).unwrap_err();
    assert!(matches!(error, ClientError::Malformed { .. }), "{error}");
}

#[test]
fn who_is_no_broker_is_told_so() {
    let hello = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec();
    let (address, _peer) = peer(vec![(asks_in_version_4(0), hello)]);
    let error = Connection::open(&address, &settings()).unwrap_err();
    assert!(matches!(error, ClientError::TooLarge { .. }), "{error}");
    let (address, _peer) = peer(vec![(asks_in_version_4(0), frame_of(&[0; 6]))]);
    let error = Connection::open(&address, &settings()).unwrap_err();
    assert!(
        error.to_string().contains("is it a Kafka broker?"),
        "{error}"
    );
}

#[test]
fn a_closed_connection_and_silence_are_told_apart() {
    let (address, _peer) = peer(vec![(asks_in_version_4(0), Vec::new())]);
    let error = Connection::open(&address, &settings()).unwrap_err();
    assert!(matches!(error, ClientError::Closed { .. }), "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = Address {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    let error = Connection::open(&silent, &settings()).unwrap_err();
    assert!(matches!(error, ClientError::Io { .. }), "{error}");
    drop(listener);
    let error = Connection::open(&silent, &settings()).unwrap_err();
    assert!(matches!(error, ClientError::Connect { .. }), "{error}");
}

/// An answer that claims 100 MiB and ends after a few bytes costs no more than those and a step.
#[test]
fn a_dribbled_answer_ends_at_its_deadline() {
    let claim = [&(100_u32 << 20).to_be_bytes()[..], &[0; 8]].concat();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&claim).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
    });
    let begun = Instant::now();
    let error = Connection::open(&address, &settings()).unwrap_err();
    assert!(matches!(error, ClientError::Io { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    peer.join().unwrap();
}
