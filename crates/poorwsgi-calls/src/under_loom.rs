//! Tests what threads share without a lock, in every order in which they can see its steps.

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use self::turn::{Turn, Watched};

mod atomic {
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
}

#[expect(
    clippy::duplicate_mod,
    reason = "once with the atomics of the standard library, once with those of loom"
)]
#[path = "turn.rs"]
mod turn;

/// Either the thread that begins a task wakes the one that watches, or the latter does not fall asleep.
#[test]
fn nobody_sleeps_while_a_task_runs() {
    loom::model(|| {
        let watched = Arc::new(Watched::new());
        let driving = Arc::clone(&watched);
        let driver = thread::spawn(move || driving.begin(&mut Turn::waiting(0)));
        let sleeps = watched.fall_asleep();
        let is_woken = driver.join().unwrap();
        assert!(!sleeps || is_woken);
        watched.wake_up();
    });
}

/// After a takeover, only one of the old and the new thread drives; a thread that has been replaced learns of
/// it before it begins another task.
#[test]
fn one_thread_drives() {
    loom::model(|| {
        let watched = Arc::new(Watched::new());
        let mut turn = Turn::waiting(0);
        let _ = watched.begin(&mut turn);
        let watching = Arc::clone(&watched);
        let watcher = thread::spawn(move || watching.take_over(turn));
        let still_drives = watched.end(turn);
        let taken = watcher.join().unwrap();
        assert_ne!(still_drives, taken.is_some());
        let expected = if still_drives { Turn::waiting(0) } else { Turn::waiting(1) };
        assert_eq!(watched.now(), expected);
    });
}

/// The new driver sees what the old one did before it was replaced.
#[test]
fn the_next_driver_sees_what_was_done() {
    loom::model(|| {
        let (watched, done) = (Arc::new(Watched::new()), Arc::new(AtomicUsize::new(0)));
        let (driving, doing) = (Arc::clone(&watched), Arc::clone(&done));
        let driver = thread::spawn(move || {
            let mut turn = Turn::waiting(0);
            doing.store(1, atomic::Ordering::Relaxed);
            let _ = driving.begin(&mut turn);
            let _ = driving.end(turn);
        });
        let now = watched.now();
        if now.task != 0 && watched.take_over(now).is_some() {
            assert_eq!(done.load(atomic::Ordering::Relaxed), 1);
        }
        driver.join().unwrap();
    });
}
