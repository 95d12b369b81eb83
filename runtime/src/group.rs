//! Several operations as one: see [`parallel_group`].
//!
//! Where futures are awaited, their own combinators do as well. A group has any token, one block
//! of memory, and passes requests to stop on.

mod condition;
mod member;
mod ranged;
mod round;
mod tickets;
mod tuple;

pub use condition::{
    GroupCondition, WaitForAll, WaitForOne, WaitForOneError, WaitForOneSuccess, wait_for_all,
    wait_for_one, wait_for_one_error, wait_for_one_success,
};
pub use ranged::RangedFuture;
pub use tuple::{Chain, Flatten, Members, Nil, TupleFuture};

use std::fmt;
use std::future::Future;

use crate::cancel::CancellationType;
use crate::executor::Executor;
use crate::initiation::{FromFuture, from_future};
use crate::meta::Meta;
use crate::signature::Signature;
use crate::token::{CompletionToken, Deferred, Operation};

/// Makes one operation of several: a tuple of up to eight, or a `Vec` of
/// operations of one type.
///
/// They are started together, and the group completes when all of them have. A
/// condition says when those that are still outstanding are asked to stop:
/// [`wait_for_all`], [`wait_for_one`], [`wait_for_one_success`],
/// [`wait_for_one_error`], or [one of yours](GroupCondition).
///
/// ```
/// use async_op::{IoContext, is_cancelled};
/// use async_op::group::{parallel_group, wait_for_one};
/// use async_op::time::sleep;
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// let [late, soon] = [3_600_000, 1].map(|ms| sleep(&context, Duration::from_millis(ms)));
/// parallel_group((late, soon))
///     .wait(wait_for_one())
///     .callback(|order, (late, soon)| {
///         assert_eq!(order, [1, 0]);
///         assert!(soon.is_ok() && is_cancelled(&late.unwrap_err()));
///     });
/// context.run();
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A `Vec`, awaited:
///
/// ```
/// use async_op::IoContext;
/// use async_op::group::{parallel_group, wait_for_all};
/// use async_op::time::sleep;
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// let sleeps: Vec<_> = (0..100).map(|n| sleep(&context, Duration::from_micros(n))).collect();
/// let (order, results) = parallel_group(sleeps).wait(wait_for_all()).blocking();
/// assert_eq!((order.len(), results.len()), (100, 100));
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "make_parallel_group")]
#[doc(alias = "join")]
#[doc(alias = "select")]
#[doc(alias = "join_all")]
#[doc(alias = "race")]
pub fn parallel_group<G>(operations: G) -> ParallelGroup<G> {
    ParallelGroup { operations }
}

/// Operations to be started together; made by [`parallel_group`].
#[must_use = "a group does nothing until it is waited for"]
pub struct ParallelGroup<G> {
    operations: G,
}

const NAME: &str = "parallel_group";

static META: Meta = Meta::new(NAME, &[], &[]).with_cancellation(CancellationType::TOTAL);

