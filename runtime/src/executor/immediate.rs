//! Executors that are compared, and passed on, whether their types are known or not.

use std::any::Any;

use super::{AnyExecutor, Executor, PostOnly, Unblock};
use crate::context::IoExecutor;
use crate::task::Task;

/// The immediate executor of a handler whose type is not known.
#[derive(Clone, PartialEq)]
pub(crate) enum Immediate {
    /// The default: a post to the handler's own.
    Own(AnyExecutor),
    Bound(AnyExecutor),
}

impl Immediate {
    /// Returns the executor that it is, if it is not the default.
    pub(crate) fn bound<E: Executor>(executor: &E) -> Option<&AnyExecutor> {
        let any: &dyn Any = executor;
        match any.downcast_ref() {
            Some(Self::Bound(executor)) => Some(executor),
            _ => None,
        }
    }

    fn executor(&self) -> &AnyExecutor {
        let (Self::Own(executor) | Self::Bound(executor)) = self;
        executor
    }
}

impl Executor for Immediate {
    fn post(&self, task: Task) {
        self.executor().post(task);
    }

    fn runs_here(&self) -> bool {
        matches!(self, Self::Bound(executor) if executor.runs_here())
    }

    fn dispatch(&self, task: Task) {
        match self {
            Self::Own(executor) => executor.post(task),
            Self::Bound(executor) => executor.dispatch(task),
        }
    }

    fn defer(&self, task: Task) {
        self.executor().defer(task);
    }

    fn work_started(&self) {
        self.executor().work_started();
    }

    fn work_finished(&self) {
        self.executor().work_finished();
    }

    fn context(&self) -> Option<IoExecutor> {
        self.executor().context()
    }

    fn block(&self, until: &Unblock) {
        self.executor().block(until);
    }
}

/// Returns whether two executors are the same, whatever their types.
#[inline]
pub(crate) fn is_same<E: Executor, X: Executor>(a: &E, b: &X) -> bool {
    let any: &dyn Any = b;
    match any.downcast_ref::<E>() {
        Some(b) => a == b,
        None => match (erased(a), erased(b)) {
            (Some(a), Some(b)) => a == b,
            (Some(a), None) => a.downcast() == Some(b),
            (None, Some(b)) => b.downcast() == Some(a),
            (None, None) => false,
        },
    }
}

/// Returns whether `immediate` is a post to `own`, which is the default.
pub(crate) fn is_post_to<I: Executor, X: Executor>(immediate: &I, own: &X) -> bool {
    let any: &dyn Any = immediate;
    if let Some(Immediate::Own(executor)) = any.downcast_ref() {
        return is_same(executor, own);
    }
    let post: Option<&PostOnly<X>> = any.downcast_ref();
    post.is_some_and(|PostOnly(executor)| executor == own)
}

/// Erases the type of `executor`, which may be erased already.
pub(crate) fn erase<E: Executor>(executor: E) -> AnyExecutor {
    // Moved: what is cloned leaks where the drop of the other panics.
    let mut executor = Some(executor);
    let any: &mut dyn Any = &mut executor;
    let immediate = any.downcast_mut::<Option<Immediate>>();
    match (immediate.and_then(Option::take), executor) {
        (Some(Immediate::Bound(executor)), _) => executor,
        (Some(own), _) => AnyExecutor::new(own),
        (None, Some(executor)) => AnyExecutor::new(executor),
        (None, None) => unreachable!("nobody has taken it"),
    }
}

fn erased<E: Executor>(executor: &E) -> Option<&AnyExecutor> {
    let any: &dyn Any = executor;
    any.downcast_ref().or_else(|| Immediate::bound(executor))
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
