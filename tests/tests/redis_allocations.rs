//! In the long run a request takes nothing from the heap but its reply: for every
//! token. Alone in its program, as it counts all threads.
#![cfg(all(unix, not(async_op_sanitize)))]

#[path = "../../runtime/examples/redis/client/mod.rs"]
mod client;

use std::time::Duration;

use async_op::{CancellationSignal, UseFuture};
use async_op::{IoContext, SystemExecutor, bind_cancellation_slot};
use async_op_tests::redis::RedisServer;
use async_op_tests::{CountingHeap, heap_allocations, without_hanging};

use client::{Address, Client, Config, Result};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const LIMIT: Duration = Duration::from_secs(30);
const REQUESTS: usize = 200;

/// Runs `work`, which makes so many requests, until it takes no more than
/// `expected` blocks from the heap: what is kept for reuse grows at first.
fn settles(name: &str, expected: usize, mut work: impl FnMut()) {
    let mut taken = Vec::new();
    for _ in 0..20 {
        let before = heap_allocations();
        work();
        taken.push(heap_allocations() - before);
        if taken.ends_with(&[expected, expected, expected]) {
            return;
        }
    }
    panic!("{name}: {taken:?} blocks for {REQUESTS} requests, not {expected}");
}

async fn increments(client: &Client) {
    for _ in 0..REQUESTS {
        client.incr("n").await.unwrap();
    }
}

#[test]
fn requests_allocate_nothing_but_replies() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let config = Config::new(Address::Tcp(server.address));
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config.clone());
        client.set("key", b"value").blocking().unwrap();

        settles("blocking", 0, || {
            for _ in 0..REQUESTS {
                client.incr("n").blocking().unwrap();
            }
        });
        settles("with a limit on its time", 0, || {
            for _ in 0..REQUESTS {
                client.incr("n").cancel_after(LIMIT).blocking().unwrap();
            }
        });
        settles(
            "blocking, with a reply that has a payload",
            REQUESTS,
            || {
                for _ in 0..REQUESTS {
                    assert_eq!(client.get("key").blocking().unwrap().unwrap(), b"value");
                }
            },
        );
        settles("a closure", 0, || {
            for _ in 0..REQUESTS {
                client.async_incr("n", |n: Result<i64>| assert!(n.unwrap() > 0));
                context.restart();
                context.run();
            }
        });
        settles("deferred, a callback each, in a pipeline", 0, || {
            for _ in 0..REQUESTS {
                client.incr("n").callback(|n| assert!(n.unwrap() > 0));
            }
            context.restart();
            context.run();
        });
        let signal = CancellationSignal::new();
        settles("with a slot", 0, || {
            for _ in 0..REQUESTS {
                let token = bind_cancellation_slot(signal.slot(), |n: Result<i64>| {
                    assert!(n.unwrap() > 0);
                });
                client.async_incr("n", token);
                context.restart();
                context.run();
            }
        });
        settles("detached", 0, || {
            for _ in 0..REQUESTS {
                client.incr("n").detach();
            }
            context.restart();
            context.run();
        });

        let client = Client::new(&SystemExecutor, config);
        settles("pollster", 0, || pollster::block_on(increments(&client)));
        settles("smol", 0, || smol::block_on(increments(&client)));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        settles("tokio", 0, || runtime.block_on(increments(&client)));
        settles("UseFuture, dropped", 0, || {
            runtime.block_on(async {
                for _ in 0..REQUESTS / 2 {
                    let mut future = std::pin::pin!(client.async_incr("n", UseFuture));
                    assert!(
                        futures_lite::future::poll_once(future.as_mut())
                            .await
                            .is_none()
                    );
                    client.incr("n").await.unwrap();
                }
            });
        });
    });
}
