//! In the long run a request takes nothing from the heap but its reply: for every
//! token. Alone in its program, as it counts all threads.
#![cfg(not(async_op_sanitize))]

#[path = "../../runtime/examples/redis/client/mod.rs"]
mod client;

use std::cell::Cell;
use std::ffi::c_void;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use async_op::cancel::CancellationSignal;
use async_op::executor::Strand;
use async_op::token::{UsePromise, c_callback, local};
use async_op::{
    Detached, IoContext, SystemExecutor, UseFuture, bind_cancellation_slot, bind_executor, spawn,
};
use async_op_tests::redis::RedisServer;
use async_op_tests::{CountingHeap, heap_allocations, without_hanging};

use client::{Client, Config, Result};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const LIMIT: Duration = Duration::from_secs(30);
const REQUESTS: usize = 200;

/// Runs `work`, which makes so many requests, until it takes no more than
/// `expected` blocks from the heap, again and again: what is kept for reuse grows
/// at first. It grows for longer where one thread takes what another gives back, as
/// the other passes on what it has too much of.
fn settles(name: &str, expected: usize, mut work: impl FnMut()) {
    let mut taken = Vec::new();
    for _ in 0..500 {
        let before = heap_allocations();
        work();
        taken.push(heap_allocations() - before);
        if taken.ends_with(&[expected; 5]) {
            return;
        }
    }
    let last = &taken[taken.len() - 10..];
    panic!("{name}: {last:?} blocks for {REQUESTS} requests, not {expected}");
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
        let config = Config::new(server.address);
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
        unsafe extern "C" fn check(n: i64, seen: *mut c_void) {
            // SAFETY: the pointer is to a number that outlives `run`.
            unsafe { *seen.cast::<i64>() = n };
        }
        let check: unsafe extern "C" fn(i64, *mut c_void) = check;
        settles("a function of C", 0, || {
            let mut seen = 0_i64;
            for _ in 0..REQUESTS {
                // SAFETY: `seen` outlives `run`, which calls the function on this
                // thread.
                let token = unsafe { c_callback(check, (&raw mut seen).cast()) };
                client.incr("n").map(|n| n.unwrap()).with(token);
            }
            context.restart();
            context.run();
            assert!(seen > 0);
        });
        settles("a promise", 0, || {
            for _ in 0..REQUESTS {
                let promise = client.async_incr("n", UsePromise);
                assert!(promise.wait().blocking().unwrap() > 0);
            }
        });
        let strand = Strand::new(context.executor());
        settles("a closure on a strand", 0, || {
            for _ in 0..REQUESTS {
                let check = |n: Result<i64>| assert!(n.unwrap() > 0);
                client.async_incr("n", bind_executor(strand.clone(), check));
            }
            context.restart();
            context.run();
        });
        settles("a closure that holds an `Rc`", 1, || {
            let seen = Rc::new(Cell::new(0));
            for _ in 0..REQUESTS {
                let seen = seen.clone();
                let count = move |n: Result<i64>| seen.set(seen.get() + n.unwrap().signum());
                client.async_incr("n", local(count));
            }
            context.restart();
            context.run();
            assert_eq!(seen.get(), REQUESTS as i64);
        });
        settles("awaited, on the client's own context", 0, || {
            let client = client.clone();
            spawn(&context, async move { increments(&client).await }, Detached);
            context.restart();
            context.run();
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
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        settles(
            "tokio, with two threads; a block is the task's own",
            1,
            || {
                let client = client.clone();
                let task = runtime.spawn(async move { increments(&client).await });
                runtime.block_on(task).unwrap();
            },
        );

        let mut dropped = 0;
        settles("futures that are dropped", 0, || {
            pollster::block_on(async {
                for _ in 0..REQUESTS / 2 {
                    let mut future = pin!(client.async_incr("n", UseFuture));
                    let polled = futures_lite::future::poll_once(future.as_mut()).await;
                    dropped += usize::from(polled.is_none());
                    client.incr("n").await.unwrap();
                }
            });
        });
        assert!(dropped > REQUESTS, "{dropped}");
    });
}
