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
use super::scope::ScopeOf;
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
pub(crate) struct Frame<S: Signature, H, E: Executor, X: Executor, A, F> {
    header: FrameHeader,
    scope: ScopeOf<A>,
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
    let frame = Frame::<S, H, E, _, _, F>::new(meta, io_work, work, allocator, future, handler);
    // SAFETY: new frames are nobody else's.
    unsafe { Frame::poll(frame, true) };
}

impl<S, H, E, X, A, F> Frame<S, H, E, X, A, F>
where
    S: Signature + 'static,
    S::Output: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
    F: Future<Output = S::Output> + Send + 'static,
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
        let frame: NonNull<Self> = memory::allocate(&allocator, meta.name());
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
                    let work = unsafe { &(*this.as_ptr()).work };
                    // A copy: once posted, the frame may be gone.
                    let executor = work_executor(work).clone();
                    executor.post(task);
                },
                stub: AtomicPtr::new(ptr::null_mut()),
            },
            scope: ScopeOf::new(allocator),
            io_work,
            work,
            handler,
            payload: Payload {
                future: ManuallyDrop::new(future),
            },
        };
        // SAFETY: fresh memory with the layout of this type.
        unsafe { frame.write(value) };
        frame
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
                } else {
                    // SAFETY: the token is passed on; the payload is gone.
                    let (handler, _guards) = unsafe { Self::take(this) };
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
        let immediate = frame
            .handler
            .immediate_executor(io_executor(&frame.io_work));
        let vtable = if needs_hop(&immediate, work_executor(&frame.work)) {
            const { &Self::HOP }
        } else {
            const { &Self::DELIVER }
        };
        frame.header.task.set_vtable(vtable);
        let _io_work = frame.io_work.take();
        mem::forget(on_unwind);
        // SAFETY: the token goes into the task; by I2 the output is there, as
        // the vtable says.
        immediate.dispatch(unsafe { Task::from_raw(this.cast()) });
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
        let (handler, _guards) = unsafe { Self::take(this) };
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
        let scope = unsafe { this.byte_add(mem::offset_of!(Self, scope)) }.cast::<ScopeOf<A>>();
        // SAFETY: by the caller's promise.
        unsafe { ScopeOf::enter(scope) }
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
        let allocator = unsafe { ptr::read(&frame.scope.allocator) };
        // SAFETY: the block came from this allocator with this layout, in
        // `new`, and nothing in it is used any more.
        unsafe { allocator.deallocate(this.cast(), Layout::new::<Self>()) };
        (handler, (work, io_work))
    }
}

/// Destroys the frame when a poll or a drop of its future panics.
struct DestroyOnUnwind<S, H, E, X, A, F>
where
    S: Signature + 'static,
    S::Output: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
    F: Future<Output = S::Output> + Send + 'static,
{
    frame: NonNull<Frame<S, H, E, X, A, F>>,
    has: Has,
}

impl<S, H, E, X, A, F> Drop for DestroyOnUnwind<S, H, E, X, A, F>
where
    S: Signature + 'static,
    S::Output: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
    F: Future<Output = S::Output> + Send + 'static,
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
