//! A channel of blocks from the thread that generates them to a connection, with backpressure.
//!
//! A call may have to generate all its blocks on one thread, because it keeps things that belong to a thread
//! (in Python: a `threading.local`, an SQLite cursor). So the thread pushes its blocks into the pipe. If the
//! client reads more slowly than the thread generates, and memory has no room for the blocks, then
//!
//! 1. the thread waits for the client, while at most an eighth of all threads wait for clients (the limit
//!    `kept_free` of [`Patience`]);
//! 2. otherwise the blocks go to a temporary file, from which the client gets the rest, so that the thread
//!    can end the call;
//! 3. if the file is full, the thread waits after all, while at most a quarter of all threads wait for
//!    clients;
//! 4. otherwise the thread queues for a place among those, as at most another quarter of the threads do, and
//!    takes the place of the client that has read nothing for longest, whose connection is cut.
//!
//! A thread that waits takes no place of the pool's concurrency limit.

mod flow;
mod patience;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use flow::Pipe;
pub use flow::{Maker, Patience, Sent};
pub use receiver::Receiver;
pub use sender::Sender;

/// The two ends of a pipe for the blocks of one response.
#[must_use]
pub fn pipe<M: Maker>(patience: &Patience<M>, maker: M) -> (Sender<M>, Receiver<M>) {
    let pipe = Arc::new(Pipe::new(patience, maker));
    (Sender(Arc::clone(&pipe)), Receiver::new(pipe))
}
