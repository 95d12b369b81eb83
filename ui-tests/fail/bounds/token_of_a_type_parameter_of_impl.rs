// errors: 4

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_double(_executor: &IoExecutor, n: u32) -> u32 {
    2 * n
}

struct Caller<T>(T);

impl<T> Caller<T> {
    fn call(self, executor: &IoExecutor) {
        async_double(executor, 1, self.0);
    }
}

fn main() {}
