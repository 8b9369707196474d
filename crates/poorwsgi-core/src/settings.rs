//! What an application can be told: its settings, their defaults, and the variables that override them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use zeroize::Zeroizing;

#[cfg(feature = "digest")]
use crate::digest::Algorithm;
use crate::form::{FormFile, Limits};
use crate::json;
use crate::request::Head;

/// Supplies the file that an uploaded file is written into, given the file name from the form.
///
/// Its error ends the request and reaches the application's error handlers as an [`io::Error`]; one that was
/// made of an [`HttpError`](crate::HttpError), `io::Error::other(HttpError::new(403))`, ends it with that
/// status.
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
/// // The name has no path in it; a file that is there already is not written over.
/// let store: FileCallback = Arc::new(move |name| Ok(Box::new(File::create_new(uploads.join(name))?)));
///
/// let mut app = Application::new("demo");
/// app.settings_mut().file_callback = Some(store.clone());
/// assert!(store("a.txt").is_ok());
/// assert!(store("a.txt").is_err());
/// ```
pub type FileCallback = Arc<dyn Fn(&str) -> io::Result<Box<dyn FormFile>> + Send + Sync>;

/// Supplies the media type of a file by its path.
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
/// Names and defaults are PoorWSGI's where it has the setting.
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
    /// The application's name: the default realm, and the name that log lines carry.
    pub name: String,
    /// Shows errors in full and serves `/debug-info`. Default: off. Overridden by the variable `poor_Debug`.
    pub debug: bool,
    /// The directory whose files are served for GET and HEAD where no route matches. Default: none.
    /// Overridden by `poor_DocumentRoot`.
    pub document_root: Option<PathBuf>,
    /// Supplies the media type of a file below the document root by its path; `None` is
    /// `application/octet-stream`. Default: a table of ours.
    pub media_type: Option<MediaTypeCallback>,
    /// Lists directories below the document root. Default: off. Overridden by `poor_DocumentIndex`.
    pub document_index: bool,
    /// Serves files whose name begins with a dot, too. Default: off; `.well-known` is served always.
    pub dot_files: bool,
    /// Follows symbolic links that lead out of the document root. Default: off; relative ones that stay
    /// inside are followed always. Whoever can make a link below the document root can publish any file that
    /// this process may read.
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
    /// The largest body, in bytes, that [`auto_data`](Self::auto_data) reads ahead. Default: 65,365.
    pub data_size: u64,
    /// The block, in bytes, in which a WSGI server's input is read. Default: 65,365.
    pub cached_size: usize,
    /// The largest JSON body in bytes; a larger one is answered with 413. Default: 16 MiB.
    pub json_size: u64,
    /// How deep JSON may nest; deeper is answered with 400. Default: 100.
    pub json_depth: usize,
    /// How many values and names JSON may hold, each of which takes up to some hundred bytes of memory; more
    /// is answered with 413. Default: 1,000,000.
    pub json_values: usize,
    /// Keeps fields and arguments without a value. Default: off.
    pub keep_blank_values: bool,
    /// Answers a query or form that breaks the syntax with 400 instead of skipping what is broken. Default:
    /// off.
    pub strict_parsing: bool,
    /// The limits of form parsing.
    pub form_limits: Limits,
    /// Supplies the files that uploads are written into. Default: none, which means memory up to
    /// `form_limits.spool_bytes`, then temporary files.
    pub file_callback: Option<FileCallback>,
    /// How long reading the body waits for the next bytes. Default: 10 s.
    pub read_timeout: Duration,
    /// Media types that are parsed as forms.
    pub form_mime_types: Vec<String>,
    /// Media types that are parsed as JSON.
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
    /// How long a digest nonce is good: at least this, at most twice this. `None` means for ever. Default:
    /// 300 s.
    pub auth_timeout: Option<Duration>,
}

impl Settings {
    /// What JSON may hold.
    #[must_use]
    pub const fn json_limits(&self) -> json::Limits {
        json::Limits { depth: self.json_depth, values: self.json_values }
    }

    /// The defaults, for an application of this name.
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
            form_limits: Limits::default(),
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

    /// Whether debug is on for this request: `poor_Debug`, else the setting.
    #[must_use]
    pub fn debug_for(&self, head: &dyn Head) -> bool {
        switch(head, "poor_Debug").unwrap_or(self.debug)
    }

    /// The document root for this request: `poor_DocumentRoot`, else the setting.
    #[must_use]
    pub fn document_root_for(&self, head: &dyn Head) -> Option<PathBuf> {
        match head.variable("poor_DocumentRoot") {
            Some(path) if !path.is_empty() => Some(PathBuf::from(path.as_ref())),
            Some(_) => None,
            None => self.document_root.clone(),
        }
    }

    /// Whether directories are listed for this request: `poor_DocumentIndex`, else the setting.
    #[must_use]
    pub fn document_index_for(&self, head: &dyn Head) -> bool {
        switch(head, "poor_DocumentIndex").unwrap_or(self.document_index)
    }

    /// The secret key for this request: `poor_SecretKey`, else the setting.
    #[must_use]
    pub fn secret_key_for(&self, head: &dyn Head) -> Option<SecretKey> {
        match head.variable("poor_SecretKey") {
            Some(key) if !key.is_empty() => Some(SecretKey::from(key.as_bytes())),
            _ => self.secret_key.clone(),
        }
    }
}

/// What a variable says of a switch: it is on at `on`, in any case, and off at all else. An empty variable
/// says nothing.
#[must_use]
pub fn switch(head: &dyn Head, variable: &str) -> Option<bool> {
    let value = head.variable(variable).filter(|value| !value.is_empty())?;
    Some(value.eq_ignore_ascii_case("on"))
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
    /// A new random key of 32 bytes: sessions end when the process does.
    ///
    /// # Errors
    /// Fails when the operating system has no randomness to give.
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
