use std::io::{self, IoSlice, Read, Write};

use ::rustls::Connection;

use super::engine::Engine;

/// A connection of `rustls`.
pub(super) struct OfRustls(pub(super) Connection);

impl Engine for OfRustls {
    fn handshake(&mut self) -> io::Result<bool> {
        Ok(!self.0.is_handshaking())
    }

    fn receive(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        self.0.read_tls(bytes)?;
        match self.0.process_new_packets() {
            Ok(_) => Ok(()),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }

    fn end(&mut self) {
        // Of nothing, which is how it is told.
        let _ = self.0.read_tls(&mut io::empty());
    }

    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        self.0.reader().read(part)
    }

    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.writer().write_vectored(parts)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.send_close_notify();
        Ok(())
    }

    fn send(&mut self, bytes: &mut Vec<u8>) {
        while self.0.wants_write() {
            // A `Vec` takes all that it is given.
            let _ = self.0.write_tls(bytes);
        }
    }

    fn has_to_send(&self) -> bool {
        self.0.wants_write()
    }

    fn alpn_protocol(&self) -> Option<Vec<u8>> {
        self.0.alpn_protocol().map(<[u8]>::to_vec)
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        let first = self.0.peer_certificates()?.first()?;
        Some(first.as_ref().to_vec())
    }
}
