//! One connection that any number of requests share.
//!
//! A request leaves its command in a buffer and its completion in a queue. The
//! server answers in the order in which it was asked, so the queue of completions
//! *is* the pipeline: whatever becomes of those who wait, a reply belongs to the
//! one at the front. Who has given up leaves an empty place, and its reply is
//! thrown away when it comes.
//!
//! Two loops serve the connection, one that reads and one that writes. They run
//! while there is something to do, and end: `IoContext::run` returns when nobody
//! waits for anything.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use async_op::cancel::{CancellationSignal, CancellationType, OperationError};
use async_op::io::{AsyncReadStream, AsyncWriteStream, write_all};
use async_op::task::Task;
use async_op::{
    Completion, CompletionToken, Detached, Executor, IoExecutor, IoObject, async_op,
    bind_cancellation_slot, this_op,
};

use super::command::Command;
use super::config::Config;
use super::news::{Message, News, Subscriptions, news};
use super::queue::{Bereaved, Place, Queue, Waiting};
use super::resp::Input;
use super::stream::Stream;
use super::value::{Error, Result, Value};

/// So many messages are kept that nobody has asked for yet; more end the connection.
const MOST_MESSAGES: usize = 100_000;
/// Where nobody waits for anything, a connection with more unsent bytes, or more
/// replies to come, is given up: the server takes nothing.
const MOST_UNSENT: usize = 4 << 20;
const MOST_UNANSWERED: usize = 100_000;

/// A client: a handle, as all I/O objects are.
///
/// It connects when there is something to send, and again after a failure. What
/// was under way when the connection failed is not sent a second time: it
/// completes with the error. So does the first request on a connection that the server
/// has closed meanwhile, for what belongs to a connection, such as the keys it watches,
/// is gone with it.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    executor: IoExecutor,
    config: Config,
    /// Numbers those who wait.
    numbers: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Link,
    /// Counts connections: a loop that outlives its own touches nothing.
    epoch: u64,
    stops: Arc<Stops>,
    /// What is written next, and the buffer that takes turns with it.
    outgoing: Vec<u8>,
    spare: Vec<u8>,
    /// What comes before that: from here on, it has not been written.
    unwritten: Option<(Vec<u8>, usize)>,
    /// What has been read, while nobody reads: the loop has it then.
    input: Option<Box<Input>>,
    queue: Queue,
    /// Those who wait for messages, and messages that nobody waits for.
    listeners: VecDeque<(u64, Waiting<Message>)>,
    messages: VecDeque<Message>,
    /// How many, of all these, somebody still waits for.
    waiting: usize,
    subscriptions: Subscriptions,
    is_reading: bool,
    is_writing: bool,
    /// Somebody will write before long.
    is_write_due: bool,
    /// How many requests were answered together the last time. Probably as many are
    /// coming now.
    at_once: u32,
}

/// Ends the loops of a connection when nobody waits any more.
#[derive(Default)]
struct Stops {
    /// Of the one that reads, or connects.
    read: CancellationSignal,
    write: CancellationSignal,
}

impl Stops {
    fn emit(&self) {
        self.read.emit(CancellationType::TERMINAL);
        self.write.emit(CancellationType::TERMINAL);
    }
}

#[derive(Default)]
enum Link {
    #[default]
    Down,
    Connecting,
    Up(Stream),
}

impl IoObject for Client {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.shared.executor
    }
}

