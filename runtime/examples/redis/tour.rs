//! One command, in every way to wait for it.

use std::sync::mpsc;
use std::time::Duration;

use async_op::{IoContext, SystemExecutor};

use crate::bench::remove;
use crate::client::{Client, Error, Result, Value};
use crate::{LIMIT, command};

const N: &str = "async-op:example:n";
const NOTHING: &str = "async-op:example:nothing";

pub(crate) fn run(context: &IoContext, client: &Client) -> Result<&'static str> {
    let said = increment(context, client);
    remove(client, N);
    said
}

fn increment(context: &IoContext, client: &Client) -> Result<&'static str> {
    // This thread waits.
    client.set(N, b"1").cancel_after(LIMIT).blocking()?;
    check(client.incr(N).cancel_after(LIMIT).blocking()? == 2)?;

    // A callback each. They go out together, and `run` returns when all have been
    // called.
    let (sender, results) = mpsc::channel();
    for _ in 0..100 {
        let sender = sender.clone();
        let incr = client.incr(N).cancel_after(LIMIT);
        incr.callback(move |n| drop(sender.send(n)));
    }
    context.run();
    for expected in 3..=102 {
        check(results.try_recv().expect("a result of each")? == expected)?;
    }

    // A future, on somebody else's runtime; the reactor is our own.
    let elsewhere = Client::new(&SystemExecutor, client.config().clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let task = runtime.spawn(async move {
        let commands = [command!["INCR", N], command!["GET", N]];
        let transaction = elsewhere.transaction(&commands);
        transaction.cancel_after(LIMIT).await
    });
    let replies = runtime.block_on(task).expect("the task does not panic")?;
    let expected = vec![Value::Integer(103), Value::Bytes(b"103".to_vec())];
    check(replies == Some(expected))?;

    // Nothing comes: the limit is kept, and so is the connection.
    let nothing = client.request(command!["BLPOP", NOTHING, "0.1"]);
    context.restart();
    let error = nothing.cancel_after(Duration::from_millis(10)).blocking();
    match error {
        Err(error) if error.is_timeout() => {}
        Err(error) => return Err(error),
        Ok(_) => return Err(Error::Unexpected("late")),
    }
    check(client.incr(N).cancel_after(LIMIT).blocking()? == 104)?;
    Ok("104 increments: blocking, by callbacks, awaited in tokio, in a transaction")
}

/// Others may count on the same server.
fn check(is_expected: bool) -> Result<()> {
    is_expected.then_some(()).ok_or(Error::Unexpected(
        "that of a key which only the tour changes",
    ))
}
