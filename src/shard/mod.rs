//! The one actor of a core, owner of its partitions.
