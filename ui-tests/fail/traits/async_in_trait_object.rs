// errors: 1

use async_op::{SystemExecutor, async_op};
use std::sync::Arc;

trait Read: Send + Sync {
    #[async_op(executor = SystemExecutor)]
    async fn async_read(&self) -> usize;
}

fn caller(_reader: Arc<dyn Read>) {}

fn main() {}
