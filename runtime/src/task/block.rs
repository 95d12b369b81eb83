//! The memory of an operation with a handler and no future: what a
//! `Completion` points to.
//!
//! # Invariants
//!
//! - **I1** The `Completion` owns the block until it completes or is dropped;
//!   then the `Task` made of the block does, if there is one. The owner has the
//!   block to itself.
//! - **I2** `core.args` holds the arguments exactly while the block is a task,
//!   and belongs to the block's owner. (In a `slot`, to whom that says.)
//! - **I3** A block is destroyed in one way: everything is moved to the stack,
//!   the memory goes back, and only then is the handler called or dropped.

use std::alloc::Layout;
use std::mem::{self, MaybeUninit};
use std::ptr::NonNull;

use super::held::Held;
use super::initiating::OperationId;
use super::{Header, Task, TaskVtable, memory};
use crate::alloc::{AnyAllocator, OperationAllocator};
use crate::cancel::{CancellationSlot, CancellationState, CancellationType, Function};
use crate::completion::Completion;
use crate::executor::{AnyExecutor, Executor, WorkGuard, erase, is_post_to, is_same};
use crate::handler::{Associations, CompletionHandler};
use crate::shim::UnsafeCell;
use crate::signature::Signature;
use crate::site::Site;
use crate::trace::{Entered, Trace};

/// The part of an operation that its `Completion` knows.
#[repr(C)] // `task` first: a `NonNull<Header>` is cast to this, and back.
pub(crate) struct Core<S: Signature + 'static> {
    pub(super) task: Header,
    pub(super) vtable: &'static CompletionVtable<S>,
    pub(crate) site: Site,
    pub(crate) trace: Trace,
    pub(crate) id: OperationId,
    // A cell, as the two owners of a slot both have references to the core.
    args: UnsafeCell<MaybeUninit<S::Args>>,
}

/// What a `Completion` can do with its operation.
pub(crate) struct CompletionVtable<S: Signature + 'static> {
    /// Completes the operation and consumes it. The flag says that this is
    /// within its initiating function.
    pub(crate) complete: unsafe fn(NonNull<Core<S>>, S::Args, bool),
    /// Abandons the operation and consumes it.
    pub(crate) abandon: unsafe fn(NonNull<Core<S>>),
    /// Returns whether nobody wants the result.
    pub(crate) is_abandoned: unsafe fn(NonNull<Core<S>>) -> bool,
    /// Has a function called when the operation is asked to stop.
    pub(crate) on_cancel: unsafe fn(NonNull<Core<S>>, Function),
    /// Returns whether anybody can ask the operation to stop.
    pub(crate) can_be_asked: unsafe fn(NonNull<Core<S>>) -> bool,
    /// Returns what has been requested of the operation.
    pub(crate) requested: unsafe fn(NonNull<Core<S>>) -> CancellationType,
    /// Returns the executor of the handler, if there is a handler.
    pub(crate) executor: unsafe fn(NonNull<Core<S>>) -> Option<AnyExecutor>,
    /// Returns the immediate executor of the handler, unless it is the default.
    pub(crate) immediate_executor: unsafe fn(NonNull<Core<S>>) -> Option<AnyExecutor>,
    /// Returns whether the handler, called on an executor, has no other to go to.
    pub(crate) ends_on: unsafe fn(NonNull<Core<S>>, &AnyExecutor) -> bool,
    /// Returns the allocator of the operation's memory.
    pub(crate) allocator: unsafe fn(NonNull<Core<S>>) -> AnyAllocator,
    /// Returns the slot of an operation that is started on behalf of this one.
    pub(crate) pass_on: unsafe fn(NonNull<Core<S>>) -> CancellationSlot,
}

