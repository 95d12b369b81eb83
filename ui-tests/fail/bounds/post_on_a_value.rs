// errors: 2

use async_op::{IoExecutor, post_on};

fn caller(executor: &IoExecutor) {
    post_on(executor, 42);
}

fn main() {}
