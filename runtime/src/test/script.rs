use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::TestContext;
use super::socket::{Post, TestUdpSocket};
use super::stream::{Peer, TestStream};
use super::turn::{Turn, Waiting};
use crate::context::ContextGone;
use crate::shim::plain::{Mutex, MutexGuard};

/// What the other end of a [`TestStream`] does, step by step.
///
/// A read waits until the steps before have happened, among them those that something is
/// [written](Self::write), and so does a write. When there are no more steps reads wait.
///
/// ```
/// use async_op::io::{DynamicBuffer, read_until, write_all};
/// use async_op::test::{Script, TestContext};
/// use std::time::Duration;
///
/// # async fn example(stream: impl async_op::io::Transport) -> std::io::Result<()> {
/// write_all(&stream, "PING\r\n").await?;
/// let mut reply = Vec::new();
/// read_until(&stream, (&mut reply).at_most(80), b'\n').await?;
/// assert_eq!(reply, b"PONG\r\n");
/// # Ok(())
/// # }
/// let context = TestContext::new();
/// let stream = Script::new()
///     .write("PING\r\n")
///     .read("PO") // half of a message
///     .wait(Duration::from_secs(5))
///     .read("NG\r\n")
///     .on(&context);
/// async_op::spawn(&context, example(stream.clone()), |result: std::io::Result<()>| {
///     result.unwrap();
/// });
/// context.run();
/// stream.assert_done();
/// assert_eq!(context.elapsed(), Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a script does nothing until it is on a context"]
pub struct Script {
    steps: VecDeque<Step>,
    most: Option<usize>,
    takes_anything: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Read(VecDeque<u8>),
    Write(VecDeque<u8>),
    Wait(Duration),
    Until(Instant),
    Stall,
    Eof,
    Reset,
    Fail(io::ErrorKind),
}

