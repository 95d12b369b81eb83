//! Datagrams: of a script, and on a network with faults.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use async_op::test::{
    Network, Probe, Script, TestContext, TestUdpSocket, each_cancellation, explore,
};
use async_op::time::Timer;
use async_op::{bind_cancellation_slot, is_timeout, spawn};
use async_op_tests::panic_of;

const SECOND: Duration = Duration::from_secs(1);

fn address(n: u8) -> SocketAddr {
    ([10, 0, 0, n], 7).into()
}

fn text(socket: &TestUdpSocket) -> io::Result<String> {
    let mut bytes = [0; 8];
    let len = socket.receive(&mut bytes).blocking()?;
    Ok(String::from_utf8(bytes[..len].to_vec()).unwrap())
}

#[test]
fn a_script_has_each_datagram_whole() {
    let context = TestContext::new();
    let script = Script::new()
        .write("one")
        .wait(SECOND)
        .read("four")
        .read("")
        .error(ErrorKind::ConnectionRefused)
        .read("three")
        .stall()
        .read("last");
    let socket = script.datagrams(&context, address(1));
    assert_eq!(
        socket.send("one").blocking().unwrap_err().kind(),
        ErrorKind::NotConnected
    );
    socket.connect(address(1));
    assert_eq!(socket.send("one").blocking().unwrap(), 3);
    let mut short = [0; 2];
    let received = socket.receive_from(&mut short).blocking().unwrap();
    assert_eq!((received, &short), ((2, address(1)), b"fo"));
    assert_eq!(context.elapsed(), SECOND);
    assert_eq!(text(&socket).unwrap(), "");
    let refused = text(&socket).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(text(&socket).unwrap(), "three");
    let late = socket.receive([0; 8]).cancel_after(SECOND).blocking();
    assert!(is_timeout(&late.0.unwrap_err()));
    let message = panic_of(|| socket.assert_done());
    assert_eq!(message, "of the script this is left: Stall, read \"last\"");
    socket.resume();
    assert_eq!(text(&socket).unwrap(), "last");
    socket.assert_done();
}

#[test]
fn what_the_script_does_not_have_is_said() {
    let send = |bytes: &'static str, to| {
        let context = TestContext::new();
        let socket = Script::new().write("two").datagrams(&context, address(1));
        // Half of it is something else.
        panic_of(|| socket.send_to(bytes, address(to)).blocking())
    };
    assert_eq!(send("tw", 1), "the script has \"two\" sent, not \"tw\"");
    assert_eq!(
        send("two", 2),
        "the script is that of 10.0.0.1:7, not 10.0.0.2:7"
    );
    let context = TestContext::new();
    let socket = Script::new().datagrams(&context, address(1));
    let message = panic_of(|| socket.send_to("x", address(1)).blocking());
    assert_eq!(message, "the script is over, but this is sent: \"x\"");
}

#[test]
fn without_faults_all_arrives_in_order() {
    let context = TestContext::new();
    let network = Network::new(&context);
    let [a, b, c] = [1, 2, 3].map(|n| network.bind(address(n)));
    for (n, socket) in [&a, &c, &a].into_iter().enumerate() {
        let sent = socket.send_to(n.to_string(), address(2)).blocking();
        assert_eq!(sent.0.unwrap(), 1);
    }
    let mut byte = [0; 4];
    let from = b.receive_from(&mut byte).blocking().unwrap();
    assert_eq!((from, byte[0]), ((1, address(1)), b'0'));
    // What is from elsewhere is not for it then.
    b.connect(address(1));
    assert_eq!(text(&b).unwrap(), "2");
    // Nobody has that address.
    assert_eq!(a.send_to("x", address(9)).blocking().unwrap(), 1);
    let message = panic_of(|| network.bind(address(3)));
    assert_eq!(message, "10.0.0.3:7 is in use");
    drop(c);
    network.bind(address(3));
}

