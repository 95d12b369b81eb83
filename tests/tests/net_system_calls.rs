//! How many system calls a round trip takes.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use async_op::{IoContext, TcpStream};
use async_op_tests::net::pair;

const STRACE: &str = "/usr/bin/strace";
const ROUNDS: &str = "PING_PONG_ROUNDS";

/// Sends 64 bytes to and fro `rounds` times, both ends on one context.
fn ping_pong(rounds: usize) {
    fn serve(stream: TcpStream) {
        let writer = stream.clone();
        // Room for more, so that the read is a short one.
        stream.read_some([0; 65]).callback(move |result, _| {
            if result.unwrap() == 0 {
                return;
            }
            let reader = writer.clone();
            writer.write_some([0; 64]).callback(move |result, _| {
                assert_eq!(result.unwrap(), 64);
                serve(reader);
            });
        });
    }

    fn call(stream: TcpStream, rounds: usize) {
        if rounds == 0 {
            return;
        }
        let reader = stream.clone();
        stream.write_some([0; 64]).callback(move |result, _| {
            assert_eq!(result.unwrap(), 64);
            let next = reader.clone();
            reader.read_some([0; 65]).callback(move |result, _| {
                assert_eq!(result.unwrap(), 64);
                call(next, rounds - 1);
            });
        });
    }

    let context = IoContext::new().unwrap();
    let (client, server) = pair(&context);
    serve(server);
    call(client, rounds);
    context.run();
}

/// Makes the round trips in a process of their own; returns the names of the
/// system calls of the thread that makes them.
fn traced(rounds: usize) -> Vec<String> {
    let log = env::temp_dir().join(format!("async-op-{}-{rounds}", std::process::id()));
    let status = Command::new(STRACE)
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .arg(env::current_exe().unwrap())
        .args(["--exact", "six_system_calls_per_round_trip"])
        .env(ROUNDS, rounds.to_string())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let calls: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let (thread, call) = line.split_once(' ')?;
            let (name, _) = call.trim_start().split_once('(')?;
            Some((thread, name))
        })
        .collect();
    // The harness of the test has threads of its own, which wait now and then.
    let sends = calls.iter().find(|(_, name)| *name == "sendto");
    let (of_it, _) = sends.expect("it sends");
    let names = calls.iter().filter(|(thread, _)| thread == of_it);
    names.map(|(_, name)| (*name).to_owned()).collect()
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "the sanitizer does not run under strace")]
fn six_system_calls_per_round_trip() {
    if let Ok(rounds) = env::var(ROUNDS) {
        return ping_pong(rounds.parse().unwrap());
    }
    if !Path::new(STRACE).exists() {
        eprintln!("skipped: there is no {STRACE}");
        return;
    }
    let (few, many) = (traced(100), traced(1100));
    let count = |calls: &[String], name: &str| calls.iter().filter(|call| *call == name).count();
    for (name, per_round) in [("sendto", 2), ("recvfrom", 2), ("epoll_wait", 2)] {
        assert_eq!(
            count(&many, name) - count(&few, name),
            per_round * 1000,
            "{name}"
        );
    }
    // And nothing else, whatever it is called.
    assert_eq!(many.len() - few.len(), 6 * 1000);
}
