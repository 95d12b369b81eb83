//! A client of NATS: what is not in it is in the library.
//!
//! ```sh
//! nats-server -a 127.0.0.1 &
//! cargo run --example nats            # or with the address of a server
//! ```

mod client;

use std::env;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_op::{Detached, IoContext, spawn};

use client::{Client, Subscription};

const LIMIT: Duration = Duration::from_secs(5);

async fn serve(client: Client, questions: Subscription) -> io::Result<()> {
    loop {
        let question = questions.next().await?;
        if let Some(reply) = &question.reply {
            let answer = question.payload.to_ascii_uppercase();
            client.publish(reply, &answer).await?;
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1);
    let address: SocketAddr = address.as_deref().unwrap_or("127.0.0.1:4222").parse()?;
    let context = IoContext::new()?;
    let client = Client::new(&context, address);

    // A service, as a future on the context: it answers until the context is gone.
    let questions = client.subscribe("shout.*")?;
    spawn(&context, serve(client.clone(), questions), Detached);

    // Somebody who asks it, and waits.
    for word in ["hello", "world"] {
        let answer = client.request("shout.out", word.as_bytes());
        let answer = answer.cancel_after(LIMIT).blocking()?;
        println!("{word}: {}", String::from_utf8_lossy(&answer.payload));
    }
    Ok(())
}
