// errors: 1

use async_op::{SystemExecutor, async_op};
use async_op::time::Timer;

#[async_op]
async fn async_make<T: Default + Send>(_executor: &SystemExecutor) -> T {
    T::default()
}

fn caller(timer: &Timer) {
    let _ = timer;
    async_make(&SystemExecutor, async_op::Detached);
}

fn main() {}
