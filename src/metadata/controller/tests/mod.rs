//! What the controller answers.

mod configs;
mod groups;
mod topics;
