//! Mailboxes between cores: typed calls with replies, and casts without.
//!
//! Every pair of cores has a wire for calls and one for replies in each direction, each with
//! one sender and one receiver. Two full cores cannot wait for each other: whoever receives never
//! waits (a handler that must, spawns), so every wire drains, and what finds its wire full
//! waits in the sender's outbox, in order. What is in an outbox is bounded by what caused it: a
//! connection has only so many calls under way.

mod outbox;
#[cfg(test)]
mod tests;
mod waiting;
mod wire;

use super::core::Core;
use super::sync::{Notify, mpsc, oneshot};
use crate::model::CoreId;
use outbox::Outbox;
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use waiting::Waiting;
use wire::{BellOf, Receiver, Sender, Taken, wire};

/// Messages under way between two cores; more wait in the sender's outbox.
const WIRE_MESSAGES: usize = 256;

/// The way from one core to all. Clones share it; it stays on its core.
pub struct Mesh<Call: Send, Reply: Send> {
    inner: Rc<Inner<Call, Reply>>,
}

/// One core's end before that core is up; it may travel there.
pub struct MeshEnd<Call: Send, Reply: Send> {
    id: CoreId,
    /// Where the others look for this core's bell.
    bell: BellOf,
    /// By core; `None` for its own.
    wires: Vec<Option<Wires<Call, Reply>>>,
}

/// Answers a call, now or later, on the core that was called.
///
/// Dropped without an answer, the caller gets [`Unanswered`]. That of a cast is mute.
pub struct Responder<Reply: Send + 'static> {
    answer: Answer<Reply>,
}

/// Nobody will answer: the core that was called dropped the call or is going down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the core that was called did not answer")]
pub struct Unanswered;

struct Wires<Call: Send, Reply: Send> {
    calls_out: Sender<CallMessage<Call>>,
    calls_in: Receiver<CallMessage<Call>>,
    replies_out: Sender<ReplyMessage<Reply>>,
    replies_in: Receiver<ReplyMessage<Reply>>,
}

struct CallMessage<Call> {
    /// `None` for a cast.
    id: Option<u32>,
    call: Call,
}

struct ReplyMessage<Reply> {
    id: u32,
    /// `None` when the responder was dropped.
    reply: Option<Reply>,
}

struct Inner<Call: Send, Reply: Send> {
    peers: Vec<Peer<Call, Reply>>,
}

enum Peer<Call: Send, Reply: Send> {
    Remote {
        calls: Outbox<CallMessage<Call>>,
        waiting: Rc<RefCell<Waiting<Reply>>>,
    },
    Own {
        calls: mpsc::Sender<(Call, Answer<Reply>)>,
    },
}

/// Where an answer goes.
enum Answer<Reply: Send> {
    Remote {
        id: u32,
        replies: Outbox<ReplyMessage<Reply>>,
    },
    Own(oneshot::Sender<Reply>),
    Nowhere,
}

impl<Call: Send + 'static, Reply: Send + 'static> Mesh<Call, Reply> {
    /// The ends of a mesh between `cores` cores, by core.
    pub fn build(cores: usize) -> Vec<MeshEnd<Call, Reply>> {
        let end = |id| MeshEnd {
            id,
            bell: BellOf::default(),
            wires: (0..cores).map(|_| None).collect(),
        };
        let mut ends: Vec<MeshEnd<Call, Reply>> = (0..cores).map(end).collect();
        for low in 0..cores {
            for high in low + 1..cores {
                let (one, other) = wires(&ends[low].bell, &ends[high].bell);
                ends[low].wires[high] = Some(one);
                ends[high].wires[low] = Some(other);
            }
        }
        ends
    }

    /// Calls a core. The call is on its way when this returns, whether or not the future is
    /// awaited; calls and casts to one core arrive in the order in which they were made.
    ///
    /// # Errors
    /// [`Unanswered`], as the future's output.
    pub fn call(
        &self,
        to: CoreId,
        call: Call,
    ) -> impl Future<Output = Result<Reply, Unanswered>> + use<Call, Reply> {
        let (caller, reply) = oneshot::channel();
        match &self.inner.peers[to] {
            Peer::Own { calls } => put_own(calls, call, Answer::Own(caller)),
            Peer::Remote { calls, waiting } => {
                let id = waiting.borrow_mut().add(caller);
                if calls.put(CallMessage { id: Some(id), call }).is_err() {
                    let unanswered = waiting.borrow_mut().take(id);
                    drop(unanswered);
                }
            }
        }
        async move { reply.await.map_err(|_| Unanswered) }
    }

    /// Tells a core something without waiting for an answer. Lost when that core has gone.
    pub fn cast(&self, to: CoreId, call: Call) {
        match &self.inner.peers[to] {
            Peer::Own { calls } => put_own(calls, call, Answer::Nowhere),
            Peer::Remote { calls, .. } => {
                let _ = calls.put(CallMessage { id: None, call });
            }
        }
    }
}

impl<Call: Send, Reply: Send> Clone for Mesh<Call, Reply> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<Call: Send + 'static, Reply: Send + 'static> MeshEnd<Call, Reply> {
    /// Joins on the core this end is for. `handler` gets every call to this core, with the core it
    /// came from; it runs between other tasks, so it decides quickly and never blocks.
    ///
    /// Calls made before the other cores have joined wait for them.
    pub fn join(
        self,
        core: &Core,
        handler: impl Fn(CoreId, Call, Responder<Reply>) + 'static,
    ) -> Mesh<Call, Reply> {
        assert_eq!(self.id, core.id(), "an end belongs to its core");
        let handler: Handler<Call, Reply> = Rc::new(handler);
        let rung = self.bell.set(core.inner.mail.bell());
        rung.expect("an end joins once");
        let peers = self.wires.into_iter().enumerate();
        let peers = peers.map(|(from, wires)| match wires {
            Some(wires) => join_remote(core, from, wires, handler.clone()),
            None => join_own(core, handler.clone()),
        });
        Mesh {
            inner: Rc::new(Inner {
                peers: peers.collect(),
            }),
        }
    }
}

