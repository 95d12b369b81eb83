//! The memory of an operation whose body is a future, started with a handler.
//!
//! # Invariants
//!
//! - **I1** Whoever holds the token (see `stub`, I1) has the frame to itself,
//!   but for `header.stub`, which the poller's waker may set from any thread
//!   while the frame is polled.
//! - **I2** `payload` holds the future until it is ready or the frame is
//!   destroyed; from then on, in a frame that became ready in its first poll,
//!   the output. The vtable of the task says which: `POLL` the future, `DELIVER`
//!   and `HOP` the output.
//! - **I3** The future never moves once the frame has been polled.
//! - **I4** A frame is destroyed in one way: payload, stub, then everything
//!   else is moved to the stack, the memory goes back, and only then is the
//!   handler called or dropped.

use std::alloc::Layout;
use std::future::Future;
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use super::block::needs_hop;
use super::budget;
use super::scope::{OfFrame, Scope};
use super::stub::{Pending, Start, Stub};
use super::{Header, Task, TaskVtable, memory};
use crate::alloc::OperationAllocator;
use crate::executor::{Executor, WorkGuard};
use crate::handler::CompletionHandler;
use crate::meta::Meta;
use crate::shim::{AtomicPtr, Ordering};
use crate::signature::Signature;

/// The part of a frame that wakers know.
#[repr(C)] // `task` first: a `NonNull<Header>` is cast to this.
pub(super) struct FrameHeader {
    task: Header,
    post: unsafe fn(NonNull<FrameHeader>),
    /// Null until a waker is first cloned or used.
    stub: AtomicPtr<Stub>,
}

impl FrameHeader {
    /// Posts the frame to the executor of its handler.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and gives it up.
    pub(super) unsafe fn schedule(this: NonNull<Self>) {
        // SAFETY: by I1 the frame is the caller's.
        let post = unsafe { this.as_ref() }.post;
        // SAFETY: `post` fits the frame; the token is passed on.
        unsafe { post(this) };
    }

    fn stub(&self) -> Option<NonNull<Stub>> {
        NonNull::new(self.stub.load(Ordering::Acquire))
    }

    /// Returns the stub, made now if there is none.
    ///
    /// # Safety
    ///
    /// - `this` is being polled.
    unsafe fn stub_or_new(this: NonNull<Self>) -> NonNull<Stub> {
        // SAFETY: alive, as it is being polled; shared access only.
        let header = unsafe { this.as_ref() };
        if let Some(stub) = header.stub() {
            return stub;
        }
        let stub = Stub::new(this);
        // Two threads may use the poller's waker at once.
        match header.stub.compare_exchange(
            ptr::null_mut(),
            stub.as_ptr(),
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => stub,
            Err(other) => {
                // SAFETY: nobody else has seen it.
                unsafe { Stub::free(stub) };
                // SAFETY: not null, or the exchange would have succeeded.
                unsafe { NonNull::new_unchecked(other) }
            }
        }
    }

    /// Returns a waker of the frame.
    ///
    /// # Safety
    ///
    /// - `this` is being polled, or about to be.
    unsafe fn waker(this: NonNull<Self>) -> Waker {
        // SAFETY: the caller's promise.
        let stub = unsafe { Self::stub_or_new(this) };
        Waker::clone(&Stub::borrowed_waker(stub))
    }

    /// Returns the waker to poll the frame with.
    fn poller_waker(this: NonNull<Self>, stub: Option<NonNull<Stub>>) -> ManuallyDrop<Waker> {
        match stub {
            Some(stub) => Stub::borrowed_waker(stub),
            None => {
                let raw = RawWaker::new(this.as_ptr().cast_const().cast(), &POLLER_VTABLE);
                // SAFETY: the vtable upholds the contract of `RawWaker`. This
                // waker is never dropped, and is only lent out during the poll.
                ManuallyDrop::new(unsafe { Waker::from_raw(raw) })
            }
        }
    }
}

