//! A Redis server for the length of a test, or of a comparison.
#![allow(dead_code, unreachable_pub, reason = "tests use more of it")]

use std::env;
use std::fs::{self, File};
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
    folder: Folder,
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
        let mut said = String::new();
        // Somebody else may take the port before it does.
        for _ in 0..5 {
            let mut server = Self::spawn(arguments)?;
            if server.comes_up()? {
                return Ok(server);
            }
            said = server.last_words();
        }
        Err(io::Error::other(format!(
            "`redis-server` ends at once; it says\n{said}"
        )))
    }

    fn spawn(arguments: &[&str]) -> io::Result<Self> {
        // Free now.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = Folder::new()?;
        let log = File::options()
            .append(true)
            .create(true)
            .open(folder.0.join("log"))?;
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .arg("--unixsocket")
            .arg(folder.0.join("socket"))
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&folder.0)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        match command.spawn() {
            Ok(child) => Ok(Self {
                command,
                child,
                folder,
                address,
            }),
            Err(error) => {
                let text = format!("`redis-server` cannot be started: {error}");
                Err(io::Error::new(error.kind(), text))
            }
        }
    }

    /// Returns the last lines of what it has printed.
    fn last_words(&self) -> String {
        let said = fs::read(self.folder.0.join("log")).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().filter(|it| !it.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(4)..].join("\n")
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
            "`redis-server` does not start again: {}",
            self.last_words()
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
        self.folder.0.join("socket")
    }

    /// Returns the folder that goes with it, for more files.
    pub fn folder(&self) -> PathBuf {
        self.folder.0.clone()
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
    }
}

/// What it has of files: goes with it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let name = format!(
                "async-op-redis-{}-{}",
                std::process::id(),
                COUNT.fetch_add(1, Ordering::Relaxed)
            );
            let path = env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left by a process that had our number, and was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(io::Error::other(format!("{}: {error}", path.display())));
                }
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