impl Script {
    /// Makes a script of no steps.
    ///
    /// ```
    /// use async_op::io::read_buf;
    /// use async_op::is_timeout;
    /// use async_op::test::{Script, TestContext};
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().on(&context);
    /// let mut text = Vec::new();
    /// let read = read_buf(&stream, &mut text).cancel_after(Duration::from_secs(1));
    /// assert!(is_timeout(&read.blocking().unwrap_err())); // nothing ever comes
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The next thing that is read is `bytes`.
    ///
    /// ```
    /// use async_op::io::read_buf;
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().read("hello").on(&context);
    /// let mut text = Vec::new();
    /// assert_eq!(read_buf(&stream, &mut text).blocking()?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn read(self, bytes: impl AsRef<[u8]>) -> Self {
        self.and(Step::Read(bytes.as_ref().iter().copied().collect()))
    }

    /// The next thing that is written has to be `bytes`, in one write or several.
    ///
    /// A write of something else panics, and so does one when the script is over.
    ///
    /// ```
    /// use async_op::io::{read_buf, write_all};
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().write("PING").read("PONG").on(&context);
    /// write_all(&stream, "PING").blocking()?;
    /// let mut text = Vec::new();
    /// assert_eq!(read_buf(&stream, &mut text).blocking()?, 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn write(self, bytes: impl AsRef<[u8]>) -> Self {
        self.and(Step::Write(bytes.as_ref().iter().copied().collect()))
    }

    /// Nothing happens for `duration`, of the context's own time, from when an operation
    /// first comes to this step.
    ///
    /// ```
    /// use async_op::io::read_buf;
    /// use async_op::test::{Script, TestContext};
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().wait(Duration::from_secs(5)).read("late").on(&context);
    /// let mut text = Vec::new();
    /// assert_eq!(read_buf(&stream, &mut text).blocking()?, 4);
    /// assert_eq!(context.elapsed(), Duration::from_secs(5));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait(self, duration: Duration) -> Self {
        self.and(Step::Wait(duration))
    }

    /// Nothing happens until [`TestStream::resume`].
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
    pub fn stall(self) -> Self {
        self.and(Step::Stall)
    }

    /// There is nothing more to be read, ever. The steps that follow are writes.
    ///
    /// ```
    /// use async_op::io::read_buf;
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().read("bye").eof().on(&context);
    /// let mut text = Vec::new();
    /// assert_eq!(read_buf(&stream, &mut text).blocking()?, 3);
    /// assert_eq!(read_buf(&stream, &mut text).blocking()?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn eof(self) -> Self {
        self.and(Step::Eof)
    }

    /// The connection is reset: whatever is read or written fails with
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset) from here on.
    ///
    /// ```
    /// use async_op::io::read_buf;
    /// use async_op::test::{Script, TestContext};
    /// use std::io::ErrorKind;
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().reset().on(&context);
    /// let mut text = Vec::new();
    /// let error = read_buf(&stream, &mut text).blocking().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    /// ```
    pub fn reset(self) -> Self {
        self.and(Step::Reset)
    }

    /// The next read or write fails with this error; the one after it goes on.
    ///
    /// ```
    /// use async_op::io::read_buf;
    /// use async_op::test::{Script, TestContext};
    /// use std::io::ErrorKind;
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().error(ErrorKind::TimedOut).read("again").on(&context);
    /// let mut text = Vec::new();
    /// assert_eq!(read_buf(&stream, &mut text).blocking().unwrap_err().kind(), ErrorKind::TimedOut);
    /// assert_eq!(read_buf(&stream, &mut text).blocking()?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn error(self, kind: io::ErrorKind) -> Self {
        self.and(Step::Fail(kind))
    }

    /// No read or write moves more than `most` bytes; at least one.
    ///
    /// ```
    /// use async_op::io::read_buf;
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().read("hello").at_most(2).on(&context);
    /// let mut text = Vec::new();
    /// assert_eq!(read_buf(&stream, &mut text).blocking()?, 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn at_most(mut self, most: usize) -> Self {
        self.most = Some(most.max(1));
        self
    }

    /// Takes whatever is written, at any time: [`TestStream::written`] has it. The steps are
    /// about reads alone.
    ///
    /// ```
    /// use async_op::io::write_all;
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().any_writes().on(&context);
    /// write_all(&stream, "whatever").blocking()?;
    /// assert_eq!(stream.written(), b"whatever");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn any_writes(mut self) -> Self {
        self.takes_anything = true;
        self
    }

    /// Makes the stream at whose other end this is done.
    ///
    /// ```
    /// use async_op::io::{read_exact, write_all};
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let stream = Script::new().write("PING").read("PONG").on(&context);
    /// write_all(&stream, "PING").blocking()?;
    /// read_exact(&stream, &mut [0; 4]).blocking()?;
    /// stream.assert_done();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the context is gone, which it cannot be.
    pub fn on(self, context: &TestContext) -> TestStream {
        let waiting = Arc::new(Waiting::default());
        context.tell_when_gone(&waiting);
        TestStream::new(
            context.executor(),
            Arc::new(self.scripted(false)),
            0,
            &waiting,
        )
    }

    /// Makes a socket that exchanges datagrams with `peer`, which does this: each read is a
    /// datagram, and so is each write.
    ///
    /// ```
    /// use async_op::test::{Script, TestContext};
    ///
    /// let context = TestContext::new();
    /// let peer = ([10, 0, 0, 2], 123).into();
    /// let socket = Script::new().write("what time is it?").read("noon").datagrams(&context, peer);
    /// socket.send_to("what time is it?", peer).blocking()?;
    /// let mut answer = [0; 8];
    /// assert_eq!(socket.receive_from(&mut answer).blocking()?, (4, peer));
    /// assert_eq!(&answer[..4], b"noon");
    /// socket.assert_done();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// A datagram that is sent to somebody else panics. Of [any writes](Self::any_writes)
    /// nothing is kept; [`at_most`](Self::at_most) and [`eof`](Self::eof) mean nothing here.
    pub fn datagrams(self, context: &TestContext, peer: SocketAddr) -> TestUdpSocket {
        let waiting = Arc::new(Waiting::default());
        context.tell_when_gone(&waiting);
        let post = Arc::new(Datagrams {
            scripted: self.scripted(true),
            peer,
        });
        let address = SocketAddr::new(peer.ip(), 0);
        TestUdpSocket::new(context.executor(), address, post, &waiting)
    }

    fn scripted(self, is_datagrams: bool) -> Scripted {
        Scripted(Mutex::new(State {
            script: self,
            is_datagrams,
            is_eof: false,
            is_reset: false,
            is_closed: false,
            is_finished: false,
            resumed: 0,
            written: Vec::new(),
        }))
    }

    fn and(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }
}

