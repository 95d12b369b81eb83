//! The same work, by other clients: the crate `redis`, synchronous and on tokio,
//! and `redis-benchmark`, which is written in C and belongs to the server.

use std::io;
use std::os::fd::AsFd;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use async_op::{IoContext, Promise, SystemExecutor, UsePromise, WorkGuard, spawn};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Commands, Pipeline};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Runtime};

use crate::bench::{Callbacks, KEY, VALUE, measure};
use crate::client::{Address, Client, Command, Config, Error, Result, Value};
use crate::command;
use crate::processors;
use crate::server::RedisServer;

const ROUNDS: usize = 25;

/// What is measured: a column of the table.
struct Load {
    connections: usize,
    /// Requests under way on each connection.
    depth: usize,
    requests: u64,
}

const LOADS: [Load; 4] = [
    Load {
        connections: 1,
        depth: 1,
        requests: 3_000,
    },
    Load {
        connections: 1,
        depth: 16,
        requests: 32_000,
    },
    Load {
        connections: 64,
        depth: 1,
        requests: 6_400,
    },
    Load {
        connections: 64,
        depth: 16,
        requests: 51_200,
    },
];

/// Makes so many requests; returns how many there were per second if it has
/// measured that itself.
type Work = Box<dyn FnMut(u64) -> Result<Option<f64>>>;

/// A client to be measured: a line of the table.
struct Contestant {
    name: &'static str,
    /// Connects; `None` where it has no way to carry that load.
    prepare: fn(&Address, &Load) -> Result<Option<Work>>,
}

const CONTESTANTS: [Contestant; 10] = [
    Contestant {
        name: "async-op, one thread that blocks",
        prepare: blocking,
    },
    Contestant {
        name: "async-op, callbacks",
        prepare: callbacks,
    },
    Contestant {
        name: "async-op, awaited on its context",
        prepare: awaited,
    },
    Contestant {
        name: "async-op, awaited in tokio, which polls it",
        prepare: awaited_in_tokio,
    },
    Contestant {
        name: "async-op, awaited in tokio, two threads",
        prepare: awaited_across_threads,
    },
    Contestant {
        name: "redis crate, synchronous, a thread each",
        prepare: crate_synchronous,
    },
    Contestant {
        name: "redis crate, tokio",
        prepare: |address, load| crate_in_tokio(address, load, one_thread()?, load.depth),
    },
    Contestant {
        name: "redis crate, tokio, two threads",
        prepare: |address, load| crate_in_tokio(address, load, two_threads()?, load.depth),
    },
    Contestant {
        name: "redis crate, tokio, a task per request",
        prepare: |address, load| crate_in_tokio(address, load, one_thread()?, 1),
    },
    Contestant {
        name: "redis-benchmark",
        prepare: redis_benchmark,
    },
];

/// Whose best each is compared with.
const PEER: &str = "redis crate";

/// What has been measured of one client and one load.
#[derive(Clone, Copy)]
struct Cell {
    per_second: f64,
    /// From the heap, for each request; not known of other programs.
    allocations: Option<f64>,
}

/// Measures all, or only the load that `words` name: connections and depth. The
/// server is one that we have started, or somebody else's, which is left where it is.
pub(crate) fn run(address: &Address, server: Option<&RedisServer>, words: &[&str]) -> Result<()> {
    let is_meant = |load: &&Load| match *words {
        [connections, depth] => {
            load.connections.to_string() == connections && load.depth.to_string() == depth
        }
        _ => true,
    };
    let loads: Vec<&Load> = LOADS.iter().filter(is_meant).collect();
    if loads.is_empty() {
        let text = "there is no such load; there are 1 1, 1 16, 64 1 and 64 16";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text).into());
    }
    println!(
        "GET of {} bytes. Thousands of requests per second [heap allocations per request], and the\n\
         ratio to the best of the redis crate. The median of {ROUNDS} rounds, in turn.\n\
         {}\n",
        VALUE.len(),
        place(server)
    );
    print!("| connections x requests under way |");
    for load in &loads {
        print!(" {} x {} |", load.connections, load.depth);
    }
    println!("\n|---|{}", "---:|".repeat(loads.len()));
    let columns = loads.iter().map(|load| column(address, load));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    for (line, contestant) in CONTESTANTS.iter().enumerate() {
        print!("| {} |", contestant.name);
        for column in &columns {
            let Some(cell) = column[line] else {
                print!(" |");
                continue;
            };
            print!(" {:.1}", cell.per_second / 1000.0);
            if let Some(allocations) = cell.allocations {
                print!(" [{allocations:.2}]");
            }
            let peers = CONTESTANTS.iter().zip(column);
            let peers = peers.filter(|(peer, _)| peer.name.starts_with(PEER));
            let peers = peers.filter_map(|(_, cell)| Some((*cell)?.per_second));
            print!(" {:.2} |", cell.per_second / peers.fold(f64::NAN, f64::max));
        }
        println!();
    }
    Ok(())
}

