//! The owning pointer to an operation.
//!
//! # Invariants
//!
//! - **I1** `core` points to an operation, or the completer's half of one, that
//!   belongs to the `Completion` alone until it is completed or dropped.

mod keeping;

use std::ffi::c_void;
use std::fmt;
use std::mem;
use std::ptr::NonNull;

pub use self::keeping::Keeping;
use crate::alloc::AnyAllocator;
use crate::cancel::{CancellationSlot, CancellationType, Function};
use crate::executor::AnyExecutor;
use crate::signature::Signature;
use crate::task::block::{self, Core};
use crate::task::initiating;
use crate::trace::Entered;

/// An operation that has been started and not completed: what the body of an
/// initiating function receives, and completes, now, later or on another
/// thread.
///
/// One pointer, whatever the handler. Dropping it abandons the operation: the
/// handler is dropped without being called, and a future that waits for it
/// panics with the name of the operation rather than hang.
///
/// Nobody but its keeper can end the operation. Unless
/// [`on_cancel`](Self::on_cancel) says what to do, requests to stop and
/// [limits on time](crate::cancel_after()) do nothing until it completes. A context that
/// is dropped cannot find it: callers that wait for it wait on. The page
/// on [forms](crate::forms#one-that-can-be-asked-to-stop) has the whole of a queue of
/// completions that can be cancelled and closed.
///
/// Results are passed by value: box large ones, as the page of [`Signature`] says.
///
/// If you see this type as the parameter of a function that you want to call
/// with a completion token, the function lacks its `#[async_op]`.
///
/// ```
/// use async_op::{Completion, IoContext, IoExecutor, async_op};
///
/// #[async_op]
/// fn async_add(context: &IoExecutor, a: u32, b: u32, op: Completion<fn(u32)>) {
///     op.complete(a + b);
/// }
///
/// let context = IoContext::new()?;
/// async_add(&context, 1, 2, |sum: u32| assert_eq!(sum, 3));
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "oneshot")]
#[must_use = "dropping a completion abandons its operation"]
pub struct Completion<S: Signature + 'static> {
    core: NonNull<Core<S>>,
}

// Not `Sync`: `allocator` clones what need not be.
// SAFETY: everything behind the pointer is `Send`: handlers, executors and
// allocators by their traits, the arguments by this bound; and by I1 nothing of
// it stays with the thread that the `Completion` leaves (but for the other half
// of a slot, which is synchronised by the slot's state).
unsafe impl<S: Signature + 'static> Send for Completion<S> where S::Args: Send {}

