//! What executors run, and futures that are run as operations.
//!
//! An executor of one's own is given [`Task`]s. [`spawn_with`] makes a future where it runs
//! ([`spawn`](crate::spawn()) is in the root); [`run_in`] and [`FrameBox`] say where the memory
//! inside of a future comes from.

// Operation memory and the units of work made of it: the unsafe core.
//
// One noun per module: `Task` is what executors run; a `block` is the memory of an operation
// with a handler; a `frame` is that of an operation whose body is a future; a `leaf` that of an
// operation of this crate, which needs none; a `stub` is what wakers of a frame point to; a
// `slot` is the memory of a handler-form operation hosted in a future; the `scope` names the
// frame that is being polled on this thread.
//
// # Invariants
//
// - **I1** A `Task` owns what its header is the head of. Whoever holds the `Task` may use the
//   header; nobody else touches it, nor what is behind it, save as the vtable's module says.
// - **I2** `vtable` always fits the type behind the header.
// - **I3** `next` belongs to the queue that holds the task, and is meaningless outside one.

pub(crate) mod asked;
pub(crate) mod begin;
pub(crate) mod block;
pub(crate) mod budget;
pub(crate) mod current;
pub(crate) mod frame;
mod frame_box;
mod held;
pub(crate) mod initiating;
pub(crate) mod leaf;
pub(crate) mod lent;
mod memory;
pub(crate) mod parked;
mod queue;
pub(crate) mod ring;
pub(crate) mod scope;
pub(crate) mod slot;
mod stub;
#[cfg(all(test, async_op_unit_tests))]
pub(crate) mod testing;

pub use crate::spawn::{RunIn, Spawn, Spawning, run_in, spawn_with};
pub use frame_box::FrameBox;
pub(crate) use queue::TaskQueue;

use std::alloc::Layout;
use std::cell::Cell;
use std::fmt;
use std::mem;
use std::ptr::NonNull;

use crate::alloc::{OperationAllocator, Recycling, Refusal};

/// The head of everything that can be queued.
pub(crate) struct Header {
    next: Cell<Option<NonNull<Header>>>,
    vtable: Cell<&'static TaskVtable>,
}

/// What can be done with a task. Either consumes it.
pub(crate) struct TaskVtable {
    pub(crate) run: unsafe fn(NonNull<Header>),
    pub(crate) discard: unsafe fn(NonNull<Header>),
}

impl Header {
    pub(crate) const fn new(vtable: &'static TaskVtable) -> Self {
        Self {
            next: Cell::new(None),
            vtable: Cell::new(vtable),
        }
    }

    pub(crate) fn set_vtable(&self, vtable: &'static TaskVtable) {
        self.vtable.set(vtable);
    }
}

/// An owned unit of work: one pointer, to be run once or dropped.
///
/// [`Executor`](crate::Executor)s receive them. A dropped task destroys what
/// it stands for (a handler, say) without running it.
#[must_use = "dropping a task destroys its work without running it"]
pub struct Task {
    header: NonNull<Header>,
}

// SAFETY: by I1 the task is the only way to what is behind the header, all of
// which is `Send`: functions and allocators here; handlers, arguments, futures,
// executors and allocators in `block` and `frame`, by the bounds of their
// constructors; in a strand its state, which is `Sync` too.
unsafe impl Send for Task {}

impl Task {
    /// Makes a task of a function, in memory of the
    /// [default allocator](crate::alloc::Recycling).
    ///
    /// ```
    /// use async_op::task::Task;
    /// use std::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// let task = Task::new(move || sender.send("done").unwrap());
    /// task.run();
    /// assert_eq!(receiver.recv(), Ok("done"));
    /// ```
    ///
    /// # Panics
    ///
    /// If no memory can be had.
    #[inline]
    pub fn new(function: impl FnOnce() + Send + 'static) -> Self {
        Self::new_in(function, Recycling)
    }

    /// Makes a task of a function, in memory of `allocator`.
    ///
    /// The memory goes back, and `allocator` is dropped, before the function
    /// is called or dropped.
    ///
    /// ```
    /// use allocator_api2::alloc::Global;
    /// use async_op::task::Task;
    ///
    /// Task::new_in(|| println!("in memory of the heap"), Global).run();
    /// ```
    ///
    /// # Panics
    ///
    /// If no memory can be had.
    #[inline]
    pub fn new_in<F, A>(function: F, allocator: A) -> Self
    where
        F: FnOnce() + Send + 'static,
        A: OperationAllocator,
    {
        let function = move |refusal: Option<Refusal>| match refusal {
            None => function(),
            Some(refusal) => refusal.panic(),
        };
        let task = Self::or_refused(function, allocator, "task");
        task.expect("`refused` has panicked")
    }

