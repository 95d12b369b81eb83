use std::io::{self, IoSlice};

/// What encrypts and decrypts: bytes go in, and bytes come out.
///
/// [`WouldBlock`](io::ErrorKind::WouldBlock) means that it needs more of what the other end
/// says.
pub(super) trait Engine: Send {
    /// Goes on with the handshake; returns whether it is over.
    fn handshake(&mut self) -> io::Result<bool>;

    /// Takes what has come, from its front, and perhaps not all of it.
    fn receive(&mut self, bytes: &mut &[u8]) -> io::Result<()>;

    /// Takes note that nothing more will come.
    fn end(&mut self);

    /// Decrypts; 0 bytes mean that the other end has said that this was all.
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize>;

    /// Encrypts some of what is in `parts`.
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Says that this was all.
    fn finish(&mut self) -> io::Result<()>;

    /// Moves what is to be sent to the end of `bytes`.
    fn send(&mut self, bytes: &mut Vec<u8>);

    /// Returns whether something is to be sent.
    fn has_to_send(&self) -> bool;

    fn alpn_protocol(&self) -> Option<Vec<u8>>;

    fn peer_certificate(&self) -> Option<Vec<u8>>;
}
