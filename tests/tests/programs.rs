//! Small programs of the kind that users write.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_op::executor::{ThreadPool, post_call};
use async_op::group::{parallel_group, wait_for_all, wait_for_one, wait_for_one_error};
use async_op::io::{read_exact, read_until, write_all};
use async_op::net::{TcpListener, TcpStream, UdpSocket};
use async_op::sync::Channel;
use async_op::time::Timer;
use async_op::{Blocking, IoContext, IoExecutor, async_op, is_cancelled, is_timeout, spawn};
use async_op_tests::net::pattern;
use async_op_tests::{Log, is_emulated, without_hanging};

/// How a relay ended, per direction.
#[derive(Debug, PartialEq)]
enum Ended {
    End,
    Idle,
    Stopped,
    Failed(io::ErrorKind),
}

fn ended(result: io::Result<()>) -> Ended {
    match result {
        Ok(()) => Ended::End,
        Err(error) if is_timeout(&error) => Ended::Idle,
        Err(error) if is_cancelled(&error) => Ended::Stopped,
        Err(error) => Ended::Failed(error.kind()),
    }
}

/// Copies until the end, or until `from` is silent, or `to` takes nothing, for as
/// long as `idle`.
#[async_op]
async fn async_relay_one_way(from: &TcpStream, to: &TcpStream, idle: Duration) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let n = from.read_some(&mut buffer).cancel_after(idle).await?;
        if n == 0 {
            return to.shutdown(Shutdown::Write);
        }
        write_all(to, &buffer[..n]).cancel_after(idle).await?;
    }
}

/// Relays both ways; the first that fails stops the other.
#[async_op]
async fn async_relay(a: &TcpStream, b: &TcpStream, idle: [Duration; 2]) -> (Ended, Ended) {
    let ways = (relay_one_way(a, b, idle[0]), relay_one_way(b, a, idle[1]));
    let (_, (there, back)) = parallel_group(ways).wait(wait_for_one_error()).await;
    (ended(there), ended(back))
}

#[test]
fn a_relay_with_a_time_limit_for_each_direction() {
    const HOUR: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(20);

    fn run(
        idle: [Duration; 2],
        talk: impl Fn(&TcpStream, &TcpStream) + Send + 'static,
    ) -> (Ended, Ended) {
        without_hanging(move || {
            let context = IoContext::new().unwrap();
            let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
            let connect = || {
                let ends = (
                    listener.accept(),
                    TcpStream::connect(&context, listener.local_addr().unwrap()),
                );
                let (_, (server, client)) = parallel_group(ends).wait(wait_for_all()).blocking();
                (server.unwrap().0, client.unwrap())
            };
            let ((left, client), (right, server)) = (connect(), connect());
            let result = Arc::new(Mutex::new(None));
            let put = Arc::clone(&result);
            async_relay(&left, &right, idle, move |(there, back)| {
                *put.lock().unwrap() = Some((there, back));
            });
            drop((left, right));
            talk(&client, &server);
            context.restart();
            context.run();
            result.lock().unwrap().take().unwrap()
        })
    }

    // Both ends say good-bye.
    let polite = run([HOUR; 2], |client, server| {
        let bytes = pattern(300_000);
        let mut got = vec![0; bytes.len()];
        let group = (
            write_all(client, bytes.clone()),
            read_exact(server, got.clone()),
        );
        let (_, ((sent, _), (received, all))) =
            parallel_group(group).wait(wait_for_all()).blocking();
        sent.unwrap();
        received.unwrap();
        got = all;
        assert!(got == bytes);
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(server.read_some(&mut [0; 4]).blocking().unwrap(), 0);
        write_all(server, "bye").blocking().unwrap();
        server.shutdown(Shutdown::Write).unwrap();
        let mut bye = Vec::new();
        let error = read_until(client, &mut bye, b'\n').blocking().unwrap_err();
        assert_eq!(
            (error.kind(), &*bye),
            (io::ErrorKind::UnexpectedEof, &b"bye"[..])
        );
    });
    assert_eq!(polite, (Ended::End, Ended::End));
    // One is silent for too long.
    let silent = run([HOUR, SHORT], |client, server| {
        write_all(client, "anybody?").blocking().unwrap();
        // Unless it is over already.
        let _ = read_exact(server, &mut [0; 8]).blocking();
    });
    assert_eq!(silent, (Ended::Stopped, Ended::Idle));
    let silent = run([SHORT, HOUR], |_, _| {});
    assert_eq!(silent, (Ended::Idle, Ended::Stopped));
}

