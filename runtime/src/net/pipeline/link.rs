//! What all handles of a pipeline share: its state, and the connection of the moment.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::door::AtDoor;
use super::line::Held;
use super::places::{End, Kept, Order, Places, Remains, Stage};
use super::reader::{Attempt, Reader, Resumption};
use super::session::Inlet;
use super::waiter::{Bereaved, Flush, MessageOp, Waiter};
use super::{Id, Limits, Loops, Protocol, Transport};
use crate::cancel::{CancellationSignal, CancellationType, cancelled};
use crate::context::IoExecutor;
use crate::executor::Executor;
use crate::shim::plain::{Mutex, MutexGuard};
use crate::task::Task;
use crate::time::Timer;
use crate::{Completion, Signature};

pub(super) struct Shared<P: Protocol> {
    pub(super) executor: IoExecutor,
    pub(super) protocol: P,
    pub(super) limits: Limits,
    reconnects: bool,
    may_stay_silent: bool,
    tickets: AtomicU64,
    /// The place that is reserved for the next request, if that may come in at once; else 0.
    ///
    /// It is put here under the lock, and only while nothing waits at the door and the
    /// connection is neither full nor over; who makes that untrue takes it back.
    ready: AtomicU64,
    state: Mutex<State<P>>,
}

pub(super) struct State<P: Protocol> {
    /// Counts connections: a loop that outlives its own touches nothing.
    pub(super) epoch: u64,
    /// How many somebodies wait for anything.
    pub(super) waiting: usize,
    /// How many exchanges there are, whose callers may come back.
    pub(super) exchanges: usize,
    /// Whether anybody may come with another request.
    pub(super) has_handles: bool,
    pub(super) places: Places<P>,
    pub(super) listeners: VecDeque<(u64, MessageOp<P>)>,
    pub(super) messages: Kept<P::Message>,
    pub(super) link: Link<P>,
}

/// One connection.
pub(super) struct Link<P: Protocol> {
    pub(super) status: Status<P>,
    pub(super) stops: Arc<Stops>,
    /// What is written next, and the buffer that takes turns with it.
    pub(super) outgoing: Vec<u8>,
    pub(super) spare: Vec<u8>,
    /// What comes before that: from here on, it has not been written.
    pub(super) unwritten: Option<(Vec<u8>, usize)>,
    /// How much has ever been put into `outgoing`, and how much of that has been written.
    pub(super) appended: u64,
    pub(super) written: u64,
    pub(super) flushes: VecDeque<Flush<P>>,
    /// Those who say more than one thing, and what has to wait behind each.
    pub(super) line: VecDeque<Held<P>>,
    /// What has been read, while nobody reads: the loop has it then.
    pub(super) inlet: Option<Box<Inlet<P>>>,
    /// What requests are encoded with, if they have to know their connection: `None` while
    /// there is none, or somebody encodes.
    pub(super) encoder: Option<P::Encoder>,
    /// Those whose replies come in order.
    pub(super) order: Order,
    pub(super) unanswered: usize,
    /// What waits until there is room.
    pub(super) door: VecDeque<AtDoor<P>>,
    /// How much of that is more of an upload.
    pub(super) more_at_door: usize,
    pub(super) is_admitting: bool,
    pub(super) is_reading: bool,
    pub(super) is_writing: bool,
    /// Somebody will write before long.
    pub(super) is_write_due: bool,
    /// Why nothing is written any more, while what has been said before is still read: what is
    /// asked meanwhile waits for the next connection.
    pub(super) write_error: Option<Arc<P::Error>>,
    /// The parts of the first reply have to be taken first.
    pub(super) is_paused: bool,
    pub(super) is_watching: bool,
    /// How many requests were answered together the last time. Probably as many are
    /// coming now.
    pub(super) at_once: u32,
    /// When something came, or began to be due.
    pub(super) heard: Instant,
    /// What a reader that is paused waits for.
    pub(super) resumption: Option<Timer>,
}

pub(super) enum Status<P: Protocol> {
    Down,
    Connecting,
    /// Shared, so that nothing of the author's is cloned under the lock.
    Up(Arc<P::Stream>),
    /// It is not made again.
    Over(Arc<P::Error>),
}