/// The waker of a frame that has no stub yet: it makes one when it is needed.
static POLLER_VTABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: the waker is lent out during the poll only.
        let stub = unsafe { FrameHeader::stub_or_new(header_of(data)) };
        // SAFETY: the frame is being polled, so its stub is not DONE (its I2).
        unsafe { stub.as_ref() }.add_waker();
        Stub::raw_waker(stub)
    },
    |_| unreachable!("the poller's waker is only lent out"),
    |data| {
        // SAFETY: the waker is lent out during the poll only.
        let stub = unsafe { FrameHeader::stub_or_new(header_of(data)) };
        // SAFETY: the frame is being polled; no waker is given up.
        unsafe { Stub::wake(stub, 0) };
    },
    |_| {},
);

fn header_of(data: *const ()) -> NonNull<FrameHeader> {
    // SAFETY: made from a `NonNull` in `poller_waker`.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

/// An operation whose body is a future: handler, guards, allocator, and the
/// future, in one block.
#[repr(C)] // `header` first: a `NonNull<Header>` is cast to this.
pub(crate) struct Frame<S: Signature, H, E: Executor, X: Executor, A, F, P: Home<E, X>> {
    header: FrameHeader,
    scope: Scope<OfFrame<A, P::Executor>>,
    io_work: WorkGuard<E>,
    work: WorkGuard<X>,
    handler: H,
    payload: Payload<F, S::Output>,
}

union Payload<F, T> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<T>,
}

/// Which payload a frame to be destroyed still has.
#[derive(Clone, Copy, PartialEq)]
enum Has {
    Future,
    Output,
    Nothing,
}

/// Where the future of a frame is polled, after the first time.
pub(crate) trait Home<E: Executor, X: Executor>: 'static {
    type Executor: Executor;

    /// Whether the handler belongs there too.
    const IS_THE_HANDLERS: bool;

    /// Picks from the I/O executor and the handler's own.
    fn pick<'a>(io: &'a E, own: &'a X) -> &'a Self::Executor;
}

/// On the executor of the handler: operations.
pub(crate) struct OnHandlers;

/// On the I/O executor: what is spawned there.
pub(crate) struct OnIo;

impl<E: Executor, X: Executor> Home<E, X> for OnHandlers {
    type Executor = X;
    const IS_THE_HANDLERS: bool = true;

    fn pick<'a>(_: &'a E, own: &'a X) -> &'a X {
        own
    }
}

impl<E: Executor, X: Executor> Home<E, X> for OnIo {
    type Executor = E;
    const IS_THE_HANDLERS: bool = false;

    fn pick<'a>(io: &'a E, _: &'a X) -> &'a E {
        io
    }
}

/// Starts an operation: its future is polled once, here and now.
///
/// # Panics
///
/// If no memory can be had, or the future panics. The operation is gone then.
pub(crate) fn start<S, H, E, F>(meta: &'static Meta, executor: E, future: F, handler: H)
where
    S: Signature + 'static,
    S::Output: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    F: Future<Output = S::Output> + Send + 'static,
{
    let work = WorkGuard::new(handler.executor(&executor));
    let io_work = WorkGuard::new(executor);
    let allocator = handler.allocator();
    let frame =
        Frame::<S, H, E, _, _, F, OnHandlers>::new(meta, io_work, work, allocator, future, handler);
    // SAFETY: new frames are nobody else's.
    unsafe { Frame::poll(frame, true) };
}

/// How something is handed to an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Submit {
    Post,
    Dispatch,
    Defer,
}

impl Submit {
    pub(crate) fn to(self, executor: &impl Executor, task: Task) {
        match self {
            Self::Post => executor.post(task),
            Self::Dispatch => executor.dispatch(task),
            Self::Defer => executor.defer(task),
        }
    }
}

/// Spawns a future on `executor`: it is polled there alone.
///
/// # Panics
///
/// If no memory can be had. The operation is gone then.
pub(crate) fn spawn<S, H, E, F>(
    meta: &'static Meta,
    executor: E,
    future: F,
    handler: H,
    how: Submit,
) where
    S: Signature + 'static,
    S::Output: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    F: Future<Output = S::Output> + Send + 'static,
{
    let work = WorkGuard::new(handler.executor(&executor));
    let io_work = WorkGuard::new(executor.clone());
    let allocator = handler.allocator();
    let frame =
        Frame::<S, H, E, _, _, F, OnIo>::new(meta, io_work, work, allocator, future, handler);
    // SAFETY: new frames are nobody else's.
    how.to(&executor, unsafe { Frame::first_task(frame) });
}

