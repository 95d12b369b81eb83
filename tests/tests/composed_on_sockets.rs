//! Composed operations on real connections: what the peer, the context, the
//! executor and other threads do to them.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::{Strand, WorkGuard};
use async_op::io::{
    Transfer, async_copy, async_read, async_read_exact, async_read_until, async_write_all, copy,
    read, read_exact, read_until, transfer_all, transfer_exactly, write, write_all,
};
#[cfg(unix)]
use async_op::net::Readiness;
use async_op::net::{TcpListener, TcpStream};
use async_op::task::Task;
use async_op::{
    Detached, Executor, Handler, IoContext, bind_cancellation_slot, bind_executor, is_cancelled,
    spawn,
};
use async_op_tests::net::{
    both, half_local_pair, half_pair, is_reset_lost, listen, pair, pattern, until_woken,
};
use async_op_tests::{Log, Manual, Polled, Probe, Recorder};

/// Polls a future, and the events of the context, until it is ready.
fn polled_until_ready<F: Future>(context: &IoContext, future: &mut Polled<F>) -> F::Output {
    loop {
        if let Poll::Ready(output) = future.poll() {
            return output;
        }
        context.poll_one();
    }
}

#[test]
fn a_peer_that_resets_in_the_middle_of_a_read() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    let mut reading = Polled::new(read(&stream, vec![9; 5], transfer_all()));
    assert!(reading.poll().is_pending());
    peer.write_all(b"abc").unwrap();
    until_woken(&context, &reading);
    assert!(reading.poll().is_pending());
    let socket = socket2::Socket::from(peer);
    socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(socket);
    let (Transfer { bytes, result }, buffer) = polled_until_ready(&context, &mut reading);
    assert_eq!((bytes, &buffer[..]), (3, &b"abc\x09\x09"[..]));
    let kind = match is_reset_lost() {
        true => ErrorKind::UnexpectedEof,
        false => ErrorKind::ConnectionReset,
    };
    assert_eq!(result.unwrap_err().kind(), kind);
    drop(reading);
    let error = write_all(&stream, "x").blocking().unwrap_err();
    // The system of Windows goes on telling of the reset.
    assert!(cfg!(windows) || error.kind() == ErrorKind::BrokenPipe);
}

#[test]
fn a_peer_that_resets_in_the_middle_of_a_write() {
    let context = IoContext::new().unwrap();
    let (stream, peer) = half_pair(&context);
    let bytes = vec![7; 16 << 20];
    let mut writing = Polled::new(write(&stream, &bytes, transfer_all()));
    assert!(writing.poll().is_pending());
    // With data unread, closing resets.
    drop(peer);
    let transfer = polled_until_ready(&context, &mut writing);
    assert!(transfer.bytes > 0 && transfer.bytes < bytes.len());
    let kind = transfer.result.unwrap_err().kind();
    assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&kind));
}

#[test]
fn a_local_shutdown_in_the_middle() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    let mut reading = Polled::new(read(&stream, [9; 5], transfer_all()));
    peer.write_all(b"abc").unwrap();
    assert!(reading.poll().is_pending());
    until_woken(&context, &reading);
    assert!(reading.poll().is_pending());
    stream.shutdown(Shutdown::Read).unwrap();
    let (transfer, buffer) = polled_until_ready(&context, &mut reading);
    assert_eq!((transfer.bytes, &buffer), (3, b"abc\x09\x09"));
    let error = transfer.result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_context_dropped_in_the_middle() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    peer.write_all(b"abc").unwrap();
    let mut got = [9; 5];
    let mut reading = Polled::new(read(&stream, &mut got, transfer_all()));
    assert!(reading.poll().is_pending());
    until_woken(&context, &reading);
    assert!(reading.poll().is_pending());
    let big = vec![1; 16 << 20];
    let mut writing = Polled::new(write(&stream, &big, transfer_all()));
    assert!(writing.poll().is_pending());
    drop(context);
    let transfer = reading.ready();
    assert_eq!(transfer.bytes, 3);
    assert_eq!(transfer.result.unwrap_err().kind(), ErrorKind::Other);
    let transfer = writing.ready();
    assert_eq!(transfer.result.unwrap_err().kind(), ErrorKind::Other);
    // What it says has been written is what the peer gets.
    drop((reading, writing, stream));
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).unwrap_or_default();
    assert!(rest.len() <= transfer.bytes);
    assert_eq!(&got, b"abc\x09\x09");
}