/// Ends the loops of a connection when nobody waits any more.
#[derive(Default)]
pub(super) struct Stops {
    /// Of the one that reads, or connects.
    pub(super) read: CancellationSignal,
    pub(super) write: CancellationSignal,
    pub(super) watch: CancellationSignal,
    /// Of what waits for the last words of one that takes nothing any more.
    pub(super) last: CancellationSignal,
}

impl Stops {
    pub(super) fn emit(&self) {
        self.read.emit(CancellationType::TERMINAL);
        self.write.emit(CancellationType::TERMINAL);
        self.watch.emit(CancellationType::TERMINAL);
        self.last.emit(CancellationType::TERMINAL);
    }
}

impl<P: Protocol> Link<P> {
    pub(super) fn new(status: Status<P>) -> Self {
        Self {
            status,
            stops: Arc::default(),
            outgoing: Vec::new(),
            spare: Vec::new(),
            unwritten: None,
            appended: 0,
            written: 0,
            flushes: VecDeque::new(),
            line: VecDeque::new(),
            inlet: None,
            encoder: None,
            order: Order::default(),
            unanswered: 0,
            door: VecDeque::new(),
            more_at_door: 0,
            is_admitting: false,
            is_reading: false,
            is_writing: false,
            is_write_due: false,
            write_error: None,
            is_paused: false,
            is_watching: false,
            at_once: 0,
            heard: Instant::now(),
            resumption: None,
        }
    }

    /// Returns whether nothing is written any more.
    pub(super) fn is_dying(&self) -> bool {
        self.write_error.is_some()
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.unwritten.is_some() || !self.outgoing.is_empty()
    }

    /// Returns whether there is something to write that nobody writes.
    pub(super) fn is_write_wanted(&self) -> bool {
        self.has_unsent() && !self.is_writing && !self.is_write_due
    }

    /// Returns whether the other end takes too little, or answers too little.
    #[inline]
    pub(super) fn is_clogged(&self, limits: &Limits) -> bool {
        let is_simple = self.unwritten.is_none() && self.line.is_empty();
        let unsent = match is_simple {
            true => self.outgoing.len(),
            false => self.unsent(),
        };
        unsent > limits.unsent || self.unanswered >= limits.unanswered
    }

    #[cold]
    fn unsent(&self) -> usize {
        let unwritten = self.unwritten.as_ref().map_or(0, |it| it.0.len() - it.1);
        let held = self.line.iter();
        let held = held.map(|it| it.own.bytes.len() + it.behind.bytes.len());
        unwritten + self.outgoing.len() + held.sum::<usize>()
    }

    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        let spare = mem::take(&mut self.spare);
        mem::replace(&mut self.outgoing, spare)
    }

    /// Adds to what is written next. The buffer may come back as another one.
    #[inline(always)]
    pub(super) fn append(&mut self, bytes: &mut Vec<u8>) {
        self.appended += bytes.len() as u64;
        if self.outgoing.is_empty() {
            mem::swap(&mut self.outgoing, bytes);
        } else {
            self.outgoing.extend_from_slice(bytes);
        }
        bytes.clear();
    }
}

impl<P: Protocol> State<P> {
    /// Takes out what is known of the first request that is in order.
    #[inline]
    pub(super) fn front_pending(&mut self) -> Option<(Id, P::Pending)> {
        let place = self.places.first(&self.link.order)?;
        Some((place.id, place.pending.take()?))
    }

    /// Takes out what is known of a request by its id.
    pub(super) fn pending_by_id(&mut self, id: Id) -> Option<(Id, P::Pending)> {
        let place = self.places.get(id)?;
        if place.stage != Stage::ById {
            return None;
        }
        Some((place.id, place.pending.take()?))
    }

    /// Puts back what has been taken out; leaves it if it is nobody's any more.
    pub(super) fn return_pending(&mut self, taken: &mut Option<(Id, P::Pending)>) {
        let Some((id, _)) = taken else { return };
        let place = self.places.get(*id);
        if let Some(place) = place.filter(|it| it.pending.is_none()) {
            place.pending = taken.take().map(|it| it.1);
        }
    }

    /// Returns whether nobody waits for the connection, nor can come back to it, and all has
    /// been written that was asked.
    fn is_left(&self) -> bool {
        let link = &self.link;
        let is_said = !link.has_unsent() && !link.is_writing;
        let is_idle = self.waiting == 0 && self.exchanges == 0;
        is_idle && !self.has_handles && is_said && matches!(link.status, Status::Up(_))
    }

