//! How many system calls a round trip takes.

#![cfg(target_os = "linux")]

use async_op::IoContext;
use async_op::io::{BufferExt, read_exact, write_all};
use async_op::net::{Descriptor, Readiness, TcpStream, UdpSocket, UnixStream, connect_pipe};
use async_op_tests::net::{drive, pair};
use async_op_tests::system_calls_per_round;

/// Sends 64 bytes to and fro `rounds` times, both ends on one context.
fn ping_pong(rounds: usize) {
    fn serve(stream: TcpStream) {
        let writer = stream.clone();
        // Room for more, so that the read is a short one.
        stream.read_some([0; 65]).callback(move |result, _| {
            if result.unwrap() == 0 {
                return;
            }
            let reader = writer.clone();
            writer.write_some([0; 64]).callback(move |result, _| {
                assert_eq!(result.unwrap(), 64);
                serve(reader);
            });
        });
    }

    fn call(stream: TcpStream, rounds: usize) {
        if rounds == 0 {
            return;
        }
        let reader = stream.clone();
        stream.write_some([0; 64]).callback(move |result, _| {
            assert_eq!(result.unwrap(), 64);
            let next = reader.clone();
            reader.read_some([0; 65]).callback(move |result, _| {
                assert_eq!(result.unwrap(), 64);
                call(next, rounds - 1);
            });
        });
    }

    let context = IoContext::new().unwrap();
    let (client, server) = pair(&context);
    serve(server);
    call(client, rounds);
    context.run();
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "the sanitizer does not run under strace")]
fn six_system_calls_per_round_trip() {
    system_calls_per_round(
        "six_system_calls_per_round_trip",
        ping_pong,
        &[("sendto", 2), ("recvfrom", 2), ("epoll_wait", 2)],
    );
}

/// Defines a test: a block that is awaited once per round, and what it takes.
macro_rules! rounds {
    ($(
        $(#[doc = $doc:literal])*
        fn $name:ident($context:ident) -> $expected:expr, {
            $(let $objects:pat = $made:expr;)*
            $round:block
        }
    )*) => {$(
        $(#[doc = $doc])*
        #[test]
        #[cfg_attr(async_op_sanitize, ignore = "the sanitizer does not run under strace")]
        fn $name() {
            fn body(rounds: usize) {
                let $context = IoContext::new().unwrap();
                $(let $objects = $made;)*
                drive(&$context, async {
                    for _ in 0..rounds {
                        $round
                    }
                });
            }
            system_calls_per_round(stringify!($name), body, &$expected);
        }
    )*};
}

rounds! {
    fn sixteen_parts_at_once(context) -> [("sendmsg", 1), ("readv", 1)], {
        let (a, b) = pair(&context);
        {
            let (result, parts) = a.write_some([[1; 8]; 16]).await;
            assert_eq!(result.unwrap(), 128);
            assert_eq!(b.read_some(parts).await.0.unwrap(), 128);
        }
    }

    /// Sixteen in each.
    fn forty_parts_in_three_calls(context) -> [("sendmsg", 3), ("readv", 3)], {
        let (a, b) = pair(&context);
        {
            let (result, parts) = write_all(&a, [[1; 8]; 40]).await;
            result.unwrap();
            read_exact(&b, parts).await.0.unwrap();
        }
    }

    /// One part with content is written as if it were alone.
    fn parts_of_which_all_but_one_are_empty(context) -> [("sendto", 1), ("recvfrom", 1)], {
        let (a, b) = pair(&context);
        {
            let parts = ([[0; 0]; 20], [1; 8], [0; 9].range(9..));
            let (result, parts) = a.write_some(parts).await;
            assert_eq!(result.unwrap(), 8);
            assert_eq!(b.read_some(parts).await.0.unwrap(), 8);
        }
    }

    fn datagrams_of_parts_in_one_call(context) -> [("sendto", 1), ("recvfrom", 1)], {
        let (a, b) = [(); 2]
            .map(|()| UdpSocket::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap())
            .into();
        let to = b.local_addr().unwrap();
        {
            let (result, parts) = a.send_to([[1; 8]; 40], to).await;
            assert_eq!(result.unwrap(), 320);
            assert_eq!(b.receive_from(parts).await.0.unwrap().0, 320);
        }
    }

    fn nothing_for_nothing(context) -> [], {
        let (a, b) = pair(&context);
        {
            a.write_some([[0; 0]; 20]).await.0.unwrap();
            a.write_some("").await.unwrap();
            b.read_some(&mut []).await.unwrap();
            read_exact(&b, [0; 4].range(4..)).await.0.unwrap();
        }
    }

    /// The next read of a socket that was drained does not ask the system.
    fn a_short_read_of_tcp(context) -> [("sendto", 1), ("recvfrom", 1), ("epoll_wait", 1)], {
        let (a, b) = pair(&context);
        {
            a.write_some(&[1; 8]).await.unwrap();
            assert_eq!(b.read_some(&mut [0; 9]).await.unwrap(), 8);
        }
    }

    /// Nor does that of a Unix socket, which has been told that this was no stop.
    fn a_short_read_of_a_unix_socket(context) -> [("sendto", 1), ("recvmsg", 1), ("epoll_wait", 1)], {
        let (a, b) = UnixStream::pair(&context).unwrap();
        {
            a.write_some(&[1; 8]).await.unwrap();
            assert_eq!(b.read_some(&mut [0; 9]).await.unwrap(), 8);
        }
    }

    fn a_short_read_of_a_pipe(context) -> [("write", 1), ("read", 1)], {
        let (reader, writer) = connect_pipe(&context).unwrap();
        {
            writer.write_some(&[1; 8]).await.unwrap();
            assert_eq!(reader.read_some(&mut [0; 9]).await.unwrap(), 8);
        }
    }

    /// To wait is to ask the system; to read then is what it would be anyway.
    fn a_wait_and_a_read(context) -> [("write", 1), ("poll", 1), ("read", 1)], {
        let (reader, writer) = std::io::pipe().unwrap();
        let reader = Descriptor::new(&context, reader).unwrap();
        let writer = Descriptor::new(&context, writer).unwrap();
        {
            writer.write_some(&[1; 8]).await.unwrap();
            reader.wait(Readiness::Read).await.unwrap();
            assert_eq!(reader.read_some(&mut [0; 9]).await.unwrap(), 8);
        }
    }
}
