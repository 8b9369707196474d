//! The settings of an application, their defaults, and the variables that override them.

pub mod overrides;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use zeroize::Zeroizing;

#[cfg(feature = "digest")]
use crate::digest::Algorithm;
use crate::form::{FormFile, FormLimits};
use crate::json::JsonLimits;
use crate::request::Head;

/// Opens the file that an upload is written into. Its argument is the file name from the form, reduced to the
/// last component.
///
/// An error of the callback ends the request and reaches the application's error handlers as an
/// [`io::Error`]. To answer with a status instead, return an error that wraps an
/// [`HttpError`](crate::HttpError), such as `io::Error::other(HttpError::new(403))`.
///
/// ```
/// use std::fs::File;
/// use std::sync::Arc;
///
/// use poorwsgi::Application;
/// use poorwsgi::settings::FileCallback;
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let uploads = directory.path().to_owned();
/// // The name has no path in it. `create_new` does not overwrite a file.
/// let store: FileCallback = Arc::new(move |name| Ok(Box::new(File::create_new(uploads.join(name))?)));
///
/// let mut app = Application::new("demo");
/// app.settings_mut().file_callback = Some(store.clone());
/// assert!(store("a.txt").is_ok());
/// assert!(store("a.txt").is_err());
/// ```
pub type FileCallback = Arc<dyn Fn(&str) -> io::Result<Box<dyn FormFile>> + Send + Sync>;

