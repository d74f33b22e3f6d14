//! The broker as a whole: checks the host, starts the cores, serves, and closes in order.

use std::collections::BTreeSet;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::admission::Admission;
use super::authorization::Authorizer;
use super::connection::{self, Incoming};
use super::connection_counts::ConnectionCounts;
use super::context::{Context, Identity, ProducerIds};
use super::fetch_session::FetchSessions;
use super::frames::ReceiveBudget;
use super::sending::Sending;
use super::topic_configs::TopicConfigs;
use crate::config::{BrokerConfig, CoreSelection, FetchPathChoice, FlushPolicy, Listener as Named};
use crate::log::{self as partition_log, DataDir, DirectoryError, LoadedDir, MetaProperties};
use crate::metadata::controller::BrokerRegistration;
use crate::metadata::{Changes, ConfigResource, MetadataImage, ResourceType};
use crate::model::Uuid;
use crate::protocol::message::metadata_record::broker::BrokerEndpoint;
use crate::runtime::mesh::Mesh;
use crate::runtime::{
    self, Core, CoreOptions, CorePlan, DirectoryLock, Exclusive, FetchPath, Listener,
    ShutdownSignal, StartError,
};
use crate::shard::{
    ControlError, CoreGone, JournalError, MetadataError, Publication, ShardMeshEnd, Shards,
    open_metadata_log, strays,
};

/// Requests that are still arriving may have this part of a core's memory.
const RECEIVE_SHARE: usize = 4;
/// Responses on their way may hold this part of it before they are cut down.
const SEND_SHARE: usize = 4;
/// How often a core looks whether the others are ready, while the broker starts and ends.
const GATE_POLL: Duration = Duration::from_millis(1);

/// How long a port that is taken may still become free.
const PORT_PATIENCE: Duration = Duration::from_secs(2);
const PORT_POLL: Duration = Duration::from_millis(20);

/// The broker does not start, or did not end cleanly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The host refuses.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The data directory is not usable.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The metadata cannot be read.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The metadata cannot be written.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The journals of the last run cannot be brought to their logs.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An address in `listeners` means nothing here.
    #[error(
        "listeners: {host}:{port} is no address of this host: {error}; name another with --listen HOST:PORT"
    )]
    Address {
        /// The host as given.
        host: String,
        /// The port.
        port: u16,
        /// What the resolver said.
        error: std::io::Error,
    },
    /// A system call at the start failed.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// Logs that could not be opened.
    #[error(
        "{0} logs cannot be opened (see above); move their directories away to start without them"
    )]
    Logs(usize),
}

impl From<CoreGone> for ServeError {
    fn from(gone: CoreGone) -> Self {
        Self::Control(ControlError::CoreGone(gone))
    }
}

/// Runs a broker until SIGTERM or SIGINT; `announce` is told once it listens.
///
/// # Errors
/// When it cannot start: the text names the cure.
pub fn serve(
    config: BrokerConfig,
    announce: impl Fn(&Announcement) + Send + Sync + 'static,
) -> Result<(), ServeError> {
    let begun = Instant::now();
    let dir = config.data_dir.clone();
    prepare_directory(&config)?;
    let _lock = DirectoryLock::take(&dir)?;
    runtime::check_host(&dir)?;
    let plan = core_plan(&config)?;
    let fetch_path = choose_fetch_path(&config);
    let addresses = resolve(&config.listeners)?;
    let found = partition_log::load(&dir)?;
    let shutdown = ShutdownSignal::install().map_err(io("taking over SIGTERM and SIGINT"))?;
    let options = CoreOptions {
        arena_bytes: usize::try_from(config.memory_bytes).unwrap_or(usize::MAX) / plan.count(),
        fetch_path,
        stall_after: Duration::from_millis(config.stall_warn_ms),
        busy_poll: Duration::from_micros(config.busy_poll_us),
    };
    let start = Arc::new(Start {
        begun,
        config,
        addresses,
        found: Arc::new(found),
        ends: Mutex::new(Mesh::build(plan.count()).into_iter().map(Some).collect()),
        gate: Mutex::default(),
        shutdown,
        connections: Arc::default(),
        announce: Box::new(announce),
    });
    let shared = start.clone();
    runtime::run(&plan, &options, move |core| run_core(core, shared.clone()))?;
    start.finish()
}

