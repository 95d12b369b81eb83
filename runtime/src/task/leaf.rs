//! The memory of an operation of this crate that is started with a handler: attempts,
//! and a place to wait between them, without a future, a waker or a scope.
//!
//! # Invariants
//!
//! - **I1** A leaf has one owner, who has it to itself: whoever performs it, or else the
//!   [`Parked`] or the `Task` made of it. A [`Place`] takes the ownership over with the
//!   `Parked`; from then on whoever parked it knows no more than its address.
//! - **I2** `payload` holds the attempt until the operation has its outcome; from then on,
//!   where a task is to call the handler, the output. The vtable of the task says which:
//!   `PERFORM` the attempt, `DELIVER` and `HOP` the output. A `Parked` has the attempt.
//! - **I3** A leaf is destroyed in one way: the payload, then everything else is moved to
//!   the stack, the memory goes back, and only then is the handler called or dropped.

use std::alloc::Layout;
use std::io;
use std::mem::{self, ManuallyDrop};
use std::ptr::NonNull;
use std::task::Poll;

use super::block::Route;
use super::held::Held;
use super::parked::{Ended, LeafHeader, LeafVtable, Parked, Parking};
use super::scope::{OfAllocator, Scope};
use super::{Header, Task, TaskVtable, memory};
use crate::alloc::OperationAllocator;
use crate::cancel::{CancellationState, cancelled};
use crate::context::Place;
use crate::executor::{Executor, WorkGuard};
use crate::handler::CompletionHandler;
use crate::signature::Signature;
use crate::site::Site;
use crate::trace::{Entered, Trace};

/// What an operation of this crate does, again and again until it has its outcome.
///
/// Two drive it: a leaf, for handlers, and [`Awaited`](Self::Awaited), for those who wait.
pub(crate) trait Attempt: Send {
    /// What an attempt that succeeds has got.
    type Value;
    /// What the operation completes with.
    type Output;
    type Place: Place;
    type Awaited: Future<Output = Self::Output> + Send + Unpin;

    /// Whether it takes memory from the operation's allocator.
    const TAKES_MEMORY: bool = false;

    fn into_awaited(self) -> Self::Awaited;

    /// The reverse, of one that has not been polled.
    fn from_awaited(awaited: Self::Awaited) -> Self;

    /// Returns whether it may have to wait, and so can be asked to stop.
    fn may_wait(&self) -> bool {
        true
    }

    /// Tries; where that would block, the operation has to wait at its
    /// [`place`](Self::place) before the next time. Without a value it was a part of the
    /// whole, and the next time is at once, unless the operation is to stop.
    fn attempt(&mut self) -> Poll<io::Result<Option<Self::Value>>>;

    /// Returns where to wait, after an attempt that would have blocked.
    fn place(&self) -> Self::Place;

    /// Makes the output, whether by an attempt or not.
    fn finish(self, result: io::Result<Self::Value>) -> Self::Output;

    /// Returns the result of an operation that has ended without an attempt.
    fn ended(how: Ended) -> io::Result<Self::Value>;
}

/// How many parts of an operation are transferred before others have their turn: a peer
/// that is always ready would keep the thread else.
const PARTS: u32 = 64;

/// An operation with a handler.
#[repr(C)] // `head` first: a `NonNull<Header>` is cast to this.
struct Leaf<H, E: Executor, X: Executor, A, T: Attempt> {
    head: Head<E, X, A>,
    payload: Payload<T>,
    handler: H,
}

/// All but handler and payload: what needs no more is compiled once for all of them.
#[repr(C)] // `header` first: a `NonNull<LeafHeader>` is cast to this.
struct Head<E: Executor, X: Executor, A> {
    header: LeafHeader,
    trace: Trace,
    cancellation: CancellationState,
    /// On the executor of the I/O object, if that is not the handler's as well.
    io_work: WorkGuard<E>,
    work: WorkGuard<X>,
    allocator: A,
}

/// The work of an operation on the executor of its handler, and of its I/O.
type Guards<X, E> = (WorkGuard<X>, WorkGuard<E>);

union Payload<T: Attempt> {
    attempt: ManuallyDrop<T>,
    output: ManuallyDrop<T::Output>,
}

/// Which payload a leaf to be destroyed still has.
#[derive(Clone, Copy)]
enum Has {
    Attempt,
    Output,
    Nothing,
}

