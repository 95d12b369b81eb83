use std::fmt;
use std::future::{self, Future, poll_fn};
use std::io;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use crate::cancel::{self, error::context_gone};
use crate::context::{ContextGone, IoExecutor, WakeList};
use crate::executor::IoObject;
use crate::io::{AsyncReadStream, AsyncWriteStream, ReadBuffer, Transport, WriteBuffer};
use crate::shim::plain::Mutex;
use crate::task::{budget, scope};
use crate::time::Pause;

/// A stream in memory, for tests: the other end is a [`Script`](super::Script), or another
/// such stream at the end of a [`Wire`](super::Wire).
///
/// It can be read from, written to and ended, and so is a [`Transport`]: all operations on
/// streams work on it, and [`AnyStream`](crate::net::AnyStream) takes it.
///
/// A handle: clones are the same stream. Where the last is dropped, the other end of a wire
/// is told.
///
/// # Allocation
///
/// Operations need none besides their own memory, but the wire and the script have theirs on
/// the heap.
///
/// # Cancel safety
///
/// Yes: a read or write that is dropped has moved nothing. Requests to stop of every type are
/// honoured.
#[derive(Clone)]
pub struct TestStream {
    shared: Arc<Shared>,
}

struct Shared {
    executor: IoExecutor,
    peer: Arc<dyn Peer>,
    side: usize,
    waiting: Arc<Waiting>,
}

/// What is at the other end, of each of two sides. It calls nothing foreign.
pub(super) trait Peer: Send + Sync {
    fn read(&self, side: usize, now: Instant, part: &mut [u8]) -> Turn;
    fn write(&self, side: usize, now: Instant, part: &[u8]) -> Turn;
    /// Nothing more is written.
    fn finish(&self, side: usize, now: Instant);
    /// Nothing more is written, nor read.
    fn close(&self, side: usize, now: Instant);
    /// Goes on after a stall.
    fn resume(&self) {}
    /// Returns what has been written that nobody was to read, once.
    fn written(&self) -> Vec<u8> {
        Vec::new()
    }
    /// Says what has not happened that was to.
    fn left(&self) -> Option<String> {
        None
    }
}

/// What comes of an attempt.
pub(super) enum Turn {
    Over(io::Result<usize>),
    /// To be tried again at that time.
    At(Instant),
    /// To be tried again when something has changed.
    Later,
}

/// The operations that wait for a change, of both sides.
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

impl TestStream {
    pub(super) fn new(
        executor: IoExecutor,
        peer: Arc<dyn Peer>,
        side: usize,
        waiting: &Arc<Waiting>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                executor,
                peer,
                side,
                waiting: Arc::clone(waiting),
            }),
        }
    }

    /// Ends a [stall](super::Script::stall) of its script: the one that there is, or else the
    /// next.
    pub fn resume(&self) {
        self.shared.peer.resume();
        self.shared.waiting.wake_all();
    }

    /// Returns what has been written since the last call, where the script
    /// [takes anything](super::Script::any_writes); nothing otherwise.
    pub fn written(&self) -> Vec<u8> {
        self.shared.peer.written()
    }

    /// Checks that all of its script has happened.
    ///
    /// # Panics
    ///
    /// If something is left, and says what.
    #[track_caller]
    pub fn assert_done(&self) {
        if let Some(left) = self.shared.peer.left() {
            panic!("of the script this is left: {left}");
        }
    }

    /// Tries until there is an outcome.
    async fn transfer(
        &self,
        mut attempt: impl FnMut(&dyn Peer, usize, Instant) -> Turn + Send,
    ) -> io::Result<usize> {
        let Shared {
            executor,
            peer,
            side,
            waiting,
        } = &*self.shared;
        let reactor = executor.reactor()?;
        let mut place = Place {
            waiting,
            number: None,
        };
        let mut pause: Option<Pause<'_>> = None;
        poll_fn(|cx| {
            if !scope::requested().is_empty() {
                return Poll::Ready(Err(cancel::cancelled()));
            }
            ready!(budget::proceed(cx));
            // First, so that no change is missed.
            place.wait(cx)?;
            loop {
                pause = None;
                match attempt(&**peer, *side, reactor.now()) {
                    Turn::Over(result) => {
                        waiting.wake_all();
                        return Poll::Ready(result);
                    }
                    Turn::Later => return Poll::Pending,
                    Turn::At(time) => {
                        let pause = pause.insert(Pause::until(&reactor, time));
                        if pause.poll(executor, cx)?.is_pending() {
                            return Poll::Pending;
                        }
                    }
                }
            }
        })
        .await
    }
}

impl Shared {
    fn now(&self) -> Instant {
        self.executor.now()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.peer.close(self.side, self.now());
        self.waiting.wake_all();
    }
}

impl Waiting {
    pub(super) fn wake_all(&self) {
        let wakers = mem::take(&mut self.list.lock().wakers);
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
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

/// That of an operation among those that wait.
struct Place<'a> {
    waiting: &'a Waiting,
    number: Option<usize>,
}

impl Place<'_> {
    fn wait(&mut self, cx: &Context<'_>) -> io::Result<()> {
        // It may be foreign, and may panic.
        let waker = cx.waker().clone();
        let old = self.leave();
        let mut list = self.waiting.list.lock();
        if list.context_gone {
            return Err(context_gone());
        }
        list.count += 1;
        let number = list.count;
        list.wakers.push((number, waker));
        drop(list);
        drop(old);
        self.number = Some(number);
        Ok(())
    }

    fn leave(&mut self) -> Option<Waker> {
        let number = self.number.take()?;
        let wakers = &mut self.waiting.list.lock().wakers;
        let place = wakers.iter().position(|&(other, _)| other == number)?;
        Some(wakers.remove(place).1)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        drop(self.leave());
    }
}

impl IoObject for TestStream {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.shared.executor
    }
}

impl AsyncReadStream for TestStream {
    async fn read_after<B: ReadBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        if buffer.after(skip).is_empty() {
            return Ok(0);
        }
        self.transfer(move |peer, side, now| peer.read(side, now, buffer.after(skip)))
            .await
    }
}

impl AsyncWriteStream for TestStream {
    async fn write_after<B: WriteBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        if buffer.after(skip).is_empty() {
            return Ok(0);
        }
        self.transfer(move |peer, side, now| peer.write(side, now, buffer.after(skip)))
            .await
    }
}

impl Transport for TestStream {
    fn finish(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.shared.peer.finish(self.shared.side, self.shared.now());
        self.shared.waiting.wake_all();
        future::ready(Ok(()))
    }

    fn close(&self) {
        self.shared.peer.close(self.shared.side, self.shared.now());
        self.shared.waiting.wake_all();
    }
}

impl fmt::Debug for TestStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestStream")
            .field("left", &self.shared.peer.left())
            .finish_non_exhaustive()
    }
}