impl<S, H, E, X, A, F, P> Frame<S, H, E, X, A, F, P>
where
    S: Signature + 'static,
    S::Output: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
    F: Future<Output = S::Output> + Send + 'static,
    P: Home<E, X>,
{
    /// The frame is to be polled.
    const POLL: TaskVtable = TaskVtable {
        run: |header| {
            // SAFETY: running the task passes the token on.
            unsafe { Self::run(header.cast()) }
        },
        discard: |header| {
            // SAFETY: dropping the task passes the token on.
            unsafe { Self::destroy(header.cast(), Has::Future) }
        },
    };

    /// The frame is to be polled for the first time, on its home executor.
    const FIRST: TaskVtable = TaskVtable {
        run: |header| {
            let this: NonNull<Self> = header.cast();
            // SAFETY: by I1 the frame is ours; shared access to its header only.
            let header = unsafe { &(*this.as_ptr()).header };
            header.task.set_vtable(const { &Self::POLL });
            // SAFETY: running the task passes the token on.
            unsafe { Self::poll(this, false) }
        },
        discard: Self::POLL.discard,
    };

    /// The output is there; the handler is to be called with it.
    const DELIVER: TaskVtable = TaskVtable {
        // SAFETY: running the task passes the token on; by I2 the output is
        // there.
        run: |header| unsafe {
            Self::deliver(header.cast());
        },
        discard: |header| {
            // SAFETY: dropping the task passes the token on.
            unsafe { Self::destroy(header.cast(), Has::Output) }
        },
    };

    /// The output is there; the task is on a foreign immediate executor.
    const HOP: TaskVtable = TaskVtable {
        run: |header| {
            let this: NonNull<Self> = header.cast();
            // First, so that the frame goes when the clone panics.
            // SAFETY: running the task passes the token on (I1), to a task again.
            let task = unsafe { Task::from_raw(header) };
            // SAFETY: alive while we have the task; there is no future any more.
            let frame = unsafe { this.as_ref() };
            let executor = work_executor(&frame.work).clone();
            frame.header.task.set_vtable(const { &Self::DELIVER });
            executor.dispatch(task);
        },
        discard: Self::DELIVER.discard,
    };

    fn new(
        meta: &'static Meta,
        io_work: WorkGuard<E>,
        work: WorkGuard<X>,
        allocator: A,
        future: F,
        handler: H,
    ) -> NonNull<Self> {
        let slot = handler.cancellation_slot();
        let executor = P::pick(io_executor(&io_work), work_executor(&work)).clone();
        let (frame, cancellation): (NonNull<Self>, _) =
            memory::allocate_and_begin(&allocator, meta.name(), slot, meta.honours());
        let value = Self {
            header: FrameHeader {
                task: Header::new(const { &Self::POLL }),
                post: |header| {
                    let this: NonNull<Self> = header.cast();
                    // First, so that the frame goes when the clone panics.
                    // SAFETY: the token is passed on to here, and goes into the
                    // task (I1).
                    let task = unsafe { Task::from_raw(header.cast()) };
                    // SAFETY: alive while we have the task. No reference to the
                    // whole frame: others may point into a pinned future.
                    let scope = unsafe { &(*this.as_ptr()).scope };
                    // A copy: once posted, the frame may be gone.
                    let executor = scope.value.executor.clone();
                    executor.post(task);
                },
                stub: AtomicPtr::new(ptr::null_mut()),
            },
            scope: Scope::new(OfFrame {
                allocator,
                executor,
                cancellation,
            }),
            io_work,
            work,
            handler,
            payload: Payload {
                future: ManuallyDrop::new(future),
            },
        };
        // SAFETY: fresh memory with the layout of this type.
        unsafe { frame.write(value) };
        // SAFETY: the frame is ours; shared access to its scope only.
        let scope = unsafe { &(*frame.as_ptr()).scope };
        if scope.value.cancellation.is_connected() {
            // SAFETY: the frame is ours, as if it were being polled.
            let waker = unsafe { FrameHeader::waker(frame.cast()) };
            scope.value.cancellation.set_waker(&waker);
        }
        frame
    }

    /// Makes the task that polls a new frame for the first time.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and gives it up. The frame is new.
    unsafe fn first_task(this: NonNull<Self>) -> Task {
        // SAFETY: by I1 the frame is ours; shared access to its header only.
        let header = unsafe { &(*this.as_ptr()).header };
        header.task.set_vtable(const { &Self::FIRST });
        // SAFETY: the token goes into the task.
        unsafe { Task::from_raw(this.cast()) }
    }

    /// Runs the task of a frame with a future.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and passes it on. The payload is a future.
    unsafe fn run(this: NonNull<Self>) {
        // SAFETY: by I1 the frame is ours; shared access to its header only.
        let stub = unsafe { &(*this.as_ptr()).header }.stub();
        let stub = stub.expect("a frame is posted through its stub");
        // SAFETY: the frame is not over, so its stub is alive (its I2).
        match unsafe { stub.as_ref() }.start() {
            // SAFETY: passed on as it came.
            Start::Poll => unsafe { Self::poll(this, false) },
            // SAFETY: passed on as it came.
            Start::Destroy => unsafe { Self::destroy(this, Has::Future) },
        }
    }

    /// Polls the future; `first` within the initiating function, else on the
    /// executor of the handler.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and passes it on. The payload is a future.
    unsafe fn poll(this: NonNull<Self>, first: bool) {
        let mut on_unwind = DestroyOnUnwind {
            frame: this,
            has: Has::Future,
        };
        let header: NonNull<FrameHeader> = this.cast();
        // SAFETY: by I1 the frame is ours; shared access to its header only.
        let stub = unsafe { header.as_ref() }.stub();
        let output = {
            // SAFETY: the frame is ours until the poll is over, and the guard
            // is dropped right here.
            let _scope = unsafe { Self::enter_scope(this) };
            let _budget = budget::grant();
            let waker = FrameHeader::poller_waker(header, stub);
            // SAFETY: by I1 the payload is ours until the poll is over.
            let payload = unsafe { Self::payload(this) };
            // SAFETY: by I2 it is the future.
            let future: &mut F = unsafe { &mut payload.future };
            // SAFETY: by I3 it does not move.
            let future = unsafe { Pin::new_unchecked(future) };
            future.poll(&mut Context::from_waker(&waker))
        };
        match output {
            Poll::Pending => {
                mem::forget(on_unwind);
                // SAFETY: the token is passed on.
                unsafe { Self::pending(this) };
            }
            Poll::Ready(output) => {
                on_unwind.has = Has::Nothing;
                // SAFETY: the payload is the future; it is not used again, and
                // the unwind guard knows.
                unsafe { Self::drop_future(this) };
                mem::forget(on_unwind);
                if first {
                    // SAFETY: the token is passed on; the payload is gone.
                    unsafe { Self::ready_at_once(this, output) };
                } else if !P::IS_THE_HANDLERS {
                    // SAFETY: the token is passed on; the payload is gone.
                    unsafe { Self::ready_elsewhere(this, output) };
                } else {
                    // SAFETY: the token is passed on; the payload is gone.
                    let (handler, mut guards) = unsafe { Self::take(this) };
                    guards.0.reset_on_runner();
                    guards.1.reset_on_runner();
                    handler.complete(S::from_output(output));
                }
            }
        }
    }

    /// Parks, reposts or destroys a frame whose poll returned pending.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and passes it on. The payload is a future.
    unsafe fn pending(this: NonNull<Self>) {
        let header: NonNull<FrameHeader> = this.cast();
        // SAFETY: by I1 the frame is ours; shared access to its header only.
        let next = match unsafe { header.as_ref() }.stub() {
            // SAFETY: the token is ours; what is next says who has it then.
            Some(stub) => unsafe { Stub::pending(stub) },
            None => Pending::Abandoned,
        };
        match next {
            Pending::Parked => {}
            // SAFETY: the token is passed on.
            Pending::Woken => unsafe { FrameHeader::schedule(header) },
            // SAFETY: the token is passed on.
            Pending::Abandoned => unsafe { Self::destroy(this, Has::Future) },
        }
    }

    /// Submits an operation that completed within its initiating function.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and passes it on. The payload is gone.
    unsafe fn ready_at_once(this: NonNull<Self>, output: S::Output) {
        let on_unwind = DestroyOnUnwind {
            frame: this,
            has: Has::Output,
        };
        // SAFETY: by I1 the frame is ours. The poll is over, so no waker refers
        // to the header any more; nor does anybody to the future, which is gone.
        let frame = unsafe { &mut *this.as_ptr() };
        frame.payload.output = ManuallyDrop::new(output);
        let own = work_executor(&frame.work);
        let immediate = frame.handler.immediate_executor(own);
        let vtable = if needs_hop(&immediate, own) {
            const { &Self::HOP }
        } else {
            const { &Self::DELIVER }
        };
        frame.header.task.set_vtable(vtable);
        let mut io_work = frame.io_work.take();
        // The dispatch may call the handler.
        io_work.reset_on_runner();
        mem::forget(on_unwind);
        // SAFETY: the token goes into the task; by I2 the output is there, as
        // the vtable says.
        immediate.dispatch(unsafe { Task::from_raw(this.cast()) });
    }

    /// Takes the output of a spawned future to the handler's executor.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and passes it on. The payload is gone.
    unsafe fn ready_elsewhere(this: NonNull<Self>, output: S::Output) {
        let on_unwind = DestroyOnUnwind {
            frame: this,
            has: Has::Output,
        };
        // SAFETY: by I1 the frame is ours, and nobody refers to the future, which
        // is gone.
        let frame = unsafe { &mut *this.as_ptr() };
        frame.payload.output = ManuallyDrop::new(output);
        frame.header.task.set_vtable(const { &Self::DELIVER });
        let executor = work_executor(&frame.work).clone();
        let mut io_work = frame.io_work.take();
        // The dispatch may call the handler.
        io_work.reset_on_runner();
        mem::forget(on_unwind);
        // SAFETY: the token goes into the task; by I2 the output is there.
        executor.dispatch(unsafe { Task::from_raw(this.cast()) });
    }

    /// Calls the handler with the output in the payload.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and passes it on. The payload is an output.
    unsafe fn deliver(this: NonNull<Self>) {
        // SAFETY: by I1 the payload is ours, and used no more after this.
        let payload = unsafe { Self::payload(this) };
        // SAFETY: by the caller's promise it is an output.
        let output = unsafe { &mut payload.output };
        // SAFETY: moved out once.
        let output = unsafe { ManuallyDrop::take(output) };
        // SAFETY: the token is passed on; the payload is gone.
        let (handler, mut guards) = unsafe { Self::take(this) };
        guards.0.reset_on_runner();
        guards.1.reset_on_runner();
        handler.complete(S::from_output(output));
    }

    /// Destroys the frame and drops its handler uncalled.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and passes it on. `has` is what there is.
    unsafe fn destroy(this: NonNull<Self>, has: Has) {
        let on_unwind = DestroyOnUnwind {
            frame: this,
            has: Has::Nothing,
        };
        match has {
            // SAFETY: by the caller's promise; not used again.
            Has::Future => unsafe { Self::drop_future(this) },
            Has::Output => {
                // SAFETY: by I1 the payload is ours, and used no more after this.
                let payload = unsafe { Self::payload(this) };
                // SAFETY: by the caller's promise it is an output.
                let output = unsafe { &mut payload.output };
                // SAFETY: dropped once.
                unsafe { ManuallyDrop::drop(output) };
            }
            Has::Nothing => {}
        }
        mem::forget(on_unwind);
        // SAFETY: the token is passed on; the payload is gone.
        let (handler, _guards) = unsafe { Self::take(this) };
        drop(handler);
    }

    /// Drops the future in place, in the scope of the frame.
    ///
    /// # Safety
    ///
    /// - The caller holds the token. The payload is a future, not used again.
    unsafe fn drop_future(this: NonNull<Self>) {
        // SAFETY: the frame is ours, and the guard is dropped right here.
        let _scope = unsafe { Self::enter_scope(this) };
        // SAFETY: by I1 the payload is ours, and used no more after this.
        let payload = unsafe { Self::payload(this) };
        // SAFETY: by the caller's promise it is the future.
        let future = unsafe { &mut payload.future };
        // SAFETY: dropped once, and in place (I3).
        unsafe { ManuallyDrop::drop(future) };
    }

    /// Returns the payload. No reference to the whole frame is made for it: the
    /// header, the scope and whatever points into a pinned future stay valid.
    ///
    /// # Safety
    ///
    /// - The caller holds the token as long as it uses the payload.
    unsafe fn payload<'a>(this: NonNull<Self>) -> &'a mut Payload<F, S::Output> {
        // SAFETY: by I1 the frame is alive, and its payload the caller's.
        unsafe { &mut (*this.as_ptr()).payload }
    }

    /// # Safety
    ///
    /// - The caller holds the token until the guard is dropped, on this thread.
    unsafe fn enter_scope<'a>(this: NonNull<Self>) -> super::scope::Entered<'a> {
        // SAFETY: within the frame, which by I1 is alive.
        let scope = unsafe { this.byte_add(mem::offset_of!(Self, scope)) };
        let scope: NonNull<Scope<OfFrame<A, P::Executor>>> = scope.cast();
        // SAFETY: by the caller's promise.
        unsafe { Scope::enter(scope) }
    }

    /// Moves the handler and the guards out and gives the memory back (I4).
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and gives it up. The payload is gone.
    unsafe fn take(this: NonNull<Self>) -> (H, (WorkGuard<X>, WorkGuard<E>)) {
        // SAFETY: by I1 the frame is ours. The payload may hold nothing valid, and
        // as a union need not.
        let frame = unsafe { this.as_ref() };
        if let Some(stub) = frame.header.stub() {
            // SAFETY: the token is ours; the stub is not used again.
            unsafe { Stub::finish(stub) };
        }
        // SAFETY: moved out once, as the memory goes next.
        let handler = unsafe { ptr::read(&frame.handler) };
        // SAFETY: as for the handler.
        let work = unsafe { ptr::read(&frame.work) };
        // SAFETY: as for the handler.
        let io_work = unsafe { ptr::read(&frame.io_work) };
        // SAFETY: as for the handler.
        let scope = unsafe { ptr::read(&frame.scope.value) };
        let OfFrame {
            allocator,
            executor,
            cancellation,
        } = scope;
        // A waker of the stub, if anything: dropping it calls nothing foreign.
        drop(cancellation.end());
        // SAFETY: the block came from this allocator with this layout, in
        // `new`, and nothing in it is used any more.
        unsafe { allocator.deallocate(this.cast(), Layout::new::<Self>()) };
        // Not after the handler is on its way out: a panic would leak it.
        drop((allocator, executor));
        (handler, (work, io_work))
    }
}

/// Destroys the frame when a poll or a drop of its future panics.
struct DestroyOnUnwind<S, H, E, X, A, F, P>
where
    S: Signature + 'static,
    S::Output: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
    F: Future<Output = S::Output> + Send + 'static,
    P: Home<E, X>,
{
    frame: NonNull<Frame<S, H, E, X, A, F, P>>,
    has: Has,
}

impl<S, H, E, X, A, F, P> Drop for DestroyOnUnwind<S, H, E, X, A, F, P>
where
    S: Signature + 'static,
    S::Output: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
    F: Future<Output = S::Output> + Send + 'static,
    P: Home<E, X>,
{
    fn drop(&mut self) {
        // SAFETY: made by whoever holds the token and forgotten before it is
        // passed on; `has` is kept up to date.
        unsafe { Frame::destroy(self.frame, self.has) };
    }
}

fn work_executor<X: Executor>(work: &WorkGuard<X>) -> &X {
    work.executor()
        .expect("an operation holds work until its handler runs")
}

fn io_executor<E: Executor>(io_work: &WorkGuard<E>) -> &E {
    io_work
        .executor()
        .expect("an operation holds work on its I/O executor until it completes")
}

#[cfg(all(test, not(async_op_loom)))]
mod tests;
