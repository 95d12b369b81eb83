// errors: 1

use async_op::{Completion, IoExecutor, async_op};

unsafe extern "C" {
    #[async_op]
    fn async_load(executor: &IoExecutor, op: Completion<fn(u32)>);
}

fn main() {
    let _ = |executor: IoExecutor, op: Completion<fn(u32)>| drop((executor, op));
}
