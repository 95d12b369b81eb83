//! The command-line tool of the Redis client, against a real server.
#![cfg(all(target_os = "linux", not(async_op_sanitize)))]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::fd::FromRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use async_op_tests::redis::RedisServer;
use async_op_tests::{Folder, built, succeeded};

/// The command-line tool, built.
struct Tool(PathBuf);

impl Tool {
    fn new() -> Self {
        Self(built("redis", "redis"))
    }

    /// Made to run on a server; ended if it hangs.
    fn command<A: AsRef<OsStr>>(&self, place: &str, words: &[A]) -> Command {
        let mut command = Command::new("timeout");
        command.arg("60").arg(&self.0).args(words);
        command.env("REDIS", place);
        command
    }

    /// Made to run on a server of its own, whose files are in `folder`; without
    /// `timeout`, which does not say by which signal it has ended.
    fn on_its_own(&self, folder: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command
            .args(words)
            .env("REDIS", "own")
            .env("TMPDIR", folder);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn run<A: AsRef<OsStr>>(&self, place: &str, words: &[A]) -> Output {
        self.command(place, words).output().unwrap()
    }

    /// Runs what fails with this status, and says what contains this text.
    fn fails(&self, place: &str, words: &[&str], status: i32, text: &str) {
        let output = self.run(place, words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {said}");
        assert!(said.contains(text), "{words:?}: {said}");
        assert!(!said.contains("panicked"), "{words:?}: {said}");
    }
}

#[test]
fn it_carries_out_commands() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let tool = Tool::new();
    let socket = server.socket().display().to_string();
    let address = server.address.to_string();
    let prints = |place: &str, words: &[&[u8]], text: &[u8]| {
        let words: Vec<_> = words.iter().map(|it| OsStr::from_bytes(it)).collect();
        let output = tool.run(place, &words);
        succeeded(&output);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.stdout, text, "{words:?}: {said}");
    };
    prints(&address, &[b"set", b"greeting", b"hello"], b"OK\n");
    prints(&socket, &[b"get", b"greeting"], b"hello\n");
    prints(&address, &[b"strlen", b"greeting"], b"5\n");
    // Arguments and replies are bytes.
    prints(&address, &[b"set", b"\xff\n\xfe", b"\xfd"], b"OK\n");
    prints(&address, &[b"get", b"\xff\n\xfe"], b"\xfd\n");
    prints(&address, &[b"del", b"\xff\n\xfe"], b"1\n");
    // An empty value is told from none.
    prints(&address, &[b"set", b"empty", b""], b"OK\n");
    prints(&address, &[b"get", b"empty"], b"\n");
    tool.fails(&address, &["get", "none"], 1, "");
    prints(
        &address,
        &[b"mget", b"greeting", b"none", b"empty"],
        b"hello\n(nil)\n\n",
    );
    // Other places, by URL.
    let place = format!("redis://{address}/3?protocol=resp3");
    prints(&place, &[b"hset", b"hash", b"field", b"1"], b"1\n");
    prints(&place, &[b"hgetall", b"hash"], b"field\n1\n");
    let place = format!("unix://{socket}?db=3");
    prints(&place, &[b"exists", b"hash", b"greeting"], b"1\n");
    let bench = tool.run(&socket, &["bench", "64", "4", "5000"]);
    succeeded(&bench);
    assert!(bench.stdout.starts_with(b"5000 GET on 64 connections"));
    // In every way to wait.
    succeeded(&tool.run(&address, &[] as &[&str]));
    // It has left nothing behind.
    prints(&address, &[b"dbsize"], b"2\n");
}

