//! One thread for one broker: asks again and again for what is assigned to it.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;

use super::ConsumerSettings;
use super::assignment::{Assigned, Assignment, Part};
use super::fetched::Fetched;
use crate::client::connection::{Closer, Connection};
use crate::client::error::Refusal;
use crate::client::{ClientError, Cluster, Response};
use crate::model::{NodeId, TopicPartition};
use crate::protocol::message::fetch::FetchResponse;

/// What a worker tells the consumer.
#[derive(Debug)]
pub(super) enum Event {
    /// Records of one partition, fetched under this ticket.
    Fetched(Fetched, u64),
    /// The worker no longer fetches this partition, assigned under this ticket.
    Lost(TopicPartition, u64, ClientError),
    /// The worker has ended; whatever was assigned to it must find another one.
    Ended(NodeId, ClientError),
    /// Somebody wants the consumer's attention.
    Woken,
}

/// What a worker is told.
#[derive(Debug)]
enum Order {
    Assign(Vec<Assigned>),
    Remove(Vec<TopicPartition>),
}

/// The consumer's side of a worker.
#[derive(Debug)]
pub(super) struct Worker {
    orders: Option<mpsc::Sender<Order>>,
    closer: Closer,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Connects and starts the thread, with nothing assigned yet.
    pub(super) fn start(
        cluster: &Arc<Cluster>,
        node: NodeId,
        settings: &ConsumerSettings,
        events: SyncSender<Event>,
    ) -> Result<Self, ClientError> {
        let connection = cluster.open(node)?;
        let closer = connection.closer()?;
        let (sender, orders) = mpsc::channel();
        let fetcher = Fetcher {
            node,
            connection,
            settings: settings.clone(),
            assignment: Assignment::default(),
            events,
        };
        let thread = std::thread::Builder::new().name(format!("consumer-node-{node}"));
        let thread = thread.spawn(move || fetcher.run(&orders));
        Ok(Self {
            orders: Some(sender),
            closer,
            thread: Some(thread.expect("the system can start a thread")),
        })
    }

    /// Gives it partitions; a worker that has ended tells so in an event.
    pub(super) fn assign(&self, assigned: Vec<Assigned>) {
        self.order(Order::Assign(assigned));
    }

    /// Takes partitions from it; an answer that is on its way may still hold records of them.
    pub(super) fn remove(&self, partitions: Vec<TopicPartition>) {
        self.order(Order::Remove(partitions));
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }
}

impl Drop for Worker {
    /// Ends the thread without waiting for it: it may be waiting for room among the events, which
    /// go away with the consumer.
    fn drop(&mut self) {
        self.orders.take();
        self.closer.close();
        self.thread.take();
    }
}

struct Fetcher {
    node: NodeId,
    connection: Connection,
    settings: ConsumerSettings,
    assignment: Assignment,
    events: SyncSender<Event>,
}

/// The consumer is gone.
struct Gone;

impl Fetcher {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            while let Ok(order) = orders.try_recv() {
                self.obey(order);
            }
            if self.assignment.is_empty() {
                match orders.recv() {
                    Ok(order) => self.obey(order),
                    Err(_) => return,
                }
                continue;
            }
            match self.fetch() {
                Ok(Ok(())) => {}
                Ok(Err(Gone)) => return,
                Err(error) => {
                    // Whoever is gone need not be told.
                    let _ = self.tell(Event::Ended(self.node, error));
                    return;
                }
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Assign(more) => self.assignment.add(more),
            Order::Remove(partitions) => self.assignment.remove(&partitions),
        }
    }

    fn fetch(&mut self) -> Result<Result<(), Gone>, ClientError> {
        let request = self.assignment.request(&self.settings);
        let response = self.connection.call(&request)?;
        let decoded: FetchResponse<'_> = response.decode()?;
        let what = || format!("fetch from broker {}", self.node);
        Refusal::check(decoded.error_code, None).map_err(|refusal| refusal.of(what()))?;
        for topic in &decoded.responses {
            for data in &topic.partitions {
                let part = self.assignment.on_part(topic, data);
                if self.pass_on(part, &response).is_err() {
                    return Ok(Err(Gone));
                }
            }
        }
        Ok(Ok(()))
    }

    fn pass_on(&self, part: Part<'_>, response: &Response) -> Result<(), Gone> {
        match part {
            Part::Nothing => Ok(()),
            Part::Records {
                assigned,
                fetch_offset,
                data,
                bytes,
            } => {
                let fetched = Fetched::new(
                    assigned.partition,
                    fetch_offset,
                    assigned.position,
                    data,
                    response.share(bytes),
                    &self.settings,
                );
                self.tell(Event::Fetched(fetched, assigned.ticket))
            }
            Part::Refused(assigned, refusal) => {
                let error = refusal.of(format!("fetch {}", assigned.partition));
                self.tell(Event::Lost(assigned.partition, assigned.ticket, error))
            }
            Part::Damaged(assigned, error) => {
                let error = ClientError::Damaged {
                    partition: assigned.partition.clone(),
                    offset: assigned.position,
                    why: error.to_string(),
                };
                self.tell(Event::Lost(assigned.partition, assigned.ticket, error))
            }
        }
    }

    fn tell(&self, event: Event) -> Result<(), Gone> {
        self.events.send(event).map_err(|_| Gone)
    }
}