    /// Returns whether nobody waits for this connection, or for what one that is dying may
    /// still say: for the next one at most.
    pub(super) fn is_idle(&mut self) -> bool {
        self.waiting == 0 || self.link.is_dying() && self.waiting == self.wait_for_next()
    }

    #[cold]
    fn wait_for_next(&mut self) -> usize {
        let places = &mut self.places;
        let mut is_next = |id, waits: bool| {
            let place = places.get(id).filter(|it| it.stage == Stage::Next);
            place.is_some_and(|it| waits || it.caller.is_some())
        };
        let door = self.link.door.iter();
        let wait = door.filter(|it| match it {
            AtDoor::Request(id, _) => is_next(*id, false),
            AtDoor::More(id, ..) => is_next(*id, true),
            AtDoor::Last(..) => false,
        });
        wait.count()
    }

    /// Keeps those at a door who wait for the next connection; returns the others.
    fn keep_at_door(&mut self, door: VecDeque<AtDoor<P>>) -> VecDeque<AtDoor<P>> {
        let places = &mut self.places;
        let is_next = |it: &AtDoor<P>| {
            let place = places.get(it.id());
            place.is_some_and(|place| place.stage == Stage::Next)
        };
        let (kept, others) = door.into_iter().partition(is_next);
        self.link.door = kept;
        let more = self.link.door.iter().filter(|it| it.is_more());
        self.link.more_at_door = more.count();
        others
    }

    /// Returns where to wait until a request can be encoded.
    pub(super) fn at_door(&self) -> Stage {
        match self.link.is_dying() {
            true => Stage::Next,
            false => Stage::AtDoor,
        }
    }

    /// Returns whether the first reply in order is to an upload that goes on.
    fn is_being_told(&mut self) -> bool {
        let Some(held) = self.link.line.front().filter(|held| !held.is_finished) else {
            return false;
        };
        let first = self.places.first(&self.link.order);
        first.is_some_and(|place| place.id == held.id)
    }

    /// Returns whether silence of the other end is a failure.
    fn is_reply_due(&self, may_stay_silent: bool) -> bool {
        let is_connecting = matches!(self.link.status, Status::Connecting);
        let is_due = match may_stay_silent {
            true => !self.link.order.is_empty(),
            false => self.link.unanswered > 0,
        };
        self.waiting > 0 && (is_connecting || is_due)
    }
}

impl<P: Protocol> Shared<P> {
    /// Whether a request has to know its connection.
    pub(super) const KNOWS: bool = mem::size_of::<P::Encoder>() > 0;

    pub(super) fn new(executor: IoExecutor, protocol: P) -> Self {
        let limits = protocol.limits();
        let state = State {
            epoch: 0,
            waiting: 0,
            exchanges: 0,
            has_handles: true,
            places: Places::default(),
            listeners: VecDeque::new(),
            messages: Kept::default(),
            link: Link::new(Status::Down),
        };
        Self {
            executor,
            limits: Limits {
                // Or none would ever be answered.
                unanswered: limits.unanswered.max(1),
                ..limits
            },
            reconnects: protocol.reconnects(),
            may_stay_silent: protocol.may_stay_silent(),
            protocol,
            tickets: AtomicU64::new(1),
            ready: AtomicU64::new(0),
            state: Mutex::new(state),
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock()
    }

    /// The state, if it is that of connection `epoch` still.
    #[inline]
    pub(super) fn lock_for(&self, epoch: u64) -> Option<MutexGuard<'_, State<P>>> {
        Some(self.lock()).filter(|state| state.epoch == epoch)
    }

    /// Returns the place that is ready for a request, which then waits for nobody.
    #[inline]
    pub(super) fn take_ready(&self) -> Option<Id> {
        match self.ready.swap(0, Ordering::Relaxed) {
            0 => None,
            number => Some(Id::from_number(number)),
        }
    }

    /// Has a place ready for the next request if that may come in at once, and else none.
    #[inline(always)]
    pub(super) fn settle(&self, state: &mut State<P>) {
        if Self::KNOWS {
            // Each comes for the encoder anyway.
            return;
        }
        let link = &state.link;
        let is_over = matches!(link.status, Status::Over(_));
        let may_enter = !link.must_queue() && !is_over && !self.is_full(state);
        let is_ready = self.ready.load(Ordering::Relaxed) != 0;
        if !may_enter {
            self.withdraw(state);
        } else if !is_ready {
            let id = state.places.reserve();
            let number = id.map_or(0, Id::get);
            self.ready.store(number, Ordering::Relaxed);
        }
    }

