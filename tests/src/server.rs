//! Servers of others, for the length of a test.

use std::env;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A server on a loopback port of its own. Dropping it ends it.
#[derive(Debug)]
pub struct ServerProcess {
    command: Command,
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl ServerProcess {
    /// Starts `name` with what `arguments` makes of its port; returns `None`, and says so,
    /// where it is not installed, unless `ASYNC_OP_REQUIRES_NAME` is set.
    pub fn start(name: &str, arguments: impl Fn(u16) -> Vec<String>) -> Option<Self> {
        // Somebody else may take the port before it does.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            drop(free);
            let mut command = Command::new(name);
            command.args(arguments(address.port()));
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let child = match command.spawn() {
                Ok(child) => child,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    skipped(name, &error);
                    return None;
                }
                Err(error) => panic!("`{name}` cannot be started: {error}"),
            };
            let mut server = Self {
                command,
                child,
                address,
            };
            if server.comes_up() {
                return Some(server);
            }
        }
        panic!("`{name}` ends at once");
    }

    /// Ends it at once, with whatever it has been doing.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it where it was before [`kill`](Self::kill).
    pub fn restart(&mut self) {
        self.child = self.command.spawn().unwrap();
        assert!(self.comes_up(), "it does not start again");
    }

    /// Waits until it listens; returns whether it does, and has not ended instead.
    fn comes_up(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(self.address).is_err() {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < deadline, "it does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says that a test is skipped, as `name` is not installed.
///
/// # Panics
///
/// If `ASYNC_OP_REQUIRES_NAME` is set.
pub fn skipped(name: &str, error: &io::Error) {
    let variable = name.trim_end_matches("-server").to_uppercase();
    let variable = format!("ASYNC_OP_REQUIRES_{variable}");
    assert!(env::var_os(variable).is_none(), "{name}: {error}");
    // Not by `eprintln`, which the test harness keeps to itself.
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(io::stderr(), "SKIPPED {test}: `{name}`: {error}");
}
