use std::fmt;
use std::mem;
use std::sync::Arc;
use std::thread;

use crate::handler::{Associations, CompletionHandler, Handler};
use crate::shim::plain::{Mutex, MutexGuard};
use crate::signature::Signature;

/// Keeps what handlers are called with, for a test to look at.
///
/// `A` is the tuple of what the operation completes with, and seldom has to be said.
///
/// ```
/// use async_op::test::{Probe, Script, TestContext};
/// use async_op::io::read_exact;
///
/// let context = TestContext::new();
/// let stream = Script::new().read("he").stall().read("llo").on(&context);
/// let probe = Probe::new();
/// read_exact(&stream, vec![0; 5]).with(probe.handler());
/// context.run_until_stalled();
/// assert_eq!(probe.calls(), 0);
///
/// stream.resume();
/// context.run();
/// let (result, buffer) = probe.take();
/// result.unwrap();
/// assert_eq!(buffer, b"hello");
/// ```
///
/// # Panics
///
/// When it is dropped, if a handler of it has been dropped uncalled and nobody has
/// [asked](Self::dropped) for that, unless the thread is panicking anyway.
pub struct Probe<A> {
    state: Arc<Mutex<State<A>>>,
}

struct State<A> {
    outcomes: std::collections::VecDeque<A>,
    calls: usize,
    dropped: usize,
    is_known: bool,
}

/// A handler of a [`Probe`].
pub struct ProbeHandler<A> {
    /// Until it is called.
    state: Option<Arc<Mutex<State<A>>>>,
}

impl<A> Probe<A> {
    /// Makes a probe that nothing has been completed with.
    ///
    /// ```
    /// use async_op::test::{Probe, TestContext};
    /// use async_op::time::Timer;
    ///
    /// let (context, probe) = (TestContext::new(), Probe::new());
    /// Timer::new(&context).wait().with(probe.handler());
    /// assert_eq!(probe.calls(), 0);
    /// context.run();
    /// assert_eq!(probe.calls(), 1);
    /// ```
    pub fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                outcomes: Default::default(),
                calls: 0,
                dropped: 0,
                is_known: false,
            })),
        }
    }

    /// Makes a handler, which is a token. Any number of them may be made.
    ///
    /// ```
    /// use async_op::test::{Probe, TestContext};
    /// use async_op::time::Timer;
    ///
    /// let (context, probe) = (TestContext::new(), Probe::new());
    /// Timer::new(&context).wait().with(probe.handler());
    /// Timer::new(&context).wait().with(probe.handler());
    /// context.run();
    /// assert_eq!(probe.calls(), 2);
    /// ```
    pub fn handler(&self) -> Handler<ProbeHandler<A>> {
        Handler(ProbeHandler {
            state: Some(Arc::clone(&self.state)),
        })
    }

    /// Returns how many handlers have been called.
    ///
    /// ```
    /// use async_op::test::{Probe, TestContext};
    /// use async_op::time::Timer;
    ///
    /// let (context, probe) = (TestContext::new(), Probe::new());
    /// Timer::new(&context).wait().with(probe.handler());
    /// assert_eq!(probe.calls(), 0);
    /// context.run();
    /// assert_eq!(probe.calls(), 1);
    /// ```
    pub fn calls(&self) -> usize {
        self.lock().calls
    }

    /// Returns how many handlers have been dropped uncalled. From now on that is no mistake.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::test::Probe;
    /// use async_op::time::Timer;
    ///
    /// let (context, probe) = (IoContext::new().unwrap(), Probe::new());
    /// Timer::new(&context).wait().with(probe.handler());
    /// drop(context); // and all that waits there
    /// assert_eq!(probe.dropped(), 1);
    /// ```
    pub fn dropped(&self) -> usize {
        let mut state = self.lock();
        state.is_known = true;
        state.dropped
    }

    /// Takes out what a handler has been called with: the first that has not been taken.
    ///
    /// ```
    /// use async_op::test::{Probe, TestContext};
    /// use async_op::time::Timer;
    ///
    /// let (context, probe) = (TestContext::new(), Probe::new());
    /// Timer::new(&context).wait().with(probe.handler());
    /// assert!(probe.try_take().is_none());
    /// context.run();
    /// let (result,) = probe.try_take().unwrap();
    /// result.unwrap();
    /// ```
    pub fn try_take(&self) -> Option<A> {
        self.lock().outcomes.pop_front()
    }

    /// Takes out what a handler has been called with, which is the only one.
    ///
    /// ```
    /// use async_op::test::{Probe, TestContext};
    /// use async_op::time::Timer;
    ///
    /// let (context, probe) = (TestContext::new(), Probe::new());
    /// Timer::new(&context).wait().with(probe.handler());
    /// context.run();
    /// let (result,) = probe.take();
    /// result.unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If there are none, or several.
    #[track_caller]
    pub fn take(&self) -> A {
        let count = self.lock().outcomes.len();
        assert!(count == 1, "{count} handlers have been called, not one");
        self.try_take().expect("there is one")
    }

    fn lock(&self) -> MutexGuard<'_, State<A>> {
        self.state.lock()
    }
}

impl<T> Probe<(T,)> {
    /// Takes out the one value that a handler has been called with, which is the only one.
    ///
    /// ```
    /// use async_op::test::{Probe, TestContext};
    /// use async_op::time::Timer;
    ///
    /// let (context, probe) = (TestContext::new(), Probe::new());
    /// Timer::new(&context).wait().with(probe.handler());
    /// context.run();
    /// probe.output().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// As [`take`](Self::take).
    #[track_caller]
    pub fn output(&self) -> T {
        self.take().0
    }
}

impl<A> Default for Probe<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A> Drop for Probe<A> {
    fn drop(&mut self) {
        let state = self.lock();
        let count = if state.is_known { 0 } else { state.dropped };
        drop(state);
        if count > 0 && !thread::panicking() {
            panic!("{count} handlers have been dropped uncalled");
        }
    }
}

impl<A> Drop for ProbeHandler<A> {
    fn drop(&mut self) {
        if let Some(state) = mem::take(&mut self.state) {
            state.lock().dropped += 1;
        }
    }
}

impl<A> Associations for ProbeHandler<A> {}

impl<S, A> CompletionHandler<S> for ProbeHandler<A>
where
    S: Signature<Args = A>,
    A: Send + 'static,
{
    fn complete(mut self, args: A) {
        if let Some(state) = mem::take(&mut self.state) {
            let mut state = state.lock();
            state.calls += 1;
            state.outcomes.push_back(args);
        }
    }
}

impl<A> fmt::Debug for Probe<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Probe")
            .field("calls", &state.calls)
            .field("dropped", &state.dropped)
            .finish_non_exhaustive()
    }
}

impl<A> fmt::Debug for ProbeHandler<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeHandler").finish_non_exhaustive()
    }
}
