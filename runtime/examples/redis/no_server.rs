use std::io;
use std::net::SocketAddr;

/// A server for as long as this program runs: of Redis there is none here.
pub(crate) struct OwnServer {
    pub(crate) address: SocketAddr,
}

impl OwnServer {
    pub(crate) fn start() -> io::Result<Self> {
        let text = "`redis-server` is started on Unix alone";
        Err(io::Error::new(io::ErrorKind::NotFound, text))
    }
}
