//! The body of an operation learns of the requests that it says it honours.

use async_op::{IoContext, IoExecutor, async_op, bind_cancellation_slot, this_op};
use async_op::cancel::{CancellationSignal, CancellationType};
use std::future::poll_fn;
use std::sync::mpsc::channel;
use std::task::Poll;

/// Lets the request arrive, and returns it.
async fn requested() -> CancellationType {
    let mut is_posted = false;
    poll_fn(|cx| match std::mem::replace(&mut is_posted, true) {
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        true => Poll::Ready(this_op::cancellation().requested()),
    })
    .await
}

#[async_op(cancellation = total)]
async fn async_total(_executor: &IoExecutor) -> CancellationType {
    requested().await
}

#[async_op(cancellation = partial)]
async fn async_partial(_executor: &IoExecutor) -> CancellationType {
    requested().await
}

#[async_op]
async fn async_terminal(_executor: &IoExecutor) -> CancellationType {
    requested().await
}

fn main() {
    let context = IoContext::new().unwrap();
    let signal = CancellationSignal::new();
    let (requests, received) = channel();
    let token = || {
        let requests = requests.clone();
        let handler = move |request: CancellationType| requests.send(request).unwrap();
        bind_cancellation_slot(signal.slot(), handler)
    };
    for kind in [
        CancellationType::TERMINAL,
        CancellationType::PARTIAL,
        CancellationType::TOTAL,
    ] {
        let check = |honoured: CancellationType| {
            signal.emit(kind);
            context.run();
            context.restart();
            let received = received.recv().unwrap();
            assert_eq!(!received.is_empty(), honoured.and_weaker().contains(kind));
        };
        async_total(&context, token());
        check(CancellationType::TOTAL);
        async_partial(&context, token());
        check(CancellationType::PARTIAL);
        async_terminal(&context, token());
        check(CancellationType::TERMINAL);
    }
}
