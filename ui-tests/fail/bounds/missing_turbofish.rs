// errors: 1

use async_op::{SystemExecutor, Timer, async_op};

#[async_op]
async fn async_make<T: Default + Send>(_executor: &SystemExecutor) -> T {
    T::default()
}

fn caller(timer: &Timer) {
    let _ = timer;
    async_make(&SystemExecutor, async_op::Detached);
}

fn main() {}
