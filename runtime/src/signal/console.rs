//! Ctrl-C and Ctrl-Break, of which a console tells on a thread of its own.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use super::{BREAK, INTERRUPT};
use crate::async_op;
use crate::context::IoExecutor;
use crate::executor::home::homes;
use crate::executor::{Home, HomeExecutor};
use crate::shim::plain::Mutex;
use crate::sync::Channel;

/// Ctrl-C and Ctrl-Break, which operations can wait for, instead of what they do to a
/// process by default.
///
/// A handle: clones are the same set. Any number of sets may contain the same
/// signal; each is told of it. Several signals of a number that nobody has
/// waited for yet count as one.
///
/// On Unix it is a set of any signals.
///
/// ```no_run
/// use async_op::IoContext;
/// use async_op::signal::{BREAK, INTERRUPT, SignalSet};
///
/// # fn main() -> std::io::Result<()> {
/// let context = IoContext::new()?;
/// let signals = SignalSet::new(&context, [INTERRUPT, BREAK])?;
/// signals.wait().callback(|signal| println!("{}", signal.unwrap()));
/// context.run();
/// # Ok(())
/// # }
/// ```
#[doc(alias = "signal_set")]
#[doc(alias = "ctrl_c")]
#[derive(Clone)]
pub struct SignalSet<E = Home> {
    shared: Arc<Shared>,
    home: E,
}

struct Shared {
    executor: IoExecutor,
    /// The signals that the set contains, and those that have arrived and that nobody has
    /// been told of, as bits.
    members: AtomicU32,
    pending: AtomicU32,
    /// One value for each of those.
    arrived: Channel<()>,
}

/// All sets that there are. A console is told of a function once and for all.
static SETS: Mutex<Sets> = Mutex::new(Sets {
    is_told: false,
    claimed: 0,
    list: Vec::new(),
});

struct Sets {
    is_told: bool,
    /// The signals that end the process no more.
    claimed: u32,
    list: Vec<Weak<Shared>>,
}

unsafe extern "system" {
    fn SetConsoleCtrlHandler(handler: Option<extern "system" fn(u32) -> i32>, add: i32) -> i32;
}

/// What a console calls, on a thread that it makes; returns whether that is all there is to do.
extern "system" fn handle(event: u32) -> i32 {
    let bit = match event {
        0 => bit(INTERRUPT),
        1 => bit(BREAK),
        // The end of the console, or of the session: not for us.
        _ => return 0,
    };
    let sets = SETS.lock();
    let claimed = sets.claimed & bit;
    let list: Vec<_> = sets.list.iter().filter_map(Weak::upgrade).collect();
    // Who is woken, or dropped with its last handle, may come back here.
    drop(sets);
    for set in list {
        set.arrives(bit);
    }
    i32::from(claimed != 0)
}

fn bit(signal: i32) -> u32 {
    1 << signal
}

impl Shared {
    fn arrives(&self, bit: u32) {
        let is_member = self.members.load(Ordering::Relaxed) & bit != 0;
        if is_member && self.pending.fetch_or(bit, Ordering::AcqRel) & bit == 0 {
            // There is room for both; or the context is gone, and nobody waits.
            let _ = self.arrived.try_send(());
        }
    }

    /// Takes one of those that have arrived, of which there is one for each value.
    fn take(&self) -> i32 {
        let take = |pending: u32| Some(pending & pending.wrapping_sub(1));
        let pending = self
            .pending
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .expect("there always is a next one");
        pending.trailing_zeros() as i32
    }

    fn add(this: &Arc<Self>, signal: i32) -> io::Result<()> {
        if ![INTERRUPT, BREAK].contains(&signal) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut sets = SETS.lock();
        if !sets.is_told {
            // SAFETY: the function is one for all times, and may be called on any thread.
            if unsafe { SetConsoleCtrlHandler(Some(handle), 1) } == 0 {
                return Err(io::Error::last_os_error());
            }
            sets.is_told = true;
        }
        if this.members.fetch_or(bit(signal), Ordering::Relaxed) == 0 {
            sets.list.retain(|set| set.strong_count() > 0);
            sets.list.push(Arc::downgrade(this));
        }
        sets.claimed |= bit(signal);
        Ok(())
    }
}

impl SignalSet {
    /// Makes a set of `signals`: [`INTERRUPT`] and [`BREAK`]. From now on, and as long as the
    /// process lives, they do not end it any more.
    ///
    /// # Errors
    ///
    /// The system's; one of kind [`InvalidInput`](io::ErrorKind::InvalidInput) for another
    /// number; and one of kind [`Other`](io::ErrorKind::Other) when the context is gone.
    ///
    /// # Out of memory
    ///
    /// Aborts the process.
    pub fn new(executor: &IoExecutor, signals: impl IntoIterator<Item = i32>) -> io::Result<Self> {
        // Fails when the context is gone.
        executor.reactor()?;
        let shared = Arc::new(Shared {
            executor: *executor,
            members: AtomicU32::new(0),
            pending: AtomicU32::new(0),
            arrived: Channel::new(executor, 2),
        });
        for signal in signals {
            Shared::add(&shared, signal)?;
        }
        Ok(Self { shared, home: Home })
    }
}

impl<E: HomeExecutor> SignalSet<E> {
    /// Adds a signal.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn add(&self, signal: i32) -> io::Result<()> {
        Shared::add(&self.shared, signal)
    }

    /// Cancels all operations that are outstanding, by way of any handle: they
    /// complete with an error that [`is_cancelled`](crate::is_cancelled).
    pub fn cancel(&self) {
        self.shared.arrived.cancel();
    }

    /// Waits for one of the signals.
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
    /// None besides the operation's own memory, and a place among those that wait.
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
    #[async_op(cancellation = total)]
    pub async fn async_wait(&self) -> io::Result<i32> {
        self.shared.arrived.receive().await?;
        Ok(self.shared.take())
    }
}

homes!(SignalSet, shared, |this| this.shared.executor);

impl<E> fmt::Debug for SignalSet<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalSet").finish_non_exhaustive()
    }
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
