//! Connections that any number of requests share: the part of a client that is the same for
//! all protocols.
mod back;
mod door;
mod exchange;
mod input;
mod line;
mod link;
mod places;
mod protocol;
mod reader;
mod request;
mod session;
mod waiter;
mod writer;

pub use exchange::Exchange;
pub use input::Input;
pub use places::Id;
pub use protocol::{Event, Expect, Failure, Limits, PipelineError, Protocol, Transport};
pub use session::Session;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Instant;

use self::back::MessageBack;
use self::link::{Shared, Status, Stops};
use self::reader::{Attempt, Next, Reader};
use crate::cancel::{CancellationSignal, OperationError, cancelled, is_cancelled};
use crate::context::IoExecutor;
use crate::executor::IoObject;
use crate::initiation::Initiation;
use crate::io::{AsyncReadStream, AsyncWriteStream};
use crate::sync::Returnable;
use crate::time::Timer;
use crate::token::{CompletionToken, Detached};
use crate::{Completion, async_op, bind_cancellation_slot, this_op};

/// A connection that any number of requests share.
pub struct Pipeline<P: Protocol> {
    shared: Arc<Shared<P>>,
}

impl<P: Protocol> Pipeline<P> {
    /// Makes a pipeline; connects later.
    pub fn new<O>(on: &O, protocol: P) -> Self
    where
        O: IoObject<Executor = IoExecutor> + ?Sized,
    {
        Self {
            shared: Arc::new(Shared::new(on.executor(), protocol)),
        }
    }

    fn of(shared: &Arc<Shared<P>>) -> Self {
        Self {
            shared: shared.clone(),
        }
    }

    /// Returns the protocol.
    pub fn protocol(&self) -> &P {
        &self.shared.protocol
    }

    /// Returns whether there is a connection. If not, the next request makes one.
    pub fn is_connected(&self) -> bool {
        matches!(self.shared.lock().link.status, Status::Up(_))
    }

    /// Closes the connection: all who wait are cancelled. No handler runs in here.
    pub fn close(&self) {
        let error = cancelled().into();
        self.shared.end(self.shared.lock(), error).tell_later();
    }

    /// Makes a request, and completes with its reply.
    #[async_op]
    pub fn async_request(
        &self,
        request: P::Request,
        op: Completion<fn(Result<P::Reply, P::Error>)>,
    ) {
        self.shared.submit(request, op);
    }

    /// Makes a request whose reply comes in parts, or which is made in parts.
    pub fn open(&self, request: P::Request) -> Result<Exchange<P>, P::Error> {
        let id = self.shared.open(request)?;
        Ok(Exchange::new(self.shared.clone(), id))
    }

    /// Completes with the next message that nobody has asked for.
    #[async_op]
    pub fn async_next_message(&self) -> impl Initiation<fn(Result<P::Message, P::Error>)> {
        let message = self.message();
        message.map(|message| Ok(Returnable::receive(message?)))
    }

    #[async_op]
    fn async_message(
        &self,
        op: Completion<fn(Result<Returnable<P::Message, MessageBack<P>>, P::Error>)>,
    ) {
        let shared = &self.shared;
        let ticket = shared.ticket();
        let weak = Arc::downgrade(shared);
        op.on_cancel(move |_| {
            if let Some(shared) = Weak::upgrade(&weak) {
                shared.cancel_listener(ticket);
            }
        });
        let mut state = shared.lock();
        if !op.requested().is_empty() {
            drop(state);
            return op.complete(Err(cancelled().into()));
        }
        if let Some((order, message)) = state.messages.pop() {
            drop(state);
            let shared = shared.clone();
            return op.complete(Ok(Returnable::new(message, MessageBack { shared, order })));
        }
        if let Status::Over(error) = &state.link.status {
            let error = error.clone();
            drop(state);
            return op.complete(Err(error.again()));
        }
        state.listeners.push_back((ticket, op));
        state.waiting += 1;
        drop(state);
        // Now, as the last subscription may just have ended.
        shared.disappoint();
        let state = shared.lock();
        if state.waiting > 0 {
            shared.serve(state, false);
        }
    }