/// Chooses the media type of a file below the document root. Its argument is the decoded path of the request;
/// `None` means `application/octet-stream`.
///
/// ```
/// use std::sync::Arc;
///
/// use poorwsgi::Application;
/// use poorwsgi::settings::MediaTypeCallback;
///
/// let media_type: MediaTypeCallback = Arc::new(|path| match path.rsplit_once('.')?.1 {
///     "html" => Some("text/html; charset=utf-8".to_owned()),
///     "gmi" => Some("text/gemini".to_owned()),
///     _ => None,
/// });
/// assert_eq!(media_type("/docs/index.gmi").as_deref(), Some("text/gemini"));
///
/// let mut app = Application::new("demo");
/// app.settings_mut().media_type = Some(media_type);
/// ```
pub type MediaTypeCallback = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The settings of an application.
///
/// A setting that PoorWSGI has, too, keeps PoorWSGI's name and default.
///
/// ```
/// let mut app = poorwsgi::Application::new("demo");
/// app.settings_mut().debug = true;
/// app.settings_mut().document_root = Some("static".into());
/// assert!(app.settings().auto_form);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The application's name. It is the default realm of digest logins, and is shown on the debug page.
    pub name: String,
    /// Shows errors in full and serves `/debug-info`. Default: off. Overridden by the variable `poor_Debug`.
    pub debug: bool,
    /// The directory whose files are served for GET and HEAD where no route matches. Default: none.
    /// Overridden by `poor_DocumentRoot`.
    pub document_root: Option<PathBuf>,
    /// Chooses the media type of a file below the document root. Default: none, which means a built-in table
    /// of file extensions.
    pub media_type: Option<MediaTypeCallback>,
    /// Lists directories below the document root. Default: off. Overridden by `poor_DocumentIndex`.
    pub document_index: bool,
    /// Also serves files whose names begin with a dot. Default: off; `.well-known` is always served.
    pub dot_files: bool,
    /// Follows symbolic links that lead out of the document root. Default: off; relative links that stay
    /// inside are always followed. With this setting, anybody who can create a link below the document root
    /// can publish any file that the process may read.
    pub follow_links: bool,
    /// The key of sessions, tokens and digest nonces. Default: none. Overridden by `poor_SecretKey`.
    pub secret_key: Option<SecretKey>,
    /// Parses the query into `args`. Default: on.
    pub auto_args: bool,
    /// Reads forms (by [`form_mime_types`](Self::form_mime_types)) before the handler runs. Default: on.
    pub auto_form: bool,
    /// Reads JSON (by [`json_mime_types`](Self::json_mime_types)) before the handler runs. Default: on.
    pub auto_json: bool,
    /// Reads other bodies up to [`data_size`](Self::data_size) before the handler runs. Default: on.
    pub auto_data: bool,
    /// Parses the `Cookie` field. Default: on.
    pub auto_cookies: bool,
    /// The largest body, in bytes, that [`auto_data`](Self::auto_data) reads before the handler runs; a
    /// larger one is left unread. It is also the limit of the arguments `Bytes` and `String`: there a larger
    /// body is answered with 413. Default: 65,365.
    pub data_size: u64,
    /// The size, in bytes, of the blocks in which the input of a WSGI server is read. Default: 65,365.
    pub cached_size: usize,
    /// The largest JSON body in bytes; a larger one is answered with 413. Default: 16 MiB.
    pub json_size: u64,
    /// How deep a JSON body may nest; a deeper one is answered with 400. Default: 100.
    pub json_depth: usize,
    /// How many values and member names a JSON body may hold; a body with more is answered with 413. Each
    /// takes up to some hundred bytes of memory. Default: 1,000,000.
    pub json_values: usize,
    /// Keeps form fields and query arguments whose value is empty. Default: off.
    pub keep_blank_values: bool,
    /// Answers a malformed query or form with 400 instead of skipping its malformed parts. Default: off.
    pub strict_parsing: bool,
    /// The limits of forms: bytes, fields, files. A form over one of them is answered with 413. Default:
    /// that of [`FormLimits`], which allows 16 MiB for the whole body. The server has a limit of its own, see
    /// [`FormLimits::body_bytes`].
    pub form_limits: FormLimits,
    /// Opens the files that uploads are written into. Default: none; uploads are then kept in memory up to
    /// `form_limits.spool_bytes`, and in temporary files beyond that.
    pub file_callback: Option<FileCallback>,
    /// How long reading the body waits for the next bytes. Default: 10 s.
    pub read_timeout: Duration,
    /// Media types that are parsed as forms. Default: `application/x-www-form-urlencoded` and
    /// `multipart/form-data`.
    pub form_mime_types: Vec<String>,
    /// Media types that are parsed as JSON. Default: `application/json`, `application/javascript` and
    /// `application/merge-patch+json`.
    pub json_mime_types: Vec<String>,
    #[cfg(feature = "digest")]
    /// Whether a 401 carries a digest challenge. Default: off.
    pub auth_digest: bool,
    #[cfg(feature = "digest")]
    /// The digest algorithms that are offered, strongest first. Default: SHA-256.
    pub auth_algorithms: Vec<Algorithm>,
    #[cfg(feature = "digest")]
    /// Whether the digest challenge has `qop="auth"`, which protects against replay. Default: on.
    pub auth_qop: bool,
    #[cfg(feature = "digest")]
    /// How long a digest nonce is valid, in whole seconds, rounded up. `None` or zero means for ever.
    /// Default: 300 s.
    pub auth_timeout: Option<Duration>,
}

impl Settings {
    /// The default settings of an application with this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let types = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Settings {
            name: name.into(),
            debug: false,
            document_root: None,
            media_type: None,
            document_index: false,
            dot_files: false,
            follow_links: false,
            secret_key: None,
            auto_args: true,
            auto_form: true,
            auto_json: true,
            auto_data: true,
            auto_cookies: true,
            data_size: 65_365,
            cached_size: 65_365,
            json_size: 16 << 20,
            json_depth: 100,
            json_values: 1_000_000,
            keep_blank_values: false,
            strict_parsing: false,
            form_limits: FormLimits::default(),
            file_callback: None,
            read_timeout: Duration::from_secs(10),
            form_mime_types: types(&["application/x-www-form-urlencoded", "multipart/form-data"]),
            json_mime_types: types(&[
                "application/json",
                "application/javascript",
                "application/merge-patch+json",
            ]),
            #[cfg(feature = "digest")]
            auth_digest: false,
            #[cfg(feature = "digest")]
            auth_algorithms: vec![Algorithm::Sha256],
            #[cfg(feature = "digest")]
            auth_qop: true,
            #[cfg(feature = "digest")]
            auth_timeout: Some(Duration::from_secs(300)),
        }
    }
}