impl<Reply: Send + 'static> Responder<Reply> {
    /// Answers. Whether the caller still waits is not known and does not matter.
    pub fn reply(mut self, reply: Reply) {
        match std::mem::replace(&mut self.answer, Answer::Nowhere) {
            Answer::Remote { id, replies } => {
                let _ = replies.put(ReplyMessage {
                    id,
                    reply: Some(reply),
                });
            }
            Answer::Own(caller) => {
                let _ = caller.send(reply);
            }
            Answer::Nowhere => {}
        }
    }
}

impl<Reply: Send + 'static> Drop for Responder<Reply> {
    fn drop(&mut self) {
        if let Answer::Remote { id, replies } = &self.answer {
            let _ = replies.put(ReplyMessage {
                id: *id,
                reply: None,
            });
        }
    }
}

type Handler<Call, Reply> = Rc<dyn Fn(CoreId, Call, Responder<Reply>)>;

/// Two ends of the four wires between two cores.
fn wires<Call: Send, Reply: Send>(
    here: &BellOf,
    there: &BellOf,
) -> (Wires<Call, Reply>, Wires<Call, Reply>) {
    let (calls_there, calls_from_here) = wire(WIRE_MESSAGES, here, there);
    let (calls_back, calls_from_there) = wire(WIRE_MESSAGES, there, here);
    let (replies_there, replies_from_here) = wire(WIRE_MESSAGES, here, there);
    let (replies_back, replies_from_there) = wire(WIRE_MESSAGES, there, here);
    let here = Wires {
        calls_out: calls_there,
        calls_in: calls_from_there,
        replies_out: replies_there,
        replies_in: replies_from_there,
    };
    let there = Wires {
        calls_out: calls_back,
        calls_in: calls_from_here,
        replies_out: replies_back,
        replies_in: replies_from_here,
    };
    (here, there)
}

fn join_remote<Call: Send + 'static, Reply: Send + 'static>(
    core: &Core,
    from: CoreId,
    wires: Wires<Call, Reply>,
    handler: Handler<Call, Reply>,
) -> Peer<Call, Reply> {
    let calls = Outbox::start(core, wires.calls_out);
    let replies = Outbox::start(core, wires.replies_out);
    let waiting = Rc::new(RefCell::new(Waiting::default()));
    core.spawn(receive_calls(
        core.clone(),
        from,
        wires.calls_in,
        replies,
        handler,
    ));
    core.spawn(receive_replies(
        core.clone(),
        wires.replies_in,
        waiting.clone(),
    ));
    Peer::Remote { calls, waiting }
}

/// The end of a wire at which messages arrive.
struct Inbox<T> {
    receiver: Receiver<T>,
    arrived: Rc<Notify>,
}

impl<T: 'static> Inbox<T> {
    fn new(core: &Core, receiver: Receiver<T>) -> Self {
        let arrived = Rc::new(Notify::new());
        core.inner.mail.add(receiver.watch(arrived.clone()));
        Self { receiver, arrived }
    }

    /// The oldest message; `None` when there is none and the other core has gone.
    async fn recv(&self) -> Option<T> {
        loop {
            match self.receiver.take() {
                Taken::Message(message) => return Some(message),
                Taken::Gone => return None,
                Taken::Nothing => self.arrived.notified().await,
            }
        }
    }
}

async fn receive_calls<Call: Send + 'static, Reply: Send + 'static>(
    core: Core,
    from: CoreId,
    calls: Receiver<CallMessage<Call>>,
    replies: Outbox<ReplyMessage<Reply>>,
    handler: Handler<Call, Reply>,
) {
    let calls = Inbox::new(&core, calls);
    while let Some(CallMessage { id, call }) = calls.recv().await {
        let answer = match id {
            Some(id) => Answer::Remote {
                id,
                replies: replies.clone(),
            },
            None => Answer::Nowhere,
        };
        handler(from, call, Responder { answer });
        core.breathe().await;
    }
}

async fn receive_replies<Reply: Send + 'static>(
    core: Core,
    replies: Receiver<ReplyMessage<Reply>>,
    waiting: Rc<RefCell<Waiting<Reply>>>,
) {
    let replies = Inbox::new(&core, replies);
    while let Some(ReplyMessage { id, reply }) = replies.recv().await {
        let caller = waiting.borrow_mut().take(id);
        if let (Some(caller), Some(reply)) = (caller, reply) {
            let _ = caller.send(reply);
        }
        core.breathe().await;
    }
    let unanswered = waiting.borrow_mut().close();
    drop(unanswered);
}

/// Calls to the own core take the same way: later, through the handler, in order.
fn join_own<Call: Send + 'static, Reply: Send + 'static>(
    core: &Core,
    handler: Handler<Call, Reply>,
) -> Peer<Call, Reply> {
    let (calls, mut receiver) = mpsc::channel::<(Call, Answer<Reply>)>(usize::MAX);
    let clock = core.clone();
    core.spawn(async move {
        while let Some((call, answer)) = receiver.recv().await {
            handler(clock.id(), call, Responder { answer });
            clock.breathe().await;
        }
    });
    Peer::Own { calls }
}

fn put_own<Call: Send, Reply: Send>(
    calls: &mpsc::Sender<(Call, Answer<Reply>)>,
    call: Call,
    answer: Answer<Reply>,
) {
    let _ = calls.try_send((call, answer));
}