#[test]
fn it_says_what_is_wrong() {
    let Some(server) = RedisServer::with(&["--requirepass", "se:cret"]) else {
        return;
    };
    let tool = Tool::new();
    let address = server.address.to_string();
    tool.fails(&address, &["get", "x"], 2, "NOAUTH");
    let place = format!("redis://:se%3Acret@{address}");
    succeeded(&tool.run(&place, &["set", "greeting", "hello"]));
    succeeded(&tool.run(&place, &["bench", "2", "2", "100"]));
    tool.fails(&place, &["incr", "greeting"], 2, "the server says: ERR");
    let place = format!("redis://somebody:wrong@{address}");
    tool.fails(&place, &["get", "greeting"], 2, "WRONGPASS");
    for words in [
        &["bench", "0", "1"][..],
        &["bench", "1", "x"],
        &["bench", "1", "1", "99999999999"],
        &["bench", "1000000", "1000000"],
        &["bench", "1"],
        &["listen"],
        &["compare", "3", "4"],
    ] {
        tool.fails(&address, words, 2, "");
    }
    for (place, text) in [
        ("ftp://localhost", "not a URL of Redis"),
        ("rediss://localhost", "does not speak TLS"),
        ("redis://localhost/x", "not the number of a database"),
        ("redis://localhost?colour=red", "none of db="),
        ("redis://", "no host"),
        ("unix://tmp/x.sock", "write unix:///PATH"),
        ("unix://", "no path"),
        ("unix:///tmp/a#b", "as %XX"),
        ("unix:/no/such/socket", "/no/such/socket: No such file"),
        ("REDIS://localhost/x", "not the number of a database"),
        ("localhost:port", "not a port"),
        ("", "no host"),
        ("/no/such/socket", "/no/such/socket: No such file"),
    ] {
        tool.fails(place, &["get", "x"], 2, text);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let text = format!("{nowhere}: Connection refused");
    tool.fails(&nowhere, &["get", "x"], 2, &text);
    tool.fails(&nowhere, &["get", "x"], 2, "REDIS=own");
}

/// Wherever it ends up in a URL that is not what was meant.
#[test]
fn it_prints_no_password() {
    let tool = Tool::new();
    for place in [
        "redis://:sec:ret@127.0.0.1/x",
        "redis://:sec/ret@127.0.0.1",
        "redis://127.0.0.1:12/ret@127.0.0.1",
        "redis://127.0.0.1:12?ret@127.0.0.1",
        "redis://127.0.0.1:12#ret@127.0.0.1",
        "redis://:ret@/0",
        "redis://127.0.0.1?password=ret",
        "redis://:ret%ff@127.0.0.1",
        "unix:///socket?pas=ret",
        "unix://user:ret@host/socket",
        "rediss://:ret@127.0.0.1",
        ":ret@127.0.0.1:6379",
        "127.0.0.1:ret@127.0.0.1",
    ] {
        let output = tool.run(place, &["get", "x"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{place}: {said}");
        assert!(said.starts_with("REDIS: "), "{place}: {said}");
        assert!(!said.contains("sec"), "{place}: {said}");
        assert!(!said.contains("ret"), "{place}: {said}");
    }
}

#[test]
fn it_authenticates() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let tool = Tool::new();
    let address = server.address.to_string();
    for (name, secret) in [("bob", "nopass"), ("eve", ">a+b%c")] {
        let words = ["acl", "setuser", name, "on", secret, "+@all"];
        succeeded(&tool.run(&address, &words));
    }
    let socket = server.socket().display().to_string();
    for (place, user) in [
        (format!("redis://{address}"), "default"),
        (format!("redis://bob@{address}"), "bob"),
        (format!("Redis://bob@{address}?protocol=resp3"), "bob"),
        (format!("redis://eve:a+b%25c@{address}"), "eve"),
        (format!("redis://{address}?user=eve&pass=a+b%25c"), "eve"),
        (format!("unix://{socket}?user=eve&pass=a%2Bb%25c"), "eve"),
        (format!("unix:{socket}?user=bob&protocol=3"), "bob"),
    ] {
        let output = tool.run(&place, &["acl", "whoami"]);
        succeeded(&output);
        assert_eq!(output.stdout, format!("{user}\n").as_bytes(), "{place}");
    }
    tool.fails(&format!("redis://eve@{address}"), &["ping"], 2, "WRONGPASS");
}

/// Where nobody names a port it is Redis' own, whoever listens there.
#[test]
fn it_speaks_ipv6() {
    let Ok(silent) = TcpListener::bind("[::1]:0") else {
        return;
    };
    let tool = Tool::new();
    let port = silent.local_addr().unwrap().port();
    for place in [format!("[::1]:{port}"), format!("redis://[::1]:{port}")] {
        tool.fails(&place, &["ping"], 2, "timed out");
    }
    for place in ["[::1]", "::1", "redis://[::1]"] {
        let output = tool.run(place, &["ping"]);
        let said = String::from_utf8(output.stderr).unwrap();
        let is_up = output.status.success();
        assert!(is_up || said.starts_with("[::1]:6379: "), "{place}: {said}");
    }
}

/// A server that accepts, and never says anything, is given up.
#[test]
fn it_does_not_wait_for_ever() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = silent.local_addr().unwrap().to_string();
    let tool = Tool::new();
    thread::scope(|scope| {
        for words in [
            &["get", "x"][..],
            &["bench", "2", "2"],
            &["listen", "news"],
            &["compare"],
            &[],
        ] {
            let (tool, place) = (&tool, &place);
            scope.spawn(move || tool.fails(place, words, 2, "timed out"));
        }
    });
}

/// One that stops in the middle is noticed, too.
#[test]
fn a_benchmark_does_not_wait_for_ever() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let tool = Tool::new();
    let words = ["bench", "8", "8", "1000000000"];
    let mut command = tool.command(&server.address.to_string(), &words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let bench = command.spawn().unwrap();
    thread::sleep(Duration::from_millis(500));
    let process = libc::pid_t::try_from(server.id()).unwrap();
    // SAFETY: asks the system to stop a process of ours.
    assert_eq!(unsafe { libc::kill(process, libc::SIGSTOP) }, 0);
    let output = bench.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("timed out"));
}

