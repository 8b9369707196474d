//! Conversion of settings: values from Python objects, and descriptions of the settings for Python.
//!
//! Text from the command line is parsed in Python (`poorwsgi._settings`).

use std::time::Duration;

use http::HeaderValue;
use poorwsgi_server::settings::{LONGEST, Number, Setting, SettingKind};
use poorwsgi_server::{BadPeer, TrustedPeer};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::names::kind_of;

/// Sets the setting with this name; `None` if no setting has it.
///
/// # Errors
/// ValueError for a value that the setting does not allow. Its text has the name, the value and what is
/// allowed.
pub(crate) fn set<C>(
    settings: &[Setting<C>],
    target: &mut C,
    name: &str,
    value: &Bound<'_, PyAny>,
) -> Option<PyResult<()>> {
    let setting = settings.iter().find(|setting| setting.name == name)?;
    let refused = |reason| PyValueError::new_err(format!("{name}: {reason}"));
    Some(apply(&setting.kind, target, value).map_err(refused))
}

/// Sets the value, or returns why it is refused.
fn apply<C>(kind: &SettingKind<C>, target: &mut C, value: &Bound<'_, PyAny>) -> Result<(), String> {
    let wrong = |right: &str| format!("must be {right}, not {value:?}");
    let too_small = |what: &str, min: Option<u64>| wrong(&format!("{what}, {} or more", min.unwrap_or(0)));
    match kind {
        SettingKind::Quantity(Number { default: None, .. }) | SettingKind::Mode(_) | SettingKind::Name(_)
            if value.is_none() => {}
        SettingKind::Quantity(number) => {
            let (min, max) = (number.min.unwrap_or(0), number.max.unwrap_or(u64::MAX));
            let count = value.extract().ok().filter(|count| (min..=max).contains(count));
            (number.set)(target, count.ok_or_else(|| wrong(&format!("a whole number from {min} to {max}")))?);
        }
        SettingKind::Bytes(number) => {
            let bytes =
                whole(value, number).ok_or_else(|| too_small("a whole number of bytes", number.min))?;
            (number.set)(target, bytes);
        }
        SettingKind::Count(number) => {
            let count = whole(value, number).ok_or_else(|| too_small("a whole number", number.min))?;
            (number.set)(target, count);
        }
        SettingKind::Mode(set) => {
            let mode = value.extract().ok().filter(|mode| *mode <= 0o777);
            set(target, mode.ok_or_else(|| wrong("permissions from 0 to 0o777, such as 0o660"))?);
        }
        SettingKind::Seconds { set, .. } => {
            set(target, time(value).ok_or_else(|| wrong("a number of seconds, 0 or more"))?);
        }
        SettingKind::Switch { set, .. } => set(target, value.extract().map_err(|_| wrong("True or False"))?),
        SettingKind::Choice(words) => {
            let given = value.extract::<&str>().unwrap_or_default();
            let (_, set) = words.iter().find(|(word, _)| *word == given).ok_or_else(|| {
                let words: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
                wrong(&words.join(" or "))
            })?;
            set(target);
        }
        SettingKind::File(_) if value.is_none() => {}
        SettingKind::File(set) => {
            let path: Option<String> = value.extract().ok().filter(|path: &String| !path.is_empty());
            set(target, path.ok_or_else(|| wrong("the name of a file, or \"-\" for the standard output"))?);
        }
        SettingKind::Text { set, .. } => {
            set(target, value.extract().map_err(|_| wrong("a text"))?)?;
        }
        SettingKind::Peers(set) => set(target, peers(value)?),
        SettingKind::Name(set) => {
            let name = value.extract().ok().filter(|name: &String| !name.is_empty());
            set(target, name.ok_or_else(|| wrong("a name"))?);
        }
        SettingKind::Field { set, .. } => {
            set(target, field(value).ok_or_else(|| wrong("text without control characters, or None"))?);
        }
    }
    Ok(())
}

