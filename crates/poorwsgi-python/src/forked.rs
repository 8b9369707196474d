//! Protection against handlers that fork a process and return in the child as well. The child shares the
//! connections of the server but must not serve them: its response would reach the client of another request.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use pyo3::types::PyDict;

static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// [`FORKING`] counts threads that are forking, [`UNFORKABLE`] threads that do something during which no
/// process may be forked. At most one of the two counts is in effect: each side waits for the other to be 0.
static FORKING: AtomicUsize = AtomicUsize::new(0);
static UNFORKABLE: AtomicUsize = AtomicUsize::new(0);

/// How often a waiting thread checks the other count.
const GLANCE: Duration = Duration::from_micros(100);

/// A guard: no process is forked as long as it exists.
pub(crate) struct Unforkable(());

impl Unforkable {
    /// For a thread that Python does not know yet, to be held from before the thread attaches until it is
    /// attached. Waits while a process is being forked.
    ///
    /// Python adds a new thread to its list under a lock, without holding the GIL. Up to version 3.11, a
    /// process that is forked meanwhile waits for that lock for ever when it starts, because the thread that
    /// holds the lock exists only in the parent.
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

/// References that were dropped while a process was being forked; they are released afterwards.
static LATE: Mutex<Vec<Box<dyn Send>>> = Mutex::new(Vec::new());

/// Called by Python before it forks. Waits until no thread holds an [`Unforkable`].
#[pyfunction]
pub(crate) fn _forks(py: Python<'_>) {
    FORKING.fetch_add(1, Ordering::SeqCst);
    let is_over = || UNFORKABLE.load(Ordering::SeqCst) == 0;
    if !is_over() {
        // A thread that is attaching needs the GIL to go on.
        py.detach(|| {
            while !is_over() {
                thread::sleep(GLANCE);
            }
        });
    }
}

/// Called by Python in the child after a fork.
#[pyfunction]
pub(crate) fn _forked() {
    // The counted threads exist only in the parent.
    FORKING.store(0, Ordering::SeqCst);
    UNFORKABLE.store(0, Ordering::SeqCst);
    IS_CHILD.store(true, Ordering::Relaxed);
}

/// Called by Python in the parent after a fork.
#[pyfunction]
pub(crate) fn _has_forked() {
    // The count is 0 if the fork began before these functions were registered.
    let forking = FORKING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
    if forking == Ok(1) {
        release_late();
    }
    poorwsgi_server::share_sockets();
}

/// Releases the references in [`LATE`]. Never waits for the lock: if this process was forked itself, the lock
/// may be held by a thread that exists only in its parent. A thread of this process that holds the lock calls
/// this function afterwards.
fn release_late() {
    let late = LATE.try_lock().map(|mut late| mem::take(&mut *late));
    drop(late);
}

/// A reference to a Python object that a thread may drop without holding the GIL, as the event loop does with
/// blocks that were sent. Dropping the object must not run Python code.
///
/// PyO3 adds a reference that such a thread drops to a list, under a lock. A process that is forked while
/// another thread holds that lock would wait for it for ever at its first call into this module, because that
/// thread exists only in the parent. So no reference is dropped while a process is being forked.
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
            // Do not wait for the fork to end: the forking thread may wait for the GIL, which this thread may
            // hold.
            LATE.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(reference));
            if !is_forking() {
                release_late();
            }
        }
    }
}

/// Whether this process was forked from a server, during a call of the application.
pub(crate) fn is_child() -> bool {
    IS_CHILD.load(Ordering::Relaxed)
}

/// Marks this process as a server, even if it was forked from one; processes that it forks are not servers.
pub(crate) fn begin(py: Python<'_>) -> PyResult<()> {
    IS_CHILD.store(false, Ordering::Relaxed);
    watch(py)
}

/// Registers the functions that Python calls before and after a fork, once.
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

/// If this process was forked during the call that has just ended, ends the process as Python ends a script:
/// with the status of a SystemExit, with 1 after any other exception (which is printed), otherwise with 0.
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

/// The exit status for the code of a SystemExit: 0 for None; a code that is no number is printed, and the
/// status is 1.
fn exit_status(code: &Option<Bound<'_, PyAny>>) -> i32 {
    let Some(code) = code.as_ref().filter(|code| !code.is_none()) else { return 0 };
    code.extract().unwrap_or_else(|_| {
        eprintln!("{code}");
        1
    })
}

/// Ends this process without waiting for its threads; see `_exit` in `poorwsgi.server`.
pub(crate) fn exit(py: Python<'_>, status: i32) {
    let ended = py.import("poorwsgi.server").and_then(|server| server.getattr("_exit")?.call1((status,)));
    if ended.is_err() {
        std::process::abort();
    }
}