    #[cold]
    fn withdraw(&self, state: &mut State<P>) {
        if let Some(id) = self.take_ready() {
            state.places.release_empty(id);
        }
    }

    pub(super) fn ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::Relaxed)
    }

    /// Has `op` completed when it is asked to stop; returns whether it can be.
    #[inline]
    pub(super) fn on_cancel<S: Signature>(
        self: &Arc<Self>,
        op: &Completion<S>,
        id: Id,
        ticket: u64,
    ) -> bool {
        let can_be_asked = op.can_be_asked();
        if can_be_asked {
            self.on_request(op, id, ticket);
        }
        can_be_asked
    }

    fn on_request<S: Signature>(self: &Arc<Self>, op: &Completion<S>, id: Id, ticket: u64) {
        let shared = Arc::downgrade(self);
        op.on_cancel(move |_| {
            if let Some(shared) = Weak::upgrade(&shared) {
                shared.cancel(id, ticket);
            }
        });
    }

    /// One less waits; the loops end if it was the last.
    pub(super) fn one_less(self: &Arc<Self>, mut state: MutexGuard<'_, State<P>>) {
        state.waiting -= 1;
        self.end_if_idle(state);
    }

    /// Ends the loops if nobody waits.
    pub(super) fn end_if_idle(self: &Arc<Self>, mut state: MutexGuard<'_, State<P>>) {
        let stops = state.is_idle().then(|| state.link.stops.clone());
        drop(state);
        if let Some(stops) = stops {
            stops.emit();
            self.leave();
        }
    }

    /// Ends a connection that is left: its loops, which have it, hear of that when the context
    /// runs again, if ever.
    pub(super) fn leave(self: &Arc<Self>) {
        if !self.lock().is_left() {
            return;
        }
        // Made without the lock.
        let error = cancelled().into();
        let state = self.lock();
        if state.is_left() {
            self.end(state, error).tell();
        }
    }

    /// Completes the one that waits there, and leaves the place.
    fn cancel(self: &Arc<Self>, id: Id, ticket: u64) {
        let mut state = self.lock();
        let mut waiter = None;
        let mut _unwanted = None;
        let mut _unsaid = None;
        let mut remains = None;
        if let Some(place) = state.places.get(id) {
            if place.ticket == ticket {
                waiter = place.caller.take();
                let is_forgotten = waiter.is_some() && self.is_forgotten(place.stage);
                if is_forgotten && !place.is_exchange {
                    state.link.unanswered -= 1;
                    state.places.release(id, &mut remains);
                }
            }
        }
        if waiter.is_none() {
            let is_it = |flush: &Flush<P>| flush.id == id && flush.ticket == ticket;
            let mut found = None;
            let is_at_door =
                |it: &AtDoor<P>| matches!(it, AtDoor::More(_, _, flush) if is_it(flush));
            let door = &mut state.link.door;
            if let Some(at) = door.iter().position(is_at_door) {
                if let Some(AtDoor::More(_, more, flush)) = door.remove(at) {
                    (found, _unsaid) = (Some(flush), Some(more));
                    state.link.more_at_door -= 1;
                }
            }
            let line = state.link.line.iter_mut();
            let delayed = line.flat_map(|held| [&mut held.own, &mut held.behind]);
            for flushes in delayed.map(|it| &mut it.flushes) {
                let at = flushes.iter().position(is_it);
                found = found.or(at.and_then(|at| flushes.remove(at)));
            }
            let flushes = &mut state.link.flushes;
            let at = flushes.iter().position(is_it);
            found = found.or(at.and_then(|at| flushes.remove(at)));
            if let Some((op, reply)) = found.map(Flush::into_waiter) {
                (waiter, _unwanted) = (Some(op), reply);
            }
        }
        let Some(waiter) = waiter else {
            return;
        };
        self.one_less(state);
        waiter.cancel_later(&self.executor);
    }

    /// The same of one that waits for messages.
    pub(super) fn cancel_listener(self: &Arc<Self>, ticket: u64) {
        let mut state = self.lock();
        let at = state.listeners.iter().position(|it| it.0 == ticket);
        let Some((_, op)) = at.and_then(|at| state.listeners.remove(at)) else {
            return;
        };
        self.one_less(state);
        Waiter::Message(op).cancel_later(&self.executor);
    }

    /// Returns whether what is given up there is over, as there may be no reply.
    pub(super) fn is_forgotten(&self, stage: Stage) -> bool {
        self.may_stay_silent && stage == Stage::ById
    }

    /// Returns why no request can be made any more, if that is so.
    pub(super) fn refusal(&self, state: &State<P>) -> Option<Arc<P::Error>> {
        match &state.link.status {
            Status::Over(error) => Some(error.clone()),
            _ if !self.reconnects => state.link.write_error.clone(),
            _ => None,
        }
    }

    /// Returns whether nobody waits for a connection that takes no more; nor comes back to
    /// it, unless too much waits for that already.
    #[inline]
    pub(super) fn is_hopeless(&self, state: &State<P>) -> bool {
        if state.waiting > 0 || !self.is_full(state) {
            return false;
        }
        state.exchanges == 0 || state.link.door.len() >= self.limits.unanswered
    }

    #[inline]
    pub(super) fn is_full(&self, state: &State<P>) -> bool {
        state.link.is_clogged(&self.limits)
    }

    /// Has written what there is, if there is a connection: nobody waits for one.
    pub(super) fn serve_if_up(self: &Arc<Self>, state: MutexGuard<'_, State<P>>) {
        if matches!(state.link.status, Status::Up(_)) {
            self.serve(state, true);
        }
    }

    /// Sees to it that those who wait are served.
    #[inline]
    pub(super) fn serve(self: &Arc<Self>, state: MutexGuard<'_, State<P>>, is_alone: bool) {
        let link = &state.link;
        let is_watched = link.is_watching || self.limits.silence.is_none();
        let is_served = link.is_reading && !link.is_write_wanted() && is_watched;
        if !is_served || !matches!(link.status, Status::Up(_)) {
            self.begin_to_serve(state, is_alone);
        }
    }

    fn begin_to_serve(self: &Arc<Self>, mut state: MutexGuard<'_, State<P>>, is_alone: bool) {
        let is_up = matches!(state.link.status, Status::Up(_));
        let watches = self.limits.silence.is_some()
            && (state.is_reply_due(self.may_stay_silent)
                || matches!(state.link.status, Status::Down))
            && !mem::replace(&mut state.link.is_watching, true);
        if watches || is_up && !state.link.is_reading {
            // What came while nobody read nobody has heard.
            self.hear(&mut state.link);
        }
        let epoch = state.epoch;
        let watch = watches.then(|| state.link.stops.clone());
        match &state.link.status {
            Status::Connecting | Status::Over(_) => drop(state),
            Status::Down => {
                state.link.status = Status::Connecting;
                let stops = state.link.stops.clone();
                drop(state);
                let attempt = Attempt::new(self, epoch);
                Loops::of(self).begin_to_connect(attempt, &stops);
            }
            Status::Up(stream) => {
                let stream = (!state.link.is_reading).then(|| stream.clone());
                self.serve_up(state, stream, is_alone);
            }
        }
        if let Some(stops) = watch {
            Loops::of(self).begin_to_watch(epoch, &stops);
        }
    }

    fn serve_up(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State<P>>,
        stream: Option<Arc<P::Stream>>,
        is_alone: bool,
    ) {
        let reader = stream.map(|stream| {
            state.link.is_reading = true;
            let stops = state.link.stops.clone();
            (stream, Reader::new(self, &mut state), stops)
        });
        #[cfg(debug_assertions)]
        let waits = match state.link.unanswered {
            0 => "async_next_message",
            _ => "async_request",
        };
        let link = &mut state.link;
        if !link.is_write_wanted() {
            drop(state);
        } else if is_alone && !self.executor.runs_here() {
            self.write(state);
        } else {
            // With what else there will be by then, in one system call.
            link.is_write_due = true;
            drop(state);
            let shared = self.clone();
            self.executor
                .defer(Task::new(move || shared.write(shared.lock())));
        }
        if let Some((stream, reader, stops)) = reader {
            #[cfg(debug_assertions)]
            self.executor.note_wait(waits);
            Loops::of(self).begin_to_read(stream, reader, &stops);
        }
    }

    /// Returns whether to go on to watch for silence, and until when.
    pub(super) fn next_watch(&self, epoch: u64) -> Option<Instant> {
        let limit = self.limits.silence?;
        let mut state = self.lock_for(epoch)?;
        if !state.is_reply_due(self.may_stay_silent) {
            state.link.is_watching = false;
            return None;
        }
        let is_told = state.is_being_told() && !state.link.has_unsent() && !state.link.is_writing;
        if state.link.is_paused || is_told {
            // It may have said much that nobody reads; or has nothing to say yet.
            self.hear(&mut state.link);
        }
        Some(state.link.heard + limit)
    }

    /// Notes that there is no silence now, if anybody asks.
    #[inline]
    pub(super) fn hear(&self, link: &mut Link<P>) {
        if self.limits.silence.is_some() {
            link.heard = self.executor.now();
        }
    }

    /// The same of what is taken of an upload, which has no reply before its end.
    pub(super) fn hear_if_told(&self, state: &mut State<P>) {
        if self.limits.silence.is_some() && state.is_being_told() {
            state.link.heard = self.executor.now();
        }
    }

    /// Ends connection `epoch`: all who wait receive the error.
    pub(super) fn fail(self: &Arc<Self>, epoch: u64, error: P::Error) {
        if let Some(state) = self.lock_for(epoch) {
            self.end(state, error).tell();
        }
    }

    /// Ends the connection; returns those who have to be told.
    pub(super) fn end(
        self: &Arc<Self>,
        guard: MutexGuard<'_, State<P>>,
        error: P::Error,
    ) -> Bereaved<P> {
        self.end_by(guard, Arc::new(error))
    }

    /// The same by an error that others may have, too.
    pub(super) fn end_by(
        self: &Arc<Self>,
        mut guard: MutexGuard<'_, State<P>>,
        error: Arc<P::Error>,
    ) -> Bereaved<P> {
        let mut waiters = VecDeque::new();
        // Dropped without the lock.
        let mut remains = Vec::<Remains<P>>::new();
        let mut rest = Vec::new();
        let state = &mut *guard;
        let status = match self.reconnects {
            true => Status::Down,
            false => Status::Over(error.clone()),
        };
        let mut last = mem::replace(&mut state.link, Link::new(status));
        let keeps = self.reconnects && last.is_dying();
        let mut door = mem::take(&mut last.door);
        if keeps {
            door = state.keep_at_door(door);
        }
        self.settle(state);
        state.epoch += 1;
        state.waiting = state.wait_for_next();
        // First those in order, in their order.
        let ids = state.places.in_order(mem::take(&mut last.order));
        for id in ids.into_iter().chain(state.places.ids()) {
            let Some(place) = state.places.get(id) else {
                continue;
            };
            let is_due = matches!(place.stage, Stage::InOrder | Stage::ById);
            if keeps && place.stage == Stage::Next {
                place.stage = Stage::AtDoor;
                continue;
            }
            if !is_due && !place.stage.is_at_door() {
                continue;
            }
            waiters.extend(place.caller.take());
            if place.is_exchange {
                place.stage = Stage::Answered;
                place.end = Some(End::Lost(error.clone()));
                rest.push(place.pending.take());
            } else {
                let mut left = None;
                state.places.release(id, &mut left);
                remains.extend(left);
            }
        }
        let line = mem::take(&mut last.line).into_iter();
        let delayed = line.flat_map(|held| [held.own.flushes, held.behind.flushes]);
        let flushes = [mem::take(&mut last.flushes)].into_iter().chain(delayed);
        let listeners = mem::take(&mut state.listeners);
        let epoch = state.epoch;
        let goes_on = state.link.has_door();
        drop(guard);
        if goes_on {
            Resumption::post(self, epoch);
        }
        let flushes = flushes
            .flatten()
            .chain(door.drain(..).filter_map(|it| match it {
                AtDoor::More(_, _, flush) => Some(flush),
                AtDoor::Request(..) | AtDoor::Last(..) => None,
            }));
        for (waiter, _) in flushes.map(Flush::into_waiter) {
            waiters.push_back(waiter);
        }
        waiters.extend(listeners.into_iter().map(|it| Waiter::Message(it.1)));
        if let Status::Up(stream) = &last.status {
            stream.close();
        }
        // Before anybody is told, who might ask for the next connection.
        last.stops.emit();
        Bereaved::new(self.executor, error, waiters)
    }
}
