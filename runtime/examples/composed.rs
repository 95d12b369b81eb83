//! Operations made of operations: limits on time, groups, channels, a mutex, a
//! semaphore, promises. Each function is what one would write.

use std::io;
use std::time::Duration;

use async_op::adapter::prepend;
use async_op::group::{parallel_group, wait_for_all, wait_for_one_success};
use async_op::sync::{Channel, Mutex, Semaphore};
use async_op::time::sleep;
use async_op::token::UsePromise;
use async_op::{IoContext, IoExecutor, async_op, cancel_after, is_timeout};

/// Answers after a while.
#[async_op]
async fn async_ask(context: &IoExecutor, server: usize) -> io::Result<String> {
    sleep(context, Duration::from_millis(5 * server as u64)).await?;
    Ok(format!("answer of server {server}"))
}

/// The answer of whichever server is first; the others are asked to stop.
#[async_op]
async fn async_ask_any(context: &IoExecutor, servers: usize) -> io::Result<String> {
    let questions: Vec<_> = (1..=servers).map(|n| ask(context, n)).collect();
    let group = parallel_group(questions).wait(wait_for_one_success());
    let (_, answers) = group.cancel_after(Duration::from_secs(1)).await;
    let first = answers.into_iter().find(io::Result::is_ok);
    first.unwrap_or_else(|| Err(io::Error::other("no server answers")))
}

/// The answers of two, at once.
#[async_op]
async fn async_ask_both(context: &IoExecutor) -> io::Result<(String, String)> {
    let both = parallel_group((ask(context, 2), ask(context, 1)));
    let (_, (a, b)) = both.wait(wait_for_all()).await;
    Ok((a?, b?))
}

/// As many as there are, two at a time.
#[async_op]
async fn async_ask_all(context: &IoExecutor, servers: usize) -> io::Result<Vec<String>> {
    let (at_once, answers) = (Semaphore::new(context, 2), Mutex::new(context, Vec::new()));
    let all: Vec<_> = (0..servers)
        .map(|server| ask_one(context, server, at_once.clone(), answers.clone()))
        .collect();
    let (_, results) = parallel_group(all).wait(wait_for_all()).await;
    results.into_iter().collect::<io::Result<()>>()?;
    let answers = std::mem::take(&mut *answers.lock().await?);
    Ok(answers)
}

#[async_op]
async fn async_ask_one(
    context: &IoExecutor,
    server: usize,
    at_once: Semaphore,
    answers: Mutex<Vec<String>>,
) -> io::Result<()> {
    let _permit = at_once.acquire().await?;
    let answer = ask(context, server).await?;
    answers.lock().await?.push(answer);
    Ok(())
}

fn main() -> io::Result<()> {
    let context = IoContext::new()?;
    println!("{}", ask_any(&context, 3).blocking()?);
    println!("{:?}", ask_both(&context).blocking()?);
    println!("{:?}", ask_all(&context, 5).blocking()?);

    // A callback with a limit on its time.
    let limit = Duration::from_millis(1);
    async_ask(
        &context,
        1000,
        cancel_after(limit, |answer: io::Result<String>| {
            assert!(is_timeout(&answer.unwrap_err()));
            println!("too late");
        }),
    );
    context.restart();
    context.run();

    // Started now, waited for later.
    let promise = async_ask(&context, 1, UsePromise);
    println!(
        "{} before {}",
        ask(&context, 2).blocking()?,
        promise.wait().blocking()?
    );

    // Results of many, as they come.
    let results = Channel::new(&context, 3);
    for id in ["a", "b", "c"] {
        async_ask(&context, 1, prepend(id, results.deliver()));
    }
    for _ in 0..3 {
        let (id, answer) = results.receive().blocking()?;
        println!("{id}: {}", answer?);
    }
    Ok(())
}
