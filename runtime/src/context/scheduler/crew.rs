//! Who runs a context, who sleeps, and who is called when there is something to do.
//!
//! A runner *sleeps* in its bed or in the reactor. What is new is told to one who sleeps,
//! who *arrives*: then nobody else is called until it has looked for itself, and if it
//! leaves something for others it calls the next one.
//!
//! Many a call is in vain: where tasks are short their runner has taken them long before
//! somebody is awake. So whoever has been called in vain sleeps as the *watcher*, no
//! longer than [`WATCH`]; and while somebody watches, others are called only for several
//! tasks of one runner: for twice as many each time that was in vain, for half as many
//! when it was not. The watcher looks whether anybody is held up: a runner that
//! has tasks and has started none since the last look, or a reactor at which nobody has
//! looked since. It goes on with those, and sleeps without limit once nothing moves.

use std::sync::Arc;
use std::time::Duration;

use super::Call;
use crate::context::seat::{Seat, Wakers};
use crate::task::TaskQueue;

/// How long the watcher sleeps. A task whose runner is held up waits for twice that at
/// most.
pub(super) const WATCH: Duration = Duration::from_millis(1);
/// For how many tasks of one runner somebody is called at the latest.
const MOST: u8 = 16;

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
    /// For how many tasks of one runner another is called while somebody watches.
    several: u8,
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
        if let (Some(watcher), Poller::Asleep(poller)) = (self.watcher, self.poller) {
            if watcher == poller {
                self.watcher = Some(number);
            }
        }
    }

    /// A runner sleeps in the reactor, where nobody is.
    pub(super) fn sleep_in_reactor(&mut self, number: usize) {
        debug_assert_eq!(self.poller, Poller::Nobody);
        self.poller = Poller::Asleep(number);
    }

    /// The only runner sleeps in the reactor, which is not in the books yet.
    #[cold]
    pub(super) fn lone_sleeps(&mut self) {
        let number = self.members.iter().position(|member| member.is_taken);
        self.sleep_in_reactor(number.expect("a runner is alone"));
        self.active -= 1;
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
    #[inline]
    pub(super) fn wake_up(&mut self, number: usize) -> bool {
        if self.watches(number) {
            self.watcher = None;
        }
        if matches!(self.poller, Poller::Asleep(poller) if poller == number) {
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

    /// For how many tasks at its seat a runner that posts is to call another.
    pub(super) fn call(&self) -> Call {
        match self.watcher {
            _ if self.is_arriving() || !self.has_sleepers() => Call::NEVER,
            Some(_) => Call(self.several.max(2)),
            None => Call(1),
        }
    }

    /// Takes note of what a call was good for, which one who has been called has found
    /// something to do by, or not. Where others have started several tasks meanwhile,
    /// theirs are short, and a call costs more than it saves.
    pub(super) fn learn(&mut self, number: usize, found: bool) {
        let moved = |member: &Member| member.seat.started().wrapping_sub(member.seen);
        let in_vain = !found || self.others(number).map(moved).max() > Some(2);
        self.several = match in_vain {
            true => (self.several * 2).clamp(2, MOST),
            false => self.several / 2,
        };
    }

    /// Whether calls have been in vain of late.
    pub(super) fn is_patient(&self) -> bool {
        self.several > 2
    }

    /// Somebody was held up, or nothing moves: the next task counts.
    pub(super) fn forget(&mut self) {
        self.several = 0;
    }

    /// Whether somebody in bed should be at the reactor.
    pub(super) fn is_unattended(&self) -> bool {
        // With somebody at work and a watcher there is time.
        self.poller == Poller::Nobody
            && !self.in_bed.is_empty()
            && (self.active == 0 || self.watcher.is_none())
    }

    /// How many tasks a runner has, but for one that it does next.
    pub(super) fn waiting_at(&self, number: usize) -> usize {
        match self.members[number].seat.tasks.len() {
            0 | 1 => 0,
            len => len,
        }
    }

    /// How many tasks the runner that has most of them has; wakers are one. `number` is
    /// about to go on with its own, if it is not about to sleep.
    pub(super) fn waiting(&self, number: Option<usize>) -> usize {
        let members = self.members.iter().enumerate();
        let taken = members.filter(|(_, member)| member.is_taken);
        let lens = taken.map(|(other, member)| match number {
            Some(number) if number == other => self.waiting_at(number),
            _ if member.seat.has_to_wake() => member.seat.tasks.len().max(1),
            _ => member.seat.tasks.len(),
        });
        lens.max().unwrap_or(0)
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
    pub(super) fn rescue(&self, number: usize) -> (TaskQueue, Option<Wakers>) {
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
