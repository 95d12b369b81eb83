//! The places of requests: each is kept until its reply has come, whoever still waits.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::waiter::Waiter;
use super::{PipelineError, Protocol};

/// Names a request, for protocols whose replies do.
///
/// No two requests of a pipeline have the same. Where a protocol has room for less, the
/// [short form](Self::short) is different for all that are under way.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(u64);

/// So many bits are the index of the place, the rest counts its requests.
const INDEX_BITS: u32 = 20;
const SHORT_MASK: u64 = 0x7fff_ffff;
/// Only the bits of the short form are known.
const SHORT: u64 = 1 << 63;

impl Id {
    #[inline]
    fn new(index: usize, generation: u64) -> Self {
        Self((generation << INDEX_BITS | index as u64) & !SHORT)
    }

    /// Returns it as a number of at most 63 bits.
    ///
    /// ```
    /// use async_op::net::pipeline::Id;
    ///
    /// assert_eq!(Id::from_number(1 << 40).get(), 1 << 40);
    /// ```
    pub fn get(self) -> u64 {
        self.0 & !SHORT
    }

    /// Returns it as a number of at most 31 bits.
    ///
    /// ```
    /// use async_op::net::pipeline::Id;
    ///
    /// assert_eq!(Id::from_number(1 << 40 | 7).short(), 7); // for a header of 32 bits
    /// ```
    pub fn short(self) -> u32 {
        (self.0 & SHORT_MASK) as u32
    }

    /// Makes an id of what [`get`](Self::get) has returned.
    ///
    /// ```
    /// use async_op::net::pipeline::Id;
    ///
    /// let id = Id::from_number(1 << 40);
    /// assert_eq!(Id::from_number(id.get()), id);
    /// ```
    pub fn from_number(number: u64) -> Self {
        Self(number & !SHORT)
    }

    /// Makes an id of what [`short`](Self::short) has returned: it names the request of all
    /// that are under way.
    ///
    /// ```
    /// use async_op::net::pipeline::Id;
    ///
    /// let id = Id::from_number(1 << 40 | 7);
    /// assert_eq!(Id::from_short(id.short()).short(), 7);
    /// ```
    pub fn from_short(number: u32) -> Self {
        Self(u64::from(number) & SHORT_MASK | SHORT)
    }

    #[inline]
    fn index(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) as usize
    }

    #[inline]
    pub(super) fn names(self, other: Self) -> bool {
        let is_short = self.0 & SHORT != 0;
        let known = if is_short { SHORT_MASK } else { u64::MAX };
        (self.0 ^ other.0) & known == 0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Id").field(&self.get()).finish()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Free,
    /// Is being encoded.
    Reserved,
    /// Waits until there is room.
    AtDoor,
    /// Waits until there is another connection.
    Next,
    /// Has waited, and is being encoded.
    Entering,
    /// The reply comes in order, or by id.
    InOrder,
    ById,
    /// All has come, and the exchange may not have taken it yet.
    Answered,
}

impl Stage {
    pub(super) fn is_at_door(self) -> bool {
        matches!(self, Self::AtDoor | Self::Next | Self::Entering)
    }
}

/// How an exchange has ended.
pub(super) enum End<P: Protocol> {
    Reply(Result<P::Reply, P::Error>),
    /// With its connection.
    Lost(Arc<P::Error>),
    /// Its parts were not taken.
    TooSlow,
    Taken,
}

pub(super) struct Place<P: Protocol> {
    pub(super) id: Id,
    /// The index of the next one of those that are free, or of those in order.
    next: u32,
    pub(super) stage: Stage,
    /// `None` while it is read with.
    pub(super) pending: Option<P::Pending>,
    /// Who waits; `None` if nobody does.
    pub(super) caller: Option<Waiter<P>>,
    /// Of those who wait in turn, says which.
    pub(super) ticket: u64,
    /// Whether there is an exchange that wants the parts.
    pub(super) is_exchange: bool,
    /// Whether the caller has said all of an upload.
    pub(super) is_finished: bool,
    pub(super) parts: Kept<P::Part>,
    pub(super) end: Option<End<P>>,
}

/// What is told of an end. The errors of others are made without the lock.
pub(super) enum Told<P: Protocol> {
    /// There are no more parts.
    Over,
    Failed(P::Error),
    Lost(Arc<P::Error>),
    TooSlow,
}

impl<P: Protocol> Told<P> {
    pub(super) fn into_part<T>(self) -> Result<Option<T>, P::Error> {
        match self {
            Self::Over => Ok(None),
            Self::Failed(error) => Err(error),
            Self::Lost(error) => Err(error.again()),
            Self::TooSlow => Err(too_slow().into()),
        }
    }
}

pub(super) fn too_slow() -> io::Error {
    io::Error::other("more parts of the reply have come than are taken")
}

impl<P: Protocol> Place<P> {
    fn has_remains(&self) -> bool {
        let has_ended = self.end.is_some() || self.parts.len() > 0;
        has_ended || self.pending.is_some() || self.caller.is_some()
    }

    fn take_remains(&mut self) -> Remains<P> {
        Remains {
            pending: self.pending.take(),
            caller: self.caller.take(),
            parts: self.parts.take_rest(),
            end: self.end.take(),
        }
    }

    /// Returns what one is told who waits for the next part, if the end has come. An error of
    /// the reply is told once.
    pub(super) fn take_end(&mut self) -> Option<Told<P>> {
        let (end, told) = match self.end.take()? {
            End::Reply(Err(error)) => (End::Taken, Told::Failed(error)),
            End::Reply(Ok(reply)) => (End::Reply(Ok(reply)), Told::Over),
            End::Lost(error) => (End::Lost(error.clone()), Told::Lost(error)),
            End::TooSlow => (End::TooSlow, Told::TooSlow),
            End::Taken => (End::Taken, Told::Over),
        };
        self.end = Some(end);
        Some(told)
    }
}

