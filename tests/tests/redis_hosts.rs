//! The Redis client's hosts: a command-line tool; and, of the client as a library
//! for C, hosts in C and in Python, each with an event loop of its own. Against a
//! real server.
#![cfg(all(target_os = "linux", not(async_op_sanitize)))]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

#[test]
fn a_host_in_c() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let library = library();
    let host = server.folder().join("host");
    let mut compiler = Command::new("cc");
    compiler
        .args([
            "-std=gnu11",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-pthread",
        ])
        .arg(examples().join("host.c"))
        .arg(&library)
        .arg("-o")
        .arg(&host);
    check(&compiler.output().unwrap());
    for address in [
        server.address.to_string(),
        server.socket().display().to_string(),
    ] {
        let mut run = Command::new("timeout");
        run.arg("60").arg(&host).arg(address);
        run.env("LD_LIBRARY_PATH", library.parent().unwrap());
        check(&run.output().unwrap());
    }
}

#[test]
fn a_host_in_python() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let mut run = Command::new("timeout");
    run.args(["60", "python3"])
        .arg(examples().join("host.py"))
        .arg(library())
        .arg(server.address.to_string());
    check(&run.output().unwrap());
}

#[test]
fn a_command_line_tool() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let tool = built("redis", "redis");
    let run = |place: &str, words: &[&str]| {
        let mut run = Command::new("timeout");
        run.arg("60").arg(&tool).args(words).env("REDIS", place);
        run.output().unwrap()
    };
    let socket = server.socket().display().to_string();
    let address = server.address.to_string();
    let set = run(&address, &["set", "greeting", "hello"]);
    check(&set);
    let get = run(&socket, &["get", "greeting"]);
    check(&get);
    assert_eq!(get.stdout, b"hello\n");
    let other = run(&address, &["strlen", "greeting"]);
    check(&other);
    assert_eq!(other.stdout, b"Integer(5)\n");
    let bench = run(&socket, &["bench", "64", "4", "5000"]);
    check(&bench);
    let said = String::from_utf8(bench.stderr).unwrap();
    let bar = format!("[{}] 5000 of 5000\n", "#".repeat(40));
    assert!(said.ends_with(&bar), "{said}");
    assert!(bench.stdout.starts_with(b"5000 GET on 64 connections"));
    // What goes wrong is said, and the status tells.
    let wrong = run(&address, &["incr", "greeting"]);
    assert!(!wrong.status.success());
    assert!(wrong.stderr.starts_with(b"the server says: ERR"));
    // In every way to wait.
    check(&run(&address, &[]));
}
