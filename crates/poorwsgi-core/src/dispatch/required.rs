//! The header fields that a response has to have because of the error that it answers.

use http::header::{ALLOW, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue};

#[cfg(feature = "digest")]
use crate::digest;
use crate::error::{Challenge, HttpError};
use crate::headers::Headers;
use crate::request::Head;
use crate::settings::Settings;
use crate::state::{self, MethodSet};

/// What the answer to an error has to say, whoever makes the answer.
pub(super) enum RequiredFields {
    /// `Allow` of a 405 (RFC 9110, section 15.5.6).
    Allow(MethodSet),
    /// `WWW-Authenticate` of a 401 (RFC 9110, section 15.5.2).
    Challenge(Option<Challenge>),
    /// The `Set-Cookie` that removes a cookie which the client should not send again, with any status.
    RemovedCookie(HeaderValue),
}

impl RequiredFields {
    /// `None` for an error whose answer needs no field.
    pub(super) fn of(settings: &Settings, error: &HttpError) -> Option<Self> {
        if let Some(cookie) = error.removed_cookie() {
            return Some(RequiredFields::RemovedCookie(cookie.clone()));
        }
        match error.status() {
            state::HTTP_METHOD_NOT_ALLOWED => error.allow().map(RequiredFields::Allow),
            state::HTTP_UNAUTHORIZED if asks_for_digest(settings) => {
                Some(RequiredFields::Challenge(error.challenge().cloned()))
            }
            _ => None,
        }
    }

    /// Whether a response lacks the field.
    pub(super) fn are_missing(&self, status: u16, headers: &Headers) -> bool {
        match self {
            RequiredFields::Allow(_) => status == state::HTTP_METHOD_NOT_ALLOWED && !headers.contains(ALLOW),
            RequiredFields::Challenge(_) => {
                status == state::HTTP_UNAUTHORIZED && !headers.contains(WWW_AUTHENTICATE)
            }
            RequiredFields::RemovedCookie(cookie) => {
                let mut set = headers.get_all(SET_COOKIE);
                !set.any(|other| name_of(other.as_bytes()) == name_of(cookie.as_bytes()))
            }
        }
    }

    /// The fields, to be added to the response.
    pub(super) fn make(self, settings: &Settings, head: &dyn Head) -> Vec<(HeaderName, HeaderValue)> {
        match self {
            RequiredFields::Allow(allow) => {
                HeaderValue::from_str(&allow.to_string()).map(|allow| (ALLOW, allow)).into_iter().collect()
            }
            RequiredFields::Challenge(challenge) => {
                let challenges = challenges_of(settings, head, challenge.as_ref());
                // None if no field can hold the realm.
                let values = challenges.into_iter().filter_map(|value| HeaderValue::try_from(value).ok());
                values.map(|value| (WWW_AUTHENTICATE, value)).collect()
            }
            RequiredFields::RemovedCookie(cookie) => vec![(SET_COOKIE, cookie)],
        }
    }
}

/// The name of the cookie in a `Set-Cookie` field.
fn name_of(cookie: &[u8]) -> &[u8] {
    cookie.split(|&byte| byte == b'=').next().unwrap_or_default().trim_ascii()
}

/// The values of `WWW-Authenticate` with which a 401 asks for a digest login; none where there are no random
/// bytes for a key. The realm is the application's name where the error has none.
#[cfg(feature = "digest")]
#[must_use]
pub fn challenges_of(settings: &Settings, head: &dyn Head, challenge: Option<&Challenge>) -> Vec<String> {
    let realm = challenge.map_or(settings.name.as_str(), |challenge| &challenge.realm);
    let stale = challenge.is_some_and(|challenge| challenge.stale);
    digest::challenges(settings, head, realm, stale).unwrap_or_default()
}

#[cfg(feature = "digest")]
const fn asks_for_digest(settings: &Settings) -> bool {
    settings.auth_digest
}

#[cfg(not(feature = "digest"))]
const fn asks_for_digest(_settings: &Settings) -> bool {
    false
}

#[cfg(not(feature = "digest"))]
fn challenges_of(_settings: &Settings, _head: &dyn Head, _challenge: Option<&Challenge>) -> Vec<String> {
    Vec::new()
}
