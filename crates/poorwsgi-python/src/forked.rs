//! A process that a handler has forked, and that comes back from the call as its parent does. It has the
//! connections of its parent, but is no server: were it to go on, its answer would be taken for that to the
//! next request of some client.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use pyo3::types::PyDict;

static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// How many threads fork a process, and how many do something during which no process may be forked: never
/// both.
static FORKING: AtomicUsize = AtomicUsize::new(0);
static UNFORKABLE: AtomicUsize = AtomicUsize::new(0);

/// How often a thread looks whether its turn has come.
const GLANCE: Duration = Duration::from_micros(100);

/// As long as it exists, no process is forked.
pub(crate) struct Unforkable(());

impl Unforkable {
    /// For a thread that Python does not know yet, from before it attaches until it is attached.
    ///
    /// Python enters a new thread into its list with a lock, but without the interpreter. Up to version 3.11
    /// a process that is forked meanwhile waits for that lock at its start, for ever: the thread that has it
    /// exists in the parent only.
    pub(crate) fn wait() -> Self {
        loop {
            let guard = Unforkable::new();
            if !is_forking() {
                return guard;
            }
            drop(guard);
            thread::sleep(GLANCE);
        }
    }

    fn new() -> Self {
        UNFORKABLE.fetch_add(1, Ordering::SeqCst);
        Unforkable(())
    }
}

impl Drop for Unforkable {
    fn drop(&mut self) {
        UNFORKABLE.fetch_sub(1, Ordering::SeqCst);
    }
}

fn is_forking() -> bool {
    FORKING.load(Ordering::SeqCst) > 0
}

/// What was to be released while a process was forked.
static LATE: Mutex<Vec<Box<dyn Send>>> = Mutex::new(Vec::new());

/// Called by Python in a process that is going to fork another one.
#[pyfunction]
pub(crate) fn _forks(py: Python<'_>) {
    FORKING.fetch_add(1, Ordering::SeqCst);
    let is_over = || UNFORKABLE.load(Ordering::SeqCst) == 0;
    if !is_over() {
        // A thread that attaches needs the interpreter for that.
        py.detach(|| {
            while !is_over() {
                thread::sleep(GLANCE);
            }
        });
    }
}

/// Called by Python in each process that is forked.
#[pyfunction]
pub(crate) fn _forked() {
    // The other threads that were counted exist in the parent only.
    FORKING.store(0, Ordering::SeqCst);
    UNFORKABLE.store(0, Ordering::SeqCst);
    IS_CHILD.store(true, Ordering::Relaxed);
}

/// Called by Python in a process that has forked another one.
#[pyfunction]
pub(crate) fn _has_forked() {
    // It is 0 where a thread was forking already when these functions were registered.
    let forking = FORKING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
    if forking == Ok(1) {
        release_late();
    }
    poorwsgi_server::share_sockets();
}

/// It never waits: where this process was forked itself, a thread may have the lock that exists in its parent
/// only. A thread that has it here does the same afterwards.
fn release_late() {
    let late = LATE.try_lock().map(|mut late| mem::take(&mut *late));
    drop(late);
}

/// A reference to an object of Python that a thread without the interpreter may release, as the event loop
/// does with blocks that are sent. No code of Python runs when it is released.
///
/// PyO3 puts a reference that such a thread drops into a list, for which it has a lock. A process that is
/// forked while another thread has that lock would wait for it at its first call into this module, for ever:
/// that thread exists in its parent only. So nothing is released while a process is forked.
pub(crate) struct Releasable<T: Send + 'static>(Option<T>);

impl<T: Send> Releasable<T> {
    pub(crate) fn new(reference: T) -> Self {
        Releasable(Some(reference))
    }

    pub(crate) const fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T: AsRef<[u8]> + Send> AsRef<[u8]> for Releasable<T> {
    fn as_ref(&self) -> &[u8] {
        self.get().map_or(&[], T::as_ref)
    }
}

impl<T: Send> Drop for Releasable<T> {
    fn drop(&mut self) {
        let _guard = Unforkable::new();
        let reference = self.0.take();
        if !is_forking() {
            drop(reference);
        } else if let Some(reference) = reference {
            // It does not wait: the thread that forks may wait for the interpreter, which this one may have.
            LATE.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(reference));
            if !is_forking() {
                release_late();
            }
        }
    }
}

/// Whether this process was forked by a server within a call.
pub(crate) fn is_child() -> bool {
    IS_CHILD.load(Ordering::Relaxed)
}

/// From now on this process is a server, whatever its parent was; processes that it forks are none.
pub(crate) fn begin(py: Python<'_>) -> PyResult<()> {
    IS_CHILD.store(false, Ordering::Relaxed);
    watch(py)
}

/// From now on it is known when this process forks another one.
pub(crate) fn watch(py: Python<'_>) -> PyResult<()> {
    static IS_REGISTERED: AtomicBool = AtomicBool::new(false);
    if !IS_REGISTERED.swap(true, Ordering::Relaxed) {
        let module = py.import("poorwsgi._poorwsgi")?;
        let kwargs = PyDict::new(py);
        kwargs.set_item("before", module.getattr("_forks")?)?;
        kwargs.set_item("after_in_child", module.getattr("_forked")?)?;
        kwargs.set_item("after_in_parent", module.getattr("_has_forked")?)?;
        py.import("os")?.call_method("register_at_fork", (), Some(&kwargs))?;
    }
    Ok(())
}

/// Ends a process that was forked within the call which has just ended, as Python would end it after its last
/// line: with the status of a SystemExit, with 1 after any other exception, which is shown, else with 0.
pub(crate) fn end_child(py: Python<'_>, error: Option<&PyErr>) {
    if !is_child() {
        return;
    }
    let status = match error {
        None => 0,
        Some(error) if error.is_instance_of::<PySystemExit>(py) => {
            exit_status(&error.value(py).getattr("code").ok())
        }
        Some(error) => {
            error.clone_ref(py).print(py);
            1
        }
    };
    exit(py, status);
}

/// The status that Python ends with where this is the code of a SystemExit; anything but a number is shown.
fn exit_status(code: &Option<Bound<'_, PyAny>>) -> i32 {
    let Some(code) = code.as_ref().filter(|code| !code.is_none()) else { return 0 };
    code.extract().unwrap_or_else(|_| {
        eprintln!("{code}");
        1
    })
}

/// Ends this process, which is no server.
pub(crate) fn exit(py: Python<'_>, status: i32) {
    let ended = py.import("poorwsgi.server").and_then(|server| server.getattr("_exit")?.call1((status,)));
    if ended.is_err() {
        std::process::abort();
    }
}