impl TestContext {
    /// Has those who wait told when the context is dropped.
    pub(super) fn tell_when_gone(&self, waiting: &Arc<Waiting>) {
        let waiting: Weak<Waiting> = Arc::downgrade(waiting);
        let object: Weak<dyn ContextGone> = waiting;
        let reactor = self.reactor().expect("the context is here");
        reactor.add_object(object).expect("the context is here");
    }
}

struct Scripted(Mutex<State>);

struct State {
    script: Script,
    is_datagrams: bool,
    is_eof: bool,
    is_reset: bool,
    is_closed: bool,
    is_finished: bool,
    resumed: usize,
    written: Vec<u8>,
}

impl Scripted {
    /// Locks the state, and takes the steps that happen by themselves.
    fn lock(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.0.lock();
        state.go_on(now);
        state
    }
}

impl State {
    fn go_on(&mut self, now: Instant) {
        loop {
            match self.script.steps.front_mut() {
                Some(step @ Step::Wait(_)) => {
                    let Step::Wait(duration) = *step else { return };
                    *step = Step::Until(now + duration);
                    continue;
                }
                Some(Step::Until(time)) if *time <= now => {}
                Some(Step::Stall) if self.resumed > 0 => self.resumed -= 1,
                Some(Step::Eof) => self.is_eof = true,
                Some(Step::Reset) => self.is_reset = true,
                Some(Step::Read(bytes) | Step::Write(bytes))
                    if bytes.is_empty() && !self.is_datagrams => {}
                _ => return,
            }
            self.script.steps.pop_front();
        }
    }

    /// What is the same for reads and writes.
    fn turn<T>(&mut self) -> Turn<T> {
        match self.script.steps.front() {
            Some(&Step::Until(time)) => Turn::At(time),
            Some(&Step::Fail(kind)) => {
                self.script.steps.pop_front();
                Turn::Over(Err(kind.into()))
            }
            _ => Turn::Later,
        }
    }

    fn most(&self, wanted: usize) -> usize {
        self.script.most.map_or(wanted, |most| most.min(wanted))
    }
}

impl Peer for Scripted {
    fn read(&self, _: usize, now: Instant, part: &mut [u8]) -> Turn {
        let state = &mut *self.lock(now);
        if state.is_closed {
            return Turn::Over(Ok(0));
        } else if state.is_reset {
            return Turn::Over(Err(io::ErrorKind::ConnectionReset.into()));
        } else if state.is_eof {
            return Turn::Over(Ok(0));
        }
        let most = state.most(part.len());
        let Some(Step::Read(bytes)) = state.script.steps.front_mut() else {
            return state.turn();
        };
        let n = most.min(bytes.len());
        for (place, byte) in part.iter_mut().zip(bytes.drain(..n)) {
            *place = byte;
        }
        state.go_on(now);
        Turn::Over(Ok(n))
    }

