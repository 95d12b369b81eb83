//! What all handles of a pipeline share, and the writing half of a connection.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::places::{End, Places, Remains, Stage};
use super::reader::{Attempt, Reader};
use super::session::Inlet;
use super::waiter::{Bereaved, Flush, MessageOp, ReplyOp, SentOp, Waiter, later};
use super::{Expect, Id, Limits, Pipeline, PipelineError, Protocol, Transport};
use crate::cancel::{CancellationSignal, CancellationType, cancelled};
use crate::context::IoExecutor;
use crate::executor::Executor;
use crate::shim::plain::{Mutex, MutexGuard};
use crate::task::Task;
use crate::time::Timer;
use crate::{Completion, Signature};

use super::back::{MessageBack, PartBack};
use super::places::Kept;
use crate::sync::Returnable;

/// A buffer that has been larger is not kept.
const KEPT: usize = 64 * 1024;

pub(super) struct Shared<P: Protocol> {
    pub(super) executor: IoExecutor,
    pub(super) protocol: P,
    pub(super) limits: Limits,
    reconnects: bool,
    may_stay_silent: bool,
    tickets: AtomicU64,
    state: Mutex<State<P>>,
}

pub(super) struct State<P: Protocol> {
    /// Counts connections: a loop that outlives its own touches nothing.
    pub(super) epoch: u64,
    /// How many somebodies wait for anything.
    pub(super) waiting: usize,
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
    outgoing: Vec<u8>,
    spare: Vec<u8>,
    /// What comes before that: from here on, it has not been written.
    unwritten: Option<(Vec<u8>, usize)>,
    /// How much has ever been put into `outgoing`, and how much of that has been written.
    appended: u64,
    written: u64,
    flushes: VecDeque<Flush<P>>,
    /// Those who say more than one thing, and what has to wait behind each.
    line: VecDeque<Held<P>>,
    /// What has been read, while nobody reads: the loop has it then.
    pub(super) inlet: Option<Box<Inlet<P>>>,
    /// Those whose replies come in order.
    pub(super) order: VecDeque<Id>,
    pub(super) unanswered: usize,
    /// What waits until there is room.
    door: VecDeque<AtDoor<P>>,
    /// How much of that is more of an upload.
    more_at_door: usize,
    is_admitting: bool,
    pub(super) is_reading: bool,
    is_writing: bool,
    /// Somebody will write before long.
    pub(super) is_write_due: bool,
    /// The parts of the first reply have to be taken first.
    pub(super) is_paused: bool,
    is_watching: bool,
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
    Up(P::Stream),
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
}

impl Stops {
    pub(super) fn emit(&self) {
        self.read.emit(CancellationType::TERMINAL);
        self.write.emit(CancellationType::TERMINAL);
        self.watch.emit(CancellationType::TERMINAL);
    }
}

/// A request whose caller says more, and holds up what comes after it.
struct Held<P: Protocol> {
    id: Id,
    is_finished: bool,
    /// What it has said while another was before it.
    own: Delayed<P>,
    behind: Delayed<P>,
}

struct Delayed<P: Protocol> {
    bytes: Vec<u8>,
    flushes: VecDeque<Flush<P>>,
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
        self.flushes.extend(flush.map(|mut flush| {
            flush.position = self.bytes.len() as u64;
            flush
        }));
    }
}

/// What waits at the door, in the order in which it came.
enum AtDoor<P: Protocol> {
    Request(Id, P::Request),
    More(Id, P::Request, Flush<P>),
    Last(Id, P::Request),
}

impl<P: Protocol> AtDoor<P> {
    fn is_more_of(&self, id: Id) -> bool {
        match self {
            Self::Request(..) => false,
            Self::More(more, ..) | Self::Last(more, _) => *more == id,
        }
    }
}

/// What is said, and who waits for its reply.
pub(super) enum Speaker<P: Protocol> {
    Request(ReplyOp<P>),
    Exchange,
    /// It came to the door before; its place knows the rest.
    Admitted,
}

