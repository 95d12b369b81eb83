//! The poll scope: on whose behalf this thread is polling.
//!
//! Operations that are awaited inside another take their memory from the outer
//! one's allocator, and learn from it that they have been cancelled; this is
//! how they find it. Because the scope is entered and left inside the poll (and
//! the drop) of the outer one, no executor and no foreign poller can forget to
//! restore it.
//!
//! A frame is a scope with everything. The scopes of hosted operations have one
//! thing each, and look further out for the rest.
//!
//! # Invariants
//!
//! - **I1** `CURRENT` is null or points to the head of a `Scope` that is alive
//!   until `CURRENT` is restored, and used by this thread alone until then; so
//!   does `outer` while the scope is entered.
//! - **I2** `vtable` fits the `Scope` that its head is part of.

use std::alloc::Layout;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use super::current::CURRENT;
use crate::alloc::{AllocError, AnyAllocator, OperationAllocator, Recycling};
use crate::cancel::{CancellationSignal, CancellationState, CancellationType};
use crate::executor::{AnyExecutor, Executor};

/// Something that code in a scope can find. `head` comes first: a pointer to a
/// head is cast to this.
#[repr(C)]
pub(crate) struct Scope<T> {
    head: Head,
    pub(super) value: T,
}

struct Head {
    vtable: &'static Vtable,
    outer: Cell<*const Head>,
}

/// What a scope has. `None`: look further out.
struct Vtable {
    memory: Option<Memory>,
    executor: Option<unsafe fn(NonNull<Head>) -> AnyExecutor>,
    cancellation: Option<unsafe fn(NonNull<Head>) -> CancellationState>,
    /// The same, for what it forwards alone.
    requested: Option<unsafe fn(NonNull<Head>) -> CancellationType>,
    filter: Option<unsafe fn(NonNull<Head>) -> CancellationType>,
    /// No requests come from here or further out.
    quiet: bool,
}

/// A block, and where it came from.
type Allocated = Result<(NonNull<u8>, Origin), AllocError>;

/// What a scope with an allocator can do with it.
#[derive(Clone, Copy)]
struct Memory {
    allocate: unsafe fn(NonNull<Head>, Layout) -> Allocated,
    allocator: unsafe fn(NonNull<Head>) -> AnyAllocator,
}

const NOTHING: Vtable = Vtable {
    memory: None,
    executor: None,
    cancellation: None,
    requested: None,
    filter: None,
    quiet: false,
};

/// Where a block of [`allocate`] came from.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    deallocate: unsafe fn(NonNull<u8>, Layout),
    allocator: unsafe fn(NonNull<u8>, Layout) -> AnyAllocator,
}

/// A kind of scope.
pub(crate) trait Kind: Sized {
    #[doc(hidden)]
    const VTABLE: &'static VtableOf;
}

/// Hides the vtable from the signature of [`Kind`].
pub(crate) struct VtableOf(Vtable);

/// The scope of a frame.
#[repr(C)] // What each poll looks at first: it is on the cache line of the header.
pub(super) struct OfFrame<A, X> {
    pub(super) cancellation: CancellationState,
    pub(super) allocator: A,
    pub(super) executor: X,
}

impl<A: OperationAllocator, X: Executor> OfFrame<A, X> {
    const VTABLE: Vtable = Vtable {
        // SAFETY: by I2 the head is that of a `Scope<Self>`, here and below.
        memory: Some(Memory {
            allocate: |head, layout| {
                // SAFETY: as above.
                let scope: &Self = unsafe { of(head) };
                allocate_from(&scope.allocator, layout)
            },
            // SAFETY: as above.
            allocator: |head| AnyAllocator::new(unsafe { &of::<Self>(head).allocator }.clone()),
        }),
        // SAFETY: as above.
        executor: Some(|head| AnyExecutor::new(unsafe { &of::<Self>(head).executor }.clone())),
        // SAFETY: as above.
        cancellation: Some(|head| unsafe { &of::<Self>(head).cancellation }.clone()),
        // SAFETY: as above.
        requested: Some(|head| unsafe { &of::<Self>(head).cancellation }.forwarded()),
        ..NOTHING
    };