/// All that is asked for is under way at once, and comes slowly, but it comes.
#[test]
fn a_benchmark_of_a_slow_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let slow = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            let reply = match line.as_str() {
                "SET" => "+OK\r\n",
                "GET" => {
                    thread::sleep(Duration::from_millis(1700));
                    "$5\r\nvalue\r\n"
                }
                "DEL" => ":1\r\n",
                _ => continue,
            };
            stream.write_all(reply.as_bytes()).unwrap();
        }
    });
    let tool = Tool::new();
    succeeded(&tool.run(&place, &["bench", "1", "4", "4"]));
    slow.join().unwrap();
}

/// What has been needed is removed where work fails, too.
#[test]
fn a_benchmark_that_fails_leaves_no_key() {
    let Some(server) = RedisServer::with(&["--maxclients", "3"]) else {
        return;
    };
    let tool = Tool::new();
    let address = server.address.to_string();
    let left = || tool.run(&address, &["keys", "*"]).stdout;
    // Too many for this server.
    tool.fails(&address, &["bench", "8", "1"], 2, "max number of clients");
    assert!(left().is_empty());
    // The value is another one all at once.
    let mut command = tool.command(&address, &["bench", "1", "4", "1000000000"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let bench = command.spawn().unwrap();
    thread::sleep(Duration::from_millis(500));
    succeeded(&tool.run(&address, &["set", "async-op:example:key", "other"]));
    let output = bench.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the value that was set"), "{said}");
    assert!(left().is_empty());
}

/// Whatever it is doing when its server goes, it says so.
#[test]
fn a_comparison_whose_server_goes() {
    let tool = Tool::new();
    thread::scope(|scope| {
        for delay in [300, 900, 2000, 3500] {
            let Some(mut server) = RedisServer::start() else {
                return;
            };
            let tool = &tool;
            scope.spawn(move || {
                let words = ["compare", "64", "16"];
                let mut command = tool.command(&server.address.to_string(), &words);
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                let compare = command.spawn().unwrap();
                thread::sleep(Duration::from_millis(delay));
                server.kill();
                let output = compare.wait_with_output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(2), "{said}");
                assert!(!said.is_empty());
                assert!(!said.contains("panicked"), "{said}");
            });
        }
    });
}

/// Waits until the tool is at work with the one server whose files are in `folder`: it has
/// seen that it is up.
fn wait_for_server(folder: &Folder) {
    let clients = || {
        let [files] = &folder.files()[..] else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut stream = UnixStream::connect(files.join("socket"))?;
        stream.write_all(b"CLIENT LIST\r\nQUIT\r\n")?;
        let mut clients = String::new();
        stream.read_to_string(&mut clients)?;
        io::Result::Ok(clients)
    };
    // One that asks something else than this, and than the tool while it waits.
    let is_at_work = |client: &str| {
        let asks = ["client", "info", "quit", "NULL"];
        client.contains("cmd=") && !asks.iter().any(|it| client.contains(&format!("cmd={it}")))
    };
    let start = Instant::now();
    while !clients().is_ok_and(|clients| clients.lines().any(is_at_work)) {
        assert!(start.elapsed() < Duration::from_secs(30), "no server");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal to a process, or to the group that it leads.
fn signal(child: &Child, signal: i32, group: bool) {
    let process = libc::pid_t::try_from(child.id()).unwrap();
    let process = if group { -process } else { process };
    // SAFETY: asks the system to signal a process of ours.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}

/// Waits for its end, but not for ever; returns what it has said, too.
fn end(mut child: Child) -> (ExitStatus, String) {
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(10));
    };
    let mut said = String::new();
    let mut errors = child.stderr.take().unwrap();
    errors.read_to_string(&mut said).unwrap();
    (status, said)
}

/// A server of its own goes with the tool, which ends by the signal and says nothing.
#[test]
fn its_own_server_goes_with_it() {
    if RedisServer::start().is_none() {
        return;
    }
    let tool = Tool::new();
    let folder = Folder::new("ends");
    for number in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
        for words in [&["listen", "news"][..], &["bench", "4", "4", "1000000000"]] {
            // Ctrl-C reaches the server as well.
            for group in [false, true] {
                let mut command = tool.on_its_own(folder.path(), words);
                let child = command.process_group(0).spawn().unwrap();
                wait_for_server(&folder);
                signal(&child, number, group);
                let (status, said) = end(child);
                assert_eq!(status.signal(), Some(number), "{words:?} {group}: {said}");
                assert!(said.is_empty(), "{words:?} {number} {group}: {said}");
                assert!(folder.files().is_empty(), "{words:?} {number} {group}");
            }
        }
    }
}

#[test]
fn it_stays_under_nohup() {
    if RedisServer::start().is_none() {
        return;
    }
    let tool = Tool::new();
    let folder = Folder::new("nohup");
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" listen news"]);
    shell.arg(&tool.0);
    shell.env("REDIS", "own").env("TMPDIR", folder.path());
    let mut child = shell.stderr(Stdio::piped()).spawn().unwrap();
    wait_for_server(&folder);
    signal(&child, libc::SIGHUP, false);
    thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    signal(&child, libc::SIGTERM, false);
    assert_eq!(end(child).0.signal(), Some(libc::SIGTERM));
    assert!(folder.files().is_empty());
}

