use std::cell::Cell;
use std::mem;
use std::time::Instant;

use tracing::span::EnteredSpan;
use tracing::{Level, Span, event, span};

use super::registry;
use super::slow::{self, Step};
use crate::cancel::CancellationType;
use crate::executor::Executor;
use crate::site::Site;
use crate::task::initiating::OperationId;

thread_local! {
    /// The operation whose body, future or handler is running on this thread.
    static CURRENT: Cell<OperationId> = const { Cell::new(OperationId::NONE) };
}

/// What an operation has while it is outstanding, so as to be looked at.
///
/// Dropped, it says that the operation has ended.
pub(crate) struct Trace {
    id: OperationId,
    site: Site,
    span: Span,
}

/// The operation is doing something on this thread.
pub(crate) struct Entered {
    outer: OperationId,
    site: Site,
    step: Step,
    since: Option<Instant>,
    _span: EnteredSpan,
}

impl Trace {
    pub(crate) fn start(site: Site, executor: &impl Executor) -> Self {
        let id = OperationId::new();
        let parent = CURRENT.get();
        let span = span!(
            target: "async_op",
            Level::TRACE,
            "operation",
            operation = site.name(),
            id = id.number(),
            parent = parent.number(),
            location = %site.caller(),
        );
        registry::insert(
            id,
            registry::Entry {
                site,
                parent,
                context: executor.context(),
                since: Instant::now(),
                span: span.id(),
                requested: CancellationType::default(),
                is_completed: false,
            },
        );
        // From here on the entry goes when this is dropped.
        let this = Self { id, site, span };
        event!(target: "async_op", parent: &this.span, Level::TRACE, "started");
        this
    }

    /// For what is the result of an operation on its way, not one of its own.
    pub(crate) fn none(site: Site) -> Self {
        Self {
            id: OperationId::NONE,
            site,
            span: Span::none(),
        }
    }

    /// Returns a number for the operation, which is its alone.
    pub(crate) fn operation(&self) -> OperationId {
        match self.id {
            OperationId::NONE => OperationId::new(),
            id => id,
        }
    }

    pub(crate) fn initiating(&self) -> Entered {
        Entered::new(self.id, self.site, Step::Body, self.span.clone())
    }

    pub(crate) fn polling(&self) -> Entered {
        Entered::new(self.id, self.site, Step::Poll, self.span.clone())
    }

    /// The handler is about to be called, and the operation no longer
    /// outstanding.
    pub(crate) fn handling(mut self) -> Entered {
        let span = mem::replace(&mut self.span, Span::none());
        registry::remove(self.id);
        let id = mem::replace(&mut self.id, OperationId::NONE);
        event!(target: "async_op", parent: &span, Level::TRACE, "handler called");
        Entered::new(id, self.site, Step::Handler, span)
    }

    pub(crate) fn completed(&self, immediate: bool) {
        registry::update(self.id, |entry| entry.is_completed = true);
        event!(target: "async_op", parent: &self.span, Level::TRACE, immediate, "completed");
    }

    pub(crate) fn cancel_requested(&self, kind: CancellationType) {
        cancel_requested(self.id, kind);
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let Some(entry) = registry::remove(self.id) else {
            return;
        };
        if !entry.is_completed {
            event!(target: "async_op", parent: &self.span, Level::TRACE, "abandoned");
        }
    }
}

/// Takes note that `operation` has been asked to stop; it may have ended.
pub(crate) fn cancel_requested(operation: OperationId, kind: CancellationType) {
    let entry = registry::update(operation, |entry| {
        entry.requested = entry.requested | kind;
        entry.span.clone()
    });
    if let Some(span) = entry {
        event!(target: "async_op", parent: span, Level::TRACE, requested = ?kind, "cancel requested");
    }
}

impl Entered {
    fn new(id: OperationId, site: Site, step: Step, span: Span) -> Self {
        // The result of an operation on its way is that operation's.
        let id = if id == OperationId::NONE {
            CURRENT.get()
        } else {
            id
        };
        Self {
            outer: CURRENT.replace(id),
            site,
            step,
            since: slow::is_watched().then(Instant::now),
            _span: span.entered(),
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
        if let Some(since) = self.since {
            slow::check(self.site, self.step, since.elapsed());
        }
    }
}
