//! One client's connection: reads requests in order, starts them, sends responses in order.
//!
//! Two tasks share it. The reader starts a request and goes on to the next one as soon as the
//! first has its place (a produce waits for its flush elsewhere); the sender takes responses in
//! the order of their requests. Both are bounded: when too many responses wait, the reader stops
//! reading, and so, through the socket, does the client. When the reader meets the end, what waits
//! is dropped, as Kafka does.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::admission::Place;
use super::authorization::Principal;
use super::client_host::client_host;
use super::context::{Context, Request};
use super::dispatch::{self, CloseConnection, Started};
use super::frames::{Frames, ReceiveBudget, ReceiveError, ReceiveLimits};
use super::placement::{self, Frame};
use super::responses::{Responses, Ways};
use crate::protocol::api_key::ApiKey;
use crate::protocol::frame::{FrameError, RequestHead};
use crate::runtime::Conn;
use crate::runtime::sync::Notify;

/// Requests that arrived together are begun one after the other, so much work without a look at the
/// clock: some 150 µs of it, small ones or large.
const WORK_UNSEEN_MAX: usize = 64 << 10;
/// What a request costs besides its bytes, in bytes.
const REQUEST_WORK: usize = 1 << 10;

/// A client id up to this length is kept between requests; a connection that waits is to be small.
const KEPT_ID_BYTES_MAX: usize = 256;

/// Why a connection ended, other than by the client's wish.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Close(#[from] CloseConnection),
    #[error("sending: {0}")]
    Send(#[from] io::Error),
}

/// A connection that was let in.
pub(super) struct Incoming {
    /// The connection.
    pub(super) conn: Conn,
    /// Its place among all others.
    pub(super) place: Rc<Place>,
    /// Index of the listener in the settings.
    pub(super) listener: usize,
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(cx: Rc<Context>, budget: Rc<ReceiveBudget>, incoming: Incoming) {
    let Incoming { conn, place, .. } = &incoming;
    let peer = conn.peer();
    let ended = Rc::new(Notify::new());
    let (responses, sender) = Responses::new(&cx, conn.clone(), ended.clone());
    let until_sent = place.clone();
    cx.core.spawn(async move {
        sender.send_all().await;
        drop(until_sent);
    });
    let result = read_requests(&cx, &budget, &incoming, &responses).await;
    ended.notify_one();
    match result {
        Ok(()) | Err(Ended::Receive(ReceiveError::Idle)) => {}
        Err(Ended::Receive(ReceiveError::Io(error)) | Ended::Send(error)) => {
            log::debug!("{peer}: {error}");
        }
        Err(ended) => {
            log::warn!("{peer}: connection closed: {ended}");
            conn.close();
        }
    }
}

async fn read_requests(
    cx: &Rc<Context>,
    budget: &ReceiveBudget,
    incoming: &Incoming,
    responses: &Ways,
) -> Result<(), Ended> {
    let Incoming {
        conn,
        place,
        listener,
    } = incoming;
    let limits = receive_limits(cx);
    let start = |early: &[u8]| placement::start_of_frame(cx, early);
    let mut frames = Frames::new(cx.core.clone(), conn.clone(), budget, limits, &start);
    let mut peer = Peer::new(conn.peer());
    let syncs = Syncs::default();
    let mut heartbeats = Heartbeats::default();
    let mut unseen = 0;
    while let Some(frame) = frames.next().await? {
        unseen += frame.len() + REQUEST_WORK;
        if unseen > WORK_UNSEEN_MAX {
            unseen = 0;
            cx.core.breathe().await;
        }
        place.on_use();
        let request = parse(frame, *listener, &mut peer)?;
        conn.set_quiet(heartbeats.are_all(request.api));
        let started = match request.api {
            ApiKey::Fetch => in_turn(cx, request),
            // Begun now it would be told that the rebalance goes on, which the sync is to end.
            ApiKey::OffsetCommit if syncs.any() => in_turn(cx, request),
            ApiKey::SyncGroup => syncs.count(dispatch::start(cx, request).await?),
            _ => dispatch::start(cx, request).await?,
        };
        if !responses.send(started, frames.is_drained()).await? {
            return Ok(());
        }
        if cx.shards.journal_waits_for_turn() {
            // Whatever else has arrived is begun while this is being written.
            cx.core.turn().await;
        }
    }
    Ok(())
}

/// A fetch begins when all responses before its own are sent, as in Kafka: decoded it may be large
/// and wait for long, so only one at a time is. Until then it is a frame, and the reader reads on
/// and sees when the client goes.
fn in_turn(cx: &Rc<Context>, mut request: Request) -> Started {
    let cx = cx.clone();
    request.frame = std::mem::take(&mut request.frame).detached();
    Started::Later(Box::pin(async move {
        match dispatch::start(&cx, request).await? {
            Started::Ready(response) => Ok(response),
            Started::Later(response) => response.await,
        }
    }))
}

/// Whether a connection is for heartbeats only, at least for now: nobody waits for their answers.
#[derive(Default)]
struct Heartbeats {
    in_a_row: usize,
}

impl Heartbeats {
    /// Takes a request in; whether it and the one before are heartbeats.
    fn are_all(&mut self, api: ApiKey) -> bool {
        self.in_a_row = match api {
            ApiKey::Heartbeat | ApiKey::ConsumerGroupHeartbeat => self.in_a_row + 1,
            _ => 0,
        };
        self.in_a_row > 1
    }
}

/// The requests of a connection that wait for the assignment of their group.
#[derive(Default)]
struct Syncs(Rc<Cell<usize>>);

impl Syncs {
    fn any(&self) -> bool {
        self.0.get() > 0
    }

    /// Counts one until its response is there.
    fn count(&self, started: Started) -> Started {
        let Started::Later(response) = started else {
            return started;
        };
        let syncs = self.0.clone();
        syncs.set(syncs.get() + 1);
        Started::Later(Box::pin(async move {
            let response = response.await;
            syncs.set(syncs.get() - 1);
            response
        }))
    }
}

fn receive_limits(cx: &Context) -> ReceiveLimits {
    let limits = &cx.config().connections;
    ReceiveLimits {
        frame_bytes_max: limits.request_bytes_max,
        stall_max: Duration::from_millis(limits.receive_stall_ms_max),
        idle_max: limits.idle_ms_max.map(Duration::from_millis),
    }
}

fn parse(frame: Frame, listener: usize, peer: &mut Peer) -> Result<Request, FrameError> {
    let (head, body) = RequestHead::parse(&frame)?;
    Ok(Request {
        api: head.api,
        version: head.version,
        correlation_id: head.correlation_id,
        client_id: head.client_id.map(|id| peer.named(id)),
        body_at: frame.len() - body.remaining(),
        frame,
        principal: Principal::ANONYMOUS,
        client_host: peer.host.clone(),
        listener,
    })
}

/// Who is at the other end, in words that its requests share.
struct Peer {
    host: Arc<str>,
    /// How it called itself last.
    client_id: Arc<str>,
}

impl Peer {
    fn new(address: SocketAddr) -> Self {
        Self {
            host: client_host(address.ip()).into(),
            client_id: Arc::default(),
        }
    }

    fn named(&mut self, client_id: &str) -> Arc<str> {
        if client_id.len() > KEPT_ID_BYTES_MAX {
            return client_id.into();
        }
        if *self.client_id != *client_id {
            self.client_id = client_id.into();
        }
        self.client_id.clone()
    }
}
