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

use super::block::Route;
use super::budget;
use super::scope::{OfFrame, Scope};
use super::stub::{Pending, Start, Stub};
use super::{Header, Task, TaskVtable, memory};
use crate::alloc::OperationAllocator;
use crate::executor::{Executor, WorkGuard};
use crate::handler::CompletionHandler;
use crate::shim::{AtomicPtr, Ordering};
use crate::signature::Signature;
use crate::site::Site;
use crate::trace::{Entered, Trace};

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

    #[inline]
    fn stub(&self) -> Option<NonNull<Stub>> {
        NonNull::new(self.stub.load(Ordering::Acquire))
    }

    /// Returns the stub, made now if there is none.
    ///
    /// # Panics
    ///
    /// If no memory can be had.
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
        let stub = Stub::new(Stub::room("Waker"), this);
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
#[repr(C)] // `head` first: a `NonNull<Header>` is cast to this.
pub(crate) struct Frame<S: Signature, H, E: Executor, X: Executor, A, F, P: Home<E, X>> {
    head: Head<E, X, A, P::Executor>,
    handler: H,
    payload: Payload<F, S::Output>,
}

/// All but handler and payload: what needs no more is compiled once for all of
/// them. Polled on `O`.
#[repr(C)] // `header` first: a `NonNull<Header>` is cast to this.
struct Head<E: Executor, X: Executor, A, O> {
    header: FrameHeader,
    trace: Trace,
    scope: Scope<OfFrame<A, O>>,
    io_work: WorkGuard<E>,
    work: WorkGuard<X>,
}

/// The work of an operation on the executor of its handler, and of its I/O.
type Guards<X, E> = (WorkGuard<X>, WorkGuard<E>);

impl<E: Executor, X: Executor, A: OperationAllocator, O: Executor> Head<E, X, A, O> {
    fn work_executor(&self) -> &X {
        self.work
            .executor()
            .expect("an operation holds work until its handler runs")
    }

    /// It is over, and so nobody asks it any more, however late the handler is called.
    #[inline(always)]
    fn end_of_service(&mut self) {
        // A waker of the stub, if anything: dropping it calls nothing foreign.
        self.scope.value.cancellation.end_of_service();
    }

    /// Posts the frame to the executor it is polled on.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and passes it on. The payload is a future.
    unsafe fn post(header: NonNull<FrameHeader>) {
        let this: NonNull<Self> = header.cast();
        // First, so that the frame goes when the clone panics.
        // SAFETY: the token goes into the task (I1).
        let task = unsafe { Task::from_raw(header.cast()) };
        // SAFETY: alive while we have the task.
        let scope = unsafe { &(*this.as_ptr()).scope };
        // A copy: once posted, the frame may be gone.
        let executor = scope.value.executor.clone();
        executor.post(task);
    }

    /// Posts a frame whose future is over when it is polled: so is its work on the I/O
    /// executor once it is submitted, and nobody asks it any more, unless that is why.
    ///
    /// # Safety
    ///
    /// - As for [`post`](Self::post).
    unsafe fn post_last(header: NonNull<FrameHeader>) {
        let this: NonNull<Self> = header.cast();
        // SAFETY: by I1 the field is ours, and wakers know the header alone.
        let io_work = unsafe { &mut (*this.as_ptr()).io_work };
        let io_work = io_work.take();
        // SAFETY: as above.
        let scope = unsafe { &mut (*this.as_ptr()).scope };
        // A waker of the stub, if anything: dropping it calls nothing foreign.
        scope.value.cancellation.end_unless_asked();
        // SAFETY: passed on as it came.
        unsafe { Self::post(header) };
        drop(io_work);
    }

    /// Gives the memory of a frame back.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and gives it up. Handler and payload are gone.
    ///   `layout` is that of the frame.
    unsafe fn end(this: NonNull<Self>, layout: Layout) -> (Trace, Guards<X, E>) {
        // SAFETY: by I1 the frame is ours.
        let stub = unsafe { &(*this.as_ptr()).header }.stub();
        // SAFETY: as above; moved out once, as the memory goes next.
        let Self {
            trace,
            scope,
            io_work,
            work,
            ..
        } = unsafe { this.read() };
        if let Some(stub) = stub {
            // SAFETY: the token is ours; the stub is not used again.
            unsafe { Stub::finish(stub) };
        }
        let OfFrame {
            allocator,
            executor,
            cancellation,
        } = scope.value;
        // A waker of the stub, if anything: dropping it calls nothing foreign.
        drop(cancellation.end());
        // SAFETY: the block came from this allocator with this layout, in `new`,
        // and nothing in it is used any more.
        unsafe { allocator.deallocate(this.cast(), layout) };
        drop((allocator, executor));
        (trace, (work, io_work))
    }
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
}

/// On the executor of the handler: operations.
pub(crate) struct OnHandlers;

/// On the I/O executor: what is spawned there.
pub(crate) struct OnIo;

impl<E: Executor, X: Executor> Home<E, X> for OnHandlers {
    type Executor = X;
    const IS_THE_HANDLERS: bool = true;
}

