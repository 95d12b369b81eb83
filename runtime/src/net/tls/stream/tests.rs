use std::io::{ErrorKind, IoSlice};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::IoContext;
use crate::net::UnixStream;

/// Encrypts nothing, and has something to say to whatever comes.
struct Chatty {
    received: Vec<u8>,
    answer: Vec<u8>,
    /// How often it has been asked what is to be sent.
    sends: Arc<AtomicUsize>,
}

impl Engine for Chatty {
    fn handshake(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn receive(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        self.received.extend_from_slice(bytes);
        self.answer.push(b'!');
        *bytes = &[];
        Ok(())
    }

    fn end(&mut self) {}

    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        match self.received.is_empty() {
            true => Err(ErrorKind::WouldBlock.into()),
            false => io::Read::read(&mut &*std::mem::take(&mut self.received), part),
        }
    }

    fn write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn send(&mut self, bytes: &mut Vec<u8>) {
        self.sends.fetch_add(1, Ordering::Relaxed);
        bytes.append(&mut self.answer);
    }

    fn has_to_send(&self) -> bool {
        !self.answer.is_empty()
    }

    fn alpn_protocol(&self) -> Option<Vec<u8>> {
        None
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        None
    }
}

/// While somebody writes and cannot go on, the answers of those who read wait for one turn,
/// all together.
#[test]
fn one_flush_for_any_number_of_reads() {
    let context = IoContext::new().unwrap();
    let (below, peer) = UnixStream::pair(&context).unwrap();
    let sends = Arc::new(AtomicUsize::new(0));
    let engine = Chatty {
        received: Vec::new(),
        answer: Vec::new(),
        sends: sends.clone(),
    };
    let stream = TlsStream {
        session: Arc::new(Session::new(below, Box::new(engine))),
    };
    let mut buffer = [0; 9];
    for round in 1..=2 {
        let writer = stream.session.output.try_lock().unwrap();
        for _ in 0..10 {
            peer.write_some("?").blocking().unwrap();
            assert_eq!(stream.read_some(&mut buffer).blocking().unwrap(), 1);
        }
        drop(writer);
        context.restart();
        context.run();
        assert_eq!(peer.read_some(&mut [0; 99]).blocking().unwrap(), 10);
        // What there is, and that there is no more.
        assert_eq!(sends.load(Ordering::Relaxed), 2 * round);
    }
    assert_eq!(Arc::strong_count(&stream.session), 1);
}
