//! The way to every core's shard: by mailbox to the others, by a call to one's own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::control::{ControlCall, ControlReply, Controlling};
use super::groups::{GroupFigures, Moved};
use super::journal_replay::{JournalError, JournalReport};
use super::message::{
    AppendCall, AppendDone, EpochQuery, GroupFilter, OffsetFound, OffsetQuery, Publication,
    ReadDone, ReadRequest, ShardCall, ShardReply, WatchCall,
};
use super::metadata_snapshots::Snapshots;
use super::topics::{LogPositions, OpenReport};
use super::watches::Watches;
use super::{Owned, Shard, ShardMesh, ShardMeshEnd};
use crate::config::BrokerConfig;
use crate::coordinator::group::coordinator::ListedGroup;
use crate::log::{DataDir, FoundEntry, LoadedDir};
use crate::metadata::MetadataImage;
use crate::model::{CoreId, LeaderEpoch, Offset, PartitionId};
use crate::partition::{PartitionError, Watcher};
use crate::protocol::error_code::ErrorCode;
use crate::runtime::Core;
use crate::runtime::mesh::Responder;
use crate::runtime::sync::{Notify, Semaphore, oneshot};

/// A core's handle of all shards, its own among them. Clones are cheap; stays on its core.
#[derive(Clone)]
pub struct Shards(Rc<Inner>);

struct Inner {
    core: Core,
    owned: Owned,
    mesh: ShardMesh,
    watches: Watches,
    controlling: Option<Controlling>,
}

/// The core did not answer: it is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the core is ending")]
pub struct CoreGone;

/// Where a reply goes.
pub(super) enum ReplyTo {
    /// To a task of this core.
    Local(oneshot::Sender<ShardReply>),
    /// To another core.
    Remote(Responder<ShardReply>),
    /// To the coordinator of a group, which looks for itself what has become of the partition.
    Coordinator(Rc<Moved>, PartitionId),
    /// Nobody waits.
    Nobody,
}

impl std::fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Local(_) => "Local",
            Self::Remote(_) => "Remote",
            Self::Coordinator(..) => "Coordinator",
            Self::Nobody => "Nobody",
        })
    }
}

impl ReplyTo {
    pub(super) fn send(self, reply: ShardReply) {
        match self {
            // Whoever asked may have gone away with its connection.
            Self::Local(sender) => drop(sender.send(reply)),
            Self::Remote(responder) => responder.reply(reply),
            Self::Coordinator(moved, partition) => moved.note(partition),
            Self::Nobody => {}
        }
    }
}

/// A reply on its way.
pub(super) enum Pending {
    Local(oneshot::Receiver<ShardReply>),
    Remote(Pin<Box<dyn Future<Output = Result<ShardReply, CoreGone>>>>),
}

impl Future for Pending {
    type Output = Result<ShardReply, CoreGone>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Local(receiver) => Pin::new(receiver).poll(cx).map_err(|_| CoreGone),
            Self::Remote(reply) => reply.as_mut().poll(cx),
        }
    }
}

/// An impossible reply is a defect of ours, not of a peer.
macro_rules! expect_reply {
    ($pending:expr, $variant:ident) => {
        match $pending.await? {
            ShardReply::$variant(reply) => Ok(reply),
            other => unreachable!("asked for {}, got {other:?}", stringify!($variant)),
        }
    };
}

