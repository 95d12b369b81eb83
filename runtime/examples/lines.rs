//! A line protocol: a calculator that understands `add 1 2` and `mul 3 4`.
//!
//! One operation, `async_ask`, written once, and asked three ways. Run it with
//! `cargo run --example lines`: it asks itself, checks the answers, and exits.

use std::io;
use std::sync::mpsc;

use async_op::io::{DynamicBuffer, read_until, write_all};
#[cfg(not(unix))]
use async_op::net::TcpStream as LocalStream;
#[cfg(unix)]
use async_op::net::UnixStream as LocalStream;
use async_op::{Blocking, IoContext, IoExecutor, IoObject, UseFuture, async_op, spawn};

/// No line is longer.
const LONGEST: usize = 256;

/// Reads the next line, without its end; `None` at the end of the stream.
async fn next_line(stream: &LocalStream, buffer: &mut Vec<u8>) -> io::Result<Option<String>> {
    let end = match read_until(stream, (&mut *buffer).at_most(LONGEST), b'\n').await {
        Ok(end) => end,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && buffer.is_empty() => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // What follows belongs to the next line.
    let line: Vec<u8> = buffer.drain(..end).collect();
    let line = String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Some(line.trim_end().to_owned()))
}

/// Answers lines until the end.
async fn serve(stream: LocalStream) -> io::Result<usize> {
    let mut buffer = Vec::new();
    let mut answers = 0;
    while let Some(line) = next_line(&stream, &mut buffer).await? {
        let answer = match calculate(&line) {
            Some(result) => format!("{result}\n"),
            None => format!("what is `{line}`?\n"),
        };
        write_all(&stream, answer).await.0?;
        answers += 1;
    }
    Ok(answers)
}

fn calculate(line: &str) -> Option<i64> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let a: i64 = words.next()?.parse().ok()?;
    let b: i64 = words.next()?.parse().ok()?;
    match name {
        "add" => a.checked_add(b),
        "mul" => a.checked_mul(b),
        _ => None,
    }
}

/// A client of the calculator.
#[derive(Clone)]
struct Calculator {
    stream: LocalStream,
}

impl IoObject for Calculator {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.stream.executor()
    }
}

impl Calculator {
    /// Sends a question, and returns the answer. One at a time.
    #[async_op]
    async fn async_ask(&self, question: &str) -> io::Result<String> {
        // Two parts, one system call.
        let (result, _) = write_all(&self.stream, (question.to_owned(), "\n")).await;
        result?;
        let mut buffer = Vec::new();
        let answer = next_line(&self.stream, &mut buffer).await?;
        answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Makes two ends of one connection.
#[cfg(unix)]
fn pair(context: &IoContext) -> io::Result<(LocalStream, LocalStream)> {
    LocalStream::pair(context)
}

#[cfg(not(unix))]
fn pair(context: &IoContext) -> io::Result<(LocalStream, LocalStream)> {
    let listener = async_op::net::TcpListener::bind(context, ([127, 0, 0, 1], 0).into())?;
    let client = LocalStream::connect(context, listener.local_addr()?).blocking()?;
    let (server, _) = listener.accept().blocking()?;
    Ok((client, server))
}

fn main() -> io::Result<()> {
    let context = IoContext::new()?;
    let executor = context.executor();
    let (client, server) = pair(&context)?;
    let (sender, receiver) = mpsc::channel();
    spawn(
        &executor,
        serve(server),
        move |answers: io::Result<usize>| {
            sender.send(answers).unwrap();
        },
    );
    let calculator = Calculator { stream: client };

    // This thread waits, and runs the server meanwhile.
    assert_eq!(calculator.async_ask("add 1 2", Blocking)?, "3");

    // A callback.
    calculator
        .ask("mul 3 4")
        .callback(|answer| assert_eq!(answer.unwrap(), "12"));
    context.run_one();
    while context.poll_one() != 0 {}

    // A future.
    let questions = async move {
        assert_eq!(
            calculator.async_ask("sub 3 4", UseFuture).await?,
            "what is `sub 3 4`?"
        );
        assert_eq!(calculator.ask("add 20 22").await?, "42");
        Ok(())
    };
    spawn(&executor, questions, |result: io::Result<()>| {
        result.unwrap()
    });
    context.run();
    println!("{} questions answered", receiver.recv().unwrap()?);
    Ok(())
}
