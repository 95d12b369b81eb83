// errors: 1

use async_op::{SystemExecutor, async_op};

trait Read {
    fn len(&self) -> usize;
}

impl dyn Read {
    #[async_op(executor = SystemExecutor)]
    async fn async_read(&self) -> usize {
        self.len()
    }
}

fn main() {}
