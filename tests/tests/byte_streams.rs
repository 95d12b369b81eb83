//! What holds for all streams of bytes: TCP, Unix sockets, pipes, descriptors.

#![cfg(unix)]

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::task::Poll;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::io::{
    async_read, async_write, copy, read_exact, read_until, transfer_all, write_all,
};
use async_op::net::{
    Descriptor, ReadablePipe, Readiness, TcpStream, UnixStream, WritablePipe, connect_pipe,
};
use async_op::{IoContext, UseFuture, bind_cancellation_slot, is_cancelled};
use async_op_tests::net::{both, drive, pair, pattern, until_woken};
use async_op_tests::{Log, Polled};

/// A handle that can be made what it was before.
trait Convert: Sized {
    fn there_and_back(self, context: &IoContext) -> Result<Self, Self>;
}

macro_rules! sockets {
    ($($ty:ident),*) => {$(
        impl Convert for $ty {
            fn there_and_back(self, context: &IoContext) -> Result<Self, Self> {
                let socket = self.into_mio()?;
                let handle = Self::from_mio(context, socket).unwrap();
                let socket = handle.into_std().unwrap();
                Ok(Self::from_std(context, socket).unwrap())
            }
        }
    )*};
}
sockets!(TcpStream, UnixStream);

macro_rules! descriptors {
    ($($ty:ident),*) => {$(
        impl Convert for $ty {
            fn there_and_back(self, context: &IoContext) -> Result<Self, Self> {
                let fd = self.into_fd()?;
                let fd = Descriptor::new(context, fd).unwrap().into_fd().unwrap();
                Ok(Self::new(context, fd).unwrap())
            }
        }
    )*};
}
descriptors!(Descriptor, ReadablePipe, WritablePipe);

fn descriptors(
    context: &IoContext,
    (a, b): (impl Into<OwnedFd>, impl Into<OwnedFd>),
) -> (Descriptor, Descriptor) {
    (
        Descriptor::new(context, a).unwrap(),
        Descriptor::new(context, b).unwrap(),
    )
}

