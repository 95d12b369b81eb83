//! A client of Redis, used in every way that a program may want to.
//!
//! ```sh
//! cargo run --release --example redis -- set greeting hello
//! cargo run --release --example redis -- get greeting
//! cargo run --release --example redis -- listen news
//! cargo run --release --example redis -- bench 64 16    # connections, requests under way on each
//! cargo run --release --example redis -- compare        # with other clients
//! cargo run --release --example redis -- --help
//! ```
//!
//! The client is in `client/`: read `commands.rs`, then `connection.rs`. It has
//! one version of each command. This file, and the host in C in `c/`, choose how
//! the results arrive.

mod bar;
mod bench;
mod client;
#[cfg(unix)]
mod compare;
#[cfg(not(unix))]
#[path = "no_server.rs"]
mod own;
#[cfg(unix)]
mod own;
#[cfg(unix)]
mod processors;
#[cfg(unix)]
mod server;
#[cfg(unix)]
mod threads;
mod tour;
mod usage;
#[cfg(unix)]
mod watch;

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::str;
use std::time::Duration;

use async_op::IoContext;

use client::{Address, Client, Command, Config, Error, Value};
use own::OwnServer;

/// What is asked for has to come within it. A message that one listens for may come
/// at any time.
const LIMIT: Duration = Duration::from_secs(5);

const USAGE: &str = "\
redis COMMAND [ARGUMENT]..      any command of the server: get KEY, set KEY VALUE, ..
redis listen CHANNEL            prints what is published there
redis bench CONNECTIONS DEPTH [REQUESTS]
                                GET on so many connections, with so many under way on each
redis compare [CONNECTIONS DEPTH]
                                the same by other clients, and redis-benchmark; 3 minutes
redis compare threads           one connection that threads share; 2 minutes
redis                           a tour

A reply is printed as it is, an array one element on each line. The status is 0; 1 for a
key that is not there; 2 if something goes wrong, such as that nothing is answered for
5 seconds, or 50 in the middle of compare.

The server is the one at REDIS, by default 127.0.0.1:6379:
    REDIS=HOST:PORT
    REDIS=/PATH/OF/SOCKET
    REDIS=redis://USER:PASSWORD@HOST:PORT/DATABASE
    REDIS=unix:///PATH/OF/SOCKET?user=USER&pass=PASSWORD&db=DATABASE
    REDIS=own                   one that is started for as long as this runs
compare and the tour start one of their own without being told.";

