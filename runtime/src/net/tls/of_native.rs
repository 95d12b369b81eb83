use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem;
use std::sync::Arc;

use ::native_tls::{HandshakeError, MidHandshakeTlsStream, TlsStream};

use super::engine::Engine;
use crate::shim::plain::{Mutex, MutexGuard};

/// As much is encrypted at once, whatever there is.
const MOST: usize = 64 * 1024;

/// A connection of the system's library.
pub(super) struct OfNative {
    state: State,
    memory: Memory,
    has_finished: bool,
}

enum State {
    Handshake(MidHandshakeTlsStream<Memory>),
    Up(TlsStream<Memory>),
    /// Between two states, or for ever.
    Failed,
}

/// What the library takes for its stream: what has come, and what is to be sent.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Buffers>>);

#[derive(Default)]
struct Buffers {
    received: Vec<u8>,
    /// So many of those have been taken.
    taken: usize,
    has_ended: bool,
    to_send: Vec<u8>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Buffers> {
        self.0.lock()
    }
}

impl Read for Memory {
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        let mut buffers = self.lock();
        let n = Read::read(&mut &buffers.received[buffers.taken..], part)?;
        if n == 0 {
            return Err(match buffers.has_ended {
                // An end that has not been announced is none that it may take for one.
                true => ErrorKind::UnexpectedEof.into(),
                false => ErrorKind::WouldBlock.into(),
            });
        }
        buffers.taken += n;
        if buffers.taken == buffers.received.len() {
            buffers.received.clear();
            buffers.taken = 0;
        }
        Ok(n)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().to_send.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OfNative {
    /// Begins a handshake, which `begin` does with what the library takes for its stream.
    ///
    /// Where that fails at once the error is told by the first step of it.
    pub(super) fn new(
        begin: impl FnOnce(Memory) -> Result<TlsStream<Memory>, HandshakeError<Memory>>,
    ) -> io::Result<Self> {
        let memory = Memory::default();
        let mut engine = Self {
            state: State::Failed,
            memory: memory.clone(),
            has_finished: false,
        };
        engine.began(begin(memory))?;
        Ok(engine)
    }

    fn began(
        &mut self,
        began: Result<TlsStream<Memory>, HandshakeError<Memory>>,
    ) -> io::Result<bool> {
        match began {
            Ok(stream) => {
                self.state = State::Up(stream);
                Ok(true)
            }
            Err(HandshakeError::WouldBlock(stream)) => {
                self.state = State::Handshake(stream);
                Ok(false)
            }
            Err(HandshakeError::Failure(error)) => {
                Err(io::Error::new(ErrorKind::InvalidData, error))
            }
        }
    }

    fn stream(&mut self) -> io::Result<&mut TlsStream<Memory>> {
        match &mut self.state {
            State::Up(stream) => Ok(stream),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl Engine for OfNative {
    fn handshake(&mut self) -> io::Result<bool> {
        match mem::replace(&mut self.state, State::Failed) {
            State::Handshake(stream) => self.began(stream.handshake()),
            state => {
                self.state = state;
                Ok(true)
            }
        }
    }

    fn receive(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        self.memory.lock().received.extend_from_slice(bytes);
        *bytes = &[];
        Ok(())
    }

    fn end(&mut self) {
        self.memory.lock().has_ended = true;
    }

    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        self.stream()?.read(part)
    }

    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut written = 0;
        for part in parts {
            let mut rest = &part[..part.len().min(MOST - written)];
            while !rest.is_empty() {
                match self.stream()?.write(rest) {
                    Ok(n) => {
                        rest = &rest[n..];
                        written += n;
                    }
                    Err(_) if written > 0 => return Ok(written),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(written)
    }

    fn finish(&mut self) -> io::Result<()> {
        if !self.has_finished {
            // Asked again, a library waits for the end of the other side, and drops what that
            // has said before.
            self.stream()?.shutdown()?;
            self.has_finished = true;
        }
        Ok(())
    }

    fn send(&mut self, bytes: &mut Vec<u8>) {
        bytes.append(&mut self.memory.lock().to_send);
    }

    fn has_to_send(&self) -> bool {
        !self.memory.lock().to_send.is_empty()
    }

    fn alpn_protocol(&self) -> Option<Vec<u8>> {
        match &self.state {
            State::Up(stream) => stream.negotiated_alpn().ok()?,
            _ => None,
        }
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        match &self.state {
            State::Up(stream) => stream.peer_certificate().ok()??.to_der().ok(),
            _ => None,
        }
    }
}