    pub(super) fn into_scope(self) -> Scope<Self> {
        // A request to cancel can only come by way of the slot of the operation.
        let vtable = if self.cancellation.is_connected() {
            const { &Self::VTABLE }
        } else {
            const {
                &Vtable {
                    quiet: true,
                    ..Self::VTABLE
                }
            }
        };
        // SAFETY: both are made for a `Scope<Self>`.
        unsafe { Scope::with(vtable, self) }
    }
}

/// Another allocator.
pub(crate) struct OfAllocator<A>(pub(crate) A);

impl<A: OperationAllocator> Kind for OfAllocator<A> {
    const VTABLE: &'static VtableOf = &VtableOf(Vtable {
        memory: Some(Memory {
            // SAFETY: by I2 the head is that of a `Scope<Self>`.
            allocate: |head, layout| allocate_from(unsafe { &of::<Self>(head).0 }, layout),
            // SAFETY: as above.
            allocator: |head| AnyAllocator::new(unsafe { &of::<Self>(head).0 }.clone()),
        }),
        ..NOTHING
    });
}

/// Another source of requests to cancel.
pub(crate) struct OfCancellation(pub(crate) CancellationState);

impl Kind for OfCancellation {
    const VTABLE: &'static VtableOf = &VtableOf(Vtable {
        // SAFETY: by I2 the head is that of a `Scope<Self>`.
        cancellation: Some(|head| unsafe { &of::<Self>(head).0 }.clone()),
        // SAFETY: as above.
        requested: Some(|head| unsafe { &of::<Self>(head).0 }.forwarded()),
        ..NOTHING
    });
}

/// Another source of requests to cancel, known to be these alone until somebody asks for
/// more than that.
pub(super) struct OfRequests<'a> {
    pub(super) requested: CancellationType,
    /// From then on.
    pub(super) state: &'a OnceLock<CancellationState>,
    /// Who needs the memory for that.
    pub(super) name: &'static str,
}

impl OfRequests<'_> {
    fn begin(&self) -> CancellationState {
        let slot = CancellationSignal::for_use_in(self.name).slot();
        // What is awaited filters by itself what it honours.
        let state = CancellationState::begin(slot, CancellationType::ALL);
        state.note(self.requested);
        state
    }
}

impl Kind for OfRequests<'_> {
    const VTABLE: &'static VtableOf = &VtableOf(Vtable {
        cancellation: Some(|head| {
            // SAFETY: by I2 the head is that of a `Scope<Self>`.
            let this = unsafe { of::<Self>(head) };
            this.state.get_or_init(|| this.begin()).clone()
        }),
        requested: Some(|head| {
            // SAFETY: as above.
            let this = unsafe { of::<Self>(head) };
            match this.state.get() {
                Some(state) => state.forwarded(),
                None => this.requested,
            }
        }),
        ..NOTHING
    });
}

/// Keeps requests to cancel out.
pub(crate) struct OfFilter(pub(crate) CancellationType);

impl Kind for OfFilter {
    const VTABLE: &'static VtableOf = &VtableOf(Vtable {
        // SAFETY: by I2 the head is that of a `Scope<Self>`.
        filter: Some(|head| unsafe { of::<Self>(head) }.0),
        ..NOTHING
    });
}

/// # Safety
///
/// - `head` is that of a `Scope<T>` that is alive for `'a`, which is not longer
///   than the caller's own frame on the stack.
unsafe fn of<'a, T>(head: NonNull<Head>) -> &'a T {
    // SAFETY: the caller's promise.
    &unsafe { head.cast::<Scope<T>>().as_ref() }.value
}

/// Restores the outer scope when dropped, on unwind too.
pub(crate) struct Entered<'a> {
    outer: *const (),
    _scope: PhantomData<&'a Head>,
}

impl<T: Kind> Scope<T> {
    pub(crate) const fn new(value: T) -> Self {
        // SAFETY: a kind's own vtable fits its scope.
        unsafe { Self::with(&T::VTABLE.0, value) }
    }

