//! How what is said is written: in few calls, however many say something.

use std::io::ErrorKind;
use std::sync::Arc;

use super::link::{Shared, State, Status};
use super::waiter::later;
use super::{Loops, Protocol, Transport};
use crate::shim::plain::MutexGuard;

/// A buffer that has been larger is not kept.
pub(super) const KEPT: usize = 64 * 1024;

impl<P: Protocol> Shared<P> {
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
        self.hear_if_told(&mut state);
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
                Err(error) => return self.fail_to_write(epoch, error.into()),
            }
        }
    }

    /// Nothing is written any more. What the other end has said before is still read, if
    /// anybody waits: replies, and perhaps why.
    pub(super) fn fail_to_write(self: &Arc<Self>, epoch: u64, error: P::Error) {
        let Some(mut state) = self.lock_for(epoch) else {
            return;
        };
        if state.waiting == 0 {
            return self.end(state, error).tell();
        }
        // Still `is_writing`, so that nobody tries.
        state.link.write_error = Some(Arc::new(error));
        self.settle(&mut state);
        let stops = state.link.stops.clone();
        drop(state);
        Loops::of(self).begin_to_part(epoch, &stops);
    }

    /// Ends connection `epoch`, of which nothing more can be read.
    pub(super) fn fail_to_read(self: &Arc<Self>, epoch: u64, error: P::Error) {
        self.part(epoch);
        self.fail(epoch, error);
    }

    /// Ends connection `epoch` if it is dying: all has been heard that it says.
    pub(super) fn part(self: &Arc<Self>, epoch: u64) {
        let Some(state) = self.lock_for(epoch) else {
            return;
        };
        if let Some(error) = state.link.write_error.clone() {
            self.end_by(state, error).tell();
        }
    }

    /// Goes on when the stream takes more.
    fn write_rest(
        self: &Arc<Self>,
        stream: Arc<P::Stream>,
        epoch: u64,
        bytes: Vec<u8>,
        from: usize,
    ) {
        if let Some(state) = self.lock_for(epoch) {
            let stops = state.link.stops.clone();
            drop(state);
            Loops::of(self).begin_to_write(stream, epoch, bytes, from, &stops);
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
        self.hear_if_told(&mut state);
        if state.waiting > 0 {
            return Some(bytes);
        }
        state.link.unwritten = Some((bytes, from));
        state.link.is_writing = false;
        self.settle(&mut state);
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
            self.one_less(state);
            later(&self.executor, move || flush.complete());
        }
    }
}
