// errors: 1

use async_op::{SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
async fn async_show<T: ToString>(value: T) -> String {
    value.to_string()
}

fn main() {}
