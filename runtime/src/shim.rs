//! The synchronisation primitives of the unsafe core: the standard library's,
//! or loom's when its models are built with `--cfg async_op_loom`.
//!
//! Loom runs all threads of a model on one of the system's. Some thread-locals of
//! `task/` stay the standard library's all the same: a budget is a number, and no
//! model completes an operation inside of its initiating function.

mod locks;
#[cfg(async_op_loom)]
mod watched;

#[cfg(async_op_loom)]
pub(crate) use self::watched::{AtomicPtr, AtomicU8, AtomicUsize, UnsafeCell};

pub(crate) use self::locks::plain;

#[cfg(async_op_loom)]
pub(crate) use self::locks::modelled::{Condvar, Mutex, MutexGuard};
#[cfg(not(async_op_loom))]
pub(crate) use self::locks::plain::{Condvar, Mutex, MutexGuard};

#[cfg(async_op_loom)]
pub(crate) use loom::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence},
    thread,
};

/// Loom's, for what each thread of a model has for itself.
#[cfg(async_op_loom)]
macro_rules! loom_thread_local {
    ($(#[$attr:meta])* $vis:vis static $name:ident: $ty:ty = const { $init:expr };) => {
        loom::thread_local! { $(#[$attr])* $vis static $name: $ty = $init; }
    };
}
#[cfg(async_op_loom)]
pub(crate) use loom_thread_local as thread_local;

#[cfg(not(async_op_loom))]
pub(crate) use std::{
    sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    },
    thread, thread_local,
};

#[cfg(not(async_op_loom))]
pub(crate) use thread::park;

/// Loom wakes a thread that is unparked wherever it waits; so its models look again and
/// again, when others have had their turn.
#[cfg(async_op_loom)]
pub(crate) use loom::thread::yield_now as park;

/// The standard cell under loom's interface, where each access is a closure.
#[cfg(not(async_op_loom))]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(async_op_loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}
