//! A value of any type, held in place where it is small.
//!
//! # Invariants
//!
//! - **I1** `data` holds a value of the type that `vtable` was made for: itself
//!   where it fits, else as a `Box`.

use std::any::TypeId;
use std::mem::{self, MaybeUninit};

/// A value whose type has been erased: up to two words in place, else boxed.
pub(crate) struct Erased {
    vtable: &'static Vtable,
    data: Data,
}

type Data = MaybeUninit<[*const (); 2]>;

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
            let place = data.as_mut_ptr();
            if Self::FITS {
                // SAFETY: as above; dropped once, by the owner.
                unsafe { place.cast::<T>().drop_in_place() };
            } else {
                // SAFETY: as above.
                unsafe { place.cast::<Box<T>>().drop_in_place() };
            }
        },
    };

    fn hold(value: T) -> Data {
        let mut data = Data::uninit();
        let place = data.as_mut_ptr();
        if Self::FITS {
            // SAFETY: it fits.
            unsafe { place.cast::<T>().write(value) };
        } else {
            // SAFETY: a `Box` of a sized type fits: it is one word.
            unsafe { place.cast::<Box<T>>().write(Box::new(value)) };
        }
        data
    }

    /// # Safety
    ///
    /// - `data` was made by `hold` of this type, and is alive.
    unsafe fn get(data: &Data) -> &T {
        if Self::FITS {
            // SAFETY: the caller's promise.
            unsafe { &*data.as_ptr().cast::<T>() }
        } else {
            // SAFETY: the caller's promise.
            unsafe { &*data.as_ptr().cast::<Box<T>>() }
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
