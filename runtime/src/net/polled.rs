//! Streams whose type is erased, in the shape that needs no future: what waits is known by
//! a key, and the future of whoever waits holds that.

use std::io::{self, IoSlice, IoSliceMut};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::byte_stream::ByteStream;
use super::source::{Source, of_whole, whole};
use crate::buffer::Spare;
use crate::cancel;
use crate::context::{Direction, Progress, WaiterKey};
use crate::task::{budget, scope};

/// What is known of an operation that may have to wait.
#[derive(Debug)]
pub struct Turn {
    direction: Direction,
    key: Option<WaiterKey>,
    era: Option<NonZeroU32>,
}

/// A source of bytes, of whatever type.
pub trait PolledStream: Send + Sync {
    /// Reads what there is into parts, of which one is not empty.
    fn poll_read(
        &self,
        turn: &mut Turn,
        cx: &mut Context<'_>,
        parts: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Reads what there is into memory that is not empty.
    fn poll_read_spare(
        &self,
        turn: &mut Turn,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>>;

    /// Writes what the system takes of parts, of which one is not empty.
    fn poll_write(
        &self,
        turn: &mut Turn,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Forgets an operation that waits.
    fn forget(&self, turn: &mut Turn);
}

impl<S: ByteStream + Send + Sync> Source<S> {
    fn poll_turn(
        &self,
        turn: &mut Turn,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&S) -> io::Result<(usize, Progress)>,
    ) -> Poll<io::Result<usize>> {
        let Turn {
            direction,
            key,
            era,
        } = turn;
        let attempt = || attempt(self.get()).map(whole);
        let polled = self.poll(*direction, era, key, cx, attempt);
        polled.map_ok(of_whole)
    }
}

impl<S: ByteStream + Send + Sync> PolledStream for Source<S> {
    fn poll_read(
        &self,
        turn: &mut Turn,
        cx: &mut Context<'_>,
        parts: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_turn(turn, cx, |stream| match &mut *parts {
            [part] => stream.read(part),
            parts => stream.read_vectored(parts),
        })
    }

    fn poll_read_spare(
        &self,
        turn: &mut Turn,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        self.poll_turn(turn, cx, |stream| stream.read_spare(spare))
    }

    fn poll_write(
        &self,
        turn: &mut Turn,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_turn(turn, cx, |stream| match parts {
            [part] => stream.write(part),
            parts => stream.write_vectored(parts),
        })
    }

    fn forget(&self, turn: &mut Turn) {
        if let Some(key) = turn.key.take() {
            self.forget_one(turn.direction, key);
        }
    }
}

/// Attempts I/O on a stream of whatever type until it has a result; dropped, it leaves nothing
/// behind.
pub(crate) struct OnPolled<'a, A> {
    stream: &'a dyn PolledStream,
    turn: Turn,
    attempt: A,
}

impl<'a, A> OnPolled<'a, A>
where
    A: FnMut(&dyn PolledStream, &mut Turn, &mut Context<'_>) -> Poll<io::Result<usize>>,
{
    pub(crate) fn new(stream: &'a dyn PolledStream, direction: Direction, attempt: A) -> Self {
        let turn = Turn {
            direction,
            key: None,
            era: None,
        };
        Self {
            stream,
            turn,
            attempt,
        }
    }
}

impl<A> Future for OnPolled<'_, A>
where
    A: FnMut(&dyn PolledStream, &mut Turn, &mut Context<'_>) -> Poll<io::Result<usize>>,
{
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !scope::requested().is_empty() {
            return Poll::Ready(Err(cancel::cancelled()));
        }
        ready!(budget::proceed(cx));
        (this.attempt)(this.stream, &mut this.turn, cx)
    }
}

// Nothing in it is pinned.
impl<A> Unpin for OnPolled<'_, A> {}

impl<A> Drop for OnPolled<'_, A> {
    fn drop(&mut self) {
        self.stream.forget(&mut self.turn);
    }
}
