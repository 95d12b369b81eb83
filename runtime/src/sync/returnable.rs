use std::fmt;

/// A value on its way to a receiver, which goes back if nobody receives it.
///
/// An operation in handler form has completed before its future is polled again. If that
/// is dropped just then, what it was completed with is dropped too: right for the reply to
/// a request, and a loss for a message that somebody else would have received. Complete
/// with a `Returnable`, and take the value out in the last step, where nothing comes in
/// between any more: what is dropped on the way goes back by [`TakeBack`], whoever drops
/// it, a future, a task, or a context that goes.
///
/// ```
/// use async_op::sync::{Returnable, TakeBack};
/// use async_op::{Completion, Initiation, IoContext, IoExecutor, IoObject, async_op};
/// use futures_lite::future::poll_once;
/// use std::collections::VecDeque;
/// use std::sync::{Arc, Mutex};
///
/// #[derive(Clone)]
/// struct Inbox {
///     executor: IoExecutor,
///     state: Arc<Mutex<State>>,
/// }
///
/// #[derive(Default)]
/// struct State {
///     numbers: VecDeque<u32>,
///     receivers: VecDeque<Completion<fn(Returnable<u32, Inbox>)>>,
/// }
///
/// impl IoObject for Inbox {
///     type Executor = IoExecutor;
///
///     fn executor(&self) -> IoExecutor {
///         self.executor
///     }
/// }
///
/// impl Inbox {
///     /// What callers use: takes the value out where it has arrived.
///     #[async_op]
///     fn async_receive(&self) -> impl Initiation<fn(u32)> {
///         self.delivery().map(Returnable::receive)
///     }
///
///     #[async_op]
///     fn async_delivery(&self, op: Completion<fn(Returnable<u32, Inbox>)>) {
///         self.state.lock().unwrap().receivers.push_back(op);
///         self.serve();
///     }
///
///     fn send(&self, number: u32) {
///         self.state.lock().unwrap().numbers.push_back(number);
///         self.serve();
///     }
///
///     /// Gives the first number to the first receiver.
///     fn serve(&self) {
///         let (number, op) = {
///             let mut state = self.state.lock().unwrap();
///             if state.numbers.is_empty() || state.receivers.is_empty() {
///                 return;
///             }
///             let number = state.numbers.pop_front().unwrap();
///             (number, state.receivers.pop_front().unwrap())
///         };
///         op.complete(Returnable::new(number, self.clone())); // without the lock
///     }
/// }
///
/// impl TakeBack<u32> for Inbox {
///     fn take_back(self, number: u32) {
///         self.state.lock().unwrap().numbers.push_front(number);
///         self.serve();
///     }
/// }
///
/// let context = IoContext::new()?;
/// let inbox = Inbox { executor: context.executor(), state: Arc::default() };
/// pollster::block_on(async {
///     {
///         let mut receive = std::pin::pin!(inbox.receive());
///         assert!(poll_once(receive.as_mut()).await.is_none());
///         inbox.send(1);
///     } // Dropped when it had completed.
///     assert_eq!(inbox.receive().await, 1);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// An operation that can be asked to stop needs [`on_cancel`] besides: its future is dropped
/// before it has completed, and its `Completion` is one of a receiver that is gone. What is
/// given to that comes back, too.
///
/// What a handler has received, or a [`UsePromise`], is delivered: it does not come back.
///
/// [`UsePromise`]: crate::token::UsePromise
/// [`on_cancel`]: crate::Completion::on_cancel
#[must_use = "dropped, the value goes back"]
pub struct Returnable<T, R: TakeBack<T>> {
    /// `None` once it has been received.
    inner: Option<(T, R)>,
}

/// Where a [`Returnable`] goes that nobody has received.
pub trait TakeBack<T>: Send + 'static {
    /// Takes the value back.
    ///
    /// Called where the `Returnable` is dropped, which may be anywhere: inside the drop of a
    /// future, or of a context. Wake whoever is next; let its handler run elsewhere.
    ///
    /// ```
    /// use async_op::sync::{Returnable, TakeBack};
    /// use std::sync::mpsc;
    ///
    /// struct Origin(mpsc::Sender<u32>);
    ///
    /// impl TakeBack<u32> for Origin {
    ///     fn take_back(self, value: u32) {
    ///         self.0.send(value).unwrap();
    ///     }
    /// }
    ///
    /// let (sender, returned) = mpsc::channel();
    /// drop(Returnable::new(7, Origin(sender)));
    /// assert_eq!(returned.recv(), Ok(7));
    /// ```
    fn take_back(self, value: T);
}

impl<T, F: FnOnce(T) + Send + 'static> TakeBack<T> for F {
    fn take_back(self, value: T) {
        self(value);
    }
}

impl<T, R: TakeBack<T>> Returnable<T, R> {
    /// Makes a value one that goes back to `origin`.
    ///
    /// ```
    /// use async_op::sync::Returnable;
    /// use std::sync::mpsc;
    ///
    /// let (sender, returned) = mpsc::channel();
    /// drop(Returnable::new(7, move |value: u32| sender.send(value).unwrap()));
    /// assert_eq!(returned.recv(), Ok(7));
    /// ```
    pub fn new(value: T, origin: R) -> Self {
        Self {
            inner: Some((value, origin)),
        }
    }

    /// Takes the value out: it has been received.
    ///
    /// ```
    /// use async_op::sync::Returnable;
    ///
    /// let value = Returnable::new(7, |_: u32| unreachable!("it is received"));
    /// assert_eq!(value.receive(), 7);
    /// ```
    pub fn receive(mut self) -> T {
        let (value, _) = self.inner.take().expect("it is there until it is received");
        value
    }
}

impl<T, R: TakeBack<T>> Drop for Returnable<T, R> {
    fn drop(&mut self) {
        if let Some((value, origin)) = self.inner.take() {
            origin.take_back(value);
        }
    }
}

impl<T, R: TakeBack<T>> fmt::Debug for Returnable<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Returnable").finish_non_exhaustive()
    }
}
