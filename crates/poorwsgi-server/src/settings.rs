//! The description of a setting: its name, its kind with the limits, its default, and a help sentence.

use std::time::Duration;

use http::HeaderValue;

use crate::TrustedPeer;

/// A setting of `C`, such as [`Config`](crate::Config). Builder methods, keyword arguments, options of a
/// command line and documentation are all generated from it.
#[derive(Debug)]
pub struct Setting<C: 'static> {
    /// The name of the setting, the same in every language.
    pub name: &'static str,
    /// The heading under which the setting is shown.
    pub section: &'static str,
    /// The help of the setting: what the server does, as a sentence without its first capital and its full stop.
    pub help: &'static str,
    /// The kind of its values.
    pub kind: SettingKind<C>,
}

impl<C> Setting<C> {
    /// Sets it to its default, unless nothing is set by default.
    ///
    /// ```
    /// use poorwsgi_server::Config;
    ///
    /// let mut config = Config::new().max_body(1024).queue(9000);
    /// Config::SETTINGS.iter().for_each(|setting| setting.set_default(&mut config));
    /// assert_eq!(format!("{config:?}"), format!("{:?}", Config::new()));
    /// ```
    pub fn set_default(&self, config: &mut C) {
        match &self.kind {
            SettingKind::Bytes(number) | SettingKind::Count(number) | SettingKind::Quantity(number) => {
                if let Some(default) = number.default {
                    (number.set)(config, default);
                }
            }
            SettingKind::Seconds { default, set } => set(config, *default),
            SettingKind::Switch { default, set } => set(config, *default),
            SettingKind::Choice(words) => {
                if let Some((_, set)) = words.first() {
                    set(config);
                }
            }
            SettingKind::Field { default, set } => set(config, HeaderValue::from_str(default).ok()),
            SettingKind::Peers(set) => set(config, TrustedPeer::local()),
            SettingKind::Text { default, set } => {
                // A default is valid.
                let _ = set(config, default);
            }
            SettingKind::Mode(_) | SettingKind::Name(_) | SettingKind::File(_) => {}
        }
    }
}

/// The kind of values of a setting, its default, and the function that sets it.
#[derive(Debug)]
pub enum SettingKind<C: 'static> {
    /// A number of bytes.
    Bytes(Number<C>),
    /// A number of other things.
    Count(Number<C>),
    /// A number of things that are started, for which a number over the maximum is a mistake.
    Quantity(Number<C>),
    /// The permission bits of a file, up to `0o777`, written as octal digits; by default, what the umask
    /// leaves.
    Mode(fn(&mut C, u32)),
    /// A duration. A longer one than [`LONGEST`] counts as that.
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
    /// One of a few words; the first one is the default.
    Choice(&'static [Word<C>]),
    /// The name of something that the system knows, none by default.
    Name(fn(&mut C, String)),
    /// Any number of peers; by default those of the same machine ([`TrustedPeer::local`]).
    Peers(fn(&mut C, Vec<TrustedPeer>)),
    /// A file, none by default; `-` is the standard output.
    File(fn(&mut C, String)),
    /// A text with a syntax.
    Text {
        /// From the start.
        default: &'static str,
        /// Sets it, or says what is wrong with the text.
        set: fn(&mut C, &str) -> Result<(), String>,
    },
    /// The value of a field, or `None` for no such field.
    Field {
        /// From the start.
        default: &'static str,
        /// Sets it.
        set: fn(&mut C, Option<HeaderValue>),
    },
}

/// One of the words of a [`SettingKind::Choice`], and the function that sets it.
pub type Word<C> = (&'static str, fn(&mut C));

/// A whole number with its limits.
#[derive(Debug)]
pub struct Number<C: 'static> {
    /// The default; `None` if it is not a number, and [`Setting::help`] says what the server does then.
    pub default: Option<u64>,
    /// The minimum, if that is more than zero.
    pub min: Option<u64>,
    /// The maximum, if there is one; a higher number counts as this, except for a [`SettingKind::Quantity`].
    pub max: Option<u64>,
    /// Sets it to a number within the limits.
    pub set: fn(&mut C, u64),
}

/// A hundred years: as good as no limit, and can still be added to any time.
pub const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
