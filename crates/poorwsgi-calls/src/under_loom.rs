//! Tests what threads share without a lock, in every order in which they can see its steps.

use std::time::Duration;

use loom::sync::atomic::AtomicUsize;
use loom::sync::{Arc, Mutex};
use loom::thread;

use self::counts::Counts;
use self::credit::{Credit, Evidence, FINE, FULL};
use self::samples::{LastTimes, Mean};
use self::turn::{Turn, Watched};

mod atomic {
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
}

#[expect(
    clippy::duplicate_mod,
    reason = "once with the atomics of the standard library, once with those of loom"
)]
#[path = "turn.rs"]
mod turn;

#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "counts.rs"]
mod counts;

#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "credit.rs"]
mod credit;

#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "samples.rs"]
mod samples;

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

/// Who waits until no call runs finds that none does, or is told by the last one to end: it asks after it has
/// registered, and a list of who waits has a lock.
#[test]
fn the_last_call_tells_who_waits() {
    loom::model(|| {
        let (counts, waits) = (Arc::new(Counts::new()), Arc::new(Mutex::new(false)));
        counts.begin();
        counts.begin();
        let calls: Vec<_> = (0..2)
            .map(|_| {
                let (counts, waits) = (Arc::clone(&counts), Arc::clone(&waits));
                thread::spawn(move || counts.end() && *waits.lock().unwrap())
            })
            .collect();
        *waits.lock().unwrap() = true;
        let has_to_wait = counts.is_any();
        let is_told = calls.into_iter().fold(false, |told, call| told | call.join().unwrap());
        assert!(!has_to_wait || is_told);
        assert!(!counts.is_any());
    });
}

/// A call that begins and ends while somebody asks counts as running, so that no moment is taken for a quiet
/// one in which a call ran.
#[test]
fn a_call_that_runs_is_seen() {
    loom::model(|| {
        let counts = Arc::new(Counts::new());
        counts.begin();
        let asking = Arc::clone(&counts);
        let others = thread::spawn(move || {
            asking.begin();
            let _ = asking.end();
        });
        assert!(counts.is_any());
        others.join().unwrap();
        assert!(counts.end());
        assert_eq!(counts.begun(), 2);
    });
}

/// However two calls race, the next long call moves the route to the pool, and the way back has an end.
#[test]
fn no_race_keeps_a_route_inline() {
    use Evidence::{Long, NotShort, Short, Unclear};
    for before in [FULL - 1, FULL] {
        for (one, other) in [(Short, Long), (Short, NotShort), (Short, Short), (Long, Long), (Short, Unclear)]
        {
            loom::model(move || {
                let credit = Arc::new(Credit::new());
                (0..before).for_each(|_| credit.judge(Short));
                assert_eq!((credit.is_inline(), credit.is_full()), (before == FULL, before == FULL));
                let shared = Arc::clone(&credit);
                let racing = thread::spawn(move || shared.judge(one));
                credit.judge(other);
                racing.join().unwrap();
                credit.judge(Long);
                assert!(!credit.is_inline());
                assert!(credit.needed() <= 8 * FULL && 8 * FULL <= FULL * FINE);
            });
        }
    }
}

/// Racing calls may drop samples, but the times that are left were measured, and the latest one is there.
#[test]
fn racing_times_are_those_of_calls() {
    loom::model(|| {
        let times = Arc::new(LastTimes::<2>::new());
        times.add(Duration::from_nanos(1));
        let shared = Arc::clone(&times);
        let racing = thread::spawn(move || {
            shared.add(Duration::from_nanos(2));
            shared.sorted()
        });
        times.add(Duration::from_nanos(3));
        let seen = racing.join().unwrap();
        times.add(Duration::from_nanos(4));
        for times in [seen, times.sorted()] {
            assert!(!times.is_empty() && times.iter().all(|time| (1..=4).contains(time)), "{times:?}");
        }
        assert!(times.sorted().contains(&4));
    });
}

/// Racing calls may drop a sample from the average, which has the samples in some order otherwise.
#[test]
fn a_racing_average_has_one_sample_at_least() {
    loom::model(|| {
        let mean = Arc::new(Mean::<2>::new());
        let shared = Arc::clone(&mean);
        let racing = thread::spawn(move || shared.add(2.0));
        mean.add(4.0);
        racing.join().unwrap();
        assert!([2.0, 3.0, 4.0].contains(&mean.get()), "{}", mean.get());
    });
}
