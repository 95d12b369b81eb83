//! A client of Redis, used in every way that a program may want to.
//!
//! ```sh
//! cargo run --release --example redis -- set greeting hello
//! cargo run --release --example redis -- get greeting
//! cargo run --release --example redis -- listen news
//! cargo run --release --example redis -- bench 64 16    # connections, requests under way on each
//!                                                       # and, if you like, how many in all
//! cargo run --release --example redis -- compare        # with other clients
//! ```
//!
//! The client is in `client/`: read `commands.rs`, then `connection.rs`. It has
//! one version of each command. This file, and the host in C in `c/`, choose how
//! the results arrive.
//!
//! The server is the one at `REDIS`, by default `127.0.0.1:6379`. With `REDIS=own`
//! this starts one for as long as it runs; so do `compare`, and no arguments.

mod bench;
mod client;
mod compare;
mod processors;
mod server;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use async_op::IoContext;

use client::{Address, Client, Command, Config, Error, Result, Value};
use server::RedisServer;

/// No command that is typed in may take longer.
const LIMIT: Duration = Duration::from_secs(5);

const USAGE: &str = "\
redis COMMAND [ARGUMENT]..      any command of the server: get KEY, set KEY VALUE, ..
redis listen CHANNEL            prints what is published there
redis bench CONNECTIONS DEPTH [REQUESTS]
redis compare [CONNECTIONS DEPTH]
redis                           a tour

The server is the one at REDIS, which is HOST:PORT or the path of a socket, by default
127.0.0.1:6379. With REDIS=own one is started for as long as this runs; compare and the
tour do that without being told.";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    match words {
        ["help" | "--help" | "-h", ..] => {
            println!("{USAGE}");
            return Ok(());
        }
        ["listen"] | ["bench"] | ["bench", _] => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, USAGE).into());
        }
        _ => {}
    }
    let place = env::var("REDIS").ok();
    let wants_own = matches!(words, [] | ["compare", ..]) && place.is_none();
    let own = if wants_own || place.as_deref() == Some("own") {
        match RedisServer::start() {
            Some(server) => Some(server),
            None => {
                let text =
                    "there is no `redis-server` to start: install it, or set REDIS=HOST:PORT";
                return Err(io::Error::new(io::ErrorKind::NotFound, text).into());
            }
        }
    } else {
        None
    };
    let address = match &own {
        Some(server) => Address::Tcp(server.address),
        None => Address::parse(place.as_deref().unwrap_or("127.0.0.1:6379"))?,
    };

    // A blocking program: its one thread drives the I/O while it waits.
    let context = IoContext::new()?;
    let client = Client::new(&context, Config::new(address.clone()));
    match *words {
        [] => tour(&context, &client)?,
        ["bench", connections, depth, ref requests @ ..] => {
            let number = |text: &str| text.parse().map_err(|_| Error::Unexpected("a number"));
            let requests = requests.first().map_or(Ok(400_000), |text| number(text))?;
            bench::run(
                &address,
                number(connections)?,
                number(depth)?,
                requests as u64,
            )?;
        }
        ["compare", ref rest @ ..] => compare::run(&address, own.as_ref(), rest)?,
        ["listen", channel] => {
            client.subscribe(channel).blocking()?;
            loop {
                let message = client.next_message().blocking()?;
                println!("{}", String::from_utf8_lossy(&message.payload));
            }
        }
        ["get", key] => {
            let value = client.get(key).cancel_after(LIMIT).blocking()?;
            let mut out = std::io::stdout();
            out.write_all(&value.unwrap_or_default())?;
            out.write_all(b"\n")?;
        }
        ["set", key, value] => {
            let set = client.set(key, value.as_bytes());
            set.cancel_after(LIMIT).blocking()?;
        }
        // Any other command, as it is.
        _ => {
            let command = Command::new(words.len()).args(words.iter().copied());
            let reply = client.request(command).cancel_after(LIMIT).blocking()?;
            println!("{reply:?}");
        }
    }
    Ok(())
}

/// One command, in every way to wait for it.
fn tour(context: &IoContext, client: &Client) -> Result<()> {
    // This thread waits.
    client.set("n", b"1").blocking()?;
    assert_eq!(client.incr("n").blocking()?, 2);

    // A callback each. They go out together, and `run` returns when all have been
    // called.
    for expected in 3..=102 {
        client
            .incr("n")
            .callback(move |n| assert_eq!(n.unwrap(), expected));
    }
    context.run();

    // A future, on somebody else's runtime; the reactor is our own.
    let elsewhere = Client::new(&async_op::SystemExecutor, client.config().clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let task = runtime.spawn(async move {
        let commands = [command!["INCR", "n"], command!["GET", "n"]];
        elsewhere.transaction(&commands).await
    });
    let replies = runtime.block_on(task).expect("the task does not panic")?;
    let expected = vec![Value::Integer(103), Value::Bytes(b"103".to_vec())];
    assert_eq!(replies, Some(expected));

    // Nothing comes: the limit is kept, and so is the connection.
    let nothing = client.request(command!["BLPOP", "nothing", "0.1"]);
    context.restart();
    let error = nothing.cancel_after(Duration::from_millis(10)).blocking();
    assert!(error.is_err_and(|error| error.is_timeout()));
    assert_eq!(client.incr("n").blocking()?, 104);
    println!("104 increments: blocking, by callbacks, awaited in tokio, in a transaction");
    Ok(())
}
