//! Instructions (callgrind) and system calls (strace), counted from outside, each
//! as the difference of two counts of rounds; left out where a tool is missing.

use std::process::Command;

use crate::report::{self, Contender};

pub(crate) fn all(rounds: u64, contender: &Contender) -> Vec<(String, f64)> {
    [
        ("instructions", instructions as Counter),
        ("system calls", system_calls),
    ]
    .into_iter()
    .filter_map(|(metric, counter)| {
        let [brief, long] = [rounds, 4 * rounds].map(|rounds| counter(contender, rounds));
        // Threads that race may need fewer for more rounds: that is none.
        let difference = (long? - brief?).max(0.0);
        Some((metric.to_string(), difference / (3 * rounds) as f64))
    })
    .collect()
}

type Counter = fn(&Contender, u64) -> Option<f64>;

/// Instructions in user space, of all threads.
fn instructions(contender: &Contender, rounds: u64) -> Option<f64> {
    let options = [
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        "--toggle-collect=*uncounted*",
        "--collect-atstart=yes",
    ];
    let log = run("valgrind", &options, "--log-file=", contender, rounds)?;
    let line = log.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// System calls of all threads.
fn system_calls(contender: &Contender, rounds: u64) -> Option<f64> {
    let log = run("strace", &["-f", "-c"], "--output=", contender, rounds)?;
    let line = log.lines().find(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// Runs a sample under `tool`, and returns what the tool has to say.
fn run(
    tool: &str,
    options: &[&str],
    log: &str,
    contender: &Contender,
    rounds: u64,
) -> Option<String> {
    Command::new(tool).arg("--version").output().ok()?;
    let path = std::env::temp_dir().join(format!("{tool}-{}", std::process::id()));
    let mut command = Command::new(tool);
    command
        .args(options)
        .arg(format!("{log}{}", path.display()));
    command.arg(&contender.program);
    command.args(contender.arguments("count", rounds));
    report::finish(command);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    Some(text)
}