    fn write(&self, _: usize, now: Instant, part: &[u8]) -> Turn {
        let state = &mut *self.lock(now);
        if state.is_closed || state.is_finished {
            return Turn::Over(Err(io::ErrorKind::BrokenPipe.into()));
        } else if state.is_reset {
            return Turn::Over(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let part = &part[..state.most(part.len())];
        if state.script.takes_anything {
            state.written.extend_from_slice(part);
            return Turn::Over(Ok(part.len()));
        }
        let bytes = match state.script.steps.front_mut() {
            Some(Step::Write(bytes)) => bytes,
            Some(_) => return state.turn(),
            None => panic!("the script is over, but this is written: {}", shown(part)),
        };
        let n = part.len().min(bytes.len());
        let expected: Vec<u8> = bytes.drain(..n).collect();
        assert!(
            expected == part[..n],
            "the script has {} written, not {}",
            shown(&expected),
            shown(part)
        );
        state.go_on(now);
        Turn::Over(Ok(n))
    }

    fn finish(&self, _: usize, _: Instant) {
        self.0.lock().is_finished = true;
    }

    fn close(&self, _: usize, _: Instant) {
        self.0.lock().is_closed = true;
    }

    fn resume(&self) {
        self.0.lock().resumed += 1;
    }

    fn written(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().written)
    }

    fn left(&self) -> Option<String> {
        let state = self.0.lock();
        let mut said = String::new();
        for step in &state.script.steps {
            let between = if said.is_empty() { "" } else { ", " };
            let _ = match step {
                Step::Read(bytes) => write!(said, "{between}read {}", shown(bytes)),
                Step::Write(bytes) => write!(said, "{between}write {}", shown(bytes)),
                step => write!(said, "{between}{step:?}"),
            };
        }
        // What nobody has come to look at.
        let is_over = |step: &Step| matches!(step, Step::Eof | Step::Reset);
        (!state.script.steps.iter().all(is_over)).then_some(said)
    }
}

/// A script of datagrams.
struct Datagrams {
    scripted: Scripted,
    peer: SocketAddr,
}

impl Post for Datagrams {
    fn receive(
        &self,
        _: SocketAddr,
        _: Option<SocketAddr>,
        now: Instant,
        part: &mut [u8],
    ) -> Turn<(usize, SocketAddr)> {
        let state = &mut *self.scripted.lock(now);
        if state.is_reset {
            return Turn::Over(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let Some(Step::Read(bytes)) = state.script.steps.front_mut() else {
            return state.turn();
        };
        let len = part.len().min(bytes.len());
        for (place, byte) in part.iter_mut().zip(bytes) {
            *place = *byte;
        }
        state.script.steps.pop_front();
        state.go_on(now);
        Turn::Over(Ok((len, self.peer)))
    }

    fn send(&self, _: SocketAddr, to: SocketAddr, now: Instant, bytes: &[u8]) -> Turn {
        let state = &mut *self.scripted.lock(now);
        assert!(
            to == self.peer,
            "the script is that of {}, not {to}",
            self.peer
        );
        if state.is_reset {
            return Turn::Over(Err(io::ErrorKind::ConnectionReset.into()));
        } else if state.script.takes_anything {
            return Turn::Over(Ok(bytes.len()));
        }
        match state.script.steps.front() {
            Some(Step::Write(expected)) => assert!(
                expected.iter().eq(bytes),
                "the script has {} sent, not {}",
                shown(expected),
                shown(bytes)
            ),
            Some(_) => return state.turn(),
            None => panic!("the script is over, but this is sent: {}", shown(bytes)),
        }
        state.script.steps.pop_front();
        state.go_on(now);
        Turn::Over(Ok(bytes.len()))
    }

    fn resume(&self) {
        Peer::resume(&self.scripted);
    }

    fn left(&self) -> Option<String> {
        Peer::left(&self.scripted)
    }
}

/// Shows bytes as a string literal does.
fn shown<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> String {
    let bytes: Vec<u8> = bytes.into_iter().copied().collect();
    format!("\"{}\"", bytes.escape_ascii())
}