impl<P: Protocol> Link<P> {
    fn new(status: Status<P>) -> Self {
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
            order: VecDeque::new(),
            unanswered: 0,
            door: VecDeque::new(),
            more_at_door: 0,
            is_admitting: false,
            is_reading: false,
            is_writing: false,
            is_write_due: false,
            is_paused: false,
            is_watching: false,
            at_once: 0,
            heard: Instant::now(),
            resumption: None,
        }
    }

    fn has_unsent(&self) -> bool {
        self.unwritten.is_some() || !self.outgoing.is_empty()
    }

    /// Returns whether there is something to write that nobody writes.
    pub(super) fn is_write_wanted(&self) -> bool {
        self.has_unsent() && !self.is_writing && !self.is_write_due
    }

    /// Returns whether the other end takes too little, or answers too little.
    fn is_clogged(&self, limits: &Limits) -> bool {
        let unwritten = self.unwritten.as_ref().map_or(0, |it| it.0.len() - it.1);
        let held = self.line.iter();
        let held = held.map(|it| it.own.bytes.len() + it.behind.bytes.len());
        let unsent = unwritten + self.outgoing.len() + held.sum::<usize>();
        unsent > limits.unsent || self.unanswered >= limits.unanswered
    }

    fn take_outgoing(&mut self) -> Vec<u8> {
        let spare = mem::take(&mut self.spare);
        mem::replace(&mut self.outgoing, spare)
    }

    /// Adds to what is written next. The buffer may come back as another one.
    pub(super) fn append(&mut self, bytes: &mut Vec<u8>) {
        self.appended += bytes.len() as u64;
        if self.outgoing.is_empty() {
            mem::swap(&mut self.outgoing, bytes);
        } else {
            self.outgoing.extend_from_slice(bytes);
        }
        bytes.clear();
    }

    fn append_delayed(&mut self, mut delayed: Delayed<P>) {
        for mut flush in delayed.flushes {
            flush.position += self.appended;
            self.flushes.push_back(flush);
        }
        self.append(&mut delayed.bytes);
    }

    /// Adds what somebody says behind all others.
    fn say(&mut self, bytes: &mut Vec<u8>, flush: Option<Flush<P>>) {
        match self.line.back_mut() {
            Some(held) => held.behind.push(bytes, flush),
            None => self.say_now(bytes, flush),
        }
    }

    fn say_now(&mut self, bytes: &mut Vec<u8>, flush: Option<Flush<P>>) {
        self.append(bytes);
        self.flushes.extend(flush.map(|mut flush| {
            flush.position = self.appended;
            flush
        }));
    }

    /// Adds what one says who has the line; returns whether there is such a one.
    fn say_more(&mut self, id: Id, bytes: &mut Vec<u8>, flush: Option<Flush<P>>) {
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
    fn advance_line(&mut self) {
        while self.line.front().is_some_and(|held| held.is_finished)
            && let Some(held) = self.line.pop_front()
        {
            self.append_delayed(held.behind);
            if let Some(next) = self.line.front_mut() {
                let own = mem::take(&mut next.own);
                self.append_delayed(own);
            }
        }
    }

    /// Returns whether what comes now has to wait behind others.
    fn must_queue(&self) -> bool {
        self.is_admitting || self.has_door()
    }

    /// Returns whether more of an upload has to wait: it itself does, or what was said
    /// before.
    fn must_queue_more(&self, id: Id) -> bool {
        let mut door = self.door.iter();
        let is_before = self.more_at_door > 0 && door.any(|it| it.is_more_of(id));
        self.is_admitting || is_before || !self.holds_line(id)
    }

    /// Takes the next one who may come in. More of an upload always may: what makes the
    /// connection full may be those who wait behind it.
    fn take_from_door(&mut self, is_full: bool) -> Option<AtDoor<P>> {
        if self.more_at_door > 0 {
            let mut door = self.door.iter();
            let is_welcome = |it: &AtDoor<P>| self.line.iter().any(|held| it.is_more_of(held.id));
            if let Some(at) = door.position(is_welcome) {
                self.more_at_door -= 1;
                return self.door.remove(at);
            }
        }
        if is_full {
            return None;
        }
        let next = self.door.pop_front()?;
        self.more_at_door -= usize::from(!matches!(next, AtDoor::Request(..)));
        Some(next)
    }

    pub(super) fn has_door(&self) -> bool {
        !self.door.is_empty()
    }
}

impl<P: Protocol> State<P> {
    /// Takes out what is known of the first request that is in order.
    pub(super) fn front_pending(&mut self) -> Option<(Id, P::Pending)> {
        let id = *self.link.order.front()?;
        let pending = self.places.get(id)?.pending.take()?;
        Some((id, pending))
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
        if let Some((id, _)) = taken
            && let Some(place) = self.places.get(*id)
            && place.pending.is_none()
        {
            place.pending = taken.take().map(|it| it.1);
        }
    }

    /// Returns whether a request may say more: it is an upload, or may be one.
    fn may_say_more(&mut self, id: Id) -> bool {
        let holds_line = self.link.holds_line(id);
        let place = self.places.get(id);
        place.is_some_and(|it| !it.is_finished && (holds_line || it.stage == Stage::AtDoor))
    }

    /// Returns whether somebody wants what has come to the door, and whether in parts.
    fn wants(&mut self, id: Id) -> Option<bool> {
        let place = self.places.get(id)?;
        let is_wanted = place.caller.is_some() || place.is_exchange;
        is_wanted.then_some(place.is_exchange)
    }

