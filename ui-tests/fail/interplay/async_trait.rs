// errors: 2 of 2 mistakes

use async_op::{SystemExecutor, async_op};
use async_trait::async_trait;

struct Memory;

#[async_trait]
trait Store {
    #[async_op(executor = SystemExecutor)]
    async fn async_get(&self) -> u32;
}

#[async_trait]
impl Store for Memory {
    #[async_op(implements)]
    async fn async_get(&self) -> u32 {
        1
    }
}

fn main() {}
