use crate::log::data_dir::DataDir;
use crate::log::log::Log;
use crate::log::plan::{FlushError, SyncPlan};
use crate::log::writer::sync_all;
use crate::runtime::sync::join_all;

/// Logs written at the same time.
const LOGS_WRITTEN_TOGETHER: usize = 64;

/// Writes and syncs what recovery appended, then gives the memory back: the logs are as if just
/// opened. They are not in use yet.
///
/// # Errors
/// The first that a log had; all journals must stay then.
pub async fn settle_all(dir: &DataDir, logs: Vec<&mut Log>) -> Result<(), FlushError> {
    let mut dirty: Vec<_> = logs.into_iter().filter(|log| log.is_dirty()).collect();
    for group in dirty.chunks_mut(LOGS_WRITTEN_TOGETHER) {
        write(dir, group).await?;
    }
    sync(dir, &mut dirty).await?;
    for log in dirty {
        while log.evict_oldest(log.synced_end()) > 0 {}
    }
    Ok(())
}

async fn write(dir: &DataDir, logs: &mut [&mut Log]) -> Result<(), FlushError> {
    let arena = dir.core().arena();
    let plans = logs.iter_mut().map(|log| {
        let plan = log.plan_flush(arena);
        plan.expect("it is dirty and nothing is under way")
    });
    let writes = plans.map(|plan| plan.write(dir)).collect();
    let written = join_all(writes).await;
    for (log, written) in logs.iter_mut().zip(written) {
        log.on_written(written?);
    }
    Ok(())
}

async fn sync(dir: &DataDir, logs: &mut [&mut Log]) -> Result<(), FlushError> {
    let plans: Vec<SyncPlan> = logs
        .iter_mut()
        .map(|log| log.plan_sync().expect("it was written"))
        .collect();
    let synced = sync_all(dir, plans).await;
    for (log, synced) in logs.iter_mut().zip(synced) {
        log.on_synced(synced?);
    }
    Ok(())
}
