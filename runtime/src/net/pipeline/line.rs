//! The order in which requests go out where some are made in parts.

use std::collections::VecDeque;
use std::mem;

use super::link::Link;
use super::waiter::Flush;
use super::{Id, Protocol};

/// A request whose caller says more, and holds up what comes after it.
pub(super) struct Held<P: Protocol> {
    pub(super) id: Id,
    pub(super) is_finished: bool,
    /// What it has said while another was before it.
    pub(super) own: Delayed<P>,
    pub(super) behind: Delayed<P>,
}

pub(super) struct Delayed<P: Protocol> {
    pub(super) bytes: Vec<u8>,
    pub(super) flushes: VecDeque<Flush<P>>,
}

impl<P: Protocol> Held<P> {
    pub(super) fn new(id: Id) -> Self {
        Self {
            id,
            is_finished: false,
            own: Delayed::default(),
            behind: Delayed::default(),
        }
    }
}

impl<P: Protocol> Default for Delayed<P> {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            flushes: VecDeque::new(),
        }
    }
}

impl<P: Protocol> Delayed<P> {
    fn push(&mut self, bytes: &[u8], flush: Option<Flush<P>>) {
        self.bytes.extend_from_slice(bytes);
        if let Some(mut flush) = flush {
            flush.position = self.bytes.len() as u64;
            self.flushes.push_back(flush);
        }
    }
}

impl<P: Protocol> Link<P> {
    fn append_delayed(&mut self, mut delayed: Delayed<P>) {
        for mut flush in delayed.flushes {
            flush.position += self.appended;
            self.flushes.push_back(flush);
        }
        self.append(&mut delayed.bytes);
    }

    /// Adds what somebody says behind all others.
    #[inline(always)]
    pub(super) fn say(&mut self, bytes: &mut Vec<u8>, flush: Option<Flush<P>>) {
        match self.line.back_mut() {
            Some(held) => held.behind.push(bytes, flush),
            None => self.say_now(bytes, flush),
        }
    }

    #[inline(always)]
    fn say_now(&mut self, bytes: &mut Vec<u8>, flush: Option<Flush<P>>) {
        self.append(bytes);
        if let Some(mut flush) = flush {
            flush.position = self.appended;
            self.flushes.push_back(flush);
        }
    }

    /// Adds what one says who has the line.
    pub(super) fn say_more(&mut self, id: Id, bytes: &mut Vec<u8>, flush: Option<Flush<P>>) {
        match self.line.iter_mut().position(|held| held.id == id) {
            Some(0) => self.say_now(bytes, flush),
            Some(at) => self.line[at].own.push(bytes, flush),
            None => {}
        }
    }

    pub(super) fn holds_line(&self, id: Id) -> bool {
        let mut line = self.line.iter();
        line.any(|held| held.id == id && !held.is_finished)
    }

    /// Lets go on what waits behind those who have finished.
    pub(super) fn advance_line(&mut self) {
        while self.line.front().is_some_and(|held| held.is_finished) {
            let held = self.line.pop_front().expect("the first of them");
            self.append_delayed(held.behind);
            if let Some(next) = self.line.front_mut() {
                let own = mem::take(&mut next.own);
                self.append_delayed(own);
            }
        }
    }
}