impl<S: Signature + 'static> Core<S> {
    pub(super) fn new(
        task: &'static TaskVtable,
        vtable: &'static CompletionVtable<S>,
        site: Site,
        trace: Trace,
    ) -> Self {
        Self {
            task: Header::new(task),
            vtable,
            site,
            id: trace.operation(),
            trace,
            args: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Stores the arguments.
    ///
    /// # Safety
    ///
    /// - `args` is the caller's.
    #[inline]
    pub(super) unsafe fn put_args(&self, args: S::Args) {
        self.args.with_mut(|place| {
            // SAFETY: by the caller's promise nobody else uses the place.
            unsafe { place.write(MaybeUninit::new(args)) }
        });
    }

    /// Moves the arguments out.
    ///
    /// # Safety
    ///
    /// - `args` is the caller's, and holds arguments; afterwards it does not.
    #[inline]
    pub(super) unsafe fn take_args(&self) -> S::Args {
        self.args.with_mut(|place| {
            // SAFETY: by the caller's promise nobody else uses the place.
            let place = unsafe { &*place };
            // SAFETY: by the caller's promise, moved out once.
            unsafe { place.assume_init_read() }
        })
    }
}

/// The work of an operation on the executor of its handler, and of its I/O.
type Guards<X, E> = (WorkGuard<X>, WorkGuard<E>);

/// Calls through the vtable of an operation.
///
/// # Safety
///
/// - `core` is owned by the caller, who gives it up.
pub(crate) unsafe fn complete<S: Signature + 'static>(
    core: NonNull<Core<S>>,
    args: S::Args,
    immediate: bool,
) {
    // SAFETY: alive, by the caller's promise.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable fits; ownership is passed on.
    unsafe { (vtable.complete)(core, args, immediate) };
}

/// # Safety
///
/// - `core` is owned by the caller, who gives it up.
pub(crate) unsafe fn abandon<S: Signature + 'static>(core: NonNull<Core<S>>) {
    // SAFETY: alive, by the caller's promise.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable fits; ownership is passed on.
    unsafe { (vtable.abandon)(core) };
}

/// # Safety
///
/// - `core` is owned by the caller.
pub(crate) unsafe fn is_abandoned<S: Signature + 'static>(core: NonNull<Core<S>>) -> bool {
    // SAFETY: alive, by the caller's promise.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable fits.
    unsafe { (vtable.is_abandoned)(core) }
}

/// # Safety
///
/// - `core` is owned by the caller.
pub(crate) unsafe fn on_cancel<S: Signature + 'static>(core: NonNull<Core<S>>, function: Function) {
    // SAFETY: alive, by the caller's promise.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable fits.
    unsafe { (vtable.on_cancel)(core, function) };
}

/// # Safety
///
/// - `core` is owned by the caller.
#[inline]
pub(crate) unsafe fn can_be_asked<S: Signature + 'static>(core: NonNull<Core<S>>) -> bool {
    // SAFETY: alive, by the caller's promise.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable fits.
    unsafe { (vtable.can_be_asked)(core) }
}

/// # Safety
///
/// - `core` is owned by the caller.
pub(crate) unsafe fn requested<S: Signature + 'static>(core: NonNull<Core<S>>) -> CancellationType {
    // SAFETY: alive, by the caller's promise.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable fits.
    unsafe { (vtable.requested)(core) }
}

/// # Safety
///
/// - `core` is owned by the caller.
pub(crate) unsafe fn executor<S: Signature + 'static>(
    core: NonNull<Core<S>>,
) -> Option<AnyExecutor> {
    // SAFETY: alive, by the caller's promise.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable fits.
    unsafe { (vtable.executor)(core) }
}

/// # Safety
///
/// - `core` is owned by the caller.
pub(crate) unsafe fn allocator<S: Signature + 'static>(core: NonNull<Core<S>>) -> AnyAllocator {
    // SAFETY: alive, by the caller's promise.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable fits.
    unsafe { (vtable.allocator)(core) }
}

/// # Safety
///
/// - `core` is owned by the caller.
pub(crate) unsafe fn immediate_executor<S: Signature + 'static>(
    core: NonNull<Core<S>>,
) -> Option<AnyExecutor> {
    // SAFETY: alive, by the caller's promise.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable fits.
    unsafe { (vtable.immediate_executor)(core) }
}

/// # Safety
///
/// - `core` is owned by the caller.
pub(crate) unsafe fn ends_on<S: Signature + 'static>(
    core: NonNull<Core<S>>,
    executor: &AnyExecutor,
) -> bool {
    // SAFETY: alive, by the caller's promise.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable fits.
    unsafe { (vtable.ends_on)(core, executor) }
}