/// Where no folder can be made, or no server comes up, that is said, and nothing left.
#[test]
fn its_own_server_does_not_start() {
    if RedisServer::start().is_none() {
        return;
    }
    let tool = Tool::new();
    let folder = Folder::new("fails");
    let fails = |place: &Path, text: &str| {
        let child = tool.on_its_own(place, &["get", "x"]).spawn().unwrap();
        let (status, said) = end(child);
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.contains(text) && !said.contains("panicked"), "{said}");
    };
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    fails(&file, "file/");
    fs::remove_file(&file).unwrap();
    let none = folder.path().join("none");
    fails(&none, "No such file");
    assert!(!none.exists());
    // A path that has no room in the address of a socket.
    let long = folder.path().join("x".repeat(100));
    fs::create_dir(&long).unwrap();
    fails(&long, "path too long");
    assert!(fs::read_dir(&long).unwrap().next().is_none());
}

/// What reads the output may go away: `redis .. | head`.
#[test]
fn its_output_is_closed() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let tool = Tool::new();
    for words in [&["ping"][..], &["--help"], &["bench", "1", "1", "10"]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = tool.command(&server.address.to_string(), words);
        let output = command.stdout(writer).stderr(Stdio::piped()).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

/// Long work shows on a terminal how far it has come, and only there.
#[test]
fn a_progress_bar() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let tool = Tool::new();
    let bench = || tool.command(&server.address.to_string(), &["bench", "4", "4", "5000"]);
    let output = bench().output().unwrap();
    succeeded(&output);
    assert!(output.stderr.is_empty(), "{output:?}");

    let (mut ours, mut theirs) = (0, 0);
    let none = ptr::null_mut();
    // SAFETY: makes two descriptors; no name and no settings are asked for.
    let made = unsafe { libc::openpty(&mut ours, &mut theirs, none, ptr::null(), ptr::null()) };
    assert_eq!(made, 0);
    // SAFETY: it is open, and nobody else's.
    let mut ours = unsafe { File::from_raw_fd(ours) };
    // SAFETY: as before.
    let theirs = unsafe { File::from_raw_fd(theirs) };
    succeeded(&bench().stderr(theirs).output().unwrap());
    let mut said = Vec::new();
    // It ends with an error where the other end is closed.
    let _ = ours.read_to_end(&mut said);
    let said = String::from_utf8(said).unwrap();
    let bar = format!("[{}] 5000 of 5000\r\n", "#".repeat(40));
    assert!(said.ends_with(&bar), "{said}");
}
