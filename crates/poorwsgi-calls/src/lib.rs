//! Where a server runs the calls of its handlers: calls may block, the threads of the connections must not.
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
//! - [`event_loop`] drives all connections on one thread, and runs inline calls there between two polls of
//!   the sockets. When a call blocks that thread, another thread takes the connections over.
//! - [`inlining`] decides for each route whether its calls run inline: [`RouteTimes`](inlining::RouteTimes)
//!   remembers how long the calls of the route took, [`Rule`](inlining::Rule) says what counts as short.
//! - [`pool`] is the thread pool for all other calls. A concurrency limit, which follows measurements, says
//!   how many calls run at a time: few where calls compute, many where calls wait for I/O.
//!
//! The crate knows nothing of HTTP or of a language. Calls may share a *compute lock*, which a call holds
//! while it computes and releases while it waits, such as Python's GIL. Then only one of them computes at a
//! time; without such a lock, as many as there are processors.
//!
//! Without the feature `pool`, the crate has only [`inlining`], for servers with threads of their own.
//!
#![cfg_attr(feature = "pool", doc = "```")]
#![cfg_attr(not(feature = "pool"), doc = "```ignore")]
//! use std::sync::Arc;
//!
//! use poorwsgi_calls::inlining::{CallPlace, RouteTimes, Rule};
//! use poorwsgi_calls::pool::Pool;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Runtime::new()?;
//! let _entered = runtime.enter();
//! // At most eight threads, which share no compute lock.
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

/// How long one call may block the others: CPython's default switch interval, after which a thread that
/// computes hands the GIL to a thread that waits for it.
const PATIENCE: Duration = Duration::from_millis(5);

/// How long a shutdown waits for idle threads to end.
#[cfg(feature = "pool")]
const IDLE_THREADS_END: Duration = Duration::from_secs(1);

#[cfg(feature = "pool")]
mod counts;
mod credit;
#[cfg(feature = "pool")]
pub mod event_loop;
pub mod inlining;
#[cfg(feature = "pool")]
mod limit;
#[cfg(feature = "pool")]
mod meter;
#[cfg(feature = "pool")]
pub mod pool;
#[cfg(feature = "pool")]
pub mod running;
mod samples;
#[cfg(feature = "pool")]
mod threads;
#[cfg(feature = "pool")]
mod turn;
#[cfg_attr(not(feature = "pool"), allow(dead_code))] // the meter needs all of it
mod usage;

/// The atomics of what threads share without a lock; tests replace them by those of loom.
mod atomic {
    #[cfg_attr(not(feature = "pool"), allow(unused_imports))] // the pool needs all of them
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
}

#[cfg(all(test, feature = "pool"))]
mod under_loom;
