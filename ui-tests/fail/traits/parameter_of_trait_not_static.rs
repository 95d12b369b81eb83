// errors: 1

use async_op::{Completion, SystemExecutor, async_op};

trait Read<T> {
    #[async_op(executor = SystemExecutor)]
    fn async_get(&self, op: Completion<fn(T)>);
}

fn main() {}
