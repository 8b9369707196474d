//! What the handlers of an application share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use poorwsgi::extract::{FromRequestParts, OptionalFromRequest, RequiredStates, State};
use poorwsgi::routing::RouteErrorKind;
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_POST};
use poorwsgi::{Application, HttpError, Request, Response, Result};

use crate::client::get;

#[derive(Clone)]
struct Name(&'static str);

type Counter = Arc<AtomicU32>;

async fn count(State(counter): State<Counter>, State(name): State<Name>) -> String {
    format!("{} {}", name.0, counter.fetch_add(1, Ordering::Relaxed))
}

#[tokio::test]
async fn handlers_share_values_of_several_types() {
    let mut app = Application::new("states");
    app.with_state(Counter::default()).with_state(Name("old")).with_state(Name("new"));
    app.route("/", METHOD_GET, count).unwrap();
    app.route("/twice/<n:int>", METHOD_GET, count).unwrap();
    app.after_response(|req: Request, response: Response| {
        response.with_header("X-Name", req.state().map_or("none", |Name(name)| name))
    });
    get(&app, "/").await.expect(200, "new 0");
    let answer = get(&app, "/twice/2").await;
    answer.expect(200, "new 1");
    assert_eq!(answer.header("x-name"), Some("new"));
    let mut other = app.clone();
    other.with_state(Name("other"));
    get(&other, "/").await.expect(200, "other 2");
    get(&app, "/").await.expect(200, "new 3");
}

/// Routes, default handlers and hooks that were set before take the second value, too.
#[tokio::test]
async fn a_second_value_of_a_type_replaces_the_first() {
    let mut app = Application::new("states");
    app.with_state(Name("first")).with_state(7_u8);
    app.route("/", METHOD_GET, |State(name): State<Name>, State(number): State<u8>| {
        format!("{} {number}", name.0)
    })
    .unwrap();
    app.default(METHOD_ALL, |req: Request| req.state().map_or("none", |Name(name)| name));
    app.before_response(|State(name): State<Name>, req: Request| req.insert(name));
    app.after_response(|req: Request, response: Response| {
        response.with_header("X-Name", req.get::<Name>().map_or("none", |name| name.0))
    });
    app.with_state(Name("second"));
    let answer = get(&app, "/").await;
    answer.expect(200, "second 7");
    assert_eq!(answer.header("x-name"), Some("second"));
    get(&app, "/other").await.expect(200, "second");
}

/// A forgotten state is noticed when the route is set, not by the first client.
#[test]
fn a_route_without_its_state_is_an_error() {
    let mut app = Application::new("states");
    app.with_state(Counter::default());
    let error = app.route("/count", METHOD_GET, count).map(drop).unwrap_err();
    assert_eq!((error.kind(), error.rule()), (RouteErrorKind::State, "/count"));
    let text = error.to_string();
    assert!(text.contains("door::states::count") && text.contains("State<door::states::Name>"), "{text}");
    assert!(app.regular_route("/re$", METHOD_GET, count).is_err());
    assert_eq!(app.router().static_routes().count() + app.router().pattern_routes().count(), 0);

    struct Own;
    impl FromRequestParts for Own {
        type Rejection = HttpError;

        async fn from_request_parts(_: &Request) -> Result<Self, HttpError> {
            Ok(Own)
        }

        fn required_states(required: &mut RequiredStates) {
            required.add::<Name>();
        }
    }
    assert!(app.route("/own", METHOD_GET, |_: Own| "never").is_err());
    assert!(app.route("/own", METHOD_GET, |_: Result<Own, HttpError>| "never").is_err());
}

#[tokio::test]
async fn default_handlers_and_hooks_are_checked_before_they_serve() {
    let mut app = Application::new("states");
    app.default(METHOD_ALL, |State(name): State<Name>| name.0);
    app.before_response(|State(counter): State<Counter>| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    assert!(app.check_states().unwrap_err().to_string().contains("State<door::states::Name>"));
    let error = app.clone().run("127.0.0.1:0").await.unwrap_err();
    assert!(error.to_string().contains("State<door::states::Name>"), "{error}");
    app.settings_mut().debug = true;
    get(&app, "/").await.expect_page(500, "no state of the type alloc::sync::Arc");
    assert!(Application::new("outer").nest("/inner", app.clone()).is_err());
    app.with_state(Name("given"));
    assert!(app.check_states().unwrap_err().to_string().contains("AtomicU32"));
    app.with_state(Counter::default());
    assert!(app.check_states().is_ok());
    get(&app, "/").await.expect(200, "given");
}

/// Also where the argument is an `Option` that reads the body.
#[test]
fn a_route_without_the_state_below_an_option_is_an_error() {
    struct Order;
    impl OptionalFromRequest for Order {
        type Rejection = HttpError;

        async fn from_request(_: Request) -> Result<Option<Self>, HttpError> {
            Ok(None)
        }

        fn required_states(required: &mut RequiredStates) {
            required.add::<Name>();
        }
    }
    let route = |app: &mut Application| {
        app.route("/", METHOD_POST, |order: Option<Order>| order.map_or("none", |_| "one")).map(drop)
    };
    let mut app = Application::new("option");
    assert!(route(&mut app).unwrap_err().to_string().contains("Name"));
    app.with_state(Name("kg"));
    route(&mut app).unwrap();
}
