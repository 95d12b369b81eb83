//! A server that ends in good order: on SIGTERM it accepts no more, and finishes
//! what it has begun.
//!
//! Run it with `cargo run --features signal --example shutdown`: it sends itself
//! the signal while three clients are being served, checks that each of them is
//! served to the end, and exits.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_op::{
    CancellationSignal, CancellationType, IoContext, IoObject, SignalSet, TcpListener, TcpStream,
    Timer, bind_cancellation_slot, is_cancelled, read_exact, spawn, write_all,
};

const CLIENTS: usize = 3;

/// Accepts until it is asked to stop.
async fn accept(listener: TcpListener, served: Arc<AtomicUsize>) -> io::Result<()> {
    let executor = listener.executor();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) if is_cancelled(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let served = served.clone();
        spawn(&executor, serve(stream), move |result: io::Result<()>| {
            result.unwrap();
            served.fetch_add(1, Ordering::Relaxed);
        });
    }
}

/// Answers slowly.
async fn serve(stream: TcpStream) -> io::Result<()> {
    read_exact(&stream, [0; 1]).await.0?;
    let pause = Timer::new(&stream.executor());
    for word in ["good ", "bye\n"] {
        pause.expires_after(Duration::from_millis(20));
        pause.wait().await?;
        write_all(&stream, word).await?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let context = IoContext::new()?;
    let executor = context.executor();
    let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
    let address = listener.local_addr()?;
    let served = Arc::new(AtomicUsize::new(0));

    // On SIGTERM, or on Ctrl-C, the operation `accept` is asked to stop; those
    // that serve are not.
    let stop = CancellationSignal::new();
    let accepting = accept(listener, served.clone());
    let done = bind_cancellation_slot(stop.slot(), |result: io::Result<()>| result.unwrap());
    spawn(&executor, accepting, done);
    let signals = SignalSet::new(&context, [libc::SIGTERM, libc::SIGINT])?;
    signals.wait().callback(move |signal| {
        println!("signal {}: no more clients", signal.unwrap());
        stop.emit(CancellationType::TERMINAL);
    });

    // The clients, and somebody who wants the server to stop.
    let clients = async move {
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
        refused(&executor, address).await
    };
    spawn(&executor, clients, |result: io::Result<()>| result.unwrap());

    // Returns when the last client has been served.
    context.run();
    println!(
        "{} clients were served to the end",
        served.load(Ordering::Relaxed)
    );
    assert_eq!(served.load(Ordering::Relaxed), CLIENTS);
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
