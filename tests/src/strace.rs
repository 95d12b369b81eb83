use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::is_emulated;

const STRACE: &str = "/usr/bin/strace";
const ROUNDS: &str = "SYSTEM_CALL_ROUNDS";

/// Compares the system calls of 1100 rounds with those of 100, each in a process
/// of its own: `expected` says how many of which a round takes, and there are no
/// others. `body` makes so many rounds; `test` is the name of the test that calls
/// this.
pub fn system_calls_per_round(test: &str, body: fn(usize), expected: &[(&str, usize)]) {
    if let Ok(rounds) = env::var(ROUNDS) {
        // So that what the test harness does is left out.
        mark();
        body(rounds.parse().unwrap());
        mark();
        return;
    }
    if !Path::new(STRACE).exists() {
        eprintln!("skipped: there is no {STRACE}");
        return;
    }
    if is_emulated() {
        return;
    }
    let (few, many) = (traced(test, 100), traced(test, 1100));
    let count = |calls: &[String], name: &str| calls.iter().filter(|call| *call == name).count();
    for &(name, per_round) in expected {
        let more = count(&many, name) - count(&few, name);
        assert_eq!(more, per_round * 1000, "{name}");
    }
    // And nothing else, whatever it is called.
    let all: usize = expected.iter().map(|(_, per_round)| per_round).sum();
    assert_eq!(many.len() - few.len(), all * 1000);
}

/// A system call that shows in the trace.
const MARK: &str = "getppid";

fn mark() {
    let _ = std::os::unix::process::parent_id();
}

/// Returns the names of the system calls that the thread of a test, in a process
/// of its own, makes between its two marks.
fn traced(test: &str, rounds: usize) -> Vec<String> {
    let name = format!("async-op-{}-{test}-{rounds}", std::process::id());
    let log = env::temp_dir().join(name.replace("::", "-"));
    let status = Command::new(STRACE)
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .arg(env::current_exe().unwrap())
        .args(["--exact", test])
        .env(ROUNDS, rounds.to_string())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let mut marked = None;
    let mut names = Vec::new();
    for line in text.lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        // Not what only ends here.
        let name = match call.trim_start().split_once('(') {
            Some((name, _)) if !name.starts_with('<') => name,
            _ => continue,
        };
        match marked {
            None if name == MARK => marked = Some(thread),
            Some(marked) if marked == thread && name == MARK => return names,
            Some(marked) if marked == thread => names.push(name.to_owned()),
            _ => {}
        }
    }
    panic!("the trace of {test} has no two marks");
}
