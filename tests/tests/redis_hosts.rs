//! The Redis client as a library for C: hosts in C and in Python, each with an
//! event loop of its own, against a real server.
#![cfg(all(target_os = "linux", not(async_op_sanitize)))]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use async_op_tests::redis::RedisServer;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/examples/redis/c")
}

/// Builds the library; returns where it is.
fn library() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "-p", "async-op", "--example", "redis_c"])
        .args(["--message-format", "json-render-diagnostics"]);
    let output = cargo.current_dir(examples()).output().unwrap();
    check(&output);
    let messages = String::from_utf8(output.stdout).unwrap();
    let end = messages.rfind("libredis_c.so\"").expect("a library") + "libredis_c.so".len();
    let start = messages[..end].rfind('"').unwrap() + 1;
    messages[start..end].into()
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
