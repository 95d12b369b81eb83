use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::server::RedisServer;

/// A server for as long as this program runs: it ends, and its folder goes, by
/// Ctrl-C too.
pub(crate) struct OwnServer {
    server: Arc<Mutex<Option<RedisServer>>>,
    pub(crate) address: SocketAddr,
    /// Of its process.
    pub(crate) id: u32,
}

impl OwnServer {
    pub(crate) fn start() -> io::Result<Self> {
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
        let server = RedisServer::launch(&[])?;
        let (address, id) = (server.address, server.id());
        let server = Arc::new(Mutex::new(Some(server)));
        let shared = server.clone();
        thread::Builder::new().spawn(move || {
            for signal in signals.forever() {
                end(&shared);
                let _ = emulate_default_handler(signal);
            }
        })?;
        Ok(Self {
            server,
            address,
            id,
        })
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        end(&self.server);
    }
}

fn end(server: &Mutex<Option<RedisServer>>) {
    let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
    *server = None;
}