/// # Safety
///
/// - `core` is owned by the caller.
pub(crate) unsafe fn pass_on<S: Signature + 'static>(core: NonNull<Core<S>>) -> CancellationSlot {
    // SAFETY: alive, by the caller's promise.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable fits.
    unsafe { (vtable.pass_on)(core) }
}

/// How an operation that completed within its initiating function reaches its handler
/// from the immediate executor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// It is there: that is the default, a post to the handler's own executor.
    Own,
    /// It is there: the handler has no executor of its own.
    Immediate,
    /// It goes on to the handler's own executor.
    Onward,
}

impl Route {
    /// As of `dispatch(immediate, handler)`, where the immediate executor is what the
    /// handler is asked with for its own.
    pub(super) fn of<H, I, X>(handler: &H, immediate: &I, own: &X) -> Self
    where
        H: Associations,
        I: Executor,
        X: Executor,
    {
        match is_post_to(immediate, own) {
            true => Self::Own,
            false if is_same(immediate, &handler.executor(immediate)) => Self::Immediate,
            false => Self::Onward,
        }
    }
}

/// An operation: handler, guards, allocator and, in the end, arguments.
#[repr(C)] // `head` first: a `NonNull<Core<S>>` is cast to this.
struct Block<S: Signature + 'static, H, E: Executor, X: Executor, A> {
    head: Head<S, E, X, A>,
    handler: H,
}

/// All but the handler: what needs no more is compiled once for all of them.
#[repr(C)] // `core` first: a `NonNull<Core<S>>` is cast to this.
struct Head<S: Signature + 'static, E: Executor, X: Executor, A> {
    core: Core<S>,
    io_work: WorkGuard<E>,
    work: WorkGuard<X>,
    allocator: A,
    cancellation: CancellationState,
}

impl<S, E, X, A> Head<S, E, X, A>
where
    S: Signature + 'static,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
{
    fn own_executor(&self) -> &X {
        self.work
            .executor()
            .expect("an operation holds work until its handler runs")
    }

    /// # Safety
    ///
    /// - `core` is that of a block whose `Completion` calls, here and below.
    unsafe fn cancellation<'a>(core: NonNull<Core<S>>) -> &'a CancellationState {
        // SAFETY: the `Completion` keeps the block alive (I1), and nobody writes
        // to this field.
        unsafe { &(*core.cast::<Self>().as_ptr()).cancellation }
    }

    unsafe fn on_cancel(core: NonNull<Core<S>>, function: Function) {
        // SAFETY: the caller's promise.
        unsafe { Self::cancellation(core) }.set_function(function);
    }

    unsafe fn can_be_asked(core: NonNull<Core<S>>) -> bool {
        // SAFETY: the caller's promise.
        unsafe { Self::cancellation(core) }.is_connected()
    }

    unsafe fn requested(core: NonNull<Core<S>>) -> CancellationType {
        // SAFETY: the caller's promise.
        unsafe { Self::cancellation(core) }.requested()
    }

    unsafe fn executor(core: NonNull<Core<S>>) -> Option<AnyExecutor> {
        // SAFETY: as for the cancellation state.
        let work = unsafe { &(*core.cast::<Self>().as_ptr()).work };
        work.executor().cloned().map(AnyExecutor::new)
    }

    unsafe fn allocator(core: NonNull<Core<S>>) -> AnyAllocator {
        // SAFETY: as for the cancellation state.
        let allocator = unsafe { &(*core.cast::<Self>().as_ptr()).allocator };
        AnyAllocator::new(allocator.clone())
    }

    unsafe fn pass_on(core: NonNull<Core<S>>) -> CancellationSlot {
        // SAFETY: the caller's promise.
        let name = unsafe { core.as_ref() }.site.name();
        // SAFETY: the caller's promise.
        unsafe { Self::cancellation(core) }.pass_on(name)
    }

    /// Gives the memory of a block back.
    ///
    /// # Safety
    ///
    /// - The block is the caller's, and given up. Arguments and handler are gone.
    ///   `layout` is that of the block.
    unsafe fn end(this: NonNull<Self>, layout: Layout) -> (Trace, Guards<X, E>) {
        // SAFETY: by I1 the block is ours; moved out once, as the memory goes next.
        let Self {
            core: Core { trace, .. },
            io_work,
            work,
            allocator,
            cancellation,
        } = unsafe { this.read() };
        if cancellation.is_connected() {
            // SAFETY: passed on as it came.
            unsafe { Self::end_of_asked(this, layout, allocator, cancellation) };
        } else {
            // SAFETY: the block came from this allocator with this layout, in `make`,
            // and nothing in it is used any more.
            unsafe { allocator.deallocate(this.cast(), layout) };
            // Foreign, and so before what is returned: that would leak where it panics.
            drop(allocator);
        }
        (trace, (work, io_work))
    }

    /// The same of an operation that can be asked to stop, which few can.
    ///
    /// # Safety
    ///
    /// - As for `end`; all is out of the block.
    #[cold]
    unsafe fn end_of_asked(
        this: NonNull<Self>,
        layout: Layout,
        allocator: A,
        cancellation: CancellationState,
    ) {
        let function = cancellation.end();
        // SAFETY: as in `end`.
        unsafe { allocator.deallocate(this.cast(), layout) };
        drop(allocator);
        // Foreign: a panic of its drop leaves no memory behind.
        drop(function);
    }

    /// Somebody waits, as long as there is a handler.
    unsafe fn is_abandoned(_: NonNull<Core<S>>) -> bool {
        false
    }
}