impl Client {
    /// Makes a client; connects later.
    pub fn new(executor: &IoExecutor, config: Config) -> Self {
        let shared = Shared {
            executor: *executor,
            config,
            numbers: AtomicU64::new(0),
            state: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Returns whether there is a connection. If not, the next request makes one.
    pub fn is_connected(&self) -> bool {
        matches!(self.shared.lock().link, Link::Up(_))
    }

    /// Closes the connection: all who wait are cancelled. No handler runs in here.
    pub fn close(&self) {
        let state = self.shared.lock();
        self.shared.end(state, cancelled()).tell_later();
    }

    /// Sends a command, and completes with its reply.
    ///
    /// Of several commands in one the last reply counts, or, if it has been made so,
    /// an array of all. Cancelled or dropped, the command is carried out all the same,
    /// but for one that had not been sent before the connection failed.
    ///
    /// What replies for ever, or not at all, such as `MONITOR` or `CLIENT REPLY`, is
    /// refused, and so are `HELLO` and `RESET`.
    #[async_op]
    pub fn async_request(&self, command: Command, op: Completion<fn(Result<Value>)>) {
        if let Some(flaw) = command.flaw() {
            return op.complete(Err(
                io::Error::new(ErrorKind::InvalidInput, flaw.text()).into()
            ));
        }
        if command.replies == 0 {
            return op.complete(Ok(Value::Array(Vec::new())));
        }
        let number = self.shared.on_cancel(&op);
        let mut state = self.shared.lock();
        if !op.requested().is_empty() {
            // Before it was in the queue, where it would have been found.
            drop(state);
            return op.complete(Err(cancelled()));
        }
        if state.waiting == 0 && state.is_clogged() {
            // Nobody is left to be told.
            self.shared.end(state, cancelled()).tell();
            state = self.shared.lock();
        }
        let is_alone = state.queue.is_empty() && state.at_once < 2;
        state.outgoing.extend_from_slice(command.as_bytes());
        state.queue.push(Place {
            number,
            replies: command.replies,
            is_about_channels: command.is_about_channels(),
            all: command
                .collects
                .then(|| Vec::with_capacity(command.replies as usize)),
            error: None,
            op: Some(op),
        });
        state.waiting += 1;
        state.subscriptions.asked += u32::from(command.is_about_channels());
        self.shared.serve(state, is_alone);
    }

    /// Completes with the next message of the channels subscribed to; with the error
    /// [`NotConnected`](ErrorKind::NotConnected) when there is no such channel any more.
    ///
    /// A future of it that is dropped may take a message with it that has just come:
    /// `cancel_after` or a signal loses none.
    #[async_op]
    pub fn async_next_message(&self, op: Completion<fn(Result<Message>)>) {
        let number = self.shared.on_cancel(&op);
        let mut state = self.shared.lock();
        if !op.requested().is_empty() {
            drop(state);
            return op.complete(Err(cancelled()));
        }
        if let Some(message) = state.messages.pop_front() {
            drop(state);
            return op.complete(Ok(message));
        }
        if !state.subscriptions.are_due() {
            drop(state);
            return op.complete(Err(not_subscribed()));
        }
        state.listeners.push_back((number, op));
        state.waiting += 1;
        self.shared.serve(state, false);
    }

    /// Makes a connection: connects, says hello, and starts the loops.
    #[async_op]
    async fn async_connect(&self, attempt: Attempt) {
        while attempt.goes_on() {
            match attempt.shared.dial().await {
                Ok((stream, input)) => return attempt.succeeds(stream, input),
                // It goes on if somebody has come after the last one had gone.
                Err(error) if error.is_cancelled() => this_op::cancellation().clear(),
                Err(error) => return attempt.shared.fail(attempt.epoch, error),
            }
        }
    }

    /// Hands out replies until nobody waits for any.
    #[async_op]
    async fn async_read_loop(&self, stream: Stream, reader: Reader) {
        let mut reader = reader;
        let error = loop {
            match reader.deliver() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => break error,
            }
            match stream.read_after(&mut reader.input().room(), 0).await {
                Ok(0) => break Error::Io(ErrorKind::UnexpectedEof.into()),
                Ok(n) => reader.input().read(n),
                // `deliver` finds out whether anybody waits.
                Err(error) if async_op::is_cancelled(&error) => this_op::cancellation().clear(),
                Err(error) => break error.into(),
            }
        };
        self.shared.fail(reader.epoch, error);
    }

    /// Writes `bytes` from there on, and what comes up meanwhile, while anybody waits.
    #[async_op]
    async fn async_write_loop(&self, stream: Stream, epoch: u64, bytes: Vec<u8>, from: usize) {
        let (mut bytes, mut from) = (bytes, from);
        loop {
            bytes = match self.shared.goes_on_writing(epoch, bytes, from) {
                Some(bytes) => bytes,
                None => return,
            };
            match stream.write_after(&mut &bytes[from..], 0).await {
                Ok(n) if from + n == bytes.len() => {
                    bytes = match self.shared.written(epoch, bytes) {
                        Some(more) => more,
                        None => return,
                    };
                    from = 0;
                }
                Ok(n) => from += n,
                Err(error) if async_op::is_cancelled(&error) => this_op::cancellation().clear(),
                Err(error) => return self.shared.fail(epoch, error.into()),
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody's code but ours runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, if it is that of connection `epoch` still.
    fn lock_for(&self, epoch: u64) -> Option<MutexGuard<'_, State>> {
        Some(self.lock()).filter(|state| state.epoch == epoch)
    }

    /// Has `op`, whose number is returned, completed when it is asked to stop.
    fn on_cancel<T: 'static>(self: &Arc<Self>, op: &Waiting<T>) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::downgrade(self);
        op.on_cancel(move |_| {
            if let Some(shared) = Weak::upgrade(&shared) {
                shared.cancel(number);
            }
        });
        number
    }

    /// Completes the one that has this number, and leaves its place in the queue.
    fn cancel(&self, number: u64) {
        let mut state = self.lock();
        let request = state.queue.take(number);
        let listener = state.listeners.iter().position(|it| it.0 == number);
        let listener = listener.and_then(|place| state.listeners.remove(place));
        if request.is_none() && listener.is_none() {
            return;
        }
        state.waiting -= 1;
        let stops = (state.waiting == 0).then(|| state.stops.clone());
        drop(state);
        if let Some(stops) = stops {
            stops.emit();
        }
        if let Some(op) = request {
            self.complete_later(op);
        }
        if let Some((_, op)) = listener {
            self.complete_later(op);
        }
    }

    /// Completes what has been cancelled: not within the call that asks for it.
    fn complete_later<T: Send + 'static>(&self, op: Waiting<T>) {
        if self.executor.runs_here() {
            self.executor
                .post(Task::new(move || op.complete(Err(cancelled()))));
        } else {
            op.complete(Err(cancelled()));
        }
    }

    /// Sees to it that what is in the queues is served.
    fn serve(self: &Arc<Self>, mut state: MutexGuard<'_, State>, is_alone: bool) {
        let stream = match &state.link {
            Link::Connecting => return,
            Link::Down => {
                state.link = Link::Connecting;
                let attempt = Attempt {
                    shared: self.clone(),
                    epoch: state.epoch,
                };
                let token = stoppable(&state.stops.read);
                drop(state);
                Client::clone_of(self).async_connect(attempt, token);
                return;
            }
            Link::Up(stream) => (!state.is_reading).then(|| stream.clone()),
        };
        let reader = stream.map(|stream| {
            state.is_reading = true;
            let token = stoppable(&state.stops.read);
            (stream, Reader::new(self, &mut state), token)
        });
        if state.is_write_due || state.is_writing || !state.has_unsent() {
            drop(state);
        } else if is_alone && !self.executor.runs_here() {
            self.write(state);
        } else {
            // With what else there will be by then, in one system call.
            state.is_write_due = true;
            drop(state);
            let shared = self.clone();
            self.executor
                .defer(Task::new(move || shared.write(shared.lock())));
        }
        if let Some((stream, reader, token)) = reader {
            Client::clone_of(self).async_read_loop(stream, reader, token);
        }
    }

    /// Connects, and says hello; returns what the server has said beyond its answer.
    async fn dial(&self) -> Result<(Stream, Input)> {
        let stream = Stream::connect(&self.executor, &self.config.address).await?;
        let mut input = Input::default();
        let Some(greeting) = self.config.greeting() else {
            return Ok((stream, input));
        };
        write_all(&stream, greeting.as_bytes()).await?;
        for _ in 0..greeting.replies {
            let reply = loop {
                if let Some(reply) = input.next(self.config.longest_reply)? {
                    break reply;
                }
                match stream.read_after(&mut input.room(), 0).await? {
                    0 => return Err(Error::Io(ErrorKind::UnexpectedEof.into())),
                    n => input.read(n),
                }
            };
            if let Value::Error(message) = reply {
                return Err(Error::Server(message));
            }
        }
        Ok((stream, input))
    }

    /// Writes what there is: here and now, if the system takes it.
    fn write(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        state.is_write_due = false;
        let Link::Up(stream) = &state.link else {
            return;
        };
        if state.is_writing || !state.has_unsent() {
            return;
        }
        let stream = stream.clone();
        let epoch = state.epoch;
        state.is_writing = true;
        let (mut bytes, mut from) = match state.unwritten.take() {
            Some(unwritten) => unwritten,
            None => (state.take_outgoing(), 0),
        };
        drop(state);
        loop {
            match stream.write_now(&bytes[from..]) {
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

    /// Goes on when the system takes more.
    fn write_rest(self: &Arc<Self>, stream: Stream, epoch: u64, bytes: Vec<u8>, from: usize) {
        let Some(state) = self.lock_for(epoch) else {
            return;
        };
        let token = stoppable(&state.stops.write);
        drop(state);
        Client::clone_of(self).async_write_loop(stream, epoch, bytes, from, token);
    }

    /// Returns the bytes if they shall be written now. If not, they are kept: nobody
    /// waits, and the next request goes on with them.
    fn goes_on_writing(&self, epoch: u64, bytes: Vec<u8>, from: usize) -> Option<Vec<u8>> {
        let mut state = self.lock_for(epoch)?;
        if state.waiting > 0 {
            return Some(bytes);
        }
        state.unwritten = Some((bytes, from));
        state.is_writing = false;
        None
    }

    /// Takes back the buffer that has been written; returns the next one.
    fn written(&self, epoch: u64, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let mut state = self.lock_for(epoch)?;
        if bytes.capacity() <= 64 * 1024 {
            bytes.clear();
            state.spare = bytes;
        }
        if state.outgoing.is_empty() {
            state.is_writing = false;
            return None;
        }
        Some(state.take_outgoing())
    }

    /// Gives a reply to whom it belongs; returns whether a request has been answered
    /// with it. The handler may run in here.
    fn route(&self, epoch: u64, value: Value) -> Result<bool> {
        let Some(mut state) = self.lock_for(epoch) else {
            return Ok(false);
        };
        // RESP3 says itself what a message is.
        let in_arrays = state.subscriptions.are_in_force() && !self.config.resp3;
        let is_about_channels = state.queue.front().is_some_and(|it| it.is_about_channels);
        let value = match news(value, in_arrays, is_about_channels) {
            News::Message(message) => {
                if let Some((_, op)) = state.listeners.pop_front() {
                    state.waiting -= 1;
                    drop(state);
                    op.complete(Ok(message));
                } else if state.messages.len() < MOST_MESSAGES {
                    state.messages.push_back(message);
                } else {
                    return Err(Error::Protocol("more messages than are asked for"));
                }
                return Ok(false);
            }
            News::Other => return Ok(false),
            News::Reply(value) => value,
        };
        let State {
            queue,
            subscriptions,
            ..
        } = &mut *state;
        let Some(front) = queue.front() else {
            return Err(Error::Protocol("a reply that nobody has asked for"));
        };
        if front.is_about_channels && !subscriptions.note(&value) && front.all.is_none() {
            // Refused as a whole.
            front.replies = 1;
        }
        front.replies -= 1;
        let value = match &mut front.all {
            Some(all) => {
                all.push(value);
                if front.replies > 0 {
                    return Ok(false);
                }
                Value::Array(mem::take(all))
            }
            None if front.replies > 0 => {
                if let Value::Error(error) = value {
                    front.error.get_or_insert(error);
                }
                return Ok(false);
            }
            None => match (value, front.error.take()) {
                (Value::Error(_), Some(first)) => Value::Error(first),
                (value, _) => value,
            },
        };
        let Some(place) = queue.pop() else {
            return Ok(false);
        };
        subscriptions.asked -= u32::from(place.is_about_channels);
        let disappointed = state.disappointed();
        state.waiting -= usize::from(place.op.is_some());
        drop(state);
        if !disappointed.is_empty() {
            let none = Queue::default();
            Bereaved::new(self.executor, not_subscribed(), none, disappointed).tell_later();
        }
        let Some(op) = place.op else {
            return Ok(false);
        };
        op.complete(match value {
            Value::Error(message) => Err(Error::Server(message)),
            value => Ok(value),
        });
        Ok(true)
    }

    /// Ends connection `epoch`: all who wait receive the error. The next request
    /// makes another connection.
    fn fail(&self, epoch: u64, error: Error) {
        if let Some(state) = self.lock_for(epoch) {
            self.end(state, error).tell();
        }
    }

    /// Ends the connection; returns those who have to be told.
    fn end(&self, mut state: MutexGuard<'_, State>, error: Error) -> Bereaved {
        let next = State {
            epoch: state.epoch + 1,
            ..State::default()
        };
        let last = mem::replace(&mut *state, next);
        drop(state);
        if let Link::Up(stream) = last.link {
            stream.close();
        }
        // Before anybody is told, who might ask for the next connection.
        last.stops.emit();
        Bereaved::new(self.executor, error, last.queue, last.listeners)
    }
}

impl Client {
    fn clone_of(shared: &Arc<Shared>) -> Self {
        Self {
            shared: shared.clone(),
        }
    }
}

impl State {
    fn has_unsent(&self) -> bool {
        self.unwritten.is_some() || !self.outgoing.is_empty()
    }

    /// Returns whether the server takes too little, or answers too little.
    fn is_clogged(&self) -> bool {
        let unwritten = self.unwritten.as_ref().map_or(0, |it| it.0.len() - it.1);
        unwritten + self.outgoing.len() > MOST_UNSENT || self.queue.len() > MOST_UNANSWERED
    }

    /// Takes out those who wait for messages, if none will come.
    fn disappointed(&mut self) -> VecDeque<(u64, Waiting<Message>)> {
        if self.listeners.is_empty() || self.subscriptions.are_due() {
            return VecDeque::new();
        }
        self.waiting -= self.listeners.len();
        mem::take(&mut self.listeners)
    }

    fn take_outgoing(&mut self) -> Vec<u8> {
        let spare = mem::take(&mut self.spare);
        mem::replace(&mut self.outgoing, spare)
    }
}

/// The token of what ends when nobody waits for it.
fn stoppable(stop: &CancellationSignal) -> impl CompletionToken<'static, fn()> + use<> {
    bind_cancellation_slot(stop.slot(), Detached)
}

/// A connection that is being made.
struct Attempt {
    shared: Arc<Shared>,
    epoch: u64,
}

impl Attempt {
    /// Returns whether anybody waits for it. If not, it is over.
    fn goes_on(&self) -> bool {
        let Some(state) = self.shared.lock_for(self.epoch) else {
            return false;
        };
        let goes_on = state.waiting > 0;
        if !goes_on {
            self.shared.end(state, cancelled()).tell();
        }
        goes_on
    }

    fn succeeds(&self, stream: Stream, input: Input) {
        let Some(mut state) = self.shared.lock_for(self.epoch) else {
            // Closed meanwhile.
            return stream.close();
        };
        state.link = Link::Up(stream);
        state.input = Some(Box::new(input));
        self.shared.serve(state, true);
    }
}

/// If the context goes, all who wait are told.
impl Drop for Attempt {
    fn drop(&mut self) {
        let state = self.shared.lock_for(self.epoch);
        if let Some(state) = state.filter(|state| matches!(state.link, Link::Connecting)) {
            self.shared.end(state, context_gone()).tell();
        }
    }
}

/// The loop that reads, while it runs.
struct Reader {
    shared: Arc<Shared>,
    epoch: u64,
    input: Option<Box<Input>>,
    is_over: bool,
}

impl Reader {
    fn new(shared: &Arc<Shared>, state: &mut State) -> Self {
        Self {
            shared: shared.clone(),
            epoch: state.epoch,
            input: state.input.take(),
            is_over: false,
        }
    }

    fn input(&mut self) -> &mut Input {
        self.input.get_or_insert_default()
    }

    /// Hands out all replies that are here; returns whether to go on.
    fn deliver(&mut self) -> Result<bool> {
        let limit = self.shared.config.longest_reply;
        let mut next = self.input().next(limit)?;
        let Some(mut state) = self.shared.lock_for(self.epoch) else {
            return Ok(false);
        };
        // What the handlers ask for now is written afterwards, all at once.
        let writes = next.is_some() && !mem::replace(&mut state.is_write_due, true);
        if next.is_some() {
            drop(state);
            let mut served = 0;
            while let Some(value) = next {
                served += u32::from(self.shared.route(self.epoch, value)?);
                next = self.input().next(limit)?;
            }
            state = match self.shared.lock_for(self.epoch) {
                Some(state) => state,
                None => return Ok(false),
            };
            state.at_once = served;
        }
        let goes_on = state.waiting > 0;
        if !goes_on {
            state.is_reading = false;
            state.input = self.input.take();
            self.is_over = true;
        }
        if writes {
            self.shared.write(state);
        }
        Ok(goes_on)
    }
}

/// A handler that panics does not take the connection with it: another loop goes
/// on where this one was. If the context goes, all who wait are told.
impl Drop for Reader {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let Some(mut state) = self.shared.lock_for(self.epoch) else {
            return;
        };
        if !thread::panicking() {
            drop(state);
            return self.shared.fail(self.epoch, context_gone());
        }
        state.is_reading = false;
        state.is_write_due = true;
        state.input = self.input.take();
        drop(state);
        let resumption = Resumption {
            shared: Some(self.shared.clone()),
            epoch: self.epoch,
        };
        self.shared
            .executor
            .post(Task::new(move || resumption.run()));
    }
}

/// What goes on where a loop was that a handler's panic has ended.
struct Resumption {
    /// `None` once it does.
    shared: Option<Arc<Shared>>,
    epoch: u64,
}

impl Resumption {
    fn run(mut self) {
        let Some(shared) = self.shared.take() else {
            return;
        };
        if let Some(state) = shared.lock_for(self.epoch) {
            shared.write(state);
        }
        if let Some(state) = shared.lock_for(self.epoch)
            && state.waiting > 0
        {
            shared.serve(state, false);
        }
    }
}

/// The panic has taken the context with it.
impl Drop for Resumption {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.fail(self.epoch, context_gone());
        }
    }
}

fn not_subscribed() -> Error {
    let text = "there is no channel whose messages could come";
    Error::Io(io::Error::new(ErrorKind::NotConnected, text))
}

fn cancelled() -> Error {
    Error::Io(async_op::cancel::cancelled())
}

fn context_gone() -> Error {
    Error::Io(io::Error::other("the context of the client is gone"))
}
