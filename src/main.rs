//! The `klamm` binary: everything it does is in [`klamm::cli`].

use std::process::ExitCode;

/// Small requests are made of small allocations; this one takes and gives them back for less than
/// the system's (tuning.md). The library leaves the choice to whoever uses it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    klamm::cli::run()
}
