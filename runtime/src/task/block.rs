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
use std::any::Any;
use std::mem::{self, MaybeUninit};
use std::ptr::NonNull;

use super::initiating::OperationId;
use super::{Header, Task, TaskVtable, memory};
use crate::alloc::{AnyAllocator, OperationAllocator};
use crate::cancel::{CancellationState, CancellationType, Function};
use crate::completion::Completion;
use crate::executor::{AnyExecutor, Executor, PostOnly, WorkGuard};
use crate::handler::CompletionHandler;
use crate::meta::Meta;
use crate::shim::UnsafeCell;
use crate::signature::Signature;

/// The part of an operation that its `Completion` knows.
#[repr(C)] // `task` first: a `NonNull<Header>` is cast to this, and back.
pub(crate) struct Core<S: Signature + 'static> {
    pub(super) task: Header,
    pub(super) vtable: &'static CompletionVtable<S>,
    pub(crate) meta: &'static Meta,
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
    /// Returns what has been requested of the operation.
    pub(crate) requested: unsafe fn(NonNull<Core<S>>) -> CancellationType,
    /// Returns the executor of the handler, if there is a handler.
    pub(crate) executor: unsafe fn(NonNull<Core<S>>) -> Option<AnyExecutor>,
    /// Returns the allocator of the operation's memory.
    pub(crate) allocator: unsafe fn(NonNull<Core<S>>) -> AnyAllocator,
}

