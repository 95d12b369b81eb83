// errors: 1

use async_op::{IoExecutor, post_on};

fn caller(executor: &IoExecutor) {
    post_on(executor, |n: u32| drop(n));
}

fn main() {}