impl<E: Executor, X: Executor, A: OperationAllocator> Head<E, X, A> {
    fn own_executor(&self) -> &X {
        self.work
            .executor()
            .expect("an operation holds work until its handler runs")
    }

    /// # Safety
    ///
    /// - The caller owns the leaf, and gives it up. The payload is the attempt.
    unsafe fn post(leaf: NonNull<LeafHeader>) {
        let this: NonNull<Self> = leaf.cast();
        // First, so that the leaf goes when the clone panics.
        // SAFETY: the ownership goes into the task (I1).
        let task = unsafe { Task::from_raw(leaf.cast()) };
        // SAFETY: alive while we have the task.
        let head = unsafe { this.as_ref() };
        // A copy: once posted, the leaf may be gone.
        match head.io_work.executor().cloned() {
            Some(executor) => executor.post(task),
            None => {
                let executor = head.own_executor().clone();
                executor.post(task);
            }
        }
    }

    /// It is over, and so nobody asks it any more, however late the handler is called.
    #[inline(always)]
    fn end_of_service(&mut self) {
        // What finds its place, if anything: dropping it calls nothing foreign.
        self.cancellation.end_of_service();
    }

    /// Gives the memory of a leaf back.
    ///
    /// # Safety
    ///
    /// - The caller owns the leaf, and gives it up. Handler and payload are gone.
    ///   `layout` is that of the leaf.
    #[inline(always)]
    unsafe fn free(this: NonNull<Self>, layout: Layout) -> (Trace, Guards<X, E>) {
        // SAFETY: by I1 the leaf is ours; moved out once, as the memory goes next.
        let Self {
            trace,
            cancellation,
            io_work,
            work,
            allocator,
            ..
        } = unsafe { this.read() };
        // What finds its place, if anything: dropping it calls nothing foreign.
        drop(cancellation.end());
        // SAFETY: the block came from this allocator with this layout, in `start`, and
        // nothing in it is used any more.
        unsafe { allocator.deallocate(this.cast(), layout) };
        drop(allocator);
        (trace, (work, io_work))
    }
}

/// Starts an operation: the first attempt is made here and now, those that follow on `io`.
/// A handler without executor of its own is called on `default`.
///
/// # Panics
///
/// If a buffer panics, or the handler does that is refused its memory. The operation is
/// gone then.
#[inline]
pub(crate) fn start<S, H, E, D, T>(site: Site, io: E, default: &D, attempt: T, handler: H)
where
    E: Executor,
    D: Executor,
    S: Signature<Output = T::Output> + 'static,
    H: CompletionHandler<S>,
    T: Attempt<Output: Send + 'static> + 'static,
{
    let trace = Trace::start(site, &io);
    let own = handler.executor(default);
    let (work, io_work) = WorkGuard::of_both(own, io);
    let allocator = handler.allocator();
    let guards = (work, io_work);
    let leaf = Shape::<S, H, E, _, _, T>::make(site, trace, guards, allocator, attempt, handler);
    if let Some(leaf) = leaf {
        // SAFETY: it is new, and nobody else's.
        unsafe { Shape::<S, H, E, _, _, T>::perform(leaf, true) };
    }
}

/// What a leaf is with its signature: that is in no field of it.
struct Shape<S, H, E, X, A, T>(std::marker::PhantomData<(S, H, E, X, A, T)>);

