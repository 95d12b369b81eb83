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
use std::io;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_op::{
    AsyncReadStream, CancellationSignal, CancellationType, Completion, Detached, Executor,
    IoExecutor, IoObject, OperationError, Task, async_op, bind_cancellation_slot, this_op,
    write_all,
};

use super::command::Command;
use super::config::Config;
use super::resp::Input;
use super::stream::Stream;
use super::value::{Error, Result, Value};

/// A message of a channel that has been subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub channel: Vec<u8>,
    pub payload: Vec<u8>,
}

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
    /// Stops the loop that reads, or connects, when nobody waits any more.
    stop: CancellationSignal,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Link,
    /// Counts connections: a loop that outlives its own touches nothing.
    epoch: u64,
    /// What is written next, and the buffer that takes turns with it.
    outgoing: Vec<u8>,
    spare: Vec<u8>,
    input: Input,
    /// Those whose replies are to come, in the order of their commands.
    pending: VecDeque<Pending>,
    /// Those who wait for messages, and messages that nobody waits for.
    listeners: VecDeque<(u64, Waiting<Message>)>,
    messages: VecDeque<Message>,
    /// How many of all these somebody still waits for.
    waiting: usize,
    /// Whether messages have been asked for.
    subscribed: bool,
    /// Whether the server has said so. In RESP2 a message is an array like any other,
    /// but for this: what was asked for before may be one, too.
    is_subscription_in_force: bool,
    is_reading: bool,
    is_writing: bool,
    /// Somebody will write before long.
    is_write_due: bool,
    /// How many requests were answered together the last time. Probably as many are
    /// coming now.
    at_once: u32,
}

#[derive(Default)]
enum Link {
    #[default]
    Down,
    Connecting,
    Up(Stream),
}

type Waiting<T> = Completion<fn(Result<T>)>;

struct Pending {
    number: u64,
    replies: u32,
    subscribes: bool,
    /// Those that have come, if all count.
    all: Option<Vec<Value>>,
    /// `None` when nobody waits any more.
    op: Option<Waiting<Value>>,
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
            stop: CancellationSignal::new(),
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

    /// Closes the connection: all who wait are cancelled.
    pub fn close(&self) {
        let epoch = self.shared.lock().epoch;
        self.shared.fail(epoch, cancelled());
        // A connection that is being made is none yet.
        self.shared.stop.emit(CancellationType::TERMINAL);
    }

    /// Sends a command, and completes with its reply.
    ///
    /// Of several commands in one the last reply counts, or, if it has been made so,
    /// an array of all. Cancelled or dropped, the
    /// command is carried out all the same, but for one that had not been sent
    /// before the connection failed.
    #[async_op]
    pub fn async_request(&self, command: Command, op: Completion<fn(Result<Value>)>) {
        let number = self.shared.on_cancel(&op);
        let mut state = self.shared.lock();
        if !op.requested().is_empty() {
            // Before it was in the queue, where it would have been found.
            drop(state);
            return op.complete(Err(cancelled()));
        }
        if command.replies == 0 {
            drop(state);
            return op.complete(Ok(Value::Array(Vec::new())));
        }
        let is_alone = state.pending.is_empty() && state.at_once < 2;
        state.outgoing.extend_from_slice(command.as_bytes());
        state.pending.push_back(Pending {
            number,
            replies: command.replies,
            subscribes: command.subscribes,
            all: command
                .collects
                .then(|| Vec::with_capacity(command.replies as usize)),
            op: Some(op),
        });
        state.waiting += 1;
        state.subscribed |= command.subscribes;
        self.shared.serve(state, is_alone);
    }

    /// Completes with the next message of the channels subscribed to.
    #[async_op]
    pub fn async_next_message(&self, op: Completion<fn(Result<Message>)>) {
        let number = self.shared.on_cancel(&op);
        let mut state = self.shared.lock();
        if !op.requested().is_empty() {
            drop(state);
            return op.complete(Err(cancelled()));
        }
        if !state.subscribed {
            drop(state);
            return op.complete(Err(Error::Io(io::ErrorKind::NotConnected.into())));
        }
        if let Some(message) = state.messages.pop_front() {
            drop(state);
            return op.complete(Ok(message));
        }
        state.listeners.push_back((number, op));
        state.waiting += 1;
        self.shared.serve(state, false);
    }

    /// Makes connection `epoch`: connects, says hello, and starts the loops.
    #[async_op]
    async fn async_connect(&self, epoch: u64) {
        let shared = &self.shared;
        let result = loop {
            match shared.dial().await {
                // Somebody has come after the last one had gone.
                Err(error) if error.is_cancelled() && shared.is_awaited(epoch) => {
                    this_op::cancellation().clear();
                }
                result => break result,
            }
        };
        match result {
            Ok(stream) => match shared.lock_for(epoch) {
                Some(mut state) => {
                    state.link = Link::Up(stream);
                    shared.serve(state, true);
                }
                // Closed meanwhile.
                None => stream.close(),
            },
            Err(error) => shared.fail(epoch, error),
        }
    }

