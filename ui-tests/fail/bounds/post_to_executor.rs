// errors: 2

use async_op::{IoExecutor, post};

fn caller(executor: &IoExecutor) {
    post(executor, || println!("later"));
}

fn main() {}
