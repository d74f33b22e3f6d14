//! Work that blocks, on a thread of the core's pool.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs `work` on a pool thread and waits for it without holding the core up.
///
/// A panic in it goes on in the task that waits; glommio alone would leave that waiting for ever.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let guarded = move || catch_unwind(AssertUnwindSafe(work));
    match glommio::executor().spawn_blocking(guarded).await {
        Ok(result) => result,
        Err(panic) => resume_unwind(panic),
    }
}
