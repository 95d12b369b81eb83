use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};
use std::task::Waker;

use crate::context::WakeList;

/// Operations that wait in turn, each with an entry of its own.
///
/// An entry waits until somebody takes it out of the turn, and stays until its
/// owner removes it. Keeps its capacity: in the long run waiting does not
/// allocate.
pub(crate) struct Queue<T> {
    places: Places<T>,
    /// The first place without an entry; the next one is `after` it.
    free: Option<Number>,
    first: Option<Number>,
    last: Option<Number>,
}

/// Names an entry, which is there until this is given back.
pub(crate) struct Key(Number);

/// The number of a place, from 1: half the size of an index, or less.
type Number = NonZeroU32;

struct Place<T> {
    entry: Option<T>,
    /// While the entry waits.
    waker: Option<Waker>,
    before: Option<Number>,
    after: Option<Number>,
}

/// The places, by number. The first is where the queue is: mostly one waits.
struct Places<T> {
    first: Option<Place<T>>,
    others: Vec<Place<T>>,
}

impl<T> Places<T> {
    /// Returns the number of the new place.
    fn push(&mut self, place: Place<T>) -> Number {
        if self.first.is_none() {
            self.first = Some(place);
            return Number::MIN;
        }
        self.others.push(place);
        let others = u32::try_from(self.others.len()).ok();
        others
            .and_then(|others| Number::MIN.checked_add(others))
            .expect("fewer than 4 billion wait for one thing")
    }
}

impl<T> Index<Number> for Places<T> {
    type Output = Place<T>;

    #[inline]
    fn index(&self, number: Number) -> &Place<T> {
        match number {
            Number::MIN => self.first.as_ref().expect("a place that has been made"),
            _ => &self.others[number.get() as usize - 2],
        }
    }
}

impl<T> IndexMut<Number> for Places<T> {
    #[inline]
    fn index_mut(&mut self, number: Number) -> &mut Place<T> {
        match number {
            Number::MIN => self.first.as_mut().expect("a place that has been made"),
            _ => &mut self.others[number.get() as usize - 2],
        }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            places: Places {
                first: None,
                others: Vec::new(),
            },
            free: None,
            first: None,
            last: None,
        }
    }
}

impl<T> Queue<T> {
    /// Adds an entry, the last in turn.
    pub(crate) fn push(&mut self, entry: T, waker: Waker) -> Key {
        let before = self.last;
        let place = Place {
            entry: Some(entry),
            waker: Some(waker),
            before,
            after: None,
        };
        let number = match self.free {
            Some(number) => {
                let free = std::mem::replace(&mut self.places[number], place);
                self.free = free.after;
                number
            }
            None => self.places.push(place),
        };
        match before {
            Some(before) => self.places[before].after = Some(number),
            None => self.first = Some(number),
        }
        self.last = Some(number);
        Key(number)
    }

    /// Returns the first entry that waits.
    pub(crate) fn first(&self) -> Option<&T> {
        self.places[self.first?].entry.as_ref()
    }

    /// Takes the first entry that waits out of the turn; it will be woken.
    pub(crate) fn pop(&mut self, wake: &mut WakeList) -> Option<&mut T> {
        let (entry, waker) = self.next()?;
        wake.push(waker);
        Some(entry)
    }

    /// Takes the first entry that waits out of the turn; it is to be woken.
    pub(crate) fn next(&mut self) -> Option<(&mut T, Waker)> {
        let number = self.first?;
        self.unlink(number);
        let place = &mut self.places[number];
        let waker = place.waker.take()?;
        Some((place.entry.as_mut()?, waker))
    }

    /// Returns the key of the first entry that waits, for whoever owns that.
    pub(crate) fn first_key(&self) -> Option<Key> {
        self.first.map(Key)
    }

    /// Returns the key of an entry that waits and whose waker is one of those, for whoever
    /// owns that.
    pub(crate) fn find_key(&self, is_one: impl Fn(&Waker) -> bool) -> Option<Key> {
        let mut number = self.first;
        while let Some(this) = number {
            let place = &self.places[this];
            if place.waker.as_ref().is_some_and(&is_one) {
                return Some(Key(this));
            }
            number = place.after;
        }
        None
    }

    /// Returns whether an entry still waits.
    pub(crate) fn is_waiting(&self, key: &Key) -> bool {
        self.places[key.0].waker.is_some()
    }

    /// Renews the waker of an entry that waits. Returns the old one, to be
    /// dropped by the caller, outside its locks.
    #[must_use]
    pub(crate) fn renew(&mut self, key: &Key, waker: &Waker) -> Option<Waker> {
        let current = self.places[key.0].waker.as_mut()?;
        if current.will_wake(waker) {
            return None;
        }
        Some(std::mem::replace(current, waker.clone()))
    }

    /// Removes an entry, and its waker if it still waits: to be dropped by the
    /// caller, outside its locks.
    pub(crate) fn remove(&mut self, key: Key) -> (T, Option<Waker>) {
        let Key(number) = key;
        let waker = self.places[number].waker.take();
        if waker.is_some() {
            self.unlink(number);
        }
        self.places[number].after = self.free.replace(number);
        let entry = self.places[number].entry.take();
        (entry.expect("an entry is removed once"), waker)
    }

    fn unlink(&mut self, number: Number) {
        let Place { before, after, .. } = self.places[number];
        match before {
            Some(before) => self.places[before].after = after,
            None => self.first = after,
        }
        match after {
            Some(after) => self.places[after].before = before,
            None => self.last = before,
        }
    }
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
