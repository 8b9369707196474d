use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt;
use poorwsgi_core::BoxError;

use super::flow::WINDOW;
use super::*;
use crate::spool::Spool;

/// Makes blocks; counts the threads that wait, and remembers what nobody heard.
#[derive(Clone, Default)]
struct Toy(Arc<Mutex<Vec<String>>>);

static ASIDE: AtomicUsize = AtomicUsize::new(0);

struct SteppedAside;

impl Drop for SteppedAside {
    fn drop(&mut self) {
        ASIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Maker for Toy {
    type Aside = SteppedAside;

    fn step_aside() -> SteppedAside {
        ASIDE.fetch_add(1, Ordering::SeqCst);
        SteppedAside
    }

    fn is_unread() -> bool {
        false
    }

    fn unheard(&self, error: &BoxError) {
        self.0.lock().unwrap().push(error.to_string());
    }
}

/// The part of the spool that one response may take in a file.
const FILE: u64 = 1 << 20;

/// The patience of a server that has this number of threads.
fn patience(threads: usize) -> Patience<Toy> {
    Patience::new(threads, Spool::new(32 * FILE))
}

fn block(number: usize, size: usize) -> Bytes {
    vec![u8::try_from(number % 251).unwrap(); size].into()
}

/// The next block that a client takes, or the error that it meets.
async fn take(receiver: &mut Receiver<Toy>) -> Option<Result<Bytes, String>> {
    let frame = receiver.frame().await?;
    Some(frame.map(|frame| frame.into_data().unwrap()).map_err(|error| error.to_string()))
}

async fn take_all(mut receiver: Receiver<Toy>) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(block) = take(&mut receiver).await {
        all.extend_from_slice(&block.unwrap());
    }
    all
}

#[tokio::test]
async fn blocks_come_in_order_and_then_their_end() {
    let (sender, mut receiver) = pipe(&patience(8), Toy::default());
    assert!(sender.send(Bytes::from("one")));
    assert!(sender.send(Bytes::from("two")));
    assert_eq!(take(&mut receiver).await, Some(Ok(Bytes::from("one"))));
    sender.end(Ok(())).unwrap();
    assert!(!receiver.is_end_stream());
    assert_eq!(take(&mut receiver).await, Some(Ok(Bytes::from("two"))));
    assert!(receiver.is_end_stream());
    assert_eq!(take(&mut receiver).await, None);
    assert!(!sender.send(Bytes::from("three")));
}

#[tokio::test]
async fn content_that_breaks_off_says_why() {
    let (sender, mut receiver) = pipe(&patience(8), Toy::default());
    assert!(sender.send(Bytes::from("one")));
    sender.end(Err("broken off".into())).unwrap();
    // Only the first end counts.
    sender.end(Ok(())).unwrap();
    assert_eq!(take(&mut receiver).await, Some(Ok(Bytes::from("one"))));
    assert_eq!(take(&mut receiver).await, Some(Err("broken off".to_owned())));
}

#[test]
fn an_error_that_the_client_does_not_stay_for_is_told() {
    let toy = Toy::default();
    let (sender, receiver) = pipe(&patience(8), toy.clone());
    sender.end(Err("unread".into())).unwrap();
    drop(receiver);
    assert_eq!(*toy.0.lock().unwrap(), ["unread"]);
    // Who ends the content afterwards gets the error back, and tells it.
    let (sender, receiver) = pipe(&patience(8), toy.clone());
    drop(receiver);
    assert!(sender.is_gone());
    assert_eq!(sender.end(Err("too late".into())).unwrap_err().to_string(), "too late");
    assert_eq!(toy.0.lock().unwrap().len(), 1);
}

#[test]
fn the_memory_takes_a_window_and_no_more() {
    let (sender, receiver) = pipe(&patience(8), Toy::default());
    let mut taken = 0;
    let rest = loop {
        match sender.try_send(block(0, 10_000)) {
            Sent::Taken => taken += 10_000,
            Sent::Full(block) => break block,
            Sent::Gone => panic!("the client is there"),
        }
    };
    assert_eq!((taken, rest.len()), (WINDOW.next_multiple_of(10_000), 10_000));
    drop(receiver);
    assert!(matches!(sender.try_send(rest), Sent::Gone));
}

#[tokio::test]
async fn a_thread_that_may_wait_does_so_beside_the_others() {
    let (sender, mut receiver) = pipe(&patience(8), Toy::default());
    assert!(matches!(sender.try_send(block(0, WINDOW)), Sent::Taken));
    let waiting = thread::spawn(move || sender.send(block(1, 10)));
    let begun = Instant::now();
    while ASIDE.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits");
        thread::yield_now();
    }
    assert!(!waiting.is_finished());
    assert_eq!(take(&mut receiver).await, Some(Ok(block(0, WINDOW))));
    assert!(waiting.join().unwrap());
    assert_eq!(take(&mut receiver).await, Some(Ok(block(1, 10))));
}

