// errors: 1

use async_op::{SystemExecutor, async_op};
use std::cell::Cell;

#[derive(Clone)]
struct Counter(Cell<u32>);

impl Counter {
    #[async_op(executor = SystemExecutor)]
    async fn async_get(&self) -> u32 {
        self.0.get()
    }
}

fn main() {}
