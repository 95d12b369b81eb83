//! An operation that never completes, as any `async fn` may.

#![deny(warnings)]

use std::future::{pending, ready};
use std::pin::pin;

use async_op::{IoContext, IoExecutor, async_op, bind_cancellation_slot};
use async_op::cancel::CancellationSignal;

/// Waits for good.
#[async_op]
pub async fn async_forever(_context: &IoExecutor) -> ! {
    pending().await
}

/// Waits until it is ended from outside.
#[async_op(cancellation = total)]
pub async fn async_stopped(context: &IoExecutor) -> ! {
    forever(context).await
}

async fn either(context: &IoExecutor) -> u32 {
    let mut forever = pin!(forever(context).into_future());
    std::future::poll_fn(|cx| match forever.as_mut().poll(cx) {
        std::task::Poll::Ready(never) => never,
        std::task::Poll::Pending => std::task::Poll::Ready(3),
    })
    .await
        + ready(1).await
}

fn main() {
    let context = IoContext::new().unwrap();
    let signal = CancellationSignal::new();
    drop(stopped(&context).into_future());
    drop(async_stopped(&context, bind_cancellation_slot(signal.slot(), async_op::UseFuture)));
    let _ = either(&context);
}
