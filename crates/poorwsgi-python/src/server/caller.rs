//! The producer of the blocks of a pipe: a Python call.

use poorwsgi_calls::pool::{Aside, step_aside};
use poorwsgi_core::BoxError;
use poorwsgi_server::pipe::{self, Maker};

use super::asked::Asked;
use super::failure::log_failure;
use crate::forked::is_child;

/// A call, with its request if that is known.
pub(super) struct Caller(pub(super) Option<Asked>);

/// The limits of waiting for slow clients.
pub(super) type CallerPatience = pipe::Patience<Caller>;

/// The sending end of a pipe.
pub(super) type BlockSender = pipe::Sender<Caller>;

impl Maker for Caller {
    type Aside = Aside;

    fn step_aside() -> Aside {
        step_aside()
    }

    fn is_unread() -> bool {
        is_child()
    }

    fn unheard(&self, error: &BoxError) {
        log_failure(self.0.as_ref(), error);
    }
}
