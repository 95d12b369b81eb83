//! `async_trait` beside operations: each keeps to its own functions.

use async_op::{SystemExecutor, async_op};
use async_trait::async_trait;

#[async_trait]
trait Store {
    async fn get(&self) -> u32;
}

#[derive(Clone)]
struct Memory(u32);

#[async_trait]
impl Store for Memory {
    async fn get(&self) -> u32 {
        self.0
    }
}

impl Memory {
    /// An operation of an inherent `impl` may await what `async_trait` wrote.
    #[async_op(executor = SystemExecutor)]
    async fn async_get_twice(&self) -> u32 {
        2 * self.get().await
    }
}

#[async_op(executor = SystemExecutor)]
async fn async_get_of(store: Box<dyn Store + Send + Sync>) -> u32 {
    store.get().await
}

fn main() {
    assert_eq!(Memory(2).get_twice().blocking(), 4);
    assert_eq!(get_of(Box::new(Memory(3))).blocking(), 3);
}
