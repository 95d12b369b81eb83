//! Many threads that block, and one connection that they share.

use std::sync::{Mutex, PoisonError};

use async_op::{IoContext, SystemExecutor};
use redis::{AsyncCommands, AsyncConnectionConfig, Commands};
use tokio::runtime::Builder;

use crate::bench::{KEY, VALUE};
use crate::client::{Client, Config, Result};
use crate::compare::{
    Figure, Progress, ROUNDS, Work, check, crate_client, in_threads, other, prepared, take_turns,
};
use crate::own::OwnServer;

/// How many threads share it.
const THREADS: [usize; 4] = [1, 4, 16, 64];

const REQUESTS: u64 = 6_400;

/// A client to be measured: its name, and how it connects.
type Contestant = (&'static str, fn(&Config, usize) -> Result<Work>);

const CONTESTANTS: [Contestant; 4] = [
    ("async-op", blocking),
    ("async-op, on the background threads", in_background),
    ("redis crate, synchronous, behind a mutex", behind_a_mutex),
    ("redis crate, tokio, on a thread of its own", in_tokio),
];

/// Measures all clients; returns a table.
pub(crate) fn run(config: &Config, server: Option<&OwnServer>) -> Result<String> {
    prepared(config, server, |config, place| {
        let progress = Progress::new(server, THREADS.len() * CONTESTANTS.len())?;
        let columns = THREADS.iter().map(|threads| {
            let works = CONTESTANTS
                .iter()
                .map(|it| (it.1)(config, *threads).map(Some));
            let mut works = works.collect::<Result<Vec<_>>>()?;
            take_turns(&mut works, REQUESTS, &progress)
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(table(place, &columns))
    })
}

fn table(place: &str, columns: &[Vec<Option<Figure>>]) -> String {
    let mut text = format!(
        "GET of {} bytes by threads that block and share one connection. Thousands of requests per\n\
         second [heap allocations per request, of which 1 is the reply], microseconds of processor\n\
         time and switches of threads per request. The median of {ROUNDS} rounds, in turn.\n\
         {place}\n\n\
         | threads |",
        VALUE.len(),
    );
    for threads in THREADS {
        text += &format!(" {threads} |");
    }
    text += &format!("\n|---|{}\n", "---:|".repeat(THREADS.len()));
    for (line, (name, _)) in CONTESTANTS.iter().enumerate() {
        text += &format!("| {name} |");
        for cell in columns.iter().filter_map(|column| column[line]) {
            text += &format!(
                " {:.1} [{:.2}] {:.1} us {:.2} |",
                cell.per_second / 1000.0,
                cell.allocations.unwrap_or(f64::NAN),
                cell.processor,
                cell.switches
            );
        }
        text += "\n";
    }
    text
}

/// Threads that drive the I/O themselves: one at a time.
fn blocking(config: &Config, threads: usize) -> Result<Work> {
    let context = IoContext::new()?;
    let client = Client::new(&context, config.clone());
    Ok(Box::new(move |requests| {
        let _ = &context;
        shared(&client, threads, requests)
    }))
}

fn in_background(config: &Config, threads: usize) -> Result<Work> {
    let client = Client::new(&SystemExecutor, config.clone());
    Ok(Box::new(move |requests| shared(&client, threads, requests)))
}

fn shared(client: &Client, threads: usize, requests: u64) -> Result<Option<f64>> {
    let each = requests / threads as u64;
    let get = || (0..each).try_for_each(|_| check(client.get(KEY).blocking()?));
    in_threads((0..threads).map(|_| get))?;
    Ok(None)
}

fn behind_a_mutex(config: &Config, threads: usize) -> Result<Work> {
    let connection = crate_client(config)?.get_connection().map_err(other)?;
    let connection = Mutex::new(connection);
    Ok(Box::new(move |requests| {
        let each = requests / threads as u64;
        let get = || {
            (0..each).try_for_each(|_| {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let value = connection.get(KEY).map_err(other);
                drop(connection);
                check(value?)
            })
        };
        in_threads((0..threads).map(|_| get))?;
        Ok(None)
    }))
}

fn in_tokio(config: &Config, threads: usize) -> Result<Work> {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build()?;
    let client = crate_client(config)?;
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    let connection = runtime.block_on(connection).map_err(other)?;
    Ok(Box::new(move |requests| {
        let each = requests / threads as u64;
        let get = || {
            let mut connection = connection.clone();
            (0..each).try_for_each(|_| {
                let value = runtime.block_on(AsyncCommands::get(&mut connection, KEY));
                check(value.map_err(other)?)
            })
        };
        in_threads((0..threads).map(|_| get))?;
        Ok(None)
    }))
}
