use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use super::queue::Queue;
use super::wait::{self, Failure, Request, Wait};
use super::{Deliver, SendError};
use crate::async_op;
use crate::context::{ContextGone, IoExecutor, WakeList};
use crate::executor::{Executor, IoObject};
use crate::initiation::{Initiation, from_future};
use crate::meta::Meta;
use crate::shim::plain::{Mutex, MutexGuard};

/// Passes values from operations that send to operations that receive.
///
/// A channel keeps up to `capacity` values that nobody has received; a send
/// beyond that waits. With a capacity of 0 every send waits for a receiver.
/// Values arrive in the order in which they were sent, and those who wait are
/// served in the order in which they came. Each value is received once.
///
/// A handle: clones are the same channel, and may be used on any thread.
///
/// ```
/// use async_op::IoContext;
/// use async_op::sync::Channel;
///
/// let context = IoContext::new()?;
/// let channel = Channel::new(&context, 0);
/// channel.receive().callback(|result| assert_eq!(result.unwrap(), "hello"));
/// channel.send("hello").callback(|result| result.unwrap());
/// assert_eq!(context.run(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Closing
///
/// [`close`](Self::close) is for the sending side, and final. Sends fail from
/// then on, those that wait included, and give their values back; what the
/// channel keeps is still received, and after that receives fail. Dropping
/// handles closes nothing.
///
/// # Allocation
///
/// One shared block per channel, and room for the values that it keeps and the
/// operations that wait, which is used again: in the long run sending and
/// receiving need no heap.
#[doc(alias = "mpsc")]
#[doc(alias = "concurrent_channel")]
pub struct Channel<T, E = IoExecutor> {
    shared: Arc<Shared<T, E>>,
}

struct Shared<T, E> {
    executor: E,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// With the place of each value in the order of sending.
    kept: VecDeque<(u64, T)>,
    capacity: usize,
    sent: u64,
    /// How many of these were sent before the channel was reset.
    forgotten: u64,
    /// Why there is nothing more to wait for.
    closed: Option<Failure>,
    senders: Queue<Sending<T>>,
    receivers: Queue<Receiving<T>>,
}

enum Sending<T> {
    Waiting(T),
    Sent,
    Failed(T, Failure),
}

enum Receiving<T> {
    Waiting,
    Received(u64, T),
    Failed(Failure),
}

