//! What a setting is: its name, its kind with the limits, its default, and a sentence for whoever runs a server.

use std::time::Duration;

use http::HeaderValue;
use ipnet::IpNet;

/// A setting of `C`, such as [`Config`](crate::Config). All that is shown or asked of a setting is made of it:
/// builder methods, keyword arguments, options of a command line, documentation.
#[derive(Debug)]
pub struct Setting<C: 'static> {
    /// How it is called, in every language.
    pub name: &'static str,
    /// Under which heading it is shown.
    pub section: &'static str,
    /// What the server does by it, as a sentence without its first capital and its full stop.
    pub help: &'static str,
    /// What values it has.
    pub kind: Kind<C>,
}

/// The values of a setting, the one that it has from the start, and how it is set.
#[derive(Debug)]
pub enum Kind<C: 'static> {
    /// A number of bytes.
    Bytes(Number<C>),
    /// A number of other things.
    Count(Number<C>),
    /// The permission bits of a file, up to `0o777`, which are written as octal digits; from the start, what
    /// the umask leaves.
    Mode(fn(&mut C, u32)),
    /// A time. What is longer than [`LONGEST`] counts as that.
    Seconds {
        /// From the start.
        default: Duration,
        /// Sets it.
        set: fn(&mut C, Duration),
    },
    /// Yes or no.
    Switch {
        /// From the start.
        default: bool,
        /// Sets it.
        set: fn(&mut C, bool),
    },
    /// One of a few words; the first one from the start.
    Choice(&'static [Word<C>]),
    /// Any number of networks; none from the start.
    Networks(fn(&mut C, Vec<IpNet>)),
    /// The value of a field, or `None` where there shall be no such field.
    Field {
        /// From the start.
        default: &'static str,
        /// Sets it.
        set: fn(&mut C, Option<HeaderValue>),
    },
}

/// One of the words of a [`Kind::Choice`], and what sets it.
pub type Word<C> = (&'static str, fn(&mut C));

/// A whole number with its limits.
#[derive(Debug)]
pub struct Number<C: 'static> {
    /// From the start; `None` where no number says what the server does then, but [`Setting::help`].
    pub default: Option<u64>,
    /// The least that is of use, where that is more than zero.
    pub min: Option<u64>,
    /// What is more counts as this, if there is one.
    pub max: Option<u64>,
    /// Sets it to a number within the limits.
    pub set: fn(&mut C, u64),
}

/// What is longer than this, a hundred years, is as good as no limit, and can still be added to any time.
pub const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
