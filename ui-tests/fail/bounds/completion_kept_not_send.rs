// errors: 1

use async_op::{Completion, SystemExecutor, async_op};
use std::sync::{Arc, Mutex};

#[async_op(executor = SystemExecutor)]
async fn async_lock(lock: Arc<Mutex<u32>>) -> u32 {
    let n = lock.lock().unwrap();
    std::future::ready(()).await;
    *n
}

fn main() {}
