//! An engine, the stream that it works on, and the turns of those who use both.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::engine::Engine;
use crate::io::{Transport, error_again};
use crate::shim::plain;
use crate::sync::Mutex;

/// As much is received at once.
const CHUNK: usize = 16 * 1024;
/// A buffer that has been larger is not kept.
const KEPT: usize = 128 * 1024;

/// What all handles of a stream share.
///
/// One operation at a time receives, and one sends: each has its turn for as long as it takes.
/// The engine is locked only while it computes.
pub(super) struct Session<S> {
    pub(super) stream: S,
    engine: plain::Mutex<Box<dyn Engine>>,
    pub(super) input: Mutex<Input>,
    pub(super) output: Mutex<Output>,
    /// Somebody waits for his turn to send what there will be by then.
    is_flush_due: AtomicBool,
}

/// Somebody waits to send what there is, though nobody waits for that; until this is dropped.
pub(super) struct DueFlush<S>(Arc<Session<S>>);

impl<S> DueFlush<S> {
    /// Returns `None` if somebody does already.
    pub(super) fn begin(session: &Arc<Session<S>>) -> Option<Self> {
        // Whoever finds it set has left to the engine what the other will take from there:
        // hence both orderings, here and below.
        let is_due = session.is_flush_due.swap(true, Ordering::AcqRel);
        (!is_due).then(|| Self(session.clone()))
    }
}

impl<S> Drop for DueFlush<S> {
    fn drop(&mut self) {
        self.0.is_flush_due.swap(false, Ordering::AcqRel);
    }
}

/// What has been received and not yet been decrypted.
pub(super) struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Nothing more will come.
    has_ended: bool,
    /// What has come is wrong, and so is all that would.
    failure: Option<io::Error>,
}

/// What has been encrypted and not yet been sent.
#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    start: usize,
}

impl Output {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Returns whether there is something to send, taken from the engine if that has some.
    fn refill(&mut self, engine: &plain::Mutex<Box<dyn Engine>>) -> bool {
        if self.start == self.bytes.len() {
            self.start = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEPT {
                self.bytes = Vec::new();
            }
            engine.lock().send(&mut self.bytes);
        }
        !self.rest().is_empty()
    }

    /// Takes note that `n` bytes have been sent.
    fn sent(&mut self, n: usize) -> io::Result<()> {
        if n == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        self.start += n;
        Ok(())
    }
}

impl<S: Transport> Session<S> {
    pub(super) fn new(stream: S, engine: Box<dyn Engine>) -> Self {
        let executor = stream.executor();
        let input = Input {
            bytes: Vec::new(),
            start: 0,
            end: 0,
            has_ended: false,
            failure: None,
        };
        Self {
            stream,
            engine: plain::Mutex::new(engine),
            input: Mutex::new(&executor, input),
            output: Mutex::new(&executor, Output::default()),
            is_flush_due: AtomicBool::new(false),
        }
    }

    /// Asks the engine something.
    pub(super) fn ask<R>(&self, question: impl FnOnce(&mut dyn Engine) -> R) -> R {
        question(&mut **self.engine.lock())
    }

    /// Receives more; the engine is told the end.
    async fn receive(&self, input: &mut Input) -> io::Result<()> {
        input.bytes.resize(CHUNK, 0);
        let n = self.stream.read_after(&mut &mut input.bytes[..], 0).await?;
        (input.start, input.end) = (0, n);
        if n == 0 {
            input.has_ended = true;
            self.ask(|engine| engine.end());
        }
        Ok(())
    }

    /// Goes on with the handshake as far as it gets with what there is; returns whether it is
    /// over.
    fn step(&self, input: &mut Input) -> io::Result<bool> {
        self.ask(|engine| {
            loop {
                if engine.handshake()? {
                    return Ok(true);
                }
                if input.start == input.end {
                    return Ok(false);
                }
                input.pass_to(engine)?;
            }
        })
    }

    pub(super) async fn handshake(&self) -> io::Result<()> {
        let mut input = self.input.lock().await?;
        let mut output = self.output.lock().await?;
        loop {
            let step = self.step(&mut input);
            let sent = self.flush(&mut output).await;
            // Why it fails is what has been told to the other end, if that is still there.
            let is_over = step?;
            sent?;
            if is_over {
                return Ok(());
            }
            self.receive(&mut input).await?;
            if input.has_ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Decrypts into a part that is not empty.
    pub(super) async fn read(
        &self,
        mut part: impl FnMut(&mut dyn FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut input = self.input.lock().await?;
        loop {
            if let Some(failure) = &input.failure {
                return Err(error_again(failure));
            }
            let read = self.ask(|engine| {
                loop {
                    match part(&mut |part| engine.read(part)) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        result => return result.map(Some),
                    }
                    if input.start == input.end {
                        return Ok(None);
                    }
                    input.pass_to(engine)?;
                }
            });
            if let Err(error) = &read {
                // For ever: a library may take what comes after that for the end.
                input.failure = Some(error_again(error));
            }
            if let Some(n) = read? {
                return Ok(n);
            }
            if input.has_ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.receive(&mut input).await?;
        }
    }

    /// Sends all that there is.
    pub(super) async fn flush(&self, output: &mut Output) -> io::Result<()> {
        while output.refill(&self.engine) {
            let start = output.start;
            let n = self
                .stream
                .write_after(&mut &output.bytes[..], start)
                .await?;
            output.sent(n)?;
        }
        Ok(())
    }

    /// Sends all that there is, here and now.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](ErrorKind::WouldBlock) if something is left.
    pub(super) fn try_flush(&self, output: &mut Output) -> io::Result<()> {
        while output.refill(&self.engine) {
            let n = self.stream.try_write_some(output.rest())?;
            output.sent(n)?;
        }
        Ok(())
    }

    /// Encrypts.
    pub(super) fn encrypt(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.ask(|engine| engine.write(parts)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let text = "the other end wants to negotiate again, which is not supported";
                Err(io::Error::new(ErrorKind::Unsupported, text))
            }
            result => result,
        }
    }
}

impl Input {
    fn pass_to(&mut self, engine: &mut dyn Engine) -> io::Result<()> {
        let mut rest = &self.bytes[self.start..self.end];
        let result = engine.receive(&mut rest);
        self.start = self.end - rest.len();
        result
    }
}