#[tokio::test]
async fn where_no_thread_may_wait_a_file_keeps_the_content() {
    // One thread for clients, and it is waiting already.
    let patience = patience(4);
    let _permit = patience.0.may_wait(0).unwrap();
    let (sender, mut receiver) = pipe(&patience, Toy::default());
    // More than the file holds at a time, which is used in a circle.
    let (mut sent, mut taken) = (Vec::new(), Vec::new());
    for number in 0..60 {
        let block = block(number, 30_011);
        sent.extend_from_slice(&block);
        assert!(sender.send(block));
        if number >= 20 {
            taken.extend_from_slice(&take(&mut receiver).await.unwrap().unwrap());
        }
    }
    assert!(sent.len() as u64 > FILE + WINDOW as u64);
    sender.end(Ok(())).unwrap();
    taken.extend_from_slice(&take_all(receiver).await);
    assert!(taken == sent, "{} bytes of {}", taken.len(), sent.len());
    assert_eq!(patience.0.spool.file_bytes(), 32 * FILE);
}

#[test]
fn a_file_that_is_full_takes_no_block() {
    let (sender, _receiver) = pipe(&patience(8), Toy::default());
    assert!(matches!(sender.keep(block(0, 1 << 20)), Sent::Taken));
    assert!(matches!(sender.keep(block(1, 1)), Sent::Full(_)));
    // The memory does not overtake the file.
    assert!(matches!(sender.try_send(block(1, 1)), Sent::Full(_)));
}

#[tokio::test]
async fn a_client_that_is_cut_off_learns_it_and_frees_its_file() {
    let toy = Toy::default();
    let (sender, mut receiver) = pipe(&patience(8), toy.clone());
    assert!(matches!(sender.keep(block(0, 1000)), Sent::Taken));
    assert!(matches!(sender.0.cut(), Sent::Gone));
    assert!(!sender.send(block(1, 1)));
    let error = take(&mut receiver).await.unwrap().unwrap_err();
    assert!(error.contains("too far behind"), "{error}");
    drop(receiver);
    assert_eq!(*toy.0.lock().unwrap(), [""; 0]);
}

#[test]
fn nobody_is_cut_off_who_has_just_come() {
    let patience = patience(8);
    let (sender, _receiver) = pipe(&patience, Toy::default());
    assert!(matches!(sender.keep(block(0, 1000)), Sent::Taken));
    assert!(!patience.0.in_files.cut_first());
    assert!(!sender.is_gone());
}

#[test]
fn the_permissions_to_wait_are_few_and_come_back() {
    let patience = patience(16);
    let permits: Vec<_> = (0..4).map_while(|_| patience.0.may_wait(0)).collect();
    assert_eq!(permits.len(), 4);
    assert!(patience.0.may_wait(0).is_none());
    drop(permits);
    // Half of them are for clients whose file is full.
    assert_eq!(patience.0.kept_free, 2);
    let first = [patience.0.may_wait(2), patience.0.may_wait(2)];
    assert!(first.iter().all(Option::is_some));
    assert!(patience.0.may_wait(2).is_none());
    assert!(patience.0.may_wait(0).is_some());
}

#[test]
fn those_in_the_line_come_first_and_the_line_is_short() {
    let patience = patience(16);
    let permits: Vec<_> = (0..4).map_while(|_| patience.0.may_wait(0)).collect();
    let mut line: Vec<_> = (0..9).map_while(|_| patience.0.enter_line()).collect();
    assert_eq!(line.len(), 4);
    drop(permits);
    assert!(patience.0.may_wait(0).is_none());
    let still = AtomicBool::new(false);
    let permit = line.remove(0).turn(&still);
    assert!(permit.is_some());
    drop(line);
    assert!(patience.0.may_wait(0).is_some());
}

#[test]
fn a_process_that_nobody_reads_sends_nothing() {
    struct Forked;
    impl Maker for Forked {
        type Aside = ();

        fn step_aside() {}

        fn is_unread() -> bool {
            true
        }

        fn unheard(&self, _: &BoxError) {}
    }
    let (sender, _receiver) = pipe(&Patience::new(8, Spool::new(1 << 20)), Forked);
    assert!(!sender.send(block(0, 1)));
    assert!(matches!(sender.try_send(block(0, 1)), Sent::Gone));
    assert!(matches!(sender.keep(block(0, 1)), Sent::Gone));
}