impl<T: Send + 'static, E: Executor> Channel<T, E> {
    /// Makes a channel that keeps up to `capacity` values; its operations are
    /// those of the executor of `on`.
    ///
    /// # Out of memory
    ///
    /// Aborts the process, as [`Arc::new`](std::sync::Arc::new) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u32>::new(&context, 16);
    /// assert_eq!(channel.capacity(), 16);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new<O>(on: &O, capacity: usize) -> Self
    where
        O: IoObject<Executor = E> + ?Sized,
    {
        let state = State {
            kept: VecDeque::with_capacity(capacity.min(64)),
            capacity,
            sent: 0,
            forgotten: 0,
            closed: None,
            senders: Queue::default(),
            receivers: Queue::default(),
        };
        let executor = on.executor();
        let shared = Shared {
            executor: executor.clone(),
            state: Mutex::new(state),
        };
        Self {
            shared: wait::new(&executor, shared),
        }
    }

    /// Sends a value: waits until the channel keeps it or somebody receives it.
    ///
    /// # Completion
    ///
    /// `fn(Result<(), SendError<T>>)`. Completes at once where there is room or
    /// somebody waits.
    ///
    /// # Overlap
    ///
    /// Any number of sends may be outstanding; they are served in the order in
    /// which they were started.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory; awaited, none. A channel keeps the
    /// room for those that have waited at once.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured:
    /// a send that fails has not been received and gives the value back, one
    /// that is dropped has either sent it or drops it.
    ///
    /// # Errors
    ///
    /// Of kind [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the channel is
    /// closed; [cancelled](crate::is_cancelled) by [`cancel`](Self::cancel); of kind
    /// [`Other`](io::ErrorKind::Other) when the context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::new(&context, 1);
    /// channel.send("kept").blocking().unwrap();
    /// channel.close();
    /// let error = channel.send("too late").blocking().unwrap_err();
    /// assert_eq!(error.into_value(), "too late");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[async_op]
    pub fn async_send(&self, value: T) -> impl Initiation<fn(Result<(), SendError<T>>)> {
        static META: Meta = wait::meta("async_send");
        let channel = self.clone();
        from_future(&META, self.executor(), async move {
            Wait::new(&channel.shared.state, SendRequest(value)).await
        })
    }

    /// Receives a value: waits until there is one.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<T>)`. Completes at once where there is a value.
    ///
    /// # Overlap
    ///
    /// Any number of receives may be outstanding; they are served in the order
    /// in which they were started.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory; awaited, none. A channel keeps the
    /// room for those that have waited at once.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured:
    /// a receive that fails has received nothing, and a value that was meant for
    /// one that is dropped goes to the next, in its place in the order.
    ///
    /// # Errors
    ///
    /// Of kind [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the channel is
    /// closed and empty; [cancelled](crate::is_cancelled) by
    /// [`cancel`](Self::cancel); of kind [`Other`](io::ErrorKind::Other) when the
    /// context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::sync::Channel;
    ///
    /// # pollster::block_on(async {
    /// let channel = Channel::new(&SystemExecutor, 3);
    /// for n in [1, 2, 3] {
    ///     channel.try_send(n).unwrap();
    /// }
    /// channel.close();
    /// let mut sum = 0;
    /// while let Ok(n) = channel.receive().await {
    ///     sum += n;
    /// }
    /// assert_eq!(sum, 6);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[async_op]
    pub fn async_receive(&self) -> impl Initiation<fn(io::Result<T>)> {
        static META: Meta = wait::meta("async_receive");
        let channel = self.clone();
        from_future(&META, self.executor(), async move {
            Wait::new(&channel.shared.state, ReceiveRequest(PhantomData)).await
        })
    }

    /// Sends a value if that can be done at once.
    ///
    /// # Errors
    ///
    /// Of kind [`WouldBlock`](io::ErrorKind::WouldBlock) where a send would
    /// wait, else as those of [`async_send`](Self::async_send).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    /// use std::io::ErrorKind;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::new(&context, 1);
    /// assert!(channel.try_send(1).is_ok());
    /// let full = channel.try_send(2).unwrap_err();
    /// assert_eq!(full.error().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), SendError<T>> {
        let mut wake = WakeList::default();
        let mut state = self.lock();
        let result = SendRequest(value).start(&mut state, &mut wake);
        drop(state);
        result.unwrap_or_else(|entry| match entry {
            Sending::Waiting(value) | Sending::Failed(value, _) => {
                Err(SendError::new(value, io::ErrorKind::WouldBlock))
            }
            Sending::Sent => Ok(()),
        })
    }

    /// Receives a value if there is one.
    ///
    /// # Errors
    ///
    /// Of kind [`WouldBlock`](io::ErrorKind::WouldBlock) where a receive would
    /// wait, else as those of [`async_receive`](Self::async_receive).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    /// use std::io::ErrorKind;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::new(&context, 1);
    /// assert_eq!(channel.try_receive().unwrap_err().kind(), ErrorKind::WouldBlock);
    /// channel.try_send(1).unwrap();
    /// assert_eq!(channel.try_receive()?, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_receive(&self) -> io::Result<T> {
        let mut wake = WakeList::default();
        let mut state = self.lock();
        let result = ReceiveRequest(PhantomData).start(&mut state, &mut wake);
        drop(state);
        result.unwrap_or_else(|_| Err(io::ErrorKind::WouldBlock.into()))
    }

    /// Makes a token of this channel: the result of the operation is sent here.
    ///
    /// One for which there is no room waits its turn, as in
    /// [`async_send`](Self::async_send); once the channel is closed, results are
    /// dropped. The operation keeps nothing open: `receive` fails only when the
    /// channel is closed.
    ///
    /// ```
    /// use async_op::sync::Channel;
    /// use async_op::IoContext;
    /// use async_op::adapter::prepend;
    /// use async_op::time::Timer;
    ///
    /// let context = IoContext::new()?;
    /// let results = Channel::new(&context, 2);
    /// for id in [1, 2] {
    ///     Timer::new(&context).async_wait(prepend(id, results.deliver()));
    /// }
    /// for _ in 0..2 {
    ///     let (id, result) = results.receive().blocking()?;
    ///     println!("{id}: {result:?}");
    ///     result?;
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn deliver(&self) -> Deliver<T, E> {
        Deliver(self.clone())
    }

    /// Closes the channel: see [the type](Self#closing). Returns whether it was
    /// open.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u32>::new(&context, 0);
    /// channel.receive().callback(|result| assert!(result.is_err()));
    /// assert!(channel.close());
    /// assert!(!channel.close());
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn close(&self) -> bool {
        let mut wake = WakeList::default();
        let mut state = self.lock();
        let was_open = state.closed.is_none();
        state.closed.get_or_insert(Failure::Closed);
        state.fail_all(Failure::Closed, &mut wake);
        drop(state);
        was_open
    }

    /// Makes the channel what it was: open and empty. Operations that wait are
    /// [cancelled](crate::is_cancelled), and values that nobody has received are dropped, also
    /// those that were meant for a receive which is dropped later.
    ///
    /// Nothing is left to open once the context is gone.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::sync::Channel;
    ///
    /// let channel = Channel::new(&SystemExecutor, 2);
    /// channel.try_send("old")?;
    /// channel.close();
    /// channel.reset();
    /// channel.try_send("new")?;
    /// assert_eq!(channel.try_receive()?, "new");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reset(&self) {
        let mut wake = WakeList::default();
        let mut state = self.lock();
        if state.closed == Some(Failure::Closed) {
            state.closed = None;
        }
        state.fail_all(Failure::Cancelled, &mut wake);
        state.forgotten = state.sent;
        let dropped = std::mem::take(&mut state.kept);
        drop(state);
        drop(dropped);
    }

    /// Returns whether a receive would complete at once: there is a value, or there will be
    /// none any more.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::new(&context, 1);
    /// assert!(!channel.is_ready());
    /// channel.try_send("here")?;
    /// assert!(channel.is_ready());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_ready(&self) -> bool {
        let state = self.lock();
        !state.kept.is_empty() || state.senders.first().is_some() || state.closed.is_some()
    }

    /// Returns whether the channel has been closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u32>::new(&context, 0);
    /// assert!(!channel.is_closed());
    /// channel.close();
    /// assert!(channel.is_closed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_closed(&self) -> bool {
        self.lock().closed.is_some()
    }

    /// Cancels all operations that wait, and returns how many there were.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::sync::Channel;
    /// use async_op::{IoContext, is_cancelled};
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u32>::new(&context, 0);
    /// channel.receive().callback(|result| assert!(is_cancelled(&result.unwrap_err())));
    /// assert_eq!(channel.cancel(), 1);
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cancel(&self) -> usize {
        let mut wake = WakeList::default();
        self.lock().fail_all(Failure::Cancelled, &mut wake)
    }

    /// Returns how many values the channel keeps.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::new(&context, 2);
    /// channel.try_send("one").unwrap();
    /// assert_eq!(channel.len(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn len(&self) -> usize {
        self.lock().kept.len()
    }

    /// Returns whether the channel keeps no values.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u32>::new(&context, 2);
    /// assert!(channel.is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many values the channel keeps at the most.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let rendezvous = Channel::<u32>::new(&context, 0);
    /// assert_eq!(rendezvous.capacity(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn capacity(&self) -> usize {
        self.lock().capacity
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.shared.state.lock()
    }
}

