use async_op::alloc::{OperationAllocator, Recycling};
use async_op::executor::PostOnly;
use async_op::{Associations, CompletionHandler, Executor, Signature};

use crate::Log;

/// A handler that writes `call` to a log when it is called, and `drop` when it
/// is dropped without having been called. Its associations are what the `with`
/// methods say.
#[derive(Debug)]
pub struct Probe<F, X = Io, I = Posted, A = Recycling> {
    alive: Alive,
    executor: X,
    immediate: I,
    allocator: A,
    function: F,
}

/// Writes `drop` to a log when dropped, unless that was expected.
#[derive(Debug)]
pub struct Alive {
    log: Log,
    entry: &'static str,
    expected: bool,
}

impl Alive {
    /// Makes a value that writes `entry` to `log` when it is dropped.
    pub fn new(log: &Log, entry: &'static str) -> Self {
        Self {
            log: log.clone(),
            entry,
            expected: false,
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        if !self.expected {
            self.log.push(self.entry);
        }
    }
}

/// The I/O executor is the handler's.
#[derive(Clone, Copy, Debug)]
pub struct Io;

/// The handler has an executor of its own.
#[derive(Clone, Copy, Debug)]
pub struct On<X>(pub X);

/// Immediate completions are posted.
#[derive(Clone, Copy, Debug)]
pub struct Posted;

/// Immediate completions go to this executor.
#[derive(Clone, Copy, Debug)]
pub struct At<I>(pub I);

/// How a probe chooses its executor.
trait Choose: Send + 'static {
    fn choose<E: Executor>(&self, default: E) -> impl Executor;
}

impl Choose for Io {
    fn choose<E: Executor>(&self, default: E) -> impl Executor {
        default
    }
}

impl<X: Executor> Choose for On<X> {
    fn choose<E: Executor>(&self, _: E) -> impl Executor {
        self.0.clone()
    }
}

impl Choose for Posted {
    fn choose<E: Executor>(&self, default: E) -> impl Executor {
        PostOnly(default)
    }
}

impl<I: Executor> Choose for At<I> {
    fn choose<E: Executor>(&self, _: E) -> impl Executor {
        self.0.clone()
    }
}

impl Probe<()> {
    /// Makes a handler that writes to `log` and then calls `function` with the
    /// arguments as a tuple.
    pub fn calling<F>(log: &Log, function: F) -> Probe<F> {
        Probe {
            alive: Alive::new(log, "drop"),
            executor: Io,
            immediate: Posted,
            allocator: Recycling,
            function,
        }
    }
}

impl Probe<fn((u32,))> {
    /// Makes a handler that writes to `log`, for operations that complete with
    /// a number.
    pub fn new(log: &Log) -> Self {
        Probe::calling(log, |_| {})
    }
}

impl<F, X, I, A> Probe<F, X, I, A> {
    /// Sets the executor.
    pub fn on<X2>(self, executor: X2) -> Probe<F, On<X2>, I, A> {
        Probe {
            alive: self.alive,
            executor: On(executor),
            immediate: self.immediate,
            allocator: self.allocator,
            function: self.function,
        }
    }

    /// Sets the immediate executor.
    pub fn immediately_at<I2>(self, executor: I2) -> Probe<F, X, At<I2>, A> {
        Probe {
            alive: self.alive,
            executor: self.executor,
            immediate: At(executor),
            allocator: self.allocator,
            function: self.function,
        }
    }

    /// Sets the allocator.
    pub fn allocating<A2>(self, allocator: &A2) -> Probe<F, X, I, A2>
    where
        A2: OperationAllocator,
    {
        Probe {
            alive: self.alive,
            executor: self.executor,
            immediate: self.immediate,
            allocator: allocator.clone(),
            function: self.function,
        }
    }
}

#[allow(private_bounds, reason = "the choices are the types above")]
impl<F, X: Choose, I: Choose, A: OperationAllocator> Associations for Probe<F, X, I, A> {
    fn executor<E: Executor>(&self, io: &E) -> impl Executor {
        self.executor.choose(io.clone())
    }

    fn immediate_executor<O: Executor>(&self, own: &O) -> impl Executor {
        self.immediate.choose(own.clone())
    }

    fn allocator(&self) -> impl OperationAllocator {
        self.allocator.clone()
    }
}

#[allow(private_bounds, reason = "the choices are the types above")]
impl<S, F, X, I, A> CompletionHandler<S> for Probe<F, X, I, A>
where
    S: Signature,
    F: FnOnce(S::Args) + Send + 'static,
    X: Choose,
    I: Choose,
    A: OperationAllocator,
{
    fn complete(mut self, args: S::Args) {
        self.alive.expected = true;
        self.alive.log.push("call");
        (self.function)(args);
    }
}
