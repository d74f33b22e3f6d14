//! The cluster's state as records, image and controller. Pure.
