use std::fmt;
use std::io;

use mio::{Interest, Registry, Token};
use signal_hook_mio::v1_0::Signals;

use super::operation::{Perform, meta, operation};
use super::source::{Pollable, SharedSource, Source};
use crate::alloc::Shared;
use crate::async_op;
use crate::context::{Direction, IoExecutor, Progress, Registration};
use crate::executor::home::homes;
use crate::executor::{Home, HomeExecutor};
use crate::initiation::Initiation;
use crate::meta::Meta;
use crate::shim::plain::{Mutex, MutexGuard};

/// Signals of the operating system that operations can wait for, instead of what
/// they do to a process by default.
///
/// A handle: clones are the same set. Any number of sets may contain the same
/// signal; each is told of it. Several signals of a number that nobody has
/// waited for yet count as one.
///
/// ```
/// use async_op::IoContext;
/// use async_op::signal::SignalSet;
///
/// let context = IoContext::new()?;
/// let signals = SignalSet::new(&context, [libc::SIGUSR1, libc::SIGUSR2])?;
/// signals.wait().callback(|signal| assert_eq!(signal.unwrap(), libc::SIGUSR2));
/// # signal_hook::low_level::raise(libc::SIGUSR2)?;
/// context.run();
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "signal_set")]
#[doc(alias = "ctrl_c")]
#[derive(Clone)]
pub struct SignalSet<E = Home> {
    source: SharedSource<Pending>,
    home: E,
}

/// Looking at what has arrived takes `&mut`.
struct Pending(Mutex<Signals>);

const FORBIDDEN: [i32; 5] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGSEGV,
];

impl SignalSet {
    /// Makes a set of `signals`. From now on, and as long as the process lives,
    /// they do not end it any more.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::signal::SignalSet;
    ///
    /// # pollster::block_on(async {
    /// let signals = SignalSet::new(&SystemExecutor, [libc::SIGINT, libc::SIGTERM])?;
    /// # signal_hook::low_level::raise(libc::SIGTERM)?;
    /// assert_eq!(signals.wait().await?, libc::SIGTERM);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, for a number that is none; and one of kind
    /// [`Other`](io::ErrorKind::Other) when the context is gone.
    ///
    /// # Panics
    ///
    /// For a signal that cannot be waited for: `SIGKILL`, `SIGSTOP`, `SIGILL`,
    /// `SIGFPE`, `SIGSEGV`.
    ///
    /// # Out of memory
    ///
    /// Aborts the process, where it is what is kept of each signal that gets none.
    pub fn new(executor: &IoExecutor, signals: impl IntoIterator<Item = i32>) -> io::Result<Self> {
        // One by one: what is no signal is found out before it does any harm.
        let mut set = Signals::new([] as [i32; 0])?;
        for signal in signals {
            add(&mut set, signal)?;
        }
        let pending = Pending(Mutex::new(set));
        let source = Source::new(*executor, pending, Registration::default())?;
        Ok(Self {
            source: Shared::try_new(source)?,
            home: Home,
        })
    }
}

impl<E: HomeExecutor> SignalSet<E> {
    /// Adds a signal.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::signal::SignalSet;
    ///
    /// # pollster::block_on(async {
    /// let signals = SignalSet::new(&SystemExecutor, [libc::SIGINT])?;
    /// signals.add(libc::SIGHUP)?;
    /// # signal_hook::low_level::raise(libc::SIGHUP)?;
    /// assert_eq!(signals.wait().await?, libc::SIGHUP);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    pub fn add(&self, signal: i32) -> io::Result<()> {
        add(&mut self.source.get().lock(), signal)
    }

    super::handle::cancels!();

    /// Waits for one of the signals.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::signal::SignalSet;
    ///
    /// # pollster::block_on(async {
    /// let signals = SignalSet::new(&SystemExecutor, [libc::SIGUSR1])?;
    /// # signal_hook::low_level::raise(libc::SIGUSR1)?;
    /// match signals.wait().await? {
    ///     libc::SIGUSR1 => println!("reads its configuration again"),
    ///     signal => unreachable!("nobody waits for {signal}"),
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(io::Result<i32>)`: the number of the signal. One that has arrived since
    /// the set was made, and was not told to anybody, completes it at once.
    ///
    /// # Overlap
    ///
    /// Any number may be outstanding; a signal goes to one of them.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory; awaited, none.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured: a
    /// dropped operation has taken no signal.
    ///
    /// # Errors
    ///
    /// One of kind [`Other`](io::ErrorKind::Other) when the context is gone;
    /// [cancelled](crate::is_cancelled) by [`cancel`](Self::cancel).
    #[async_op]
    pub fn async_wait(&self) -> impl Initiation<fn(io::Result<i32>)> {
        static META: Meta = meta("async_wait");
        operation(&META, &self.source, &self.home, Direction::Read, NextSignal)
    }
}

struct NextSignal;

impl Perform<Pending> for NextSignal {
    type Value = i32;
    type Output = io::Result<i32>;

    fn perform(&mut self, source: &SharedSource<Pending>) -> io::Result<(Option<i32>, Progress)> {
        match source.get().lock().pending().next() {
            Some(signal) => Ok((Some(signal), Progress::More)),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn finish(self, result: io::Result<i32>) -> io::Result<i32> {
        result
    }
}

/// Adds a signal, if it is one that can be waited for.
fn add(set: &mut Signals, signal: i32) -> io::Result<()> {
    assert!(
        !FORBIDDEN.contains(&signal),
        "signal {signal} cannot be waited for"
    );
    // It keeps a place for each number below this one.
    if !(1..128).contains(&signal) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    set.add_signal(signal)
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Signals> {
        self.0.lock()
    }
}

impl mio::event::Source for Pending {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.lock().register(registry, token, interest)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.lock().reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.lock().deregister(registry)
    }
}

impl Pollable for Pending {}

homes!(SignalSet, source, |this| this.source.executor());

impl<E> fmt::Debug for SignalSet<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalSet").finish_non_exhaustive()
    }
}
