//! The same work, by other clients: the crate `redis`, synchronous and on tokio,
//! and `redis-benchmark`, which is written in C and belongs to the server.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::process::{self, Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use async_op::executor::WorkGuard;
use async_op::net::TcpStream;
use async_op::token::{Promise, UsePromise};
use async_op::{IoContext, SystemExecutor, spawn};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Commands, ConnectionAddr, IntoConnectionInfo, Pipeline, ProtocolVersion,
    RedisConnectionInfo,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Runtime};

use crate::bar::Bar;
use crate::bench::{Callbacks, KEY, VALUE, measure, remove};
use crate::client::{Address, Client, Command, Config, Error, Result, Value};
use crate::own::OwnServer;
use crate::watch::Watch;
use crate::{LIMIT, command, processors};

pub(crate) const ROUNDS: usize = 17;

/// What is measured: a column of the table.
pub(crate) struct Load {
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
pub(crate) type Work = Box<dyn FnMut(u64) -> Result<Option<f64>>>;

/// A client to be measured: a line of the table.
struct Contestant {
    name: &'static str,
    /// Connects; `None` where it has no way to carry that load.
    prepare: fn(&Config, &Load) -> Result<Option<Work>>,
}

const CONTESTANTS: [Contestant; 11] = [
    Contestant {
        name: "async-op, one thread that blocks",
        prepare: blocking,
    },
    Contestant {
        name: "async-op, blocking, a thread each",
        prepare: blocking_in_threads,
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
        prepare: |config, load| crate_in_tokio(config, load, one_thread()?, load.depth),
    },
    Contestant {
        name: "redis crate, tokio, two threads",
        prepare: |config, load| crate_in_tokio(config, load, two_threads()?, load.depth),
    },
    Contestant {
        name: "redis crate, tokio, a task per request",
        prepare: |config, load| crate_in_tokio(config, load, one_thread()?, 1),
    },
    Contestant {
        name: "redis-benchmark",
        prepare: redis_benchmark,
    },
];

/// `redis-benchmark` counts whole milliseconds, and its connections too: with so many
/// times the requests they are little beside the rest.
const BENCHMARK_TIMES: u64 = 10;

/// What cannot be told to give up has longer, for it does many requests at a time.
const LONGER_LIMIT: Duration = LIMIT.saturating_mul(10);

/// Shorter than the one after which the program ends, and would leave it behind.
const BENCHMARK_LIMIT: Duration = LIMIT.saturating_mul(8);

/// Whose best each is compared with.
const PEER: &str = "redis crate";

/// What has been measured of one client and one load.
#[derive(Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) per_second: f64,
    /// Microseconds of this program's time on processors, for each request.
    pub(crate) processor: f64,
    /// How often a thread went to sleep, for each request.
    pub(crate) switches: f64,
    /// From the heap, for each request; not known of other programs.
    pub(crate) allocations: Option<f64>,
}

/// Returns the loads that `words` name, by connections and depth: all, if there are
/// none.
pub(crate) fn loads(words: &[&[u8]]) -> std::result::Result<Vec<&'static Load>, String> {
    let is_meant = |load: &&Load| match *words {
        [] => true,
        [connections, depth] => {
            load.connections.to_string().as_bytes() == connections
                && load.depth.to_string().as_bytes() == depth
        }
        _ => false,
    };
    let loads: Vec<&Load> = LOADS.iter().filter(is_meant).collect();
    if loads.is_empty() {
        return Err("there is no such load; there are 1 1, 1 16, 64 1 and 64 16".to_owned());
    }
    Ok(loads)
}

/// Measures all clients; returns a table. The server is one that we have started, or
/// somebody else's, which is left where it is.
pub(crate) fn run(config: &Config, server: Option<&OwnServer>, loads: &[&Load]) -> Result<String> {
    prepared(config, server, |config, place| {
        let progress = Progress::new(server, loads.len() * CONTESTANTS.len())?;
        let columns = loads.iter().map(|load| column(config, load, &progress));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(table(place, loads, &columns))
    })
}