impl<E: Executor, X: Executor> Home<E, X> for OnIo {
    type Executor = E;
    const IS_THE_HANDLERS: bool = false;
}

/// Starts an operation: its future is polled once, here and now.
///
/// # Panics
///
/// If the future panics, or the handler does that is refused its memory. The operation is
/// gone then.
pub(crate) fn start<S, H, E, F>(site: Site, executor: E, future: F, handler: H)
where
    S: Signature + 'static,
    S::Output: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    F: Future<Output = S::Output> + Send + 'static,
{
    let trace = Trace::start(site, &executor);
    let own = handler.executor(&executor);
    let home = own.clone();
    let guards = WorkGuard::of_both(own, executor);
    let allocator = handler.allocator();
    let frame = Frame::<S, H, E, _, _, F, OnHandlers>::new(
        site, trace, home, guards, allocator, future, handler,
    );
    if let Some(frame) = frame {
        // SAFETY: new frames are nobody else's.
        unsafe { Frame::poll(frame, true) };
    }
}

/// How something is handed to an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Submit {
    Post,
    Dispatch,
    Defer,
}

impl Submit {
    #[inline]
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
/// If the handler does that is refused its memory. The operation is gone then.
pub(crate) fn spawn<S, H, E, F>(site: Site, executor: E, future: F, handler: H, how: Submit)
where
    S: Signature + 'static,
    S::Output: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    F: Future<Output = S::Output> + Send + 'static,
{
    let trace = Trace::start(site, &executor);
    let own = handler.executor(&executor);
    let home = executor.clone();
    let guards = WorkGuard::of_both(own, executor.clone());
    let allocator = handler.allocator();
    let frame =
        Frame::<S, H, E, _, _, F, OnIo>::new(site, trace, home, guards, allocator, future, handler);
    if let Some(frame) = frame {
        // SAFETY: new frames are nobody else's.
        how.to(&executor, unsafe { Frame::first_task(frame) });
    }
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
        run: Self::run,
        discard: Self::discard_future,
    };

