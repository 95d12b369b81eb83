//! The expansion names nothing that the author's scope decides.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![allow(dead_code)]

use ::async_op::{Completion, Initiation, SystemExecutor, async_op};

struct Result;
struct Option;
struct Box;
struct Send;
struct Some;
struct Ok;
mod core {}
mod std {}

#[async_op]
fn async_answer(executor: SystemExecutor, op: Completion<fn(u32)>) {
    let _ = executor;
    op.complete(42);
}

#[async_op]
async fn async_length(executor: &SystemExecutor, text: &str) -> usize {
    let _ = executor;
    text.len()
}

#[async_op]
fn async_both(executor: &SystemExecutor) -> impl Initiation<fn(u32)> {
    answer(*executor)
}

fn main() {
    let _: () = async_answer(SystemExecutor, |n: u32| drop(n));
    let _: usize = length(&SystemExecutor, "four").blocking();
    let _: u32 = both(&SystemExecutor).blocking();
}

fn drop(_: u32) {}