/// Pins the server and us, before there are other threads; returns what to say of it.
fn place(server: Option<&RedisServer>) -> String {
    let pinned = match server {
        Some(server) => processors::pin(server),
        None => Err(io::Error::other("the server is not ours")),
    };
    match pinned {
        Ok((server, clients)) => {
            format!("The server is on processor {server}, all clients are on processor {clients}.")
        }
        Err(why) => format!("Not pinned to processors: {why}."),
    }
}

/// Measures all clients under one load: in turn, so that whatever else the machine
/// does slows them all.
fn column(address: &Address, load: &Load) -> Result<Vec<Option<Cell>>> {
    let works = CONTESTANTS.iter().map(|it| (it.prepare)(address, load));
    let mut works = works.collect::<Result<Vec<_>>>()?;
    let mut cells: Vec<Vec<Cell>> = vec![Vec::new(); works.len()];
    for round in 0..=ROUNDS {
        for (work, cells) in works.iter_mut().zip(&mut cells) {
            let Some(work) = work else { continue };
            let mut own = None;
            let figures = measure(load.requests, || {
                own = work(load.requests)?;
                Ok(())
            })?;
            // The first round warms up.
            if round > 0 {
                cells.push(Cell {
                    per_second: own.unwrap_or(figures.per_second()),
                    allocations: own.is_none().then(|| figures.allocations_each()),
                });
            }
        }
    }
    // Not the best: a machine that others use too is twice as fast for a moment, in
    // which only one of them runs.
    let median = cells.into_iter().map(|mut cells| {
        cells.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        cells.get(cells.len() / 2).copied()
    });
    Ok(median.collect())
}

/// One thread that asks and waits; for batches, if several requests are under way,
/// and with promises, if there are several connections.
fn blocking(address: &Address, load: &Load) -> Result<Option<Work>> {
    let context = IoContext::new()?;
    let clients = clients(&context, address, load);
    let depth = load.depth;
    let batch: Vec<Command> = (0..depth).map(|_| command!["GET", KEY]).collect();
    Ok(Some(Box::new(move |requests| {
        let _ = &context;
        if let ([client], 1) = (&clients[..], depth) {
            for _ in 0..requests {
                assert_eq!(client.get(KEY).blocking()?.unwrap(), VALUE);
            }
            return Ok(None);
        }
        let check = |replies: Vec<Value>| {
            let is_right = |it: &Value| matches!(it, Value::Bytes(bytes) if bytes == VALUE);
            assert!(replies.len() == depth && replies.iter().all(is_right));
        };
        type Get = fn(Result<Option<Vec<u8>>>);
        let mut gets: Vec<Promise<Get>> = Vec::with_capacity(clients.len());
        let mut batches = Vec::with_capacity(clients.len());
        for _ in 0..requests / (clients.len() * depth) as u64 {
            if let [client] = &clients[..] {
                check(client.pipeline(&batch).blocking()?);
            } else if depth == 1 {
                gets.extend(clients.iter().map(|it| it.async_get(KEY, UsePromise)));
                for get in gets.drain(..) {
                    assert_eq!(get.wait().blocking()?.unwrap(), VALUE);
                }
            } else {
                let started = clients.iter();
                batches.extend(started.map(|it| it.async_pipeline(&batch, UsePromise)));
                for batch in batches.drain(..) {
                    check(batch.wait().blocking()?);
                }
            }
        }
        Ok(None)
    })))
}

fn callbacks(address: &Address, load: &Load) -> Result<Option<Work>> {
    let callbacks = Callbacks::new(address, load.connections, load.depth)?;
    Ok(Some(Box::new(move |requests| {
        callbacks.get(requests)?;
        Ok(None)
    })))
}

/// Tasks on the context that does the I/O.
fn awaited(address: &Address, load: &Load) -> Result<Option<Work>> {
    let context = IoContext::new()?;
    let clients = clients(&context, address, load);
    let depth = load.depth;
    Ok(Some(Box::new(move |requests| {
        let left = left(requests);
        for client in each(&clients, depth) {
            spawn(&context, gets(client, left.clone()), |result: Result<()>| {
                result.unwrap();
            });
        }
        context.restart();
        context.run();
        Ok(None)
    })))
}

/// Tasks of tokio, whose one thread drives the I/O too.
fn awaited_in_tokio(address: &Address, load: &Load) -> Result<Option<Work>> {
    let runtime = one_thread()?;
    let context = IoContext::new()?;
    let clients = clients(&context, address, load);
    let depth = load.depth;
    runtime.spawn(async move {
        let _work = WorkGuard::new(context.executor());
        let fd = context.as_fd().try_clone_to_owned().expect("a descriptor");
        // SAFETY: the descriptor is the runtime's own, and stays open.
        let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
        let fd = fd.expect("a runtime with I/O");
        loop {
            context.poll();
            match fd.readable().await {
                Ok(mut guard) => guard.clear_ready(),
                Err(_) => return,
            }
        }
    });
    Ok(Some(Box::new(move |requests| {
        let left = left(requests);
        let tasks = each(&clients, depth).map(|client| runtime.spawn(gets(client, left.clone())));
        join(&runtime, tasks.collect())
    })))
}

