//! How many connections the file descriptors of the process suffice for.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::LOG;

/// Descriptors reserved for everything but connections: the application, its modules, the log, the event
/// loops.
const RESERVE: u64 = 64;
/// Descriptors for each connection: its socket, and a file that is sent or an upload that is stored.
const EACH: u64 = 2;
/// At least this many connections are accepted, however low the limit is.
const FEWEST: u64 = 8;

/// Raises the limit of file descriptors of this process (`ulimit -n`) to what this number of connections
/// needs, as far as the system allows; a higher limit stays. This is for a process that is a server: programs
/// that it starts inherit the limit. [`Bound::run`](crate::Bound::run) calls it,
/// [`Bound::serve`](crate::Bound::serve) does not.
///
/// ```
/// poorwsgi_server::raise_descriptor_limit(200)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
///
/// The system does not tell the limit, or does not let it be set. A limit that cannot be raised far enough is
/// no error.
pub fn raise_descriptor_limit(connections: u32) -> io::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = needed_for(connections).min(hard);
    if wanted > soft {
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)?;
    }
    Ok(())
}

/// The limit of connections.
#[derive(Debug)]
pub(crate) struct DescriptorLimit {
    connections: u32,
    /// The message for the first time that the limit is reached.
    warning: Option<String>,
}

impl DescriptorLimit {
    /// As many of the requested connections as the descriptors suffice for.
    pub(crate) fn new(wanted: u32) -> Self {
        let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        let connections = allowed_by(files, wanted);
        let warning = (connections < wanted).then(|| {
            let needed = needed_for(wanted);
            format!(
                "connections wait: {connections} are accepted at a time, not {wanted} (setting max_connections), because \
                 the process may open {files} files. Allow {needed} (ulimit -n, systemd's LimitNOFILE=), or lower the \
                 setting"
            )
        });
        DescriptorLimit { connections, warning }
    }

    pub(crate) const fn connections(&self) -> u32 {
        self.connections
    }

    /// Logs that the limit is reached, so that further connections wait.
    pub(crate) fn reached(&mut self) {
        if let Some(warning) = self.warning.take() {
            tracing::warn!(target: LOG, "{warning}");
        }
    }
}

fn needed_for(connections: u32) -> u64 {
    u64::from(connections) * EACH + RESERVE
}

fn allowed_by(limit: u64, wanted: u32) -> u32 {
    let allowed = (limit.saturating_sub(RESERVE) / EACH).max(FEWEST);
    u32::try_from(allowed).map_or(wanted, |allowed| allowed.min(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_files_and_all_else() {
        assert_eq!(allowed_by(256, 10_000), 96);
        assert_eq!(allowed_by(256, 50), 50);
        assert_eq!(allowed_by(24, 10_000), 8);
        assert_eq!(allowed_by(24, 1), 1);
        assert_eq!(allowed_by(u64::MAX, 10_000), 10_000);
        assert_eq!(allowed_by(needed_for(u32::MAX), u32::MAX), u32::MAX);
        assert_eq!(allowed_by(needed_for(10_000), 10_000), 10_000);
        assert_eq!(allowed_by(needed_for(10_000) - 1, 10_000), 9_999);
    }

    #[test]
    fn a_limit_that_is_high_enough_stays() {
        let before = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        raise_descriptor_limit(1).unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), before, "it is never lowered");
    }
}