#[test]
fn every_step_runs_on_the_executor_of_the_handler() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = Manual::new("home", &log);
    let (stream, mut peer) = half_pair(&context);
    let inner = log.clone();
    let token = move |transfer: Transfer, buffer: [u8; 4]| {
        transfer.into_result().unwrap();
        inner.push(String::from_utf8_lossy(&buffer));
    };
    async_read(
        &stream,
        [0; 4],
        transfer_all(),
        bind_executor(home.clone(), token),
    );
    for part in ["ab", "c", "d"] {
        assert_eq!(log.take(), "");
        peer.write_all(part.as_bytes()).unwrap();
        while home.queued() == 0 {
            context.poll_one();
        }
        assert_eq!(log.take(), "post:home");
        assert_eq!(home.run(), 1);
    }
    assert_eq!(log.take(), "abcd");
    assert_eq!(home.work(), 0);
}

/// Where nothing of the caller's is asked between the steps, they are those of the socket:
/// the handler's executor has no more than the handler.
#[test]
fn the_executor_of_the_handler_has_but_the_end() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = Manual::new("home", &log);
    let (stream, mut peer) = half_pair(&context);
    let inner = log.clone();
    let token = move |result: io::Result<()>, buffer: [u8; 4]| {
        result.unwrap();
        inner.push(String::from_utf8_lossy(&buffer));
    };
    async_read_exact(&stream, [0; 4], bind_executor(home.clone(), token));
    for part in ["ab", "c"] {
        peer.write_all(part.as_bytes()).unwrap();
        // Polls run nothing unless there is something to read.
        while context.poll_one() == 0 {}
        assert_eq!((home.queued(), log.take()), (0, String::new()));
    }
    peer.write_all(b"d").unwrap();
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "post:home");
    assert_eq!((home.run(), log.take()), (1, String::from("abcd")));
    assert_eq!(home.work(), 0);
}

/// A whole of many parts, all of which are there already.
const PARTS: usize = 2100;

#[test]
fn others_have_their_turn_between_parts() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (stream, mut peer) = half_pair(&context);
    peer.write_all(&[&[0], &pattern(PARTS)[..]].concat())
        .unwrap();
    // Then all of it has come.
    assert_eq!(stream.read_some(&mut [0; 1]).blocking().unwrap(), 1);
    let inner = log.clone();
    async_read_exact(
        &stream,
        vec![[0_u8]; PARTS],
        move |result: io::Result<()>, buffer: Vec<[u8; 1]>| {
            result.unwrap();
            assert_eq!(buffer.concat(), pattern(PARTS));
            inner.push("read");
        },
    );
    let inner = log.clone();
    context.post(Task::new(move || inner.push("other")));
    context.restart();
    // Each read takes 16 parts, and after 64 reads it is others' turn: the third time is
    // the last.
    assert_eq!(context.run(), 3);
    assert_eq!(log.take(), "other read");
}

#[test]
fn a_future_has_others_have_their_turn_too() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (stream, mut peer) = half_pair(&context);
    peer.write_all(&[&[0], &pattern(PARTS)[..]].concat())
        .unwrap();
    // Then all of it has come.
    assert_eq!(stream.read_some(&mut [0; 1]).blocking().unwrap(), 1);
    let inner = log.clone();
    let reading = async move {
        let (result, buffer) = read_exact(&stream, vec![[0_u8]; PARTS]).await;
        result.unwrap();
        assert_eq!(buffer.concat(), pattern(PARTS));
        inner.push("read");
    };
    spawn(&context, reading, Detached);
    let inner = log.clone();
    context.post(Task::new(move || inner.push("other")));
    context.restart();
    // Each read takes 16 parts, and 128 are awaited in one turn.
    context.run();
    assert_eq!(log.take(), "other read");
}

#[test]
fn all_steps_are_made_of_one_block() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (stream, mut peer) = half_pair(&context);
    let recorder = Recorder::new(&log);
    let probe = Probe::calling(&log, |(result, _): (io::Result<()>, [u8; 400])| {
        result.unwrap();
    });
    async_read_exact(&stream, [0; 400], Handler(probe.allocating(&recorder)));
    let write = thread::spawn(move || {
        for chunk in pattern(400).chunks(7) {
            peer.write_all(chunk).unwrap();
        }
        peer
    });
    context.run();
    // The operation, and what wakes it while it waits.
    let said = log.take();
    assert!(
        ["A0 D0 call", "A0 A1 D0 D1 call", "A0 A1 D1 D0 call"].contains(&&*said),
        "{said}"
    );
    recorder.assert_balanced();
    write.join().unwrap();
}

