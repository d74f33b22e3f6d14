//! Work that blocks, on a thread of the core's pool.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

thread_local! {
    /// Calls that somebody on this core waits for.
    static UNDER_WAY: Cell<usize> = const { Cell::new(0) };
}

/// Whether anybody on this core waits for its pool.
pub(super) fn is_under_way() -> bool {
    UNDER_WAY.get() > 0
}

struct Counted;

impl Counted {
    fn new() -> Self {
        UNDER_WAY.set(UNDER_WAY.get() + 1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        UNDER_WAY.set(UNDER_WAY.get() - 1);
    }
}

/// Runs `work` on a pool thread and waits for it without holding the core up.
///
/// A panic in it goes on in the task that waits; glommio alone would leave that waiting for ever.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let _counted = Counted::new();
    let guarded = move || catch_unwind(AssertUnwindSafe(work));
    match glommio::executor().spawn_blocking(guarded).await {
        Ok(result) => result,
        Err(panic) => resume_unwind(panic),
    }
}