/// Why this ends before it has done what it should.
enum Failure {
    /// What was typed, or is in `REDIS`, makes no sense.
    Usage(String),
    /// The server is not to be had, or refuses; and where it is.
    Client(Error, Option<Address>),
    /// Nobody takes what is printed.
    Output(io::Error),
    Other(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Client(error, None)
    }
}

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    let words: Vec<&[u8]> = words.iter().map(|it| it.as_encoded_bytes()).collect();
    let place = env::var_os("REDIS");
    let place = place.as_deref().unwrap_or(OsStr::new("127.0.0.1:6379"));
    let failure = match run(&words, &place.to_string_lossy()) {
        Ok(status) => return status,
        Err(failure) => failure,
    };
    // If nobody reads this either, there is nobody to tell.
    let mut out = io::stderr();
    let _ = match failure {
        Failure::Usage(text) => writeln!(out, "{text}"),
        Failure::Client(error, address) => {
            let hint = match error.as_io().map(io::Error::kind) {
                Some(ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {
                    "\nStart `redis-server` there, or say where it is: REDIS=HOST:PORT, or \
                     REDIS=own to start one here."
                }
                _ => "",
            };
            let address = address.map_or(String::new(), |it| format!("{it}: "));
            writeln!(out, "{address}{error}{hint}")
        }
        // `redis .. | head`
        Failure::Output(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Failure::Output(error) | Failure::Other(error) => writeln!(out, "{error}"),
    };
    ExitCode::from(2)
}

fn run(words: &[&[u8]], place: &str) -> Result<ExitCode, Failure> {
    match words {
        [b"help" | b"--help" | b"-h", ..] => {
            print(|out| writeln!(out, "{USAGE}"))?;
            return Ok(ExitCode::SUCCESS);
        }
        [b"listen"] | [b"listen", _, _, ..] | [b"bench"] | [b"bench", _] => {
            return Err(Failure::Usage(USAGE.to_owned()));
        }
        _ => {}
    }
    let wants_own = matches!(words, [] | [b"compare", ..]) && env::var_os("REDIS").is_none();
    let own = if wants_own || place == "own" {
        Some(OwnServer::start().map_err(|error| match error.kind() {
            ErrorKind::NotFound => Failure::Usage(format!(
                "{error}\nInstall it, or say where a server is: REDIS=HOST:PORT"
            )),
            _ => Failure::Other(error),
        })?)
    } else {
        None
    };
    let config = match &own {
        Some(server) => Config::new(server.address),
        None => Config::parse(place)
            .map_err(|error| Failure::Usage(format!("{}: {error}", named(place))))?,
    };

    carry_out(words, &config, own.as_ref()).map_err(|failure| match failure {
        Failure::Client(error, None) => Failure::Client(error, Some(config.address)),
        failure => failure,
    })
}

fn carry_out(
    words: &[&[u8]],
    config: &Config,
    own: Option<&OwnServer>,
) -> Result<ExitCode, Failure> {
    // A blocking program: its one thread drives the I/O while it waits.
    let context = IoContext::new().map_err(Failure::Other)?;
    let client = Client::new(&context, config.clone());
    match *words {
        [] => {
            let said = tour::run(&context, &client)?;
            print(|out| writeln!(out, "{said}"))?;
        }
        [b"bench", connections, depth, ref requests @ ..] => {
            let requests = match requests {
                [] => 400_000,
                [requests] => number(requests)?,
                _ => return Err(Failure::Usage(USAGE.to_owned())),
            };
            let said = bench::run(config, number(connections)?, number(depth)?, requests)?;
            print(|out| writeln!(out, "{said}"))?;
        }
        #[cfg(unix)]
        [b"compare", b"threads"] => {
            let table = threads::run(config, own)?;
            print(|out| write!(out, "{table}"))?;
        }
        #[cfg(unix)]
        [b"compare", ref rest @ ..] => {
            let loads = compare::loads(rest).map_err(Failure::Usage)?;
            let table = compare::run(config, own, &loads)?;
            print(|out| write!(out, "{table}"))?;
        }
        #[cfg(not(unix))]
        [b"compare", ..] => {
            let _ = own;
            return Err(Failure::Usage("`compare` is for Unix alone".to_owned()));
        }
        [b"listen", channel] => {
            let channel = str::from_utf8(channel)
                .map_err(|_| Failure::Usage("the channel is not in UTF-8".to_owned()))?;
            client.subscribe(channel).cancel_after(LIMIT).blocking()?;
            loop {
                let message = client.next_message().blocking()?;
                print(|out| line(out, &message.payload))?;
            }
        }
        // A command, as it is.
        _ => {
            let command = Command::new(words[0]).args(words[1..].iter().copied());
            let reply = client.request(command).cancel_after(LIMIT).blocking()?;
            if reply == Value::Null {
                return Ok(ExitCode::from(1));
            }
            print(|out| lines(out, &reply))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What of `REDIS` is shown: anything but the name of a host may contain a password.
fn named(place: &str) -> String {
    if place.contains(['/', '@', '?']) {
        "REDIS".to_owned()
    } else {
        format!("REDIS={place}")
    }
}

fn number(text: &[u8]) -> Result<u32, Failure> {
    let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.filter(|&number| number > 0).ok_or_else(|| {
        let text = String::from_utf8_lossy(text);
        Failure::Usage(format!("{text} is not a number from 1 to {}", u32::MAX))
    })
}

fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = write(&mut out).and_then(|()| out.flush());
    written.map_err(Failure::Output)
}

fn line(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    out.write_all(b"\n")
}

/// Writes each part of a reply on a line of its own.
fn lines(out: &mut dyn Write, reply: &Value) -> io::Result<()> {
    match reply {
        Value::Null => writeln!(out, "(nil)"),
        Value::Ok => writeln!(out, "OK"),
        Value::Status(text) => writeln!(out, "{text}"),
        Value::Integer(number) => writeln!(out, "{number}"),
        Value::Double(number) => writeln!(out, "{number}"),
        Value::Boolean(truth) => writeln!(out, "{truth}"),
        Value::Bytes(bytes) => line(out, bytes),
        Value::Array(items) | Value::Push(items) => {
            items.iter().try_for_each(|item| lines(out, item))
        }
        Value::Map(pairs) => pairs.iter().try_for_each(|(key, value)| {
            lines(out, key)?;
            lines(out, value)
        }),
        Value::Error(text) => writeln!(out, "(error) {text}"),
    }
}