/// What is told to whoever started the broker.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// How many cores serve.
    pub cores: usize,
    /// Memory of all cores together.
    pub memory_bytes: u64,
    /// Where the data is.
    pub data_dir: std::path::PathBuf,
    /// What an acknowledgement means.
    pub flush: FlushPolicy,
    /// How records on disk go out.
    pub fetch_path: FetchPath,
    /// How many topics there are.
    pub topics: usize,
    /// From the call to here.
    pub took: Duration,
}

/// What the cores share while they start and end.
struct Start {
    begun: Instant,
    config: BrokerConfig,
    addresses: Vec<SocketAddr>,
    found: Arc<LoadedDir>,
    ends: Mutex<Vec<Option<ShardMeshEnd>>>,
    gate: Mutex<Gate>,
    shutdown: ShutdownSignal,
    /// The connections of all cores.
    connections: Arc<ConnectionCounts>,
    announce: Box<dyn Fn(&Announcement) + Send + Sync>,
}

/// How far core 0 is.
#[derive(Debug, Default)]
enum Gate {
    #[default]
    Closed,
    /// The ports are known; the settings name them.
    Bound(Arc<BrokerConfig>),
    /// Every core may accept.
    Open(Arc<BrokerConfig>, Vec<SocketAddr>),
    /// All logs are closed.
    Done,
    Failed(ServeError),
}

impl Start {
    fn gate(&self) -> std::sync::MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_end(&self, core: &Core) -> ShardMeshEnd {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends[core.id()].take().expect("each core takes its own end")
    }

    fn finish(&self) -> Result<(), ServeError> {
        let mut gate = self.gate();
        match std::mem::replace(&mut *gate, Gate::Done) {
            Gate::Failed(error) => Err(error),
            _ => Ok(()),
        }
    }

    fn has_ended(&self) -> bool {
        matches!(*self.gate(), Gate::Done | Gate::Failed(_))
    }

    /// Waits for core 0 to know the ports; `None` if it failed before.
    async fn bound(&self, core: &Core) -> Option<Arc<BrokerConfig>> {
        loop {
            match &*self.gate() {
                Gate::Bound(config) | Gate::Open(config, _) => return Some(config.clone()),
                Gate::Closed => {}
                Gate::Done | Gate::Failed(_) => return None,
            }
            core.sleep(GATE_POLL).await;
        }
    }

    /// Waits until every core may accept; `None` if core 0 failed before.
    async fn open(&self, core: &Core) -> Option<Vec<SocketAddr>> {
        loop {
            match &*self.gate() {
                Gate::Open(_, addresses) => return Some(addresses.clone()),
                Gate::Closed | Gate::Bound(_) => {}
                Gate::Done | Gate::Failed(_) => return None,
            }
            core.sleep(GATE_POLL).await;
        }
    }
}

async fn run_core(core: Core, start: Arc<Start>) {
    if core.id() != 0 {
        return follow(&core, &start).await;
    }
    let result = lead(&core, &start).await;
    *start.gate() = match result {
        Ok(()) => Gate::Done,
        Err(error) => Gate::Failed(error),
    };
}

/// Every core but the first: joins, serves when told, ends when told.
async fn follow(core: &Core, start: &Arc<Start>) {
    let Some(config) = start.bound(core).await else {
        return;
    };
    let dir = data_dir(core, &config);
    let shards = Shards::start(core, start.take_end(core), dir, config.clone(), None);
    if let Some(addresses) = start.open(core).await {
        let backlog = config.connections.listen_backlog;
        let listeners = addresses
            .iter()
            .map(|at| Listener::bind(core, *at, Exclusive::No, backlog));
        match listeners.collect::<Result<Vec<_>, _>>() {
            Ok(listeners) => accept_on(&context(core, &shards, &config, start), start, listeners),
            Err(error) => log::error!("core {} does not listen: {error}", core.id()),
        }
    }
    while !start.has_ended() {
        core.sleep(GATE_POLL * 10).await;
    }
}

