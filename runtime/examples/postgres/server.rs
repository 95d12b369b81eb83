//! A PostgreSQL server for the length of a test, or of a comparison.
#![allow(dead_code, unreachable_pub, reason = "tests use more of it")]

use std::env;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Set where a test must not be skipped for want of a server.
const REQUIRED: &str = "ASYNC_OP_REQUIRES_POSTGRES";

/// Who has to show what. Everybody else is trusted.
const ACCESS: &str = "\
host all scram 127.0.0.1/32 scram-sha-256
host all hashed 127.0.0.1/32 md5
host all plain 127.0.0.1/32 password
host all refused 127.0.0.1/32 reject
local all all trust
host all all 127.0.0.1/32 trust
";

/// What a test would only wait for.
const SETTINGS: &[&str] = &[
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "autovacuum=off",
    "shared_buffers=32MB",
    "max_connections=150",
    "listen_addresses=127.0.0.1",
    "logging_collector=off",
];

/// A server of its own, on a loopback port and a Unix socket. Dropping it ends it.
#[derive(Debug)]
pub struct PostgresServer {
    command: Command,
    child: Child,
    folder: Folder,
    /// Where it listens.
    pub address: SocketAddr,
}

impl PostgresServer {
    /// The one who may do everything, and is trusted.
    pub const USER: &str = "tester";

    /// Starts a server for a test; returns `None`, and says so, where none is installed.
    pub fn start() -> Option<Self> {
        Self::start_with(&[], &[])
    }

    /// The same, with files in the folder of its data, and settings.
    pub fn start_with(files: &[(&str, &str)], settings: &[&str]) -> Option<Self> {
        match Self::launch(files, settings) {
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
    pub fn launch(files: &[(&str, &str)], settings: &[&str]) -> io::Result<Self> {
        let programs = programs()?;
        let user = user()?;
        let folder = Folder::new()?;
        if let Some((user, group)) = user {
            chown(&folder.0, Some(user), Some(group))?;
        }
        let program = |name: &str| {
            let mut command = Command::new(programs.join(name));
            if let Some((user, group)) = user {
                command.uid(user).gid(group);
            }
            command.current_dir(&folder.0).stdin(Stdio::null());
            command
        };
        let data = folder.0.join("data");
        let output = program("initdb")
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args(["--username", Self::USER, "-D"])
            .arg(&data)
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(format!("`initdb` fails; it says\n{said}")));
        }
        fs::write(data.join("pg_hba.conf"), ACCESS)?;
        for (name, text) in files {
            let mut options = File::options();
            let file = data.join(name);
            options.mode(0o600).write(true).create(true);
            options.open(&file)?.write_all(text.as_bytes())?;
            if let Some((user, group)) = user {
                chown(&file, Some(user), Some(group))?;
            }
        }
        // Free now.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = File::create(folder.0.join("log"))?;
        let mut command = program("postgres");
        command
            .arg("-D")
            .arg(&data)
            .args(["-p", &address.port().to_string(), "-k"])
            .arg(&folder.0)
            .args(SETTINGS.iter().chain(settings).flat_map(|it| ["-c", it]))
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command.spawn()?;
        let mut server = Self {
            command,
            child,
            folder,
            address,
        };
        match server.comes_up()? {
            true => Ok(server),
            // Somebody else has taken the port.
            false => Self::launch(files, settings),
        }
    }

    /// Returns the folder of its Unix socket.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Returns where it is, by TCP, for one of its users.
    pub fn url(&self, user: &str) -> String {
        format!("postgres://{user}@{}/postgres", self.address)
    }

    /// Returns where it is, by its Unix socket.
    pub fn unix_url(&self) -> String {
        let (user, port) = (Self::USER, self.address.port());
        let folder = self.folder.0.display();
        format!("postgres://{user}@localhost:{port}/postgres?host={folder}")
    }

    /// Ends it, without a word to those who are connected, and starts it again.
    pub fn restart(&mut self) {
        self.end();
        self.child = self.command.spawn().unwrap();
        assert!(self.comes_up().unwrap(), "`postgres` does not start again");
    }

    /// Ends it at once, and all that it has started.
    pub fn end(&mut self) {
        let kill = format!("kill -QUIT {}", self.child.id());
        let _ = Command::new("sh").args(["-c", &kill]).status();
        let _ = self.child.wait();
    }

    /// Waits until it is ready; returns whether it is, and has not ended instead.
    fn comes_up(&mut self) -> io::Result<bool> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            // Its own process, then where it is, and in the end how it is.
            let file = self.folder.0.join("data/postmaster.pid");
            let said = fs::read_to_string(file).unwrap_or_default();
            let mut lines = said.lines();
            let is_own = lines.next() == Some(&self.child.id().to_string());
            if is_own && lines.next_back().is_some_and(|it| it.trim() == "ready") {
                return Ok(true);
            }
            if self.child.try_wait()?.is_some() {
                return Ok(false);
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("`postgres` is not ready"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns where the newest of its programs are.
fn programs() -> io::Result<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut debian: Vec<PathBuf> = debian.flatten().map(|it| it.path().join("bin")).collect();
    debian.sort_by_key(|path| {
        let version = path.parent().and_then(Path::file_name);
        version.and_then(|it| it.to_str()?.parse::<u32>().ok())
    });
    let path = env::var_os("PATH").unwrap_or_default();
    let others = ["/usr/local/bin", "/usr/local/pgsql/bin"].map(PathBuf::from);
    let mut folders = debian
        .into_iter()
        .rev()
        .chain(env::split_paths(&path))
        .chain(others);
    let found = folders.find(|folder| {
        ["initdb", "postgres"]
            .iter()
            .all(|it| folder.join(it).is_file())
    });
    found.ok_or_else(|| io::Error::new(ErrorKind::NotFound, "`postgres` is not installed"))
}

/// Returns as whom to run it, where that cannot be the caller: it refuses to be run by root.
fn user() -> io::Result<Option<(u32, u32)>> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let ask = |flag: &str| {
        let output = Command::new("id").args([flag, "postgres"]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    const NOBODY: u32 = 65534;
    Ok(Some((
        ask("-u").unwrap_or(NOBODY),
        ask("-g").unwrap_or(NOBODY),
    )))
}

/// What it has of files: goes with it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("async-op-postgres-{}-{count}", std::process::id());
            let path = env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left by a process that had our number, and was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
