//! Instructions (callgrind) and system calls (strace), counted from outside, each
//! as the difference of two counts of rounds; left out where a tool is missing.

use std::process::Command;

use crate::{Workload, report};

pub(crate) fn all(workload: &Workload, contender: &str) -> Vec<(String, f64)> {
    [
        ("instructions", instructions as Counter),
        ("system calls", system_calls),
    ]
    .into_iter()
    .filter_map(|(metric, counter)| {
        let [brief, long] = [workload.rounds[0] / 2, workload.rounds[0]];
        let per_round = |rounds: u64| {
            let this = std::env::current_exe().unwrap();
            let rounds = rounds.to_string();
            counter(&[this.to_str()?, "count", workload.name, contender, &rounds])
        };
        // Threads that race may need fewer for more rounds: that is none.
        let difference = (per_round(long)? - per_round(brief)?).max(0.0);
        Some((metric.to_string(), difference / (long - brief) as f64))
    })
    .collect()
}

type Counter = fn(&[&str]) -> Option<f64>;

/// Instructions in user space, of all threads.
fn instructions(arguments: &[&str]) -> Option<f64> {
    let log = run(
        "valgrind",
        &["--tool=callgrind", "--callgrind-out-file=/dev/null"],
        "--log-file=",
        arguments,
    )?;
    let line = log.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// System calls of all threads.
fn system_calls(arguments: &[&str]) -> Option<f64> {
    let log = run("strace", &["-f", "-c"], "--output=", arguments)?;
    let line = log.lines().find(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// Runs a sample under `tool`, and returns what the tool has to say.
fn run(tool: &str, options: &[&str], log: &str, arguments: &[&str]) -> Option<String> {
    let found = Command::new(tool).arg("--version").output().is_ok();
    let path = std::env::temp_dir().join(format!("{tool}-{}", std::process::id()));
    found.then(|| {
        let mut command = Command::new(tool);
        command.args(options);
        command
            .arg(format!("{log}{}", path.display()))
            .args(arguments);
        report::finish(command);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        text
    })
}