    /// As [`new_in`](Self::new_in) of a function that is called here and now where there is
    /// no memory, and told so.
    #[inline]
    pub(crate) fn or_refused<F, A>(
        function: F,
        allocator: A,
        operation: &'static str,
    ) -> Option<Self>
    where
        F: FnOnce(Option<Refusal>) + Send + 'static,
        A: OperationAllocator,
    {
        let memory = match memory::allocate::<FunctionTask<F, A>>(&allocator, operation) {
            Ok(memory) => memory,
            Err(refusal) => {
                drop(allocator);
                function(Some(refusal));
                return None;
            }
        };
        let value = FunctionTask {
            header: Header::new(const { &FunctionTask::<F, A>::VTABLE }),
            allocator,
            function,
        };
        // SAFETY: fresh memory with the layout of this type.
        unsafe { memory.write(value) };
        Some(Self {
            header: memory.cast(),
        })
    }

    /// Runs the task.
    ///
    /// ```
    /// use async_op::task::Task;
    ///
    /// let tasks = [Task::new(|| println!("one")), Task::new(|| println!("two"))];
    /// tasks.into_iter().for_each(Task::run);
    /// ```
    #[inline]
    pub fn run(self) {
        let _outside = current::outside();
        self.run_outside();
    }

    /// Runs the task, outside of all scopes.
    #[inline]
    pub(crate) fn run_outside(self) {
        let header = self.into_raw();
        // SAFETY: by I1 the header is ours to use.
        let vtable = unsafe { header.as_ref() }.vtable.get();
        // SAFETY: by I2 the vtable fits, and the task was ours to consume.
        unsafe { (vtable.run)(header) };
    }

    pub(crate) fn into_raw(self) -> NonNull<Header> {
        let header = self.header;
        mem::forget(self);
        header
    }

    /// Makes a task of its header again.
    ///
    /// # Safety
    ///
    /// - The header is the head of a task that the caller owns (I1).
    pub(crate) unsafe fn from_raw(header: NonNull<Header>) -> Self {
        Self { header }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: by I1 the header is ours to use.
        let vtable = unsafe { self.header.as_ref() }.vtable.get();
        // SAFETY: by I2 the vtable fits, and the task is ours to consume.
        unsafe { (vtable.discard)(self.header) };
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

/// A function as a task.
#[repr(C)] // `header` first: a `NonNull<Header>` is cast to this.
struct FunctionTask<F, A> {
    header: Header,
    allocator: A,
    function: F,
}

impl<F, A> FunctionTask<F, A>
where
    F: FnOnce(Option<Refusal>) + Send + 'static,
    A: OperationAllocator,
{
    const VTABLE: TaskVtable = TaskVtable {
        run: Self::run,
        discard: Self::discard,
    };

    /// # Safety
    ///
    /// - `header` is the head of a `Self` that the caller consumes, here and below.
    unsafe fn run(header: NonNull<Header>) {
        // SAFETY: the caller's promise.
        let function = unsafe { Self::take(header) };
        function(None);
    }

    /// # Safety
    ///
    /// - As above.
    unsafe fn discard(header: NonNull<Header>) {
        // SAFETY: the caller's promise.
        drop(unsafe { Self::take(header) });
    }

    /// Moves the function out and gives the memory back.
    ///
    /// # Safety
    ///
    /// - `header` is the head of a `Self` that the caller consumes.
    #[inline]
    unsafe fn take(header: NonNull<Header>) -> F {
        let this: NonNull<Self> = header.cast();
        // SAFETY: the caller's promise; moved out once, as the memory goes next.
        let Self {
            allocator,
            function,
            ..
        } = unsafe { this.read() };
        // SAFETY: the block came from this allocator with this layout, in
        // `Task::or_refused`, and nothing in it is used any more.
        unsafe { allocator.deallocate(this.cast(), Layout::new::<Self>()) };
        // Not after the function is on its way out: a panic would leak it.
        drop(allocator);
        function
    }
}
