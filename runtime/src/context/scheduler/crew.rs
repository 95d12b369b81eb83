//! Who runs a context, who sleeps, and who is called when there is something to do.
//!
//! A runner *sleeps* in its bed or in the reactor. What is new is told to one who sleeps,
//! who *arrives*: then nobody else is called until it has looked for itself, and if it
//! leaves something for others it calls the next one.
//!
//! Most calls for a single task would be in vain: its runner takes it next, long before
//! somebody is awake. So whoever has been called in vain sleeps as the *watcher*: no
//! longer than [`WATCH`], and while somebody watches, others are called only where a
//! runner has several tasks. The watcher looks whether anybody is held up: a runner that
//! has tasks and has started none since the last look, or a reactor at which nobody has
//! looked since. It goes on with those, and sleeps without limit once nothing moves.

use std::sync::Arc;
use std::time::Duration;

use super::Call;
use crate::context::seat::{Seat, Wakers};
use crate::task::TaskQueue;

/// How long the watcher sleeps. Somebody who is held up waits for twice that at most.
pub(super) const WATCH: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(super) struct Crew {
    members: Vec<Member>,
    /// How many are active: neither asleep nor gone.
    pub(super) active: usize,
    /// How many of those who sleep do so inside a handler, in a nested `run`.
    pub(super) nested: usize,
    /// Those who sleep in their beds, who came last at the end.
    in_bed: Vec<usize>,
    pub(super) poller: Poller,
    /// Who watches. Asleep, in bed or in the reactor.
    watcher: Option<usize>,
    /// Who drives the context to be unblocked.
    pub(super) driver: Option<usize>,
    /// How many have been called and are not yet here.
    arriving: usize,
    /// How often anybody has looked at the reactor, and what it was when the watcher
    /// looked.
    looks: u32,
    seen_looks: u32,
}

struct Member {
    seat: Arc<Seat>,
    is_taken: bool,
    /// Whether it has been called since it went to sleep.
    is_called: bool,
    /// How many tasks it had started when the watcher looked.
    seen: u32,
}

/// Who is at the reactor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Poller {
    #[default]
    Nobody,
    /// Somebody who takes what there is and does not wait.
    Passing,
    Asleep(usize),
}

/// Who has been called, and is to be woken after the lock.
pub(super) enum Called {
    InBed(Arc<Seat>),
    InReactor,
}

/// What those who work have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Left {
    Nothing,
    /// A task behind the one that its runner is at.
    One,
    Several,
}

impl Crew {
    /// Gives a new runner a seat; returns its number with it.
    pub(super) fn join(&mut self) -> (usize, Arc<Seat>) {
        let free = self.members.iter().position(|member| !member.is_taken);
        let number = free.unwrap_or_else(|| {
            // Room for all who may sleep: they go to bed without allocating.
            self.in_bed.reserve(self.members.len() + 1);
            self.members.push(Member {
                seat: Arc::new(Seat::new()),
                is_taken: false,
                is_called: false,
                seen: 0,
            });
            self.members.len() - 1
        });
        let member = &mut self.members[number];
        member.is_taken = true;
        member.seen = member.seat.started();
        self.active += 1;
        (number, Arc::clone(&member.seat))
    }

    /// Takes the seat back. Its owner no longer sleeps, and has left no tasks there.
    pub(super) fn leave(&mut self, number: usize) {
        self.members[number].is_taken = false;
        if self.driver == Some(number) {
            self.driver = None;
        }
    }

    fn others(&self, number: usize) -> impl Iterator<Item = &Member> {
        // Not always the same first.
        let (before, rest) = self.members.split_at(number);
        let others = rest.iter().skip(1).chain(before);
        others.filter(|member| member.is_taken)
    }

    /// A runner goes to bed.
    pub(super) fn sleep_in_bed(&mut self, number: usize) {
        self.in_bed.push(number);
        // Whoever watches in the reactor will be at work with the next event.
        if let (Some(watcher), Poller::Asleep(poller)) = (self.watcher, self.poller)
            && watcher == poller
        {
            self.watcher = Some(number);
        }
    }

    /// A runner sleeps in the reactor, where nobody is.
    pub(super) fn sleep_in_reactor(&mut self, number: usize) {
        debug_assert_eq!(self.poller, Poller::Nobody);
        self.poller = Poller::Asleep(number);
    }

    /// One who is about to sleep, or sleeps, watches, if nobody else does.
    pub(super) fn watch(&mut self, number: usize) {
        if self.watcher.is_none() {
            self.watcher = Some(number);
            self.look();
        }
    }

    pub(super) fn watches(&self, number: usize) -> bool {
        self.watcher == Some(number)
    }

    /// One who slept is here again; returns whether it has been called.
    pub(super) fn wake_up(&mut self, number: usize) -> bool {
        if self.watches(number) {
            self.watcher = None;
        }
        if self.poller == Poller::Asleep(number) {
            self.end_polling();
        } else {
            self.in_bed.retain(|other| *other != number);
        }
        let is_called = std::mem::take(&mut self.members[number].is_called);
        self.arriving -= usize::from(is_called);
        is_called
    }

