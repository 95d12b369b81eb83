//! An operation stores each argument once: what the macro wraps around the
//! author's body adds handles, not another copy of the arguments.

use async_op::{Completion, Initiation, SystemExecutor, UseFuture, async_op};
use std::future::pending;
use std::hint::black_box;
use std::mem::size_of_val;

type Large = [u8; 4096];

/// Room for executors, work and states.
const HANDLES: usize = 128;

#[async_op]
async fn async_owned(_executor: SystemExecutor, large: Large) {
    pending::<()>().await;
    black_box(large);
}

/// The same by hand.
async fn by_hand(large: Large) {
    pending::<()>().await;
    black_box(large);
}

#[async_op]
fn async_handler(_executor: &SystemExecutor, large: Large, op: Completion<fn(Large)>) {
    op.complete(large);
}

#[async_op]
fn async_deferred(executor: &SystemExecutor, large: Large) -> impl Initiation<fn(Large)> {
    handler(executor, large)
}

#[test]
fn async_form() {
    let by_hand = size_of_val(&by_hand([0; 4096]));
    let hosted = size_of_val(&async_owned(SystemExecutor, [0; 4096], UseFuture));
    assert!(hosted <= by_hand + HANDLES, "{hosted}, {by_hand} by hand");
}

#[test]
fn handler_form() {
    let operation = size_of_val(&handler(&SystemExecutor, [0; 4096]));
    assert!(operation <= size_of::<Large>() + HANDLES, "{operation}");
}

#[test]
fn deferred_form() {
    let operation = size_of_val(&deferred(&SystemExecutor, [0; 4096]));
    assert!(operation <= size_of::<Large>() + HANDLES, "{operation}");
}