    /// Returns whether a request ends in the middle where nobody says more.
    pub(super) fn is_cut_short(&mut self, id: Id) -> bool {
        let holds_line = self.link.holds_line(id);
        let place = self.places.get(id);
        holds_line && place.is_some_and(|place| !place.is_finished)
    }

    /// Returns whether silence of the other end is a failure.
    fn is_reply_due(&self) -> bool {
        let is_connecting = matches!(self.link.status, Status::Connecting);
        let is_due = self.link.unanswered > 0 && !self.link.is_paused;
        self.waiting > 0 && (is_connecting || is_due)
    }
}

impl<P: Protocol> Shared<P> {
    pub(super) fn new(executor: IoExecutor, protocol: P) -> Self {
        let state = State {
            epoch: 0,
            waiting: 0,
            places: Places::default(),
            listeners: VecDeque::new(),
            messages: Kept::default(),
            link: Link::new(Status::Down),
        };
        Self {
            executor,
            limits: protocol.limits(),
            reconnects: protocol.reconnects(),
            may_stay_silent: protocol.may_stay_silent(),
            protocol,
            tickets: AtomicU64::new(1),
            state: Mutex::new(state),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock()
    }

    /// The state, if it is that of connection `epoch` still.
    pub(super) fn lock_for(&self, epoch: u64) -> Option<MutexGuard<'_, State<P>>> {
        Some(self.lock()).filter(|state| state.epoch == epoch)
    }

