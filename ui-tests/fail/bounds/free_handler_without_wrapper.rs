// errors: 2

use async_op::{Associations, CompletionHandler, IoExecutor, async_op};

#[async_op]
async fn async_double(_executor: &IoExecutor, n: u32) -> u32 {
    2 * n
}

struct Print;

impl Associations for Print {}

impl CompletionHandler<fn(u32)> for Print {
    fn complete(self, (n,): (u32,)) {
        println!("{n}");
    }
}

fn caller(executor: &IoExecutor) {
    async_double(executor, 1, Print);
}

fn main() {}
