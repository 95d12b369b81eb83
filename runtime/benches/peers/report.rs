//! Runs the samples, and says what they show.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::measure::LATENCIES;
use crate::{WORKLOADS, Workload, count};

/// Metrics in the order of the columns of a table.
const COLUMNS: [&str; 10] = [
    "wall ns",
    "CPU ns",
    "instructions",
    "system calls",
    "allocations",
    "switches",
    LATENCIES[0],
    LATENCIES[1],
    LATENCIES[2],
    LATENCIES[3],
];

pub(crate) fn all(arguments: &[&str]) {
    let full = arguments.contains(&"--full");
    let counts = arguments.contains(&"--count");
    // `cargo bench` adds an option of its own, `--bench`.
    let names: Vec<_> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let workloads = || WORKLOADS.iter().copied().flatten();
    let exact = workloads().any(|workload| names.contains(&&workload.name));
    let chosen = |workload: &&Workload| match exact {
        true => names.contains(&&workload.name),
        false => names.is_empty() || names.iter().any(|name| workload.name.contains(**name)),
    };
    for workload in workloads().filter(chosen) {
        let rounds = workload.rounds[usize::from(full)];
        let samples = if full { 5 } else { 2 };
        let mut contenders = contenders(workload);
        for _ in 0..samples {
            for (contender, figures) in &mut contenders {
                let mut command = Command::new(&contender.program);
                command.args(contender.arguments("run", rounds));
                figures.add(finish(command));
            }
        }
        if counts {
            for (contender, figures) in &mut contenders {
                figures.add(count::all(workload.rounds[0], contender));
            }
        }
        table(workload, &mut contenders);
    }
}

/// What a contender's samples have shown, by metric.
#[derive(Clone, Default)]
pub(crate) struct Figures(Vec<(String, Vec<f64>)>);

impl Figures {
    pub(crate) fn add(&mut self, sample: Vec<(String, f64)>) {
        for (metric, value) in sample {
            match self.0.iter_mut().find(|(known, _)| *known == metric) {
                Some((_, values)) => values.push(value),
                None => self.0.push((metric, vec![value])),
            }
        }
    }

    pub(crate) fn median(&mut self, metric: &str) -> Option<f64> {
        let (_, values) = self.0.iter_mut().find(|(known, _)| known == metric)?;
        values.sort_unstable_by(f64::total_cmp);
        Some(values[(values.len() - 1) / 2])
    }
}

/// Who takes part in a workload, and by which program.
pub(crate) struct Contender {
    workload: &'static str,
    name: String,
    pub(crate) program: PathBuf,
}

impl Contender {
    /// What the program is called with, to take one sample.
    pub(crate) fn arguments(&self, how: &str, rounds: u64) -> [String; 4] {
        let (workload, name) = (self.workload.to_string(), self.name.clone());
        [how.to_string(), workload, name, rounds.to_string()]
    }
}

/// Ours, and those of another program that is named in the environment.
fn contenders(workload: &Workload) -> Vec<(Contender, Figures)> {
    let this = std::env::current_exe().unwrap();
    let own = workload.contenders.iter();
    let mut all: Vec<_> = own
        .map(|(name, _)| (name.to_string(), this.clone()))
        .collect();
    if let Some(also) = std::env::var_os("PEERS_ALSO").map(PathBuf::from) {
        let names = names(&also, workload);
        all.extend(names.into_iter().map(|name| (name, also.clone())));
    }
    all.into_iter()
        .map(|(name, program)| {
            let contender = Contender {
                workload: workload.name,
                name,
                program,
            };
            (contender, Figures::default())
        })
        .collect()
}

/// Asks a program who of it takes part.
fn names(program: &Path, workload: &Workload) -> Vec<String> {
    let mut command = Command::new(program);
    let output = command.args(["contenders", workload.name]).output();
    let names = String::from_utf8(output.unwrap().stdout).unwrap();
    names.lines().map(str::to_string).collect()
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

fn table(workload: &Workload, contenders: &mut [(Contender, Figures)]) {
    let name = workload.name;
    let mut columns = COLUMNS.to_vec();
    columns.retain(|metric| {
        contenders
            .iter_mut()
            .any(|(_, f)| f.median(metric).is_some())
    });
    for (contender, figures) in &mut *contenders {
        for metric in &columns {
            if let Some(value) = figures.median(metric) {
                println!("{name},{},{metric},{value:.2}", contender.name);
            }
        }
    }
    // Ratios are to `async-op`, which comes first in each workload.
    let ratios = [("CPU ns", "CPU ratio"), ("wall ns", "wall ratio")];
    let ours = ratios.map(|(metric, _)| contenders[0].1.median(metric).unwrap());
    println!("\n{name}, per {}", workload.round);
    print!("{:18}", "");
    for metric in columns
        .iter()
        .copied()
        .chain(ratios.map(|(_, ratio)| ratio))
    {
        print!("{metric:>14}");
    }
    println!();
    for (contender, figures) in contenders {
        print!("{:18}", contender.name);
        for metric in &columns {
            match figures.median(metric) {
                Some(value) => print!("{value:>14.2}"),
                None => print!("{:>14}", "-"),
            }
        }
        for ((metric, _), ours) in ratios.into_iter().zip(ours) {
            print!("{:>14.2}", figures.median(metric).unwrap() / ours);
        }
        println!();
    }
    println!();
}