/// The first core: ports, metadata, logs; then serves like the others; then closes everything.
async fn lead(core: &Core, start: &Arc<Start>) -> Result<(), ServeError> {
    let backlog = start.config.connections.listen_backlog;
    let listeners = bind_first(core, &start.addresses, backlog).await?;
    let addresses: Vec<SocketAddr> = listeners.iter().map(Listener::local_addr).collect();
    let config = Arc::new(with_ports(start.config.clone(), &addresses));
    let dir = data_dir(core, &config);
    let boot = open_metadata_log(&dir, &config, &start.found).await?;
    let clean = boot.clean;
    let deleted_before = boot.topics_deleted.clone();
    let shards = Shards::start(core, start.take_end(core), dir, config.clone(), Some(boot));
    *start.gate() = Gate::Bound(config.clone());
    let image = shards
        .boot_controller(&registration(&config, &start.found.meta), clean)
        .await?;
    set_strays_aside(core, &config.data_dir, &image, &start.found).await?;
    open_logs(core, &shards, &image, &start.found).await?;
    recover_journals(&shards, &start.found).await?;
    remove_leftovers(core, &config.data_dir);
    let everything = everything(image.clone(), deleted_before);
    shards.publish(everything).await?;
    *start.gate() = Gate::Open(config.clone(), addresses.clone());
    accept_on(&context(core, &shards, &config, start), start, listeners);
    let checkpoints = shards.clone();
    core.spawn(async move { checkpoints.keep_checkpoints().await });
    let snapshots = shards.clone();
    core.spawn(async move { snapshots.keep_snapshots().await });
    (start.announce)(&announcement(core, start, &config, &addresses, &image));
    start.shutdown.received().await;
    close(core, &shards, &config).await
}

/// Takes the ports. A process that was just killed holds its own for some milliseconds more: the
/// kernel takes its rings down in the background.
async fn bind_first(
    core: &Core,
    addresses: &[SocketAddr],
    backlog: i32,
) -> Result<Vec<Listener>, StartError> {
    let begun = core.monotonic();
    loop {
        let bound: Result<Vec<_>, _> = addresses
            .iter()
            .map(|address| Listener::bind(core, *address, Exclusive::Yes, backlog))
            .collect();
        match bound {
            Err(StartError::PortTaken { .. }) if begun.elapsed() < PORT_PATIENCE => {
                core.sleep(PORT_POLL).await;
            }
            bound => return bound,
        }
    }
}

/// Puts the ports that the kernel chose where clients are told of them.
fn with_ports(mut config: BrokerConfig, addresses: &[SocketAddr]) -> BrokerConfig {
    for (advertised, address) in config.advertised_listeners.iter_mut().zip(addresses) {
        if advertised.port == 0 {
            advertised.port = address.port();
        }
    }
    config
}

fn data_dir(core: &Core, config: &BrokerConfig) -> DataDir {
    let files_max = (config.log.files_open_max / core.count()).max(16);
    DataDir::new(core.clone(), config.data_dir.clone(), files_max)
}

fn registration(config: &BrokerConfig, meta: &MetaProperties) -> BrokerRegistration {
    let endpoint = |named: &Named| BrokerEndpoint {
        name: named.name.clone(),
        host: named.host.clone(),
        port: named.port,
        security_protocol: 0,
    };
    BrokerRegistration {
        node_id: config.node_id,
        incarnation_id: random_id(),
        endpoints: config.advertised_listeners.iter().map(endpoint).collect(),
        rack: config.rack.clone(),
        directory_id: meta.directory_id,
    }
}

/// Opens what every core owns of the logs that were found.
async fn open_logs(
    core: &Core,
    shards: &Shards,
    image: &Arc<MetadataImage>,
    found: &Arc<LoadedDir>,
) -> Result<(), ServeError> {
    let cores = 0..core.count();
    let opening = cores
        .map(|on| shards.open(on, image.clone(), found.clone()))
        .collect();
    let (mut logs, mut recovered, mut verified, mut failed) = (0, 0, 0, 0);
    for report in runtime::sync::join_all(opening).await {
        let report = report?;
        for (name, error) in &report.failed {
            log::error!("{name}: {error}");
        }
        failed += report.failed.len();
        logs += report.logs;
        recovered += report.recovered;
        verified += report.bytes_verified;
    }
    if recovered > 0 {
        log::info!(
            "the last run did not end cleanly: {recovered} of {logs} logs recovered, \
             {verified} bytes verified"
        );
    }
    if failed > 0 {
        Err(ServeError::Logs(failed))
    } else {
        Ok(())
    }
}