/// The limits of JSON bodies.
#[must_use]
pub const fn json_limits(settings: &Settings) -> JsonLimits {
    JsonLimits { depth: settings.json_depth, values: settings.json_values }
}

/// Whether a media type is in a setting such as `json_mime_types`.
#[must_use]
pub fn is_listed(types: &[String], media_type: &str) -> bool {
    types.iter().any(|each| each.eq_ignore_ascii_case(media_type))
}

/// Whether a handler that asks for JSON takes a body of this media type: one that is in the setting
/// `json_mime_types`, or any that ends with `+json` (RFC 6839, section 3.1). Only the former are read
/// [before the handler runs](Settings::auto_json), because a handler may want the bytes of the latter.
#[must_use]
pub fn is_json(settings: &Settings, media_type: &str) -> bool {
    let suffix = media_type.rsplit_once('+').is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("json"));
    suffix || is_listed(&settings.json_mime_types, media_type)
}

/// Whether debug is on for this request: `poor_Debug`, else the setting.
#[must_use]
pub fn debug_for(settings: &Settings, head: &dyn Head) -> bool {
    overrides::debug(head).unwrap_or(settings.debug)
}

/// The document root for this request: `poor_DocumentRoot`, else the setting. An empty variable means no
/// document root.
#[must_use]
pub fn document_root_for(settings: &Settings, head: &dyn Head) -> Option<PathBuf> {
    match overrides::document_root(head) {
        Some(path) => (!path.is_empty()).then(|| PathBuf::from(path.as_ref())),
        None => settings.document_root.clone(),
    }
}

/// Whether directories are listed for this request: `poor_DocumentIndex`, else the setting.
#[must_use]
pub fn document_index_for(settings: &Settings, head: &dyn Head) -> bool {
    overrides::document_index(head).unwrap_or(settings.document_index)
}

/// The secret key for this request: `poor_SecretKey`, else the setting.
#[must_use]
pub fn secret_key_for(settings: &Settings, head: &dyn Head) -> Option<SecretKey> {
    match overrides::secret_key(head) {
        Some(key) => (!key.is_empty()).then(|| SecretKey::from(key.as_bytes())),
        None => settings.secret_key.clone(),
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("debug", &self.debug)
            .finish_non_exhaustive()
    }
}

/// Key material. It is wiped from memory when dropped, and never printed.
///
/// ```
/// use poorwsgi::Application;
/// use poorwsgi::settings::SecretKey;
///
/// # fn main() -> std::io::Result<()> {
/// let mut app = Application::new("demo");
/// app.settings_mut().secret_key = match std::env::var("DEMO_KEY") {
///     Ok(key) => Some(SecretKey::from(&key)),
///     Err(_) => Some(SecretKey::random()?),
/// };
/// assert_eq!(format!("{:?}", app.settings().secret_key), "Some(SecretKey(…))");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SecretKey(Zeroizing<Vec<u8>>);

impl SecretKey {
    /// A new random key of 32 bytes. Sessions and tokens made with it do not outlive the process.
    ///
    /// # Errors
    /// The error of the operating system's random number generator.
    pub fn random() -> io::Result<Self> {
        let mut key = Zeroizing::new(vec![0; 32]);
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        Ok(SecretKey(key))
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<T: AsRef<[u8]> + ?Sized> From<&T> for SecretKey {
    fn from(key: &T) -> Self {
        SecretKey(Zeroizing::new(key.as_ref().to_vec()))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6839, section 3.1.
    #[test]
    fn json_is_what_is_listed_and_what_has_its_suffix() {
        let settings = Settings::new("demo");
        for media_type in
            ["application/json", "Application/JSON", "application/hal+json", "application/x+JSON"]
        {
            assert!(is_json(&settings, media_type), "{media_type}");
        }
        for media_type in ["", "json", "text/plain", "application/json+xml", "application/jsonx"] {
            assert!(!is_json(&settings, media_type), "{media_type}");
        }
    }
}
