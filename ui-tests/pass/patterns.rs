//! `mut` and `_`, names that begin with `_`, in all forms; attributes of lints.

#![deny(warnings)]

use async_op::{Completion, Initiation, SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
async fn async_names(mut text: String, _: u8, _unused: u8, mut _both: u8) -> String {
    text.push('!');
    text
}

#[async_op(executor = SystemExecutor)]
fn async_handler(_: u8, mut n: u32, _text: &str, mut op: Completion<fn(u32)>) {
    n += 1;
    let given = op;
    op = given;
    op.complete(n);
}

#[async_op]
fn async_deferred(_: u8, mut n: u32, #[allow(unused)] unused: u8) -> impl Initiation<fn(u32)> {
    n += 1;
    handler(0, n, "text")
}

/// `_n` and `n` are two parameters.
#[async_op(executor = SystemExecutor)]
async fn async_two(_n: u8, n: u32, __: u8, _0: u8) -> u32 {
    n
}

#[async_op(executor = SystemExecutor)]
fn async_never(_op: Completion<fn()>) {}

fn main() {
    assert_eq!(names("a".into(), 0, 0, 0).blocking(), "a!");
    assert_eq!(handler(0, 1, "text").blocking(), 2);
    assert_eq!(deferred(0, 1, 0).blocking(), 3);
    assert_eq!(two(0, 4, 0, 0).blocking(), 4);
    never().detach();
}
