use std::mem;
use std::task::{Poll, ready};

use crate::cancel::CancellationType;
use crate::executor::Executor;
use crate::release::{Release, Releasing};
use crate::site::Site;
use crate::task::scope::{self, OfFilter, Scope};
use crate::trace::{Entered, Trace};

/// The work of an operation that is awaited, on its executor, from the first poll until it
/// is over.
pub(super) struct Work<E: Executor> {
    pub(super) executor: E,
    stage: Stage,
}

enum Stage {
    Unstarted,
    Started(Trace),
    Over,
}

impl<E: Executor> Work<E> {
    pub(super) fn new(executor: E) -> Releasing<Self> {
        Releasing::new(Self {
            executor,
            stage: Stage::Unstarted,
        })
    }

    /// Polls the operation.
    #[inline]
    pub(super) fn poll<T>(&mut self, site: Site, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let first = matches!(self.stage, Stage::Unstarted);
        if first {
            let trace = Trace::start(site, &self.executor);
            self.executor.work_started();
            self.stage = Stage::Started(trace);
        }
        let Stage::Started(trace) = &self.stage else {
            panic!("polled after completion")
        };
        let honoured = site.honours();
        // What the operation cannot honour does not reach what it awaits.
        let is_filtered = honoured != CancellationType::ALL && scope::may_be_asked();
        let filter = Scope::new(OfFilter(honoured));
        let output = {
            let _entered: Entered = trace.polling();
            filter.within_if(is_filtered, poll)
        };
        let output = ready!(output);
        trace.completed(first);
        self.release();
        Poll::Ready(output)
    }
}

impl<E: Executor> Release for Work<E> {
    fn release(&mut self) {
        // First, so that it is given back once, whatever the executor does.
        if let Stage::Started(_) = mem::replace(&mut self.stage, Stage::Over) {
            self.executor.work_finished();
        }
    }
}
