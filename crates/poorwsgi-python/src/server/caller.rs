//! Who makes the blocks that go through a pipe: a call of Python.

use poorwsgi_calls::pool::{Aside, step_aside};
use poorwsgi_core::BoxError;
use poorwsgi_server::pipe::{self, Maker};

use super::asked::Asked;
use super::failure::log_failure;
use crate::forked::is_child;

/// A call, with its request where that is known.
pub(super) struct Caller(pub(super) Option<Asked>);

/// What is done for the clients of calls that read slowly.
pub(super) type Patience = pipe::Patience<Caller>;

/// The end of a pipe that a call writes to.
pub(super) type Sender = pipe::Sender<Caller>;

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
