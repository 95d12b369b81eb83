//! A Redis server for the length of a test, or of a comparison.
#![allow(dead_code, unreachable_pub, reason = "tests use more of it")]

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Set where a test must not be skipped for want of a server.
const REQUIRED: &str = "ASYNC_OP_REQUIRES_REDIS";

/// A server of its own, on a loopback port and a Unix socket. Dropping it ends it.
#[derive(Debug)]
pub struct RedisServer {
    command: Command,
    child: Child,
    folder: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

impl RedisServer {
    /// Starts a server for a test; returns `None`, and says so, where none is
    /// installed.
    pub fn start() -> Option<Self> {
        Self::with(&[])
    }

    /// Starts a server for a test, with more arguments.
    pub fn with(arguments: &[&str]) -> Option<Self> {
        match Self::launch(arguments) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                assert!(env::var_os(REQUIRED).is_none(), "{error}");
                // Not by `eprintln`, which the test harness keeps to itself.
                let test = thread::current().name().unwrap_or("a test").to_owned();
                let _ = writeln!(io::stderr(), "SKIPPED {test}: {error}");
                None
            }
            server => Some(server.unwrap()),
        }
    }

    /// Starts a server; [`NotFound`](ErrorKind::NotFound) where none is installed.
    pub fn launch(arguments: &[&str]) -> io::Result<Self> {
        // Somebody else may take the port before it does.
        for _ in 0..5 {
            let mut server = Self::spawn(arguments)?;
            if server.comes_up()? {
                return Ok(server);
            }
        }
        Err(io::Error::other("`redis-server` ends at once"))
    }

    fn spawn(arguments: &[&str]) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "async-op-redis-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder)
            .map_err(|error| io::Error::other(format!("{}: {error}", folder.display())))?;
        // Free now.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .arg("--unixsocket")
            .arg(folder.join("socket"))
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&folder)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        match command.spawn() {
            Ok(child) => Ok(Self {
                command,
                child,
                folder,
                address,
            }),
            Err(error) => {
                fs::remove_dir_all(&folder)?;
                let text = format!("`redis-server` cannot be started: {error}");
                Err(io::Error::new(error.kind(), text))
            }
        }
    }

    /// Ends it at once, with whatever it has been doing.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it where it was before [`kill`](Self::kill), empty.
    pub fn restart(&mut self) {
        self.child = self.command.spawn().unwrap();
        assert!(
            self.comes_up().unwrap(),
            "`redis-server` does not start again"
        );
    }

    /// Waits until it answers; returns whether it does, and has not ended instead.
    fn comes_up(&mut self) -> io::Result<bool> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.answers() {
            if self.child.try_wait()?.is_some() {
                return Ok(false);
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("`redis-server` does not answer"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(true)
    }

    /// Returns the id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the path of its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// Returns the folder that goes with it, for more files.
    pub fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    fn answers(&self) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(b"INFO server\r\nQUIT\r\n")?;
            let mut reply = String::new();
            stream.read_to_string(&mut reply)?;
            // This one, not somebody else's; or it wants a password.
            let own = format!("process_id:{}\r\n", self.child.id());
            io::Result::Ok(reply.contains(&own) || reply.starts_with("-NOAUTH"))
        };
        ask().unwrap_or(false)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
