//! The `klamm` binary: everything it does is in [`klamm::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    klamm::cli::run()
}