/// Defines a test for each kind of stream: what is read from the first comes
/// from the second.
macro_rules! every_kind {
    ($(
        $(#[$attr:meta])*
        fn $name:ident($context:ident, $reader:ident, $writer:ident) $body:block
    )*) => {$(
        mod $name {
            use super::*;

            $(#[$attr])*
            #[test]
            fn tcp() {
                let $context = IoContext::new().unwrap();
                let ($reader, $writer) = pair(&$context);
                $body
            }

            $(#[$attr])*
            #[test]
            fn unix() {
                let $context = IoContext::new().unwrap();
                let ($reader, $writer) = UnixStream::pair(&$context).unwrap();
                $body
            }

            $(#[$attr])*
            #[test]
            fn pipe() {
                let $context = IoContext::new().unwrap();
                let ($reader, $writer) = connect_pipe(&$context).unwrap();
                $body
            }

            $(#[$attr])*
            #[test]
            fn descriptor_of_a_pipe() {
                let $context = IoContext::new().unwrap();
                let ($reader, $writer) = descriptors(&$context, io::pipe().unwrap());
                $body
            }

            $(#[$attr])*
            #[test]
            fn descriptor_of_a_socket() {
                let $context = IoContext::new().unwrap();
                let sockets = std::os::unix::net::UnixStream::pair().unwrap();
                let ($reader, $writer) = descriptors(&$context, sockets);
                $body
            }
        }
    )*};
}

fn word<T>(result: &io::Result<T>) -> String {
    match result {
        Ok(_) => "ok".into(),
        Err(error) if is_cancelled(error) => "cancelled".into(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// Writes until the system takes no more; returns how much that was.
macro_rules! fill {
    ($writer:expr) => {{
        let mut len = 0;
        loop {
            let mut write = Polled::new($writer.write_some(&[7; 1 << 14]));
            match write.poll() {
                Poll::Ready(n) => len += n.unwrap(),
                Poll::Pending => break len,
            }
        }
    }};
}

every_kind! {
    fn all_that_is_outstanding_is_cancelled(context, reader, writer) {
        let log = Log::new();
        let (handle, inner) = (reader.clone(), log.clone());
        for n in 0..2 {
            let inner = inner.clone();
            reader.read_some([0; 4]).callback(move |result, _| {
                inner.push(format!("{n} {}", is_cancelled(&result.unwrap_err())));
            });
        }
        handle.cancel();
        context.run();
        assert_eq!(log.take(), "0 true 1 true");
        // What is started later is another matter, and the handle is good.
        context.restart();
        let write = async { write_all(&writer, "abcd").await.unwrap() };
        let mut buffer = [0; 4];
        let read = read_exact(&reader, &mut buffer);
        let ((), read) = drive(&context, both(write, read));
        read.unwrap();
        assert_eq!(&buffer, b"abcd");
        // With nothing outstanding it does nothing.
        handle.cancel();
        writer.cancel();
    }
}

every_kind! {
    fn at_once_and_later(context, reader, writer) {
        let log = Log::new();
        let inner = log.clone();
        reader.async_read_some([0; 8], move |result: io::Result<usize>, buffer: [u8; 8]| {
            inner.push(format!("{:?}", &buffer[..result.unwrap()]));
        });
        assert_eq!((context.poll(), log.take()), (0, String::new()));
        let inner = log.clone();
        writer.async_write_some("ab", move |result: io::Result<usize>| {
            inner.push(format!("{}", result.unwrap()));
        });
        assert_eq!(log.take(), "");
        context.run();
        assert_eq!(log.take(), "2 [97, 98]");
        // Data is there: at once, but not from inside the initiating function.
        assert_eq!(writer.write_some("cd").blocking().unwrap(), 2);
        let inner = log.clone();
        reader.async_read_some([0; 1], move |result: io::Result<usize>, buffer: [u8; 1]| {
            inner.push(format!("{:?}", &buffer[..result.unwrap()]));
        });
        assert_eq!(log.take(), "");
        context.restart();
        context.run();
        assert_eq!(log.take(), "[99]");
    }

    fn cancelled_by_every_type_of_request(context, reader, writer) {
        let signal = CancellationSignal::new();
        fill!(writer);
        for kind in [
            CancellationType::TERMINAL,
            CancellationType::PARTIAL,
            CancellationType::TOTAL,
        ] {
            let log = Log::new();
            context.restart();
            // Before it starts: no effect.
            signal.emit(kind);
            let inner = log.clone();
            let token = bind_cancellation_slot(signal.slot(), move |result| {
                inner.push(word::<usize>(&result));
            });
            writer.async_write_some("x", token);
            assert_eq!((context.poll(), log.take()), (0, String::new()));
            signal.emit(kind);
            context.run();
            assert_eq!(log.take(), "cancelled");
            signal.emit(kind);
            context.restart();
            assert_eq!(context.run(), 0);
        }
        drop(reader);
    }

    fn a_cancelled_read_takes_nothing(context, reader, writer) {
        let signal = CancellationSignal::new();
        let token = bind_cancellation_slot(signal.slot(), UseFuture);
        let mut read = Polled::new(reader.async_read_some([9; 4], token));
        assert!(read.poll().is_pending());
        signal.emit(CancellationType::TOTAL);
        // The data comes too late.
        assert_eq!(writer.write_some("abcd").blocking().unwrap(), 4);
        let (result, buffer) = read.ready();
        assert!(is_cancelled(&result.unwrap_err()));
        assert_eq!(buffer, [9; 4]);
        // So does the request, the second time.
        let token = bind_cancellation_slot(signal.slot(), UseFuture);
        let mut read = Polled::new(reader.async_read_some([9; 2], token));
        assert!(read.poll().is_pending());
        until_woken(&context, &read);
        let (result, buffer) = read.ready();
        signal.emit(CancellationType::TOTAL);
        assert_eq!((result.unwrap(), buffer), (2, *b"ab"));
        assert_eq!(reader.read_some(&mut [0; 4]).blocking().unwrap(), 2);
    }

    fn a_dropped_read_takes_nothing(context, reader, writer) {
        let mut buffer = [9; 4];
        let mut read = Polled::new(reader.read_some(&mut buffer));
        assert!(read.poll().is_pending());
        assert_eq!(writer.write_some("abcd").blocking().unwrap(), 4);
        until_woken(&context, &read);
        assert_eq!(read.drop_future().counts(), (1, 0));
        assert_eq!(buffer, [9; 4]);
        assert_eq!(reader.read_some(&mut buffer).blocking().unwrap(), 4);
        assert_eq!(&buffer, b"abcd");
        let mut read = Polled::new(reader.read_some(&mut buffer));
        assert!(read.poll().is_pending());
        assert_eq!(read.drop_future().counts(), (0, 0));
    }

    fn nothing_to_transfer(context, reader, writer) {
        fill!(writer);
        let (result, buffer) = Polled::new(reader.read_some([0; 0])).ready();
        assert_eq!((result.unwrap(), buffer), (0, []));
        assert_eq!(Polled::new(writer.write_some("")).ready().unwrap(), 0);
        Polled::new(read_exact(&reader, &mut [])).ready().unwrap();
        Polled::new(write_all(&writer, "")).ready().unwrap();
        drop(context);
        // Even so.
        Polled::new(read_exact(&reader, &mut [])).ready().unwrap();
    }

    fn several_mebibytes(context, reader, writer) {
        let bytes = pattern((4 << 20) + 77);
        let mut got = vec![0; bytes.len()];
        let read = read_exact(&reader, &mut got);
        let write = write_all(&writer, &bytes);
        let (read, write) = drive(&context, both(read, write));
        read.unwrap();
        write.unwrap();
        assert!(got == bytes);
    }

    fn one_byte_at_a_time(context, reader, writer) {
        let bytes = pattern(300);
        let mut got = vec![0; bytes.len()];
        let read = read_exact(&reader, &mut got);
        let write = async {
            for byte in bytes.chunks(1) {
                write_all(&writer, byte).await.unwrap();
                smol::future::yield_now().await;
            }
        };
        let (read, ()) = drive(&context, both(read, write));
        read.unwrap();
        assert_eq!(got, bytes);
    }

    fn lines(context, reader, writer) {
        let text: Vec<String> = (0..200).map(|n| "x".repeat(n * 37 % 3000) + "\r\n").collect();
        let whole = text.concat();
        let write = async {
            for part in whole.as_bytes().chunks(1009) {
                write_all(&writer, part).await.unwrap();
            }
        };
        let read = async {
            let mut buffer = Vec::new();
            for line in &text {
                let end = read_until(&reader, &mut buffer, "\r\n").await.unwrap();
                assert_eq!(&buffer[..end], line.as_bytes());
                buffer.drain(..end);
            }
            assert_eq!(buffer, b"");
        };
        drive(&context, both(read, write));
    }

    fn the_end(context, reader, writer) {
        let mut read = Polled::new(reader.read_some([9; 4]));
        assert!(read.poll().is_pending());
        drop(writer);
        until_woken(&context, &read);
        let (result, buffer) = read.ready();
        assert_eq!((result.unwrap(), buffer), (0, [9; 4]));
        // It lasts.
        for _ in 0..3 {
            assert_eq!(reader.read_some(&mut [0; 4]).blocking().unwrap(), 0);
            assert_eq!(word(&read_exact(&reader, &mut [0]).blocking()), "UnexpectedEof");
        }
    }

    fn data_before_the_end(context, reader, writer) {
        write_all(&writer, "abc").blocking().unwrap();
        drop(writer);
        let (transfer, buffer) =
            async_read(&reader, vec![9; 5], transfer_all(), async_op::Blocking);
        assert_eq!((transfer.bytes, word(&transfer.result)), (3, "UnexpectedEof".into()));
        assert_eq!(buffer, b"abc\x09\x09");
        drop(context);
    }

    fn the_reader_goes_away(context, reader, writer) {
        let len = fill!(writer);
        assert!(len > 0);
        let log = Log::new();
        let inner = log.clone();
        async_write(&writer, vec![1; 4], transfer_all(), move |transfer, buffer| {
            let async_op::io::Transfer { bytes, result } = transfer;
            inner.push(format!("{bytes} {}", word(&result)));
            assert_eq!(buffer, [1; 4]);
        });
        assert_eq!(context.poll(), 0);
        drop(reader);
        context.run();
        let said = log.take();
        assert!(["0 BrokenPipe", "0 ConnectionReset"].contains(&&*said), "{said}");
        let error = writer.write_some("x").blocking().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }

    fn the_last_handle_is_dropped_in_flight(context, reader, writer) {
        let log = Log::new();
        let inner = log.clone();
        reader.async_read_some(vec![0; 4], move |result: io::Result<usize>, buffer: Vec<u8>| {
            inner.push(format!("{:?}", &buffer[..result.unwrap()]));
        });
        drop(reader);
        assert_eq!(context.poll(), 0);
        assert_eq!(writer.write_some("ab").blocking().unwrap(), 2);
        context.run();
        assert_eq!(log.take(), "[97, 98]");
        // And closed after it.
        let mut error = writer.write_some("x").blocking();
        while error.is_ok() {
            error = writer.write_some("x").blocking();
        }
        let kind = error.unwrap_err().kind();
        assert!([ErrorKind::BrokenPipe, ErrorKind::ConnectionReset].contains(&kind));
    }

    fn the_handler_has_the_only_handle(context, reader, writer) {
        let log = Log::new();
        let (inner, own) = (log.clone(), reader.clone());
        let executor = context.executor();
        let other = IoContext::new().unwrap();
        reader.read_some([0; 2]).callback(move |result, _| {
            assert_eq!(result.unwrap(), 2);
            assert!(own.there_and_back(&other).is_ok());
            inner.push("converted");
        });
        drop(reader);
        write_all(&writer, "ab").blocking().unwrap();
        assert_eq!(executor, context.executor());
        context.run();
        assert_eq!(log.take(), "converted");
    }

    fn conversions_there_and_back(context, reader, writer) {
        write_all(&writer, "abcdef").blocking().unwrap();
        let mut reader = reader.there_and_back(&context).unwrap();
        assert_eq!(reader.read_some(&mut [0; 2]).blocking().unwrap(), 2);
        // Refused, with the handle, while there is another one,
        let clone = reader.clone();
        reader = reader.there_and_back(&context).unwrap_err();
        drop(clone);
        reader = reader.there_and_back(&context).unwrap();
        assert_eq!(reader.read_some(&mut [0; 4]).blocking().unwrap(), 4);
        // or an operation.
        reader.async_read_some([0; 1], async_op::Detached);
        assert_eq!(context.poll(), 0);
        reader = reader.there_and_back(&context).unwrap_err();
        write_all(&writer, "g").blocking().unwrap();
        context.run();
        context.restart();
        // To another context, and the waits for events with it.
        let other = IoContext::new().unwrap();
        let reader = reader.there_and_back(&other).unwrap();
        let mut read = Polled::new(reader.read_some([0; 1]));
        assert!(read.poll().is_pending());
        write_all(&writer, "h").blocking().unwrap();
        drop(context);
        assert_eq!(read.wakes(), 0);
        until_woken(&other, &read);
        let (result, buffer) = read.ready();
        assert_eq!((result.unwrap(), buffer), (1, *b"h"));
    }

    fn the_context_is_dropped(context, reader, writer) {
        fill!(writer);
        let mut write = Polled::new(writer.write_some(vec![1; 4]));
        let mut wait = Polled::new(writer.wait(Readiness::Write));
        assert!(write.poll().is_pending() && wait.poll().is_pending());
        let log = Log::new();
        let (own, inner) = (writer.clone(), async_op_tests::Alive::new(&log, "dropped"));
        writer.async_write_some("x", move |_: io::Result<usize>| drop((own, inner)));
        drop(context);
        assert_eq!(log.take(), "dropped");
        assert_eq!((write.wakes(), wait.wakes()), (1, 1));
        let (result, buffer) = write.ready();
        assert_eq!((word(&result), buffer), ("Other".into(), vec![1; 4]));
        assert_eq!(word(&wait.ready()), "Other");
        assert_eq!(word(&read_exact(&reader, &mut [0; 2]).blocking()), "Other");
        // Back out of the wreck.
        drop((write, wait));
        let other = IoContext::new().unwrap();
        let reader = reader.there_and_back(&other).unwrap();
        assert_eq!(reader.read_some(&mut [0; 2]).blocking().unwrap(), 2);
    }

    fn a_cancelled_write_says_how_far_it_got(context, reader, writer) {
        let signal = CancellationSignal::new();
        let bytes = pattern(8 << 20);
        let token = bind_cancellation_slot(signal.slot(), UseFuture);
        let mut write = Polled::new(async_write(&writer, &bytes, transfer_all(), token));
        assert!(write.poll().is_pending());
        signal.emit(CancellationType::PARTIAL);
        let transfer = write.ready();
        assert!(transfer.bytes > 0 && transfer.bytes < bytes.len());
        assert!(is_cancelled(&transfer.result.unwrap_err()));
        let mut got = vec![0; transfer.bytes];
        read_exact(&reader, &mut got).blocking().unwrap();
        assert!(got == bytes[..transfer.bytes]);
        // Not a byte more.
        assert!(Polled::new(reader.read_some([0; 1])).poll().is_pending());
        assert_eq!(context.poll(), 0);
    }

    fn readiness_to_read(context, reader, writer) {
        let wait = || Polled::new(reader.wait(Readiness::Read));
        let mut waits = [wait(), wait(), wait()];
        assert!(waits.iter_mut().all(|wait| wait.poll().is_pending()));
        write_all(&writer, "ab").blocking().unwrap();
        until_woken(&context, &waits[0]);
        // All of them, and others as often as one likes: nothing is consumed.
        for mut wait in waits {
            assert_eq!(wait.wakes(), 1);
            wait.ready().unwrap();
            reader.wait(Readiness::Read).blocking().unwrap();
        }
        let mut byte = [0];
        assert_eq!(reader.read_some(&mut byte).blocking().unwrap(), 1);
        reader.wait(Readiness::Read).blocking().unwrap();
        // Drained, and not by the operations of this handle.
        let mut rest = [0; 8];
        assert_eq!(read_past_it(&reader, &mut rest), 1);
        for _ in 0..2 {
            let mut wait = wait();
            assert!(wait.poll().is_pending());
            context.poll();
            assert!(wait.poll().is_pending());
        }
        // Drained by them.
        write_all(&writer, "cd").blocking().unwrap();
        assert_eq!(reader.read_some(&mut rest).blocking().unwrap(), 2);
        let mut wait = wait();
        assert!(wait.poll().is_pending());
        write_all(&writer, "e").blocking().unwrap();
        until_woken(&context, &wait);
        wait.ready().unwrap();
        assert_eq!(reader.read_some(&mut rest).blocking().unwrap(), 1);
        drop(writer);
        // The end is something to read.
        reader.wait(Readiness::Read).blocking().unwrap();
        assert_eq!(reader.read_some(&mut rest).blocking().unwrap(), 0);
        reader.wait(Readiness::Read).blocking().unwrap();
    }

    fn readiness_to_write(context, reader, writer) {
        for _ in 0..3 {
            writer.wait(Readiness::Write).blocking().unwrap();
        }
        let len = fill!(writer);
        let mut wait = Polled::new(writer.wait(Readiness::Write));
        assert!(wait.poll().is_pending());
        context.poll();
        assert!(wait.poll().is_pending());
        let mut got = vec![0; len];
        read_exact(&reader, &mut got).blocking().unwrap();
        until_woken(&context, &wait);
        wait.ready().unwrap();
        let len = fill!(writer);
        let mut wait = Polled::new(writer.wait(Readiness::Write));
        assert!(len > 0 && wait.poll().is_pending());
        drop(reader);
        // That it fails need not be waited for.
        until_woken(&context, &wait);
        wait.ready().unwrap();
        writer.write_some("x").blocking().unwrap_err();
        drop(got);
    }

    fn a_wait_is_cancelled_and_dropped(context, reader, writer) {
        let signal = CancellationSignal::new();
        for kind in [CancellationType::TERMINAL, CancellationType::TOTAL] {
            let token = bind_cancellation_slot(signal.slot(), UseFuture);
            let mut wait = Polled::new(reader.async_wait(Readiness::Read, token));
            assert!(wait.poll().is_pending());
            signal.emit(kind);
            assert!(is_cancelled(&wait.ready().unwrap_err()));
        }
        let mut wait = Polled::new(reader.wait(Readiness::Read));
        assert!(wait.poll().is_pending());
        assert_eq!(wait.wakers(), 1);
        assert_eq!(wait.drop_future().counts(), (0, 0));
        write_all(&writer, "x").blocking().unwrap();
        context.poll();
    }

    fn writes_that_find_little_room(context, reader, writer) {
        // Made bit by bit: the write goes on by itself.
        let len = fill!(writer);
        let bytes = pattern(100_000);
        let mut got = vec![0; len + bytes.len()];
        let read = async {
            for part in got.chunks_mut(1000) {
                read_exact(&reader, part).await.unwrap();
            }
        };
        let ((), written) = drive(&context, both(read, write_all(&writer, &bytes)));
        written.unwrap();
        assert!(got[len..] == bytes);
    }

    fn a_copy_with_half_close(context, reader, writer) {
        let (from, to) = UnixStream::pair(&context).unwrap();
        let bytes = pattern(300_000);
        let feed = async {
            write_all(&to, &bytes).await.unwrap();
            to.shutdown(std::net::Shutdown::Write).unwrap();
        };
        let pass = async {
            let n = copy(&from, &writer).await.into_result().unwrap();
            // It is open still: the end is not copied.
            write_all(&writer, "!").await.unwrap();
            write_all(&from, "done").await.unwrap();
            n
        };
        let drain = async {
            let mut got = vec![0; bytes.len() + 1];
            read_exact(&reader, &mut got).await.unwrap();
            assert!(got[..bytes.len()] == bytes && got.ends_with(b"!"));
        };
        let (((), n), ()) = drive(&context, both(both(feed, pass), drain));
        assert_eq!(n, bytes.len());
        let mut answer = [0; 4];
        read_exact(&to, &mut answer).blocking().unwrap();
        assert_eq!(&answer, b"done");
    }
}

/// Reads by a system call of its own.
fn read_past_it(fd: &impl std::os::fd::AsRawFd, buffer: &mut [u8]) -> usize {
    // SAFETY: the descriptor is open, and the buffer is alive and of that length.
    let n = unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(n).unwrap()
}
