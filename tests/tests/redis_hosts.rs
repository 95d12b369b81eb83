//! The Redis client's hosts: a command-line tool; and, of the client as a library
//! for C, hosts in C and in Python, each with an event loop of its own. Against a
//! real server.
#![cfg(all(target_os = "linux", not(async_op_sanitize)))]

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::TcpListener;
use std::os::fd::FromRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::ptr;
use std::thread;
use std::time::Duration;

use async_op_tests::redis::RedisServer;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/examples/redis/c")
}

/// Builds an example; returns the path of `file`, which that makes.
fn built(example: &str, file: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "-p", "async-op", "--example", example])
        .args(["--message-format", "json-render-diagnostics"]);
    let output = cargo.current_dir(examples()).output().unwrap();
    check(&output);
    let messages = String::from_utf8(output.stdout).unwrap();
    let end = messages
        .rfind(&format!("/{file}\""))
        .expect("what was built")
        + 1
        + file.len();
    let start = messages[..end].rfind('"').unwrap() + 1;
    messages[start..end].into()
}

fn library() -> PathBuf {
    built("redis_c", "libredis_c.so")
}

fn check(output: &Output) {
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Compiles a host in C, strictly.
fn compiled(source: &Path, library: &Path, folder: &Path) -> PathBuf {
    let host = folder.join("host");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-std=c11", "-O1", "-Wall", "-Wextra", "-pedantic"])
        .args(["-Werror", "-pthread", "-I"])
        .arg(examples())
        .arg(source)
        .arg(library)
        .arg("-o")
        .arg(&host);
    check(&compiler.output().unwrap());
    host
}

/// A host in C, ready to be run; ended if it hangs.
fn c_host(host: &Path, library: &Path, address: &str) -> Command {
    let mut run = Command::new("timeout");
    run.arg("60").arg(host).arg(address);
    run.env("LD_LIBRARY_PATH", library.parent().unwrap());
    // Memory that is used after it has been freed is none that looks well.
    run.env("MALLOC_PERTURB_", "165");
    run
}

/// The same in Python.
fn python_host(library: &Path, address: &str) -> Command {
    let mut run = Command::new("timeout");
    run.args(["60", "python3"]).arg(examples().join("host.py"));
    run.arg(library).arg(address);
    run
}

/// A folder for a test without a server.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("async-op-{name}-{}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_host_in_c() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let library = library();
    let host = compiled(&examples().join("host.c"), &library, &server.folder());
    for address in [
        server.address.to_string(),
        server.socket().display().to_string(),
    ] {
        check(&c_host(&host, &library, &address).output().unwrap());
    }
}

/// Where callbacks come from and what may be done in them; and what results are.
#[test]
fn callbacks_of_a_host_in_c() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let library = library();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/redis_callbacks.c");
    let host = compiled(&source, &library, &server.folder());
    let mut run = c_host(&host, &library, &server.address.to_string());
    let output = run.output().unwrap();
    check(&output);
    // Nor does the library print, when the host has no memory, for one.
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
}

/// The header serves C++ as well, where there is a compiler for that.
#[test]
fn a_host_in_cpp() {
    let folder = Folder::new("redis-cpp");
    let source = folder.0.join("host.cpp");
    let text = r#"
        #include "redis.h"
        int main() {
            redis_context *context = redis_context_new(nullptr);
            redis_context_free(context);
            return context == nullptr;
        }
    "#;
    fs::write(&source, text).unwrap();
    let library = library();
    let host = folder.0.join("host");
    let mut compiler = Command::new("g++");
    compiler
        .args(["-Wall", "-Wextra", "-pedantic", "-Werror", "-I"])
        .arg(examples())
        .arg(&source)
        .arg(&library)
        .arg("-o")
        .arg(&host);
    match compiler.output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        output => check(&output.unwrap()),
    }
    check(&c_host(&host, &library, "").output().unwrap());
}