    pub(super) fn ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::Relaxed)
    }

    /// Has `op` completed when it is asked to stop.
    pub(super) fn on_cancel<S: Signature>(
        self: &Arc<Self>,
        op: &Completion<S>,
        id: Id,
        ticket: u64,
    ) {
        let shared = Arc::downgrade(self);
        op.on_cancel(move |_| {
            if let Some(shared) = Weak::upgrade(&shared) {
                shared.cancel(id, ticket);
            }
        });
    }

    /// Completes the one that waits there, and leaves the place.
    fn cancel(&self, id: Id, ticket: u64) {
        let mut state = self.lock();
        let mut waiter = None;
        let mut _unwanted = None;
        let mut _unsaid = None;
        let mut _remains = None;
        if let Some(place) = state.places.get(id)
            && place.ticket == ticket
        {
            waiter = place.caller.take();
            let is_forgotten = waiter.is_some() && self.is_forgotten(place.stage);
            if is_forgotten && !place.is_exchange {
                state.link.unanswered -= 1;
                _remains = state.places.release(id);
            }
        }
        if waiter.is_none() {
            let is_it = |flush: &Flush<P>| flush.id == id && flush.ticket == ticket;
            let mut found = None;
            let is_at_door =
                |it: &AtDoor<P>| matches!(it, AtDoor::More(_, _, flush) if is_it(flush));
            let door = &mut state.link.door;
            if let Some(at) = door.iter().position(is_at_door)
                && let Some(AtDoor::More(_, more, flush)) = door.remove(at)
            {
                (found, _unsaid) = (Some(flush), Some(more));
                state.link.more_at_door -= 1;
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
        let stops = state.one_less();
        drop(state);
        if let Some(stops) = stops {
            stops.emit();
        }
        waiter.cancel_later(&self.executor);
    }

    /// The same of one that waits for messages.
    pub(super) fn cancel_listener(&self, ticket: u64) {
        let mut state = self.lock();
        let at = state.listeners.iter().position(|it| it.0 == ticket);
        let Some((_, op)) = at.and_then(|at| state.listeners.remove(at)) else {
            return;
        };
        let stops = state.one_less();
        drop(state);
        if let Some(stops) = stops {
            stops.emit();
        }
        Waiter::Message(op).cancel_later(&self.executor);
    }

    /// Begins a request.
    pub(super) fn submit(self: &Arc<Self>, request: P::Request, op: ReplyOp<P>) {
        let (reserved, must_wait) = match self.reserve() {
            Ok(reserved) => reserved,
            Err(error) => return op.complete(Err(error)),
        };
        let id = reserved.id;
        self.on_cancel(&op, id, 0);
        if must_wait {
            // Before the lock: dropped after it.
            let mut request = Some(request);
            let mut state = self.lock_to_speak();
            if let Some(error) = self.refusal(&state, Some(&op)) {
                drop(state);
                return op.complete(Err(error()));
            }
            let state_now = &mut *state;
            if let (Some(place), Some(request)) = (state_now.places.get(id), request.take()) {
                place.stage = Stage::AtDoor;
                place.caller = Some(Waiter::Reply(op));
                state_now.link.door.push_back(AtDoor::Request(id, request));
                state_now.waiting += 1;
                reserved.keep();
            }
            self.serve(state, false);
            return self.admit();
        }
        scratch(|out| {
            let expect = match self.protocol.encode(request, id, out) {
                Ok(Expect::Upload(_)) => Err(use_open().into()),
                expect => expect,
            };
            let expect = match expect {
                Ok(expect) => expect,
                Err(error) => return op.complete(Err(error)),
            };
            let state = self.lock_to_speak();
            if let Some(error) = self.refusal(&state, Some(&op)) {
                drop(state);
                return op.complete(Err(error()));
            }
            reserved.keep();
            self.speak(state, id, expect, out, Speaker::Request(op));
        });
    }

    /// Begins a request whose reply has parts.
    pub(super) fn open(self: &Arc<Self>, request: P::Request) -> Result<Id, P::Error> {
        let (reserved, must_wait) = self.reserve()?;
        let id = reserved.id;
        if must_wait {
            let mut request = Some(request);
            let mut state = self.lock_to_speak();
            let state_now = &mut *state;
            if let (Some(place), Some(request)) = (state_now.places.get(id), request.take()) {
                place.stage = Stage::AtDoor;
                place.is_exchange = true;
                state_now.link.door.push_back(AtDoor::Request(id, request));
                reserved.keep();
            }
            drop(state);
            self.admit();
            return Ok(id);
        }
        scratch(|out| {
            let expect = self.protocol.encode(request, id, out)?;
            let state = self.lock_to_speak();
            if let Some(error) = self.refusal::<fn()>(&state, None) {
                drop(state);
                return Err(error());
            }
            reserved.keep();
            self.speak(state, id, expect, out, Speaker::Exchange);
            Ok(id)
        })
    }

    /// Says more, on behalf of a request that was opened.
    pub(super) fn send(self: &Arc<Self>, id: Id, request: P::Request, op: SentOp<P>) {
        let ticket = self.ticket();
        self.on_cancel(&op, id, ticket);
        let mut guard = self.lock();
        if let Some(error) = self.refusal(&guard, Some(&op)) {
            drop(guard);
            return op.complete(Err(error()));
        }
        if !guard.may_say_more(id) {
            drop(guard);
            return op.complete(Err(no_upload().into()));
        }
        let flush = Flush::of_part(id, ticket, op);
        if guard.link.must_queue_more(id) {
            let state = &mut *guard;
            state.link.more_at_door += 1;
            state.link.door.push_back(AtDoor::More(id, request, flush));
            state.waiting += 1;
            self.serve(guard, false);
            return self.admit();
        }
        drop(guard);
        self.say_more(id, request, flush);
    }

    /// Says more, if that can still be said.
    fn say_more(self: &Arc<Self>, id: Id, request: P::Request, flush: Flush<P>) {
        scratch(|out| {
            let result = self.protocol.encode_more(request, id, out);
            let mut state = self.lock();
            if result.is_ok() && state.link.holds_line(id) {
                state.link.say_more(id, out, Some(flush));
                state.waiting += 1;
                return self.serve(state, true);
            }
            drop(state);
            let error = result.err().unwrap_or_else(|| no_upload().into());
            flush.into_waiter().0.fail(error);
        });
    }

    /// Says the last of it, and lets others go on.
    pub(super) fn finish(self: &Arc<Self>, id: Id, request: P::Request) -> Result<(), P::Error> {
        let mut state = self.lock();
        if !state.may_say_more(id) {
            drop(state);
            return Err(no_upload().into());
        }
        if let Some(place) = state.places.get(id) {
            place.is_finished = true;
        }
        if state.link.must_queue_more(id) {
            state.link.more_at_door += 1;
            state.link.door.push_back(AtDoor::Last(id, request));
            drop(state);
            self.admit();
            return Ok(());
        }
        drop(state);
        self.say_last(id, request)
    }

    fn say_last(self: &Arc<Self>, id: Id, request: P::Request) -> Result<(), P::Error> {
        scratch(|out| {
            let result = self.protocol.encode_more(request, id, out);
            let mut state = self.lock();
            if let Err(error) = result {
                if let Some(place) = state.places.get(id) {
                    place.is_finished = false;
                }
                drop(state);
                return Err(error);
            }
            state.link.say_more(id, out, None);
            let line = state.link.line.iter_mut();
            for held in line.filter(|held| held.id == id) {
                held.is_finished = true;
            }
            state.link.advance_line();
            self.serve_if_up(state);
            Ok(())
        })
    }

    /// Returns a place that is free, and whether the request has to wait at the door.
    fn reserve(self: &Arc<Self>) -> Result<(Reserved<'_, P>, bool), P::Error> {
        let mut state = self.lock();
        if let Status::Over(error) = &state.link.status {
            let error = error.clone();
            drop(state);
            return Err(error.again());
        }
        let is_wanted = state.waiting > 0;
        let must_wait = is_wanted && self.is_full(&state) || state.link.must_queue();
        let Some(id) = state.places.reserve() else {
            drop(state);
            return Err(too_many().into());
        };
        let reserved = Reserved {
            shared: self,
            id,
            is_kept: Cell::new(false),
        };
        Ok((reserved, must_wait))
    }

    /// Returns whether what is given up there is over, as there may be no reply.
    pub(super) fn is_forgotten(&self, stage: Stage) -> bool {
        self.may_stay_silent && stage == Stage::ById
    }

    fn is_full(&self, state: &State<P>) -> bool {
        state.link.is_clogged(&self.limits)
    }

    /// Locks the state to add a request. A connection that takes no more, where nobody is
    /// left to be told, is given up.
    fn lock_to_speak(&self) -> MutexGuard<'_, State<P>> {
        let state = self.lock();
        if state.waiting > 0 || !self.is_full(&state) {
            return state;
        }
        self.end(state, cancelled().into()).tell();
        self.lock()
    }

    /// Returns why a request cannot be made, if so. What makes the error is foreign: without
    /// the lock.
    fn refusal<S: Signature + 'static>(
        &self,
        state: &State<P>,
        op: Option<&Completion<S>>,
    ) -> Option<impl FnOnce() -> P::Error + use<S, P>> {
        let over = match &state.link.status {
            Status::Over(error) => Some(error.clone()),
            _ => None,
        };
        // Before it was in its place, where it would have been found.
        let is_cancelled = op.is_some_and(|op| !op.requested().is_empty());
        (is_cancelled || over.is_some()).then_some(move || match over {
            Some(error) if !is_cancelled => error.again(),
            _ => cancelled().into(),
        })
    }

    /// Puts a request into what is written, and its caller into its place.
    fn speak(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State<P>>,
        id: Id,
        expect: Expect<P>,
        out: &mut Vec<u8>,
        speaker: Speaker<P>,
    ) {
        let mut _remains = None;
        let State {
            places,
            link,
            waiting,
            ..
        } = &mut *state;
        let Some(place) = places.get(id) else {
            // Given up at the door.
            drop(state);
            return;
        };
        let is_alone = link.unanswered == 0 && link.at_once < 2;
        let is_admitted = matches!(speaker, Speaker::Admitted);
        match speaker {
            Speaker::Request(op) => {
                place.caller = Some(Waiter::Reply(op));
                *waiting += 1;
            }
            Speaker::Exchange => place.is_exchange = true,
            Speaker::Admitted => {}
        }
        let mut is_upload = false;
        let (stage, pending) = match expect {
            Expect::InOrder(pending) => (Stage::InOrder, pending),
            Expect::ById(pending) => (Stage::ById, pending),
            Expect::Upload(pending) => {
                is_upload = true;
                (Stage::InOrder, pending)
            }
            Expect::Nothing(reply) => {
                if out.is_empty() && !place.is_exchange {
                    let caller = place.caller.take();
                    *waiting -= usize::from(caller.is_some());
                    _remains = places.release(id);
                    drop(state);
                    if let Some(Waiter::Reply(op)) = caller {
                        op.complete(Ok(reply));
                    }
                    return;
                }
                let mut flush = None;
                if place.is_exchange {
                    place.stage = Stage::Answered;
                    place.end = Some(End::Reply(Ok(reply)));
                } else {
                    if let Some(Waiter::Reply(op)) = place.caller.take() {
                        flush = Some(Flush::of_request(id, op, reply));
                    }
                    _remains = places.release(id);
                }
                link.say(out, flush);
                return self.serve_or_keep(state, is_alone, is_admitted);
            }
        };
        place.stage = stage;
        place.pending = Some(pending);
        if link.unanswered == 0 && self.limits.silence.is_some() {
            link.heard = Instant::now();
        }
        link.unanswered += 1;
        if stage == Stage::InOrder {
            link.order.push_back(id);
        }
        link.say(out, None);
        if is_upload {
            link.line.push_back(Held {
                id,
                is_finished: false,
                own: Delayed::default(),
                behind: Delayed::default(),
            });
        }
        self.serve_or_keep(state, is_alone, is_admitted);
    }

    fn serve_or_keep(
        self: &Arc<Self>,
        state: MutexGuard<'_, State<P>>,
        is_alone: bool,
        is_admitted: bool,
    ) {
        if state.waiting > 0 {
            self.serve(state, is_alone && !is_admitted);
        } else {
            self.serve_if_up(state);
        }
    }

    /// Has written what there is, if there is a connection: nobody waits for one.
    fn serve_if_up(self: &Arc<Self>, state: MutexGuard<'_, State<P>>) {
        if matches!(state.link.status, Status::Up(_)) {
            self.serve(state, true);
        }
    }

    /// Sees to it that those at the door come in, if there is room.
    pub(super) fn admit(self: &Arc<Self>) {
        let mut state = self.lock();
        let may_enter = state.link.more_at_door > 0 || !self.is_full(&state);
        if !state.link.is_admitting && state.link.has_door() && may_enter {
            state.link.is_admitting = true;
            let epoch = state.epoch;
            drop(state);
            let shared = self.clone();
            self.executor
                .post(Task::new(move || shared.admit_all(epoch)));
        }
    }

    fn admit_all(self: &Arc<Self>, epoch: u64) {
        let admitting = Admitting {
            shared: self,
            epoch,
        };
        loop {
            let Some(mut state) = self.lock_for(epoch) else {
                return;
            };
            let is_full = self.is_full(&state);
            let Some(next) = state.link.take_from_door(is_full) else {
                // Under the lock: whoever comes next begins anew.
                state.link.is_admitting = false;
                mem::forget(admitting);
                return;
            };
            if matches!(next, AtDoor::More(..)) {
                // Nowhere for a while, where the end of a connection would find it.
                state.waiting -= 1;
            }
            drop(state);
            match next {
                AtDoor::Request(id, request) => self.admit_one(epoch, id, request),
                AtDoor::More(id, request, flush) => self.say_more(id, request, flush),
                AtDoor::Last(id, request) => {
                    if let Err(error) = self.say_last(id, request) {
                        // There is no end to what it has said.
                        return self.fail(epoch, error);
                    }
                }
            }
        }
    }

    fn admit_one(self: &Arc<Self>, epoch: u64, id: Id, request: P::Request) {
        let reserved = Reserved {
            shared: self,
            id,
            is_kept: Cell::new(false),
        };
        let Some(is_exchange) = self.lock().wants(id) else {
            return;
        };
        scratch(|out| {
            let result = match self.protocol.encode(request, id, out) {
                Ok(Expect::Upload(_)) if !is_exchange => Err(use_open().into()),
                result => result,
            };
            match result {
                Ok(expect) => {
                    if let Some(state) = self.lock_for(epoch) {
                        reserved.keep();
                        self.speak(state, id, expect, out, Speaker::Admitted);
                    }
                }
                Err(error) => self.refuse(id, error),
            }
        });
    }

    /// Tells one who has waited at the door why it is not let in.
    fn refuse(&self, id: Id, error: P::Error) {
        let mut state = self.lock();
        let Some(place) = state.places.get(id) else {
            return;
        };
        let caller = place.caller.take();
        match caller {
            Some(waiter) => {
                let stops = state.one_less();
                drop(state);
                if let Some(stops) = stops {
                    stops.emit();
                }
                waiter.fail(error);
            }
            None if place.is_exchange => {
                place.stage = Stage::Answered;
                place.end = Some(End::Reply(Err(error)));
            }
            None => {}
        }
    }

    /// Sees to it that those who wait are served.
    pub(super) fn serve(self: &Arc<Self>, mut state: MutexGuard<'_, State<P>>, is_alone: bool) {
        let watches = self.limits.silence.is_some()
            && (state.is_reply_due() || matches!(state.link.status, Status::Down))
            && !mem::replace(&mut state.link.is_watching, true);
        let epoch = state.epoch;
        let watch = watches.then(|| {
            state.link.heard = Instant::now();
            state.link.stops.clone()
        });
        match &state.link.status {
            Status::Connecting | Status::Over(_) => drop(state),
            Status::Down => {
                state.link.status = Status::Connecting;
                let stops = state.link.stops.clone();
                drop(state);
                let attempt = Attempt::new(self, epoch);
                Pipeline::of(self).begin_to_connect(attempt, &stops);
            }
            Status::Up(stream) => {
                let stream = (!state.link.is_reading).then(|| stream.clone());
                self.serve_up(state, stream, is_alone);
            }
        }
        if let Some(stops) = watch {
            Pipeline::of(self).begin_to_watch(epoch, &stops);
        }
    }

    fn serve_up(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State<P>>,
        stream: Option<P::Stream>,
        is_alone: bool,
    ) {
        let reader = stream.map(|stream| {
            state.link.is_reading = true;
            let stops = state.link.stops.clone();
            (stream, Reader::new(self, &mut state), stops)
        });
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
            Pipeline::of(self).begin_to_read(stream, reader, &stops);
        }
    }

    /// Writes what there is: here and now, if the stream takes it.
    pub(super) fn write(self: &Arc<Self>, mut state: MutexGuard<'_, State<P>>) {
        let link = &mut state.link;
        link.is_write_due = false;
        let Status::Up(stream) = &link.status else {
            return;
        };
        if link.is_writing || !link.has_unsent() {
            return;
        }
        let stream = stream.clone();
        link.is_writing = true;
        let (mut bytes, mut from) = match link.unwritten.take() {
            Some(unwritten) => unwritten,
            None => (link.take_outgoing(), 0),
        };
        let epoch = state.epoch;
        drop(state);
        loop {
            let written = match stream.try_write_some(&bytes[from..]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
                written => written,
            };
            match written {
                Ok(n) if from + n == bytes.len() => {
                    bytes = match self.written(epoch, bytes) {
                        Some(more) => more,
                        None => return,
                    };
                    from = 0;
                }
                Ok(n) => return self.write_rest(stream, epoch, bytes, from + n),
                Err(error) => return self.fail(epoch, error.into()),
            }
        }
    }

    /// Goes on when the stream takes more.
    fn write_rest(self: &Arc<Self>, stream: P::Stream, epoch: u64, bytes: Vec<u8>, from: usize) {
        if let Some(state) = self.lock_for(epoch) {
            let stops = state.link.stops.clone();
            drop(state);
            Pipeline::of(self).begin_to_write(stream, epoch, bytes, from, &stops);
        }
    }

    /// Returns the bytes if they shall be written now. If not, they are kept: nobody
    /// waits, and the next request goes on with them.
    pub(super) fn goes_on_writing(
        &self,
        epoch: u64,
        bytes: Vec<u8>,
        from: usize,
    ) -> Option<Vec<u8>> {
        let mut state = self.lock_for(epoch)?;
        if state.waiting > 0 {
            return Some(bytes);
        }
        state.link.unwritten = Some((bytes, from));
        state.link.is_writing = false;
        None
    }

    /// Takes back the buffer that has been written; returns the next one.
    pub(super) fn written(self: &Arc<Self>, epoch: u64, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let mut state = self.lock_for(epoch)?;
        let link = &mut state.link;
        link.written += bytes.len() as u64;
        if bytes.capacity() <= KEPT {
            bytes.clear();
            link.spare = bytes;
        }
        let next = if link.outgoing.is_empty() {
            link.is_writing = false;
            None
        } else {
            Some(link.take_outgoing())
        };
        if !link.flushes.is_empty() || link.has_door() {
            drop(state);
            self.flushed(epoch);
            self.admit();
        }
        next
    }

    /// Has those told whose words are on their way.
    fn flushed(self: &Arc<Self>, epoch: u64) {
        while let Some(mut state) = self.lock_for(epoch) {
            let written = state.link.written;
            let flushes = &mut state.link.flushes;
            if flushes.front().is_none_or(|it| it.position > written) {
                return;
            }
            let Some(flush) = flushes.pop_front() else {
                return;
            };
            let stops = state.one_less();
            drop(state);
            if let Some(stops) = stops {
                stops.emit();
            }
            later(&self.executor, move || flush.complete());
        }
    }

    /// Gives messages that are kept to those who wait for some.
    pub(super) fn serve_listeners(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            if state.listeners.is_empty() {
                return;
            }
            let Some((order, message)) = state.messages.pop() else {
                return;
            };
            let op = state.listeners.pop_front();
            let stops = state.one_less();
            drop(state);
            if let Some(stops) = stops {
                stops.emit();
            }
            let shared = self.clone();
            let message = Returnable::new(message, MessageBack { shared, order });
            if let Some((_, op)) = op {
                later(&self.executor, move || op.complete(Ok(message)));
            }
        }
    }

    /// Gives a part that is kept to the one who waits for it.
    pub(super) fn serve_exchange(self: &Arc<Self>, id: Id) {
        let mut state = self.lock();
        let Some(place) = state.places.get(id) else {
            return;
        };
        if !matches!(place.caller, Some(Waiter::Part(_))) {
            return;
        }
        let Some((order, part)) = place.parts.pop() else {
            return;
        };
        let caller = place.caller.take();
        let stops = state.one_less();
        drop(state);
        if let Some(stops) = stops {
            stops.emit();
        }
        let shared = self.clone();
        let part = Returnable::new(part, PartBack { shared, id, order });
        if let Some(Waiter::Part(op)) = caller {
            later(&self.executor, move || op.complete(Ok(Some(part))));
        }
    }

    /// Tells those who wait for messages, if none will come.
    pub(super) fn disappoint(&self) {
        if self.protocol.expects_messages() {
            return;
        }
        let mut state = self.lock();
        let listeners = mem::take(&mut state.listeners);
        state.waiting -= listeners.len();
        drop(state);
        let waiters = listeners.into_iter().map(|it| Waiter::Message(it.1));
        let error = Arc::new(no_messages().into());
        Bereaved::new(self.executor, error, waiters.collect()).tell_later();
    }

    /// Returns whether to go on to watch for silence, and until when.
    pub(super) fn next_watch(&self, epoch: u64) -> Option<Instant> {
        let limit = self.limits.silence?;
        let mut state = self.lock_for(epoch)?;
        if !state.is_reply_due() {
            state.link.is_watching = false;
            return None;
        }
        Some(state.link.heard + limit)
    }

    /// Ends connection `epoch`: all who wait receive the error.
    pub(super) fn fail(&self, epoch: u64, error: P::Error) {
        if let Some(state) = self.lock_for(epoch) {
            self.end(state, error).tell();
        }
    }

    /// Ends the connection; returns those who have to be told.
    pub(super) fn end(&self, mut guard: MutexGuard<'_, State<P>>, error: P::Error) -> Bereaved<P> {
        let error = Arc::new(error);
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
        state.epoch += 1;
        state.waiting = 0;
        // First those in order, in their order.
        let ids = mem::take(&mut last.order).into_iter();
        for id in ids.chain(state.places.ids()) {
            let Some(place) = state.places.get(id) else {
                continue;
            };
            if !matches!(place.stage, Stage::AtDoor | Stage::InOrder | Stage::ById) {
                continue;
            }
            waiters.extend(place.caller.take());
            if place.is_exchange {
                place.stage = Stage::Answered;
                place.end = Some(End::Lost(error.clone()));
                rest.push(place.pending.take());
            } else {
                remains.extend(state.places.release(id));
            }
        }
        let line = mem::take(&mut last.line).into_iter();
        let delayed = line.flat_map(|held| [held.own.flushes, held.behind.flushes]);
        let flushes = [mem::take(&mut last.flushes)].into_iter().chain(delayed);
        let listeners = mem::take(&mut state.listeners);
        drop(guard);
        let mut door = mem::take(&mut last.door);
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

impl<P: Protocol> State<P> {
    /// One less waits; returns what ends the loops if it was the last.
    pub(super) fn one_less(&mut self) -> Option<Arc<Stops>> {
        self.waiting -= 1;
        (self.waiting == 0).then(|| self.link.stops.clone())
    }
}

/// A place that is free again unless it is kept: if what encodes the request panics, say.
struct Reserved<'a, P: Protocol> {
    shared: &'a Shared<P>,
    id: Id,
    is_kept: Cell<bool>,
}

