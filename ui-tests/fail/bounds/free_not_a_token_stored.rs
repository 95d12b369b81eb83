// errors: 2

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_double(_executor: &IoExecutor, n: u32) -> u32 {
    2 * n
}

fn caller(executor: &IoExecutor) {
    let doubled = async_double(executor, 1, "later");
    println!("{}", doubled + 1);
}

fn main() {}