/// Measures when all has its place and the key is set.
pub(crate) fn prepared(
    config: &Config,
    server: Option<&OwnServer>,
    measure: impl FnOnce(&Config, &str) -> Result<String>,
) -> Result<String> {
    let place = place(server);
    let context = IoContext::new()?;
    let config = &answering(&context, config)?;
    let client = Client::new(&context, config.clone());
    let set = client.set(KEY, VALUE).cancel_after(LIMIT).blocking();
    let table = set.and_then(|()| measure(config, &place));
    remove(&client, KEY);
    table
}

/// Of several addresses, such as those of `localhost`, all get the one that answers.
fn answering(context: &IoContext, config: &Config) -> Result<Config> {
    let mut config = config.clone();
    if let Address::Tcp(addresses) = &config.address {
        let connect = TcpStream::connect_any(context, addresses.clone());
        let (_, address) = connect.cancel_after(LIMIT).blocking()?;
        config.address = address.into();
    }
    Ok(config)
}

/// How far it has come.
pub(crate) struct Progress {
    bar: Bar,
    done: Cell<u64>,
    watch: Watch,
}

impl Progress {
    /// Of so many works.
    pub(crate) fn new(server: Option<&OwnServer>, works: usize) -> Result<Self> {
        let ending = server.map(OwnServer::ending);
        let watch = Watch::new(LONGER_LIMIT, || {
            if let Some(ending) = ending {
                ending();
            }
        })?;
        Ok(Self {
            bar: Bar::new((works * (ROUNDS + 1)) as u64),
            done: Cell::new(0),
            watch,
        })
    }

    fn step(&self) {
        self.watch.touch();
        self.bar.draw(self.done.get());
        self.done.set(self.done.get() + 1);
    }
}

fn table(place: &str, loads: &[&Load], columns: &[Vec<Option<Figure>>]) -> String {
    let mut text = format!(
        "GET of {} bytes. Thousands of requests per second [heap allocations per request, of which\n\
         1 is the reply; a block that grows counts once more], and the ratio to the best of the\n\
         redis crate. The median of {ROUNDS} rounds, in turn. redis-benchmark makes {BENCHMARK_TIMES} times as\n\
         many requests.\n\
         {place}\n\n\
         | connections x requests under way |",
        VALUE.len(),
    );
    for load in loads {
        text += &format!(" {} x {} |", load.connections, load.depth);
    }
    text += &format!("\n|---|{}\n", "---:|".repeat(loads.len()));
    for (line, contestant) in CONTESTANTS.iter().enumerate() {
        text += &format!("| {} |", contestant.name);
        for column in columns {
            let Some(cell) = column[line] else {
                text += " |";
                continue;
            };
            text += &format!(" {:.1}", cell.per_second / 1000.0);
            if let Some(allocations) = cell.allocations {
                text += &format!(" [{allocations:.2}]");
            }
            let peers = CONTESTANTS.iter().zip(column);
            let peers = peers.filter(|(peer, _)| peer.name.starts_with(PEER));
            let peers = peers.filter_map(|(_, cell)| Some((*cell)?.per_second));
            text += &format!(" {:.2} |", cell.per_second / peers.fold(f64::NAN, f64::max));
        }
        text += "\n";
    }
    text
}

/// Pins the server and us, before there are other threads; returns what to say of it.
fn place(server: Option<&OwnServer>) -> String {
    let pinned = match server {
        Some(server) => processors::pin(server.id),
        None => Err(io::Error::other("the server is not ours")),
    };
    match pinned {
        Ok((server, clients)) => {
            format!("The server is on processor {server}, all clients are on processor {clients}.")
        }
        Err(why) => format!("Not pinned to processors: {why}."),
    }
}

/// Measures all clients under one load.
fn column(config: &Config, load: &Load, progress: &Progress) -> Result<Vec<Option<Figure>>> {
    let works = CONTESTANTS.iter().map(|it| {
        progress.watch.touch();
        (it.prepare)(config, load)
    });
    let mut works = works.collect::<Result<Vec<_>>>()?;
    take_turns(&mut works, load.requests, progress)
}