    /// Hands out replies until nobody waits for any.
    #[async_op]
    async fn async_read_loop(&self, stream: Stream, epoch: u64) {
        let mut reader = Reader::new(&self.shared, epoch);
        let error = loop {
            match reader.deliver() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => break error,
            }
            match stream.read_after(&mut reader.input.room(), 0).await {
                Ok(0) => break Error::Io(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => reader.input.read(n),
                // `deliver` finds out whether anybody waits.
                Err(error) if async_op::is_cancelled(&error) => this_op::cancellation().clear(),
                Err(error) => break error.into(),
            }
        };
        self.shared.fail(epoch, error);
    }

    /// Writes the rest of `bytes`, and what comes up meanwhile.
    #[async_op]
    async fn async_write_loop(&self, stream: Stream, epoch: u64, bytes: Vec<u8>, from: usize) {
        let mut next = Some((bytes, from));
        while let Some((bytes, from)) = next {
            if let Err(error) = write_all(&stream, &bytes[from..]).await {
                return self.shared.fail(epoch, error.into());
            }
            next = self.shared.written(epoch, bytes).map(|more| (more, 0));
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

    /// Returns whether anybody waits for connection `epoch`.
    fn is_awaited(&self, epoch: u64) -> bool {
        self.lock_for(epoch).is_some_and(|state| state.waiting > 0)
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
        let mut pending = state.pending.iter_mut();
        let request = pending
            .find(|it| it.number == number)
            .and_then(|it| it.op.take());
        let listener = state.listeners.iter().position(|it| it.0 == number);
        let listener = listener.and_then(|place| state.listeners.remove(place));
        if request.is_none() && listener.is_none() {
            return;
        }
        state.waiting -= 1;
        let was_last = state.waiting == 0;
        drop(state);
        if was_last {
            self.stop.emit(CancellationType::TERMINAL);
        }
        if let Some(op) = request {
            op.complete(Err(cancelled()));
        }
        if let Some((_, op)) = listener {
            op.complete(Err(cancelled()));
        }
    }

    /// Sees to it that what is in the queues is served.
    fn serve(self: &Arc<Self>, mut state: MutexGuard<'_, State>, is_alone: bool) {
        let stream = match &state.link {
            Link::Connecting => return,
            Link::Down => {
                state.link = Link::Connecting;
                let epoch = state.epoch;
                drop(state);
                Client::clone_of(self).async_connect(epoch, self.stoppable());
                return;
            }
            Link::Up(stream) => (!state.is_reading).then(|| stream.clone()),
        };
        state.is_reading = true;
        let epoch = state.epoch;
        if state.is_write_due || state.is_writing || state.outgoing.is_empty() {
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
        if let Some(stream) = stream {
            Client::clone_of(self).async_read_loop(stream, epoch, self.stoppable());
        }
    }

    /// The token of what ends when nobody waits for it.
    fn stoppable(&self) -> impl async_op::CompletionToken<'static, fn()> + use<> {
        bind_cancellation_slot(self.stop.slot(), Detached)
    }

    async fn dial(&self) -> Result<Stream> {
        let stream = Stream::connect(&self.executor, &self.config.address).await?;
        let Some(greeting) = self.config.greeting() else {
            return Ok(stream);
        };
        write_all(&stream, greeting.as_bytes()).await?;
        let mut input = Input::default();
        for _ in 0..greeting.replies {
            let reply = loop {
                if let Some(reply) = input.next(self.config.longest_reply)? {
                    break reply;
                }
                match stream.read_after(&mut input.room(), 0).await? {
                    0 => return Err(Error::Io(io::ErrorKind::UnexpectedEof.into())),
                    n => input.read(n),
                }
            };
            if let Value::Error(message) = reply {
                return Err(Error::Server(message));
            }
        }
        Ok(stream)
    }

    /// Writes what there is: here and now, if the system takes it.
    fn write(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        state.is_write_due = false;
        let Link::Up(stream) = &state.link else {
            return;
        };
        let stream = stream.clone();
        let epoch = state.epoch;
        if state.is_writing || state.outgoing.is_empty() {
            return;
        }
        state.is_writing = true;
        let mut next = Some(state.take_outgoing());
        drop(state);
        while let Some(bytes) = next {
            match stream.write_now(&bytes) {
                Ok(n) if n == bytes.len() => next = self.written(epoch, bytes),
                Ok(n) => {
                    let client = Client::clone_of(self);
                    return client.async_write_loop(stream, epoch, bytes, n, Detached);
                }
                Err(error) => return self.fail(epoch, error.into()),
            }
        }
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
        let in_arrays = state.is_subscription_in_force && !self.config.resp3;
        let value = match news(value, in_arrays) {
            News::Message(message) => {
                if let Some((_, op)) = state.listeners.pop_front() {
                    state.waiting -= 1;
                    drop(state);
                    op.complete(Ok(message));
                } else {
                    state.messages.push_back(message);
                }
                return Ok(false);
            }
            News::Other => return Ok(false),
            News::Reply(value) => value,
        };
        let State {
            pending,
            is_subscription_in_force,
            ..
        } = &mut *state;
        let Some(front) = pending.front_mut() else {
            return Err(Error::Protocol("a reply that nobody has asked for"));
        };
        front.replies -= 1;
        *is_subscription_in_force |= front.subscribes && is_confirmation(&value);
        let value = match &mut front.all {
            Some(all) => {
                all.push(value);
                if front.replies > 0 {
                    return Ok(false);
                }
                Value::Array(mem::take(all))
            }
            None => value,
        };
        if front.replies > 0 {
            return Ok(false);
        }
        let op = state.pending.pop_front().and_then(|front| front.op);
        state.waiting -= usize::from(op.is_some());
        drop(state);
        let Some(op) = op else {
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
        let Some(mut state) = self.lock_for(epoch) else {
            return;
        };
        let epoch = state.epoch + 1;
        let State {
            link,
            pending,
            listeners,
            ..
        } = mem::replace(
            &mut *state,
            State {
                epoch,
                ..State::default()
            },
        );
        drop(state);
        if let Link::Up(stream) = link {
            stream.close();
        }
        for op in pending.into_iter().filter_map(|it| it.op) {
            op.complete(Err(error.again()));
        }
        for (_, op) in listeners {
            op.complete(Err(error.again()));
        }
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
    fn take_outgoing(&mut self) -> Vec<u8> {
        let spare = mem::take(&mut self.spare);
        mem::replace(&mut self.outgoing, spare)
    }
}

/// The loop that reads, while it runs.
struct Reader {
    shared: Arc<Shared>,
    epoch: u64,
    input: Input,
    is_over: bool,
}

impl Reader {
    fn new(shared: &Arc<Shared>, epoch: u64) -> Self {
        let state = shared.lock_for(epoch);
        let input = state.map(|mut state| mem::take(&mut state.input));
        Self {
            shared: shared.clone(),
            epoch,
            input: input.unwrap_or_default(),
            is_over: false,
        }
    }

    /// Hands out all replies that are here; returns whether to go on.
    fn deliver(&mut self) -> Result<bool> {
        let limit = self.shared.config.longest_reply;
        let mut next = self.input.next(limit)?;
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
                next = self.input.next(limit)?;
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
            state.input = mem::take(&mut self.input);
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
        if !std::thread::panicking() {
            drop(state);
            return self.shared.fail(self.epoch, context_gone());
        }
        state.is_reading = false;
        state.is_write_due = true;
        state.input = mem::take(&mut self.input);
        drop(state);
        let shared = self.shared.clone();
        self.shared.executor.post(Task::new(move || {
            shared.write(shared.lock());
            shared.serve(shared.lock(), false);
        }));
    }
}

/// Returns whether the server has let a client subscribe.
fn is_confirmation(value: &Value) -> bool {
    let (Value::Push(items) | Value::Array(items)) = value else {
        return false;
    };
    matches!(items.first(), Some(Value::Bytes(kind)) if kind.ends_with(b"subscribe"))
}

enum News {
    Reply(Value),
    Message(Message),
    /// Such as that a key has changed which this client caches: nobody asked.
    Other,
}

/// Tells what the server says by itself from what it has been asked for; whether
/// that may be `in_arrays`, too.
fn news(value: Value, in_arrays: bool) -> News {
    let is_push = matches!(value, Value::Push(_));
    let (Value::Push(items) | Value::Array(items)) = &value else {
        return News::Reply(value);
    };
    if !is_push && !in_arrays {
        return News::Reply(value);
    }
    let Some(Value::Bytes(kind)) = items.first() else {
        return News::Reply(value);
    };
    let from = match &kind[..] {
        b"message" | b"smessage" => 1,
        b"pmessage" => 2,
        kind if kind.ends_with(b"subscribe") => return News::Reply(value),
        _ if is_push => return News::Other,
        _ => return News::Reply(value),
    };
    let (Value::Push(items) | Value::Array(items)) = value else {
        unreachable!("just matched")
    };
    let mut items = items.into_iter().skip(from);
    match (items.next(), items.next()) {
        (Some(Value::Bytes(channel)), Some(Value::Bytes(payload))) => {
            News::Message(Message { channel, payload })
        }
        _ => News::Other,
    }
}

fn cancelled() -> Error {
    Error::Io(async_op::cancelled())
}

fn context_gone() -> Error {
    Error::Io(io::Error::other("the context of the client is gone"))
}