impl<S: Signature + 'static> Core<S> {
    pub(super) fn new(
        task: &'static TaskVtable,
        vtable: &'static CompletionVtable<S>,
        meta: &'static Meta,
    ) -> Self {
        Self {
            task: Header::new(task),
            vtable,
            meta,
            id: OperationId::new(),
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

/// Returns whether an operation that completed within its initiating function
/// goes to the handler's executor `own` by way of `immediate`: not when that is
/// the default, which posts to `own` itself.
pub(super) fn needs_hop<I: Executor, X: Executor>(immediate: &I, own: &X) -> bool {
    let immediate: &dyn Any = immediate;
    match immediate.downcast_ref::<PostOnly<X>>() {
        Some(PostOnly(executor)) => executor != own,
        None => true,
    }
}

/// An operation: handler, guards, allocator and, in the end, arguments.
#[repr(C)] // `core` first: a `NonNull<Core<S>>` is cast to this.
struct Block<S: Signature + 'static, H, E: Executor, X: Executor, A> {
    core: Core<S>,
    io_work: WorkGuard<E>,
    work: WorkGuard<X>,
    allocator: A,
    cancellation: CancellationState,
    handler: H,
}

/// Makes the block of an operation that has not completed, and its owner.
///
/// # Panics
///
/// If no memory can be had.
pub(crate) fn new<S, H, E>(meta: &'static Meta, executor: E, handler: H) -> Completion<S>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    H: CompletionHandler<S>,
    E: Executor,
{
    let work = WorkGuard::new(handler.executor(&executor));
    let io_work = WorkGuard::new(executor);
    let allocator = handler.allocator();
    let core = Block::make(meta, io_work, work, allocator, handler);
    // SAFETY: the block is new, and nobody else's.
    unsafe { Completion::of(core) }
}

/// Makes the task of an operation that has completed with `args`: whichever
/// executor runs it, it goes on from there to `own`, that of the handler.
///
/// # Panics
///
/// If no memory can be had.
pub(crate) fn completed<S, H, X>(meta: &'static Meta, own: X, args: S::Args, handler: H) -> Task
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    H: CompletionHandler<S>,
    X: Executor,
{
    let allocator = handler.allocator();
    // The task is in the queue of its executor, and needs no work there.
    let io_work = WorkGuard::<X>::none();
    Block::make_task(meta, io_work, WorkGuard::new(own), allocator, handler, args)
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
        run: |header| {
            let this: NonNull<Self> = header.cast();
            // SAFETY: by I1 the block is the task's.
            let core = unsafe { &(*this.as_ptr()).core };
            // SAFETY: by I2 the arguments are there, and ours.
            let args = unsafe { core.take_args() };
            // SAFETY: running the task gives the block up; the arguments are out.
            let (handler, mut guards) = unsafe { Self::take(this) };
            guards.0.reset_on_runner();
            guards.1.reset_on_runner();
            handler.complete(args);
        },
        discard: |header| {
            let this: NonNull<Self> = header.cast();
            // SAFETY: by I1 the block is the task's.
            let core = unsafe { &(*this.as_ptr()).core };
            // SAFETY: by I2 the arguments are there, and ours.
            let args = unsafe { core.take_args() };
            // SAFETY: dropping the task gives the block up; the arguments are out.
            let (handler, _guards) = unsafe { Self::take(this) };
            drop(args);
            drop(handler);
        },
    };

    /// The arguments are there; the task is on a foreign immediate executor.
    const HOP: TaskVtable = TaskVtable {
        run: |header| {
            let this: NonNull<Self> = header.cast();
            // First, so that the block goes when the clone panics.
            // SAFETY: the block is the task's (I1), and goes into one again.
            let task = unsafe { Task::from_raw(header) };
            // SAFETY: alive while we have the task.
            let block = unsafe { this.as_ref() };
            let executor = block.own_executor().clone();
            block.core.task.set_vtable(const { &Self::DELIVER });
            executor.dispatch(task);
        },
        discard: Self::DELIVER.discard,
    };

    const COMPLETION: CompletionVtable<S> = CompletionVtable {
        complete: |core, args, immediate| {
            // SAFETY: the vtable fits, and the block is given up.
            unsafe { Self::complete(core.cast(), args, immediate) }
        },
        abandon: |core| {
            // SAFETY: the block is given up; by I2 there are no arguments.
            let (handler, _guards) = unsafe { Self::take(core.cast()) };
            drop(handler);
        },
        is_abandoned: |_| false,
        on_cancel: |core, function| {
            // SAFETY: the `Completion` keeps the block alive (I1), and nobody
            // writes to this field.
            let cancellation = unsafe { &(*core.cast::<Self>().as_ptr()).cancellation };
            cancellation.set_function(function);
        },
        requested: |core| {
            // SAFETY: as for `on_cancel`.
            let cancellation = unsafe { &(*core.cast::<Self>().as_ptr()).cancellation };
            cancellation.requested()
        },
        executor: |core| {
            // SAFETY: as for the cancellation state.
            let work = unsafe { &(*core.cast::<Self>().as_ptr()).work };
            work.executor().cloned().map(AnyExecutor::new)
        },
        allocator: |core| {
            // SAFETY: as for the cancellation state.
            let allocator = unsafe { &(*core.cast::<Self>().as_ptr()).allocator };
            AnyAllocator::new(allocator.clone())
        },
    };

    fn make(
        meta: &'static Meta,
        io_work: WorkGuard<E>,
        work: WorkGuard<X>,
        allocator: A,
        handler: H,
    ) -> NonNull<Core<S>> {
        let slot = handler.cancellation_slot();
        // All of them: the body decides what it honours.
        let honoured = CancellationType::ALL;
        let (block, cancellation): (NonNull<Self>, _) =
            memory::allocate_and_begin(&allocator, meta.name(), slot, honoured);
        let value = Self {
            core: Core::new(const { &Self::DELIVER }, const { &Self::COMPLETION }, meta),
            io_work,
            work,
            allocator,
            cancellation,
            handler,
        };
        // SAFETY: fresh memory with the layout of this type.
        unsafe { block.write(value) };
        block.cast()
    }

    fn make_task(
        meta: &'static Meta,
        io_work: WorkGuard<E>,
        work: WorkGuard<X>,
        allocator: A,
        handler: H,
        args: S::Args,
    ) -> Task {
        let core = Self::make(meta, io_work, work, allocator, handler);
        // SAFETY: the block is new, and ours.
        let block = unsafe { core.as_ref() };
        block.task.set_vtable(const { &Self::HOP });
        // SAFETY: by I1 the block is ours, and so are the arguments.
        unsafe { block.put_args(args) };
        // SAFETY: the block goes into the task, and the arguments are there.
        unsafe { Task::from_raw(core.cast()) }
    }

    fn own_executor(&self) -> &X {
        self.work
            .executor()
            .expect("an operation holds work until its handler runs")
    }

    /// Calls the handler here and now where that is allowed, else submits the
    /// block as a task.
    ///
    /// # Safety
    ///
    /// - The block is the caller's, and given up. It is not a task.
    #[inline]
    unsafe fn complete(this: NonNull<Self>, args: S::Args, immediate: bool) {
        // Foreign code is called below: executors and the handler's
        // associations.
        let on_unwind = AbandonOnUnwind(this.cast::<Core<S>>());
        // SAFETY: by I1 the block is ours.
        let block = unsafe { &mut *this.as_ptr() };
        if immediate {
            let own = block.own_executor();
            let executor = block.handler.immediate_executor(own);
            let vtable = if needs_hop(&executor, own) {
                const { &Self::HOP }
            } else {
                const { &Self::DELIVER }
            };
            block.core.task.set_vtable(vtable);
            let mut io_work = block.io_work.take();
            // The dispatch may call the handler.
            io_work.reset_on_runner();
            // SAFETY: by I1 the block is ours, and so are the arguments.
            unsafe { block.core.put_args(args) };
            mem::forget(on_unwind);
            // SAFETY: the block goes into the task, and the arguments are there.
            executor.dispatch(unsafe { Task::from_raw(this.cast()) });
        } else {
            let executor = block.own_executor().clone();
            if executor.runs_here() {
                mem::forget(on_unwind);
                // SAFETY: the block is given up; by I2 there are no arguments
                // in it.
                let (handler, mut guards) = unsafe { Self::take(this) };
                guards.0.reset_on_runner();
                guards.1.reset_on_runner();
                handler.complete(args);
            } else {
                let mut io_work = block.io_work.take();
                // The dispatch may call the handler.
                io_work.reset_on_runner();
                // SAFETY: by I1 the block is ours, and so are the arguments.
                unsafe { block.core.put_args(args) };
                mem::forget(on_unwind);
                // SAFETY: the block goes into the task, and the arguments are
                // there.
                executor.dispatch(unsafe { Task::from_raw(this.cast()) });
            }
        }
    }

    /// Moves the handler and the guards out and gives the memory back (I3).
    ///
    /// # Safety
    ///
    /// - The block is the caller's, and given up. The arguments, if there are
    ///   any, have been moved out.
    #[inline]
    unsafe fn take(this: NonNull<Self>) -> (H, (WorkGuard<X>, WorkGuard<E>)) {
        // SAFETY: by I1 the block is ours; moved out once, as the memory goes
        // next.
        let Self {
            io_work,
            work,
            allocator,
            cancellation,
            handler,
            ..
        } = unsafe { this.read() };
        let function = cancellation.end();
        // SAFETY: the block came from this allocator with this layout, in
        // `make`, and nothing in it is used any more.
        unsafe { allocator.deallocate(this.cast(), Layout::new::<Self>()) };
        drop(allocator);
        // Foreign: a panic of its drop leaves no memory behind.
        drop(function);
        (handler, (work, io_work))
    }
}

/// Abandons an operation when foreign code panics half way.
struct AbandonOnUnwind<S: Signature + 'static>(NonNull<Core<S>>);

impl<S: Signature + 'static> Drop for AbandonOnUnwind<S> {
    fn drop(&mut self) {
        // SAFETY: made by the owner, and forgotten before it gives the block up.
        unsafe { abandon(self.0) };
    }
}

#[cfg(all(test, not(async_op_loom)))]
mod tests;
