//! The settings of a server. Every limit is finite unless its documentation says how to lift it.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderValue;
use poorwsgi_core::request::ForwardedFields;

use crate::TrustedPeer;
use crate::access_log::AccessLog;
use crate::metrics::Metrics;
use crate::settings::{Number, Setting, SettingKind};

/// The number, where there is one.
macro_rules! some {
    () => {
        None
    };
    ($number:literal) => {
        Some($number)
    };
}

/// Generates from each row a field of [`Config`] with its default, a method that sets it, and its
/// description. The defaults of times are whole seconds. Settings whose method takes another type than the
/// field holds are in the last group.
macro_rules! config {
    (
        numbers { $(
            $(#[$number_doc:meta])*
            $number:ident: $kind:ident $type:ident = $count:expr,
                $number_section:ident, $(at least $min:literal,)? $(at most $max:literal,)? $number_help:literal;
        )* }
        times { $(
            $(#[$time_doc:meta])*
            $time:ident: $seconds:literal, $time_section:ident, $time_help:literal;
        )* }
        others { $(
            $(#[$other_doc:meta])*
            $other:ident($value:ident: $given:ty) -> $field:ty = $default:expr, $stored:expr, $values:expr,
                $other_section:ident, $other_help:literal;
        )* }
    ) => {
        /// The settings of a [`Server`](crate::Server), with defaults that are safe to put on the open Internet.
        ///
        /// ```
        /// use std::time::Duration;
        /// use poorwsgi_server::Config;
        ///
        /// let config = Config::new()
        ///     .max_body(64 * 1024 * 1024)
        ///     .idle_timeout(Duration::from_secs(5))
        ///     .trusted_proxies(["10.0.0.0/8".parse().unwrap()]);
        /// ```
        #[derive(Clone, Debug)]
        pub struct Config {
            $(pub(crate) $number: $type,)*
            $(pub(crate) $time: Duration,)*
            $(pub(crate) $other: $field,)*
            pub(crate) access_log: Option<AccessLog>,
            pub(crate) metrics: Option<Metrics>,
        }

        impl Config {
            /// All settings, described.
            pub const SETTINGS: &[Setting<Config>] = &[
                $(Setting {
                    name: stringify!($number),
                    section: $number_section,
                    help: $number_help,
                    kind: SettingKind::$kind(Number {
                        default: Some($count),
                        min: some!($($min)?),
                        max: some!($($max)?),
                        set: |config, number| {
                            config.$number = <$type>::try_from(number).unwrap_or(<$type>::MAX);
                        },
                    }),
                },)*
                $(Setting {
                    name: stringify!($time),
                    section: $time_section,
                    help: $time_help,
                    kind: SettingKind::Seconds {
                        default: Duration::from_secs($seconds),
                        set: |config, time| config.$time = time,
                    },
                },)*
                $(Setting {
                    name: stringify!($other),
                    section: $other_section,
                    help: $other_help,
                    kind: $values,
                },)*
            ];

            /// The defaults.
            #[must_use]
            pub fn new() -> Self {
                Config {
                    $($number: $count,)*
                    $($time: Duration::from_secs($seconds),)*
                    $($other: $default,)*
                    access_log: None,
                    metrics: None,
                }
            }

            $(
                #[doc = concat!("Has the server ", $number_help, ".")]
                #[doc = concat!(
                    "Default: `", stringify!($count), "`",
                    $("; less counts as `", stringify!($min), "`",)?
                    $("; more counts as `", stringify!($max), "`",)?
                    ".\n",
                )]
                $(#[$number_doc])*
                #[must_use]
                pub fn $number(mut self, number: $type) -> Self {
                    self.$number = number$(.max($min))? $(.min($max))?;
                    self
                }
            )*
            $(
                #[doc = concat!("Has the server ", $time_help, ".")]
                #[doc = concat!("Default: ", $seconds, " s.\n")]
                $(#[$time_doc])*
                #[must_use]
                pub fn $time(mut self, time: Duration) -> Self {
                    self.$time = time;
                    self
                }
            )*
            $(
                #[doc = concat!("Has the server ", $other_help, ".")]
                #[doc = concat!("Default: `", stringify!($default), "`.\n")]
                $(#[$other_doc])*
                #[must_use]
                pub fn $other(mut self, $value: $given) -> Self {
                    self.$other = $stored;
                    self
                }
            )*
        }
    };
}

const REQUESTS: &str = "requests";
const CONNECTIONS: &str = "connections";
const SOCKET: &str = "socket";
const PROXIES: &str = "proxies";
const RESPONSES: &str = "responses";

const SERVER: &str = "PoorWSGI";

config! {
    numbers {
        max_head: Bytes usize = 64 * 1024, REQUESTS,
            "refuse a request (431) whose head, the request line and the header fields, is larger than this";
        /// RFC 9112, section 3 recommends at least 8000 bytes.
        max_request_line: Bytes usize = 16 * 1024, REQUESTS, at most 65_534,
            "refuse a request (414) whose request line is longer than this";
        /// More than 100 cost an allocation for each request.
        max_fields: Count usize = 100, REQUESTS, at most 10_000,
            "refuse a request (431) that has more header fields than this";
        /// A request whose `Content-Length` is larger is refused by the server itself: the service never gets
        /// the request, so that the state handlers and the hooks of an application do not run. A body
        /// without an announced length (chunked) ends with an error for its reader, once it is larger; a
        /// PoorWSGI application handles that error as any other 413.
        ///
        /// An application has limits of its own for forms, JSON and other bodies, some of which are 16 MiB,
        /// too. `poorwsgi::Application::run` uses the defaults of this `Config`; to raise this limit, give the
        /// application to a [`Server`](crate::Server) with another `Config`.
        max_body: Bytes u64 = 16 * 1024 * 1024, REQUESTS,
            "refuse a request (413) whose body is larger than this";
        /// Only the time in which the body is being read counts. The reader gets an error that means 408.
        min_body_rate: Bytes u64 = 240, REQUESTS,
            "refuse a request (408) whose body comes with fewer bytes a second than this, on average after the \
            first 5 seconds; 0 allows any rate";
        /// The file descriptors of the process limit the number as well: each connection takes two, for a
        /// file beside the socket, and 64 are reserved, so that 1024 descriptors (`ulimit -n`, systemd's
        /// `LimitNOFILE=`) allow 480 connections. If this setting is higher, a warning says so once
        /// connections have to wait. [`Bound::run`](crate::Bound::run) raises a limit that may be raised;
        /// elsewhere [`raise_descriptor_limit`](crate::raise_descriptor_limit) does.
        ///
        /// Connections that have been idle for a second or longer are closed to make room for queued ones.
        max_connections: Count u32 = 10_000, CONNECTIONS, at least 1,
            "keep at most this many connections open at a time, as far as there are file descriptors for the \
            connections; further clients wait to be accepted";
        /// The value is raised to hold a complete head.
        queue: Bytes usize = 128 * 1024, CONNECTIONS, at least 8192,
            "keep at most this many bytes in memory for one connection, in each direction";
        /// A header of version 1 has at most 107 bytes, one of version 2 more if it carries, for example, the
        /// client's certificate.
        max_proxy_header: Bytes usize = 4096, PROXIES, at least 107, at most 65_551,
            "close a connection whose PROXY header is larger than this";
        backlog: Count u32 = 1024, SOCKET,
            "let at most this many connections wait to be accepted, as far as the system allows";
    }
    times {
        first_byte_timeout: 10, CONNECTIONS,
            "close a new connection if its first request has not begun after this long";
        idle_timeout: 75, CONNECTIONS,
            "close a connection if its next request has not begun after this long";
        head_timeout: 10, REQUESTS,
            "refuse a request (408) whose head is not complete this long after its first byte";
        /// Only pauses while the body is being read count. The reader gets an error that means 408.
        body_timeout: 30, REQUESTS, "refuse a request (408) if nothing more of its body comes for this long";
        write_timeout: 60, RESPONSES,
            "close the connection if the client reads nothing of its response for this long";
        /// Those requests are named in the log.
        stop_timeout: 30, REQUESTS, "cut off requests that still run this long after the server was told to stop";
    }
    others {
        unix_mode(mode: u32) -> Option<u32> = None, Some(mode),
            SettingKind::Mode(|config, mode| config.unix_mode = Some(mode)),
            SOCKET, "give the file of a Unix socket these permissions, such as 660; without this setting the umask \
            decides";
        /// A group is named by its name or its number. This process has to be a member of it, or root.
        unix_group(group: impl Into<String>) -> Option<String> = None, Some(group.into()),
            SettingKind::Name(|config, group| config.unix_group = Some(group)),
            SOCKET, "give the file of a Unix socket to this group, such as that of a proxy; without this setting the \
            group of the process, or of the folder, has it";
        /// What such a proxy says of its client is what the service sees: the address and the scheme in the
        /// [`Connection`](poorwsgi_core::request::Connection), the host in `Host`.
        trusted_proxies(peers: impl IntoIterator<Item = TrustedPeer>) -> Vec<TrustedPeer> = TrustedPeer::local(),
            peers.into_iter().collect(),
            SettingKind::Peers(|config, peers| config.trusted_proxies = peers),
            PROXIES, "believe what proxies in these networks, or unix for whoever connects to a Unix socket, say of \
            their clients: address, scheme, host and port; none trusts nobody";
        forwarded_fields(fields: ForwardedFields) -> ForwardedFields = ForwardedFields::XForwarded, fields,
            SettingKind::Choice(&[
                ("x-forwarded", |config| config.forwarded_fields = ForwardedFields::XForwarded),
                ("forwarded", |config| config.forwarded_fields = ForwardedFields::Forwarded),
            ]),
            PROXIES, "read the client of a trusted proxy from its X-Forwarded fields, or from Forwarded (RFC 7239); the \
            fields of the other kind, and all those of others, are removed";
        /// The header names both ends of the client's connection, and version 2 also whether the client has used
        /// TLS. It has to be complete after [`first_byte_timeout`](Self::first_byte_timeout). From then on the client
        /// that it names is the peer: its `X-Forwarded-…` fields are believed only if that address is trusted, too.
        /// [`Server::serve_connection`](crate::Server::serve_connection) reads no header; its caller can do so with
        /// a [`HeaderReader`](crate::proxy_protocol::HeaderReader).
        proxy_protocol(expect: bool) -> bool = false, expect,
            SettingKind::Switch { default: false, set: |config, expect| config.proxy_protocol = expect },
            PROXIES, "expect each connection of a trusted proxy to begin with a PROXY header (version 1 or 2), and close \
            it if that is missing or malformed; from others such a header is a bad request (400)";
        /// The request has the id as its field `X-Request-ID`: that of a trusted proxy, or a new one. Ids cost some
        /// percent of the time of a short request.
        request_id(send: bool) -> bool = false, send,
            SettingKind::Switch { default: false, set: |config, send| config.request_id = send },
            RESPONSES, "give each request an id, that of a trusted proxy or a new one; its response and its log records have \
            the same";
        /// `None` sends none.
        server_header(value: Option<HeaderValue>) -> Option<HeaderValue> =
            Some(HeaderValue::from_static(SERVER)), value,
            SettingKind::Field { default: SERVER, set: |config, value| config.server_header = value },
            RESPONSES, "send this Server field with each response that has none; an empty one is not sent";
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// Writes a line for each request. Default: no log.
    #[must_use]
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.access_log = Some(log);
        self
    }

    /// Counts what the server does. Default: nothing is counted.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Whether requests have ids, as [`request_id`](Self::request_id) has set.
    #[must_use]
    pub const fn names_requests(&self) -> bool {
        self.request_id
    }

    /// The limit that [`max_body`](Self::max_body) has set.
    #[must_use]
    pub const fn body_limit(&self) -> u64 {
        self.max_body
    }

    /// The limit that [`max_connections`](Self::max_connections) has set.
    #[must_use]
    pub const fn connection_limit(&self) -> u32 {
        self.max_connections
    }

    /// The limit that [`stop_timeout`](Self::stop_timeout) has set.
    #[must_use]
    pub const fn stop_limit(&self) -> Duration {
        self.stop_timeout
    }

    /// Whether the peer is a trusted proxy; a peer on a Unix socket has no address.
    pub(crate) fn trusts(&self, peer: Option<IpAddr>) -> bool {
        self.trusted_proxies.iter().any(|trusted| trusted.includes(peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets a setting to its default, or to another value.
    fn set(setting: &Setting<Config>, config: &mut Config, other: bool) {
        match &setting.kind {
            SettingKind::Bytes(number) | SettingKind::Count(number) | SettingKind::Quantity(number) => {
                (number.set)(config, number.default.unwrap() + u64::from(other));
            }
            SettingKind::Mode(set) if other => set(config, 0o600),
            SettingKind::Mode(_) => config.unix_mode = None,
            SettingKind::Seconds { default, set } => {
                set(config, *default + Duration::from_secs(other.into()))
            }
            SettingKind::Switch { default, set } => set(config, *default != other),
            SettingKind::Choice(words) => (words[usize::from(other)].1)(config),
            SettingKind::File(_) | SettingKind::Text { .. } => unreachable!("the binding has these"),
            SettingKind::Peers(set) if other => set(config, Vec::new()),
            SettingKind::Peers(set) => set(config, TrustedPeer::local()),
            SettingKind::Name(set) if other => set(config, "0".to_owned()),
            SettingKind::Name(_) => config.unix_group = None,
            SettingKind::Field { default, set } => {
                set(config, (!other).then(|| HeaderValue::from_static(default)));
            }
        }
    }

    #[test]
    fn each_setting_sets_one_field_whose_default_it_says() {
        let default = format!("{:?}", Config::new());
        let mut seen = Vec::new();
        for setting in Config::SETTINGS {
            let mut config = Config::new();
            set(setting, &mut config, true);
            let changed = format!("{config:?}");
            assert!(changed != default && !seen.contains(&changed), "{}", setting.name);
            seen.push(changed);
            set(setting, &mut config, false);
            assert_eq!(format!("{config:?}"), default, "{}", setting.name);
        }
    }

    #[test]
    fn numbers_are_kept_within_their_limits() {
        let config =
            Config::new().max_request_line(usize::MAX).max_fields(20_000).max_connections(0).queue(1);
        assert_eq!(
            (config.max_request_line, config.max_fields, config.max_connections, config.queue),
            (65_534, 10_000, 1, 8192)
        );
        let config = config.max_request_line(0).max_fields(0).max_connections(u32::MAX).queue(usize::MAX);
        assert_eq!(
            (config.max_request_line, config.max_fields, config.max_connections, config.queue),
            (0, 0, u32::MAX, usize::MAX)
        );
    }

    #[test]
    fn only_listed_peers_are_trusted() {
        let config =
            Config::new().trusted_proxies(["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        let trusts = |address: &str| config.trusts(Some(address.parse().unwrap()));
        assert!(trusts("10.1.2.3") && trusts("::1") && trusts("::ffff:10.1.2.3"));
        assert!(!trusts("11.1.2.3") && !trusts("::2"));
        assert!(!config.trusts(None) && config.trusted_proxies([TrustedPeer::Unix]).trusts(None));
        let trusts = |address: &str| Config::new().trusts(Some(address.parse().unwrap()));
        assert!(trusts("127.0.0.1") && trusts("::1") && Config::new().trusts(None) && !trusts("10.1.2.3"));
    }
}
