//! Pipes, child processes, terminals, and whatever else has a descriptor.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Command, Stdio};

use async_op::IoContext;
use async_op::io::{copy, read, read_exact, read_until, transfer_all, write_all};
use async_op::net::{Descriptor, ReadablePipe, Readiness, WritablePipe, connect_pipe};
use async_op_tests::Polled;
use async_op_tests::net::{both, drive, pattern, until_woken};
use socket2::{Domain, Socket, Type};

fn flags(fd: &impl AsRawFd) -> i32 {
    // SAFETY: the descriptor is open, and the call takes no pointer.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) }
}

#[test]
fn what_has_no_events_is_refused() {
    let context = IoContext::new().unwrap();
    let path = std::env::temp_dir().join(format!("async-op-file-{}", std::process::id()));
    let file = File::create(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    for file in [
        file,
        File::open("/").unwrap(),
        File::open("/dev/null").unwrap(),
    ] {
        let error = Descriptor::new(&context, file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
    // The context has forgotten them.
    let (reader, writer) = connect_pipe(&context).unwrap();
    write_all(&writer, "x").blocking().unwrap();
    assert_eq!(reader.read_some(&mut [0; 2]).blocking().unwrap(), 1);
    let file = File::open("/").unwrap();
    assert!(ReadablePipe::new(&context, file).is_err());
    assert_eq!(context.run(), 0);
}

#[test]
fn a_context_that_is_gone_takes_no_descriptors() {
    let context = IoContext::new().unwrap();
    let executor = context.executor();
    drop(context);
    assert_eq!(
        connect_pipe(&executor).unwrap_err().kind(),
        ErrorKind::Other
    );
    let (reader, mut writer) = std::io::pipe().unwrap();
    let error = Descriptor::new(&executor, reader).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    // It was closed.
    assert_eq!(
        writer.write(b"x").unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
}

#[test]
fn a_direction_that_a_descriptor_does_not_have() {
    let context = IoContext::new().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let reader = Descriptor::new(&context, reader).unwrap();
    let writer = Descriptor::new(&context, writer).unwrap();
    for _ in 0..2 {
        let error = reader.write_some("x").blocking().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        let error = writer.read_some(&mut [0]).blocking().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    }
    assert!(Polled::new(reader.read_some([0])).poll().is_pending());
    assert_eq!(writer.write_some("x").blocking().unwrap(), 1);
    assert_eq!(reader.read_some(&mut [0]).blocking().unwrap(), 1);
}

#[test]
fn conversions_keep_the_descriptor_open_and_non_blocking() {
    let context = IoContext::new().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    assert_eq!(flags(&reader) & libc::O_NONBLOCK, 0);
    let fd = reader.as_raw_fd();
    let reader = ReadablePipe::new(&context, reader).unwrap();
    assert_eq!(reader.as_raw_fd(), fd);
    assert_ne!(flags(&reader) & libc::O_NONBLOCK, 0);
    let reader = reader.into_fd().unwrap();
    assert_eq!(reader.as_raw_fd(), fd);
    assert_ne!(flags(&reader) & libc::O_NONBLOCK, 0);
    writer.write_all(b"x").unwrap();
    let reader = Descriptor::new(&context, reader).unwrap();
    assert_eq!(reader.read_some(&mut [0; 2]).blocking().unwrap(), 1);
    // What has been taken out has no events here any more.
    let _reader = reader.into_fd().unwrap();
    writer.write_all(b"x").unwrap();
    assert_eq!(context.run(), 0);
}

#[test]
fn an_event_counter() {
    let context = IoContext::new().unwrap();
    // SAFETY: the call takes no pointer.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    assert!(fd >= 0);
    // SAFETY: it is open, and nobody else's.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let counter = Descriptor::new(&context, fd).unwrap();
    let mut wait = Polled::new(counter.wait(Readiness::Read));
    assert!(wait.poll().is_pending());
    for n in 1_u64..=3 {
        let (result, _) = counter.write_some(n.to_ne_bytes()).blocking();
        assert_eq!(result.unwrap(), 8);
    }
    until_woken(&context, &wait);
    wait.ready().unwrap();
    let (result, sum) = counter.read_some([0; 8]).blocking();
    assert_eq!((result.unwrap(), u64::from_ne_bytes(sum)), (8, 6));
    // At zero again. It is the system that says so, after one attempt.
    let mut read = Polled::new(counter.read_some([0; 8]));
    let mut wait = Polled::new(counter.wait(Readiness::Read));
    assert!(read.poll().is_pending() && wait.poll().is_pending());
    counter.write_some(&7_u64.to_ne_bytes()).blocking().unwrap();
    until_woken(&context, &read);
    assert_eq!(read.ready().1, 7_u64.to_ne_bytes());
    // Woken, but too late.
    assert_eq!(wait.wakes(), 1);
    assert!(wait.poll().is_pending());
    // Too small a buffer is the system's error.
    counter.write_some(&7_u64.to_ne_bytes()).blocking().unwrap();
    let error = counter.read_some(&mut [0; 4]).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

/// A terminal: the end of the emulator, and that of the program.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut master, mut slave) = (-1, -1);
    let (name, termios, size) = (std::ptr::null_mut(), std::ptr::null(), std::ptr::null());
    // SAFETY: two places for descriptors; the rest may be null.
    let opened = unsafe { libc::openpty(&mut master, &mut slave, name, termios, size) };
    assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: it is open, and nobody else's.
    let master = unsafe { OwnedFd::from_raw_fd(master) };
    // SAFETY: as above.
    let slave = unsafe { OwnedFd::from_raw_fd(slave) };
    (master, slave)
}

#[test]
fn a_terminal_hands_out_lines() {
    let context = IoContext::new().unwrap();
    let (master, slave) = terminal();
    let master = Descriptor::new(&context, master).unwrap();
    let slave = Descriptor::new(&context, slave).unwrap();
    let mut first = Polled::new(slave.read_some([0; 64]));
    assert!(first.poll().is_pending());
    // All three before the first read, so that one event tells of them.
    write_all(&master, "one\ntwo\nthr").blocking().unwrap();
    until_woken(&context, &first);
    let (result, line) = first.ready();
    assert_eq!(&line[..result.unwrap()], b"one\n");
    let mut buffer = [0; 64];
    assert_eq!(slave.read_some(&mut buffer).blocking().unwrap(), 4);
    assert_eq!(&buffer[..4], b"two\n");
    // Not a line yet.
    let mut third = Polled::new(slave.read_some([0; 64]));
    let mut wait = Polled::new(slave.wait(Readiness::Read));
    assert!(third.poll().is_pending() && wait.poll().is_pending());
    write_all(&master, "ee\n").blocking().unwrap();
    until_woken(&context, &third);
    wait.ready().unwrap();
    let (result, line) = third.ready();
    assert_eq!(&line[..result.unwrap()], b"three\n");

    // The echo, then what the program writes.
    write_all(&slave, "bye\n").blocking().unwrap();
    let echo = b"one\r\ntwo\r\nthree\r\nbye\r\n";
    let mut buffer = [0; 22];
    read_exact(&master, &mut buffer).blocking().unwrap();
    assert_eq!(&buffer, echo);
    let mut last = Polled::new(master.read_some([0; 4]));
    assert!(last.poll().is_pending());
    drop((slave, wait, third, first));
    until_woken(&context, &last);
    let (result, _) = last.ready();
    assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EIO));
}

#[test]
fn a_socket_of_packets() {
    let context = IoContext::new().unwrap();
    let (a, b) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    let a = Descriptor::new(&context, a).unwrap();
    let b = Descriptor::new(&context, b).unwrap();
    let mut first = Polled::new(b.read_some([0; 64]));
    assert!(first.poll().is_pending());
    for packet in ["a", "bb", "ccc"] {
        assert_eq!(a.write_some(packet).blocking().unwrap(), packet.len());
    }
    until_woken(&context, &first);
    assert_eq!(first.ready().0.unwrap(), 1);
    // A short read says nothing of the next packet.
    assert_eq!(b.read_some(&mut [0; 64]).blocking().unwrap(), 2);
    let (result, parts) = b.read_some(([0; 2], [0; 64])).blocking();
    assert_eq!((result.unwrap(), parts.0, parts.1[0]), (3, *b"cc", b'c'));
}

#[test]
fn a_child_process() {
    let context = IoContext::new().unwrap();
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let writer = WritablePipe::new(&context, child.stdin.take().unwrap()).unwrap();
    let reader = ReadablePipe::new(&context, child.stdout.take().unwrap()).unwrap();
    let bytes = pattern(3 << 20);
    let mut got = vec![0; bytes.len()];
    let (written, read) = drive(
        &context,
        both(write_all(&writer, &bytes), read_exact(&reader, &mut got)),
    );
    written.unwrap();
    read.unwrap();
    assert!(got == bytes);
    let mut end = Polled::new(reader.read_some([0; 4]));
    assert!(end.poll().is_pending());
    drop(writer);
    until_woken(&context, &end);
    assert_eq!(end.ready().0.unwrap(), 0);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_child_process_that_is_killed() {
    let context = IoContext::new().unwrap();
    let mut child = Command::new("sleep")
        .arg("1000")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let writer = WritablePipe::new(&context, child.stdin.take().unwrap()).unwrap();
    let reader = ReadablePipe::new(&context, child.stdout.take().unwrap()).unwrap();
    let bytes = vec![0; 1 << 20];
    let mut write = Polled::new(write_all(&writer, &bytes));
    let mut line = Polled::new(read_until(&reader, Vec::new(), b'\n'));
    assert!(write.poll().is_pending() && line.poll().is_pending());
    child.kill().unwrap();
    child.wait().unwrap();
    until_woken(&context, &write);
    assert_eq!(write.ready().unwrap_err().kind(), ErrorKind::BrokenPipe);
    until_woken(&context, &line);
    let (result, buffer) = line.ready();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(buffer, b"");
}

#[test]
fn from_one_child_to_the_next() {
    let context = IoContext::new().unwrap();
    let spawn = |name: &str, arguments: &[&str]| {
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut first = spawn("seq", &["100000"]);
    let mut second = spawn("tail", &["-n", "2"]);
    let from = ReadablePipe::new(&context, first.stdout.take().unwrap()).unwrap();
    let to = WritablePipe::new(&context, second.stdin.take().unwrap()).unwrap();
    let copied = copy(&from, &to).blocking().into_result().unwrap();
    assert_eq!(
        copied,
        (1..=100_000).map(|n: u32| n.to_string().len() + 1).sum()
    );
    drop(to);
    let last = ReadablePipe::new(&context, second.stdout.take().unwrap()).unwrap();
    let mut buffer = [0; 64];
    let transfer = read(&last, &mut buffer, transfer_all()).blocking();
    assert_eq!(
        transfer.result.unwrap_err().kind(),
        ErrorKind::UnexpectedEof
    );
    assert_eq!(&buffer[..transfer.bytes], b"99999\n100000\n");
    assert!(first.wait().unwrap().success() && second.wait().unwrap().success());
}

#[test]
fn a_duplicate_in_another_process_keeps_a_pipe_open() {
    let context = IoContext::new().unwrap();
    let (reader, writer) = connect_pipe(&context).unwrap();
    let duplicate = std::os::fd::AsFd::as_fd(&writer)
        .try_clone_to_owned()
        .unwrap();
    drop(writer);
    let mut read = Polled::new(reader.read_some([0; 4]));
    assert!(read.poll().is_pending());
    context.poll();
    assert_eq!(read.wakes(), 0);
    // What is done with it has no events here: its registration went with the
    // handle.
    let writer = WritablePipe::new(&context, duplicate).unwrap();
    write_all(&writer, "ab").blocking().unwrap();
    until_woken(&context, &read);
    assert_eq!(read.ready().0.unwrap(), 2);
}