/// The value as a whole number, at most the maximum; `None` if it is no whole number or below the minimum. A
/// number that does not fit a `u64` counts as the maximum.
fn whole<C>(value: &Bound<'_, PyAny>, limits: &Number<C>) -> Option<u64> {
    let number = match value.extract::<u64>() {
        Ok(number) => number,
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) && value.gt(0).ok()? => u64::MAX,
        Err(_) => return None,
    };
    limits.min.is_none_or(|min| number >= min).then(|| limits.max.map_or(number, |max| number.min(max)))
}

fn time(value: &Bound<'_, PyAny>) -> Option<Duration> {
    let seconds = value.extract().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)?;
    Some(Duration::try_from_secs_f64(seconds).map_or(LONGEST, |time| time.min(LONGEST)))
}

/// The peers of a list of texts; `none` alone stands for no peer.
fn peers(value: &Bound<'_, PyAny>) -> Result<Vec<TrustedPeer>, String> {
    let text = |item: PyResult<Bound<'_, PyAny>>| {
        let text = item.and_then(|item| {
            item.extract::<String>().map_err(|_| {
                PyTypeError::new_err(format!("{} is not a network; expected a str", kind_of(&item)))
            })
        });
        text.map_err(|error| error.value(value.py()).to_string())
    };
    let texts: Vec<String> = match value.try_iter() {
        // A str is iterable, too, but its items are characters.
        Ok(items) if !value.is_instance_of::<PyString>() => items.map(text).collect::<Result<_, _>>()?,
        _ => return Err(format!("must be a list of networks, such as [\"10.0.0.0/8\"], not {value:?}")),
    };
    match texts.as_slice() {
        [only] if only == NOBODY => Ok(Vec::new()),
        texts if texts.iter().any(|text| text == NOBODY) => {
            Err(format!("{NOBODY} trusts nobody; expected it alone, or only networks"))
        }
        texts => texts.iter().map(|text| text.parse().map_err(|error: BadPeer| error.to_string())).collect(),
    }
}

/// The word for no trusted peer.
const NOBODY: &str = "none";

/// `Some(None)` if the field is not to be sent; `None` if the value is refused.
fn field(value: &Bound<'_, PyAny>) -> Option<Option<HeaderValue>> {
    let text: Option<String> = value.extract().ok()?;
    let text = text.filter(|text| !text.is_empty());
    text.map(HeaderValue::try_from).transpose().ok()
}

/// The description of a setting for Python: name, section, kind, default, minimum, maximum, the words of a
/// choice, help.
pub(crate) fn row<'py, C>(py: Python<'py>, setting: &Setting<C>) -> PyResult<Bound<'py, PyTuple>> {
    let nothing = || py.None().into_bound(py);
    let (mut min, mut max, mut words) = (None, None, Vec::new());
    let mut limits = |number: &Number<C>| {
        (min, max) = (number.min, number.max);
        number.default.into_pyobject(py)
    };
    let (kind, default) = match &setting.kind {
        SettingKind::Bytes(number) => ("bytes", limits(number)?),
        SettingKind::Count(number) | SettingKind::Quantity(number) => ("count", limits(number)?),
        SettingKind::Mode(_) => ("mode", nothing()),
        SettingKind::Seconds { default, .. } => {
            ("seconds", default.as_secs_f64().into_pyobject(py)?.into_any())
        }
        SettingKind::Switch { default, .. } => ("switch", default.into_pyobject(py)?.to_owned().into_any()),
        SettingKind::Choice(all) => {
            words = all.iter().map(|(word, _)| *word).collect();
            ("choice", words.first().into_pyobject(py)?)
        }
        SettingKind::File(_) => ("file", nothing()),
        SettingKind::Name(_) => ("name", nothing()),
        SettingKind::Text { default, .. } => ("text", default.into_pyobject(py)?.into_any()),
        SettingKind::Peers(_) => {
            let peers = TrustedPeer::local().iter().map(ToString::to_string).collect::<Vec<_>>();
            ("networks", PyTuple::new(py, peers)?.into_any())
        }
        SettingKind::Field { default, .. } => ("field", default.into_pyobject(py)?.into_any()),
    };
    let words = PyTuple::new(py, words)?;
    (setting.name, setting.section, kind, default, min, max, words, setting.help).into_pyobject(py)
}
