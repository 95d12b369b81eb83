//! Every kind of receiver, and a trait object that takes any token.

use async_op::{Completion, IoObject, SystemExecutor, async_op};
use std::sync::Arc;

#[derive(Clone)]
struct Counter(u32);

impl IoObject for Counter {
    type Executor = SystemExecutor;
    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl Counter {
    #[async_op]
    async fn async_by_ref(&self) -> u32 {
        self.0
    }

    #[async_op]
    async fn async_by_mut(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }

    #[async_op]
    async fn async_by_value(mut self) -> u32 {
        self.0 += 1;
        self.0
    }

    #[async_op]
    async fn async_by_arc(self: Arc<Self>) -> u32 {
        self.0
    }

    #[async_op]
    fn async_by_ref_arc(self: &Arc<Self>, op: Completion<fn(u32)>) {
        op.complete(self.0);
    }

    #[async_op(associated)]
    async fn async_new(_executor: &SystemExecutor, n: u32) -> Counter {
        Counter(n)
    }
}

trait Device: Send + Sync {
    fn read(&self, n: u32, op: Completion<fn(u32)>);
}

impl Device for Counter {
    fn read(&self, n: u32, op: Completion<fn(u32)>) {
        op.complete(self.0 + n);
    }
}

impl dyn Device {
    #[async_op(executor = SystemExecutor, default = start_read)]
    fn async_read(self: Arc<Self>, n: u32, op: Completion<fn(u32)>) {
        self.read(n, op);
    }
}

fn main() {
    let mut counter = Counter::new(&SystemExecutor, 1).blocking();
    assert_eq!(counter.by_ref().blocking(), 1);
    assert_eq!(counter.by_mut().blocking(), 2);
    assert_eq!(counter.clone().by_value().blocking(), 3);
    let counter = Arc::new(counter);
    assert_eq!(counter.clone().by_arc().blocking(), 2);
    assert_eq!(counter.by_ref_arc().blocking(), 2);
    let device: Arc<dyn Device> = counter;
    assert_eq!(device.start_read(1).blocking(), 3);
}
