//! The same query again and again, by this client and by others: how many a second, and what
//! that takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::fs;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use async_op::{IoContext, IoExecutor, SystemExecutor};

use super::client::{Address, Client, Config, Statement};

const TEXT: &str = "select $1::int4 + 1";
/// How long each is measured, of which there are so many rounds, in turn.
const TIME: Duration = Duration::from_millis(700);
const ROUNDS: usize = 3;
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
struct Score {
    queries: usize,
    seconds: f64,
    cpu: f64,
    allocations: usize,
}

/// Answers queries until the time is over; returns how many.
type Contest = Box<dyn FnMut(Instant) -> usize>;

struct Contestant {
    name: &'static str,
    contest: Contest,
    best: Score,
}

/// How one comes to be: a name, and what connects.
type Entry = (&'static str, fn(&Config) -> Result<Contest, Box<dyn Error>>);

/// Compares all whose names have `name` in them.
pub(super) fn compare(config: &Config, name: &str) -> Result<(), Box<dyn Error>> {
    println!(
        "{TEXT}, prepared; the best of {ROUNDS} rounds; the allocations are those of the client\n"
    );
    let one: &[Entry] = &[
        ("blocking", blocking),
        ("callbacks", |it| callbacks(it, 1)),
        ("await, driven in tokio", |it| driven(it, 1)),
        ("await, SystemExecutor", |it| on_system(it, 1)),
        ("postgres", postgres),
        ("tokio-postgres", |it| tokio_postgres(it, 1)),
    ];
    let many: &[Entry] = &[
        ("64 blocking threads", threads),
        ("callbacks", |it| callbacks(it, MANY)),
        ("await, driven in tokio", |it| driven(it, MANY)),
        ("await, SystemExecutor", |it| on_system(it, MANY)),
        ("tokio-postgres", |it| tokio_postgres(it, MANY)),
    ];
    for (title, entries) in [("one caller", one), ("64 callers, one connection", many)] {
        let wanted = entries.iter().filter(|it| it.0.contains(name));
        let all = wanted.map(|&(name, connect)| {
            Ok(Contestant {
                name,
                contest: connect(config)?,
                best: Score::default(),
            })
        });
        show(title, all.collect::<Result<_, Box<dyn Error>>>()?);
    }
    Ok(())
}

/// Has all of them at it in turn, and prints how they have fared.
fn show(title: &str, mut all: Vec<Contestant>) {
    for _ in 0..ROUNDS {
        for it in &mut all {
            (it.contest)(Instant::now() + TIME / 10);
            let (cpu, heap) = (cpu(), ALLOCATIONS.load(Ordering::Relaxed));
            let start = Instant::now();
            let queries = (it.contest)(start + TIME);
            let score = Score {
                queries,
                seconds: start.elapsed().as_secs_f64(),
                cpu: self::cpu() - cpu,
                allocations: ALLOCATIONS.load(Ordering::Relaxed) - heap,
            };
            if score.rate() > it.best.rate() {
                it.best = score;
            }
        }
    }
    let others = all.iter().filter(|it| it.name.contains("postgres"));
    let better = others.map(|it| it.best.rate()).fold(1.0, f64::max);
    println!("{title:<28} queries/s   ratio   CPU us   allocations");
    for it in &all {
        let Score {
            queries,
            cpu,
            allocations,
            ..
        } = it.best;
        let (rate, queries) = (it.best.rate(), queries as f64);
        println!(
            "{:<28} {rate:>9.0} {:>7.2} {:>8.1} {:>13.2}",
            it.name,
            rate / better,
            cpu * 1e6 / queries,
            allocations as f64 / queries
        );
    }
    println!();
}

impl Score {
    fn rate(&self) -> f64 {
        self.queries as f64 / self.seconds.max(1e-9)
    }
}

/// Returns how many seconds the threads of this process have run.
fn cpu() -> f64 {
    let said = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = said.rsplit(')').next().unwrap_or_default().split(' ');
    let ticks = fields
        .skip(12)
        .take(2)
        .filter_map(|it| it.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn client(on: &IoExecutor, config: &Config) -> Result<(Client, Statement), Box<dyn Error>> {
    let client = Client::new(on, config.clone());
    let statement = client.prepare(TEXT).blocking()?;
    Ok((client, statement))
}

fn blocking(config: &Config) -> Result<Contest, Box<dyn Error>> {
    let context = IoContext::new()?;
    let (client, statement) = client(&context, config)?;
    Ok(Box::new(move |until| {
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
    Ok(Box::new(move |until| {
        let _context = &context;
        let count = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..MANY {
                scope.spawn(|| {
                    let mut n = 0;
                    while Instant::now() < until {
                        let rows = client.query(&statement, &[&n]).blocking().unwrap();
                        assert_eq!(rows.one().unwrap().get::<i32>(0).unwrap(), n + 1);
                        n += 1;
                    }
                    count.fetch_add(n as usize, Ordering::Relaxed);
                });
            }
        });
        count.into_inner()
    }))
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
    Ok(Box::new(move |until| {
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..callers {
            ask(client.clone(), statement.clone(), 0, until, count.clone());
        }
        context.restart();
        context.run();
        count.load(Ordering::Relaxed)
    }))
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
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
    Ok(Box::new(move |until| {
        let (client, statement) = (client.clone(), statement.clone());
        let query = move |n| one(client.clone(), statement.clone(), n);
        tasks(&runtime, callers, until, query)
    }))
}

fn on_system(config: &Config, callers: usize) -> Result<Contest, Box<dyn Error>> {
    let (client, statement) = client(&SystemExecutor, config)?;
    let runtime = runtime()?;
    Ok(Box::new(move |until| {
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
    Ok(Box::new(move |until| {
        let mut n = 0;
        while Instant::now() < until {
            let row = client.query_one(&statement, &[&n]).unwrap();
            assert_eq!(row.get::<_, i32>(0), n + 1);
            n += 1;
        }
        n as usize
    }))
}

fn tokio_postgres(config: &Config, callers: usize) -> Result<Contest, Box<dyn Error>> {
    let (config, runtime) = (other(config), runtime()?);
    let (client, statement) = runtime.block_on(async {
        let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let statement = client.prepare(TEXT).await?;
        Ok::<_, tokio_postgres::Error>((Arc::new(client), statement))
    })?;
    Ok(Box::new(move |until| {
        let (client, statement) = (client.clone(), statement.clone());
        let query = move |n| {
            let (client, statement) = (client.clone(), statement.clone());
            async move { client.query_one(&statement, &[&n]).await.unwrap().get(0) }
        };
        tasks(&runtime, callers, until, query)
    }))
}