#[test]
fn a_request_from_another_thread() {
    for round in 0..50 {
        let context = IoContext::new().unwrap();
        let (stream, mut peer) = half_pair(&context);
        let signal = CancellationSignal::new();
        let (sender, receiver) = mpsc::channel();
        let token = move |transfer: Transfer, buffer: Vec<u8>| {
            sender.send((transfer, buffer)).unwrap();
        };
        let token = bind_cancellation_slot(signal.slot(), token);
        async_read(&stream, vec![0; 1 << 20], transfer_all(), token);
        let feeder = thread::spawn(move || {
            for _ in 0..=round {
                peer.write_all(&[1; 1000]).unwrap();
            }
            signal.emit(CancellationType::PARTIAL);
            peer
        });
        context.run();
        let (transfer, buffer) = receiver.recv().unwrap();
        assert!(is_cancelled(&transfer.result.unwrap_err()));
        assert!(buffer[..transfer.bytes].iter().all(|&byte| byte == 1));
        assert!(buffer[transfer.bytes..].iter().all(|&byte| byte == 0));
        // The rest of what was sent is there still.
        let mut peer = feeder.join().unwrap();
        peer.write_all(b"!").unwrap();
        drop(peer);
        let left = (round + 1) * 1000 - transfer.bytes;
        let mut rest = vec![0; left + 1];
        read_exact(&stream, &mut rest).blocking().unwrap();
        assert!(rest.ends_with(b"!"));
        assert_eq!(stream.read_some(&mut [0]).blocking().unwrap(), 0);
    }
}

/// Answers each line by its length and itself, until the end.
fn serve(stream: TcpStream, buffer: Vec<u8>, ended: Arc<AtomicUsize>) {
    let writer = stream.clone();
    let on = Strand::new(stream_executor(&stream));
    let token = move |end: io::Result<usize>, mut buffer: Vec<u8>| {
        let Ok(end) = end else {
            assert_eq!(end.unwrap_err().kind(), ErrorKind::UnexpectedEof);
            ended.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let line: Vec<u8> = buffer.drain(..end).collect();
        let reader = writer.clone();
        let answer = (format!("{} ", line.len()), line);
        async_write_all(&writer, answer, move |result: io::Result<()>, _| {
            result.unwrap();
            serve(reader, buffer, ended);
        });
    };
    async_read_until(&stream, buffer, b'\n', bind_executor(on, token));
}

fn stream_executor(stream: &TcpStream) -> async_op::IoExecutor {
    async_op::IoObject::executor(stream)
}

fn accept(listener: TcpListener, left: usize, ended: Arc<AtomicUsize>) {
    if left == 0 {
        return;
    }
    let next = listener.clone();
    listener.accept().callback(move |result| {
        serve(result.unwrap().0, Vec::new(), Arc::clone(&ended));
        accept(next, left - 1, ended);
    });
}

#[test]
fn four_runners_serve_lines() {
    const CLIENTS: usize = 8;
    let context = IoContext::new().unwrap();
    let listener = listen(&context);
    let address = listener.local_addr().unwrap();
    let ended = Arc::new(AtomicUsize::new(0));
    accept(listener, CLIENTS, Arc::clone(&ended));
    thread::scope(|scope| {
        let clients = [(); CLIENTS].map(|()| {
            scope.spawn(move || {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                for n in 0..100 {
                    let line = "x".repeat(n * 13 % 700);
                    // In two, so that the delimiter comes by itself.
                    stream.write_all(line.as_bytes()).unwrap();
                    stream.write_all(b"\n").unwrap();
                    let mut answer = String::new();
                    lines.read_line(&mut answer).unwrap();
                    assert_eq!(answer, format!("{} {line}\n", line.len() + 1));
                }
            })
        });
        for _ in 0..4 {
            scope.spawn(|| context.run());
        }
        for client in clients {
            client.join().unwrap();
        }
    });
    assert_eq!(ended.load(Ordering::Relaxed), CLIENTS);
}

#[test]
fn a_relay_of_two_copies_with_four_runners() {
    let context = IoContext::new().unwrap();
    let work = WorkGuard::new(context.executor());
    let (bytes, back) = (pattern(3 << 20), pattern((2 << 20) + 1));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| context.run());
        }
        let (left, mut client) = half_local_pair(&context);
        let (right, mut server) = half_local_pair(&context);
        // Each passes the end on when its own direction is over.
        for (from, to) in [(&left, &right), (&right, &left)] {
            let end = to.clone();
            async_copy(from, to, move |transfer: Transfer| {
                transfer.into_result().unwrap();
                end.shutdown(Shutdown::Write).unwrap();
            });
        }
        drop((left, right));
        let (mut sender, mut receiver) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        scope.spawn({
            let bytes = &bytes;
            move || {
                sender.write_all(bytes).unwrap();
                sender.shutdown(Shutdown::Write).unwrap();
            }
        });
        let got = scope.spawn(move || {
            let mut got = Vec::new();
            receiver.read_to_end(&mut got).unwrap();
            got
        });
        // The other way goes on after the end of this one.
        assert!(got.join().unwrap() == bytes);
        scope.spawn({
            let back = &back;
            move || server.write_all(back).unwrap()
        });
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        assert!(got == back);
        drop(work);
    });
}