impl Shards {
    /// Joins the mesh and starts this core's shard. Core 0 brings the controller's state.
    pub fn start(
        core: &Core,
        end: ShardMeshEnd,
        dir: DataDir,
        config: Arc<BrokerConfig>,
        controlling: Option<super::metadata_log::MetadataBoot>,
    ) -> Self {
        let mut state = Shard::new(core.clone(), dir.clone(), config);
        let controlling = controlling.map(|boot| {
            state.install_metadata_log(boot.partition);
            let since = boot.bytes_since_snapshot;
            let snapshots = Snapshots::new(boot.snapshots, since, core.now_ms());
            Controlling::new(boot.loader, snapshots)
        });
        let owned = Owned {
            state: Rc::new(RefCell::new(state)),
            flush_wanted: Rc::new(Notify::new()),
            journal_wanted: Rc::new(Notify::new()),
            destage_wanted: Rc::new(Notify::new()),
            groups: Rc::default(),
            points_file: Semaphore::new(1),
            core: core.clone(),
            dir,
        };
        let slot: Rc<RefCell<Option<Self>>> = Rc::default();
        let handler_slot = slot.clone();
        let mesh = end.join(core, move |_from: CoreId, call, responder| {
            let shards: Option<Self> = handler_slot.borrow().clone();
            let shards = shards.expect("the shard stands before the first call arrives");
            shards.handle(call, ReplyTo::Remote(responder));
        });
        let watches = Watches::default();
        let core = core.clone();
        let shards = Self(Rc::new(Inner {
            core,
            owned,
            mesh,
            watches,
            controlling,
        }));
        *slot.borrow_mut() = Some(shards.clone());
        shards.0.owned.start_tasks(&shards);
        shards.start_controller();
        shards
    }

    /// The core this handle lives on.
    pub fn core(&self) -> &Core {
        &self.0.core
    }

    /// The metadata as this core sees it.
    pub fn image(&self) -> Arc<MetadataImage> {
        self.0.owned.state.borrow().image.clone()
    }

    /// Opens the logs of one core that were found on disk, before the first publication.
    pub async fn open(
        &self,
        on: CoreId,
        image: Arc<MetadataImage>,
        found: Arc<LoadedDir>,
    ) -> Result<OpenReport, CoreGone> {
        expect_reply!(self.call(on, ShardCall::Open(image, found)), Open)
    }

    /// Brings entries of journals to the logs that one core has opened.
    pub(super) async fn replay_on(
        &self,
        on: CoreId,
        entries: Vec<FoundEntry>,
    ) -> Result<Result<JournalReport, JournalError>, CoreGone> {
        expect_reply!(self.call(on, ShardCall::Replay(entries)), Replayed)
    }

    /// Lets one core lead the logs that it has opened.
    pub(super) async fn lead_logs(&self, on: CoreId) -> Result<Result<(), JournalError>, CoreGone> {
        expect_reply!(self.call(on, ShardCall::Lead), Led)
    }

    /// Has one core make its journal, with generations beyond this one.
    pub(super) fn begin_journal(&self, on: CoreId, generation: u64) {
        self.cast(on, ShardCall::BeginJournal(generation));
    }

    /// Where the logs of one core stand.
    pub(super) async fn positions(&self, on: CoreId) -> Result<Vec<LogPositions>, CoreGone> {
        expect_reply!(self.call(on, ShardCall::Positions), Positions)
    }

    /// The core that owns a partition.
    pub fn owner(&self, partition: PartitionId) -> CoreId {
        partition.owner_core(self.0.core.count())
    }

    /// Appends; the batches are in their place in the partition's order when this returns, the
    /// future tells when their promise is kept.
    pub fn append(
        &self,
        to: CoreId,
        call: AppendCall,
    ) -> impl Future<Output = Result<Vec<Result<AppendDone, PartitionError>>, CoreGone>> + 'static
    {
        let pending = self.call(to, ShardCall::Append(call));
        async move { expect_reply!(pending, Append) }
    }

    /// Where in its file the next batch of a partition of this core will stand, as of now; `None`
    /// for one that this core does not lead.
    pub fn next_position(&self, partition: PartitionId) -> Option<u64> {
        let state = self.0.owned.state.borrow();
        let partition = state.partitions.get(&partition)?;
        Some(partition.log().next_position())
    }

    /// Whether a round of this core's journal would begin now if it had its turn: the disk idles.
    pub fn journal_waits_for_turn(&self) -> bool {
        self.0.owned.state.borrow().journal.could_begin()
    }

