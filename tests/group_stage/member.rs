//! A consumer on a thread of its own, which commits whatever it has processed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Shared, client, librdkafka_debug};

/// The protocol by which a member takes part in its group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    /// With that assignor.
    Classic(&'static str),
    /// KIP-848; the broker assigns and sets the session timeout.
    Consumer,
}

impl Protocol {
    fn configure(self, config: &mut ClientConfig) {
        match self {
            Self::Classic(assignor) => config
                .set("partition.assignment.strategy", assignor)
                .set("session.timeout.ms", "10000")
                .set("heartbeat.interval.ms", "500"),
            Self::Consumer => config.set("group.protocol", "consumer"),
        };
    }
}

pub(crate) struct Member {
    ends: Arc<AtomicBool>,
    assigned: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Member {
    pub(super) fn start(
        bootstrap: &str,
        topic: &str,
        protocol: Protocol,
        shared: &Arc<Shared>,
    ) -> Self {
        let number = shared.members.fetch_add(1, Ordering::Relaxed);
        let context = Context {
            name: format!("member {number} ({protocol:?})"),
            shared: shared.clone(),
        };
        let consumer = consumer(bootstrap, topic, protocol, context);
        consumer.subscribe(&[topic]).expect("a subscription");
        let (ends, assigned) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (until, count) = (ends.clone(), assigned.clone());
        let thread = thread::spawn(move || take_part(&consumer, &until, &count));
        Self {
            ends,
            assigned,
            thread,
        }
    }

    /// How many partitions it has.
    pub(crate) fn count(&self) -> usize {
        self.assigned.load(Ordering::Relaxed)
    }

    pub(crate) fn leave(self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().expect("a member does not panic");
    }

    /// It may take until the broker is back.
    pub(crate) fn leave_later(self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

fn consumer(
    bootstrap: &str,
    topic: &str,
    protocol: Protocol,
    context: Context,
) -> BaseConsumer<Context> {
    let mut config = client(bootstrap);
    config
        .set("group.id", topic)
        .set("enable.auto.commit", "false")
        // librdkafka takes a commit that fails because the coordinator is gone up again after
        // 100 ms. If the coordinator is not found by then, which waits for the fetch on the same
        // connection, that fails the commit, which makes it look for the coordinator anew, without
        // an end (its issue 3645).
        .set("fetch.wait.max.ms", "50")
        .set("auto.offset.reset", "earliest");
    protocol.configure(&mut config);
    if let Some(debug) = librdkafka_debug() {
        config
            .set("debug", debug)
            .set_log_level(RDKafkaLogLevel::Debug);
    }
    config.create_with_context(context).expect("a consumer")
}

fn take_part(consumer: &BaseConsumer<Context>, until: &AtomicBool, count: &AtomicUsize) {
    consumer.context().tell("begins");
    let mut behind = false;
    while !until.load(Ordering::Relaxed) {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => behind |= !process(consumer, &message),
            Some(Err(error)) if is_gone(&error) => {}
            Some(Err(error)) => consumer.context().tell(&format!("polled {error}")),
            None => {}
        }
        behind = behind && !catch_up(consumer);
        let assignment = consumer.assignment().map_or(0, |has| has.count());
        count.store(assignment, Ordering::Relaxed);
    }
    consumer.context().tell("leaves");
    // The last callbacks of the group are served by the polls of its drop.
    consumer.unsubscribe();
}

/// The broker is away as long as the test wants.
fn is_gone(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure)
    )
}

/// Whether the message is committed, too.
fn process(consumer: &BaseConsumer<Context>, message: &BorrowedMessage<'_>) -> bool {
    let number = std::str::from_utf8(message.payload().expect("a payload"));
    let number = number.expect("text").parse().expect("a number");
    let shared = &consumer.context().shared;
    shared.processed.lock().unwrap().insert(number);
    let mut next = TopicPartitionList::new();
    let offset = Offset::Offset(message.offset() + 1);
    next.add_partition_offset(message.topic(), message.partition(), offset)
        .expect("an offset");
    commit(consumer, &next)
}

/// A commit that was refused in a rebalance may have been the last one of a partition that stays:
/// commits all that is processed of what the member still has.
fn catch_up(consumer: &BaseConsumer<Context>) -> bool {
    let positions = consumer.position().expect("positions");
    let mut next = TopicPartitionList::new();
    for one in positions.elements() {
        if let Offset::Offset(_) = one.offset() {
            next.add_partition_offset(one.topic(), one.partition(), one.offset())
                .expect("an offset");
        }
    }
    next.count() == 0 || commit(consumer, &next)
}

fn commit(consumer: &BaseConsumer<Context>, next: &TopicPartitionList) -> bool {
    let context = consumer.context();
    let commits = &context.shared.commits;
    let elements = next.elements();
    let begun = elements.iter().map(|one| match one.offset() {
        Offset::Offset(offset) => commits.begin(one.partition(), offset),
        other => unreachable!("only offsets are committed, not {other:?}"),
    });
    let begun: Vec<usize> = begun.collect();
    if let Err(error) = consumer.commit(next, CommitMode::Sync) {
        context.tell(&format!("commit of {next:?}: {error}"));
        return false;
    }
    begun.into_iter().for_each(|one| commits.confirm(one));
    true
}

struct Context {
    name: String,
    shared: Arc<Shared>,
}

impl Context {
    fn tell(&self, what: &str) {
        self.shared.story.tell(&format!("{}: {what}", self.name));
    }
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        self.tell(&format!("{facility} {text}"));
    }

    /// Polls tell the same.
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, change: &Rebalance<'_>) {
        let lost = if consumer.assignment_lost() {
            " lost"
        } else {
            ""
        };
        self.tell(&match change {
            Rebalance::Assign(list) => format!("is given {:?}", partitions(list)),
            Rebalance::Revoke(list) => format!("gives up{lost} {:?}", partitions(list)),
            Rebalance::Error(error) => format!("rebalance: {error}"),
        });
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, _: &Rebalance<'_>) {
        self.shared.rebalances.fetch_add(1, Ordering::Relaxed);
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(|one| one.partition()).collect()
}
