//! The client for tests.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
#[cfg(feature = "digest")]
use http::StatusCode;
use http::header::{COOKIE, HOST, LOCATION};
use http::{HeaderMap, HeaderValue};
use poorwsgi_core::clock;
use poorwsgi_core::request::{self, read_body};
use poorwsgi_core::response::Body;

use super::cookies::Jar;
use super::message::Message;
use super::reference;
use super::response::TestResponse;
use crate::application::Application;

/// How many redirects a request may lead to.
const MAX_REDIRECTS: usize = 20;

/// A client of an application. It keeps cookies; on request it follows redirects and logs in.
///
/// There is no server between client and application: the limits and deadlines of `poorwsgi_server::Config`
/// do not apply, such as the 16 MiB of `max_body`, and [`Request::connection`](crate::Request::connection) is
/// `None`. The limits in the application's settings apply.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::testing::Client;
/// use poorwsgi::{Application, Response, state};
///
/// let mut app = Application::new("demo");
/// app.route("/old", state::METHOD_HEAD | state::METHOD_GET, || {
///     Response::redirect("/new", http::StatusCode::FOUND)
/// })?;
/// app.route("/new", state::METHOD_HEAD | state::METHOD_GET, || "here")?;
///
/// let client = Client::new(app).follow_redirects();
/// assert_eq!(client.get("/old").send().await.text(), "here");
/// # Ok(())
/// # }
/// ```
pub struct Client {
    app: Application,
    jar: Mutex<Jar>,
    follows: bool,
    /// How many milliseconds the client is ahead of the system's clock.
    ahead: AtomicI64,
    #[cfg(feature = "digest")]
    login: Option<super::digest::Login>,
}

impl Client {
    /// A client without cookies, which returns redirects as they are.
    #[must_use]
    pub fn new(app: Application) -> Self {
        Client {
            app,
            jar: Mutex::default(),
            follows: false,
            ahead: AtomicI64::new(0),
            #[cfg(feature = "digest")]
            login: None,
        }
    }

    /// Makes the client follow redirects to the application.
    #[must_use]
    pub fn follow_redirects(mut self) -> Self {
        self.follows = true;
        self
    }