/// Tasks of tokio; the I/O is on the background thread.
fn awaited_across_threads(address: &Address, load: &Load) -> Result<Option<Work>> {
    let runtime = one_thread()?;
    let clients = clients(&SystemExecutor, address, load);
    let depth = load.depth;
    Ok(Some(Box::new(move |requests| {
        let left = left(requests);
        let tasks = each(&clients, depth).map(|client| runtime.spawn(gets(client, left.clone())));
        join(&runtime, tasks.collect())
    })))
}

fn clients(executor: &async_op::IoExecutor, address: &Address, load: &Load) -> Vec<Client> {
    (0..load.connections)
        .map(|_| Client::new(executor, Config::new(address.clone())))
        .collect()
}

/// Each client, as often as it has requests under way.
fn each(clients: &[Client], depth: usize) -> impl Iterator<Item = Client> {
    (0..depth).flat_map(|_| clients.iter().cloned())
}

fn left(requests: u64) -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(requests))
}

async fn gets(client: Client, left: Arc<AtomicU64>) -> Result<()> {
    let take = |left| u64::checked_sub(left, 1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
        .is_ok()
    {
        assert_eq!(client.get(KEY).await?.unwrap(), VALUE);
    }
    Ok(())
}

fn crate_client(address: &Address) -> Result<redis::Client> {
    let url = match address {
        Address::Tcp(address) => format!("redis://{address}"),
        Address::Unix(path) => format!("redis+unix://{}", path.display()),
    };
    redis::Client::open(url).map_err(other)
}

fn crate_synchronous(address: &Address, load: &Load) -> Result<Option<Work>> {
    let client = crate_client(address)?;
    let connections = (0..load.connections).map(|_| client.get_connection().map_err(other));
    let mut connections: Vec<_> = connections.collect::<Result<_>>()?;
    let depth = load.depth;
    Ok(Some(Box::new(move |requests| {
        let each = requests / connections.len() as u64;
        if let [connection] = &mut connections[..] {
            synchronous(connection, each, depth)?;
            return Ok(None);
        }
        thread::scope(|scope| {
            let threads: Vec<_> = connections
                .iter_mut()
                .map(|connection| scope.spawn(move || synchronous(connection, each, depth)))
                .collect();
            let mut results = threads.into_iter().map(|it| it.join().expect("no panic"));
            results.try_for_each(|result| result)
        })?;
        Ok(None)
    })))
}

/// Requests in batches of so many, which is the crate's way, or each in a task.
fn crate_in_tokio(
    address: &Address,
    load: &Load,
    runtime: Runtime,
    batch: usize,
) -> Result<Option<Work>> {
    let tasks_each = load.depth / batch;
    let client = crate_client(address)?;
    let connections = (0..load.connections).map(|_| {
        // Without a limit on time, which takes time, and which a busy machine exceeds.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        runtime.block_on(connection).map_err(other)
    });
    let connections: Vec<MultiplexedConnection> = connections.collect::<Result<_>>()?;
    Ok(Some(Box::new(move |requests| {
        let each = requests / (connections.len() * tasks_each) as u64;
        let tasks = (0..tasks_each).flat_map(|_| &connections);
        let tasks = tasks.map(|it| runtime.spawn(asynchronous(it.clone(), each, batch)));
        join(&runtime, tasks.collect())
    })))
}

fn one_thread() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn two_threads() -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    Ok(builder.worker_threads(2).enable_all().build()?)
}

fn join(runtime: &Runtime, tasks: Vec<tokio::task::JoinHandle<Result<()>>>) -> Result<Option<f64>> {
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("no panic")?;
        }
        Ok(None)
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

/// What belongs to the server, if it is installed.
fn redis_benchmark(address: &Address, load: &Load) -> Result<Option<Work>> {
    let mut command = process::Command::new("redis-benchmark");
    match address {
        Address::Tcp(to) => {
            let (host, port) = (to.ip().to_string(), to.port().to_string());
            command.args(["-h", &host, "-p", &port])
        }
        Address::Unix(path) => command.arg("-s").arg(path),
    };
    command
        .arg("--csv")
        .args(["-c", &load.connections.to_string()])
        .args(["-P", &load.depth.to_string()])
        .args(["-n", &load.requests.to_string(), "GET", KEY]);
    if command.output().is_err() {
        return Ok(None);
    }
    Ok(Some(Box::new(move |_| {
        let output = String::from_utf8_lossy(&command.output()?.stdout).into_owned();
        let line = output.lines().rfind(|line| line.contains("GET"));
        let rate = line.and_then(|line| line.split(',').nth(1));
        let rate = rate.and_then(|rate| rate.trim_matches('"').parse().ok());
        rate.map(Some).ok_or(Error::Unexpected("a rate"))
    })))
}
