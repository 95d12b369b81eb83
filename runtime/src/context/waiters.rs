use std::task::Waker;

use allocator_api2::vec::Vec as VecIn;

use crate::alloc::Recycling;

/// The wakers of the operations that wait for one thing, in order of arrival.
///
/// Keeps its capacity, so that waiting does not allocate in the long run.
#[derive(Default)]
pub(crate) struct Waiters {
    list: Vec<(u64, Waker)>,
    last_key: u64,
}

impl Waiters {
    /// Adds the waker of an operation, or renews it; `key` is the operation's.
    ///
    /// Returns the previous one, to be dropped by the caller, outside its
    /// locks.
    #[must_use]
    pub(crate) fn set(&mut self, key: &mut Option<u64>, waker: &Waker) -> Option<Waker> {
        let known = key.and_then(|key| self.list.iter_mut().find(|(other, _)| *other == key));
        match known {
            Some((_, current)) if current.will_wake(waker) => None,
            Some((_, current)) => Some(std::mem::replace(current, waker.clone())),
            None => {
                self.last_key += 1;
                *key = Some(self.last_key);
                self.list.push((self.last_key, waker.clone()));
                None
            }
        }
    }

    /// Removes the waker of an operation, if it is still there.
    ///
    /// To be dropped by the caller, outside its locks.
    pub(crate) fn remove(&mut self, key: u64) -> Option<Waker> {
        let index = self.list.iter().position(|(other, _)| *other == key)?;
        Some(self.list.remove(index).1)
    }

    /// Moves all wakers to `wake`.
    pub(crate) fn take_all(&mut self, wake: &mut WakeList) {
        for (_, waker) in self.list.drain(..) {
            wake.push(waker);
        }
    }
}

/// Wakers to be woken once all locks are released. Wakes them when dropped.
pub(crate) struct WakeList {
    // In place: most events concern one operation.
    first: Option<Waker>,
    rest: VecIn<Waker, Recycling>,
}

impl Default for WakeList {
    fn default() -> Self {
        Self {
            first: None,
            rest: VecIn::new_in(Recycling),
        }
    }
}

impl WakeList {
    pub(crate) fn push(&mut self, waker: Waker) {
        if self.first.is_none() && self.rest.is_empty() {
            self.first = Some(waker);
        } else {
            self.rest.push(waker);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty()
    }

    /// Wakes all, even if one of them panics; returns how many there were.
    #[inline]
    pub(crate) fn wake_all(&mut self) -> usize {
        match self.is_empty() {
            true => 0,
            false => self.wake_some(),
        }
    }

    fn wake_some(&mut self) -> usize {
        struct Rest<'a>(&'a mut VecIn<Waker, Recycling>);
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                while let Some(waker) = self.0.pop() {
                    waker.wake();
                }
            }
        }

        let mut count = 0;
        // Taken from the end.
        self.rest.reverse();
        let first = self.first.take();
        let rest = Rest(&mut self.rest);
        if let Some(waker) = first {
            count += 1;
            waker.wake();
        }
        while let Some(waker) = rest.0.pop() {
            count += 1;
            waker.wake();
        }
        count
    }
}

impl Drop for WakeList {
    #[inline]
    fn drop(&mut self) {
        self.wake_all();
    }
}
