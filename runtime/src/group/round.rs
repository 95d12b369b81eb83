use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::tickets::{Due, MemberPoll, SharedTickets, Tickets, UNWOKEN};
use crate::cancel::CancellationType;
use crate::shim::AtomicUsize;
use crate::task::lent::{Lender, lend};
use crate::task::{budget, scope};

/// The members of a group, by their places in it.
pub trait Roster<C> {
    /// Polls one, with what it has not been asked yet; returns whether it has just completed.
    fn poll(
        self: Pin<&mut Self>,
        index: usize,
        cx: &mut Context<'_>,
        news: CancellationType,
    ) -> bool;

    /// Returns what the others are asked, now that this one has completed.
    fn completed(self: Pin<&mut Self>, index: usize, condition: &mut C) -> CancellationType;
}

/// What a group knows of its members from one poll to the next.
pub(super) struct Rounds<P> {
    tickets: SharedTickets<P>,
    /// Whose wakers the members have, as an address alone.
    waker: (usize, usize),
    /// Whether that has just changed: see `poll_one`.
    is_another: bool,
    /// What the group has been asked from outside, or by its condition, and has passed on.
    passed_on: CancellationType,
    /// The members that have completed, in this order.
    completed: usize,
}

/// The waker of a group that has not been polled.
const NOBODYS: (usize, usize) = (0, 0);

/// One poll of a group.
pub(super) struct Round<'a, M, C> {
    pub(super) members: Pin<&'a mut M>,
    pub(super) condition: &'a mut C,
    pub(super) order: &'a mut [usize],
    /// Room for as many as there are members.
    pub(super) due: &'a mut [Due],
}

impl<P> Rounds<P>
where
    P: AsRef<[AtomicUsize]> + Send + Sync + 'static,
{
    pub(super) fn new(places: P) -> Self {
        Self {
            tickets: SharedTickets::new(Tickets::new(places), super::NAME),
            waker: NOBODYS,
            is_another: false,
            passed_on: CancellationType::default(),
            completed: 0,
        }
    }

    /// Polls those that have been woken, in that order. If the members are asked something
    /// new, or get another waker, then the others too.
    ///
    /// Who is ready without having been woken, because it is polled for the first time or
    /// has been asked to stop, has completed now, after all that have been woken.
    pub(super) fn poll<C, M>(
        &mut self,
        cx: &mut Context<'_>,
        round: &mut Round<'_, M, C>,
    ) -> Poll<()>
    where
        M: Roster<C>,
    {
        ready!(budget::proceed(cx));
        let waker = cx.waker();
        let waker = (
            waker.data().addr(),
            std::ptr::from_ref(waker.vtable()).addr(),
        );
        let before = std::mem::replace(&mut self.waker, waker);
        let mut is_new = before != waker;
        self.is_another = is_new && before != NOBODYS;
        let mut asked = CancellationType::default();
        loop {
            let before = asked;
            let news = self.news(asked);
            let seen = self.tickets.placed();
            let count = self.tickets.collect(is_new || !news.is_empty(), round.due);
            for n in 0..count {
                let (ticket, index) = round.due[n];
                if !self.poll_one(index, cx, news, round) {
                    continue;
                }
                // If it was woken once more since it was due, that is its place.
                let again = self.tickets.take_of(index);
                if let Some(again) = again {
                    for later in n + 1..count {
                        let (ticket, earlier) = round.due[later];
                        if ticket < again && self.poll_one(earlier, cx, news, round) {
                            asked = asked | self.note(earlier, round);
                        }
                    }
                }
                let last = match again {
                    None if ticket == UNWOKEN && self.tickets.placed() != seen => {
                        Some(self.tickets.last())
                    }
                    again => again,
                };
                // Nor is anybody left out who was woken before it and is not due yet.
                while let Some(earlier) = last.and_then(|last| self.tickets.take_first(last)) {
                    if self.poll_one(earlier, cx, news, round) {
                        asked = asked | self.note(earlier, round);
                    }
                }
                asked = asked | self.note(index, round);
            }
            if self.completed == round.order.len() {
                return Poll::Ready(());
            }
            // All have been started before any is asked to stop; those that are asked are
            // polled again.
            if asked == before {
                return Poll::Pending;
            }
            is_new = false;
        }
    }

    /// Returns what the members have not been asked yet, of what the group is
    /// asked and of what its condition says.
    fn news(&mut self, asked: CancellationType) -> CancellationType {
        let all = scope::requested() | asked;
        let news = all.without(self.passed_on);
        self.passed_on = self.passed_on | news;
        news
    }

    fn poll_one<C, M: Roster<C>>(
        &self,
        index: usize,
        cx: &Context<'_>,
        news: CancellationType,
        round: &mut Round<'_, M, C>,
    ) -> bool {
        let member = MemberPoll {
            tickets: &self.tickets,
            index,
            group: cx.waker(),
        };
        let _lent = budget::lend();
        let mut poll = |cx: &mut Context<'_>| round.members.as_mut().poll(index, cx, news);
        if self.is_another {
            // One that is lent may be where the last one was, and a group that is a member
            // would take it for the same.
            poll(&mut Context::from_waker(&member.waker()))
        } else {
            lend(&member, poll)
        }
    }

    /// Gives one its place in the order; returns what the others are asked.
    fn note<C, M: Roster<C>>(
        &mut self,
        index: usize,
        round: &mut Round<'_, M, C>,
    ) -> CancellationType {
        round.order[self.completed] = index;
        self.completed += 1;
        round.members.as_mut().completed(index, round.condition)
    }
}
