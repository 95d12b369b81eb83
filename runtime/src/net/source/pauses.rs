//! Attempts whose time nobody tells.

use std::future::poll_fn;
use std::io;
use std::num::NonZeroU32;
use std::task::{Poll, ready};
use std::time::Duration;

use super::{Pollable, Source};
use crate::cancel::{self, error::context_gone};
use crate::context::{Direction, Progress, Registration, WaiterKey};
use crate::task::parked::Ended;
use crate::task::{budget, scope};
use crate::time::{Countdown, Moment, When};

/// How long to wait before an attempt whose time nobody tells, at first and at
/// the most.
const PAUSE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_millis(32);

impl<S: Pollable> Source<S> {
    /// As [`io`](Self::io), where the system says that the source is ready though
    /// an attempt would block, and does not say when it would not: tries again
    /// after a pause, each twice as long as the last.
    pub(in crate::net) async fn io_with_pauses<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut(&S) -> io::Result<(T, Progress)>,
    ) -> io::Result<T> {
        let mut waiting = Waiting {
            registration: &self.registration,
            direction,
            key: None,
        };
        let mut era = None;
        let mut pause: Option<Countdown> = None;
        let mut length = *PAUSE.start();
        poll_fn(|cx| {
            self.poll_cancelled(&mut era)?;
            ready!(budget::proceed(cx));
            loop {
                if let Some(pause) = &mut pause {
                    pause.begin(cx.waker());
                    let ended = pause.look(cx.waker());
                    if ended == Some(Ended::ContextGone) {
                        return Poll::Ready(Err(context_gone()));
                    }
                    if ended.is_none() {
                        // Among those that wait for an event, too: whoever cancels
                        // them, or drops the context, wakes it.
                        self.registration.wait(direction, &mut waiting.key, cx)?;
                        // That may be room, where the system tells of some.
                        #[cfg(unix)]
                        if self.registration.is_unwatched() {
                            if let Some(fd) = self.get().unwatched() {
                                self.watch_writes(fd)?;
                            }
                        }
                        self.poll_era(&mut era)?;
                        return Poll::Pending;
                    }
                }
                pause = None;
                let key = &mut waiting.key;
                let polled = self.poll_io(direction, key, cx, |io| match attempt(io) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        Ok((None, Progress::More))
                    }
                    result => result.map(|(value, progress)| (Some(value), progress)),
                });
                match polled {
                    Poll::Ready(Ok(Some(value))) => return Poll::Ready(Ok(value)),
                    Poll::Ready(Ok(None)) => {
                        let moment = Moment::new(self.executor, When::After(length));
                        pause = Some(Countdown::new(moment));
                        length = (2 * length).min(*PAUSE.end());
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        self.poll_era(&mut era)?;
                        return Poll::Pending;
                    }
                }
            }
        })
        .await
    }

    /// Fails if the operation that began in `era`, or begins now, has been asked
    /// to stop.
    fn poll_cancelled(&self, era: &mut Option<NonZeroU32>) -> io::Result<()> {
        if scope::requested().is_empty() {
            self.poll_era(era)
        } else {
            Err(cancel::cancelled())
        }
    }
}

/// An operation that may be waiting for readiness.
struct Waiting<'a> {
    registration: &'a Registration,
    direction: Direction,
    key: Option<WaiterKey>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.registration.forget(self.direction, key);
        }
    }
}
