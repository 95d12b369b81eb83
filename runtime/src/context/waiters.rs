use std::io;
use std::mem;
use std::num::NonZeroU32;
use std::task::Waker;

use allocator_api2::boxed::Box;

use super::WakeList;
use super::registration::Direction;
use crate::alloc::Recycling;
use crate::task::initiating::OperationId;
use crate::task::parked::{LeafQueue, Parked};

/// Names an operation among those that wait for one thing.
///
/// A number, which starts again after the largest: nobody waits while four billion
/// others come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaiterKey(NonZeroU32);

/// Who waits for a source under its lock, in order of arrival, for each direction.
///
/// Keeps its capacity, so that waiting does not allocate in the long run. Half a
/// cache line.
#[derive(Default)]
pub(super) struct Waiters {
    /// In place: mostly one waits, to read, and its waker is where its source is.
    read: First,
    /// Of the others, if there ever were any.
    rest: Option<Box<Rest, Recycling>>,
}

#[derive(Default)]
struct Rest {
    read: Later,
    write: First,
    write_later: Later,
    /// Those that came when the place of their direction was taken.
    leaves: [LeafQueue; 2],
}

#[derive(Default)]
struct First {
    waker: Option<Waker>,
    key: Option<WaiterKey>,
    /// The last key that was given out, here and for those that come later.
    last: u32,
}

#[derive(Default)]
struct Later {
    /// In order of their keys. Without a waker once the operation has gone: to close
    /// the gap at once would make it dear for many to go.
    list: Vec<(WaiterKey, Option<Waker>)>,
    gone: usize,
}

impl WaiterKey {
    /// Returns the key as a number that is not 0.
    pub(crate) fn number(self) -> u32 {
        self.0.get()
    }

    /// Returns the key with this `number`, if it is one.
    pub(crate) fn of_number(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

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
    ///
    /// # Errors
    ///
    /// If no memory can be had.
    pub(super) fn set(
        &mut self,
        direction: Direction,
        key: &mut Option<WaiterKey>,
        waker: &Waker,
    ) -> io::Result<Option<Waker>> {
        if let Some(key) = *key {
            if let Some(current) = self.waker(direction, key) {
                if current.will_wake(waker) {
                    return Ok(None);
                }
                return Ok(Some(mem::replace(current, waker.clone())));
            }
        }
        // Cloned first, which may panic.
        let waker = waker.clone();
        *key = Some(match self.places(direction) {
            (Some(first), later) if first.has_room(later.as_deref()) => first.put(waker),
            _ => self.add(direction, waker)?,
        });
        Ok(None)
    }

    #[cold]
    fn add(&mut self, direction: Direction, waker: Waker) -> io::Result<WaiterKey> {
        self.rest_or_new()?;
        let (Some(first), Some(later)) = self.places(direction) else {
            unreachable!("there is room for the rest")
        };
        if first.has_room(Some(later)) {
            return Ok(first.put(waker));
        }
        let key = first.next_key();
        later.list.push((key, Some(waker)));
        Ok(key)
    }

    /// Adds a leaf.
    ///
    /// # Errors
    ///
    /// With the leaf, if no memory can be had.
    pub(super) fn add_leaf(
        &mut self,
        direction: Direction,
        leaf: Parked,
    ) -> Result<(), (Parked, io::Error)> {
        match self.rest_or_new() {
            Ok(rest) => {
                rest.leaves[direction as usize].push(leaf);
                Ok(())
            }
            Err(error) => Err((leaf, error)),
        }
    }

    /// Returns whether there are leaves.
    pub(super) fn has_leaves(&self, direction: Direction) -> bool {
        let rest = self.rest.as_ref();
        rest.is_some_and(|rest| !rest.leaves[direction as usize].is_empty())
    }

    fn rest_or_new(&mut self) -> io::Result<&mut Rest> {
        match &mut self.rest {
            Some(rest) => Ok(rest),
            none => {
                let rest = Box::try_new_in(Rest::default(), Recycling);
                Ok(none.insert(rest.map_err(|_| io::ErrorKind::OutOfMemory)?))
            }
        }
    }

    fn places(&mut self, direction: Direction) -> (Option<&mut First>, Option<&mut Later>) {
        match (direction, self.rest.as_deref_mut()) {
            (Direction::Read, None) => (Some(&mut self.read), None),
            (Direction::Read, Some(rest)) => (Some(&mut self.read), Some(&mut rest.read)),
            (Direction::Write, None) => (None, None),
            (Direction::Write, Some(rest)) => (Some(&mut rest.write), Some(&mut rest.write_later)),
        }
    }

    /// Removes the waker of an operation, if it is still there.
    ///
    /// To be dropped by the caller, outside its locks.
    pub(super) fn remove(&mut self, direction: Direction, key: WaiterKey) -> Option<Waker> {
        let (first, later) = self.places(direction);
        match first {
            Some(first) if first.key == Some(key) => first.waker.take(),
            _ => later?.remove(key),
        }
    }

    /// Removes the leaf of an operation, if it is still there.
    pub(super) fn remove_leaf(
        &mut self,
        direction: Direction,
        operation: OperationId,
    ) -> Option<Parked> {
        self.rest.as_mut()?.leaves[direction as usize].remove(operation)
    }

    /// Returns the waker of an operation, if it is still there.
    fn waker(&mut self, direction: Direction, key: WaiterKey) -> Option<&mut Waker> {
        let (first, later) = self.places(direction);
        match first {
            Some(first) if first.key == Some(key) => first.waker.as_mut(),
            _ => later?.place(key)?.as_mut(),
        }
    }

    /// Moves all wakers to `wake`, and all leaves to `leaves`.
    pub(super) fn take_all(
        &mut self,
        direction: Direction,
        wake: &mut WakeList,
        leaves: &mut LeafQueue,
    ) {
        let (first, later) = self.places(direction);
        if let Some(waker) = first.and_then(|first| first.waker.take()) {
            wake.push(waker);
        }
        if let Some(later) = later {
            if !later.list.is_empty() {
                later.take_all(wake);
            }
        }
        if let Some(rest) = &mut self.rest {
            leaves.append(&mut rest.leaves[direction as usize]);
        }
    }
}

impl First {
    /// Whether who comes now is the first, and nobody `later` waits.
    fn has_room(&self, later: Option<&Later>) -> bool {
        self.waker.is_none() && later.is_none_or(|later| later.list.is_empty())
    }

    fn put(&mut self, waker: Waker) -> WaiterKey {
        let key = self.next_key();
        self.waker = Some(waker);
        self.key = Some(key);
        key
    }

    fn next_key(&mut self) -> WaiterKey {
        self.last = self.last.wrapping_add(1);
        let key = NonZeroU32::new(self.last).unwrap_or_else(|| {
            self.last = 1;
            NonZeroU32::MIN
        });
        WaiterKey(key)
    }
}

impl Later {
    #[cold]
    fn take_all(&mut self, wake: &mut WakeList) {
        self.gone = 0;
        for (_, waker) in self.list.drain(..) {
            if let Some(waker) = waker {
                wake.push(waker);
            }
        }
    }

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

#[cfg(all(test, async_op_unit_tests))]
mod tests;
