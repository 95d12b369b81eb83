use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tracing::{Level, event};

use crate::shim::plain::Mutex;
use crate::site::Site;

type Hook = Arc<dyn Fn(&SlowHandler) + Send + Sync>;

/// In nanoseconds; the default is no limit.
static LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);
static HOOK: Mutex<Option<Hook>> = Mutex::new(None);

/// Has `hook` called for each step of an operation that kept its thread for
/// longer than `limit`: its initiating function, a poll of its future, or its
/// handler. Replaces the hook of an earlier call, in the whole process.
///
/// While a handler runs, nothing else does on its thread: of a server that
/// stutters, these are the lines to look at. The hook is called on that thread,
/// afterwards, with what was called inside counted in. A step that ends by a
/// panic is not reported. There is a `tracing` event of the level `WARN`, too.
///
/// [`Duration::MAX`] switches it off.
///
/// ```
/// use async_op::trace::on_slow_handler;
/// use async_op::IoContext;
/// use async_op::time::Timer;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::thread;
/// use std::time::Duration;
///
/// static SLOW: AtomicU32 = AtomicU32::new(0);
///
/// on_slow_handler(Duration::from_millis(50), |slow| {
///     eprintln!("{slow}"); // the handler of `async_wait` (src/main.rs:11:7) took 60.1ms
///     SLOW.fetch_add(1, Ordering::Relaxed);
/// });
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// timer.wait().callback(|_| thread::sleep(Duration::from_millis(60)));
/// context.run();
/// assert_eq!(SLOW.load(Ordering::Relaxed), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn on_slow_handler(limit: Duration, hook: impl Fn(&SlowHandler) + Send + Sync + 'static) {
    let previous = HOOK.lock().replace(Arc::new(hook));
    let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    LIMIT.store(limit, Ordering::Relaxed);
    drop(previous);
}

/// What kept its thread for too long; see [`on_slow_handler`].
pub struct SlowHandler {
    site: Site,
    step: Step,
    elapsed: Duration,
}

/// What an operation does on a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Its body, within the initiating function.
    Body,
    /// Its future is polled.
    Poll,
    /// Its handler is called.
    Handler,
}

impl SlowHandler {
    /// Returns the name of the operation's initiating function.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use async_op::trace::on_slow_handler;
    /// use std::time::Duration;
    ///
    /// // Whatever takes any time at all.
    /// on_slow_handler(Duration::ZERO, |slow| assert_eq!(slow.name(), "async_wait"));
    /// let context = IoContext::new()?;
    /// Timer::new(&context).wait().callback(|result| result.unwrap());
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn name(&self) -> &'static str {
        self.site.name()
    }

    /// Returns the line that made the operation.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use async_op::trace::on_slow_handler;
    /// use std::time::Duration;
    ///
    /// // Whatever takes any time at all.
    /// on_slow_handler(Duration::ZERO, |slow| assert_eq!(slow.location().file(), file!()));
    /// let context = IoContext::new()?;
    /// Timer::new(&context).wait().callback(|result| result.unwrap());
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn location(&self) -> &'static Location<'static> {
        self.site.caller()
    }

    /// Returns which part of the operation was slow.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use async_op::trace::{Step, on_slow_handler};
    /// use std::time::Duration;
    ///
    /// // Whatever takes any time at all.
    /// on_slow_handler(Duration::ZERO, |slow| assert!([Step::Body, Step::Handler].contains(&slow.step())));
    /// let context = IoContext::new()?;
    /// Timer::new(&context).wait().callback(|result| result.unwrap());
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn step(&self) -> Step {
        self.step
    }

    /// Returns how long it took.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use async_op::trace::on_slow_handler;
    /// use std::time::Duration;
    ///
    /// // Whatever takes any time at all.
    /// on_slow_handler(Duration::ZERO, |slow| assert!(slow.elapsed() > Duration::ZERO));
    /// let context = IoContext::new()?;
    /// Timer::new(&context).wait().callback(|result| result.unwrap());
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

impl fmt::Display for SlowHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Body => "the body",
            Step::Poll => "a poll",
            Step::Handler => "the handler",
        };
        write!(
            f,
            "{step} of `{}` ({}) took {:.1?}",
            self.name(),
            self.location(),
            self.elapsed
        )
    }
}

impl fmt::Debug for SlowHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowHandler")
            .field("name", &self.name())
            .field("location", &format_args!("{}", self.location()))
            .field("step", &self.step)
            .field("elapsed", &self.elapsed)
            .finish()
    }
}

/// Returns whether steps have to be timed.
#[inline]
pub(super) fn is_watched() -> bool {
    LIMIT.load(Ordering::Relaxed) != u64::MAX
}

pub(super) fn check(site: Site, step: Step, elapsed: Duration) {
    let limit = Duration::from_nanos(LIMIT.load(Ordering::Relaxed));
    if elapsed > limit && !thread::panicking() {
        report(&SlowHandler {
            site,
            step,
            elapsed,
        });
    }
}

#[cold]
fn report(slow: &SlowHandler) {
    event!(
        target: "async_op",
        Level::WARN,
        operation = slow.name(),
        location = %slow.location(),
        step = ?slow.step,
        elapsed = ?slow.elapsed,
        "slow"
    );
    let hook = HOOK.lock().clone();
    // Foreign, so outside the lock.
    if let Some(hook) = hook {
        hook(slow);
    }
}
