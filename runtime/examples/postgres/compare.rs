//! The same query again and again, by this client and by others, in turn: how many a second,
//! and what that takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use async_op::{IoContext, IoExecutor, SystemExecutor};

use super::client::{Address, Client, Config, Statement};
use super::libpq::libpq;
use super::usage;

const TEXT: &str = "select $1::int4 + 1";
/// How long each is measured, of which there are so many rounds, in turn.
const TIME: Duration = Duration::from_millis(500);
const ROUNDS: usize = 9;
const MANY: usize = 64;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static HEAP: Counting = Counting;

// SAFETY: the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's word.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's word.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// What a contestant has done, and with what.
#[derive(Clone, Copy, Default)]
pub(super) struct Score {
    pub(super) queries: usize,
    pub(super) seconds: f64,
    /// Of all processors.
    pub(super) cpu: Duration,
    /// How often a thread went to sleep.
    pub(super) switches: u64,
    pub(super) allocations: usize,
}

/// Answers queries until the time is over.
pub(super) type Contest = Box<dyn FnMut(Instant) -> Score>;

/// One in this program, which returns how many.
fn here(mut contest: impl FnMut(Instant) -> usize + 'static) -> Contest {
    Box::new(move |until| {
        let heap = ALLOCATIONS.load(Ordering::Relaxed);
        let (cpu, switches) = usage::of_this_program();
        let start = Instant::now();
        let queries = contest(until);
        let seconds = start.elapsed().as_secs_f64();
        let usage = usage::of_this_program();
        Score {
            queries,
            seconds,
            cpu: usage.0 - cpu,
            switches: usage.1 - switches,
            allocations: ALLOCATIONS.load(Ordering::Relaxed) - heap,
        }
    })
}

struct Contestant {
    name: &'static str,
    contest: Contest,
    /// One for each round.
    scores: Vec<Score>,
}