    /// Reads of partitions of one core.
    pub fn read(
        &self,
        from: CoreId,
        requests: Vec<ReadRequest>,
    ) -> impl Future<Output = Result<Vec<Result<ReadDone, PartitionError>>, CoreGone>> + 'static
    {
        let pending = self.call(from, ShardCall::Read(requests));
        async move { expect_reply!(pending, Read) }
    }

    /// Looks offsets up on one core.
    pub async fn offsets(
        &self,
        on: CoreId,
        queries: Vec<OffsetQuery>,
    ) -> Result<Vec<Result<OffsetFound, PartitionError>>, CoreGone> {
        expect_reply!(self.call(on, ShardCall::Offsets(queries)), Offsets)
    }

    /// Looks the ends of leader epochs up on one core.
    pub async fn epoch_ends(
        &self,
        on: CoreId,
        queries: Vec<EpochQuery>,
    ) -> Result<Vec<Result<(LeaderEpoch, Offset), PartitionError>>, CoreGone> {
        expect_reply!(self.call(on, ShardCall::EpochEnds(queries)), EpochEnds)
    }

    /// Moves log starts on one core, durably; −1 means the high watermark.
    pub async fn delete_records(
        &self,
        on: CoreId,
        before: Vec<(PartitionId, Offset)>,
    ) -> Result<Vec<Result<Offset, PartitionError>>, CoreGone> {
        expect_reply!(
            self.call(on, ShardCall::DeleteRecords(before)),
            DeleteRecords
        )
    }

    /// The sizes of all partitions of all cores.
    pub async fn sizes(&self) -> Result<HashMap<PartitionId, u64>, CoreGone> {
        let mut sizes = HashMap::new();
        for core in 0..self.0.core.count() {
            let of_core: Result<_, CoreGone> =
                expect_reply!(self.call(core, ShardCall::Sizes), Sizes);
            sizes.extend(of_core?);
        }
        Ok(sizes)
    }

    /// Asks the controller, which lives on core 0.
    pub async fn control(&self, call: ControlCall) -> Result<ControlReply, CoreGone> {
        expect_reply!(self.call(0, ShardCall::Control(call)), Control)
    }

    /// Puts a publication in force on every core; returns when all have it.
    pub async fn publish(&self, publication: Publication) -> Result<(), CoreGone> {
        let cores = 0..self.0.core.count();
        let pending: Vec<Pending> = cores
            .map(|core| self.call(core, ShardCall::Publish(publication.clone())))
            .collect();
        for reply in pending {
            reply.await?;
        }
        Ok(())
    }

    /// Flushes and closes the logs of one core.
    pub async fn close(&self, on: CoreId) -> Result<Vec<LogPositions>, CoreGone> {
        expect_reply!(self.call(on, ShardCall::Close), Closed)
    }

    /// Asks a core to watch partitions for one of this core's fetches.
    pub(super) fn watch(&self, on: CoreId, call: WatchCall) {
        self.cast(on, ShardCall::Watch(call));
    }

    pub(super) fn unwatch(&self, on: CoreId, watcher: Watcher, partitions: Vec<PartitionId>) {
        self.cast(on, ShardCall::Unwatch(watcher, partitions));
    }

    pub(super) fn watches(&self) -> &Watches {
        &self.0.watches
    }

    pub(super) fn controlling(&self) -> Option<&Controlling> {
        self.0.controlling.as_ref()
    }

    pub(super) fn owned(&self) -> &Owned {
        &self.0.owned
    }

    /// The groups of all cores; the error if some are not loaded yet, with those that are.
    pub async fn list_groups(
        &self,
        filter: GroupFilter,
    ) -> Result<(Vec<ListedGroup>, Option<ErrorCode>), CoreGone> {
        let (mut groups, mut error) = (Vec::new(), None);
        for core in 0..self.0.core.count() {
            let of_core: Result<_, CoreGone> = expect_reply!(
                self.call(core, ShardCall::ListGroups(filter.clone())),
                Groups
            );
            match of_core? {
                Ok(of_core) => groups.extend(of_core),
                Err(code) => error = Some(code),
            }
        }
        Ok((groups, error))
    }