impl<S: Signature + 'static> Completion<S> {
    /// # Safety
    ///
    /// - The operation, or its completer's half, is given to the result.
    pub(crate) unsafe fn of(core: NonNull<Core<S>>) -> Self {
        Self { core }
    }

    fn core(&self) -> &Core<S> {
        // SAFETY: the operation is ours, so it is alive.
        unsafe { self.core.as_ref() }
    }

    /// Completes the operation with its arguments as a tuple.
    ///
    /// The memory of the operation has gone back to its allocator before the
    /// handler is called. Within the initiating function the handler is handed
    /// to its immediate executor, by default posted; after that it is
    /// dispatched to its executor, which may run it inside this call: release
    /// locks first. A loop that completes operations whose handlers come back to it is
    /// then a recursion; post between the rounds.
    ///
    /// # Panics
    ///
    /// If the handler runs here and panics, or the function of [`on_cancel`](Self::on_cancel)
    /// does as it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Completion, IoContext, IoExecutor, Signature, async_op};
    ///
    /// /// For any signature, whatever it completes with.
    /// fn later<S: Signature>(op: Completion<S>, args: S::Args) {
    ///     op.complete_with(args);
    /// }
    ///
    /// #[async_op]
    /// fn async_pair(context: &IoExecutor, op: Completion<fn(u32, &'static str)>) {
    ///     later(op, (1, "one"));
    /// }
    ///
    /// let context = IoContext::new()?;
    /// assert_eq!(pair(&context).blocking(), (1, "one"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn complete_with(self, args: S::Args) {
        let core = self.core;
        let immediate = initiating::is_within(self.core().id);
        self.core().trace.completed(immediate);
        mem::forget(self);
        // SAFETY: the operation was ours, and is given up.
        unsafe { block::complete(core, args, immediate) };
    }

    /// Returns whether nobody wants the result: the future that waited for it
    /// has been dropped.
    ///
    /// Work that has not been sent can be skipped then. Completing is still
    /// fine, and still the owner's duty for what has been sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Completion, IoContext, IoExecutor, async_op};
    /// use std::sync::{Arc, Mutex};
    ///
    /// type Queue = Arc<Mutex<Vec<Completion<fn(u32)>>>>;
    ///
    /// #[async_op]
    /// fn async_ask(context: &IoExecutor, queue: Queue, op: Completion<fn(u32)>) {
    ///     queue.lock().unwrap().push(op);
    /// }
    ///
    /// let context = IoContext::new()?;
    /// let queue = Queue::default();
    /// {
    ///     let mut asked = std::pin::pin!(ask(&context, queue.clone()));
    ///     let waker = std::task::Waker::noop();
    ///     let _ = Future::poll(asked.as_mut(), &mut std::task::Context::from_waker(waker));
    /// } // given up
    /// let op = queue.lock().unwrap().pop().unwrap();
    /// assert!(op.is_abandoned());
    /// op.complete(0); // for nobody
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_abandoned(&self) -> bool {
        // SAFETY: the operation is ours, so it is alive.
        unsafe { block::is_abandoned(self.core) }
    }

    /// Calls `function` when the operation is asked to stop; at once if it has
    /// been already. Replaces the function of an earlier call.
    ///
    /// It runs on the thread that asks, and may still be running when the
    /// operation completes on another: let it hold its target weakly. The
    /// request is no more than that; the operation still completes, once. What is asked
    /// once it has completed comes too late, and the function is dropped then.
    /// Where nobody can ask, the function is dropped.
    ///
    /// # Panics
    ///
    /// If no memory can be had for the function.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::cancel::cancelled;
    /// use async_op::{Completion, IoContext, IoExecutor, async_op, is_timeout};
    /// use std::io;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// /// Goes on until it is asked to stop.
    /// #[async_op]
    /// fn async_search(context: &IoExecutor, op: Completion<fn(io::Result<u64>)>) {
    ///     let stop = Arc::new(AtomicBool::new(false));
    ///     let flag = stop.clone();
    ///     op.on_cancel(move |_| flag.store(true, Ordering::Relaxed));
    ///     thread::spawn(move || {
    ///         while !stop.load(Ordering::Relaxed) {
    ///             thread::yield_now(); // here it would look for something
    ///         }
    ///         op.complete(Err(cancelled()));
    ///     });
    /// }
    ///
    /// let context = IoContext::new()?;
    /// let result = search(&context).cancel_after(Duration::from_millis(1)).blocking();
    /// assert!(is_timeout(&result.unwrap_err()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_cancel(&self, function: impl FnOnce(CancellationType) + Send + 'static) {
        if !self.can_be_asked() {
            return;
        }
        // SAFETY: the operation is ours, so it is alive.
        unsafe { block::on_cancel(self.core, Function::new(function, "on_cancel")) };
    }

    /// Returns whether anybody can ask the operation to stop.
    #[inline]
    pub(crate) fn can_be_asked(&self) -> bool {
        // SAFETY: the operation is ours, so it is alive.
        unsafe { block::can_be_asked(self.core) }
    }

    /// Returns what the operation has been asked for so far.
    ///
    /// For a [queue of completions](crate::forms#one-that-can-be-asked-to-stop), whose function of [`on_cancel`](Self::on_cancel)
    /// looks for its operation there: install that first, then look here under the
    /// queue's lock. What is asked for in between is not lost, and no function runs
    /// under the lock.
    ///
    /// ```
    /// use async_op::{Blocking, Completion, IoContext, IoExecutor, async_op};
    ///
    /// #[async_op]
    /// fn async_is_wanted(context: &IoExecutor, op: Completion<fn(bool)>) {
    ///     let is_wanted = op.requested().is_empty();
    ///     op.complete(is_wanted);
    /// }
    ///
    /// let context = IoContext::new()?;
    /// assert!(async_is_wanted(&context, Blocking));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn requested(&self) -> CancellationType {
        // SAFETY: the operation is ours, so it is alive.
        unsafe { block::requested(self.core) }
    }

    /// Returns the executor that the handler is called on; `None` where the
    /// result is awaited, which is wherever the future is polled.
    ///
    /// Intermediate steps that touch what the handler touches belong there too:
    /// on a strand they are safe from it.
    ///
    /// ```
    /// use async_op::{Completion, IoContext, IoExecutor, UseFuture, async_op};
    /// use async_op::executor::AnyExecutor;
    ///
    /// #[async_op]
    /// fn async_home(context: &IoExecutor, op: Completion<fn(Option<AnyExecutor>)>) {
    ///     let executor = op.executor();
    ///     op.complete(executor);
    /// }
    ///
    /// let context = IoContext::new()?;
    /// let own = AnyExecutor::new(context.executor());
    /// async_home(&context, move |executor: Option<AnyExecutor>| assert!(executor == Some(own)));
    /// assert_eq!(context.run(), 1);
    /// assert!(pollster::block_on(async_home(&context, UseFuture)).is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn executor(&self) -> Option<AnyExecutor> {
        // SAFETY: the operation is ours, so it is alive.
        unsafe { block::executor(self.core) }
    }

    /// Returns the allocator that the memory of the operation comes from, for
    /// more from the same source: buffers of run-time size, several at once or
    /// one after another.
    ///
    /// Give all of it back, and drop the allocator, before completing:
    /// [`keeping`](Self::keeping) sees to that. An allocator may refuse: reserve, as here,
    /// for a `Vec` that grows by itself aborts the process then.
    ///
    /// ```
    /// use async_op::alloc::VecIn;
    /// use async_op::{Completion, IoContext, IoExecutor, async_op};
    /// use std::io;
    ///
    /// #[async_op]
    /// fn async_sum(context: &IoExecutor, upto: u32, op: Completion<fn(io::Result<u32>)>) {
    ///     let mut numbers = VecIn::new_in(op.allocator());
    ///     let reserved = numbers.try_reserve_exact(upto as usize + 1);
    ///     let op = op.keeping(numbers);
    ///     if reserved.is_err() {
    ///         return op.complete(Err(io::ErrorKind::OutOfMemory.into()));
    ///     }
    ///     let mut op = op;
    ///     op.extend(0..=upto);
    ///     let sum = op.iter().sum();
    ///     op.complete(Ok(sum)); // the numbers' memory has gone back before
    /// }
    ///
    /// let context = IoContext::new()?;
    /// assert_eq!(async_sum(&context, 4, async_op::Blocking)?, 10);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Allocation
    ///
    /// None, unless the allocator is of more than two words: that is boxed on the heap.
    pub fn allocator(&self) -> AnyAllocator {
        // SAFETY: the operation is ours, so it is alive.
        unsafe { block::allocator(self.core) }
    }

    /// Returns the immediate executor of the handler, unless it is the default.
    pub(crate) fn immediate_executor(&self) -> Option<AnyExecutor> {
        // SAFETY: the operation is ours, so it is alive.
        unsafe { block::immediate_executor(self.core) }
    }

    /// Returns whether the handler, called on `executor`, has no other to go to.
    pub(crate) fn ends_on(&self, executor: &AnyExecutor) -> bool {
        // SAFETY: the operation is ours, so it is alive.
        unsafe { block::ends_on(self.core, executor) }
    }

    /// Returns the slot of an operation that is started on behalf of this one.
    pub(crate) fn pass_on(&self) -> CancellationSlot {
        // SAFETY: the operation is ours, so it is alive.
        unsafe { block::pass_on(self.core) }
    }

    /// Makes it a pointer, for a foreign function that hands one back when it
    /// calls back.
    ///
    /// To be made a completion again by [`from_raw`](Self::from_raw), once; lost,
    /// the operation is outstanding for ever.
    ///
    /// ```
    /// use async_op::{Blocking, Completion, IoContext, IoExecutor, async_op};
    /// use std::ffi::c_void;
    ///
    /// /// What a library in C might offer.
    /// unsafe extern "C" fn c_add(a: u32, b: u32, back: extern "C" fn(u32, *mut c_void), user: *mut c_void) {
    ///     back(a + b, user);
    /// }
    ///
    /// #[async_op]
    /// fn async_add(context: &IoExecutor, a: u32, b: u32, op: Completion<fn(u32)>) {
    ///     extern "C" fn back(sum: u32, user: *mut c_void) {
    ///         // SAFETY: it comes from `into_raw` below, and comes once.
    ///         unsafe { Completion::<fn(u32)>::from_raw(user) }.complete(sum);
    ///     }
    ///     // SAFETY: the library hands the pointer to the function, and no more.
    ///     unsafe { c_add(a, b, back, op.into_raw()) };
    /// }
    ///
    /// let context = IoContext::new()?;
    /// assert_eq!(async_add(&context, 1, 2, Blocking), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use = "the operation is outstanding until the pointer is a completion again"]
    pub fn into_raw(self) -> *mut c_void {
        let core = self.core;
        mem::forget(self);
        core.as_ptr().cast()
    }

    /// Makes a completion of a pointer that [`into_raw`](Self::into_raw) has made.
    ///
    /// ```
    /// use async_op::{Blocking, Completion, SystemExecutor, async_op};
    ///
    /// #[async_op]
    /// fn async_add(on: &SystemExecutor, a: u32, b: u32, op: Completion<fn(u32)>) {
    ///     let user_data = op.into_raw();
    ///     // SAFETY: it comes from `into_raw` of a completion of this type, once.
    ///     unsafe { Completion::<fn(u32)>::from_raw(user_data) }.complete(a + b);
    /// }
    ///
    /// assert_eq!(async_add(&SystemExecutor, 1, 2, Blocking), 3);
    /// ```
    ///
    /// # Safety
    ///
    /// - The pointer comes from `into_raw` of a completion with this signature, and
    ///   is used once.
    /// - As a completion may be sent to another thread, so may this pointer, if the
    ///   arguments may.
    pub unsafe fn from_raw(pointer: *mut c_void) -> Self {
        // SAFETY: the caller's promise: it was that of a completion, and so is not
        // null.
        let core = unsafe { NonNull::new_unchecked(pointer.cast()) };
        // SAFETY: the caller's promise: what was given up in `into_raw`.
        unsafe { Self::of(core) }
    }

    /// Returns the name of the operation.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{Completion, IoContext, IoExecutor, async_op};
    ///
    /// #[async_op]
    /// fn async_greet(context: &IoExecutor, op: Completion<fn(&'static str)>) {
    ///     let name = op.name();
    ///     op.complete(name);
    /// }
    ///
    /// let context = IoContext::new()?;
    /// assert_eq!(greet(&context).blocking(), "async_greet");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn name(&self) -> &'static str {
        self.core().site.name()
    }

    /// Calls `body`, the body of the initiating function, with this.
    #[inline]
    pub(crate) fn initiate(self, body: impl FnOnce(Self)) {
        let _initiating: Entered = self.core().trace.initiating();
        initiating::within(self.core().id, || body(self));
    }
}

