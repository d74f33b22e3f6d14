//! What the controller answers.

mod configs;
mod topics;
