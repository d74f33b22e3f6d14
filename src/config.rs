//! Every setting of the broker: its name, meaning, default and bounds.
