//! The PostgreSQL client as a library for C: a host with an event loop of its own, against a
//! real server.
#![cfg(all(target_os = "linux", not(async_op_sanitize)))]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use async_op_tests::postgres::PostgresServer;
use async_op_tests::{Folder, built, c_host, compiled, succeeded};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/examples/postgres/c")
}

fn library() -> PathBuf {
    built("postgres_c", "libpostgres_c.so")
}

#[test]
fn a_host_in_c() {
    let Some(server) = PostgresServer::start() else {
        return;
    };
    let (library, folder) = (library(), Folder::new("postgres-c"));
    let host = examples().join("host.c");
    let host = compiled(&host, &examples(), &library, folder.path());
    for url in [server.url(PostgresServer::USER), server.unix_url()] {
        let output = c_host(&host, &library, &url).output().unwrap();
        succeeded(&output);
        // Nor does the library print, when the host has no memory, for one.
        assert!(output.stderr.is_empty(), "{output:?}");
    }
    // What is wrong with an address it says, but not what the password is.
    let url = "postgres://me:secret@localhost:port/";
    let output = c_host(&host, &library, url).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("invalid port number") && !said.contains("secret"),
        "{said}"
    );
}

/// Where callbacks come from, and what may be done in them.
#[test]
fn callbacks_of_a_host_in_c() {
    let Some(server) = PostgresServer::start() else {
        return;
    };
    let (library, folder) = (library(), Folder::new("postgres-callbacks"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres_callbacks.c");
    let host = compiled(&source, &examples(), &library, folder.path());
    let output = c_host(&host, &library, &server.unix_url())
        .output()
        .unwrap();
    succeeded(&output);
    assert!(output.stderr.is_empty(), "{output:?}");
}

/// The header serves C++ as well, where there is a compiler for that.
#[test]
fn a_host_in_cpp() {
    let (library, folder) = (library(), Folder::new("postgres-cpp"));
    let (source, host) = (folder.path().join("host.cpp"), folder.path().join("host"));
    let text = r#"
        #include "postgres.h"
        int main() {
            postgres_context *context = postgres_context_new(nullptr);
            postgres_context_free(context);
            return context == nullptr;
        }
    "#;
    fs::write(&source, text).unwrap();
    let mut compiler = Command::new("g++");
    compiler
        .args(["-Wall", "-Wextra", "-pedantic", "-Werror", "-I"])
        .arg(examples())
        .args([&source, &library])
        .arg("-o")
        .arg(&host);
    match compiler.output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        output => succeeded(&output.unwrap()),
    }
    succeeded(&c_host(&host, &library, "").output().unwrap());
}