/// Makes the block of an operation that has not completed, and its owner.
///
/// `None` if the handler has been refused the memory.
pub(crate) fn new<S, H, E>(site: Site, executor: E, handler: H) -> Option<Completion<S>>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
{
    let trace = Trace::start(site, &executor);
    let own = handler.executor(&executor);
    let (work, io_work) = WorkGuard::of_both(own, executor);
    let allocator = handler.allocator();
    let core = Block::make(site, trace, io_work, work, allocator, handler)?;
    // SAFETY: the block is new, and nobody else's.
    Some(unsafe { Completion::of(core) })
}

/// Makes the task of an operation that has completed with `args`: whichever
/// executor runs it, it goes on from there to `own`, that of the handler.
///
/// `None` if the handler has been refused the memory.
pub(crate) fn completed<S, H, X>(
    site: Site,
    trace: Trace,
    own: X,
    args: S::Args,
    handler: H,
) -> Option<Task>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    H: CompletionHandler<S>,
    X: Executor,
{
    let allocator = handler.allocator();
    // The task is in the queue of its executor, and needs no work there.
    let io_work = WorkGuard::<X>::none();
    trace.completed(true);
    let work = WorkGuard::new(own);
    Block::make_task(site, trace, io_work, work, allocator, handler, args)
}

