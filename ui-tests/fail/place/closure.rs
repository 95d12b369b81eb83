// errors: 3

use async_op::{SystemExecutor, async_op};

fn main() {
    let ping = #[async_op(executor = SystemExecutor)]
    async |n: u32| n;
    drop(ping);
}