#[test]
fn with_faults_they_are_lost_doubled_and_overtaken() {
    let (mut lost, mut doubled, mut orders) = (0, 0, BTreeSet::new());
    explore(0..100, |context| {
        let mut network = Network::new(context);
        let faults = network.delay(Duration::ZERO..=9 * SECOND);
        faults.lose(20).duplicate(20);
        let (a, b) = (network.bind(address(1)), network.bind(address(2)));
        for n in 0..4 {
            let sent = a.send_to(n.to_string(), address(2)).blocking();
            sent.0.unwrap();
        }
        let mut received = String::new();
        loop {
            let byte = b.receive([0; 1]).cancel_after(9 * SECOND).blocking();
            match byte {
                (Ok(1), [byte]) => received.push(char::from(byte)),
                (result, _) => {
                    assert!(is_timeout(&result.unwrap_err()));
                    break;
                }
            }
        }
        for n in "0123".chars() {
            match received.matches(n).count() {
                0 => lost += 1,
                1 => {}
                2 => doubled += 1,
                _ => panic!("{received}"),
            }
        }
        orders.insert(received);
    });
    // Of 400.
    assert!((50..110).contains(&lost), "{lost}");
    assert!((40..100).contains(&doubled), "{doubled}");
    assert!(orders.len() > 60, "{}", orders.len());
}

/// Asks until there is an answer, each second.
async fn ask(socket: TestUdpSocket, question: String) -> io::Result<String> {
    loop {
        socket.send_to(&question[..], address(1)).await?;
        let mut answer = [0; 20];
        match socket.receive(&mut answer).cancel_after(SECOND).await {
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
            // Of a question before, perhaps.
            Ok(len) if answer[..len] != *question.as_bytes() => {}
            Ok(_) => return Ok(question),
        }
    }
}

async fn echo(socket: TestUdpSocket, until: Timer) {
    let serves = async {
        let mut question = [0; 20];
        while let Ok((len, from)) = socket.receive_from(&mut question).await {
            let _ = socket.send_to(&question[..len], from).await;
        }
    };
    let ends = async { drop(until.wait().await) };
    futures_lite::future::or(serves, ends).await;
}

#[test]
fn a_client_that_asks_again() {
    explore(0..50, |context| {
        let mut network = Network::new(context);
        let faults = network.delay(Duration::ZERO..=SECOND * 2 / 5);
        faults.lose(40).duplicate(40);
        let over = Timer::new(context);
        over.expires_after(1000 * SECOND);
        spawn(
            context,
            echo(network.bind(address(1)), over.clone()),
            |()| {},
        );
        let probes = [2, 3, 4].map(|n| {
            let probe = Probe::<(io::Result<String>,)>::new();
            let asks = ask(network.bind(address(n)), format!("number {n}"));
            spawn(context, asks, probe.handler());
            (format!("number {n}"), probe)
        });
        context.advance(999 * SECOND);
        over.cancel();
        context.run();
        for (question, probe) in probes {
            assert_eq!(probe.take().0.unwrap(), question);
        }
    });
}

#[test]
fn a_receive_that_is_stopped_has_taken_nothing() {
    let times = each_cancellation(|context, cut| {
        let network = Network::new(context);
        let (a, b) = (network.bind(address(1)), network.bind(address(2)));
        let probe = Probe::<(io::Result<usize>, Vec<u8>)>::new();
        let handler = bind_cancellation_slot(cut.slot(), probe.handler());
        b.receive(vec![0; 4]).with(handler);
        a.send_to("x", address(2))
            .callback(|sent: io::Result<usize>| {
                assert_eq!(sent.unwrap(), 1);
            });
        context.run();
        let is_received = probe.take().0.is_ok();
        assert!(is_received || cut.is_over());
        let rest = b.receive([0; 4]).cancel_after(SECOND).blocking();
        assert_eq!(is_received, rest.0.is_err());
    });
    assert!(times > 1);
}