impl<S, H, E, X, A> Block<S, H, E, X, A>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
    X: Executor,
    A: OperationAllocator,
{
    /// The arguments are there; the handler is to be called.
    const DELIVER: TaskVtable = TaskVtable {
        run: Self::deliver,
        discard: Self::discard,
    };

    /// The arguments are there; the task is on a foreign immediate executor.
    const HOP: TaskVtable = TaskVtable {
        run: Self::hop,
        discard: Self::discard,
    };

    const COMPLETION: CompletionVtable<S> = CompletionVtable {
        complete: Self::complete,
        abandon: Self::abandon,
        is_abandoned: Head::<S, E, X, A>::is_abandoned,
        on_cancel: Head::<S, E, X, A>::on_cancel,
        can_be_asked: Head::<S, E, X, A>::can_be_asked,
        requested: Head::<S, E, X, A>::requested,
        executor: Head::<S, E, X, A>::executor,
        immediate_executor: Self::immediate_executor,
        ends_on: Self::ends_on,
        allocator: Head::<S, E, X, A>::allocator,
        pass_on: Head::<S, E, X, A>::pass_on,
    };

    /// Delivers the arguments, on the executor of the handler.
    ///
    /// # Safety
    ///
    /// - The block is the task's, which is given up, here and below.
    unsafe fn deliver(header: NonNull<Header>) {
        // SAFETY: the caller's promise.
        let args = unsafe { Self::args_of(header) };
        // SAFETY: given up; the arguments are out.
        unsafe { Self::finish(header.cast(), Ending::Call(args)) };
    }

    unsafe fn discard(header: NonNull<Header>) {
        // SAFETY: the caller's promise.
        let args = unsafe { Self::args_of(header) };
        // SAFETY: given up; the arguments are out.
        unsafe { Self::finish(header.cast(), Ending::Discard(args)) };
    }

    /// Moves the arguments out of a task.
    #[inline]
    unsafe fn args_of(header: NonNull<Header>) -> S::Args {
        let this: NonNull<Self> = header.cast();
        // SAFETY: by I1 the block is the task's.
        let core = unsafe { &(*this.as_ptr()).head.core };
        // SAFETY: by I2 the arguments are there, and ours.
        unsafe { core.take_args() }
    }

    unsafe fn hop(header: NonNull<Header>) {
        let this: NonNull<Self> = header.cast();
        // First, so that the block goes when the clone panics.
        // SAFETY: the block is the task's (I1), and goes into one again.
        let task = unsafe { Task::from_raw(header) };
        // SAFETY: alive while we have the task.
        let head = unsafe { &(*this.as_ptr()).head };
        let executor = head.own_executor().clone();
        head.core.task.set_vtable(const { &Self::DELIVER });
        executor.dispatch(task);
    }

    /// # Safety
    ///
    /// - The block is that of a `Completion`, which calls.
    unsafe fn immediate_executor(core: NonNull<Core<S>>) -> Option<AnyExecutor> {
        // SAFETY: the `Completion` has the block to itself (I1).
        let Self { head, handler } = unsafe { &*core.cast::<Self>().as_ptr() };
        let own = head.own_executor();
        let immediate = handler.immediate_executor(own);
        (!is_post_to(&immediate, own)).then(|| erase(immediate))
    }

    /// # Safety
    ///
    /// - The block is that of a `Completion`, which calls.
    unsafe fn ends_on(core: NonNull<Core<S>>, executor: &AnyExecutor) -> bool {
        // SAFETY: the `Completion` has the block to itself (I1).
        let handler = unsafe { &(*core.cast::<Self>().as_ptr()).handler };
        is_same(executor, &handler.executor(executor))
    }

    /// # Safety
    ///
    /// - The block is the `Completion`'s, which is given up.
    unsafe fn abandon(core: NonNull<Core<S>>) {
        // SAFETY: the block is given up; by I2 there are no arguments.
        unsafe { Self::finish(core.cast(), Ending::Abandon) };
    }

    fn make(
        site: Site,
        trace: Trace,
        io_work: WorkGuard<E>,
        work: WorkGuard<X>,
        allocator: A,
        handler: H,
    ) -> Option<NonNull<Core<S>>> {
        let slot = handler.cancellation_slot();
        // All of them: the body decides what it honours.
        let honoured = CancellationType::ALL;
        let layout = Layout::new::<Self>();
        let begun =
            memory::allocate_and_begin(&allocator, layout, site.name(), &trace, slot, honoured);
        let (block, cancellation) = match begun {
            Ok(begun) => begun,
            Err(refusal) => {
                handler.refused(refusal);
                return None;
            }
        };
        let block: NonNull<Self> = block.cast();
        let core = Core::new(
            const { &Self::DELIVER },
            const { &Self::COMPLETION },
            site,
            trace,
        );
        let value = Self {
            head: Head {
                core,
                io_work,
                work,
                allocator,
                cancellation,
            },
            handler,
        };
        // SAFETY: fresh memory with the layout of this type.
        unsafe { block.write(value) };
        Some(block.cast())
    }

    fn make_task(
        site: Site,
        trace: Trace,
        io_work: WorkGuard<E>,
        work: WorkGuard<X>,
        allocator: A,
        handler: H,
        args: S::Args,
    ) -> Option<Task> {
        let core = Self::make(site, trace, io_work, work, allocator, handler)?;
        // SAFETY: the block is new, and ours.
        let block = unsafe { core.as_ref() };
        block.task.set_vtable(const { &Self::HOP });
        // SAFETY: by I1 the block is ours, and so are the arguments.
        unsafe { block.put_args(args) };
        // SAFETY: the block goes into the task, and the arguments are there.
        Some(unsafe { Task::from_raw(core.cast()) })
    }

    /// Calls the handler here and now where that is allowed, else submits the
    /// block as a task.
    ///
    /// # Safety
    ///
    /// - The block is the caller's, and given up. It is not a task.
    unsafe fn complete(core: NonNull<Core<S>>, args: S::Args, immediate: bool) {
        let this: NonNull<Self> = core.cast();
        // Foreign code is called below: executors and the handler's
        // associations.
        let on_unwind = AbandonOnUnwind(core);
        // SAFETY: by I1 the block is ours.
        let Self { head, handler } = unsafe { &mut *this.as_ptr() };
        let own = head.own_executor();
        let mut work = WorkGuard::none();
        let executor = if immediate {
            let executor = handler.immediate_executor(own);
            match Route::of(handler, &executor, own) {
                Route::Own => {}
                Route::Immediate => work = head.work.take(),
                Route::Onward => head.core.task.set_vtable(const { &Self::HOP }),
            }
            Target::Immediate(executor)
        } else {
            let executor = own.clone();
            if executor.runs_here() {
                mem::forget(on_unwind);
                // SAFETY: the block is given up; by I2 there are no arguments
                // in it.
                return unsafe { Self::finish(this, Ending::Call(args)) };
            }
            Target::Own(executor)
        };
        // It is over, and so nobody asks it any more, however late the handler is called.
        head.cancellation.end_of_service();
        let mut io_work = WorkGuard::none();
        if head.io_work.owns_work() {
            mem::swap(&mut io_work, &mut head.io_work);
            // The dispatch may call the handler.
            io_work.reset_on_runner();
        }
        work.reset_on_runner();
        // SAFETY: by I1 the block is ours, and so are the arguments.
        unsafe { head.core.put_args(args) };
        mem::forget(on_unwind);
        // SAFETY: the block goes into the task, and the arguments are there.
        let task = unsafe { Task::from_raw(this.cast()) };
        match executor {
            Target::Immediate(executor) => executor.dispatch(task),
            Target::Own(executor) => executor.dispatch(task),
        }
    }

    /// Moves handler and guards out, gives the memory back (I3), and then does what
    /// is left.
    ///
    /// # Safety
    ///
    /// - The block is the caller's, and given up. The arguments, if there are
    ///   any, have been moved out.
    unsafe fn finish(this: NonNull<Self>, ending: Ending<S::Args>) {
        // SAFETY: by I1 the block is ours.
        let handler = unsafe { &raw const (*this.as_ptr()).handler };
        // SAFETY: as above; moved out once, as the memory goes next.
        let handler = unsafe { handler.read() };
        let head: NonNull<Head<S, E, X, A>> = this.cast();
        // SAFETY: given up; the handler is out, by the caller's promise the
        // arguments are.
        let (trace, guards) = unsafe { Head::end(head, Layout::new::<Self>()) };
        let mut held = Held::new(guards);
        match ending {
            Ending::Call(args) => {
                held.before_the_handler();
                let _handling: Entered = trace.handling();
                let _outside = super::current::outside();
                handler.complete(args);
            }
            Ending::Discard(args) => {
                drop(args);
                drop(handler);
            }
            Ending::Abandon => drop(handler),
        }
    }
}

/// What is left to do when a block is gone.
enum Ending<A> {
    /// Call the handler.
    Call(A),
    /// Drop the arguments, then the handler.
    Discard(A),
    /// Drop the handler: there are no arguments.
    Abandon,
}

/// Where a completed operation is submitted.
enum Target<I, X> {
    Immediate(I),
    Own(X),
}

/// Abandons an operation when foreign code panics half way.
struct AbandonOnUnwind<S: Signature + 'static>(NonNull<Core<S>>);

impl<S: Signature + 'static> Drop for AbandonOnUnwind<S> {
    fn drop(&mut self) {
        // SAFETY: made by the owner, and forgotten before it gives the block up.
        unsafe { abandon(self.0) };
    }
}

#[cfg(all(test, async_op_unit_tests, not(async_op_loom)))]
mod tests;
