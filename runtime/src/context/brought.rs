use std::task::Waker;

use allocator_api2::vec::Vec as VecIn;

use crate::alloc::Recycling;
use crate::task::parked::{Ended, LeafQueue};

/// What is to go on once all locks are released.
#[derive(Default)]
pub(crate) struct Brought {
    pub(crate) wake: WakeList,
    pub(crate) leaves: LeafQueue,
}

impl Brought {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.wake.is_empty() && self.leaves.is_empty()
    }

    /// Ends the leaves, even if one of them panics, and wakes all others, to find out by
    /// themselves. Returns how many there were.
    pub(super) fn end(self, why: Ended) -> usize {
        struct Rest(LeafQueue, Ended);
        impl Rest {
            fn end(&mut self) -> usize {
                let mut count = 0;
                while let Some(leaf) = self.0.pop() {
                    count += 1;
                    leaf.end(self.1);
                }
                count
            }
        }
        impl Drop for Rest {
            fn drop(&mut self) {
                self.end();
            }
        }

        let Self { mut wake, leaves } = self;
        let count = Rest(leaves, why).end();
        count + wake.wake_all()
    }
}

/// Wakers to be woken once all locks are released. Wakes them when dropped.
#[derive(Default)]
pub(crate) struct WakeList {
    // In place: most events concern one operation.
    first: Option<Waker>,
    rest: Option<VecIn<Waker, Recycling>>,
}

impl WakeList {
    pub(crate) fn push(&mut self, waker: Waker) {
        if self.is_empty() {
            self.first = Some(waker);
        } else {
            let rest = self.rest.get_or_insert_with(|| VecIn::new_in(Recycling));
            rest.push(waker);
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // The first is there for as long as there are others.
        self.first.is_none()
    }

    /// Takes the wakers out, the first at the end, if there are several.
    #[inline]
    pub(super) fn take_several(&mut self) -> Option<VecIn<Waker, Recycling>> {
        let mut wakers = self.rest.take()?;
        wakers.reverse();
        wakers.extend(self.first.take());
        Some(wakers)
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

        let Some(first) = self.first.take() else {
            return 0;
        };
        let Some(mut rest) = self.rest.take() else {
            first.wake();
            return 1;
        };
        let count = 1 + rest.len();
        // Taken from the end.
        rest.reverse();
        let rest = Rest(&mut rest);
        first.wake();
        while let Some(waker) = rest.0.pop() {
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
