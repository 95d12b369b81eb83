//! Those who wait for replies, in the order of their commands.

use std::collections::VecDeque;
use std::mem;
use std::thread;

use async_op::task::Task;
use async_op::{Completion, Executor, IoExecutor};

use super::news::Message;
use super::value::{Error, Result, Value};

pub(super) type Waiting<T> = Completion<fn(Result<T>)>;

/// The place of a command, from when it is asked for until its last reply has come.
pub(super) struct Place {
    pub(super) number: u64,
    /// How many replies are still to come.
    pub(super) replies: u32,
    pub(super) is_about_channels: bool,
    /// Those that have come, if all count.
    pub(super) all: Option<Vec<Value>>,
    /// The first error among them, which says more than the last.
    pub(super) error: Option<String>,
    /// `None` when nobody waits any more.
    pub(super) op: Option<Waiting<Value>>,
}

/// All places: the front one is whose reply comes next.
#[derive(Default)]
pub(super) struct Queue {
    places: VecDeque<Place>,
    /// Whether a place has a smaller number than one before it: two threads have asked
    /// at the same time.
    is_mixed: bool,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn push(&mut self, place: Place) {
        let last = self.places.back().map(|last| last.number);
        self.is_mixed = match last {
            Some(last) => self.is_mixed || last > place.number,
            None => false,
        };
        self.places.push_back(place);
    }

    pub(super) fn front(&mut self) -> Option<&mut Place> {
        self.places.front_mut()
    }

    pub(super) fn pop(&mut self) -> Option<Place> {
        self.places.pop_front()
    }

    /// Takes the completion out of the place that has this number, which stays.
    pub(super) fn take(&mut self, number: u64) -> Option<Waiting<Value>> {
        let index = if self.is_mixed {
            self.places
                .iter()
                .position(|place| place.number == number)?
        } else {
            self.places.partition_point(|place| place.number < number)
        };
        let place = self.places.get_mut(index)?;
        place.op.take_if(|_| place.number == number)
    }
}

/// Those whom a connection leaves behind, to be told why.
pub(super) struct Bereaved {
    executor: IoExecutor,
    error: Error,
    queue: Queue,
    listeners: VecDeque<(u64, Waiting<Message>)>,
    /// Whether a task has been made to tell them.
    is_posted: bool,
}

impl Bereaved {
    pub(super) fn new(
        executor: IoExecutor,
        error: Error,
        queue: Queue,
        listeners: VecDeque<(u64, Waiting<Message>)>,
    ) -> Self {
        Self {
            executor,
            error,
            queue,
            listeners,
            is_posted: false,
        }
    }

    /// Tells them; handlers may run in here.
    pub(super) fn tell(mut self) {
        self.tell_all();
    }

    /// Has them told: no handler runs in here.
    pub(super) fn tell_later(mut self) {
        if self.is_empty() {
            return;
        }
        self.is_posted = true;
        let executor = self.executor;
        executor.post(Task::new(move || {
            self.is_posted = false;
            self.tell();
        }));
    }

    fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.listeners.is_empty()
    }

    fn tell_all(&mut self) {
        while let Some(place) = self.queue.pop() {
            if let Some(op) = place.op {
                op.complete(Err(self.error.again()));
            }
        }
        while let Some((_, op)) = self.listeners.pop_front() {
            op.complete(Err(self.error.again()));
        }
    }
}

/// A handler that panics keeps nobody else from hearing of it; nor does a context
/// that goes, with the task that would have told them.
impl Drop for Bereaved {
    fn drop(&mut self) {
        if thread::panicking() && !self.is_posted && !self.is_empty() {
            let error = self.error.again();
            let queue = mem::take(&mut self.queue);
            let listeners = mem::take(&mut self.listeners);
            Self::new(self.executor, error, queue, listeners).tell_later();
        } else {
            self.tell_all();
        }
    }
}
