//! How the operations of the kit wait: in turns, each of which is an attempt.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use crate::cancel::{self, error::context_gone};
use crate::context::{ContextGone, Due, IoExecutor, Reactor, TimerKey, WakeList};
use crate::shim::plain::Mutex;
use crate::task::{budget, scope};

/// What comes of an attempt.
pub(super) enum Turn<T = usize> {
    Over(io::Result<T>),
    /// To be tried again at that time, which is to come.
    At(Instant),
    /// To be tried again when something has changed.
    Later,
}

/// The operations that wait for a change.
#[derive(Default)]
pub(super) struct Waiting {
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    wakers: Vec<(usize, Waker)>,
    /// How many there have been.
    count: usize,
    context_gone: bool,
}

/// That of an operation among those that wait.
#[cfg_attr(
    not(feature = "net"),
    allow(unreachable_pub, reason = "nobody polls them")
)]
pub struct Place {
    waiting: Arc<Waiting>,
    reactor: Arc<Reactor>,
    number: usize,
    timer: Option<TimerKey>,
}

impl Waiting {
    pub(super) fn wake_all(&self) {
        let wakers = mem::take(&mut self.list.lock().wakers);
        // Which go on where one of them panics.
        let mut list = WakeList::default();
        wakers.into_iter().for_each(|(_, waker)| list.push(waker));
        list.wake_all();
    }

    /// Returns the number of an entry.
    fn enter(&self, waker: Waker) -> io::Result<usize> {
        let mut list = self.list.lock();
        if list.context_gone {
            return Err(context_gone());
        }
        list.count += 1;
        let number = list.count;
        list.wakers.push((number, waker));
        Ok(number)
    }

    fn leave(&self, number: usize) -> Option<Waker> {
        let wakers = &mut self.list.lock().wakers;
        let place = wakers.iter().position(|&(other, _)| other == number)?;
        Some(wakers.remove(place).1)
    }

    /// Makes an attempt; `place` is that of the operation from then on, if it waits.
    pub(super) fn poll<T>(
        self: &Arc<Self>,
        executor: &IoExecutor,
        place: &mut Option<Place>,
        cx: &Context<'_>,
        attempt: impl FnOnce(Instant) -> Turn<T>,
    ) -> Poll<io::Result<T>> {
        let reactor = executor.reactor()?;
        // It may be foreign, and may panic.
        let waker = cx.waker().clone();
        // First, so that no change is missed.
        let here = place.insert(Place {
            waiting: Arc::clone(self),
            number: self.enter(waker)?,
            timer: None,
            reactor,
        });
        match attempt(here.reactor.now()) {
            Turn::Over(result) => {
                *place = None;
                self.wake_all();
                return Poll::Ready(result);
            }
            Turn::Later => {}
            Turn::At(time) => {
                let due = Due::Waker(cx.waker().clone());
                let added = here.reactor.add_timer(time, due);
                let (timer, is_earliest) = added.map_err(|_| context_gone())?;
                here.timer = Some(timer);
                if is_earliest {
                    executor.interrupt();
                }
            }
        }
        Poll::Pending
    }

    /// Makes attempts until there is an outcome.
    pub(super) async fn until_over<T>(
        self: &Arc<Self>,
        executor: &IoExecutor,
        mut attempt: impl FnMut(Instant) -> Turn<T> + Send,
    ) -> io::Result<T> {
        let mut place = None;
        poll_fn(|cx| {
            if !scope::requested().is_empty() {
                return Poll::Ready(Err(cancel::cancelled()));
            }
            ready!(budget::proceed(cx));
            self.poll(executor, &mut place, cx, &mut attempt)
        })
        .await
    }
}

impl ContextGone for Waiting {
    fn context_gone(&self, wake: &mut WakeList) {
        let mut list = self.list.lock();
        list.context_gone = true;
        list.wakers
            .drain(..)
            .for_each(|(_, waker)| wake.push(waker));
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.number).finish()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            drop(self.reactor.remove_timer(timer));
        }
        drop(self.waiting.leave(self.number));
    }
}