    fn begin_to_connect(&self, attempt: Attempt<P>, stops: &Stops) {
        self.async_connect(attempt, stoppable(&stops.read));
    }

    fn begin_to_read(&self, stream: Arc<P::Stream>, reader: Reader<P>, stops: &Stops) {
        self.async_read_loop(stream, reader, stoppable(&stops.read));
    }

    fn begin_to_write(
        &self,
        stream: Arc<P::Stream>,
        epoch: u64,
        bytes: Vec<u8>,
        from: usize,
        stops: &Stops,
    ) {
        self.async_write_loop(stream, epoch, bytes, from, stoppable(&stops.write));
    }

    fn begin_to_watch(&self, epoch: u64, stops: &Stops) {
        self.async_watch(epoch, stoppable(&stops.watch));
    }

    /// Makes a connection, and starts to read from it.
    #[async_op]
    async fn async_connect(&self, attempt: Attempt<P>) {
        while attempt.goes_on() {
            let mut input = Input::default();
            let shared = &attempt.shared;
            match shared.protocol.connect(&shared.executor, &mut input).await {
                Ok((stream, decoder)) => return attempt.succeeds(stream, input, decoder),
                // It goes on if somebody has come after the last one had gone.
                Err(error) if error.is_cancelled() => this_op::cancellation().clear(),
                Err(error) => return shared.fail(attempt.epoch, error),
            }
        }
    }

    /// Hands out replies until nobody waits for any.
    #[async_op]
    async fn async_read_loop(&self, stream: Arc<P::Stream>, reader: Reader<P>) {
        let mut reader = reader;
        let error = loop {
            match reader.deliver() {
                Ok(Next::Read) => {}
                Ok(Next::Pause(timer)) => {
                    if timer.wait().await.is_err() {
                        this_op::cancellation().clear();
                    }
                    continue;
                }
                Ok(Next::End) => return,
                Err(error) => break error,
            }
            match stream.read_after(&mut reader.room(), 0).await {
                Ok(0) => break self.shared.protocol.failure(Failure::Ended),
                Ok(n) => reader.received(n),
                // `deliver` finds out whether anybody waits.
                Err(error) if is_cancelled(&error) => this_op::cancellation().clear(),
                Err(error) => break error.into(),
            }
        };
        self.shared.fail(reader.epoch, error);
    }

    /// Writes `bytes` from there on, and what comes up meanwhile, while anybody waits.
    #[async_op]
    async fn async_write_loop(
        &self,
        stream: Arc<P::Stream>,
        epoch: u64,
        bytes: Vec<u8>,
        from: usize,
    ) {
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
                Err(error) if is_cancelled(&error) => this_op::cancellation().clear(),
                Err(error) => return self.shared.fail(epoch, error.into()),
            }
        }
    }

    /// Ends a connection on which nothing comes, though a reply is due.
    #[async_op]
    async fn async_watch(&self, epoch: u64) {
        let timer = Timer::new(&self.shared.executor);
        while let Some(deadline) = self.shared.next_watch(epoch) {
            if Instant::now() >= deadline {
                let error = self.shared.protocol.failure(Failure::Silent);
                return self.shared.fail(epoch, error);
            }
            timer.expires_at(deadline);
            if timer.wait().await.is_err() {
                // `next_watch` finds out whether anybody waits.
                this_op::cancellation().clear();
            }
        }
    }
}

impl<P: Protocol> Clone for Pipeline<P> {
    fn clone(&self) -> Self {
        Self::of(&self.shared)
    }
}

impl<P: Protocol> IoObject for Pipeline<P> {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.shared.executor
    }
}

impl<P: Protocol> fmt::Debug for Pipeline<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Pipeline")
            .field("is_connected", &matches!(state.link.status, Status::Up(_)))
            .field("waiting", &state.waiting)
            .field("unanswered", &state.link.unanswered)
            .finish_non_exhaustive()
    }
}

/// The token of what ends when nobody waits for it.
fn stoppable(stop: &CancellationSignal) -> impl CompletionToken<'static, fn()> + use<> {
    bind_cancellation_slot(stop.slot(), Detached)
}
