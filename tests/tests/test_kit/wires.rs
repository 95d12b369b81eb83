//! Two streams, and the faults between them.

use std::io::{self, ErrorKind};
use std::sync::mpsc;
use std::time::Duration;

use async_op::io::{Transport, read_exact, read_to_end, write_all};
use async_op::test::{TestContext, Wire, explore, pair};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn all_bytes_arrive_in_order_whatever_the_wire_does() {
    let text: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let mut times = std::collections::BTreeSet::new();
    explore(0..100, |context| {
        let wire = Wire::new().delay(SECOND..=9 * SECOND).split(50).room(100);
        let (a, b) = wire.connect(context);
        let mut results = Vec::new();
        for (from, to) in [(&a, &b), (&b, &a)] {
            let finished = from.clone();
            write_all(from, text.clone()).callback(move |result: io::Result<()>, _| {
                result.unwrap();
                finished.finish().detach_here();
            });
            let (sender, receiver) = mpsc::channel();
            read_to_end(to, Vec::new()).callback(move |result: io::Result<usize>, read| {
                sender.send((result, read)).unwrap();
            });
            results.push(receiver);
        }
        context.run();
        for receiver in results {
            let (result, read) = receiver.try_recv().unwrap();
            assert_eq!(result.unwrap(), 1000);
            assert!(read == text);
        }
        times.insert(context.elapsed());
    });
    // At least ten times the room.
    assert!(times.first().unwrap() >= &(10 * SECOND));
    assert!(times.len() > 90, "{}", times.len());
}

/// Polls what is ready at once.
trait DetachHere {
    fn detach_here(self);
}

impl<F: Future<Output = io::Result<()>>> DetachHere for F {
    fn detach_here(self) {
        pollster::block_on(self).unwrap();
    }
}

#[test]
fn writes_wait_for_room() {
    let context = TestContext::new();
    let (a, b) = Wire::new().room(4).connect(&context);
    write_all(&a, "hello").callback(|result: io::Result<()>| result.unwrap());
    context.run_until_stalled();
    assert!(context.is_stalled());
    let mut text = [0; 5];
    read_exact(&b, &mut text).blocking().unwrap();
    assert_eq!(&text, b"hello");
    context.run();
}

#[test]
fn a_connection_that_drops() {
    for n in 0..10_usize {
        let context = TestContext::new();
        let (a, b) = Wire::new().drop_after(n).connect(&context);
        let written = write_all(&a, "helloworld").blocking();
        assert_eq!(written.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let mut text = vec![0; n];
        read_exact(&b, &mut text).blocking().unwrap();
        assert_eq!(text, b"helloworld"[..n]);
        for stream in [&a, &b] {
            let error = read_exact(stream, &mut [0]).blocking().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
    }
}

#[test]
fn the_other_end_is_told_of_ends() {
    let context = TestContext::new();
    let (a, b) = pair(&context);
    write_all(&a, "x").blocking().unwrap();
    let clone = a.clone();
    drop(a);
    let (sender, results) = mpsc::channel();
    read_to_end(&b, Vec::new()).callback(move |result: io::Result<usize>, _| {
        sender.send(result).unwrap();
    });
    context.run_until_stalled();
    assert!(results.try_recv().is_err());
    drop(clone);
    context.run();
    assert_eq!(results.try_recv().unwrap().unwrap(), 1);
    let error = write_all(&b, "y").blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);

    // Half of it.
    let (a, b) = pair(&context);
    pollster::block_on(a.finish()).unwrap();
    assert_eq!(read_to_end(&b, &mut Vec::new()).blocking().unwrap(), 0);
    write_all(&b, "still").blocking().unwrap();
    read_exact(&a, &mut [0; 5]).blocking().unwrap();
}
