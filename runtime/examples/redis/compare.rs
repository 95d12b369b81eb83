//! The same work, by other clients: the crate `redis`, synchronous and on tokio,
//! and `redis-benchmark`, which is written in C and belongs to the server.

use std::process;
use std::thread;

use async_op::{IoContext, SystemExecutor};
use redis::aio::MultiplexedConnection;
use redis::{Commands, Pipeline};
use tokio::runtime::{Builder, Runtime};

use crate::bench::{Callbacks, Figures, KEY, VALUE, measure};
use crate::client::{Address, Client, Config, Error, Result};

const ROUNDS: usize = 5;

struct Row {
    connections: usize,
    /// Requests under way on each connection.
    depth: usize,
    requests: u64,
}

const ROWS: [Row; 4] = [
    Row {
        connections: 1,
        depth: 1,
        requests: 30_000,
    },
    Row {
        connections: 1,
        depth: 16,
        requests: 160_000,
    },
    Row {
        connections: 64,
        depth: 1,
        requests: 64_000,
    },
    Row {
        connections: 64,
        depth: 16,
        requests: 320_000,
    },
];

/// A client to be measured: makes so many requests.
type Contestant = (&'static str, Box<dyn FnMut(u64) -> Result<()>>);

pub(crate) fn run(address: &Address) -> Result<()> {
    println!(
        "GET of {} bytes; requests per second (heap allocations per request), medians of {ROUNDS} rounds in turn.\n",
        VALUE.len()
    );
    for row in &ROWS {
        println!("{} x {} under way:", row.connections, row.depth);
        let mut contestants = contestants(address, row)?;
        let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); contestants.len()];
        for round in 0..=ROUNDS {
            for ((_, work), figures) in contestants.iter_mut().zip(&mut figures) {
                // The first round warms up.
                let requests = if round == 0 {
                    row.requests / 8
                } else {
                    row.requests
                };
                let measured = measure(requests, || work(requests))?;
                if round > 0 {
                    figures.push(measured);
                }
            }
        }
        let mut medians: Vec<(&str, f64, Option<f64>)> = contestants
            .iter()
            .zip(figures)
            .map(|((name, _), mut figures)| {
                figures.sort_by(|a, b| a.per_second().total_cmp(&b.per_second()));
                let median = figures[ROUNDS / 2];
                (*name, median.per_second(), Some(median.allocations_each()))
            })
            .collect();
        if let Some(rate) = redis_benchmark(address, row) {
            medians.push(("redis-benchmark, in C", rate, None));
        }
        let best = medians.iter().filter(|it| it.0.starts_with("redis crate"));
        let best = best.map(|it| it.1).fold(f64::NAN, f64::max);
        for (name, rate, allocations) in medians {
            let allocations = allocations.map_or(String::new(), |n| format!("({n:.2})"));
            println!(
                "  {name:<44} {rate:>9.0} {allocations:>8}  {:>5.2} x the best of the redis crate",
                rate / best
            );
        }
        println!();
    }
    Ok(())
}

