//! Where the calls of a server are made: calls that may block, for connections that may not wait.
//!
//! ```text
//!  connections ───▶ event loop ───── the route's calls have proved short ────▶ inline
//!                     ▲    │                                               on the loop's thread
//!                     │    │                                                     │
//!                     │    └─────────── else ─────▶ pool ◀── it was long ────────┘
//!                     │                  ┌───────────┴───────────┐
//!                     │             brief calls            calls that compute for long
//!                     │                  └───────────┬───────────┘
//!                     │                              ▼
//!                     └────── answers ◀───── as many threads as help
//! ```
//!
//! - [`event_loop`] drives connections on one thread, and makes calls there between two looks at the sockets.
//!   When a call holds the thread up, another thread takes over.
//! - [`inlining`] decides for each route whether its calls are made there: [`RouteTimes`](inlining::RouteTimes)
//!   remembers how long they took, [`Rule`](inlining::Rule) says what is short.
//! - [`pool`] makes all other calls on a bounded number of threads. How many run at a time follows from what
//!   is measured: few where calls compute under one lock, as those of a Python do, many where they wait.
//!
//! The crate knows nothing of HTTP, and of Python nothing but that computing may have one lock around it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use poorwsgi_calls::inlining::{CallPlace, RouteTimes, Rule};
//! use poorwsgi_calls::pool::Pool;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Runtime::new()?;
//! let _entered = runtime.enter();
//! // Eight threads at most, which have no lock in common.
//! let pool = Pool::new(8, |work| work(), None);
//! let (rule, route) = (Rule::default(), Arc::new(RouteTimes::default()));
//! let (sender, answers) = std::sync::mpsc::channel();
//! for number in 0..200 {
//!     let (sender, timed) = (sender.clone(), Arc::clone(&route));
//!     let call = move |place| timed.time(&rule, place, |_| sender.send(number * number));
//!     if route.is_inline(&rule) {
//!         call(CallPlace::Inline)?;
//!     } else {
//!         pool.spawn(&route, move || drop(call(CallPlace::Pool)));
//!     }
//! }
//! drop(sender);
//! assert_eq!(answers.iter().count(), 200);
//! pool.end();
//! # Ok(())
//! # }
//! ```
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
pub mod running;
mod threads;
mod turn;
mod usage;

/// What [`turn`] is made of; its tests bring another one.
mod atomic {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
}

#[cfg(test)]
mod under_loom;
