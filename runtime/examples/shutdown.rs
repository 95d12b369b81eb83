//! A server that ends in good order: on SIGTERM it accepts no more, and finishes
//! what it has begun; what has not ended after a time of grace is asked to stop.
//!
//! Run it with `cargo run --features signal --example shutdown`: it sends itself
//! the signal while three clients are being served and a fourth says nothing, checks
//! that the three are served to the end and the fourth is let go, and exits.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_op::cancel::{CancellationGroup, CancellationSignal, CancellationType};
use async_op::io::{read_exact, write_all};
use async_op::net::{TcpListener, TcpStream};
use async_op::signal::SignalSet;
use async_op::time::sleep;
use async_op::{IoContext, IoObject, bind_cancellation_slot, is_cancelled, spawn};

const CLIENTS: usize = 3;
const GRACE: Duration = Duration::from_millis(500);

/// How the sessions have ended.
#[derive(Default)]
struct Ended {
    served: AtomicUsize,
    stopped: AtomicUsize,
}

impl Ended {
    fn count(&self, result: io::Result<()>) {
        let how = match result {
            Ok(()) => &self.served,
            Err(error) if is_cancelled(&error) => &self.stopped,
            Err(error) => panic!("{error}"),
        };
        how.fetch_add(1, Ordering::Relaxed);
    }
}

/// Accepts until it is asked to stop.
async fn accept(
    listener: TcpListener,
    sessions: CancellationGroup,
    ended: Arc<Ended>,
) -> io::Result<()> {
    let executor = listener.executor();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) if is_cancelled(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let ended = ended.clone();
        let count = move |result: io::Result<()>| ended.count(result);
        let count = bind_cancellation_slot(sessions.slot(), count);
        spawn(&executor, serve(stream), count);
    }
}

/// Answers slowly.
async fn serve(stream: TcpStream) -> io::Result<()> {
    read_exact(&stream, [0; 1]).await.0?;
    for word in ["good ", "bye\n"] {
        sleep(&stream.executor(), Duration::from_millis(20)).await?;
        write_all(&stream, word).await?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let context = IoContext::new()?;
    let executor = context.executor();
    let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
    let address = listener.local_addr()?;
    let ended = Arc::new(Ended::default());

    // On SIGTERM, or on Ctrl-C, the operation `accept` is asked to stop; those
    // that serve only when they have had time to end by themselves.
    let (stop, sessions) = (CancellationSignal::new(), CancellationGroup::new());
    let accepting = accept(listener, sessions.clone(), ended.clone());
    let done = bind_cancellation_slot(stop.slot(), |result: io::Result<()>| result.unwrap());
    spawn(&executor, accepting, done);
    let signals = SignalSet::new(&context, [libc::SIGTERM, libc::SIGINT])?;
    signals.wait().callback(move |signal| {
        println!("signal {}: no more clients", signal.unwrap());
        stop.emit(CancellationType::TERMINAL);
        let end = move |_| sessions.emit(CancellationType::TERMINAL);
        sleep(&executor, GRACE).callback(end);
    });

    // The clients, and somebody who wants the server to stop.
    let clients = async move {
        let silent = TcpStream::connect(&executor, address).await?;
        let mut streams = Vec::new();
        for _ in 0..CLIENTS {
            let stream = TcpStream::connect(&executor, address).await?;
            write_all(&stream, "x").await?;
            streams.push(stream);
        }
        let mut first = [0; 5];
        read_exact(&streams[0], &mut first).await?;
        terminate(std::process::id())?;
        read_exact(&streams[0], &mut first[..4]).await?;
        for stream in &streams[1..] {
            let mut text = [0; 9];
            read_exact(stream, &mut text).await?;
            assert_eq!(&text, b"good bye\n");
        }
        refused(&executor, address).await?;
        // The server closes the connection.
        assert_eq!(silent.read_some([0; 1]).await.0?, 0);
        Ok(())
    };
    spawn(&executor, clients, |result: io::Result<()>| result.unwrap());

    // Returns when the last session has ended.
    context.run();
    let [served, stopped] = [&ended.served, &ended.stopped].map(|n| n.load(Ordering::Relaxed));
    println!("{served} clients were served to the end, {stopped} was let go");
    assert_eq!((served, stopped), (CLIENTS, 1));
    Ok(())
}

/// Nobody listens any more.
async fn refused(executor: &async_op::IoExecutor, address: SocketAddr) -> io::Result<()> {
    let error = TcpStream::connect(executor, address).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    Ok(())
}

fn terminate(process: u32) -> io::Result<()> {
    let status = std::process::Command::new("kill")
        .arg(process.to_string())
        .status()?;
    assert!(status.success());
    Ok(())
}
