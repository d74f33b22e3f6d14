//! The only room with `unsafe`: aligned memory and the system calls that std does not have.
#![allow(unsafe_code)]

pub mod arena;