macro_rules! complete {
    ($($arg:ident: $ty:ident),*) => {
        impl<$($ty),*> Completion<fn($($ty),*)> {
            /// Completes the operation.
            ///
            /// See [`complete_with`](Completion::complete_with) for where the
            /// handler runs.
            ///
            /// ```
            /// use async_op::{Completion, SystemExecutor, async_op};
            ///
            /// #[async_op]
            /// fn async_greet(on: &SystemExecutor, op: Completion<fn(String, usize)>) {
            ///     op.complete("hello".into(), 5);
            /// }
            ///
            /// assert_eq!(greet(&SystemExecutor).blocking(), ("hello".into(), 5));
            /// ```
            #[inline]
            #[allow(clippy::too_many_arguments, reason = "as many as signatures have")]
            pub fn complete(self $(, $arg: $ty)*) {
                self.complete_with(($($arg,)*));
            }
        }
    };
}

complete!();
complete!(a1: A1);
complete!(a1: A1, a2: A2);
complete!(a1: A1, a2: A2, a3: A3);
complete!(a1: A1, a2: A2, a3: A3, a4: A4);
complete!(a1: A1, a2: A2, a3: A3, a4: A4, a5: A5);
complete!(a1: A1, a2: A2, a3: A3, a4: A4, a5: A5, a6: A6);
complete!(a1: A1, a2: A2, a3: A3, a4: A4, a5: A5, a6: A6, a7: A7);
complete!(a1: A1, a2: A2, a3: A3, a4: A4, a5: A5, a6: A6, a7: A7, a8: A8);

