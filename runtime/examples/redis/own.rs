use std::io;
use std::mem;
use std::net::SocketAddr;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::server::RedisServer;

/// A server for as long as this program runs: it ends, and its folder goes, by
/// Ctrl-C too.
pub(crate) struct OwnServer {
    shared: Shared,
    pub(crate) address: SocketAddr,
    /// Of its process.
    pub(crate) id: u32,
}

#[derive(Clone)]
struct Shared {
    server: Arc<Mutex<Option<RedisServer>>>,
    /// Whether another thread is about to end the program. A signal sets it before
    /// anybody sees what else it ends: Ctrl-C reaches the server as well.
    is_ending: Arc<AtomicBool>,
}

impl OwnServer {
    pub(crate) fn start() -> io::Result<Self> {
        let is_ending = Arc::new(AtomicBool::new(false));
        // What is ignored stays so: `nohup`.
        let mut handled = vec![SIGHUP, SIGINT, SIGTERM];
        handled.retain(|&signal| !is_ignored(signal));
        let mut signals = Signals::new(&handled)?;
        for signal in handled {
            flag::register(signal, is_ending.clone())?;
        }
        let server = RedisServer::launch(&[])?;
        let (address, id) = (server.address, server.id());
        let shared = Shared {
            server: Arc::new(Mutex::new(Some(server))),
            is_ending,
        };
        let ours = shared.clone();
        thread::Builder::new().spawn(move || {
            for signal in signals.forever() {
                ours.end_with_program();
                let _ = emulate_default_handler(signal);
            }
        })?;
        Ok(Self {
            shared,
            address,
            id,
        })
    }

    /// Returns what ends the server. Who calls it has to end the program, too.
    pub(crate) fn ending(&self) -> impl FnOnce() + Send + use<> {
        let shared = self.shared.clone();
        move || shared.end_with_program()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // The thread that comes here has an error to tell: that the server is gone. But
        // that is not why the program ends.
        while self.shared.is_ending.load(Ordering::SeqCst) {
            thread::park();
        }
        self.shared.end();
    }
}

impl Shared {
    fn end_with_program(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
        self.end();
    }

    fn end(&self) {
        let server = self.server.lock();
        *server.unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn is_ignored(signal: i32) -> bool {
    // SAFETY: zeroes are an action.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: only asks which action there is, and has a place for it.
    let asked = unsafe { libc::sigaction(signal, ptr::null(), &mut action) };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}