/// What is left of a place, to be dropped outside of the lock.
#[allow(dead_code, reason = "kept to be dropped")]
pub(super) struct Remains<P: Protocol> {
    pending: Option<P::Pending>,
    caller: Option<Waiter<P>>,
    parts: VecDeque<(u64, P::Part)>,
    end: Option<End<P>>,
}

pub(super) struct Places<P: Protocol> {
    all: Vec<Place<P>>,
    /// The first of those that are free.
    free: u32,
}

/// Of no place.
const NO_INDEX: u32 = u32::MAX;

/// Those whose replies come in order: the first and the last.
pub(super) struct Order {
    first: u32,
    last: u32,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            first: NO_INDEX,
            last: NO_INDEX,
        }
    }
}

impl Order {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first == NO_INDEX
    }
}

impl<P: Protocol> Default for Places<P> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            free: NO_INDEX,
        }
    }
}

impl<P: Protocol> Places<P> {
    /// Returns a place that is free; none if there are too many.
    #[inline(always)]
    pub(super) fn reserve(&mut self) -> Option<Id> {
        if self.free == NO_INDEX {
            self.add_one();
        }
        let place = self.all.get_mut(self.free as usize)?;
        self.free = place.next;
        place.stage = Stage::Reserved;
        Some(place.id)
    }

    #[cold]
    fn add_one(&mut self) {
        let index = self.all.len();
        if index >> INDEX_BITS > 0 {
            return;
        }
        self.free = index as u32;
        self.all.push(Place {
            id: Id::new(index, 1),
            next: NO_INDEX,
            stage: Stage::Free,
            pending: None,
            caller: None,
            ticket: 0,
            is_exchange: false,
            is_finished: false,
            parts: Kept::default(),
            end: None,
        });
    }

    /// Adds a place to the end of those in order.
    #[inline]
    pub(super) fn add_to(&mut self, order: &mut Order, id: Id) {
        let index = id.index() as u32;
        match self.all.get_mut(order.last as usize) {
            Some(last) => last.next = index,
            None => order.first = index,
        }
        order.last = index;
    }

    /// Returns the first of those in order.
    #[inline]
    pub(super) fn first(&mut self, order: &Order) -> Option<&mut Place<P>> {
        self.all.get_mut(order.first as usize)
    }

    /// Takes the first out of the order.
    #[inline]
    pub(super) fn take_first(&self, order: &mut Order) -> Option<Id> {
        let first = self.all.get(order.first as usize)?;
        if order.first == order.last {
            *order = Order::default();
        } else {
            order.first = first.next;
        }
        Some(first.id)
    }

    /// Returns all of those in order.
    pub(super) fn in_order(&self, mut order: Order) -> Vec<Id> {
        let mut ids = Vec::new();
        while let Some(id) = self.take_first(&mut order) {
            ids.push(id);
        }
        ids
    }

    /// Returns the place of a request that is not over.
    #[inline]
    pub(super) fn get(&mut self, id: Id) -> Option<&mut Place<P>> {
        let place = self.all.get_mut(id.index())?;
        (id.names(place.id) && place.stage != Stage::Free).then_some(place)
    }

    /// Frees a place; what is left of it, which is seldom anything, goes into `remains`.
    pub(super) fn release(&mut self, id: Id, remains: &mut Option<Remains<P>>) {
        let Some(place) = self.get(id) else { return };
        if place.has_remains() {
            *remains = Some(place.take_remains());
        }
        self.release_empty(id);
    }

    /// Frees a place of which nothing is left.
    #[inline(always)]
    pub(super) fn release_empty(&mut self, id: Id) {
        let next = self.free;
        let Some(place) = self.get(id) else { return };
        debug_assert!(!place.has_remains(), "it would be dropped under the lock");
        let index = place.id.index();
        place.stage = Stage::Free;
        place.is_exchange = false;
        place.is_finished = false;
        place.parts.is_busy = false;
        place.ticket = 0;
        place.id = Id::new(index, (place.id.0 >> INDEX_BITS) + 1);
        place.next = next;
        self.free = index as u32;
    }

    /// Returns all places that are not free.
    pub(super) fn ids(&self) -> Vec<Id> {
        let taken = self.all.iter().filter(|place| place.stage != Stage::Free);
        taken.map(|place| place.id).collect()
    }
}

/// Values that nobody has received yet, in the order in which they came.
pub(super) struct Kept<T> {
    values: VecDeque<(u64, T)>,
    next: u64,
    /// One is being given away, and may come back yet: so none that comes after it is.
    pub(super) is_busy: bool,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            values: VecDeque::new(),
            next: 0,
            is_busy: false,
        }
    }
}

impl<T> Kept<T> {
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn push(&mut self, value: T) {
        self.next += 1;
        self.values.push_back((self.next, value));
    }

    /// Takes out the first, if it can be given away now.
    #[inline]
    pub(super) fn give(&mut self) -> Option<(u64, T)> {
        if self.is_busy {
            return None;
        }
        let first = self.values.pop_front()?;
        self.is_busy = true;
        Some(first)
    }

    /// Takes a value back, to where it was.
    pub(super) fn put_back(&mut self, order: u64, value: T) {
        let at = self.values.partition_point(|it| it.0 < order);
        self.values.insert(at, (order, value));
    }

    /// Takes all of them; what had none keeps its room for others.
    #[inline]
    pub(super) fn take_rest(&mut self) -> VecDeque<(u64, T)> {
        match self.values.is_empty() {
            true => VecDeque::new(),
            false => std::mem::take(&mut self.values),
        }
    }
}
