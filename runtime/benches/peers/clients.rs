//! The load: many connections to an echo server, each with one message under way.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::measure::latencies;

/// One connection.
struct Client {
    stream: TcpStream,
    sent: usize,
    received: usize,
    since: Instant,
}

struct Load {
    poll: Poll,
    server: SocketAddr,
    message: Vec<u8>,
    scratch: Vec<u8>,
    /// Messages that are still to be sent.
    left: u64,
    latencies: Vec<u64>,
}

/// Asks for a load: the runner of the samples starts it.
pub(crate) fn ask(kind: &str, server: SocketAddr, connections: u64, size: usize, messages: u64) {
    println!("load,{kind},{server},{connections},{size},{messages}");
}

/// What a load generator does: sends `messages` in all, over `connections` that
/// last (`echo`) or with a new connection for each (`churn`). Or makes connections
/// and closes them (`idle`).
pub(crate) fn load(arguments: &[&str]) {
    let [kind, server, numbers @ ..] = arguments else {
        panic!("kind server connections size messages");
    };
    let numbers: Vec<u64> = numbers.iter().map(|n| n.parse().unwrap()).collect();
    let [connections, size, messages] = numbers[..] else {
        panic!("connections size messages");
    };
    let mut load = Load {
        poll: Poll::new().unwrap(),
        server: server.parse().unwrap(),
        message: vec![7; size as usize],
        scratch: vec![0; 1 << 16],
        left: messages,
        latencies: Vec::with_capacity(messages as usize),
    };
    // All connections are there before the first message. Not too fast: the system
    // forgets those that a server does not accept in time, and tries again later.
    let mut clients = Vec::new();
    for n in 0..connections as usize {
        clients.push(load.connect(n));
        if n % 100 == 99 {
            thread::sleep(Duration::from_millis(2));
        }
    }
    if *kind == "idle" {
        return thread::sleep(Duration::from_millis(300));
    }
    let mut open = 0;
    for client in &mut clients {
        open += u32::from(load.start(client));
    }
    let mut events = Events::with_capacity(1024);
    while open > 0 {
        load.poll.poll(&mut events, None).unwrap();
        for event in &events {
            let n = event.token().0;
            while load.drive(&mut clients[n]) {
                if *kind == "churn" {
                    clients[n] = None;
                    if load.left > 0 {
                        clients[n] = load.connect(n);
                    }
                }
                if !load.start(&mut clients[n]) {
                    open -= 1;
                }
            }
        }
    }
    for (metric, value) in latencies(load.latencies) {
        println!("{metric},{value:.3}");
    }
}

impl Load {
    fn connect(&self, n: usize) -> Option<Client> {
        let stream = std::net::TcpStream::connect(self.server).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        reset_when_closed(&stream);
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry.register(&mut stream, Token(n), interest).unwrap();
        Some(Client {
            stream,
            sent: 0,
            received: 0,
            since: Instant::now(),
        })
    }

    /// Begins a message, or closes the connection if there are no more.
    fn start(&mut self, slot: &mut Option<Client>) -> bool {
        match slot {
            Some(client) if self.left > 0 => {
                self.left -= 1;
                (client.sent, client.received) = (0, 0);
                client.since = Instant::now();
                self.send(client);
                true
            }
            _ => {
                *slot = None;
                false
            }
        }
    }

    fn send(&self, client: &mut Client) {
        while client.sent < self.message.len() {
            match client.stream.write(&self.message[client.sent..]) {
                Ok(n) => client.sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("the load cannot be sent: {error}"),
            }
        }
    }

    /// Goes on with a message; returns whether it has come back.
    fn drive(&mut self, slot: &mut Option<Client>) -> bool {
        let Some(client) = slot else { return false };
        self.send(client);
        loop {
            match client.stream.read(&mut self.scratch) {
                Ok(0) => panic!("the server has closed a connection"),
                Ok(n) => client.received += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => panic!("the answer cannot be received: {error}"),
            }
            if client.received == self.message.len() {
                let latency = client.since.elapsed().as_nanos();
                self.latencies.push(latency as u64);
                return true;
            }
        }
    }
}

/// So that ports do not run out.
fn reset_when_closed(stream: &std::net::TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the option and its size are those of a `linger`.
    let done = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    };
    assert_eq!(done, 0);
}