    pub(super) fn end_polling(&mut self) {
        self.poller = Poller::Nobody;
        self.looks = self.looks.wrapping_add(1);
    }

    pub(super) fn has_sleepers(&self) -> bool {
        !self.in_bed.is_empty() || matches!(self.poller, Poller::Asleep(_))
    }

    /// Whether somebody has been called and will look around.
    pub(super) fn is_arriving(&self) -> bool {
        self.arriving > 0
    }

    /// Whom those who are active have to call when they post.
    pub(super) fn call(&self) -> Call {
        match self.watcher {
            _ if self.active == 0 || self.is_arriving() || !self.has_sleepers() => Call::Nobody,
            Some(_) => Call::ForSeveral,
            None => Call::ForAny,
        }
    }

    /// Whether somebody in bed should be at the reactor.
    pub(super) fn is_unattended(&self) -> bool {
        // With somebody at work and a watcher there is time.
        self.poller == Poller::Nobody
            && !self.in_bed.is_empty()
            && (self.active == 0 || self.watcher.is_none())
    }

    /// Whether a runner has more than what it does next.
    pub(super) fn has_several(&self, number: usize) -> bool {
        self.members[number].seat.tasks.len() > 1
    }

    /// What those who work have left for one who sleeps. `number` is about to go on
    /// with its own tasks, if it is not about to sleep.
    pub(super) fn left(&self, number: Option<usize>) -> Left {
        let left = self.members.iter().enumerate().map(|(other, member)| {
            if !member.is_taken {
                return Left::Nothing;
            }
            match (member.seat.tasks.len(), Some(other) == number) {
                (0, _) | (1, true) => Left::Nothing,
                (1, false) => Left::One,
                _ => Left::Several,
            }
        });
        left.max().unwrap_or(Left::Nothing)
    }

    /// Calls one who sleeps.
    pub(super) fn call_one(&mut self) -> Option<Called> {
        // The watcher last of those in bed, the one in the reactor after all.
        let mut in_bed = self.in_bed.iter().rev().copied();
        let number = match (in_bed.find(|number| !self.watches(*number)), self.poller) {
            (Some(number), _) => number,
            (None, Poller::Asleep(number)) if self.in_bed.is_empty() => number,
            (None, _) => *self.in_bed.last()?,
        };
        self.call_number(number)
    }

    /// Calls one, if it sleeps and has not been called.
    pub(super) fn call_number(&mut self, number: usize) -> Option<Called> {
        let in_bed = self.in_bed.iter().position(|other| *other == number);
        if in_bed.is_none() && self.poller != Poller::Asleep(number) {
            return None;
        }
        let member = &mut self.members[number];
        if std::mem::replace(&mut member.is_called, true) {
            return None;
        }
        self.arriving += 1;
        if self.watches(number) {
            self.watcher = None;
        }
        let Some(index) = in_bed else {
            return Some(Called::InReactor);
        };
        let seat = Arc::clone(&self.members[number].seat);
        self.in_bed.remove(index);
        // To see when it arrives who is held up.
        self.look();
        Some(Called::InBed(seat))
    }

    /// Looks who moves; returns whether anything has moved since the last look.
    pub(super) fn look(&mut self) -> bool {
        let looks = std::mem::replace(&mut self.seen_looks, self.looks);
        let mut moved = looks != self.looks;
        for member in self.members.iter_mut().filter(|member| member.is_taken) {
            let started = member.seat.started();
            moved |= std::mem::replace(&mut member.seen, started) != started;
        }
        moved
    }

    /// Whether nobody has looked at the reactor since the last look.
    pub(super) fn reactor_is_forgotten(&self) -> bool {
        self.poller == Poller::Nobody && self.looks == self.seen_looks
    }

    /// Takes some of the tasks of one who has several.
    #[inline(never)]
    pub(super) fn steal(&self, number: usize) -> TaskQueue {
        let mut stolen = TaskQueue::default();
        for member in self.others(number) {
            if stolen.is_empty() {
                member.seat.tasks.take(|len| len / 2, &mut stolen);
            }
        }
        stolen
    }

    /// Takes what one who has not moved since the last look has left.
    pub(super) fn rescue(&self, number: usize) -> (TaskQueue, Wakers) {
        let (mut tasks, mut wakers) = (TaskQueue::default(), None);
        for Member { seat, seen, .. } in self.others(number) {
            if tasks.is_empty() && wakers.is_none() && seat.started() == *seen {
                seat.tasks.take(|len| len.div_ceil(2), &mut tasks);
                wakers = seat.take_to_wake();
            }
        }
        (tasks, wakers)
    }

    #[cfg(all(test, async_op_loom))]
    pub(super) fn assert_all_gone(&self) {
        assert_eq!((self.active, self.nested, self.arriving), (0, 0, 0));
        assert!(self.in_bed.is_empty() && self.members.iter().all(|member| !member.is_taken));
        assert_eq!((self.watcher, self.poller), (None, Poller::Nobody));
    }
}
