//! A load on an echo server by the thread that serves, so that counts are exact: whoever
//! has echoed the last of the messages under way has the other ends read all of them, and
//! send the next. Callgrind leaves out what has `uncounted` in its name.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that have not been echoed yet.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

static LOAD: Mutex<Option<Load>> = Mutex::new(None);

/// The other ends.
struct Load {
    connections: Vec<TcpStream>,
    message: Vec<u8>,
    /// Messages that are still to be sent.
    left: u64,
}

/// Connects to `server`, who accepts later, and sends the first messages. The connections
/// are closed when all have been echoed.
pub(crate) fn begin(server: SocketAddr, connections: u64, size: usize, messages: u64) {
    let connections = (0..connections).map(|_| {
        let connection = TcpStream::connect(server).unwrap();
        connection.set_nodelay(true).unwrap();
        connection
    });
    let mut load = Load {
        connections: connections.collect(),
        message: vec![7; size],
        left: messages,
    };
    load.send();
    *LOAD.lock().unwrap() = Some(load);
}

/// A server has echoed so many bytes, of this load or of another one.
pub(crate) fn echoed(bytes: usize) {
    if UNDER_WAY.load(Ordering::Relaxed) > 0
        && UNDER_WAY.fetch_sub(bytes, Ordering::Relaxed) == bytes
    {
        uncounted_turn();
    }
}

#[inline(never)]
fn uncounted_turn() {
    let mut slot = LOAD.lock().unwrap();
    let load = slot.as_mut().unwrap();
    load.receive();
    if load.left == 0 {
        *slot = None;
    } else {
        load.send();
    }
}

impl Load {
    fn send(&mut self) {
        let n = self.left.min(self.connections.len() as u64);
        self.left -= n;
        UNDER_WAY.store(n as usize * self.message.len(), Ordering::Relaxed);
        for connection in &mut self.connections[..n as usize] {
            connection.write_all(&self.message).unwrap();
        }
        self.connections.truncate(n as usize);
    }

    fn receive(&mut self) {
        for connection in &mut self.connections {
            connection.read_exact(&mut self.message).unwrap();
        }
    }
}
