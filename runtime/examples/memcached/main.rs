//! A client of memcached in a page and a half: what is not in it is in the library.
//!
//! ```sh
//! memcached -l 127.0.0.1 &
//! cargo run --example memcached            # or with the address of a server
//! ```

mod client;

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use async_op::IoContext;

use client::Client;

const LIMIT: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1);
    let address: SocketAddr = address.as_deref().unwrap_or("127.0.0.1:11211").parse()?;
    let context = IoContext::new()?;
    let client = Client::new(&context, address);

    // This thread drives the I/O while it waits.
    client
        .set("greeting", b"hello", 60)
        .cancel_after(LIMIT)
        .blocking()?;
    let greeting = client.get("greeting").blocking()?;
    println!(
        "greeting: {:?}",
        greeting.as_deref().map(String::from_utf8_lossy)
    );

    // Callbacks: all of these are on their way at once, in one write.
    client.set("n", b"0", 60).callback(|result| result.unwrap());
    for _ in 0..3 {
        client
            .incr("n", 1)
            .callback(|n| println!("n: {:?}", n.unwrap()));
    }
    context.run();
    Ok(())
}