    /// Calls `body` in this scope.
    pub(crate) fn within<R>(&self, body: impl FnOnce() -> R) -> R {
        self.within_if(true, body)
    }

    /// Calls `body`, in this scope if `condition` holds.
    #[inline(always)] // Where it is a function, what is polled inside is another.
    pub(crate) fn within_if<R>(&self, condition: bool, body: impl FnOnce() -> R) -> R {
        // SAFETY: borrowed, and entered once, until the guard is dropped, right
        // here.
        let _entered = condition.then(|| unsafe { Self::enter(NonNull::from(self)) });
        body()
    }
}

impl<T> Scope<T> {
    /// # Safety
    ///
    /// - `vtable` fits a `Scope<T>` (I2).
    const unsafe fn with(vtable: &'static Vtable, value: T) -> Self {
        Self {
            head: Head {
                vtable,
                outer: Cell::new(ptr::null()),
            },
            value,
        }
    }

    /// Makes this the current scope until the guard is dropped.
    ///
    /// # Safety
    ///
    /// - `this` is alive until the guard is dropped, and entered once at a time.
    /// - The guard is dropped, on this thread, in reverse order of entry.
    #[inline]
    pub(super) unsafe fn enter<'a>(this: NonNull<Self>) -> Entered<'a> {
        let head: NonNull<Head> = this.cast();
        let outer = CURRENT.with(|current| current.replace(head.as_ptr().cast_const().cast()));
        // SAFETY: alive, by the caller's promise.
        unsafe { head.as_ref() }.outer.set(outer.cast());
        Entered {
            outer,
            _scope: PhantomData,
        }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.outer));
    }
}

/// Returns the head of the current scope, if there is one.
#[inline]
fn current() -> Option<NonNull<Head>> {
    NonNull::new(CURRENT.with(Cell::get).cast_mut().cast())
}

/// Returns the innermost scope that `pick` finds something in, with that.
fn find<T>(pick: impl Fn(&Vtable) -> Option<T>) -> Option<(NonNull<Head>, T)> {
    let mut head = current()?;
    loop {
        // SAFETY: by I1 the scope is alive.
        let scope = unsafe { head.as_ref() };
        if let Some(found) = pick(scope.vtable) {
            return Some((head, found));
        }
        head = NonNull::new(scope.outer.get().cast_mut())?;
    }
}

/// Returns whether anybody can ask what is awaited here to stop.
#[inline]
pub(crate) fn may_be_asked() -> bool {
    // SAFETY: by I1 the scope is alive.
    current().is_some_and(|head| !unsafe { head.as_ref() }.vtable.quiet)
}

/// Obtains memory from the allocator of the current scope, or from
/// [`Recycling`] outside any, and says where it came from: it can be given back
/// on any thread, in any scope.
pub(crate) fn allocate(layout: Layout) -> Allocated {
    match find(|vtable| vtable.memory) {
        None => allocate_from(&Recycling, layout),
        // SAFETY: by I1 the scope is alive, by I2 the function fits it.
        Some((head, memory)) => unsafe { (memory.allocate)(head, layout) },
    }
}

/// Returns the allocator of the current scope, or [`Recycling`] outside any.
pub(crate) fn allocator() -> AnyAllocator {
    match find(|vtable| vtable.memory) {
        None => AnyAllocator::new(Recycling),
        // SAFETY: by I1 the scope is alive, by I2 the function fits it.
        Some((head, memory)) => unsafe { (memory.allocator)(head) },
    }
}

/// Returns the executor of the current scope, if there is one.
pub(crate) fn executor() -> Option<AnyExecutor> {
    let (head, executor) = find(|vtable| vtable.executor)?;
    // SAFETY: by I1 the scope is alive, by I2 the function fits it.
    Some(unsafe { executor(head) })
}

/// Returns whether the current scope has a cancellation state to which requests can come.
pub(crate) fn has_cancellation() -> bool {
    find(|vtable| vtable.cancellation.map(|_| !vtable.quiet)).is_some_and(|(_, is_asked)| is_asked)
}