    /// What the coordinators of all cores count.
    pub async fn group_figures(&self) -> Result<GroupFigures, CoreGone> {
        let mut all = GroupFigures::default();
        for core in 0..self.0.core.count() {
            let pending = self.call(core, ShardCall::GroupFigures);
            let of_core: Result<_, CoreGone> = expect_reply!(pending, GroupFigures);
            all.add(&of_core?);
        }
        Ok(all)
    }

    pub(super) fn call(&self, to: CoreId, call: ShardCall) -> Pending {
        if to == self.0.core.id() {
            let (sender, receiver) = oneshot::channel();
            self.handle(call, ReplyTo::Local(sender));
            return Pending::Local(receiver);
        }
        let pending = self.0.mesh.call(to, call);
        Pending::Remote(Box::pin(async move { pending.await.map_err(|_| CoreGone) }))
    }

    fn cast(&self, to: CoreId, call: ShardCall) {
        if to == self.0.core.id() {
            self.handle(call, ReplyTo::Nobody);
        } else {
            self.0.mesh.cast(to, call);
        }
    }

    /// Every call of every core passes here. Nothing in it waits: what must, is spawned.
    fn handle(&self, call: ShardCall, reply: ReplyTo) {
        let owned = &self.0.owned;
        match call {
            ShardCall::Append(call) => owned.append(call, reply),
            ShardCall::Read(requests) => owned.read(requests, reply),
            ShardCall::Watch(call) => self.handle_watch(call),
            ShardCall::Unwatch(watcher, partitions) => owned.unwatch(watcher, &partitions),
            ShardCall::Fired(fetch) => self.0.watches.fire(fetch),
            ShardCall::Offsets(queries) => owned.find_offsets(queries, reply),
            ShardCall::EpochEnds(queries) => {
                reply.send(ShardReply::EpochEnds(
                    owned.state.borrow().epoch_ends(&queries),
                ));
            }
            ShardCall::DeleteRecords(before) => owned.delete_records(&before, reply),
            ShardCall::Sizes => reply.send(ShardReply::Sizes(owned.state.borrow().sizes())),
            ShardCall::Publish(publication) => {
                let woken = owned.publish(&publication, reply);
                self.wake(woken);
                owned.take_group_changes(self, &publication);
            }
            ShardCall::Control(call) => self.handle_control(call, reply),
            ShardCall::Open(image, found) => {
                let owned = owned.clone();
                self.0.core.spawn(async move {
                    reply.send(ShardReply::Open(owned.open_logs(image, found).await));
                });
            }
            ShardCall::Replay(entries) => owned.replay(entries, reply),
            ShardCall::Lead => owned.lead_logs(reply),
            ShardCall::BeginJournal(generation) => owned.prepare_journal(generation),
            ShardCall::Positions => {
                reply.send(ShardReply::Positions(owned.state.borrow().positions()));
            }
            ShardCall::Group(call) => owned.call_group(call, reply),
            ShardCall::ListGroups(filter) => {
                reply.send(ShardReply::Groups(owned.list_groups(&filter)));
            }
            ShardCall::GroupFigures => owned.send_group_figures(reply),
            ShardCall::Close => owned.close(self, reply),
        }
    }

    fn handle_watch(&self, call: WatchCall) {
        let fired = self.0.owned.state.borrow_mut().watch(&call);
        if fired {
            self.wake(vec![call.watcher]);
        }
    }

    /// Tells fetches, on whatever core they wait, that there may be something for them.
    pub(super) fn wake(&self, watchers: Vec<Watcher>) {
        for watcher in watchers {
            self.cast(watcher.home, ShardCall::Fired(watcher.fetch));
        }
    }
}
