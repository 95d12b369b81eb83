//! A client of PostgreSQL, used in some of the ways that a program may want to.
//!
//! ```sh
//! cargo run --example postgres                       # a tour, on a server of its own
//! cargo run --example postgres -- query "select 1"
//! cargo run --example postgres -- listen news
//! cargo run --release --example postgres -- compare  # with `postgres`, `tokio-postgres`, libpq
//! cargo run --release --example postgres -- compare "one caller: await"  # some of them
//! ```
//!
//! The server is the one at `POSTGRES`, a URL; where there is none, one is started for as long
//! as this runs. The client is in `client/`: read `handle.rs`, then `protocol.rs`.

mod client;
mod compare;
mod libpq;
mod server;
#[path = "../redis/usage.rs"]
mod usage;

use std::env;
use std::error::Error;
use std::time::Duration;

use async_op::{IoContext, SystemExecutor};

use client::{Client, Config, Pool, Rows};
use server::PostgresServer;

const LIMIT: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (url, _server) = match env::var("POSTGRES") {
        Ok(url) => (url, None),
        Err(_) => {
            let server = PostgresServer::launch(&[], &[])?;
            (server.unix_url(), Some(server))
        }
    };
    let config = Config::parse(&url)?;
    match words[..] {
        [] => tour(&config),
        ["query", text] => {
            let context = IoContext::new()?;
            print(&Client::new(&context, config).batch(text).blocking()?);
            Ok(())
        }
        ["listen", channel] => {
            let context = IoContext::new()?;
            let client = Client::new(&context, config);
            client.listen(channel).blocking()?;
            loop {
                println!("{}", client.next_notification().blocking()?.payload);
            }
        }
        ["compare"] => compare::compare(&config, ""),
        ["compare", name] => compare::compare(&config, name),
        _ => Err("postgres [query SQL | listen CHANNEL | compare [NAME]]".into()),
    }
}

fn tour(config: &Config) -> Result<(), Box<dyn Error>> {
    // A blocking program: this thread drives the I/O, within limits.
    let context = IoContext::new()?;
    let client = Client::new(&context, config.clone());
    let table = "create table goods (name text, price float8)";
    client.batch(table).cancel_after(LIMIT).blocking()?;
    let copy = client.copy_in("copy goods from stdin")?;
    copy.send(b"bread\t2.5\nsalt\t1\nwine\t9\n".to_vec())
        .blocking()?;
    println!("{} are copied", copy.finish().blocking()?);
    let cheap = client
        .prepare("select * from goods where price < $1")
        .blocking()?;
    print(&client.query(&cheap, &[&5.0]).blocking()?);

    // Callbacks: all of these are on their way at once.
    for limit in [2, 3, 10] {
        client.query(&cheap, &[&limit]).callback(move |rows| {
            println!("below {limit}: {}", rows.map_or(0, |rows| rows.len()));
        });
    }
    context.run();

    // Futures, in any runtime, with a pool: nothing remains of what is not committed.
    let pool = Pool::new(&SystemExecutor, config.clone(), 4, LIMIT);
    pollster::block_on(async {
        let transaction = pool.begin().await?;
        transaction.execute("delete from goods", &[]).await?;
        drop(transaction);
        let rows = pool
            .get()
            .await?
            .query("select count(*) from goods", &[])
            .await?;
        println!("{} are left", rows.one()?.get::<i64>(0)?);
        Ok::<_, client::Error>(())
    })?;
    Ok(())
}

fn print(rows: &Rows) {
    for row in rows.iter() {
        let values = row.columns().iter().enumerate().map(|(at, column)| {
            let value = row.get::<Option<String>>(at).ok().flatten();
            format!("{}: {}", column.name, value.as_deref().unwrap_or("null"))
        });
        println!("{}", values.collect::<Vec<_>>().join(", "));
    }
}
