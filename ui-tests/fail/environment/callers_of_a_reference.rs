// errors: 1

use async_op::{Completion, SystemExecutor, async_op};

#[async_op]
fn async_ping(_executor: &SystemExecutor, op: &mut Completion<fn(u32)>) {
    op.complete(1);
}

fn caller() {
    ping(&SystemExecutor).callback(|n| println!("{n}"));
}

fn main() {}
