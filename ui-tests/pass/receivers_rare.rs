//! The receivers that are seldom seen.

use async_op::{Completion, Initiation, IoObject, SystemExecutor, async_op};
use std::pin::Pin;
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
    async fn async_by_name<'a>(&'a self) -> &'a u32 {
        &self.0
    }

    #[async_op]
    async fn async_by_static(&'static self) -> u32 {
        self.0
    }

    #[async_op]
    async fn async_by_typed_ref(self: &Self) -> u32 {
        self.0
    }

    #[async_op]
    async fn async_by_typed_mut(self: &mut Self) -> u32 {
        self.0 += 1;
        self.0
    }

    #[async_op]
    async fn async_by_box(mut self: Box<Self>) -> u32 {
        self.0 += 1;
        self.0
    }

    #[async_op]
    async fn async_by_pinned_box(self: Pin<Box<Self>>) -> u32 {
        self.0
    }

    #[async_op]
    async fn async_by_pin(mut self: Pin<&mut Self>) -> u32 {
        self.0 += 1;
        self.0
    }

    #[async_op]
    async fn async_by_pinned_arc(self: Arc<Pin<Box<Self>>>) -> u32 {
        self.0
    }

    #[async_op]
    fn async_by_value(self, op: Completion<fn(u32)>) {
        op.complete(self.0);
    }

    #[async_op]
    fn async_by_boxed(self: Box<Self>, op: Completion<fn(u32)>) {
        op.complete(self.0);
    }

    #[async_op]
    fn async_deferred_by_mut(&mut self) -> impl Initiation<fn(u32)> {
        self.0 += 1;
        self.clone().by_value()
    }

    #[async_op]
    fn async_deferred_by_arc(self: Arc<Self>) -> impl Initiation<fn(u32)> {
        self.by_arc()
    }

    #[async_op]
    async fn async_by_arc(self: Arc<Self>) -> u32 {
        self.0
    }
}

static STATIC: Counter = Counter(7);

fn main() {
    let mut counter = Counter(1);
    assert_eq!(*counter.by_name().blocking(), 1);
    assert_eq!(STATIC.by_static().blocking(), 7);
    assert_eq!(counter.by_typed_ref().blocking(), 1);
    assert_eq!(counter.by_typed_mut().blocking(), 2);
    assert_eq!(Pin::new(&mut counter).by_pin().blocking(), 3);
    assert_eq!(Box::new(counter.clone()).by_box().blocking(), 4);
    assert_eq!(Box::pin(counter.clone()).by_pinned_box().blocking(), 3);
    assert_eq!(Arc::new(Box::pin(counter.clone())).by_pinned_arc().blocking(), 3);
    assert_eq!(counter.clone().by_value().blocking(), 3);
    assert_eq!(Box::new(counter.clone()).by_boxed().blocking(), 3);
    assert_eq!(counter.deferred_by_mut().blocking(), 4);
    assert_eq!(Arc::new(counter).deferred_by_arc().blocking(), 4);
}