    /// The frame is to be polled for the first time, on its home executor.
    const FIRST: TaskVtable = TaskVtable {
        run: Self::run_first,
        discard: Self::discard_future,
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

    /// # Safety
    ///
    /// - The caller holds the token, and passes it on, here and below. The payload
    ///   is a future.
    unsafe fn discard_future(header: NonNull<Header>) {
        // SAFETY: passed on as it came.
        unsafe { Self::destroy(header.cast(), Has::Future) }
    }

    /// # Safety
    ///
    /// - The payload is an output.
    unsafe fn discard_output(header: NonNull<Header>) {
        // SAFETY: passed on as it came.
        unsafe { Self::destroy(header.cast(), Has::Output) }
    }

    /// # Safety
    ///
    /// - The payload is a future.
    unsafe fn run_first(header: NonNull<Header>) {
        let this: NonNull<Self> = header.cast();
        // SAFETY: by I1 the frame is ours; shared access to its header only.
        let header = unsafe { &(*this.as_ptr()).head.header };
        header.task.set_vtable(const { &Self::POLL });
        // SAFETY: passed on as it came.
        unsafe { Self::poll(this, false) }
    }

    /// # Safety
    ///
    /// - The payload is an output.
    unsafe fn hop(header: NonNull<Header>) {
        let this: NonNull<Self> = header.cast();
        // First, so that the frame goes when the clone panics.
        // SAFETY: the token goes into a task again (I1).
        let task = unsafe { Task::from_raw(header) };
        // SAFETY: alive while we have the task; there is no future any more.
        let frame = unsafe { this.as_ref() };
        let executor = frame.head.work_executor().clone();
        frame.head.header.task.set_vtable(const { &Self::DELIVER });
        executor.dispatch(task);
    }

    fn new(
        site: Site,
        trace: Trace,
        home: P::Executor,
        (work, io_work): (WorkGuard<X>, WorkGuard<E>),
        allocator: A,
        future: F,
        handler: H,
    ) -> Option<NonNull<Self>> {
        let slot = handler.cancellation_slot();
        // Before the slot is taken over: its requests come by a waker.
        let room = slot.is_connected().then(|| Stub::room(site.name()));
        let layout = Layout::new::<Self>();
        let honoured = site.honours();
        let begun =
            memory::allocate_and_begin(&allocator, layout, site.name(), &trace, slot, honoured);
        let (frame, cancellation) = match begun {
            Ok(begun) => begun,
            Err(refusal) => {
                handler.refused(refusal);
                return None;
            }
        };
        let frame: NonNull<Self> = frame.cast();
        let stub = room.map(|room| Stub::new(room, frame.cast()));
        let header = FrameHeader {
            task: Header::new(const { &Self::POLL }),
            post: match site.meta().waits_once() {
                true => Head::<E, X, A, P::Executor>::post_last,
                false => Head::<E, X, A, P::Executor>::post,
            },
            stub: AtomicPtr::new(stub.map_or(ptr::null_mut(), NonNull::as_ptr)),
        };
        let scope = OfFrame {
            cancellation,
            allocator,
            executor: home,
        };
        let scope = scope.into_scope();
        let value = Self {
            head: Head {
                header,
                trace,
                scope,
                io_work,
                work,
            },
            handler,
            payload: Payload {
                future: ManuallyDrop::new(future),
            },
        };
        // SAFETY: fresh memory with the layout of this type.
        unsafe { frame.write(value) };
        if let Some(stub) = stub {
            // Lent out as if the frame were being polled: it is not over.
            // SAFETY: the frame is ours; shared access to its scope only.
            let scope = unsafe { &(*frame.as_ptr()).head.scope };
            scope
                .value
                .cancellation
                .set_waker(&Stub::borrowed_waker(stub));
        }
        Some(frame)
    }

    /// Makes the task that polls a new frame for the first time.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and gives it up. The frame is new.
    unsafe fn first_task(this: NonNull<Self>) -> Task {
        // SAFETY: by I1 the frame is ours; shared access to its header only.
        let header = unsafe { &(*this.as_ptr()).head.header };
        header.task.set_vtable(const { &Self::FIRST });
        // SAFETY: the token goes into the task.
        unsafe { Task::from_raw(this.cast()) }
    }

    /// Runs the task of a frame with a future.
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and passes it on. The payload is a future.
    unsafe fn run(header: NonNull<Header>) {
        let this: NonNull<Self> = header.cast();
        // SAFETY: by I1 the frame is ours; shared access to its header only.
        let stub = unsafe { &(*this.as_ptr()).head.header }.stub();
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
        // SAFETY: as for the header; nobody writes to this field.
        let trace = unsafe { &(*this.as_ptr()).head.trace };
        let output = {
            // SAFETY: the frame is ours until the poll is over, and the guard
            // is dropped right here.
            let _scope = unsafe { Self::enter_scope(this) };
            let _budget = budget::grant();
            let _entered: Entered = if first {
                trace.initiating()
            } else {
                trace.polling()
            };
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
                trace.completed(first);
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
                    Self::call(unsafe { Self::take(this) }, output);
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
        let own = frame.head.work_executor();
        let immediate = frame.handler.immediate_executor(own);
        let route = Route::of(&frame.handler, &immediate, own);
        let vtable = match route {
            Route::Onward => const { &Self::HOP },
            Route::Own | Route::Immediate => const { &Self::DELIVER },
        };
        frame.head.header.task.set_vtable(vtable);
        frame.head.end_of_service();
        let mut io_work = frame.head.io_work.take();
        let mut work = match route {
            Route::Immediate => frame.head.work.take(),
            Route::Own | Route::Onward => WorkGuard::none(),
        };
        // The dispatch may call the handler.
        io_work.reset_on_runner();
        work.reset_on_runner();
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
        frame.head.header.task.set_vtable(const { &Self::DELIVER });
        frame.head.end_of_service();
        let executor = frame.head.work_executor().clone();
        let mut io_work = frame.head.io_work.take();
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
    unsafe fn deliver(header: NonNull<Header>) {
        let this: NonNull<Self> = header.cast();
        // SAFETY: by I1 the payload is ours, and used no more after this.
        let payload = unsafe { Self::payload(this) };
        // SAFETY: by the caller's promise it is an output.
        let output = unsafe { &mut payload.output };
        // SAFETY: moved out once.
        let output = unsafe { ManuallyDrop::take(output) };
        // SAFETY: the token is passed on; the payload is gone.
        Self::call(unsafe { Self::take(this) }, output);
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
        let (handler, _trace, _guards) = unsafe { Self::take(this) };
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
        let scope = unsafe { this.byte_add(mem::offset_of!(Self, head.scope)) };
        let scope: NonNull<Scope<OfFrame<A, P::Executor>>> = scope.cast();
        // SAFETY: by the caller's promise.
        unsafe { Scope::enter(scope) }
    }

    /// Moves the handler and the guards out and gives the memory back (I4).
    ///
    /// # Safety
    ///
    /// - The caller holds the token, and gives it up. The payload is gone.
    unsafe fn take(this: NonNull<Self>) -> (H, Trace, Guards<X, E>) {
        // SAFETY: by I1 the frame is ours.
        let handler = unsafe { &raw const (*this.as_ptr()).handler };
        // SAFETY: as above; moved out once, as the memory goes next.
        let handler = unsafe { handler.read() };
        let head: NonNull<Head<E, X, A, P::Executor>> = this.cast();
        // SAFETY: the token is passed on; nothing else is left.
        let (trace, guards) = unsafe { Head::end(head, Layout::new::<Self>()) };
        (handler, trace, guards)
    }

    /// Calls the handler, which has been moved out of its frame.
    fn call((handler, trace, mut guards): (H, Trace, Guards<X, E>), output: S::Output) {
        guards.0.reset_on_runner();
        guards.1.reset();
        let _handling: Entered = trace.handling();
        let _outside = super::current::outside();
        handler.complete(S::from_output(output));
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

#[cfg(all(test, async_op_unit_tests, not(async_op_loom)))]
mod tests;