impl<S, H, E, X, A, T> Shape<S, H, E, X, A, T>
where
    S: Signature<Output = T::Output> + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
    T: Attempt<Output: Send + 'static> + 'static,
{
    /// The next attempt is due.
    const PERFORM: TaskVtable = TaskVtable {
        run: Self::run,
        discard: Self::discard_attempt,
    };

    /// The output is there; the handler is to be called with it.
    const DELIVER: TaskVtable = TaskVtable {
        run: Self::deliver,
        discard: Self::discard_output,
    };

    /// The output is there; the task is on a foreign immediate executor.
    const HOP: TaskVtable = TaskVtable {
        run: Self::hop,
        discard: Self::discard_output,
    };

    const LEAF: LeafVtable = LeafVtable {
        post: Head::<E, X, A>::post,
        end: Self::end,
    };

    /// `None` if the handler has been refused the memory.
    #[inline]
    #[allow(clippy::type_complexity, reason = "what it is made of says what it is")]
    fn make(
        site: Site,
        trace: Trace,
        (work, io_work): Guards<X, E>,
        allocator: A,
        attempt: T,
        handler: H,
    ) -> Option<NonNull<Leaf<H, E, X, A, T>>> {
        let slot = handler.cancellation_slot();
        let layout = Layout::new::<Leaf<H, E, X, A, T>>();
        let begun = memory::allocate_and_begin(
            &allocator,
            layout,
            site.name(),
            &trace,
            slot,
            site.honours(),
        );
        let (leaf, cancellation) = match begun {
            Ok(begun) => begun,
            Err(refusal) => {
                handler.refused(refusal);
                return None;
            }
        };
        let leaf: NonNull<Leaf<H, E, X, A, T>> = leaf.cast();
        let value = Leaf {
            head: Head {
                header: LeafHeader::new(
                    const { &Self::PERFORM },
                    const { &Self::LEAF },
                    cancellation.operation(),
                ),
                trace,
                cancellation,
                io_work,
                work,
                allocator,
            },
            payload: Payload {
                attempt: ManuallyDrop::new(attempt),
            },
            handler,
        };
        // SAFETY: fresh memory with the layout of this type.
        unsafe { leaf.write(value) };
        Some(leaf)
    }

    /// # Safety
    ///
    /// - The caller owns the leaf, and gives it up, here and below. The payload is the
    ///   attempt.
    unsafe fn run(header: NonNull<Header>) {
        // SAFETY: passed on as it came.
        unsafe { Self::perform(header.cast(), false) };
    }

    /// # Safety
    ///
    /// - The payload is the attempt.
    unsafe fn discard_attempt(header: NonNull<Header>) {
        let this: NonNull<Leaf<H, E, X, A, T>> = header.cast();
        // SAFETY: the leaf is ours; only its guard is looked at.
        if unsafe { &(*this.as_ptr()).head.io_work }.owns_work() {
            // The handler's executor is there still: it is told, as where the leaf waits.
            // SAFETY: passed on as it came.
            unsafe { Self::end(this.cast(), Ended::ContextGone) };
        } else {
            // SAFETY: passed on as it came.
            unsafe { Self::destroy(this, Has::Attempt) };
        }
    }

    /// # Safety
    ///
    /// - The payload is the output.
    unsafe fn discard_output(header: NonNull<Header>) {
        // SAFETY: passed on as it came.
        unsafe { Self::destroy(header.cast(), Has::Output) };
    }

    /// Makes attempts until the operation has its outcome or is parked; `first` within the
    /// initiating function, else on the I/O executor.
    ///
    /// # Safety
    ///
    /// - The payload is the attempt.
    #[inline]
    unsafe fn perform(this: NonNull<Leaf<H, E, X, A, T>>, first: bool) {
        let mut this = this;
        let mut parts = 0;
        let result = loop {
            // SAFETY: passed on as it came.
            match unsafe { Self::attempt(this, first) } {
                Poll::Ready(Ok(None)) => {
                    parts += 1;
                    if parts == PARTS {
                        // SAFETY: passed on as it came; the payload is the attempt.
                        return unsafe { Parked::from_raw(this.cast()) }.post();
                    }
                }
                Poll::Ready(Ok(Some(value))) => break Ok(value),
                Poll::Ready(Err(error)) => break Err(error),
                // SAFETY: passed on as it came.
                Poll::Pending => match unsafe { Self::park(this) } {
                    Parking::Parked => return,
                    Parking::Due(leaf) => this = leaf.into_raw().cast(),
                    Parking::Over(leaf, how) => {
                        this = leaf.into_raw().cast();
                        break T::ended(how);
                    }
                    Parking::Failed(leaf, error) => {
                        this = leaf.into_raw().cast();
                        break Err(error);
                    }
                },
            }
        };
        // SAFETY: the leaf is ours; only its trace is looked at.
        unsafe { &(*this.as_ptr()).head.trace }.completed(first);
        // SAFETY: passed on as it came.
        let output = unsafe { Self::finish(this, result) };
        if first {
            // SAFETY: passed on as it came; the payload is gone.
            unsafe { Self::ready_at_once(this, output) };
            // SAFETY: the leaf is ours; only its guard is looked at.
        } else if unsafe { &(*this.as_ptr()).head.io_work }.owns_work() {
            // SAFETY: passed on as it came; the payload is gone.
            unsafe { Self::ready_elsewhere(this, output) };
        } else {
            // SAFETY: passed on as it came; the payload is gone.
            Self::call(unsafe { Self::take(this) }, output);
        }
    }

    /// Makes one attempt, unless the operation has been asked to stop.
    ///
    /// # Safety
    ///
    /// - The caller owns the leaf, and keeps it; if this panics, it is gone. The payload
    ///   is the attempt.
    #[inline(always)]
    unsafe fn attempt(
        this: NonNull<Leaf<H, E, X, A, T>>,
        first: bool,
    ) -> Poll<io::Result<Option<T::Value>>> {
        // SAFETY: by I1 the leaf is ours, and its head is only read here.
        let head = unsafe { &(*this.as_ptr()).head };
        let on_unwind = DestroyOnUnwind::<S, H, E, X, A, T>::new(this, Has::Attempt);
        // SAFETY: by I1 the payload is ours.
        let payload = unsafe { &mut (*this.as_ptr()).payload };
        // SAFETY: by I2 it is the attempt.
        let attempt: &mut T = unsafe { &mut payload.attempt };
        let attempted = if head.cancellation.forwarded().is_empty() || !attempt.may_wait() {
            let _entered: Entered = match first {
                true => head.trace.initiating(),
                false => head.trace.polling(),
            };
            match T::TAKES_MEMORY {
                true => {
                    Scope::new(OfAllocator(head.allocator.clone())).within(|| attempt.attempt())
                }
                false => attempt.attempt(),
            }
        } else {
            Poll::Ready(Err(cancelled()))
        };
        mem::forget(on_unwind);
        attempted
    }

    /// Leaves the leaf where it waits.
    ///
    /// # Safety
    ///
    /// - The payload is the attempt, which would have blocked. Where the leaf comes back,
    ///   it is the caller's again.
    #[inline(always)]
    unsafe fn park(this: NonNull<Leaf<H, E, X, A, T>>) -> Parking {
        // SAFETY: by I1 the payload is ours, and only read here.
        let payload = unsafe { &(*this.as_ptr()).payload };
        // SAFETY: by I2 it is the attempt.
        let place = unsafe { &payload.attempt }.place();
        // SAFETY: by I1 the leaf is ours, and only read here.
        let cancellation = unsafe { &(*this.as_ptr()).head.cancellation };
        if cancellation.is_connected() {
            // SAFETY: passed on as it came.
            return unsafe { Self::park_and_listen(this, cancellation.clone(), place) };
        }
        // SAFETY: passed on as it came; the payload is the attempt.
        let leaf = unsafe { Parked::from_raw(this.cast()) };
        // SAFETY: the place is that of its attempt.
        unsafe { place.park(leaf) }
    }

    /// Parks a leaf that can be asked to stop.
    ///
    /// # Safety
    ///
    /// - As for [`park`](Self::park).
    #[cold]
    unsafe fn park_and_listen(
        this: NonNull<Leaf<H, E, X, A, T>>,
        cancellation: CancellationState,
        place: T::Place,
    ) -> Parking {
        let address = this.addr().get();
        // SAFETY: passed on as it came; the payload is the attempt.
        let leaf = unsafe { Parked::from_raw(this.cast()) };
        // SAFETY: the place is that of its attempt.
        let (parking, finder) = unsafe { place.park_to_be_found(leaf) };
        if let (Parking::Parked, Some(finder)) = (&parking, finder) {
            // A request that came before is found there, and the leaf by this.
            cancellation.set_finder(finder, address);
        }
        parking
    }

    /// Takes the attempt out and makes its output.
    ///
    /// # Safety
    ///
    /// - The caller owns the leaf, and keeps it; if this panics, it is gone. The payload
    ///   is the attempt, and gone afterwards.
    #[inline(always)]
    unsafe fn finish(
        this: NonNull<Leaf<H, E, X, A, T>>,
        result: io::Result<T::Value>,
    ) -> T::Output {
        let on_unwind = DestroyOnUnwind::<S, H, E, X, A, T>::new(this, Has::Nothing);
        // SAFETY: by I1 the payload is ours.
        let payload = unsafe { &mut (*this.as_ptr()).payload };
        // SAFETY: by I2 it is the attempt.
        let attempt = unsafe { &mut payload.attempt };
        // SAFETY: moved out once.
        let attempt = unsafe { ManuallyDrop::take(attempt) };
        let output = attempt.finish(result);
        mem::forget(on_unwind);
        output
    }

    /// Ends an operation that waits.
    ///
    /// # Safety
    ///
    /// - The payload is the attempt.
    unsafe fn end(leaf: NonNull<LeafHeader>, why: Ended) {
        let this: NonNull<Leaf<H, E, X, A, T>> = leaf.cast();
        // SAFETY: the leaf is ours; only its trace is looked at.
        unsafe { &(*this.as_ptr()).head.trace }.completed(false);
        // SAFETY: passed on as it came.
        let output = unsafe { Self::finish(this, T::ended(why)) };
        // SAFETY: passed on as it came; the payload is gone.
        let (executor, task, _io_work) = unsafe { Self::delivery(this, output) };
        executor.post(task);
    }

    /// Submits an operation that completed within its initiating function.
    ///
    /// # Safety
    ///
    /// - The payload is gone.
    #[inline(always)]
    unsafe fn ready_at_once(this: NonNull<Leaf<H, E, X, A, T>>, output: T::Output) {
        let on_unwind = DestroyOnUnwind::<S, H, E, X, A, T>::new(this, Has::Output);
        // SAFETY: by I1 the leaf is ours, and nobody else refers to it.
        let leaf = unsafe { &mut *this.as_ptr() };
        leaf.payload.output = ManuallyDrop::new(output);
        let own = leaf.head.own_executor();
        let immediate = leaf.handler.immediate_executor(own);
        let route = Route::of(&leaf.handler, &immediate, own);
        let vtable = match route {
            Route::Onward => const { &Self::HOP },
            Route::Own | Route::Immediate => const { &Self::DELIVER },
        };
        leaf.head.header.task.set_vtable(vtable);
        leaf.head.end_of_service();
        let mut io_work = leaf.head.io_work.take();
        let mut work = match route {
            Route::Immediate => leaf.head.work.take(),
            Route::Own | Route::Onward => WorkGuard::none(),
        };
        // The dispatch may call the handler.
        io_work.reset_on_runner();
        work.reset_on_runner();
        mem::forget(on_unwind);
        // SAFETY: the ownership goes into the task; by I2 the output is there, as the
        // vtable says.
        immediate.dispatch(unsafe { Task::from_raw(this.cast()) });
    }

    /// Takes the output to the handler's executor, which is not that of the I/O object.
    ///
    /// # Safety
    ///
    /// - The payload is gone.
    unsafe fn ready_elsewhere(this: NonNull<Leaf<H, E, X, A, T>>, output: T::Output) {
        // SAFETY: passed on as it came.
        let (executor, task, mut io_work) = unsafe { Self::delivery(this, output) };
        // The dispatch may call the handler.
        io_work.reset_on_runner();
        executor.dispatch(task);
    }

    /// Makes the task that calls the handler, for its executor; the work of the I/O object
    /// lasts until that has been submitted.
    ///
    /// # Safety
    ///
    /// - The payload is gone.
    unsafe fn delivery(
        this: NonNull<Leaf<H, E, X, A, T>>,
        output: T::Output,
    ) -> (X, Task, WorkGuard<E>) {
        let on_unwind = DestroyOnUnwind::<S, H, E, X, A, T>::new(this, Has::Output);
        // SAFETY: by I1 the leaf is ours, and nobody else refers to it.
        let leaf = unsafe { &mut *this.as_ptr() };
        leaf.payload.output = ManuallyDrop::new(output);
        leaf.head.header.task.set_vtable(const { &Self::DELIVER });
        leaf.head.end_of_service();
        let executor = leaf.head.own_executor().clone();
        let io_work = leaf.head.io_work.take();
        mem::forget(on_unwind);
        // SAFETY: the ownership goes into the task; by I2 the output is there.
        (executor, unsafe { Task::from_raw(this.cast()) }, io_work)
    }

    /// # Safety
    ///
    /// - The payload is the output.
    unsafe fn hop(header: NonNull<Header>) {
        let this: NonNull<Head<E, X, A>> = header.cast();
        // First, so that the leaf goes when the clone panics.
        // SAFETY: the ownership goes into a task again (I1).
        let task = unsafe { Task::from_raw(header) };
        // SAFETY: alive while we have the task.
        let head = unsafe { this.as_ref() };
        let executor = head.own_executor().clone();
        head.header.task.set_vtable(const { &Self::DELIVER });
        executor.dispatch(task);
    }

    /// Calls the handler with the output in the payload.
    ///
    /// # Safety
    ///
    /// - The payload is the output.
    unsafe fn deliver(header: NonNull<Header>) {
        let this: NonNull<Leaf<H, E, X, A, T>> = header.cast();
        // SAFETY: by I1 the payload is ours, and used no more after this.
        let payload = unsafe { &mut (*this.as_ptr()).payload };
        // SAFETY: by the caller's promise it is the output.
        let output = unsafe { &mut payload.output };
        // SAFETY: moved out once.
        let output = unsafe { ManuallyDrop::take(output) };
        // SAFETY: passed on as it came; the payload is gone.
        Self::call(unsafe { Self::take(this) }, output);
    }

    /// Destroys the leaf and drops its handler uncalled.
    ///
    /// # Safety
    ///
    /// - `has` is what there is.
    unsafe fn destroy(this: NonNull<Leaf<H, E, X, A, T>>, has: Has) {
        let on_unwind = DestroyOnUnwind::<S, H, E, X, A, T>::new(this, Has::Nothing);
        // SAFETY: by I1 the payload is ours, and used no more after this.
        let payload = unsafe { &mut (*this.as_ptr()).payload };
        match has {
            Has::Attempt => {
                // SAFETY: by the caller's promise it is the attempt.
                let attempt = unsafe { &mut payload.attempt };
                // SAFETY: dropped once.
                unsafe { ManuallyDrop::drop(attempt) };
            }
            Has::Output => {
                // SAFETY: by the caller's promise it is the output.
                let output = unsafe { &mut payload.output };
                // SAFETY: dropped once.
                unsafe { ManuallyDrop::drop(output) };
            }
            Has::Nothing => {}
        }
        mem::forget(on_unwind);
        // SAFETY: passed on as it came; the payload is gone.
        let (handler, _trace, _guards) = unsafe { Self::take(this) };
        drop(handler);
    }

    /// Moves the handler and the guards out and gives the memory back (I3).
    ///
    /// # Safety
    ///
    /// - The payload is gone.
    #[inline(always)]
    unsafe fn take(this: NonNull<Leaf<H, E, X, A, T>>) -> (H, Trace, Guards<X, E>) {
        // SAFETY: by I1 the leaf is ours.
        let handler = unsafe { &raw const (*this.as_ptr()).handler };
        // SAFETY: as above; moved out once, as the memory goes next.
        let handler = unsafe { handler.read() };
        let head: NonNull<Head<E, X, A>> = this.cast();
        // SAFETY: passed on as it came; nothing else is left.
        let (trace, guards) = unsafe { Head::free(head, Layout::new::<Leaf<H, E, X, A, T>>()) };
        (handler, trace, guards)
    }

    /// Calls the handler, which has been moved out of its leaf. As all that a task does,
    /// that is outside of all scopes.
    #[inline(always)]
    fn call((handler, trace, guards): (H, Trace, Guards<X, E>), output: T::Output) {
        let mut held = Held::new(guards);
        held.before_the_handler();
        let _handling: Entered = trace.handling();
        handler.complete(S::from_output(output));
    }
}