#[test]
fn a_host_in_python() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let library = library();
    let address = server.address.to_string();
    check(&python_host(&library, &address).output().unwrap());
    // And what it does not do itself: to close early, and to be called wrongly.
    let mut run = Command::new("timeout");
    run.args(["60", "python3", "-B", "-X", "dev", "-W", "error"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/redis_host.py"))
        .arg(examples().join("host.py"))
        .args([library.as_os_str(), OsStr::new(&address)]);
    let output = run.output().unwrap();
    check(&output);
    assert!(output.stderr.is_empty(), "{output:?}");
}

/// They say why there is no connection, but not what the password is; and a server
/// that says nothing is given up.
#[test]
fn hosts_say_what_is_wrong() {
    let library = library();
    let folder = Folder::new("redis-wrong");
    let host = compiled(&examples().join("host.c"), &library, &folder.0);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = silent.local_addr().unwrap().to_string();
    let fails = |mut run: Command, status: i32, text: &str| {
        let output = run.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(text), "{said}");
        for word in ["secret", "Traceback", "panicked"] {
            assert!(!said.contains(word), "{said}");
        }
    };
    let url = "redis://:secret@localhost/x";
    let text = "x is not the number of a database";
    fails(c_host(&host, &library, url), 2, text);
    fails(python_host(&library, url), 1, text);
    thread::scope(|scope| {
        scope.spawn(|| fails(c_host(&host, &library, &place), 1, "timed out"));
        scope.spawn(|| fails(python_host(&library, &place), 1, "does not answer"));
    });
}

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
fn a_command_line_tool() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let tool = Tool::new();
    let socket = server.socket().display().to_string();
    let address = server.address.to_string();
    let prints = |place: &str, words: &[&[u8]], text: &[u8]| {
        let words: Vec<_> = words.iter().map(|it| OsStr::from_bytes(it)).collect();
        let output = tool.run(place, &words);
        check(&output);
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
    check(&bench);
    assert!(bench.stdout.starts_with(b"5000 GET on 64 connections"));
    // In every way to wait.
    check(&tool.run(&address, &[] as &[&str]));
    // It has left nothing behind.
    prints(&address, &[b"dbsize"], b"2\n");
}

#[test]
fn a_command_line_tool_says_what_is_wrong() {
    let Some(server) = RedisServer::with(&["--requirepass", "se:cret"]) else {
        return;
    };
    let tool = Tool::new();
    let address = server.address.to_string();
    tool.fails(&address, &["get", "x"], 2, "NOAUTH");
    let place = format!("redis://:se%3Acret@{address}");
    check(&tool.run(&place, &["set", "greeting", "hello"]));
    check(&tool.run(&place, &["bench", "2", "2", "100"]));
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
        ("redis://localhost?colour=red", "colour=red"),
        ("redis://", "no host"),
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

/// A server that accepts, and never says anything, is given up.
#[test]
fn a_command_line_tool_does_not_wait_for_ever() {
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

/// A server of its own goes with the tool, however that ends.
#[test]
fn a_command_line_tool_cleans_up() {
    if RedisServer::start().is_none() {
        return;
    }
    let tool = Tool::new();
    let folder = env::temp_dir().join(format!("async-op-redis-tool-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let mut command = tool.command("own", &["listen", "news"]);
        let mut listen = command.env("TMPDIR", &folder).spawn().unwrap();
        // Its socket, once it is up.
        let its_own = || fs::read_dir(&folder).unwrap().next();
        let is_up = || its_own().is_some_and(|it| it.unwrap().path().join("socket").exists());
        while !is_up() {
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_millis(200));
        // `timeout` passes it on.
        let process = libc::pid_t::try_from(listen.id()).unwrap();
        // SAFETY: asks the system to end a process of ours.
        assert_eq!(unsafe { libc::kill(process, signal) }, 0);
        listen.wait().unwrap();
        assert!(its_own().is_none(), "signal {signal} has left a folder");
    }
    // Nor does it panic where no folder can be made.
    fs::write(folder.join("file"), "").unwrap();
    let mut command = tool.command("own", &["get", "x"]);
    let output = command.env("TMPDIR", folder.join("file")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("file") && !said.contains("panicked"),
        "{said}"
    );
    fs::remove_dir_all(&folder).unwrap();
}

/// What reads the output may go away: `redis .. | head`.
#[test]
fn a_command_line_tool_whose_output_is_closed() {
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
    check(&output);
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
    check(&bench().stderr(theirs).output().unwrap());
    let mut said = Vec::new();
    // It ends with an error where the other end is closed.
    let _ = ours.read_to_end(&mut said);
    let said = String::from_utf8(said).unwrap();
    let bar = format!("[{}] 5000 of 5000\r\n", "#".repeat(40));
    assert!(said.ends_with(&bar), "{said}");
}