/// Measures all, which make so many requests: in turn, so that whatever else the machine
/// does slows them all.
pub(crate) fn take_turns(
    works: &mut [Option<Work>],
    requests: u64,
    progress: &Progress,
) -> Result<Vec<Option<Figure>>> {
    let mut cells: Vec<Vec<Figure>> = vec![Vec::new(); works.len()];
    for round in 0..=ROUNDS {
        for (work, cells) in works.iter_mut().zip(&mut cells) {
            progress.step();
            let Some(work) = work else { continue };
            let mut own = None;
            let figures = measure(requests, || {
                own = work(requests)?;
                Ok(())
            })?;
            // The first round warms up.
            if round > 0 {
                cells.push(Figure {
                    per_second: own.unwrap_or(figures.per_second()),
                    processor: figures.processor_each(),
                    switches: figures.switches_each(),
                    allocations: own.is_none().then(|| figures.allocations_each()),
                });
            }
        }
    }
    // Not the best: a machine that others use too is twice as fast for a moment, in
    // which only one of them runs.
    let medians = cells.into_iter().map(|cells| {
        let allocations = cells.iter().filter_map(|cell| cell.allocations);
        Some(Figure {
            per_second: median(cells.iter().map(|cell| cell.per_second))?,
            processor: median(cells.iter().map(|cell| cell.processor))?,
            switches: median(cells.iter().map(|cell| cell.switches))?,
            allocations: median(allocations),
        })
    });
    Ok(medians.collect())
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// One thread that asks and waits; for batches, if several requests are under way,
/// and with promises, if there are several connections.
fn blocking(config: &Config, load: &Load) -> Result<Option<Work>> {
    let context = IoContext::new()?;
    let clients = clients(&context, config, load);
    let depth = load.depth;
    let batch: Vec<Command> = (0..depth).map(|_| command!["GET", KEY]).collect();
    Ok(Some(Box::new(move |requests| {
        let _ = &context;
        if let ([client], 1) = (&clients[..], depth) {
            for _ in 0..requests {
                check(client.get(KEY).blocking()?)?;
            }
            return Ok(None);
        }
        type Get = fn(Result<Option<Vec<u8>>>);
        let mut gets: Vec<Promise<Get>> = Vec::with_capacity(clients.len());
        let mut batches = Vec::with_capacity(clients.len());
        for _ in 0..requests / (clients.len() * depth) as u64 {
            if let [client] = &clients[..] {
                check_all(client.pipeline(&batch).blocking()?, depth)?;
            } else if depth == 1 {
                gets.extend(clients.iter().map(|it| it.async_get(KEY, UsePromise)));
                for get in gets.drain(..) {
                    check(get.wait().blocking()?)?;
                }
            } else {
                let started = clients.iter();
                batches.extend(started.map(|it| it.async_pipeline(&batch, UsePromise)));
                for batch in batches.drain(..) {
                    check_all(batch.wait().blocking()?, depth)?;
                }
            }
        }
        Ok(None)
    })))
}

/// A thread for each connection, and its context.
fn blocking_in_threads(config: &Config, load: &Load) -> Result<Option<Work>> {
    if load.connections == 1 {
        return Ok(None);
    }
    let depth = load.depth;
    let clients = (0..load.connections).map(|_| {
        let context = IoContext::new()?;
        let client = Client::new(&context, config.clone());
        Ok((context, client))
    });
    let clients = clients.collect::<Result<Vec<_>>>()?;
    Ok(Some(Box::new(move |requests| {
        let rounds = requests / (clients.len() * depth) as u64;
        let get = |client: &Client| {
            let batch: Vec<Command> = (0..depth).map(|_| command!["GET", KEY]).collect();
            for _ in 0..rounds {
                if depth == 1 {
                    check(client.get(KEY).blocking()?)?;
                } else {
                    check_all(client.pipeline(&batch).blocking()?, depth)?;
                }
            }
            Ok(())
        };
        in_threads(clients.iter().map(|(_, client)| || get(client)))?;
        Ok(None)
    })))
}

/// Does all of `works`, each on a thread.
pub(crate) fn in_threads<W>(works: impl Iterator<Item = W>) -> Result<()>
where
    W: FnOnce() -> Result<()> + Send,
{
    thread::scope(|scope| {
        let threads = works.map(|work| thread::Builder::new().spawn_scoped(scope, work));
        let threads = threads.collect::<io::Result<Vec<_>>>()?;
        let mut results = threads.into_iter().map(|it| it.join());
        results.try_for_each(|result| result.unwrap_or_else(|_| Err(panicked())))
    })
}

fn panicked() -> Error {
    Error::Io(io::Error::other("a thread or task has panicked"))
}

pub(crate) fn check(value: Option<Vec<u8>>) -> Result<()> {
    match value {
        Some(value) if value == VALUE => Ok(()),
        _ => Err(Error::Unexpected("the value that was set")),
    }
}

fn check_all(replies: Vec<Value>, count: usize) -> Result<()> {
    if replies.len() != count {
        return Err(Error::Unexpected("a reply for each"));
    }
    replies.into_iter().try_for_each(|it| check(it.bytes()?))
}

fn callbacks(config: &Config, load: &Load) -> Result<Option<Work>> {
    let callbacks = Callbacks::new(config, load.connections, load.depth)?;
    Ok(Some(Box::new(move |requests| {
        callbacks.get(requests)?;
        Ok(None)
    })))
}

/// Tasks on the context that does the I/O.
fn awaited(config: &Config, load: &Load) -> Result<Option<Work>> {
    let context = IoContext::new()?;
    let clients = clients(&context, config, load);
    let depth = load.depth;
    Ok(Some(Box::new(move |requests| {
        let left = left(requests);
        let failure = Arc::new(OnceLock::new());
        for client in each(&clients, depth) {
            let failure = failure.clone();
            let gets = gets(client, left.clone());
            spawn(&context, gets, move |result: Result<()>| {
                if let Err(error) = result {
                    let _ = failure.set(error);
                }
            });
        }
        context.restart();
        context.run();
        match Arc::into_inner(failure).and_then(OnceLock::into_inner) {
            Some(error) => Err(error),
            None => Ok(None),
        }
    })))
}

/// Tasks of tokio, whose one thread drives the I/O too.
fn awaited_in_tokio(config: &Config, load: &Load) -> Result<Option<Work>> {
    let runtime = one_thread()?;
    let context = IoContext::new()?;
    let clients = clients(&context, config, load);
    let depth = load.depth;
    let fd = context.as_fd().try_clone_to_owned()?;
    let entered = runtime.enter();
    // SAFETY: the descriptor is the runtime's own, and stays open.
    let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
    let fd = fd.map_err(io::Error::from)?;
    drop(entered);
    runtime.spawn(async move {
        let _work = WorkGuard::new(context.executor());
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

/// Tasks of tokio; the I/O is on the background threads.
fn awaited_across_threads(config: &Config, load: &Load) -> Result<Option<Work>> {
    let runtime = one_thread()?;
    let clients = clients(&SystemExecutor, config, load);
    let depth = load.depth;
    Ok(Some(Box::new(move |requests| {
        let left = left(requests);
        let tasks = each(&clients, depth).map(|client| runtime.spawn(gets(client, left.clone())));
        join(&runtime, tasks.collect())
    })))
}

fn clients(executor: &async_op::IoExecutor, config: &Config, load: &Load) -> Vec<Client> {
    (0..load.connections)
        .map(|_| Client::new(executor, config.clone()))
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
        check(client.get(KEY).await?)?;
    }
    Ok(())
}

pub(crate) fn crate_client(config: &Config) -> Result<redis::Client> {
    let address = match &config.address {
        Address::Tcp(addresses) => {
            let first = addresses.first().ok_or(Error::Unexpected("an address"))?;
            ConnectionAddr::Tcp(first.ip().to_string(), first.port())
        }
        Address::Unix(path) => ConnectionAddr::Unix(path.clone()),
        _ => return Err(Error::Unexpected("an address")),
    };
    let mut settings = RedisConnectionInfo::default().set_db(config.database);
    if let Some(user) = &config.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = config.secret() {
        settings = settings.set_password(password);
    }
    if config.resp3 {
        settings = settings.set_protocol(ProtocolVersion::RESP3);
    }
    // As all others do.
    let tcp = TcpSettings::default().set_nodelay(true);
    let info = address.into_connection_info().map_err(other)?;
    let info = info.set_tcp_settings(tcp).set_redis_settings(settings);
    redis::Client::open(info).map_err(other)
}

fn crate_synchronous(config: &Config, load: &Load) -> Result<Option<Work>> {
    let client = crate_client(config)?;
    let connections = (0..load.connections).map(|_| client.get_connection().map_err(other));
    let mut connections: Vec<_> = connections.collect::<Result<_>>()?;
    let depth = load.depth;
    Ok(Some(Box::new(move |requests| {
        let each = requests / connections.len() as u64;
        if let [connection] = &mut connections[..] {
            synchronous(connection, each, depth)?;
        } else {
            let connections = connections.iter_mut();
            in_threads(connections.map(|it| move || synchronous(it, each, depth)))?;
        }
        Ok(None)
    })))
}

/// Requests in batches of so many, which is the crate's way, or each in a task.
fn crate_in_tokio(
    config: &Config,
    load: &Load,
    runtime: Runtime,
    batch: usize,
) -> Result<Option<Work>> {
    let tasks_each = load.depth / batch;
    let client = crate_client(config)?;
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
            task.await.map_err(|_| panicked())??;
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
            check(connection.get(KEY).map_err(other)?)?;
        } else {
            let values: Vec<Option<Vec<u8>>> = batch.query(connection).map_err(other)?;
            values.into_iter().try_for_each(check)?;
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
            let value = redis::AsyncCommands::get(&mut connection, KEY).await;
            check(value.map_err(other)?)?;
        } else {
            let values = batch.query_async(&mut connection).await;
            let values: Vec<Option<Vec<u8>>> = values.map_err(other)?;
            values.into_iter().try_for_each(check)?;
        }
    }
    Ok(())
}

pub(crate) fn other(error: redis::RedisError) -> Error {
    Error::Io(io::Error::other(format!("the crate redis: {error}")))
}

/// What belongs to the server, if it is installed.
fn redis_benchmark(config: &Config, load: &Load) -> Result<Option<Work>> {
    let program = || process::Command::new("redis-benchmark");
    if program().arg("--version").output().is_err() {
        return Ok(None);
    }
    let mut command = program();
    match &config.address {
        Address::Tcp(addresses) => {
            let first = addresses.first().ok_or(Error::Unexpected("an address"))?;
            let (host, port) = (first.ip().to_string(), first.port().to_string());
            command.args(["-h", &host, "-p", &port]);
        }
        Address::Unix(path) => {
            command.arg("-s").arg(path);
        }
        _ => return Ok(None),
    }
    if let Some(user) = &config.user {
        command.args(["--user", user]);
    }
    if let Some(password) = config.secret() {
        command.args(["-a", password]);
    }
    if config.resp3 {
        command.arg("-3");
    }
    command
        .arg("--csv")
        .args(["-c", &load.connections.to_string()])
        .args(["-P", &load.depth.to_string()])
        .args(["--dbnum", &config.database.to_string()])
        .args(["-n", &(load.requests * BENCHMARK_TIMES).to_string()])
        .args(["GET", KEY])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(Some(Box::new(move |_| {
        Running(command.spawn()?).rate().map(Some)
    })))
}

/// A program that is under way; it is not left behind.
struct Running(Child);

impl Running {
    /// Returns how many requests per second `redis-benchmark` says there were. What it
    /// prints is short: nobody has to read it meanwhile.
    fn rate(mut self) -> Result<f64> {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.0.try_wait()? {
                break status;
            }
            if start.elapsed() > BENCHMARK_LIMIT {
                return Err(Error::Io(ErrorKind::TimedOut.into()));
            }
            thread::sleep(Duration::from_millis(5));
        };
        let output = text(self.0.stdout.take())?;
        let line = output.lines().rfind(|line| line.contains("GET"));
        let rate = line.and_then(|line| line.split(',').nth(1));
        let rate = rate.and_then(|rate| rate.trim_matches('"').parse().ok());
        rate.filter(|_| status.success()).ok_or_else(|| {
            let said = text(self.0.stderr.take()).unwrap_or_default();
            let said = format!("`redis-benchmark` fails, {status}: {}", said.trim());
            Error::Io(io::Error::other(said))
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(pipe: Option<impl Read>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
