//! A client of Redis: every command is written once, and called with any token.
//!
//! ```ignore
//! let client = Client::new(&context, Config::parse("localhost:6379")?);
//! client.set("n", b"41").blocking()?;                       // this thread drives the I/O
//! client.incr("n").await?;                                  // in any async runtime
//! client.get("n").callback(|n| println!("{n:?}"));          // called back by the context
//! client.get("n").cancel_after(SECOND).blocking()?;         // with a limit on its time
//! ```
//!
//! `connection` is what Redis says over a pipeline of the library. `commands` are one line
//! each. `resp` reads what the server writes, `command` writes what it reads.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "a library of which no program uses all"
)]

mod command;
mod commands;
mod config;
mod connection;
mod news;
mod resp;
mod value;

pub use async_op::net::pipeline::Address;
pub use command::{Argument, Command};
pub use config::{Config, Dial};
pub use connection::Client;
pub use news::Message;
pub use value::{Error, Result, Value};
