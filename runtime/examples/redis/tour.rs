//! One command, in every way to wait for it.

use std::sync::mpsc;
use std::time::Duration;

use async_op::{IoContext, SystemExecutor};

use crate::LIMIT;
use crate::client::{Client, Result, Value};
use crate::command;

const N: &str = "async-op:example:n";
const NOTHING: &str = "async-op:example:nothing";

pub(crate) fn run(context: &IoContext, client: &Client) -> Result<&'static str> {
    // This thread waits.
    client.set(N, b"1").cancel_after(LIMIT).blocking()?;
    assert_eq!(client.incr(N).cancel_after(LIMIT).blocking()?, 2);

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
        assert_eq!(results.try_recv().expect("a result of each")?, expected);
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
    assert_eq!(replies, Some(expected));

    // Nothing comes: the limit is kept, and so is the connection.
    let nothing = client.request(command!["BLPOP", NOTHING, "0.1"]);
    context.restart();
    let error = nothing.cancel_after(Duration::from_millis(10)).blocking();
    assert!(error.is_err_and(|error| error.is_timeout()));
    assert_eq!(client.incr(N).cancel_after(LIMIT).blocking()?, 104);
    client.del(&[N]).cancel_after(LIMIT).blocking()?;
    Ok("104 increments: blocking, by callbacks, awaited in tokio, in a transaction")
}
