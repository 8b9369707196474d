//! Where calls that may block are made: on the thread of the connections while they are short ([`inlining`]),
//! else on a [`pool`] of threads, where few run at a time of those that compute, and many of those that wait.
//! This crate knows nothing of HTTP, and of Python nothing but that computing may have one lock around it.
#![forbid(unsafe_code)]

use std::time::Duration;

/// The target of what is said here: to whoever reads the log it is the server that speaks.
const LOG: &str = "poorwsgi::server";

/// For how long one call may hold up the others: as long as CPython, by default, lets a thread compute while
/// others ask for the interpreter.
const PATIENCE: Duration = Duration::from_millis(5);

/// How long threads that have nothing to do any more get for their end.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub mod event_loop;
pub mod inlining;
mod limit;
mod meter;
pub mod pool;
mod threads;
mod turn;
mod usage;

/// What [`turn`] is made of; its tests bring another one.
mod atomic {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
}

#[cfg(test)]
mod under_loom;
