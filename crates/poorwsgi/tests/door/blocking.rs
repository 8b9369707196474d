//! Plain handlers may block: nobody waits for them but their own clients.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use poorwsgi::state::{METHOD_GET, METHOD_POST};
use poorwsgi::{Application, Json, Request, Result};
use tokio::runtime::{Builder, Runtime};

use crate::client::{get, post};

const NAP: Duration = Duration::from_millis(300);

fn application() -> Application {
    let mut app = Application::new("blocking");
    app.route("/nap", METHOD_GET, || {
        thread::sleep(NAP);
        "slept"
    })
    .unwrap();
    app.route("/nap", METHOD_POST, |Json(text): Json<String>| {
        thread::sleep(NAP);
        text
    })
    .unwrap();
    app.route("/brief", METHOD_GET, || "brief").unwrap();
    app.route("/async", METHOD_GET, async || "async").unwrap();
    app
}

fn runtimes() -> [Runtime; 2] {
    let mut both = [Builder::new_current_thread(), Builder::new_multi_thread()];
    both.each_mut().map(|builder| builder.worker_threads(2).build().unwrap())
}

/// Three handlers that sleep delay nobody, neither at first nor after brief handlers have proved brief.
#[test]
fn brief_requests_do_not_wait_for_handlers_that_sleep() {
    for runtime in runtimes() {
        let app = application();
        runtime.block_on(async {
            for _ in 0..2 {
                let begun = Instant::now();
                let sleepers: Vec<_> = (0..3)
                    .map(|number| {
                        let app = app.clone();
                        tokio::spawn(async move {
                            match number {
                                0 => post(&app, "/nap", "application/json", "\"slept\"").await,
                                _ => get(&app, "/nap").await,
                            }
                        })
                    })
                    .collect();
                tokio::task::yield_now().await;
                for _ in 0..100 {
                    get(&app, "/brief").await.expect(200, "brief");
                    get(&app, "/async").await.expect(200, "async");
                }
                assert!(begun.elapsed() < NAP, "{:?}", begun.elapsed());
                for sleeper in sleepers {
                    sleeper.await.unwrap().expect(200, "slept");
                }
                assert!(begun.elapsed() < NAP * 2, "they sleep side by side: {:?}", begun.elapsed());
            }
        });
    }
}

/// What has proved short is called within the task of its request, and leaves the task when it becomes long.
#[test]
fn a_handler_comes_inline_when_it_is_short_and_leaves_when_it_is_not() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let is_slow = Arc::new(AtomicBool::new(false));
    let (slow, mut app) = (Arc::clone(&is_slow), Application::new("inline"));
    app.route("/", METHOD_GET, move || {
        if slow.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(40));
        }
        tokio::task::id().to_string()
    })
    .unwrap();
    let is_inline = async || {
        let app = app.clone();
        let asked = async move { get(&app, "/").await.text() == tokio::task::id().to_string() };
        tokio::spawn(asked).await.unwrap()
    };
    runtime.block_on(async {
        assert!(!is_inline().await, "the first call may block");
        let mut calls = 1;
        while !is_inline().await {
            calls += 1;
            assert!(calls < 10_000, "short calls stay away");
        }
        assert!(calls >= 64, "{calls}");
        is_slow.store(true, Ordering::Relaxed);
        is_inline().await;
        is_inline().await;
        assert!(!is_inline().await, "two long calls are enough");
    });
}

/// A handler that was always short blocks: the sockets and the other tasks go to another thread, also where the
/// blocked thread was the one that waits for the sockets.
#[test]
fn a_short_handler_that_blocks_all_the_same_delays_nobody() {
    const BLOCKED: Duration = Duration::from_millis(1500);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let is_slow = Arc::new(AtomicBool::new(false));
    let (slow, mut app) = (Arc::clone(&is_slow), Application::new("stalls"));
    app.route("/", METHOD_GET, move || {
        if slow.load(Ordering::Relaxed) {
            thread::sleep(BLOCKED);
        }
        "done"
    })
    .unwrap();
    app.route("/async", METHOD_GET, async || "async").unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let served = app.clone();
    runtime.spawn(async move {
        axum::serve(listener, axum::Router::new().fallback_service(served)).await.unwrap();
    });
    // Each on a connection of its own, by a client that needs no runtime.
    let ask = move |path: &str| {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    for round in 0..3 {
        is_slow.store(false, Ordering::Relaxed);
        (0..200).for_each(|_| ask("/"));
        is_slow.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        let blocked: Vec<_> = (0..4).map(|_| thread::spawn(move || ask("/"))).collect();
        (0..20).for_each(|_| ask("/async"));
        assert!(begun.elapsed() < BLOCKED / 2, "{:?} in round {round}", begun.elapsed());
        blocked.into_iter().for_each(|each| each.join().unwrap());
    }
}

#[tokio::test]
async fn the_debug_page_shows_where_handlers_are_called() {
    let mut app = application();
    app.settings_mut().debug = true;
    get(&app, "/brief").await;
    get(&app, "/debug-info").await.expect_page(200, "pool, p50");
}

/// Hooks, state handlers and panics on another thread are no different.
#[tokio::test]
async fn what_is_called_elsewhere_is_answered_as_ever() {
    let mut app = application();
    app.route("/panic", METHOD_GET, |_req: Request| -> &'static str { panic!("far away") }).unwrap();
    app.route("/fails", METHOD_GET, || -> Result<()> { poorwsgi::abort(409) }).unwrap();
    app.http_state(409, METHOD_GET, |req: Request, _error| {
        thread::sleep(Duration::from_millis(1));
        req.get::<&str>().unwrap_or("nothing attached")
    });
    app.before_response(|req: Request| req.insert("attached"));
    get(&app, "/fails").await.expect(200, "attached");
    app.settings_mut().debug = true;
    get(&app, "/panic").await.expect_page(500, "the handler panicked: far away");
}

/// A runtime is not asked for where there is none.
#[test]
fn without_a_runtime_of_tokio_a_handler_is_called_at_once() {
    let app = application();
    let request = http::Request::get("/brief").body(poorwsgi::Body::empty()).unwrap();
    let mut future = std::pin::pin!(app.handle(request));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_ready());
}