/// Destroys the leaf when what an attempt calls panics.
struct DestroyOnUnwind<S, H, E, X, A, T>
where
    S: Signature<Output = T::Output> + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
    T: Attempt<Output: Send + 'static> + 'static,
{
    leaf: NonNull<Leaf<H, E, X, A, T>>,
    has: Has,
    _shape: Shape<S, H, E, X, A, T>,
}

impl<S, H, E, X, A, T> DestroyOnUnwind<S, H, E, X, A, T>
where
    S: Signature<Output = T::Output> + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
    T: Attempt<Output: Send + 'static> + 'static,
{
    #[inline]
    fn new(leaf: NonNull<Leaf<H, E, X, A, T>>, has: Has) -> Self {
        Self {
            leaf,
            has,
            _shape: Shape(std::marker::PhantomData),
        }
    }
}

impl<S, H, E, X, A, T> Drop for DestroyOnUnwind<S, H, E, X, A, T>
where
    S: Signature<Output = T::Output> + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
    T: Attempt<Output: Send + 'static> + 'static,
{
    fn drop(&mut self) {
        // SAFETY: made by whoever owns the leaf and forgotten before it is passed on;
        // `has` is what there is.
        unsafe { Shape::<S, H, E, X, A, T>::destroy(self.leaf, self.has) };
    }
}

#[cfg(all(test, async_op_unit_tests, not(async_op_loom)))]
mod tests;