impl<T, E> Clone for Channel<T, E> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T, E: Executor> IoObject for Channel<T, E> {
    type Executor = E;

    fn executor(&self) -> E {
        self.shared.executor.clone()
    }
}

impl<T: Send, E: Executor> ContextGone for Shared<T, E> {
    fn context_gone(&self, wake: &mut WakeList) {
        let mut state = self.state.lock();
        state.closed = Some(Failure::ContextGone);
        state.fail_all(Failure::ContextGone, wake);
    }
}

impl<T, E> fmt::Debug for Channel<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("Channel")
            .field("kept", &state.kept.len())
            .field("capacity", &state.capacity)
            .field("is_closed", &state.closed.is_some())
            .finish_non_exhaustive()
    }
}

impl<T> State<T> {
    /// Gives a value to the first receiver that waits, if there is one.
    fn hand_over(&mut self, order: u64, value: T, wake: &mut WakeList) -> Option<T> {
        match self.receivers.pop(wake) {
            Some(entry) => {
                *entry = Receiving::Received(order, value);
                None
            }
            None => Some(value),
        }
    }

    /// Takes the value of the first send that waits.
    fn take_waiting(&mut self, wake: &mut WakeList) -> Option<(u64, T)> {
        let entry = self.senders.pop(wake)?;
        match std::mem::replace(entry, Sending::Sent) {
            Sending::Waiting(value) => {
                self.sent += 1;
                Some((self.sent, value))
            }
            Sending::Sent | Sending::Failed(..) => unreachable!("it has just left the queue"),
        }
    }

