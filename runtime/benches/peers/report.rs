//! Runs the samples, and says what they show.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::measure::PERCENTILES;
use crate::{WORKLOADS, Workload, count};

/// Metrics in the order of the columns of a table.
const COLUMNS: [&str; 8] = [
    "wall ns",
    "CPU ns",
    "instructions",
    "system calls",
    "allocations",
    PERCENTILES[0].0,
    PERCENTILES[1].0,
    PERCENTILES[2].0,
];

pub(crate) fn all(arguments: &[&str]) {
    let full = arguments.contains(&"--full");
    let counts = arguments.contains(&"--count");
    // `cargo bench` adds an option of its own, `--bench`.
    let names: Vec<_> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let chosen = |workload: &&Workload| {
        names.is_empty() || names.iter().any(|name| workload.name.contains(**name))
    };
    for workload in WORKLOADS.iter().copied().flatten().filter(chosen) {
        let rounds = workload.rounds[usize::from(full)];
        let samples = if full { 5 } else { 2 };
        let mut figures = vec![Figures::default(); workload.contenders.len()];
        for _ in 0..samples {
            for ((contender, _), figures) in workload.contenders.iter().zip(&mut figures) {
                figures.add(sample(workload.name, contender, rounds));
            }
        }
        if counts {
            for ((contender, _), figures) in workload.contenders.iter().zip(&mut figures) {
                figures.add(count::all(workload, contender));
            }
        }
        table(workload, &mut figures);
    }
}

/// What a contender's samples have shown, by metric.
#[derive(Clone, Default)]
struct Figures(Vec<(String, Vec<f64>)>);

impl Figures {
    fn add(&mut self, sample: Vec<(String, f64)>) {
        for (metric, value) in sample {
            match self.0.iter_mut().find(|(known, _)| *known == metric) {
                Some((_, values)) => values.push(value),
                None => self.0.push((metric, vec![value])),
            }
        }
    }

    fn median(&mut self, metric: &str) -> Option<f64> {
        let (_, values) = self.0.iter_mut().find(|(known, _)| known == metric)?;
        values.sort_unstable_by(f64::total_cmp);
        Some(values[(values.len() - 1) / 2])
    }
}

/// Runs a contender in a process of its own.
fn sample(workload: &str, contender: &str, rounds: u64) -> Vec<(String, f64)> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["run", workload, contender, &rounds.to_string()]);
    finish(command)
}

/// Waits for a sample, and sends it the load that it asks for. Of the figures of
/// several loads, those of the last count.
pub(crate) fn finish(mut command: Command) -> Vec<(String, f64)> {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut figures = Vec::new();
    let mut load: Option<Child> = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(arguments) = line.strip_prefix("load,") {
            if let Some(mut earlier) = load.take() {
                earlier.wait().unwrap();
            }
            let this = std::env::current_exe().unwrap();
            let generator = Command::new(this)
                .arg("load")
                .args(arguments.split(','))
                .stdout(Stdio::piped())
                .spawn();
            load = Some(generator.unwrap());
        } else if let Some((metric, value)) = line.split_once(',') {
            figures.push((metric.to_string(), value.parse().unwrap()));
        }
    }
    assert!(child.wait().unwrap().success(), "{command:?}");
    if let Some(load) = load {
        let output = load.wait_with_output().unwrap();
        assert!(output.status.success(), "the load generator failed");
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (metric, value) = line.split_once(',').unwrap();
            figures.push((metric.to_string(), value.parse().unwrap()));
        }
    }
    figures
}

fn table(workload: &Workload, figures: &mut [Figures]) {
    let name = workload.name;
    let columns: Vec<&str> = COLUMNS
        .into_iter()
        .filter(|metric| figures.iter_mut().any(|f| f.median(metric).is_some()))
        .collect();
    for ((contender, _), figures) in workload.contenders.iter().zip(&mut *figures) {
        for metric in &columns {
            if let Some(value) = figures.median(metric) {
                println!("{name},{contender},{metric},{value:.2}");
            }
        }
    }
    // Ratios are of CPU time; `async-op` comes first in each workload.
    let ours = figures[0].median("CPU ns").unwrap();
    println!("\n{name}, per {}", workload.round);
    print!("{:18}", "");
    for metric in columns.iter().copied().chain(["CPU ratio"]) {
        print!("{metric:>14}");
    }
    println!();
    for ((contender, _), figures) in workload.contenders.iter().zip(figures) {
        print!("{contender:18}");
        for metric in &columns {
            match figures.median(metric) {
                Some(value) => print!("{value:>14.2}"),
                None => print!("{:>14}", "-"),
            }
        }
        println!("{:>14.2}", figures.median("CPU ns").unwrap() / ours);
    }
    println!();
}