/// Returns the cancellation state of the current scope, unconnected outside any.
pub(crate) fn cancellation() -> CancellationState {
    match find(|vtable| vtable.cancellation) {
        None => CancellationState::default(),
        // SAFETY: by I1 the scope is alive, by I2 the function fits it.
        Some((head, cancellation)) => unsafe { cancellation(head) },
    }
}

/// Returns what an operation that is awaited here has been asked.
#[inline]
pub(crate) fn requested() -> CancellationType {
    if !may_be_asked() {
        return CancellationType::default();
    }
    requested_in_scope()
}

fn requested_in_scope() -> CancellationType {
    // Filters count up to the scope that requests come from.
    let mut filtered = CancellationType::ALL;
    let mut head: *const Head = CURRENT.with(Cell::get).cast();
    while let Some(scope) = NonNull::new(head.cast_mut()) {
        // SAFETY: by I1 the scope is alive.
        let Head { vtable, outer } = unsafe { scope.as_ref() };
        if vtable.quiet {
            break;
        }
        if let Some(requested) = vtable.requested {
            // SAFETY: by I1 the scope is alive, by I2 the function fits it.
            return filtered & unsafe { requested(scope) };
        }
        if let Some(filter) = vtable.filter {
            // SAFETY: as above.
            filtered = filtered & unsafe { filter(scope) };
        }
        head = outer.get();
    }
    CancellationType::default()
}

impl Origin {
    const fn of<A: OperationAllocator>() -> Self {
        Self {
            deallocate: |block, layout| {
                let (whole, slot) = with_allocator::<A>(block, layout);
                // SAFETY: `allocate_from` put an `A` there; moved out once.
                let allocator = unsafe { slot.read() };
                // SAFETY: the block came from (a clone of) this allocator with
                // this layout, and is given up.
                unsafe { allocator.deallocate(block, whole) };
            },
            allocator: |block, layout| {
                let (_, slot) = with_allocator::<A>(block, layout);
                // SAFETY: `allocate_from` put an `A` there.
                AnyAllocator::new(unsafe { slot.as_ref() }.clone())
            },
        }
    }

    /// Gives a block back.
    ///
    /// # Safety
    ///
    /// - `block` came from here with this layout, and is given up.
    pub(crate) unsafe fn deallocate(self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { (self.deallocate)(block, layout) };
    }

    /// Returns the allocator that a block came from.
    ///
    /// # Safety
    ///
    /// - `block` came from here with this layout, and is alive.
    pub(crate) unsafe fn allocator(self, block: NonNull<u8>, layout: Layout) -> AnyAllocator {
        // SAFETY: the caller's promise.
        unsafe { (self.allocator)(block, layout) }
    }
}

/// Where a block carries a clone of its allocator: at the end. It may outlive
/// the frame.
fn extended<A>(layout: Layout) -> Result<(Layout, usize), AllocError> {
    layout.extend(Layout::new::<A>()).map_err(|_| AllocError)
}

/// Returns the whole layout of a block of [`allocate_from`], and its allocator.
fn with_allocator<A>(block: NonNull<u8>, layout: Layout) -> (Layout, NonNull<A>) {
    let Ok((whole, offset)) = extended::<A>(layout) else {
        unreachable!("the block was allocated with this layout")
    };
    // The address alone: a block may be used while it is asked for this.
    let slot = block.as_ptr().wrapping_add(offset);
    // Within the block, so not null.
    let slot = NonNull::new(slot).expect("the place is inside the block");
    (whole, slot.cast())
}

fn allocate_from<A: OperationAllocator>(allocator: &A, layout: Layout) -> Allocated {
    let (whole, _) = extended::<A>(layout)?;
    let clone = allocator.clone();
    let block = allocator.allocate(whole)?.cast::<u8>();
    let (_, slot) = with_allocator::<A>(block, layout);
    // SAFETY: the block has room for an `A` there, aligned for it.
    unsafe { slot.write(clone) };
    Ok((block, Origin::of::<A>()))
}
