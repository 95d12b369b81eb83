//! Locks that know nothing of panics: what this crate runs under its own is either no
//! foreign code or leaves nothing half done.

use std::time::Duration;

/// The standard library's, or with the feature `parking_lot` that crate's; in models too.
pub(crate) mod plain {
    #[cfg(feature = "parking_lot")]
    pub(crate) use super::parked::*;
    #[cfg(not(feature = "parking_lot"))]
    pub(crate) use super::standard::*;
}

/// The locks of a library that has the interface of the standard one.
#[cfg(any(not(feature = "parking_lot"), async_op_loom))]
macro_rules! locks {
    ($($library:ident)::+ $(, $const:ident)?) => {
        use std::sync::PoisonError;

        use super::Duration;

        pub(crate) use $($library)::+::MutexGuard;

        #[derive(Debug, Default)]
        pub(crate) struct Mutex<T>($($library)::+::Mutex<T>);

        #[derive(Debug, Default)]
        pub(crate) struct Condvar($($library)::+::Condvar);

        impl<T> Mutex<T> {
            pub(crate) $($const)? fn new(value: T) -> Self {
                Self($($library)::+::Mutex::new(value))
            }

            #[inline]
            pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
                self.0.lock().unwrap_or_else(PoisonError::into_inner)
            }
        }

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
    };
}

#[cfg(not(feature = "parking_lot"))]
#[cfg_attr(
    async_op_loom,
    allow(dead_code, reason = "models have a library of their own")
)]
pub(crate) mod standard {
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

/// Those of `parking_lot`: they do not ask whether the thread panics.
#[cfg(feature = "parking_lot")]
#[cfg_attr(
    async_op_loom,
    allow(dead_code, reason = "models have a library of their own")
)]
pub(crate) mod parked {
    use std::panic::{RefUnwindSafe, UnwindSafe};

    use super::Duration;

    pub(crate) use parking_lot::MutexGuard;

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(parking_lot::Mutex<T>);

    // As those of the standard library: what is public has the same traits with both.
    impl<T> UnwindSafe for Mutex<T> {}
    impl<T> RefUnwindSafe for Mutex<T> {}

    #[derive(Debug, Default)]
    pub(crate) struct Condvar(parking_lot::Condvar);

    impl<T> Mutex<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(parking_lot::Mutex::new(value))
        }

        #[inline]
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock()
        }

        #[cfg(any(feature = "futures-io", feature = "tokio-io"))]
        pub(crate) fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    impl Condvar {
        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            self.0.wait(&mut guard);
            guard
        }

        pub(crate) fn wait_timeout<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            timeout: Duration,
        ) -> MutexGuard<'a, T> {
            self.0.wait_for(&mut guard, timeout);
            guard
        }
    }
}
