//! What one would write by hand on mio: a poll, a locked queue, a waker.

use std::sync::{Arc, Mutex};

use mio::{Events, Poll, Token, Waker};

pub(crate) type Job = Box<dyn FnOnce(&Arc<Queue>) + Send>;

pub(crate) struct Queue {
    inner: Mutex<Inner>,
    waker: Waker,
}

struct Inner {
    jobs: Vec<Job>,
    /// The loop waits, or is about to.
    idle: bool,
}

impl Queue {
    pub(crate) fn post(&self, job: impl FnOnce(&Arc<Self>) + Send + 'static) {
        let mut inner = self.inner.lock().unwrap();
        inner.jobs.push(Box::new(job));
        if std::mem::take(&mut inner.idle) {
            drop(inner);
            self.waker.wake().unwrap();
        }
    }
}

pub(crate) struct Loop {
    poll: Poll,
    events: Events,
    pub(crate) queue: Arc<Queue>,
}

impl Loop {
    pub(crate) fn new() -> Self {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Token(usize::MAX)).unwrap();
        let inner = Mutex::new(Inner {
            jobs: Vec::new(),
            idle: false,
        });
        Self {
            poll,
            events: Events::with_capacity(1024),
            queue: Arc::new(Queue { inner, waker }),
        }
    }

    /// Runs jobs until `done`.
    pub(crate) fn run(&mut self, done: impl Fn() -> bool) {
        let mut jobs = Vec::new();
        while !done() {
            {
                let mut inner = self.queue.inner.lock().unwrap();
                std::mem::swap(&mut inner.jobs, &mut jobs);
                inner.idle = jobs.is_empty();
            }
            if jobs.is_empty() {
                self.poll.poll(&mut self.events, None).unwrap();
            }
            for job in jobs.drain(..) {
                job(&self.queue);
            }
        }
    }
}