/// Brings the logs up to what the journals of the last run have.
async fn recover_journals(shards: &Shards, found: &LoadedDir) -> Result<(), ServeError> {
    let report = shards.recover_journals(found).await?;
    if !found.journals.is_empty() {
        log::info!(
            "{} journals read: {} batches were not in their segments yet, {} entries were of \
             deleted partitions",
            found.journals.len(),
            report.batches,
            report.entries_dropped
        );
    }
    Ok(())
}

/// Finishes the deletions that the last run began.
fn remove_leftovers(core: &Core, dir: &Path) {
    let (removing, dir) = (core.clone(), dir.to_owned());
    core.spawn(async move {
        let remove = move || partition_log::purge_deleted(&dir);
        if let Err(error) = removing.blocking(remove).await {
            log::warn!("a deleted partition's directory cannot be removed: {error}");
        }
    });
}

/// Logs without a topic must not come back to life under a later topic of the same name.
async fn set_strays_aside(
    core: &Core,
    dir: &Path,
    image: &MetadataImage,
    found: &LoadedDir,
) -> Result<(), ServeError> {
    for name in strays(image, found) {
        let (path, stray) = (dir.to_owned(), name.clone());
        let unique = fastrand::u128(..);
        let rename = move || partition_log::set_stray_aside(&path, &stray, unique);
        let aside = core
            .blocking(rename)
            .await
            .map_err(io("setting a log without a topic aside"))?;
        log::warn!(
            "{name} has no topic in the metadata: its log lies in {} now; remove it if it is not missed",
            aside.display()
        );
    }
    Ok(())
}

/// The first publication: everything is new. The logs know their topics' settings already.
fn everything(image: Arc<MetadataImage>, deleted_before: BTreeSet<Uuid>) -> Publication {
    let partitions_created = image.topics.partition_ids().collect();
    let of_brokers = |resource: &&ConfigResource| resource.kind == ResourceType::Broker;
    let configs_changed = image.configs.keys().filter(of_brokers).cloned().collect();
    let changes = Arc::new(Changes {
        partitions_created,
        configs_changed,
        topics_deleted_before: deleted_before,
        ..Changes::default()
    });
    Publication { image, changes }
}

fn context(core: &Core, shards: &Shards, config: &BrokerConfig, start: &Start) -> Rc<Context> {
    let sessions = config.fetch.sessions_max.div_ceil(core.count());
    let identity = Identity {
        cluster_id: start.found.meta.cluster_id.clone(),
        node_id: config.node_id,
        data_dir: config.data_dir.clone(),
        directory_id: start.found.meta.directory_id,
    };
    Rc::new(Context {
        core: core.clone(),
        shards: shards.clone(),
        identity: Arc::new(identity),
        authorizer: Authorizer,
        sessions: FetchSessions::new(sessions).into(),
        sending: Sending::new(core.arena().budget_bytes() / SEND_SHARE),
        topic_configs: TopicConfigs::default(),
        producer_ids: ProducerIds::default(),
    })
}

fn accept_on(cx: &Rc<Context>, start: &Start, listeners: Vec<Listener>) {
    let of_core = cx.core.arena().budget_bytes() / RECEIVE_SHARE;
    let bytes = cx
        .config()
        .connections
        .receive_budget_bytes
        .unwrap_or(of_core);
    let budget = Rc::new(ReceiveBudget::new(bytes));
    let admission = Rc::new(Admission::new(&cx.core, start.connections.clone()));
    for (index, listener) in listeners.into_iter().enumerate() {
        let (cx, budget, admission) = (cx.clone(), budget.clone(), admission.clone());
        cx.core.clone().spawn(async move {
            loop {
                let (conn, peer) = listener.accept().await;
                if let Some(place) = admission.admit(&cx, &conn, peer).await {
                    let incoming = Incoming {
                        conn,
                        place,
                        listener: index,
                    };
                    let serving = connection::serve(cx.clone(), budget.clone(), incoming);
                    cx.core.spawn(serving);
                }
                // However fast they come, what is connected already has its turn.
                cx.core.breathe().await;
            }
        });
    }
    let cx = cx.clone();
    cx.core
        .clone()
        .spawn(async move { admission.close_surplus(&cx).await });
}

fn announcement(
    core: &Core,
    start: &Start,
    config: &BrokerConfig,
    addresses: &[SocketAddr],
    image: &MetadataImage,
) -> Announcement {
    Announcement {
        addresses: addresses.to_vec(),
        cores: core.count(),
        memory_bytes: config.memory_bytes,
        data_dir: config.data_dir.clone(),
        flush: config.flush,
        fetch_path: core.fetch_path(),
        topics: image.topics.len(),
        took: start.begun.elapsed(),
    }
}

