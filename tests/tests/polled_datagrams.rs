//! UDP sockets for those who do not wait, and for those who poll: libraries of others, which
//! have a socket in common with all of their tasks.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_op::IoContext;
use async_op::io::PollIo;
use async_op::net::UdpSocket;
use async_op_tests::net::Wakes;
use async_op_tests::{CountingHeap, heap_allocations_here};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

fn udp(context: &IoContext) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(context, ([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn poll_receive(io: &PollIo<UdpSocket>, waker: &Waker) -> Poll<io::Result<usize>> {
    io.poll_receive(&mut Context::from_waker(waker), &mut [0; 16])
}

#[track_caller]
fn ready<T>(polled: Poll<io::Result<T>>) -> T {
    match polled {
        Poll::Ready(result) => result.unwrap(),
        Poll::Pending => panic!("pending"),
    }
}

/// Polls the context until an event has come, which may not be at once: between two
/// looks it has no work, and stops.
fn until(context: &IoContext, condition: impl Fn() -> bool) {
    while !condition() {
        context.restart();
        context.poll_one();
    }
}

fn would_block<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn at_once_or_not_at_all() {
    let context = IoContext::new().unwrap();
    let ((a, to_a), (b, to_b)) = (udp(&context), udp(&context));
    let mut buffer = [0; 16];
    assert!(would_block(a.try_receive(&mut buffer)));
    assert!(would_block(a.try_receive_from(&mut buffer)));
    assert_eq!(b.try_send_to(b"hello", to_a).unwrap(), 5);
    assert_eq!(a.try_receive_from(&mut buffer).unwrap(), (5, to_b));
    assert!(would_block(a.try_receive(&mut buffer)));
    b.try_send(b"to nobody").unwrap_err();
    b.connect(to_a).unwrap();
    assert_eq!(b.try_send(b"hi").unwrap(), 2);
    assert_eq!(a.try_receive(&mut buffer).unwrap(), 2);
    let mut calls = 0;
    let result = a.try_receive_with(|socket| {
        assert_eq!(socket.local_addr().unwrap(), to_a);
        calls += 1;
        match calls {
            1 => Err(ErrorKind::Interrupted.into()),
            _ => Ok(calls),
        }
    });
    assert_eq!(result.unwrap(), 2);
    let result: io::Result<()> = b.try_send_with(|_| Err(ErrorKind::HostUnreachable.into()));
    assert_eq!(result.unwrap_err().kind(), ErrorKind::HostUnreachable);
    drop(context);
    for error in [
        a.try_receive(&mut buffer).unwrap_err(),
        a.try_send_to(b"late", to_b).unwrap_err(),
        a.try_send_with(|_| Ok(())).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Other);
    }
}

#[test]
#[cfg(unix)]
fn at_once_over_unix() {
    use async_op::net::UnixDatagram;

    let context = IoContext::new().unwrap();
    let (a, b) = UnixDatagram::pair(&context).unwrap();
    let mut buffer = [0; 16];
    assert!(would_block(a.try_receive(&mut buffer)));
    assert!(would_block(a.try_receive_from(&mut buffer).map(drop)));
    assert_eq!(b.try_send(b"hello").unwrap(), 5);
    assert_eq!(a.try_receive(&mut buffer).unwrap(), 5);
    let mut sent = 0;
    while let Ok(n) = b.try_send(b"more") {
        assert_eq!(n, 4);
        sent += 1;
    }
    assert!(would_block(b.try_send(b"more")));
    for _ in 0..sent {
        assert_eq!(a.try_receive(&mut buffer).unwrap(), 4);
    }
    assert!(would_block(a.try_receive(&mut buffer)));
    assert_eq!(b.try_send(b"more").unwrap(), 4);
}

#[test]
fn a_poll_that_waits() {
    let context = IoContext::new().unwrap();
    let ((a, to_a), (b, to_b)) = (udp(&context), udp(&context));
    let a = a.into_poll_io();
    let wakes = Wakes::default();
    let waker = wakes.waker();
    for round in 1..4 {
        // Polled again before anything has come, it still waits once.
        for _ in 0..3 {
            assert!(poll_receive(&a, &waker).is_pending());
        }
        assert_eq!((wakes.count(), wakes.wakers()), (round - 1, 2));
        b.try_send_to(b"hello", to_a).unwrap();
        until(&context, || wakes.count() == round);
        assert_eq!(wakes.wakers(), 1);
        let mut buffer = [0; 16];
        let mut cx = Context::from_waker(&waker);
        let received = ready(a.poll_receive_from(&mut cx, &mut buffer));
        assert_eq!((&buffer[..5], received), (&b"hello"[..], (5, to_b)));
    }
    let cx = &mut Context::from_waker(&waker);
    assert_eq!(ready(a.poll_send_to(cx, b"back", to_b)), 4);
    assert_eq!(b.try_receive(&mut [0; 16]).unwrap(), 4);
    a.get_ref().connect(to_b).unwrap();
    assert_eq!(ready(a.poll_send(cx, b"back")), 4);
    let b = b.into_poll_io();
    // Of what has come nobody has been told yet.
    assert!(b.poll_peek_from(cx, &mut [0; 16]).is_pending());
    until(&context, || wakes.count() == 4);
    assert_eq!(ready(b.poll_peek_from(cx, &mut [0; 16])), (4, to_a));
    assert_eq!(ready(b.poll_receive(cx, &mut [0; 16])), 4);
}

#[test]
fn of_several_tasks_the_last_one_waits() {
    let context = IoContext::new().unwrap();
    let ((a, to_a), (b, _)) = (udp(&context), udp(&context));
    let a = Arc::new(a.into_poll_io());
    let (first, second) = (Wakes::default(), Wakes::default());
    assert!(poll_receive(&a, &first.waker()).is_pending());
    assert_eq!(first.wakers(), 1);
    assert!(poll_receive(&a, &second.waker()).is_pending());
    assert_eq!((first.wakers(), second.wakers()), (0, 1));
    b.try_send_to(b"hello", to_a).unwrap();
    until(&context, || second.count() == 1);
    assert_eq!((first.count(), second.wakers()), (0, 0));
    assert_eq!(ready(poll_receive(&a, &first.waker())), 5);
}

#[test]
fn while_it_is_polled_it_may_be_polled() {
    // By a call of somebody else's in the middle: the one that ends last stands.
    let context = IoContext::new().unwrap();
    let (a, _) = udp(&context);
    let a = a.into_poll_io();
    let (outer, inner) = (Wakes::default(), Wakes::default());
    let waker = outer.waker();
    let cx = &mut Context::from_waker(&waker);
    // Nothing is known to be there: the attempt is not made before an event.
    let (b, _) = udp(&context);
    b.try_send_to(b"x", a.get_ref().local_addr().unwrap())
        .unwrap();
    assert!(poll_receive(&a, &inner.waker()).is_pending());
    until(&context, || inner.count() == 1);
    let polled: Poll<io::Result<()>> = a.poll_receive_with(cx, |socket| {
        let _ = socket.try_receive(&mut [0; 8]);
        assert!(poll_receive(&a, &inner.waker()).is_pending());
        assert_eq!(inner.wakers(), 1);
        Err(ErrorKind::WouldBlock.into())
    });
    assert!(polled.is_pending());
    assert_eq!((outer.wakers(), inner.wakers()), (2, 0));
}

/// Who does not wait has nobody else forgotten, also where it has waited before.
#[test]
fn one_that_is_ready_leaves_the_one_that_waits() {
    for panics in [false, true] {
        let context = IoContext::new().unwrap();
        let ((a, to_a), (b, _)) = (udp(&context), udp(&context));
        let a = a.into_poll_io();
        let (outer, inner) = (Wakes::default(), Wakes::default());
        let waker = outer.waker();
        assert!(poll_receive(&a, &waker).is_pending());
        b.try_send_to(b"x", to_a).unwrap();
        until(&context, || outer.count() == 1);
        let mut cx = Context::from_waker(&waker);
        let poll = || {
            a.poll_receive_with(&mut cx, |socket| {
                socket.try_receive(&mut [0; 8]).unwrap();
                assert!(poll_receive(&a, &inner.waker()).is_pending());
                assert!(!panics, "on purpose");
                Ok(())
            })
        };
        assert_eq!(catch_unwind(AssertUnwindSafe(poll)).is_err(), panics);
        assert_eq!(inner.wakers(), 1);
        b.try_send_to(b"hello", to_a).unwrap();
        until(&context, || inner.count() == 1);
        assert_eq!(ready(poll_receive(&a, &inner.waker())), 5);
    }
}

#[test]
fn each_handle_waits_for_itself() {
    let context = IoContext::new().unwrap();
    let ((a, to_a), (b, _)) = (udp(&context), udp(&context));
    let handles = [a.clone(), a].map(UdpSocket::into_poll_io);
    let wakes = [Wakes::default(), Wakes::default()];
    for (handle, wakes) in handles.iter().zip(&wakes) {
        assert!(poll_receive(handle, &wakes.waker()).is_pending());
    }
    b.try_send_to(b"hello", to_a).unwrap();
    until(&context, || wakes.iter().all(|wakes| wakes.count() == 1));
    assert_eq!(ready(poll_receive(&handles[1], &wakes[1].waker())), 5);
    assert!(poll_receive(&handles[0], &wakes[0].waker()).is_pending());
}

#[test]
fn dropped_it_leaves_nothing() {
    let context = IoContext::new().unwrap();
    let (a, _) = udp(&context);
    let (handle, wakes) = (a.clone().into_poll_io(), Wakes::default());
    let waker = wakes.waker();
    assert!(poll_receive(&handle, &waker).is_pending());
    assert_eq!(wakes.wakers(), 2);
    drop(handle);
    assert_eq!((wakes.count(), wakes.wakers()), (0, 1));
    a.into_mio().unwrap();
}

#[test]
fn all_are_cancelled_or_the_context_goes() {
    let context = IoContext::new().unwrap();
    let (a, to_a) = udp(&context);
    let (handle, wakes) = (a.clone().into_poll_io(), Wakes::default());
    let waker = wakes.waker();
    let cx = &mut Context::from_waker(&waker);
    assert!(poll_receive(&handle, &waker).is_pending());
    // Polls are no operations: they look again, and wait.
    a.cancel();
    assert_eq!(wakes.count(), 1);
    assert!(poll_receive(&handle, &waker).is_pending());
    drop(context);
    assert_eq!((wakes.count(), wakes.wakers()), (2, 1));
    let is_gone = |polled: Poll<io::Result<()>>| match polled {
        Poll::Ready(result) => result.is_err_and(|error| error.kind() == ErrorKind::Other),
        Poll::Pending => false,
    };
    assert!(is_gone(poll_receive(&handle, &waker).map_ok(drop)));
    assert!(is_gone(handle.poll_receive_ready(cx)));
    assert!(is_gone(handle.poll_send_ready(cx)));
    let sent = handle.poll_send_to(cx, b"late", to_a);
    assert!(is_gone(sent.map_ok(drop)));
    assert!(is_gone(handle.poll_send_with(cx, |_| Ok(()))));
}

#[test]
fn ready_until_somebody_has_tried() {
    let context = IoContext::new().unwrap();
    let ((a, to_a), (b, _)) = (udp(&context), udp(&context));
    let (a, wakes) = (a.into_poll_io(), Wakes::default());
    let waker = wakes.waker();
    let cx = &mut Context::from_waker(&waker);
    assert!(a.poll_receive_ready(cx).is_pending());
    b.try_send_to(b"hello", to_a).unwrap();
    until(&context, || wakes.count() == 1);
    ready(a.poll_receive_ready(cx));
    ready(a.poll_receive_ready(cx));
    assert_eq!(a.get_ref().try_receive(&mut [0; 8]).unwrap(), 5);
    ready(a.poll_receive_ready(cx));
    assert!(would_block(a.get_ref().try_receive(&mut [0; 8])));
    assert!(a.poll_receive_ready(cx).is_pending());
}

#[test]
fn room_is_told_of_once_there_was_none() {
    let context = IoContext::new().unwrap();
    let (a, _) = udp(&context);
    let (a, wakes) = (a.into_poll_io(), Wakes::default());
    let waker = wakes.waker();
    let cx = &mut Context::from_waker(&waker);
    ready(a.poll_send_ready(cx));
    // As if there were none. The system is asked to tell, and there is.
    let full: io::Result<()> = a
        .get_ref()
        .try_send_with(|_| Err(ErrorKind::WouldBlock.into()));
    assert!(would_block(full));
    assert!(a.poll_send_ready(cx).is_pending());
    until(&context, || wakes.count() == 1);
    ready(a.poll_send_ready(cx));
    let mut calls = 0;
    let polled = a.poll_send_with(cx, |_| {
        calls += 1;
        match calls {
            1 => Err(ErrorKind::Interrupted.into()),
            _ => Ok(calls),
        }
    });
    assert_eq!(ready(polled), 2);
}

#[test]
fn an_attempt_that_panics_forgets_nobody() {
    let context = IoContext::new().unwrap();
    let ((a, to_a), (b, _)) = (udp(&context), udp(&context));
    let (a, wakes) = (a.into_poll_io(), Wakes::default());
    let waker = wakes.waker();
    let mut cx = Context::from_waker(&waker);
    assert!(poll_receive(&a, &waker).is_pending());
    b.try_send_to(b"hello", to_a).unwrap();
    until(&context, || wakes.count() == 1);
    let poll = || a.poll_receive_with(&mut cx, |_| -> io::Result<()> { panic!("foreign") });
    catch_unwind(AssertUnwindSafe(poll)).unwrap_err();
    assert_eq!(ready(poll_receive(&a, &waker)), 5);
    assert!(poll_receive(&a, &waker).is_pending());
    assert_eq!(wakes.wakers(), 2);
    drop(a);
    assert_eq!(wakes.wakers(), 1);
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn a_wait_takes_nothing_from_the_heap() {
    let context = IoContext::new().unwrap();
    let ((a, to_a), (b, _)) = (udp(&context), udp(&context));
    let (a, wakes) = (a.into_poll_io(), Wakes::default());
    let waker = wakes.waker();
    let mut before = 0;
    for round in 1..100 {
        if round == 10 {
            before = heap_allocations_here();
        }
        assert!(poll_receive(&a, &waker).is_pending());
        b.try_send_to(b"hello", to_a).unwrap();
        until(&context, || wakes.count() == round);
        assert_eq!(ready(poll_receive(&a, &waker)), 5);
    }
    assert_eq!(heap_allocations_here(), before);
}