/// How one comes to be: a name, and what connects.
type Entry = (&'static str, fn(&Config) -> Result<Contest, Box<dyn Error>>);

/// Compares all whose names, after how many callers they have, have `name` in them.
pub(super) fn compare(config: &Config, name: &str) -> Result<(), Box<dyn Error>> {
    println!(
        "{TEXT}, prepared: medians of {ROUNDS} rounds, and of the ratios in each of them, with the\n\
         least and the most, to the best of the crates and to the best of libpq; the allocations\n\
         are those of the client\n"
    );
    let one: &[Entry] = &[
        ("blocking", blocking),
        ("callbacks", |it| callbacks(it, 1)),
        ("await, driven in tokio", |it| driven(it, 1)),
        ("await, SystemExecutor", |it| on_system(it, 1)),
        ("libpq in C", |it| libpq(it, 1, "each")),
        ("postgres", postgres),
        ("tokio-postgres", |it| tokio_postgres(it, 1)),
        ("tokio-postgres, a thread for I/O", |it| elsewhere(it, 1)),
    ];
    let many: &[Entry] = &[
        ("64 blocking threads", threads),
        ("callbacks", |it| callbacks(it, MANY)),
        ("await, driven in tokio", |it| driven(it, MANY)),
        ("await, SystemExecutor", |it| on_system(it, MANY)),
        ("libpq in C", |it| libpq(it, MANY, "each")),
        ("libpq in C, a sync for several", |it| {
            libpq(it, MANY, "batch")
        }),
        ("tokio-postgres", |it| tokio_postgres(it, MANY)),
        ("tokio-postgres, a thread for I/O", |it| elsewhere(it, MANY)),
        ("tokio-postgres, 64 threads", others_threads),
    ];
    for (title, entries) in [("one caller", one), ("64 callers, one connection", many)] {
        let is_wanted = |entry: &&Entry| format!("{title}: {}", entry.0).contains(name);
        let mut all = Vec::new();
        for &(name, connect) in entries.iter().filter(is_wanted) {
            match connect(config) {
                Ok(contest) => all.push(Contestant {
                    name,
                    contest,
                    scores: Vec::new(),
                }),
                Err(error) if is_missing(&*error) => println!("SKIPPED {name}: {error}"),
                Err(error) => return Err(error),
            }
        }
        if !all.is_empty() {
            show(title, all);
        }
    }
    Ok(())
}

fn is_missing(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Has all of them at it in turn, and prints how they have fared.
fn show(title: &str, mut all: Vec<Contestant>) {
    for _ in 0..ROUNDS {
        for it in &mut all {
            (it.contest)(Instant::now() + TIME / 10);
            it.scores.push((it.contest)(Instant::now() + TIME));
        }
    }
    // What the best one of those whose names are so has done in each round.
    let best = |of: fn(&str) -> bool| -> Vec<f64> {
        let others = all.iter().filter(|it| of(it.name));
        let best = others.max_by(|one, other| one.rate().total_cmp(&other.rate()));
        let scores = best.map_or(&[][..], |best| &best.scores);
        scores.iter().map(Score::rate).collect()
    };
    let crates = best(|name| name.contains("postgres"));
    let libpq = best(|name| name.starts_with("libpq"));
    println!(
        "{title:<34} queries/s         to a crate           to libpq   CPU us   switches   allocations"
    );
    for it in &all {
        let ratios = |to: &[f64]| {
            let rates = it.scores.iter().map(Score::rate);
            let mut ratios: Vec<f64> = rates.zip(to).map(|(rate, to)| rate / to).collect();
            ratios.sort_by(f64::total_cmp);
            match ratios[..] {
                [least, .., most] => format!("{:.2} [{least:.2}, {most:.2}]", ratios[ROUNDS / 2]),
                _ => "-".to_owned(),
            }
        };
        let each = |total: fn(&Score) -> f64| {
            let queries: usize = it.scores.iter().map(|score| score.queries).sum();
            it.scores.iter().map(total).sum::<f64>() / queries as f64
        };
        println!(
            "{:<34} {:>9.0} {:>18} {:>18} {:>8.1} {:>10.2} {:>13.2}",
            it.name,
            it.rate(),
            ratios(&crates),
            ratios(&libpq),
            each(|score| score.cpu.as_secs_f64() * 1e6),
            each(|score| score.switches as f64),
            each(|score| score.allocations as f64),
        );
    }
    println!();
}

impl Contestant {
    /// The median.
    fn rate(&self) -> f64 {
        let mut rates: Vec<f64> = self.scores.iter().map(Score::rate).collect();
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    }
}

impl Score {
    fn rate(&self) -> f64 {
        self.queries as f64 / self.seconds.max(1e-9)
    }
}

fn client(on: &IoExecutor, config: &Config) -> Result<(Client, Statement), Box<dyn Error>> {
    let client = Client::new(on, config.clone());
    let statement = client.prepare(TEXT).blocking()?;
    Ok((client, statement))
}

fn blocking(config: &Config) -> Result<Contest, Box<dyn Error>> {
    let context = IoContext::new()?;
    let (client, statement) = client(&context, config)?;
    Ok(here(move |until| {
        let _context = &context;
        let mut n = 0;
        while Instant::now() < until {
            let rows = client.query(&statement, &[&n]).blocking().unwrap();
            assert_eq!(rows.one().unwrap().get::<i32>(0).unwrap(), n + 1);
            n += 1;
        }
        n as usize
    }))
}

fn threads(config: &Config) -> Result<Contest, Box<dyn Error>> {
    let context = IoContext::new()?;
    let (client, statement) = client(&context, config)?;
    Ok(here(in_threads(move |n| {
        let _context = &context;
        let rows = client.query(&statement, &[&n]).blocking().unwrap();
        rows.one().unwrap().get(0).unwrap()
    })))
}

/// Has many threads ask until the time is over. They are the same in all rounds, so what it
/// takes to start them is not counted.
fn in_threads(query: impl Fn(i32) -> i32 + Send + Sync + 'static) -> impl FnMut(Instant) -> usize {
    let query = Arc::new(query);
    let (count, counts) = channel();
    let thread = |_| {
        let (order, orders) = channel();
        let (query, count) = (query.clone(), count.clone());
        thread::spawn(move || {
            for until in orders {
                let mut n = 0;
                while Instant::now() < until {
                    assert_eq!(query(n), n + 1);
                    n += 1;
                }
                count.send(n as usize).unwrap();
            }
        });
        order
    };
    let threads: Vec<Sender<Instant>> = (0..MANY).map(thread).collect();
    move |until| {
        for order in &threads {
            order.send(until).unwrap();
        }
        let count = |_| counts.recv_timeout(100 * TIME).expect("a count of each");
        threads.iter().map(count).sum()
    }
}

/// Each callback asks the next.
fn ask(client: Client, statement: Statement, n: i32, until: Instant, count: Arc<AtomicUsize>) {
    let operation = client.query(&statement, &[&n]);
    operation.callback(move |rows| {
        assert_eq!(rows.unwrap().one().unwrap().get::<i32>(0).unwrap(), n + 1);
        count.fetch_add(1, Ordering::Relaxed);
        if Instant::now() < until {
            ask(client, statement, n + 1, until, count);
        }
    });
}

fn callbacks(config: &Config, callers: usize) -> Result<Contest, Box<dyn Error>> {
    let context = IoContext::for_one_thread()?;
    let (client, statement) = client(&context, config)?;
    Ok(here(move |until| {
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..callers {
            ask(client.clone(), statement.clone(), 0, until, count.clone());
        }
        context.restart();
        context.run();
        count.load(Ordering::Relaxed)
    }))
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Has so many tasks ask until the time is over.
fn tasks<F, T>(runtime: &tokio::runtime::Runtime, callers: usize, until: Instant, query: F) -> usize
where
    F: Fn(i32) -> T + Clone + Send + 'static,
    T: Future<Output = i32> + Send,
{
    runtime.block_on(async {
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let query = query.clone();
                tokio::spawn(async move {
                    let mut n = 0;
                    while Instant::now() < until {
                        assert_eq!(query(n).await, n + 1);
                        n += 1;
                    }
                    n as usize
                })
            })
            .collect();
        let mut count = 0;
        for task in tasks {
            count += task.await.unwrap();
        }
        count
    })
}

async fn one(client: Client, statement: Statement, n: i32) -> i32 {
    let rows = client.query(&statement, &[&n]).await.unwrap();
    rows.one().unwrap().get(0).unwrap()
}

fn driven(config: &Config, callers: usize) -> Result<Contest, Box<dyn Error>> {
    let context = IoContext::for_one_thread()?;
    let (client, statement) = client(&context, config)?;
    let runtime = runtime()?;
    runtime.spawn(async move { context.drive_in_tokio().await });
    Ok(here(move |until| {
        let (client, statement) = (client.clone(), statement.clone());
        let query = move |n| one(client.clone(), statement.clone(), n);
        tasks(&runtime, callers, until, query)
    }))
}

fn on_system(config: &Config, callers: usize) -> Result<Contest, Box<dyn Error>> {
    let (client, statement) = client(&SystemExecutor, config)?;
    let runtime = runtime()?;
    Ok(here(move |until| {
        let (client, statement) = (client.clone(), statement.clone());
        let query = move |n| one(client.clone(), statement.clone(), n);
        tasks(&runtime, callers, until, query)
    }))
}

/// The same for other clients.
fn other(config: &Config) -> tokio_postgres::Config {
    let mut other = tokio_postgres::Config::new();
    other.user(&config.user);
    match &config.address {
        Address::Tcp(addresses) => {
            other
                .host(addresses[0].ip().to_string())
                .port(addresses[0].port());
        }
        Address::Unix(path) => {
            let port = path.extension().and_then(|it| it.to_str()?.parse().ok());
            other
                .host_path(path.parent().unwrap_or(path))
                .port(port.unwrap_or(5432));
        }
        _ => {}
    }
    if let Some(password) = &config.password {
        other.password(password);
    }
    other.dbname(config.database.as_deref().unwrap_or(&config.user));
    other
}

fn postgres(config: &Config) -> Result<Contest, Box<dyn Error>> {
    let mut client = postgres::Config::from(other(config)).connect(postgres::NoTls)?;
    let statement = client.prepare(TEXT)?;
    Ok(here(move |until| {
        let mut n = 0;
        while Instant::now() < until {
            let row = client.query_one(&statement, &[&n]).unwrap();
            assert_eq!(row.get::<_, i32>(0), n + 1);
            n += 1;
        }
        n as usize
    }))
}

type Other = (Arc<tokio_postgres::Client>, tokio_postgres::Statement);

async fn ask_other((client, statement): Other, n: i32) -> i32 {
    client.query_one(&statement, &[&n]).await.unwrap().get(0)
}

fn tokio_postgres(config: &Config, callers: usize) -> Result<Contest, Box<dyn Error>> {
    let runtime = runtime()?;
    let (other, connection) = runtime.block_on(connected(config))?;
    runtime.spawn(connection);
    Ok(here(move |until| {
        let other = other.clone();
        let query = move |n| ask_other(other.clone(), n);
        tasks(&runtime, callers, until, query)
    }))
}

/// Its I/O on a thread of its own, as that of `SystemExecutor` is.
fn elsewhere(config: &Config, callers: usize) -> Result<Contest, Box<dyn Error>> {
    let (other, runtime) = (other_elsewhere(config)?, runtime()?);
    Ok(here(move |until| {
        let other = other.clone();
        let query = move |n| ask_other(other.clone(), n);
        tasks(&runtime, callers, until, query)
    }))
}

fn others_threads(config: &Config) -> Result<Contest, Box<dyn Error>> {
    let other = other_elsewhere(config)?;
    Ok(here(in_threads(move |n| {
        pollster::block_on(ask_other(other.clone(), n))
    })))
}

async fn connected(
    config: &Config,
) -> Result<(Other, impl Future<Output = ()> + Send + use<>), Box<dyn Error>> {
    let (client, connection) = other(config).connect(tokio_postgres::NoTls).await?;
    // Until the client is gone, or the server.
    let connection = async { drop(connection.await) };
    let mut connection = Box::pin(connection);
    let preparing = client.prepare(TEXT);
    let statement = tokio::select! {
        statement = preparing => statement?,
        () = &mut connection => return Err("the connection has ended".into()),
    };
    Ok(((Arc::new(client), statement), connection))
}

fn other_elsewhere(config: &Config) -> Result<Other, Box<dyn Error>> {
    let runtime = runtime()?;
    let (other, connection) = runtime.block_on(connected(config))?;
    thread::spawn(move || runtime.block_on(connection));
    Ok(other)
}
