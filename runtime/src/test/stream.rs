use std::fmt;
use std::future::{self, Future};
use std::io;
use std::sync::Arc;
#[cfg(feature = "net")]
use std::task::{Context, Poll};
use std::time::Instant;

#[cfg(feature = "net")]
use super::turn::Place;
use super::turn::{Turn, Waiting};
use crate::context::IoExecutor;
use crate::executor::IoObject;
use crate::io::{AsyncReadStream, AsyncWriteStream, ReadBuffer, Transport, WriteBuffer};

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
    ///
    /// ```
    /// use async_op::io::read_buf;
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().stall().read("at last").on(&context);
    /// read_buf(&stream, Vec::new()).callback(|result, _| assert_eq!(result.unwrap(), 7));
    /// context.run_until_stalled();
    /// assert!(context.is_stalled());
    /// stream.resume();
    /// context.run();
    /// ```
    pub fn resume(&self) {
        self.shared.peer.resume();
        self.shared.waiting.wake_all();
    }

    /// Returns what has been written since the last call, where the script
    /// [takes anything](super::Script::any_writes); nothing otherwise.
    ///
    /// ```
    /// use async_op::io::write_all;
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().any_writes().on(&context);
    /// write_all(&stream, "one").blocking()?;
    /// write_all(&stream, "two").blocking()?;
    /// assert_eq!(stream.written(), b"onetwo");
    /// assert!(stream.written().is_empty()); // since then
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn written(&self) -> Vec<u8> {
        self.shared.peer.written()
    }

    /// Checks that all of its script has happened.
    ///
    /// ```
    /// use async_op::io::write_all;
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().write("QUIT").on(&context);
    /// write_all(&stream, "QUIT").blocking()?;
    /// stream.assert_done();
    /// # Ok::<(), std::io::Error>(())
    /// ```
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

    /// Makes an attempt to read; `place` is that of the operation, if it waits.
    #[cfg(feature = "net")]
    pub(super) fn attempt_read(
        &self,
        place: &mut Option<Place>,
        cx: &mut Context<'_>,
        part: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let shared = &*self.shared;
        let attempt = |now| shared.peer.read(shared.side, now, part);
        shared.waiting.poll(&shared.executor, place, cx, attempt)
    }

    /// The same, to write.
    #[cfg(feature = "net")]
    pub(super) fn attempt_write(
        &self,
        place: &mut Option<Place>,
        cx: &mut Context<'_>,
        part: &[u8],
    ) -> Poll<io::Result<usize>> {
        let shared = &*self.shared;
        let attempt = |now| shared.peer.write(shared.side, now, part);
        shared.waiting.poll(&shared.executor, place, cx, attempt)
    }

    /// Tells the other end that this was all.
    pub(super) fn say_end(&self) {
        self.shared.peer.finish(self.shared.side, self.shared.now());
        self.shared.waiting.wake_all();
    }

    /// Tries until there is an outcome.
    async fn transfer(
        &self,
        mut attempt: impl FnMut(&dyn Peer, usize, Instant) -> Turn + Send,
    ) -> io::Result<usize> {
        let shared = &*self.shared;
        let attempt = |now| attempt(&*shared.peer, shared.side, now);
        shared.waiting.until_over(&shared.executor, attempt).await
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
        self.say_end();
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