macro_rules! complete_alternative {
    ($name:ident, $several:literal { $($method:ident: $variant:ident($signature:ident)),+ }) => {
        impl<$($signature: Signature + 'static),+> Completion<($($signature,)+)> {
            $(
                #[doc = concat!("Completes the operation by the signature `", stringify!($signature), "`.")]
                ///
                /// See [`complete_with`](Completion::complete_with) for where
                /// the handler runs.
                ///
                /// ```
                #[doc = concat!("use async_op::adapter::", stringify!($name), ";")]
                /// use async_op::{Completion, SystemExecutor, async_op};
                ///
                /// #[async_op]
                #[doc = concat!("fn async_ask(on: &SystemExecutor, op: Completion<", $several, ">) {")]
                #[doc = concat!("    op.", stringify!($method), "((7,));")]
                /// }
                ///
                /// let answer = ask(&SystemExecutor).blocking();
                #[doc = concat!("assert_eq!(answer, ", stringify!($name), "::", stringify!($variant), "(7));")]
                /// ```
                pub fn $method(self, args: $signature::Args) {
                    let output = $signature::into_output(args);
                    self.complete_with((crate::signature::$name::$variant(output),));
                }
            )+
        }
    };
}

complete_alternative!(OneOf2, "(fn(u8), fn(u8))" {
    complete_first: First(S1),
    complete_second: Second(S2)
});
complete_alternative!(OneOf3, "(fn(u8), fn(u8), fn(u8))" {
    complete_first: First(S1),
    complete_second: Second(S2),
    complete_third: Third(S3)
});
complete_alternative!(OneOf4, "(fn(u8), fn(u8), fn(u8), fn(u8))" {
    complete_first: First(S1),
    complete_second: Second(S2),
    complete_third: Third(S3),
    complete_fourth: Fourth(S4)
});

impl<S: Signature + 'static> Drop for Completion<S> {
    fn drop(&mut self) {
        // SAFETY: the operation is ours, and is given up.
        unsafe { block::abandon(self.core) };
    }
}

impl<S: Signature + 'static> fmt::Debug for Completion<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Completion")
            .field(self.core().site.meta())
            .finish()
    }
}