    /// Makes the client answer each challenge of a digest login with this user and password.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use poorwsgi::digest::{Algorithm, PasswordMap, hexdigest};
    /// use poorwsgi::testing::Client;
    /// use poorwsgi::{Application, Request, Result, state};
    ///
    /// let mut users = PasswordMap::new();
    /// users.set("Zone", "ann", &hexdigest("ann", "Zone", "looking-glass", Algorithm::Sha256))?;
    /// let mut app = Application::new("demo");
    /// app.settings_mut().auth_digest = true;
    /// app.route("/admin", state::METHOD_HEAD | state::METHOD_GET, move |req: Request| -> Result<String> {
    ///     Ok(format!("hello {}", req.check_digest(&users, "Zone")?))
    /// })?;
    ///
    /// assert_eq!(Client::new(app.clone()).get("/admin").send().await.status(), 401);
    /// let client = Client::new(app).digest_login("ann", "looking-glass");
    /// assert_eq!(client.get("/admin").send().await.text(), "hello ann");
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "digest")]
    #[must_use]
    pub fn digest_login(mut self, user: &str, password: &str) -> Self {
        self.login = Some(super::digest::Login::new(user, password));
        self
    }

    /// The value of a cookie, of any path.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar().get(name, self.seconds()).map(str::to_owned)
    }

    /// Sets a cookie, for all paths.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.jar().set(name, value);
    }

    /// The time of this client.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        shifted(SystemTime::now(), self.ahead())
    }

    /// Sets the time of this client, to the millisecond. The clock goes on from there.
    ///
    /// Sessions, tokens and digest nonces are made and checked with this time while the application answers a
    /// request of this client, in plain handlers, too; and the client's cookies expire by it. Other clients,
    /// tasks that a handler spawns, [`SystemTime::now`] and the timers of tokio go by the system's clock.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use std::time::{Duration, SystemTime};
    ///
    /// use poorwsgi::session::{check_token, get_token};
    /// use poorwsgi::testing::Client;
    /// use poorwsgi::{Application, Request, Result, state};
    ///
    /// let hour = std::num::NonZeroU64::new(3600);
    /// let mut app = Application::new("demo");
    /// app.route("/token", state::METHOD_HEAD | state::METHOD_GET, move || {
    ///     get_token("secret", "ann", hour, None)
    /// })?;
    /// app.route("/check", state::METHOD_POST, move |token: String| {
    ///     check_token(&token, "secret", "ann", hour).to_string()
    /// })?;
    ///
    /// let client = Client::new(app);
    /// client.set_time(SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000));
    /// let token = client.get("/token").send().await.text().to_owned();
    /// assert_eq!(client.post("/check").body(token.clone()).send().await.text(), "true");
    /// client.advance(Duration::from_secs(2 * 3600));
    /// assert_eq!(client.post("/check").body(token).send().await.text(), "false");
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_time(&self, time: SystemTime) {
        let now = SystemTime::now();
        let ahead = match time.duration_since(now) {
            // Rounded up, so that the clock does not begin before the time that was asked for.
            Ok(ahead) => milliseconds(ahead.saturating_add(Duration::from_nanos(999_999))),
            Err(behind) => -milliseconds(behind.duration()),
        };
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Lets time pass for this client, without waiting. See [`set_time`](Self::set_time).
    pub fn advance(&self, time: Duration) {
        self.ahead.store(self.ahead().saturating_add(milliseconds(time)), Ordering::Relaxed);
    }

    fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// The time of this client, in seconds since 1970.
    fn seconds(&self) -> u64 {
        clock::with_shift(self.ahead(), clock::seconds)
    }

    /// The data of the session in the client's cookie; empty where there is no session. Keys and
    /// configuration are the application's states, as for an argument
    /// [`SealedSession`](crate::session::SealedSession).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use std::sync::Arc;
    ///
    /// use poorwsgi::session::{SealedKeys, SealedSession};
    /// use poorwsgi::testing::Client;
    /// use poorwsgi::{Application, state};
    ///
    /// let mut app = Application::new("demo");
    /// app.with_state(Arc::new(SealedKeys::new(["secret"])?));
    /// app.route("/login", state::METHOD_POST, async |mut session: SealedSession| {
    ///     session.data_mut().insert("user".into(), "ann".into());
    ///     (session, "welcome")
    /// })?;
    ///
    /// let client = Client::new(app);
    /// client.post("/login").send().await;
    /// assert_eq!(client.session()["user"], "ann");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Where the application has no state `Arc<SealedKeys>`, and where the cookie does not open.
    #[cfg(feature = "sealed-sessions")]
    #[must_use]
    pub fn session(&self) -> serde_json::Map<String, serde_json::Value> {
        use std::sync::Arc;

        use poorwsgi_core::headers::cookie::Cookies;
        use poorwsgi_core::session::{SealedKeys, SealedSession, SessionConfig};

        let states = &self.app.shared().states;
        let keys = states.get::<Arc<SealedKeys>>().expect("the application has no Arc<SealedKeys>");
        let config = states.get::<SessionConfig>().cloned().unwrap_or_default();
        let mut session =
            SealedSession::new(Arc::clone(keys), config).expect("no cookie can be set like this");
        let cookies = Cookies::parse(&self.jar().all(self.seconds()));
        clock::with_shift(self.ahead(), || session.load(&cookies))
            .expect("the cookie of the session does not open");
        session.data().clone()
    }

    pub(super) async fn send(&self, message: Message) -> TestResponse {
        let mut message = message;
        let mut response = self.exchange(&message).await;
        let mut redirects = 0;
        while let Some(next) = self.follows.then(|| redirected(&message, &response)).flatten() {
            assert!(
                redirects < MAX_REDIRECTS,
                "more than {MAX_REDIRECTS} redirects, the last to {}",
                next.target
            );
            redirects += 1;
            message = next;
            response = self.exchange(&message).await;
        }
        response
    }

    /// Sends a request, and sends it again with credentials after a challenge.
    async fn exchange(&self, message: &Message) -> TestResponse {
        let response = self.ask(message, HeaderMap::new()).await;
        #[cfg(feature = "digest")]
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(credentials) = self.login.as_ref().and_then(|login| login.answer(message, &response))
        {
            return self.ask(message, credentials).await;
        }
        response
    }

    async fn ask(&self, message: &Message, more: HeaderMap) -> TestResponse {
        let Message { method, target, headers, body, .. } = message.clone();
        let path = target.path().to_owned();
        let mut request = http::Request::new(Body::from(body));
        *request.headers_mut() = headers;
        request.headers_mut().extend(more);
        let cookies = self.jar().for_path(&path, self.seconds());
        if !cookies.is_empty() && !request.headers().contains_key(COOKIE) {
            let cookies = HeaderValue::try_from(cookies).expect("a cookie that no field can hold");
            request.headers_mut().insert(COOKIE, cookies);
        }
        request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("localhost"));
        (*request.method_mut(), *request.uri_mut()) = (method, target);
        let answer = async {
            let (parts, body) = self.app.handle(request).await.into_parts();
            let body =
                read_body(body, u64::MAX, "").await.expect("the body of the response ends with an error");
            TestResponse::new(parts.status, parts.headers, body)
        };
        let response = with_shift(self.ahead(), answer).await;
        self.jar().keep(response.headers(), &path, self.seconds());
        response
    }

    fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Polls a future with the clock of the client, on whichever thread it is polled.
async fn with_shift<T>(ahead: i64, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|context| clock::with_shift(ahead, || future.as_mut().poll(context))).await
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn shifted(time: SystemTime, ahead: i64) -> SystemTime {
    let distance = Duration::from_millis(ahead.unsigned_abs());
    let shifted = if ahead < 0 { time.checked_sub(distance) } else { time.checked_add(distance) };
    shifted.expect("a time that the system can represent")
}

/// The request that a redirect leads to. `None` where the response is no redirect, or leads to another host.
fn redirected(message: &Message, response: &TestResponse) -> Option<Message> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let (origin, target) = reference::resolve(&message.origin, &message.target, location)?;
    let method = message.method.as_str();
    let followed = request::redirected(method, response.status().as_u16(), &message.origin, &origin)?;
    let mut next = Message { origin, target, ..message.clone() };
    next.method = followed.method.parse().ok()?;
    if !followed.has_content {
        next.body = Bytes::new();
    }
    for name in followed.dropped {
        next.headers.remove(name);
    }
    Some(next)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("app", &self.app).finish_non_exhaustive()
    }
}
