// errors: 1

use async_op::{SystemExecutor, async_op};

trait Read {
    fn len(&self) -> usize;

    #[async_op(executor = SystemExecutor)]
    async fn async_len(&self) -> usize;
}

fn main() {}
