//! `#[instrument]` of `tracing` goes onto the author's body, in both orders.

use async_op::{Completion, SystemExecutor, UseFuture, async_op};
use std::sync::atomic::{AtomicUsize, Ordering};
use tracing::{instrument, span, subscriber};

#[async_op]
#[instrument]
async fn async_inside(_executor: &SystemExecutor, n: u32) -> u32 {
    n
}

#[instrument(skip(op))]
#[async_op(executor = SystemExecutor)]
fn async_outside(n: u32, op: Completion<fn(u32)>) {
    op.complete(n);
}

#[async_op(executor = SystemExecutor)]
#[instrument(level = "info", fields(twice = 2 * n))]
async fn async_fields(n: u32) -> u32 {
    n
}

static SPANS: AtomicUsize = AtomicUsize::new(0);

struct Count;

impl tracing::Subscriber for Count {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        assert!(span.metadata().name().starts_with("async_"));
        SPANS.fetch_add(1, Ordering::Relaxed);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn main() {
    subscriber::with_default(Count, || {
        assert_eq!(inside(&SystemExecutor, 1).blocking(), 1);
        assert_eq!(outside(2).blocking(), 2);
        assert_eq!(fields(3).blocking(), 3);
        drop(async_inside(&SystemExecutor, 1, UseFuture));
    });
    assert_eq!(SPANS.load(Ordering::Relaxed), 3);
}
