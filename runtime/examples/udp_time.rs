//! A time server over UDP (RFC 868) and clients, by callbacks alone.
//!
//! Run it with `cargo run --example udp_time`: it asks itself for the time,
//! checks the answers, and exits.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use async_op::IoContext;
use async_op::net::UdpSocket;

const CLIENTS: usize = 10;
/// Between the epochs of RFC 868, 1900, and Unix.
const SEVENTY_YEARS: u64 = 2_208_988_800;

fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // It wraps in 2036, as the RFC would have it.
    (since.expect("after 1970").as_secs() + SEVENTY_YEARS) as u32
}

/// Answers a datagram of any content, and then the next.
fn serve(socket: UdpSocket, answers: usize) {
    if answers == 0 {
        return;
    }
    let next = socket.clone();
    socket.async_receive_from(
        [0; 1],
        move |request: io::Result<(usize, SocketAddr)>, _buffer: [u8; 1]| {
            let (_, client) = request.unwrap();
            let socket = next.clone();
            next.async_send_to(
                now().to_be_bytes(),
                client,
                move |sent: io::Result<usize>, _buffer: [u8; 4]| {
                    assert_eq!(sent.unwrap(), 4);
                    serve(socket, answers - 1);
                },
            );
        },
    );
}

fn main() -> io::Result<()> {
    let context = IoContext::new()?;
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = UdpSocket::bind(&context, loopback)?;
    let address = server.local_addr()?;
    serve(server, CLIENTS);

    let answered = Arc::new(AtomicUsize::new(0));
    for _ in 0..CLIENTS {
        let client = UdpSocket::bind(&context, loopback)?;
        client.connect(address)?;
        let (asked, answered) = (client.clone(), answered.clone());
        // No content is content enough.
        client.send([0; 0]).callback(move |sent, _| {
            sent.unwrap();
            asked.receive([0; 4]).callback(move |received, buffer| {
                assert_eq!(received.unwrap(), 4);
                let difference = now().wrapping_sub(u32::from_be_bytes(buffer));
                assert!(
                    difference < 60,
                    "the server's clock is {difference} s behind"
                );
                answered.fetch_add(1, Ordering::Relaxed);
            });
        });
    }
    context.run();
    println!("the time is {} s since 1900, say {CLIENTS} answers", now());
    assert_eq!(answered.load(Ordering::Relaxed), CLIENTS);
    Ok(())
}