impl<P: Protocol> Reserved<'_, P> {
    fn keep(&self) {
        self.is_kept.set(true);
    }
}

impl<P: Protocol> Drop for Reserved<'_, P> {
    fn drop(&mut self) {
        if self.is_kept.get() {
            return;
        }
        let mut _remains = None;
        let mut stops = None;
        let mut state = self.shared.lock();
        if let Some(place) = state.places.get(self.id)
            && place.stage != Stage::Answered
        {
            if place.caller.is_some() {
                stops = state.one_less();
            }
            _remains = state.places.release(self.id);
        }
        drop(state);
        if let Some(stops) = stops {
            stops.emit();
        }
    }
}

/// Those at the door are being let in; a panic of what encodes one keeps out no other.
struct Admitting<'a, P: Protocol> {
    shared: &'a Arc<Shared<P>>,
    epoch: u64,
}

impl<P: Protocol> Drop for Admitting<'_, P> {
    fn drop(&mut self) {
        if let Some(mut state) = self.shared.lock_for(self.epoch) {
            state.link.is_admitting = false;
            drop(state);
            self.shared.admit();
        }
    }
}

/// Calls `function` with an empty buffer, one for each thread.
fn scratch<R>(function: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    thread_local!(static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });
    let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
    let result = function(&mut buffer);
    if buffer.capacity() <= KEPT {
        buffer.clear();
        // None where the thread ends.
        let _ = BUFFER.try_with(|place| place.set(buffer));
    }
    result
}

fn too_many() -> io::Error {
    io::Error::other("more requests are under way than have numbers")
}

fn use_open() -> io::Error {
    let text = "the caller says more: open the request";
    io::Error::new(ErrorKind::InvalidInput, text)
}

fn no_upload() -> io::Error {
    let text = "the request has said all, or has ended";
    io::Error::new(ErrorKind::InvalidInput, text)
}

fn no_messages() -> io::Error {
    let text = "nothing is subscribed to whose messages could come";
    io::Error::new(ErrorKind::NotConnected, text)
}
