//! The Redis client as a library for C: hosts in C and in Python, each with an event
//! loop of its own, against a real server.
#![cfg(all(target_os = "linux", not(async_op_sanitize)))]

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use async_op_tests::redis::RedisServer;
use async_op_tests::{Folder, built, c_host, compiled, succeeded};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/examples/redis/c")
}

fn library() -> PathBuf {
    built("redis_c", "libredis_c.so")
}

/// A host in Python, ready to be run; ended if it hangs.
fn python_host(library: &Path, address: &str) -> Command {
    let mut run = Command::new("timeout");
    run.args(["60", "python3"]).arg(examples().join("host.py"));
    run.arg(library).arg(address);
    run
}

#[test]
fn a_host_in_c() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let library = library();
    let host = compiled(
        &examples().join("host.c"),
        &examples(),
        &library,
        &server.folder(),
    );
    for address in [
        server.address.to_string(),
        server.socket().display().to_string(),
    ] {
        succeeded(&c_host(&host, &library, &address).output().unwrap());
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
    let host = compiled(&source, &examples(), &library, &server.folder());
    let mut run = c_host(&host, &library, &server.address.to_string());
    let output = run.output().unwrap();
    succeeded(&output);
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
    let source = folder.path().join("host.cpp");
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
    let host = folder.path().join("host");
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
        output => succeeded(&output.unwrap()),
    }
    succeeded(&c_host(&host, &library, "").output().unwrap());
}

#[test]
fn a_host_in_python() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let library = library();
    let address = server.address.to_string();
    succeeded(&python_host(&library, &address).output().unwrap());
    // And what it does not do itself: to close early, and to be called wrongly.
    let mut run = Command::new("timeout");
    run.args(["60", "python3", "-B", "-X", "dev", "-W", "error"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/redis_host.py"))
        .arg(examples().join("host.py"))
        .args([library.as_os_str(), OsStr::new(&address)]);
    let output = run.output().unwrap();
    succeeded(&output);
    assert!(output.stderr.is_empty(), "{output:?}");
}

/// They say why there is no connection, but not what the password is; and a server
/// that says nothing is given up.
#[test]
fn hosts_say_what_is_wrong() {
    let library = library();
    let folder = Folder::new("redis-wrong");
    let host = compiled(
        &examples().join("host.c"),
        &examples(),
        &library,
        folder.path(),
    );
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
    let text = "not the number of a database";
    fails(c_host(&host, &library, url), 2, text);
    fails(python_host(&library, url), 1, text);
    thread::scope(|scope| {
        scope.spawn(|| fails(c_host(&host, &library, &place), 1, "timed out"));
        scope.spawn(|| fails(python_host(&library, &place), 1, "does not answer"));
    });
}
