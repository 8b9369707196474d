//! Makes the threads of the event loops and of the pool known to Python.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;

use poorwsgi_calls::event_loop::EventLoop;
use poorwsgi_server::Executor;
use pyo3::prelude::*;
use tokio::runtime::Builder;

use crate::forked::Unforkable;
use crate::names::Name;

/// Stays attached around all work, so that Python sees one thread from its first call to its last: the end of
/// the outermost attach would free its `threading.local` objects.
///
/// Python knows it by its name, and traces it as its own.
pub(super) fn around(work: &mut (dyn FnMut() + Send)) {
    static ENTER: Name = Name::new("poorwsgi._threads", "enter");
    static LEAVE: Name = Name::new("poorwsgi._threads", "leave");
    let unforkable = Unforkable::wait();
    Python::attach(|py| {
        drop(unforkable);
        let told = ENTER.get(py).and_then(|enter| enter.call1((thread::current().name(),)));
        told.map_or_else(|error| error.write_unraisable(py, None), drop);
        py.detach(work);
        let told = LEAVE.get(py).and_then(|leave| leave.call0());
        told.map_or_else(|error| error.write_unraisable(py, None), drop);
    });
}

/// Takes the interpreter's lock for a moment.
pub(super) fn attach() {
    Python::attach(|_| ());
}

/// Attaches once for a batch of calls.
fn around_calls(calls: &mut (dyn FnMut() + Send)) {
    Python::attach(|_| calls());
}

/// The number of threads of a loop that read files.
const FILE_THREADS: usize = 16;

/// At least this many threads of a loop may be blocked at a time: while another one drives the connections,
/// what blocks them may end.
const HELD_UP: usize = 16;

/// An event loop as the server sees it.
pub(super) struct OnLoop(EventLoop);

impl OnLoop {
    pub(super) fn shared(event_loop: &EventLoop) -> Arc<dyn Executor> {
        Arc::new(OnLoop(event_loop.clone()))
    }
}

impl Executor for OnLoop {
    fn tasks(&self) -> usize {
        self.0.tasks()
    }

    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(task);
    }
}

/// A loop of which this many threads may be blocked.
pub(super) fn event_loop(threads: usize) -> io::Result<EventLoop> {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(FILE_THREADS).build()?;
    Ok(EventLoop::new(runtime, around, around_calls, threads.max(HELD_UP)))
}