impl<G> ParallelGroup<G> {
    /// Starts the operations and waits until all have completed.
    ///
    /// # Completion
    ///
    /// `fn([usize; N], (O1, .., ON))`: the places of the operations in the order
    /// in which they completed, and what each of them yields as a future. Of a
    /// `Vec`, `fn(Vec<usize>, Vec<O>)`.
    ///
    /// Those that complete as they are started do so in their own order. The others
    /// have completed when they call the group's waker for the last time before they are
    /// looked at: on several threads, one whose call comes before that of another is before
    /// it, and of two calls at the same time either may be the first. An operation in
    /// handler form is one that completes where its `Completion` is called.
    ///
    /// # Executors
    ///
    /// Each operation runs where its own objects do: what it posts there, the function
    /// that is to be called, the future that is spawned. An `async fn` is polled where
    /// the group is, on the executor of the handler, as are all that are awaited; by
    /// default that of the first operation.
    ///
    /// # Overlap
    ///
    /// That of the operations: all of them are outstanding at once.
    ///
    /// # Allocation
    ///
    /// One block for the group, which holds the operations of a tuple; one more
    /// for each operation that is in handler form, and for each of a `Vec`. All
    /// are from the handler's allocator, and have gone back before the handler
    /// is called. Small recycled headers, of which wakers know. Of a `Vec` the order and
    /// the results are a `Vec` each, from the heap.
    ///
    /// # Cancel safety
    ///
    /// Yes, if those of all operations are: they are dropped together. Requests of
    /// every [type](CancellationType) are passed on to those that are outstanding.
    ///
    /// # Errors
    ///
    /// Those of the operations, each in its place. When the time of the group runs
    /// out, they are [cancelled](crate::is_cancelled); that it was for the time the
    /// operations say if each has a limit of its own:
    ///
    /// ```
    /// use async_op::{IoContext, is_cancelled, is_timeout};
    /// use async_op::group::{parallel_group, wait_for_all};
    /// use async_op::time::sleep;
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// let hour = || sleep(&context, Duration::from_secs(3600));
    /// let limit = Duration::from_millis(1);
    ///
    /// let group = parallel_group((hour(),)).wait(wait_for_all());
    /// let (_, (result,)) = group.cancel_after(limit).blocking();
    /// assert!(is_cancelled(&result.unwrap_err()));
    ///
    /// let group = parallel_group((hour().cancel_after(limit),));
    /// let (_, (result,)) = group.wait(wait_for_all()).blocking();
    /// assert!(is_timeout(&result.unwrap_err()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// As the operations do; the others are dropped then.
    #[allow(clippy::type_complexity, reason = "what it is made of says what it is")]
    #[track_caller]
    pub fn async_wait<'op, C, T>(
        self,
        condition: C,
        token: T,
    ) -> T::Return<FromFuture<G::Signature, G::Executor, G::Future>>
    where
        C: 'op,
        G: Group<C> + 'op,
        G::Future: 'op,
        T: CompletionToken<'op, G::Signature>,
    {
        let executor = self.operations.executor();
        let future = self.operations.into_future(condition);
        token.initiate(from_future(&META, executor, future))
    }

    /// As [`async_wait`](Self::async_wait), not started.
    #[allow(clippy::type_complexity, reason = "what it is made of says what it is")]
    #[track_caller]
    pub fn wait<'op, C>(
        self,
        condition: C,
    ) -> Operation<G::Signature, FromFuture<G::Signature, G::Executor, G::Future>>
    where
        C: 'op,
        G: Group<C> + 'op,
        G::Future: 'op,
        G::Signature: 'op,
    {
        self.async_wait(condition, Deferred)
    }
}

impl<G> fmt::Debug for ParallelGroup<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParallelGroup").finish_non_exhaustive()
    }
}

/// Operations that make a group under the condition `C`: tuples of up to eight
/// and `Vec`s.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a group of operations for the condition `{C}`",
    note = "a group is a tuple of up to eight operations, or a `Vec` of some",
    note = "`wait_for_one_success` and `wait_for_one_error` are for operations whose first result is a `Result`"
)]
pub trait Group<C> {
    /// How the group completes.
    type Signature: Signature;
    /// The executor of the first operation.
    type Executor: Executor;
    /// All of them as one future.
    type Future: Future<Output = <Self::Signature as Signature>::Output> + Send;

    /// Returns the executor of the first operation.
    ///
    /// ```
    /// use async_op::group::{Group, WaitForAll};
    /// use async_op::time::Timer;
    /// use async_op::{Executor, IoObject, SystemExecutor};
    ///
    /// let timer = Timer::new(&SystemExecutor);
    /// let operations = (timer.wait(), timer.wait());
    /// let executor = Group::<WaitForAll>::executor(&operations);
    /// assert!(executor.context() == timer.executor().context());
    /// ```
    fn executor(&self) -> Self::Executor;

    /// Makes the operations one future.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::group::{Group, wait_for_all};
    /// use async_op::time::Timer;
    ///
    /// let timer = Timer::new(&SystemExecutor);
    /// let all = Group::into_future((timer.wait(), timer.wait()), wait_for_all());
    /// let (_, (first, second)) = pollster::block_on(all);
    /// first.and(second)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn into_future(self, condition: C) -> Self::Future;
}