/// Jobs for workers, and their results, until a shutdown.
#[test]
fn a_pool_of_workers_that_is_shut_down_in_good_order() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let pool = ThreadPool::new(2).unwrap();
        let jobs = Channel::new(&context, 2);
        let results = Channel::new(&context, 100);
        let finished = Log::new();
        for worker in 0..3 {
            let (jobs, results) = (jobs.clone(), results.clone());
            let (pool, log) = (pool.executor(), finished.clone());
            let work = async move {
                let mut done = 0;
                // Until the channel is closed and empty.
                while let Ok(n) = jobs.receive().await {
                    let square = post_call(&pool, move || n * n, async_op::UseFuture).await;
                    results.send((n, square)).await?;
                    done += 1;
                }
                Ok(done)
            };
            spawn(&context, work, move |done: io::Result<u64>| {
                log.push(format!("{worker}:{}", done.unwrap() <= 30));
            });
        }
        let sender = jobs.clone();
        spawn(
            &context,
            async move {
                for n in 0..30_u64 {
                    sender.send(n).await?;
                }
                sender.close();
                Ok(())
            },
            |result: io::Result<()>| result.unwrap(),
        );
        context.run();
        let mut squares = BTreeMap::new();
        while let Ok((n, square)) = results.try_receive() {
            assert!(squares.insert(n, square).is_none());
        }
        assert!(squares.into_iter().eq((0..30).map(|n| (n, n * n))));
        assert_eq!(finished.take().matches("true").count(), 3);
        // What comes too late is given back.
        let error = jobs.send(31).blocking().unwrap_err();
        assert_eq!(
            (error.error().kind(), error.into_value()),
            (io::ErrorKind::BrokenPipe, 31)
        );
    });
}

/// Workers that are stopped at once: what they were at is not lost.
#[test]
fn a_pool_of_workers_that_is_stopped() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let jobs = Channel::new(&context, 10);
        let stop = Timer::new(&context);
        stop.expires_after(Duration::from_secs(3600));
        let log = Log::new();
        for _ in 0..3 {
            let (jobs, stop, inner) = (jobs.clone(), stop.clone(), log.clone());
            let work = async move {
                loop {
                    let either = (jobs.receive(), stop.wait());
                    let (_, (job, _)) = parallel_group(either).wait(wait_for_one()).await;
                    match job {
                        Ok(n) => inner.push(format!("{n}")),
                        Err(_) => break,
                    }
                }
            };
            spawn(&context, work, |()| {});
        }
        for n in 0..4 {
            jobs.try_send(n).unwrap();
        }
        context.poll();
        assert_eq!(log.take(), "0 1 2 3");
        assert_eq!(stop.cancel(), 3);
        context.run();
        jobs.try_send(4).unwrap();
        assert_eq!(jobs.try_receive().unwrap(), 4);
    });
}

/// Answers those who ask for `name`, until it is told to stop.
#[async_op]
async fn async_answer(context: &IoExecutor, socket: &UdpSocket, name: &str) -> io::Result<u32> {
    let _ = context;
    let mut buffer = [0; 64];
    let mut answered = 0;
    loop {
        match socket.receive_from(&mut buffer).await {
            Ok((n, from)) if buffer[..n] == *b"who is there?" => {
                socket.send_to(name, from).await?;
                answered += 1;
            }
            Ok(_) => {}
            Err(error) if is_cancelled(&error) => return Ok(answered),
            Err(error) => return Err(error),
        }
    }
}

/// Asks everybody in a group, and collects answers for a while.
#[async_op]
async fn async_discover(
    socket: &UdpSocket,
    group: SocketAddr,
    patience: Duration,
) -> io::Result<Vec<String>> {
    socket.send_to("who is there?", group).await?;
    let mut found = Vec::new();
    let end = std::time::Instant::now() + patience;
    loop {
        let mut buffer = [0; 64];
        match socket.receive_from(&mut buffer).cancel_at(end).await {
            Ok((n, _)) => found.push(String::from_utf8_lossy(&buffer[..n]).into_owned()),
            Err(error) if is_timeout(&error) => break,
            Err(error) => return Err(error),
        }
    }
    found.sort();
    Ok(found)
}

#[test]
fn discovery_by_multicast() {
    if is_emulated() {
        return;
    }
    without_hanging(|| {
        let group = Ipv4Addr::new(239, 255, 77, 7);
        let context = IoContext::new().unwrap();
        // Any number of sockets at one port.
        let listen = |port: u16| -> io::Result<UdpSocket> {
            use socket2::{Domain, Socket, Type};
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
            socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
            UdpSocket::from_std(&context, socket.into())
        };
        let first = match listen(0) {
            Ok(socket) => socket,
            Err(error) => return eprintln!("skipped: no multicast: {error}"),
        };
        let port = first.local_addr().unwrap().port();
        let sockets = [first, listen(port).unwrap(), listen(port).unwrap()];
        let log = Log::new();
        for (socket, name) in sockets.iter().zip(["anna", "bert", "carl"]) {
            let inner = log.clone();
            async_answer(&context, socket, name, move |answered: io::Result<u32>| {
                inner.push(format!("{}", answered.unwrap() > 0));
            });
        }
        let seeker = UdpSocket::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
        let options = socket2::SockRef::from(&seeker);
        options.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        let everybody = SocketAddr::from((group, port));
        let patience = Duration::from_millis(50);
        // Some may be late.
        while async_discover(&seeker, everybody, patience, Blocking).unwrap()
            != ["anna", "bert", "carl"]
        {}
        for socket in &sockets {
            socket.cancel();
        }
        context.restart();
        context.run();
        assert_eq!(log.take(), "true true true");
    });
}
