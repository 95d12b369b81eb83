use std::mem;
use std::num::NonZeroU32;
use std::task::Waker;

use allocator_api2::vec::Vec as VecIn;

use crate::alloc::Recycling;

/// Names an operation among those that wait for one thing.
///
/// A number, which starts again after the largest: nobody waits while four billion
/// others come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaiterKey(NonZeroU32);

/// The wakers of the operations that wait for one thing, in order of arrival.
///
/// Keeps its capacity, so that waiting does not allocate in the long run. Half a
/// cache line.
#[derive(Default)]
pub(crate) struct Waiters {
    /// In place: mostly one waits, and its waker is where its source is.
    first: Option<Waker>,
    /// The key of `first`.
    first_key: Option<WaiterKey>,
    /// The last key that was given out.
    last: u32,
    /// Those that came later, if there ever were any.
    later: Option<Box<Later>>,
}

#[derive(Default)]
struct Later {
    /// In order of their keys. Without a waker once the operation has gone: to close
    /// the gap at once would make it dear for many to go.
    list: Vec<(WaiterKey, Option<Waker>)>,
    gone: usize,
}

impl WaiterKey {
    /// Returns how many keys after `earlier` this one was given out.
    fn since(self, earlier: Self) -> u32 {
        self.0.get().wrapping_sub(earlier.0.get())
    }
}

impl Waiters {
    /// Adds the waker of an operation, or renews it; `key` is the operation's.
    ///
    /// Returns the previous one, to be dropped by the caller, outside its
    /// locks.
    #[must_use]
    pub(crate) fn set(&mut self, key: &mut Option<WaiterKey>, waker: &Waker) -> Option<Waker> {
        if let Some(key) = *key
            && let Some(current) = self.waker(key)
        {
            if current.will_wake(waker) {
                return None;
            }
            return Some(mem::replace(current, waker.clone()));
        }
        let new = self.next_key();
        *key = Some(new);
        let waker = waker.clone();
        match &mut self.later {
            Some(later) if self.first.is_some() || !later.list.is_empty() => {
                later.list.push((new, Some(waker)));
            }
            None if self.first.is_some() => {
                let list = vec![(new, Some(waker))];
                self.later = Some(Box::new(Later { list, gone: 0 }));
            }
            _ => {
                self.first = Some(waker);
                self.first_key = Some(new);
            }
        }
        None
    }

    fn next_key(&mut self) -> WaiterKey {
        self.last = self.last.wrapping_add(1);
        let key = NonZeroU32::new(self.last).unwrap_or_else(|| {
            self.last = 1;
            NonZeroU32::MIN
        });
        WaiterKey(key)
    }

    /// Removes the waker of an operation, if it is still there.
    ///
    /// To be dropped by the caller, outside its locks.
    pub(crate) fn remove(&mut self, key: WaiterKey) -> Option<Waker> {
        if self.is_first(key) {
            return self.first.take();
        }
        self.later.as_mut()?.remove(key)
    }

    /// Returns the waker of an operation, if it is still there.
    fn waker(&mut self, key: WaiterKey) -> Option<&mut Waker> {
        if self.is_first(key) {
            return self.first.as_mut();
        }
        self.later.as_mut()?.place(key)?.as_mut()
    }

    fn is_first(&self, key: WaiterKey) -> bool {
        self.first_key == Some(key)
    }

    /// Moves all wakers to `wake`.
    pub(crate) fn take_all(&mut self, wake: &mut WakeList) {
        if let Some(waker) = self.first.take() {
            wake.push(waker);
        }
        if let Some(later) = &mut self.later {
            later.gone = 0;
            for (_, waker) in later.list.drain(..) {
                if let Some(waker) = waker {
                    wake.push(waker);
                }
            }
        }
    }
}

impl Later {
    fn place(&mut self, key: WaiterKey) -> Option<&mut Option<Waker>> {
        let oldest = self.list.first()?.0;
        let index = self
            .list
            .binary_search_by_key(&key.since(oldest), |(key, _)| key.since(oldest));
        Some(&mut self.list[index.ok()?].1)
    }

    fn remove(&mut self, key: WaiterKey) -> Option<Waker> {
        let waker = self.place(key)?.take()?;
        self.gone += 1;
        if 2 * self.gone > self.list.len() {
            self.list.retain(|(_, waker)| waker.is_some());
            self.gone = 0;
        }
        Some(waker)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn list(waiters: &Waiters) -> &[(WaiterKey, Option<Waker>)] {
        &waiters.later.as_ref().unwrap().list
    }

    #[test]
    fn gaps_are_closed_and_the_order_stays() {
        goes_on_after(0);
    }

    #[test]
    fn keys_start_again() {
        for last in u32::MAX - 8..=u32::MAX {
            goes_on_after(last);
        }
    }

    fn goes_on_after(last: u32) {
        let (waker, mut waiters) = (Waker::noop(), Waiters::default());
        waiters.last = last;
        let mut keys: Vec<_> = (0..8)
            .map(|_| {
                let mut key = None;
                assert!(waiters.set(&mut key, waker).is_none());
                key.unwrap()
            })
            .collect();
        // The first, the last and some in between leave.
        for (index, len) in [(7, 7), (0, 7), (3, 7), (1, 7), (2, 3)] {
            let key = keys.remove(index);
            assert!(waiters.remove(key).is_some());
            assert_eq!(list(&waiters).len(), len);
            assert!(waiters.remove(key).is_none());
        }
        let left: Vec<_> = list(&waiters).iter().map(|(key, _)| *key).collect();
        assert_eq!(left, keys);
        let mut wake = WakeList::default();
        assert!(waiters.remove(keys[1]).is_some());
        waiters.take_all(&mut wake);
        assert_eq!(wake.wake_all(), 2);
        assert!(list(&waiters).is_empty());
        // Woken, they are to be added again.
        let mut key = Some(keys[0]);
        assert!(waiters.set(&mut key, waker).is_none());
        assert_ne!(key, Some(keys[0]));
    }
}