    /// Ends all operations that wait; returns how many there were.
    fn fail_all(&mut self, failure: Failure, wake: &mut WakeList) -> usize {
        let mut count = 0;
        while let Some(entry) = self.receivers.pop(wake) {
            *entry = Receiving::Failed(failure);
            count += 1;
        }
        while let Some(entry) = self.senders.pop(wake) {
            if let Sending::Waiting(value) = std::mem::replace(entry, Sending::Sent) {
                *entry = Sending::Failed(value, failure);
            }
            count += 1;
        }
        count
    }
}

struct SendRequest<T>(T);

impl<T> Request for SendRequest<T> {
    type State = State<T>;
    type Entry = Sending<T>;
    type Output = Result<(), SendError<T>>;

    fn queue(state: &mut State<T>) -> &mut Queue<Sending<T>> {
        &mut state.senders
    }

    fn start(self, state: &mut State<T>, wake: &mut WakeList) -> Result<Self::Output, Sending<T>> {
        let Self(value) = self;
        if let Some(failure) = state.closed {
            return Ok(Err(SendError::new(value, failure)));
        }
        let order = state.sent + 1;
        let Some(value) = state.hand_over(order, value, wake) else {
            state.sent = order;
            return Ok(Ok(()));
        };
        if state.kept.len() >= state.capacity {
            return Err(Sending::Waiting(value));
        }
        state.sent = order;
        state.kept.push_back((order, value));
        Ok(Ok(()))
    }

    fn refuse(self, failure: Failure) -> Self::Output {
        Err(SendError::new(self.0, failure))
    }

    fn finish(entry: Sending<T>) -> Self::Output {
        match entry {
            Sending::Sent => Ok(()),
            Sending::Failed(value, failure) => Err(SendError::new(value, failure)),
            Sending::Waiting(_) => unreachable!("an entry leaves the queue with an outcome"),
        }
    }

    fn give_up(entry: Sending<T>, failure: Failure) -> Self::Output {
        match entry {
            Sending::Waiting(value) => Err(SendError::new(value, failure)),
            entry => Self::finish(entry),
        }
    }

    fn return_served(_: &mut State<T>, entry: Sending<T>, _: &mut WakeList) -> Option<Sending<T>> {
        Some(entry)
    }
}

struct ReceiveRequest<T>(PhantomData<fn() -> T>);

impl<T> Request for ReceiveRequest<T> {
    type State = State<T>;
    type Entry = Receiving<T>;
    type Output = io::Result<T>;

    fn queue(state: &mut State<T>) -> &mut Queue<Receiving<T>> {
        &mut state.receivers
    }

    fn start(
        self,
        state: &mut State<T>,
        wake: &mut WakeList,
    ) -> Result<io::Result<T>, Receiving<T>> {
        if let Some((_, value)) = state.kept.pop_front() {
            if state.kept.len() < state.capacity {
                if let Some(sent) = state.take_waiting(wake) {
                    state.kept.push_back(sent);
                }
            }
            return Ok(Ok(value));
        }
        match (state.take_waiting(wake), state.closed) {
            (Some((_, value)), _) => Ok(Ok(value)),
            (None, Some(failure)) => Ok(Err(failure.into())),
            (None, None) => Err(Receiving::Waiting),
        }
    }

    fn refuse(self, failure: Failure) -> io::Result<T> {
        Err(failure.into())
    }

    fn finish(entry: Receiving<T>) -> io::Result<T> {
        match entry {
            Receiving::Received(_, value) => Ok(value),
            Receiving::Failed(failure) => Err(failure.into()),
            Receiving::Waiting => unreachable!("an entry leaves the queue with an outcome"),
        }
    }

    fn give_up(_: Receiving<T>, failure: Failure) -> io::Result<T> {
        Err(failure.into())
    }

    fn return_served(
        state: &mut State<T>,
        entry: Receiving<T>,
        wake: &mut WakeList,
    ) -> Option<Receiving<T>> {
        let Receiving::Received(order, value) = entry else {
            return Some(entry);
        };
        if order <= state.forgotten {
            return Some(Receiving::Received(order, value));
        }
        if let Some(value) = state.hand_over(order, value, wake) {
            // Older than all that are kept, but for others that came back.
            let after = |kept: &&(u64, T)| kept.0 < order;
            let place = state.kept.iter().take_while(after).count();
            state.kept.insert(place, (order, value));
        }
        None
    }
}
