use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_op::io::{AsyncReadStream, AsyncWriteStream, ReadBuffer, Transport, WriteBuffer};
use async_op::time::Timer;
use async_op::{IoExecutor, IoObject};

/// What a [`TestStream`] does at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Moves up to so many bytes.
    Move(usize),
    /// Waits for [`TestStream::resume`], or to be cancelled, and goes on with
    /// the next step.
    Stall,
    /// Fails.
    Fail(io::ErrorKind),
    /// Moves nothing.
    End,
}

/// A stream in memory that does as it is told: what is read from it and what is
/// written to it have nothing to do with each other. A handle.
#[derive(Clone, Debug)]
pub struct TestStream {
    stalled: Timer,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    input: VecDeque<u8>,
    output: Vec<u8>,
    reads: VecDeque<Step>,
    writes: VecDeque<Step>,
    otherwise: Step,
    resumed: usize,
    calls: (usize, usize),
    closed: usize,
}

impl TestStream {
    /// Makes a stream of which `input` can be read. It moves as much as it can
    /// at each call.
    pub fn new(executor: &IoExecutor, input: &[u8]) -> Self {
        let stalled = Timer::new(executor);
        stalled.expires_after(Duration::from_secs(3600));
        Self {
            stalled,
            state: Arc::new(Mutex::new(State {
                input: input.iter().copied().collect(),
                output: Vec::new(),
                reads: VecDeque::new(),
                writes: VecDeque::new(),
                otherwise: Step::Move(usize::MAX),
                resumed: 0,
                calls: (0, 0),
                closed: 0,
            })),
        }
    }

    /// Sets what the first reads do.
    pub fn reads(self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.lock().reads.extend(steps);
        self
    }

    /// Sets what the first writes do.
    pub fn writes(self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.lock().writes.extend(steps);
        self
    }

    /// Sets what all other calls do.
    pub fn otherwise(self, step: Step) -> Self {
        self.lock().otherwise = step;
        self
    }

    /// Ends a stall: the one that there is, or else the next.
    pub fn resume(&self) {
        self.lock().resumed += 1;
        self.stalled.cancel();
    }

    /// Adds to what can be read.
    pub fn feed(&self, bytes: &[u8]) {
        self.lock().input.extend(bytes);
    }

    /// Returns what has been written, once.
    pub fn written(&self) -> Vec<u8> {
        // Its capacity stays.
        let mut state = self.lock();
        let written = state.output.clone();
        state.output.clear();
        written
    }

    /// Returns how much can still be read.
    pub fn unread(&self) -> usize {
        self.lock().input.len()
    }

    /// Returns how many calls there have been that read, and that wrote.
    pub fn calls(&self) -> (usize, usize) {
        self.lock().calls
    }

    /// Returns how often it has been closed.
    pub fn closed(&self) -> usize {
        self.lock().closed
    }

    /// Returns how many handles there are, this one included.
    pub fn handles(&self) -> usize {
        Arc::strong_count(&self.state)
    }

    /// Returns how many bytes to move.
    async fn go_on(&self, next: impl Fn(&mut State) -> Option<Step>) -> io::Result<usize> {
        loop {
            let step = {
                let mut state = self.lock();
                next(&mut state).unwrap_or(state.otherwise)
            };
            match step {
                Step::Move(n) => return Ok(n),
                Step::Stall => self.stall().await?,
                Step::Fail(kind) => return Err(kind.into()),
                Step::End => return Ok(0),
            }
        }
    }

    async fn stall(&self) -> io::Result<()> {
        if self.take_resumed() {
            return Ok(());
        }
        let result = self.stalled.wait().await;
        if self.take_resumed() {
            return Ok(());
        }
        result
    }

    fn take_resumed(&self) -> bool {
        let mut state = self.lock();
        let resumed = state.resumed > 0;
        state.resumed -= usize::from(resumed);
        resumed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IoObject for TestStream {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.stalled.executor()
    }
}

impl AsyncReadStream for TestStream {
    async fn read_after<B: ReadBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        if buffer.after(skip).is_empty() {
            return Ok(0);
        }
        self.lock().calls.0 += 1;
        let most = self.go_on(|state| state.reads.pop_front()).await?;
        let mut state = self.lock();
        let mut moved = 0;
        while moved < most {
            let part = buffer.after(skip + moved);
            let n = part.len().min(most - moved).min(state.input.len());
            if n == 0 {
                break;
            }
            for (place, byte) in part.iter_mut().zip(state.input.drain(..n)) {
                *place = byte;
            }
            moved += n;
        }
        Ok(moved)
    }
}

impl AsyncWriteStream for TestStream {
    async fn write_after<B: WriteBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        if buffer.after(skip).is_empty() {
            return Ok(0);
        }
        self.lock().calls.1 += 1;
        let most = self.go_on(|state| state.writes.pop_front()).await?;
        let mut state = self.lock();
        let mut moved = 0;
        while moved < most {
            let part = buffer.after(skip + moved);
            let n = part.len().min(most - moved);
            if n == 0 {
                break;
            }
            state.output.extend_from_slice(&part[..n]);
            moved += n;
        }
        Ok(moved)
    }
}

/// Says no more than it must.
impl Transport for TestStream {
    fn close(&self) {
        self.lock().closed += 1;
    }
}
