use std::collections::VecDeque;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::TestContext;
use super::stream::{Peer, TestStream};
use super::turn::{Turn, Waiting};
use crate::context::Simulation;
use crate::shim::plain::Mutex;

/// Makes two streams, each the other end of the other, with a [`Wire`] between them that has
/// no faults.
///
/// ```
/// use async_op::io::{read_exact, write_all};
/// use async_op::test::{TestContext, pair};
///
/// let context = TestContext::new();
/// let (a, b) = pair(&context);
/// write_all(&a, "hello").blocking()?;
/// let mut text = [0; 5];
/// read_exact(&b, &mut text).blocking()?;
/// assert_eq!(&text, b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn pair(context: &TestContext) -> (TestStream, TestStream) {
    Wire::new().connect(context)
}

/// What is between two streams, and its faults: how they come is decided by the
/// [seed](TestContext::seeded) of the context.
///
/// ```
/// use async_op::io::{read_exact, write_all};
/// use async_op::test::{Wire, explore};
/// use std::io::ErrorKind;
/// use std::time::Duration;
///
/// explore(0..20, |context| {
///     let delay = Duration::from_millis(1)..=Duration::from_secs(1);
///     let (a, b) = Wire::new().delay(delay).split(3).drop_after(8).connect(context);
///     write_all(&a, "hello").detach();
///     let mut text = [0; 5];
///     read_exact(&b, &mut text).blocking().unwrap();
///     assert_eq!(&text, b"hello");
///     assert!(context.elapsed() >= Duration::from_millis(1));
///
///     write_all(&a, "world").detach(); // of which three arrive
///     let error = read_exact(&b, &mut text).blocking().unwrap_err();
///     assert_eq!(error.kind(), ErrorKind::ConnectionReset);
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a wire does nothing until it connects"]
pub struct Wire {
    delay: RangeInclusive<Duration>,
    most: Option<usize>,
    room: usize,
    limit: Option<usize>,
}

impl Wire {
    /// Makes a wire without faults: all arrives at once and in one piece, and there is room
    /// for 64 KiB that have not been read.
    ///
    /// ```
    /// use async_op::io::{read_buf, write_all};
    /// use async_op::test::{TestContext, Wire};
    ///
    /// let context = TestContext::new();
    /// let (a, b) = Wire::new().connect(&context);
    /// write_all(&a, "hello").blocking()?;
    /// let mut text = Vec::new();
    /// assert_eq!(read_buf(&b, &mut text).blocking()?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> Self {
        Self {
            delay: Duration::ZERO..=Duration::ZERO,
            most: None,
            room: 64 * 1024,
            limit: None,
        }
    }

    /// Each piece that is written arrives after a time of this range, and never before an
    /// earlier one.
    ///
    /// ```
    /// use async_op::io::{read_buf, write_all};
    /// use async_op::test::{TestContext, Wire};
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// let second = Duration::from_secs(1);
    /// let (a, b) = Wire::new().delay(second..=second).connect(&context);
    /// write_all(&a, "hello").blocking()?;
    /// let mut text = Vec::new();
    /// assert_eq!(read_buf(&b, &mut text).blocking()?, 5);
    /// assert_eq!(context.elapsed(), second);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn delay(mut self, delay: RangeInclusive<Duration>) -> Self {
        self.delay = delay;
        self
    }

    /// Each read and each write moves 1 to `most` bytes.
    ///
    /// ```
    /// use async_op::io::{read_buf, write_all};
    /// use async_op::test::{TestContext, Wire};
    ///
    /// let context = TestContext::new();
    /// let (a, b) = Wire::new().split(2).connect(&context);
    /// write_all(&a, "hello").blocking()?;
    /// let mut text = Vec::new();
    /// assert!(read_buf(&b, &mut text).blocking()? <= 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn split(mut self, most: usize) -> Self {
        self.most = Some(most.max(1));
        self
    }

    /// There is room for `room` bytes that have not been read, each way; at least one.
    ///
    /// ```
    /// use async_op::io::{read_buf, write_all};
    /// use async_op::test::{TestContext, Wire};
    ///
    /// let context = TestContext::new();
    /// let (a, b) = Wire::new().room(3).connect(&context);
    /// write_all(&a, "hello").detach();
    /// let mut text = Vec::new();
    /// assert_eq!(read_buf(&b, &mut text).blocking()?, 3);
    /// assert_eq!(read_buf(&b, &mut text).blocking()?, 2); // there was room again
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn room(mut self, room: usize) -> Self {
        self.room = room.max(1);
        self
    }

    /// The connection is reset after `bytes` bytes, of both directions together. Those
    /// arrive.
    ///
    /// ```
    /// use async_op::io::{read_buf, write_all};
    /// use async_op::test::{TestContext, Wire};
    /// use std::io::ErrorKind;
    ///
    /// let context = TestContext::new();
    /// let (a, b) = Wire::new().drop_after(3).connect(&context);
    /// write_all(&a, "hello").detach();
    /// let mut text = Vec::new();
    /// assert_eq!(read_buf(&b, &mut text).blocking()?, 3);
    /// let error = read_buf(&b, &mut text).blocking().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn drop_after(mut self, bytes: usize) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// Makes the two streams.
    ///
    /// ```
    /// use async_op::io::{read_buf, write_all};
    /// use async_op::test::{TestContext, Wire};
    ///
    /// let context = TestContext::new();
    /// let (a, b) = Wire::new().connect(&context);
    /// write_all(&a, "hello").blocking()?;
    /// let mut text = Vec::new();
    /// assert_eq!(read_buf(&b, &mut text).blocking()?, 5);
    /// // And the other way.
    /// write_all(&b, "hello").blocking()?;
    /// assert_eq!(read_buf(&a, &mut text).blocking()?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect(self, context: &TestContext) -> (TestStream, TestStream) {
        let waiting = Arc::new(Waiting::default());
        context.tell_when_gone(&waiting);
        let is_dropped = self.limit == Some(0);
        let peer: Arc<dyn Peer> = Arc::new(Line {
            simulation: context.simulation(),
            state: Mutex::new(State {
                wire: self,
                lanes: Default::default(),
                is_dropped,
            }),
        });
        let end = |side| TestStream::new(context.executor(), Arc::clone(&peer), side, &waiting);
        (end(0), end(1))
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self::new()
    }
}