/// Closes all logs, then says so on disk as the last act.
async fn close(core: &Core, shards: &Shards, config: &BrokerConfig) -> Result<(), ServeError> {
    log::info!("closing {} cores", core.count());
    let closing = (0..core.count()).map(|on| shards.close(on)).collect();
    let within = Duration::from_millis(config.shutdown_timeout_ms);
    let Some(closed) = core.timeout(within, runtime::sync::join_all(closing)).await else {
        log::warn!("closing took longer than {within:?}: the next start recovers");
        return Ok(());
    };
    let mut complete = true;
    for core_closed in closed {
        complete &= core_closed?.iter().all(|log| log.closed);
    }
    shards.write_checkpoints().await?;
    if !complete {
        log::warn!("not every log could be closed: the next start recovers");
        return Ok(());
    }
    let dir = config.data_dir.clone();
    let last = move || {
        partition_log::purge_deleted(&dir)?;
        partition_log::mark_clean_shutdown(&dir)
    };
    core.blocking(last)
        .await
        .map_err(io("marking the clean shutdown"))?;
    log::info!("closed cleanly");
    Ok(())
}

/// An empty directory becomes ours; any other without `meta.properties` is left alone.
fn prepare_directory(config: &BrokerConfig) -> Result<(), ServeError> {
    let dir: &Path = &config.data_dir;
    std::fs::create_dir_all(dir).map_err(io("making the data directory"))?;
    if dir.join("meta.properties").exists() {
        return Ok(());
    }
    let meta = MetaProperties {
        cluster_id: random_id().to_string(),
        node_id: config.node_id,
        directory_id: random_id(),
    };
    partition_log::format(dir, &meta)?;
    log::info!(
        "formatted {} for the new cluster {}",
        dir.display(),
        meta.cluster_id
    );
    Ok(())
}

fn random_id() -> Uuid {
    loop {
        let id = Uuid::from_random(fastrand::u128(..));
        if !id.is_reserved_or_dashed() {
            return id;
        }
    }
}

fn core_plan(config: &BrokerConfig) -> Result<CorePlan, StartError> {
    match &config.cores {
        CoreSelection::All => Ok(CorePlan::all()),
        CoreSelection::Count(count) => Ok(CorePlan::first(*count)),
        CoreSelection::List(list) => CorePlan::list(list),
    }
}

fn choose_fetch_path(config: &BrokerConfig) -> FetchPath {
    match config.fetch_path {
        FetchPathChoice::Sendfile => FetchPath::Sendfile,
        FetchPathChoice::Copy => FetchPath::Copy,
        FetchPathChoice::Auto => cheaper_fetch_path(config),
    }
}

/// The measurement saves processor time and no more: a broker whose disk is full starts without it.
fn cheaper_fetch_path(config: &BrokerConfig) -> FetchPath {
    match runtime::measure_fetch_path(&config.data_dir) {
        Ok(measured) => {
            log::info!(
                "files are sent by {:?}: sendfile takes {:.3}, copying {:.3} CPU seconds a GB here",
                measured.path,
                measured.sendfile_s_per_gb,
                measured.copy_s_per_gb
            );
            measured.path
        }
        Err(error) => {
            log::warn!(
                "files are sent by Sendfile: whether copying is cheaper could not be measured in {}: {error}",
                config.data_dir.display()
            );
            FetchPath::Sendfile
        }
    }
}

fn resolve(listeners: &[Named]) -> Result<Vec<SocketAddr>, ServeError> {
    let one = |named: &Named| {
        let host = if named.host.is_empty() {
            "0.0.0.0"
        } else {
            &named.host
        };
        let failed = |error| ServeError::Address {
            host: host.to_owned(),
            port: named.port,
            error,
        };
        let mut found = (host, named.port).to_socket_addrs().map_err(failed)?;
        found
            .next()
            .ok_or_else(|| failed(std::io::ErrorKind::AddrNotAvailable.into()))
    };
    listeners.iter().map(one).collect()
}

fn io(what: &'static str) -> impl Fn(std::io::Error) -> ServeError {
    move |error| ServeError::Io { what, error }
}
