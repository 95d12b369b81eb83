// errors: 1

use async_op::{Completion, SystemExecutor, async_op};

trait Read: Send + Sync {
    #[async_op(executor = SystemExecutor)]
    fn async_read(&self, op: Completion<fn(usize)>);
}

impl dyn Read {
    #[async_op(executor = SystemExecutor, default = read_any)]
    fn async_read_any(&self, op: Completion<fn(usize)>) {
        self.async_read_body(op);
    }
}

fn main() {}