fn contestants(address: &Address, row: &Row) -> Result<Vec<Contestant>> {
    let &Row {
        connections, depth, ..
    } = row;
    let mut all: Vec<Contestant> = Vec::new();

    if connections == 1 && depth == 1 {
        let context = IoContext::new()?;
        let client = Client::new(&context, Config::new(address.clone()));
        all.push((
            "async-op, blocking",
            Box::new(move |requests| {
                let _ = &context;
                for _ in 0..requests {
                    assert_eq!(client.get(KEY).blocking()?.unwrap(), VALUE);
                }
                Ok(())
            }),
        ));
    }

    let callbacks = Callbacks::new(address, connections, depth)?;
    all.push((
        "async-op, callbacks on one thread",
        Box::new(move |requests| callbacks.get(requests)),
    ));

    let clients: Vec<_> = (0..connections)
        .map(|_| Client::new(&SystemExecutor, Config::new(address.clone())))
        .collect();
    let runtime = one_thread()?;
    all.push((
        "async-op, awaited in tokio, one thread",
        Box::new(move |requests| {
            let tasks = (connections * depth) as u64;
            let tasks: Vec<_> = (0..tasks)
                .map(|n| {
                    let client = clients[n as usize % connections].clone();
                    runtime.spawn(async move {
                        for _ in 0..requests / tasks {
                            assert_eq!(client.get(KEY).await?.unwrap(), VALUE);
                        }
                        Ok(())
                    })
                })
                .collect();
            join(&runtime, tasks)
        }),
    ));

    let client = redis::Client::open(format!("redis://{address}")).map_err(other)?;
    let sync: Vec<_> = (0..connections)
        .map(|_| client.get_connection().map_err(other))
        .collect::<Result<_>>()?;
    let mut sync = sync;
    all.push((
        if connections == 1 {
            "redis crate, synchronous"
        } else {
            "redis crate, synchronous, a thread each"
        },
        Box::new(move |requests| {
            let each = requests / sync.len() as u64;
            if let [connection] = &mut sync[..] {
                return synchronous(connection, each, depth);
            }
            thread::scope(|scope| {
                let threads: Vec<_> = sync
                    .iter_mut()
                    .map(|connection| scope.spawn(move || synchronous(connection, each, depth)))
                    .collect();
                threads
                    .into_iter()
                    .try_for_each(|thread| thread.join().expect("no panic"))
            })
        }),
    ));

    for (name, runtime) in [
        ("redis crate, tokio, one thread", one_thread()?),
        (
            "redis crate, tokio, two threads",
            Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?,
        ),
    ] {
        let connections: Vec<MultiplexedConnection> = (0..connections)
            .map(|_| {
                runtime
                    .block_on(client.get_multiplexed_async_connection())
                    .map_err(other)
            })
            .collect::<Result<_>>()?;
        all.push((
            name,
            Box::new(move |requests| {
                let each = requests / connections.len() as u64;
                let tasks = connections
                    .iter()
                    .map(|connection| runtime.spawn(asynchronous(connection.clone(), each, depth)));
                let tasks = tasks.collect();
                join(&runtime, tasks)
            }),
        ));
    }

    if depth > 1 {
        let runtime = one_thread()?;
        let connections: Vec<MultiplexedConnection> = (0..connections)
            .map(|_| {
                runtime
                    .block_on(client.get_multiplexed_async_connection())
                    .map_err(other)
            })
            .collect::<Result<_>>()?;
        all.push((
            "redis crate, tokio, one thread, task each",
            Box::new(move |requests| {
                let tasks = (connections.len() * depth) as u64;
                let tasks = (0..tasks).map(|n| {
                    let connection = connections[n as usize % connections.len()].clone();
                    runtime.spawn(asynchronous(connection, requests / tasks, 1))
                });
                let tasks = tasks.collect();
                join(&runtime, tasks)
            }),
        ));
    }
    Ok(all)
}

fn one_thread() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn join(runtime: &Runtime, tasks: Vec<tokio::task::JoinHandle<Result<()>>>) -> Result<()> {
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("no panic")?;
        }
        Ok(())
    })
}

/// So many requests at once, in the way of the crate: a batch.
fn batch(depth: usize) -> Pipeline {
    let mut batch = redis::pipe();
    for _ in 0..depth {
        batch.get(KEY);
    }
    batch
}

fn synchronous(connection: &mut redis::Connection, requests: u64, depth: usize) -> Result<()> {
    let batch = batch(depth);
    for _ in 0..requests / depth as u64 {
        if depth == 1 {
            let value: Vec<u8> = connection.get(KEY).map_err(other)?;
            assert_eq!(value, VALUE);
        } else {
            let values: Vec<Vec<u8>> = batch.query(connection).map_err(other)?;
            assert!(values.iter().all(|value| value == VALUE));
        }
    }
    Ok(())
}

async fn asynchronous(
    mut connection: MultiplexedConnection,
    requests: u64,
    depth: usize,
) -> Result<()> {
    let batch = batch(depth);
    for _ in 0..requests / depth as u64 {
        if depth == 1 {
            let value: Vec<u8> = redis::AsyncCommands::get(&mut connection, KEY)
                .await
                .map_err(other)?;
            assert_eq!(value, VALUE);
        } else {
            let values: Vec<Vec<u8>> = batch.query_async(&mut connection).await.map_err(other)?;
            assert!(values.iter().all(|value| value == VALUE));
        }
    }
    Ok(())
}

fn other(error: redis::RedisError) -> Error {
    Error::Server(error.to_string())
}

/// Returns what `redis-benchmark` measures, if it is installed.
fn redis_benchmark(address: &Address, row: &Row) -> Option<f64> {
    let Address::Tcp(address) = address else {
        return None;
    };
    let mut rates: Vec<f64> = (0..ROUNDS)
        .filter_map(|_| {
            let output = process::Command::new("redis-benchmark")
                .args([
                    "-h",
                    &address.ip().to_string(),
                    "-p",
                    &address.port().to_string(),
                ])
                .args([
                    "-c",
                    &row.connections.to_string(),
                    "-P",
                    &row.depth.to_string(),
                ])
                .args(["-n", &row.requests.to_string(), "--csv", "GET", KEY])
                .output()
                .ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            let line = text.lines().rfind(|line| line.contains("GET"))?;
            line.split(',').nth(1)?.trim_matches('"').parse().ok()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied()
}
