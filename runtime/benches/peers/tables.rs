//! Writes the tables of the README, each between `<!--peers:METRIC-->` and
//! `<!--/peers-->`, from what a run has printed. Those of which it has nothing stay.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::measure::LATENCIES;
use crate::{WORKLOADS, Workload};

/// Columns; who is none of these is the floor.
const WHO: [&str; 7] = [
    "async-op",
    "async-op futures",
    "mio",
    "tokio",
    "smol",
    "Asio",
    "floor",
];

/// By workload and what else the contender's name says of how, contender and metric.
type Figures = BTreeMap<(String, &'static str, String), f64>;

pub(crate) fn write(results: &str) {
    let mut figures = Figures::new();
    for line in fs::read_to_string(results).unwrap().lines() {
        if let [workload, contender, metric, value] = line.split(',').collect::<Vec<_>>()[..] {
            let (who, how) = column(contender);
            let key = (format!("{workload}{how}"), who, metric.to_string());
            figures.insert(key, value.parse().unwrap());
        }
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/benches/README.md");
    let mut text = fs::read_to_string(&page).unwrap();
    for metric in ["CPU ns", "instructions", "system calls", "allocations"] {
        replace(&mut text, metric, &table(&figures, &[metric]));
    }
    replace(&mut text, "latency", &table(&figures, &LATENCIES));
    fs::write(page, text).unwrap();
}

/// `tokio 2 threads` is in the column of tokio, in a row of its own.
fn column(contender: &str) -> (&'static str, String) {
    let known = WHO.into_iter().filter(|who| contender.starts_with(who));
    match known.max_by_key(|who| who.len()) {
        Some(who) if contender == who => (who, String::new()),
        Some(who) if !contender.ends_with(" actor") => {
            (who, format!(",{}", &contender[who.len()..]))
        }
        Some(who) => (who, String::new()),
        None => ("floor", String::new()),
    }
}

/// Rows in the order of the workloads, without those where all is zero.
fn table(figures: &Figures, metrics: &[&str]) -> String {
    let mut table = String::new();
    for Workload { name, .. } in WORKLOADS.iter().copied().flatten() {
        let rows = figures.keys().map(|(row, ..)| row);
        let mut rows: Vec<_> = rows
            .filter(|row| row.split(',').next() == Some(name))
            .collect();
        rows.dedup();
        for row in rows {
            let cells = WHO.map(|who| {
                let figure = |metric: &&str| figures.get(&(row.clone(), who, metric.to_string()));
                let figures: Option<Vec<&f64>> = metrics.iter().map(figure).collect();
                let texts = figures?
                    .into_iter()
                    .map(|&value| rounded(metrics[0], value));
                Some(texts.collect::<Vec<_>>().join(" / "))
            });
            if cells.iter().flatten().any(|cell| cell != "0.00") {
                let cells = cells.map(Option::unwrap_or_default);
                table += &format!("| {row} | {} |\n", cells.join(" | "));
            }
        }
    }
    table
}

fn rounded(metric: &str, value: f64) -> String {
    match metric {
        "system calls" | "allocations" => format!("{value:.2}"),
        _ if value < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn replace(text: &mut String, metric: &str, rows: &str) {
    let begin = format!("<!--peers:{metric}-->\n");
    let start = text.find(&begin).expect("the place of a table") + begin.len();
    let end = start + text[start..].find("<!--/peers-->").expect("its end");
    if !rows.is_empty() {
        let head = format!(
            "\n| workload | {} |\n|{}\n",
            WHO.join(" | "),
            "---|".repeat(8)
        );
        text.replace_range(start..end, &format!("{head}{rows}\n"));
    }
}
