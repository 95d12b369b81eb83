//! This crate beside its peers, on the same work in the same run.
//!
//! ```sh
//! cargo bench -p async-op-benches --bench peers                  # all, briefly: some seconds
//! cargo bench -p async-op-benches --bench peers -- --full        # all, at length: some minutes
//! cargo bench -p async-op-benches --bench peers -- timers --full # those whose names contain "timers"
//! cargo bench -p async-op-benches --bench peers -- post --count  # instructions and system calls too
//! cargo bench -p async-op-benches --bench peers -- --scale       # how costs grow, with pictures
//! cargo bench -p async-op-benches --bench peers -- --tables FILE # what was printed, into README.md
//! ```
//!
//! Each sample is a process of its own, and contenders take turns (A B C A B C),
//! so that whatever else the machine does hits all of them. Prints lines of
//! `workload,contender,metric,value`, each the median of the samples, and after
//! each workload a table. A load generator is a process of its own as well, and
//! what it costs is in nobody's figures.

mod blocked;
mod clients;
mod count;
mod echo;
mod fan_out;
mod lockstep;
mod measure;
mod mio_loop;
mod ping_pong;
mod posts;
mod report;
mod runners;
mod scale;
mod tables;
mod threads;
mod timers;

use std::process::ExitCode;

use measure::Run;

/// One kind of work, and who does it.
pub(crate) struct Workload {
    name: &'static str,
    /// What is counted: all metrics but latencies are per round.
    round: &'static str,
    /// Rounds of a sample: in brief, and at length.
    rounds: [u64; 2],
    contenders: &'static [Contender],
}

/// A name, and what takes a sample.
type Contender = (&'static str, fn(&mut Run));

const WORKLOADS: &[&[Workload]] = &[
    posts::WORKLOADS,
    threads::WORKLOADS,
    runners::WORKLOADS,
    fan_out::WORKLOADS,
    blocked::WORKLOADS,
    timers::WORKLOADS,
    ping_pong::WORKLOADS,
    echo::WORKLOADS,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    measure::raise_limit_of_descriptors();
    match arguments[..] {
        // One sample, by itself: this is what profilers are for.
        [how @ ("run" | "count"), workload, contender, rounds] => {
            let workload = find(workload);
            let (_, contender) = workload
                .contenders
                .iter()
                .find(|(name, _)| *name == contender)
                .expect("the name of a contender");
            let rounds = rounds.parse().expect("a number of rounds");
            let mut run = Run::new(rounds, workload.rounds[0] / 10, how == "run");
            contender(&mut run);
            run.print();
        }
        ["scale", series, contender, x] => scale::run(series, contender, x),
        ["--tables", results, ..] => tables::write(results),
        ["load", ..] => clients::load(&arguments[1..]),
        _ if arguments.contains(&"--scale") => scale::all(&arguments),
        _ => report::all(&arguments),
    }
    ExitCode::SUCCESS
}

fn find(name: &str) -> &'static Workload {
    WORKLOADS
        .iter()
        .copied()
        .flatten()
        .find(|workload| workload.name == name)
        .expect("the name of a workload")
}
