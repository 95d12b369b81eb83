//! A client of Redis.
mod client;

use async_op::IoContext;
use client::{Address, Client, Config};
use std::io;

fn main() -> io::Result<()> {
    let context = IoContext::new()?;
    let client = Client::new(&context, Config::new(Address::parse("/tmp/r.sock")?));
    println!("{:?}", client.set("a", b"1").blocking());
    println!("{:?}", client.incr("a").blocking());
    println!("{:?}", client.get("a").blocking());
    let c = client.clone();
    client.get("a").callback(move |r| {
        println!("{r:?}");
        c.incr("a").callback(|r| println!("{r:?}"));
    });
    println!("{}", context.run());
    Ok(())
}
