//! An executor of any type.
//!
//! # Invariants
//!
//! - **I1** `data` holds a value of the type that `vtable` was made for: in
//!   place where it fits, else as an `Arc` of it.

use std::any::TypeId;
use std::fmt;
use std::mem::{self, MaybeUninit};
use std::sync::Arc;

use super::{Executor, Unblock};
use crate::task::Task;

/// An executor whose type has been erased.
///
/// Equal when the types and the executors are. Executors of up to two words,
/// such as context handles and strands, are held in place; others are shared
/// behind an `Arc`, allocated when they are erased. Posting allocates nothing.
///
/// ```
/// use async_op::{AnyExecutor, IoContext, Strand, SystemExecutor};
///
/// # fn main() -> std::io::Result<()> {
/// let context = IoContext::new()?;
/// let strand = Strand::new(context.executor());
/// let executors = [
///     AnyExecutor::new(SystemExecutor),
///     AnyExecutor::new(context.executor()),
///     AnyExecutor::new(strand.clone()),
/// ];
/// assert!(executors[2] == AnyExecutor::new(strand));
/// assert!(executors[2] != executors[1]);
/// # Ok(())
/// # }
/// ```
pub struct AnyExecutor {
    vtable: &'static Vtable,
    data: Data,
}

type Data = MaybeUninit<[*const (); 2]>;

struct Vtable {
    type_id: fn() -> TypeId,
    post: unsafe fn(&Data, Task),
    runs_here: unsafe fn(&Data) -> bool,
    dispatch: unsafe fn(&Data, Task),
    defer: unsafe fn(&Data, Task),
    work_started: unsafe fn(&Data),
    work_finished: unsafe fn(&Data),
    block: unsafe fn(&Data, &Unblock),
    /// Both hold values of this type.
    equals: unsafe fn(&Data, &Data) -> bool,
    clone: unsafe fn(&Data) -> Data,
    drop: unsafe fn(&mut Data),
}

// SAFETY: executors are `Send` and `Sync`, and so is an `Arc` of one.
unsafe impl Send for AnyExecutor {}

// SAFETY: as above.
unsafe impl Sync for AnyExecutor {}

/// How executors of type `E` are held.
struct Of<E>(E);

impl<E: Executor> Of<E> {
    const FITS: bool = mem::size_of::<E>() <= mem::size_of::<Data>()
        && mem::align_of::<E>() <= mem::align_of::<Data>();

    const VTABLE: Vtable = Vtable {
        type_id: TypeId::of::<E>,
        // SAFETY: `data` holds an `E`, here and in all that follow, as the
        // vtable is used with the data that it was made with (I1).
        post: |data, task| unsafe { Self::get(data) }.post(task),
        // SAFETY: as above.
        runs_here: |data| unsafe { Self::get(data) }.runs_here(),
        // SAFETY: as above.
        dispatch: |data, task| unsafe { Self::get(data) }.dispatch(task),
        // SAFETY: as above.
        defer: |data, task| unsafe { Self::get(data) }.defer(task),
        // SAFETY: as above.
        work_started: |data| unsafe { Self::get(data) }.work_started(),
        // SAFETY: as above.
        work_finished: |data| unsafe { Self::get(data) }.work_finished(),
        // SAFETY: as above.
        block: |data, until| unsafe { Self::get(data) }.block(until),
        equals: |a, b| {
            // SAFETY: as above.
            let a = unsafe { Self::get(a) };
            // SAFETY: as above; the caller has compared the types.
            let b = unsafe { Self::get(b) };
            a == b
        },
        clone: |data| {
            if Self::FITS {
                // SAFETY: as above.
                Self::hold(unsafe { Self::get(data) }.clone())
            } else {
                // SAFETY: as above; by I1 it is an `Arc`.
                let shared = unsafe { &*data.as_ptr().cast::<Arc<E>>() };
                Self::put(Arc::clone(shared))
            }
        },
        drop: |data| {
            let place = data.as_mut_ptr();
            if Self::FITS {
                // SAFETY: as above; dropped once, by the owner of the data.
                unsafe { place.cast::<E>().drop_in_place() };
            } else {
                // SAFETY: as above.
                unsafe { place.cast::<Arc<E>>().drop_in_place() };
            }
        },
    };

    fn hold(executor: E) -> Data {
        if Self::FITS {
            Self::put(executor)
        } else {
            Self::put(Arc::new(executor))
        }
    }

    fn put<T>(value: T) -> Data {
        const { assert!(mem::size_of::<Arc<E>>() <= mem::size_of::<Data>()) };
        let mut data = Data::uninit();
        // SAFETY: called with an `E` that fits or with an `Arc`, which does.
        unsafe { data.as_mut_ptr().cast::<T>().write(value) };
        data
    }

    /// # Safety
    ///
    /// - `data` was made by `hold` of this type, and is alive.
    unsafe fn get(data: &Data) -> &E {
        if Self::FITS {
            // SAFETY: the caller's promise.
            unsafe { &*data.as_ptr().cast::<E>() }
        } else {
            // SAFETY: the caller's promise.
            unsafe { &*data.as_ptr().cast::<Arc<E>>() }
        }
    }
}

impl AnyExecutor {
    /// Erases the type of `executor`.
    pub fn new<E: Executor>(executor: E) -> Self {
        Self {
            vtable: const { &Of::<E>::VTABLE },
            data: Of::hold(executor),
        }
    }
}

impl Executor for AnyExecutor {
    fn post(&self, task: Task) {
        // SAFETY: by I1 the vtable fits the data, here and in all that follow.
        unsafe { (self.vtable.post)(&self.data, task) };
    }

    fn runs_here(&self) -> bool {
        // SAFETY: as above.
        unsafe { (self.vtable.runs_here)(&self.data) }
    }

    fn dispatch(&self, task: Task) {
        // SAFETY: as above.
        unsafe { (self.vtable.dispatch)(&self.data, task) };
    }

    fn defer(&self, task: Task) {
        // SAFETY: as above.
        unsafe { (self.vtable.defer)(&self.data, task) };
    }

    fn work_started(&self) {
        // SAFETY: as above.
        unsafe { (self.vtable.work_started)(&self.data) };
    }

    fn work_finished(&self) {
        // SAFETY: as above.
        unsafe { (self.vtable.work_finished)(&self.data) };
    }

    fn block(&self, until: &Unblock) {
        // SAFETY: as above.
        unsafe { (self.vtable.block)(&self.data, until) };
    }
}

impl Clone for AnyExecutor {
    fn clone(&self) -> Self {
        Self {
            vtable: self.vtable,
            // SAFETY: by I1 the vtable fits the data.
            data: unsafe { (self.vtable.clone)(&self.data) },
        }
    }
}

impl PartialEq for AnyExecutor {
    fn eq(&self, other: &Self) -> bool {
        (self.vtable.type_id)() == (other.vtable.type_id)()
            // SAFETY: by I1, and both are of the same type.
            && unsafe { (self.vtable.equals)(&self.data, &other.data) }
    }
}

impl Drop for AnyExecutor {
    fn drop(&mut self) {
        // SAFETY: by I1 the vtable fits the data, which is not used again.
        unsafe { (self.vtable.drop)(&mut self.data) };
    }
}

impl fmt::Debug for AnyExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyExecutor").finish_non_exhaustive()
    }
}
