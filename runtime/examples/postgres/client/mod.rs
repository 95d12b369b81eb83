//! A client of PostgreSQL: each operation is written once, and called with any token.
//!
//! ```ignore
//! let client = Client::new(&context, Config::parse("postgres://me@localhost/shop")?);
//! let rows = client.query("select name from goods where price < $1", &[&5]).blocking()?;
//! for row in &rows {
//!     println!("{}", row.get::<String>(0)?);
//! }
//! client.execute("delete from goods", &[]).await?;              // in any async runtime
//! client.batch("vacuum").callback(|result| println!("{result:?}"));
//! ```
//!
//! `protocol` is what PostgreSQL says over a pipeline of the library, `connect` how that
//! begins; the rest is what one sees of it. Values go as text, which the server makes of each
//! type, and takes for each.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "a library of which no program uses all"
)]

mod binding;
mod channels;
mod config;
mod connect;
mod copy;
mod error;
mod handle;
mod pool;
mod protocol;
mod rows;
mod statement;
mod stream;
mod value;

pub use async_op::net::pipeline::Address;
pub use config::{Config, Dial, Tls};
pub use copy::{CopyIn, CopyOut, RowStream};
pub use error::{Error, Result, ServerError};
pub use handle::Client;
pub use pool::{Pool, Pooled, Transaction};
pub use protocol::Notification;
pub use rows::{Column, Columns, Row, Rows};
pub use statement::{Query, Statement};
pub use value::{FromText, Parameter};
