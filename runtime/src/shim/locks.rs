//! Locks that know nothing of panics: what this crate runs under its own is either no
//! foreign code or leaves nothing half done.

use std::sync::PoisonError;
use std::time::Duration;

use super::MutexGuard;
#[cfg(async_op_loom)]
use loom::sync as library;
#[cfg(not(async_op_loom))]
use std::sync as library;

/// The locks of a library that has the interface of the standard one.
macro_rules! locks {
    ($($library:ident)::+ $(, $const:ident)?) => {
        use std::sync::PoisonError;

        pub(crate) use $($library)::+::MutexGuard;

        #[derive(Debug, Default)]
        pub(crate) struct Mutex<T>($($library)::+::Mutex<T>);

        impl<T> Mutex<T> {
            pub(crate) $($const)? fn new(value: T) -> Self {
                Self($($library)::+::Mutex::new(value))
            }

            #[inline]
            pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
                self.0.lock().unwrap_or_else(PoisonError::into_inner)
            }
        }
    };
}

/// The standard library's, in models too.
pub(crate) mod plain {
    locks!(std::sync, const);

    #[cfg(any(feature = "futures-io", feature = "tokio-io"))]
    impl<T> Mutex<T> {
        pub(crate) fn into_inner(self) -> T {
            self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(async_op_loom)]
pub(crate) mod modelled {
    locks!(loom::sync);
}

/// What goes with [`super::Mutex`].
#[derive(Debug, Default)]
pub(crate) struct Condvar(library::Condvar);

impl Condvar {
    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> MutexGuard<'a, T> {
        let waited = self.0.wait_timeout(guard, timeout);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
