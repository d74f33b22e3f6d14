//! The cores: executors, rings, files, sockets and mailboxes. glommio is named here only.

pub mod sync;
