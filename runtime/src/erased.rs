//! A value of any type, held in place where it is small.
//!
//! # Invariants
//!
//! - **I1** `data` holds a value of the type that `vtable` was made for: itself
//!   where it fits, else as a `Box`.
//! - **I2** What is held in place may change behind a shared reference, as its
//!   type allows (an executor that counts, say): `data` is a cell, or a reference
//!   to it would promise the compiler that nothing does.

use std::alloc::Layout;
use std::any::{self, TypeId};
use std::cell::UnsafeCell;
use std::mem::{self, MaybeUninit};

use allocator_api2::boxed;

use crate::alloc::{Global, out_of_memory};

/// A value whose type has been erased: up to two words in place, else boxed.
pub(crate) struct Erased {
    vtable: &'static Vtable,
    data: Data,
}

type Data = UnsafeCell<MaybeUninit<[*const (); 2]>>;

struct Vtable {
    type_id: fn() -> TypeId,
    clone: unsafe fn(&Data) -> Data,
    drop: unsafe fn(&mut Data),
}

/// How values of type `T` are held.
struct Of<T>(T);

impl<T: Clone + 'static> Of<T> {
    const FITS: bool = mem::size_of::<T>() <= mem::size_of::<Data>()
        && mem::align_of::<T>() <= mem::align_of::<Data>();

    const VTABLE: Vtable = Vtable {
        type_id: TypeId::of::<T>,
        // SAFETY: the vtable is used with the data that it was made with (I1).
        clone: |data| Self::hold(unsafe { Self::get(data) }.clone()),
        drop: |data| {
            let place = data.get();
            if Self::FITS {
                // SAFETY: as above; dropped once, by the owner.
                unsafe { place.cast::<T>().drop_in_place() };
            } else {
                // SAFETY: as above.
                unsafe { place.cast::<Box<T>>().drop_in_place() };
            }
        },
    };

    /// # Panics
    ///
    /// If there is no memory for a box.
    fn hold(value: T) -> Data {
        let data = Data::new(MaybeUninit::uninit());
        let place = data.get();
        if Self::FITS {
            // SAFETY: `FITS` compared size and alignment, and the place is ours.
            unsafe { place.cast::<T>().write(value) };
        } else {
            let Ok(value) = boxed::Box::try_new_in(value, Global) else {
                out_of_memory(any::type_name::<T>(), Layout::new::<T>())
            };
            // The standard library's: where the drop of the value panics, the other one
            // leaks the memory.
            // SAFETY: of `Global`, which is the allocator of a `Box`, and no longer used.
            let value = unsafe { Box::from_raw(boxed::Box::into_raw(value)) };
            // SAFETY: a `Box` of a sized type is one word, so it fits two; the
            // place is ours.
            unsafe { place.cast::<Box<T>>().write(value) };
        }
        data
    }

    /// # Safety
    ///
    /// - `data` was made by `hold` of this type, and is alive.
    unsafe fn get(data: &Data) -> &T {
        if Self::FITS {
            // SAFETY: by the caller's promise a `T` is there. Shared references
            // alone are made to it while `data` is borrowed, here; what they
            // change they change through its own cells (I2).
            unsafe { &*data.get().cast::<T>() }
        } else {
            // SAFETY: as above, but a `Box` of one, which stays as it is.
            unsafe { &*data.get().cast::<Box<T>>() }
        }
    }
}

impl Erased {
    pub(crate) fn new<T: Clone + 'static>(value: T) -> Self {
        Self {
            vtable: const { &Of::<T>::VTABLE },
            data: Of::hold(value),
        }
    }

    /// Returns the value, if it is a `T`.
    pub(crate) fn downcast<T: Clone + 'static>(&self) -> Option<&T> {
        if (self.vtable.type_id)() != TypeId::of::<T>() {
            return None;
        }
        // SAFETY: by I1 the data holds a `T`.
        Some(unsafe { self.get() })
    }

    /// Returns the value.
    ///
    /// # Safety
    ///
    /// - This was made of a `T`.
    #[inline]
    pub(crate) unsafe fn get<T: Clone + 'static>(&self) -> &T {
        // SAFETY: the caller's promise, and I1.
        unsafe { Of::<T>::get(&self.data) }
    }
}

impl Clone for Erased {
    fn clone(&self) -> Self {
        Self {
            vtable: self.vtable,
            // SAFETY: by I1 the vtable fits the data.
            data: unsafe { (self.vtable.clone)(&self.data) },
        }
    }
}

impl Drop for Erased {
    fn drop(&mut self) {
        // SAFETY: by I1 the vtable fits the data, which is not used again.
        unsafe { (self.vtable.drop)(&mut self.data) };
    }
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