struct Line {
    simulation: Arc<Simulation>,
    state: Mutex<State>,
}

struct State {
    /// With what is left of its limit.
    wire: Wire,
    /// What each side has written.
    lanes: [Lane; 2],
    is_dropped: bool,
}

#[derive(Default)]
struct Lane {
    pieces: VecDeque<Piece>,
    length: usize,
    /// When the last of it arrives.
    last: Option<Instant>,
    is_finished: bool,
    /// Nobody reads it.
    is_abandoned: bool,
}

struct Piece {
    arrives: Instant,
    bytes: VecDeque<u8>,
}

impl Line {
    /// Returns how many of `wanted` bytes are moved.
    fn split(&self, wire: &Wire, wanted: usize) -> usize {
        match wire.most {
            None => wanted,
            Some(most) => wanted.min(1 + self.simulation.below(most)),
        }
    }
}

impl Peer for Line {
    fn read(&self, side: usize, now: Instant, part: &mut [u8]) -> Turn {
        let state = &mut *self.state.lock();
        let lane = &mut state.lanes[1 - side];
        if lane.is_abandoned {
            return Turn::Over(Ok(0));
        }
        let Some(piece) = lane.pieces.front_mut() else {
            return match lane.last {
                _ if state.is_dropped => Turn::Over(Err(io::ErrorKind::ConnectionReset.into())),
                Some(last) if lane.is_finished && last > now => Turn::At(last),
                _ if lane.is_finished => Turn::Over(Ok(0)),
                _ => Turn::Later,
            };
        };
        if piece.arrives > now {
            return Turn::At(piece.arrives);
        }
        let n = self.split(&state.wire, part.len().min(piece.bytes.len()));
        for (place, byte) in part.iter_mut().zip(piece.bytes.drain(..n)) {
            *place = byte;
        }
        if piece.bytes.is_empty() {
            lane.pieces.pop_front();
        }
        lane.length -= n;
        Turn::Over(Ok(n))
    }

    fn write(&self, side: usize, now: Instant, part: &[u8]) -> Turn {
        let state = &mut *self.state.lock();
        let lane = &mut state.lanes[side];
        if lane.is_finished || lane.is_abandoned {
            return Turn::Over(Err(io::ErrorKind::BrokenPipe.into()));
        } else if state.is_dropped {
            return Turn::Over(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let room = state.wire.room - lane.length;
        if room == 0 {
            return Turn::Later;
        }
        let wanted = part.len().min(room);
        let wanted = state.wire.limit.map_or(wanted, |limit| limit.min(wanted));
        let n = self.split(&state.wire, wanted);
        if let Some(limit) = &mut state.wire.limit {
            *limit -= n;
            state.is_dropped = *limit == 0;
        }
        let arrives = now + self.simulation.within(&state.wire.delay);
        let arrives = lane.last.map_or(arrives, |last| last.max(arrives));
        lane.last = Some(arrives);
        lane.length += n;
        let bytes = part[..n].iter().copied().collect();
        lane.pieces.push_back(Piece { arrives, bytes });
        Turn::Over(Ok(n))
    }

    fn finish(&self, side: usize, now: Instant) {
        let state = &mut *self.state.lock();
        let lane = &mut state.lanes[side];
        if !lane.is_finished {
            lane.is_finished = true;
            let end = now + self.simulation.within(&state.wire.delay);
            lane.last = Some(lane.last.map_or(end, |last| last.max(end)));
        }
    }

    fn close(&self, side: usize, now: Instant) {
        self.finish(side, now);
        self.state.lock().lanes[1 - side].is_abandoned = true;
    }
}
