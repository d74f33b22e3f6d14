//! The `klamm` binary: everything it does is in [`klamm::cli`].

fn main() {}