#[test]
fn a_copy_whose_sink_goes_away() {
    let context = IoContext::new().unwrap();
    let (from, mut source) = half_pair(&context);
    let (to, sink) = half_pair(&context);
    let feeder = thread::spawn(move || {
        // Until it is not wanted any more.
        while source.write_all(&[1; 1 << 16]).is_ok() {}
    });
    let mut copying = Polled::new(copy(&from, &to));
    assert!(copying.poll().is_pending());
    until_woken(&context, &copying);
    assert!(copying.poll().is_pending());
    drop(sink);
    let transfer = polled_until_ready(&context, &mut copying);
    let kind = transfer.result.unwrap_err().kind();
    assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&kind));
    assert!(transfer.bytes > 0);
    drop((copying, from));
    feeder.join().unwrap();
}

#[test]
fn readers_and_writers_at_the_same_time() {
    let context = IoContext::new().unwrap();
    let (a, b) = pair(&context);
    let bytes = pattern(1 << 20);
    let one_way = async |from: &TcpStream, to: &TcpStream| {
        let mut got = vec![0; bytes.len()];
        let (written, read) = both(write_all(from, &bytes), read_exact(to, &mut got)).await;
        written.unwrap();
        read.unwrap();
        assert!(got == bytes);
    };
    let work = WorkGuard::new(context.executor());
    thread::scope(|scope| {
        scope.spawn(|| context.run());
        pollster::block_on(both(Box::pin(one_way(&a, &b)), Box::pin(one_way(&b, &a))));
        drop(work);
    });
}

#[test]
fn exactly_so_many_bytes_leave_the_rest_to_the_next() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    peer.write_all(b"headerbody and more\n").unwrap();
    let mut buffer = vec![0; 64];
    let header = read(&stream, &mut buffer, transfer_exactly(6)).blocking();
    assert_eq!(header.into_result().unwrap(), 6);
    assert_eq!(&buffer[..7], b"header\0");
    let mut rest = Vec::new();
    let end = read_until(&stream, &mut rest, b'\n').blocking().unwrap();
    assert_eq!(&rest[..end], b"body and more\n");
}

#[cfg(unix)]
#[test]
fn waiting_for_a_connection_does_not_accept_it() {
    let context = IoContext::new().unwrap();
    let listener = listen(&context);
    let address = listener.local_addr().unwrap();
    let mut wait = Polled::new(listener.wait(Readiness::Read));
    assert!(wait.poll().is_pending());
    let _client = std::net::TcpStream::connect(address).unwrap();
    until_woken(&context, &wait);
    wait.ready().unwrap();
    listener.wait(Readiness::Read).blocking().unwrap();
    drop(wait);
    // It stays with the socket when that changes hands.
    let socket = listener.into_std().unwrap();
    let other = IoContext::new().unwrap();
    let listener = TcpListener::from_std(&other, socket).unwrap();
    listener.wait(Readiness::Read).blocking().unwrap();
    listener.accept().blocking().unwrap();
    let mut wait = Polled::new(listener.wait(Readiness::Read));
    assert!(wait.poll().is_pending());
    let listener = listener.into_mio().unwrap_err();
    drop(other);
    assert_eq!(wait.ready().unwrap_err().kind(), ErrorKind::Other);
    drop(wait);
    let third = IoContext::new().unwrap();
    TcpListener::from_mio(&third, listener.into_mio().unwrap()).unwrap();
}

#[test]
fn a_handler_gets_its_turn_after_each_operation() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (a, b) = pair(&context);
    write_all(&a, "abc").blocking().unwrap();
    let inner = log.clone();
    let other = b.clone();
    async_read_exact(&b, [0; 1], move |_: io::Result<()>, _: [u8; 1]| {
        let last = inner.clone();
        async_read_exact(&other, [0; 2], move |_: io::Result<()>, _: [u8; 2]| {
            last.push("second")
        });
        inner.push("first");
    });
    let inner = log.clone();
    context.post(Task::new(move || inner.push("posted")));
    context.restart();
    context.run();
    assert_eq!(log.take(), "posted first second");
}
