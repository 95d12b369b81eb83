//! What the life of an operation tells nobody: all of it is nothing.

use crate::cancel::CancellationType;
use crate::executor::Executor;
use crate::site::Site;
use crate::task::initiating::OperationId;

pub(crate) struct Trace;

pub(crate) struct Entered;

impl Trace {
    #[inline]
    pub(crate) fn start(_: Site, _: &impl Executor) -> Self {
        Self
    }

    pub(crate) fn none(_: Site) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn operation(&self) -> OperationId {
        OperationId::new()
    }

    #[inline]
    pub(crate) fn initiating(&self) -> Entered {
        Entered
    }

    #[inline]
    pub(crate) fn polling(&self) -> Entered {
        Entered
    }

    #[inline]
    pub(crate) fn handling(self) -> Entered {
        Entered
    }

    #[inline]
    pub(crate) fn completed(&self, _immediate: bool) {}

    #[inline]
    pub(crate) fn cancel_requested(&self, _: CancellationType) {}
}

#[inline]
pub(crate) fn cancel_requested(_: OperationId, _: CancellationType) {}
