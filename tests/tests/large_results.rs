//! Results are passed by value: as large as the docs of `Signature` say.

use async_op::{Blocking, Completion, IoContext, IoExecutor, UseFuture, async_op, spawn};
use async_op_tests::net::drive;
use async_op_tests::without_hanging;

/// On the two mebibytes of stack that a thread has by default, without
/// optimisation; optimised code takes a fraction of that.
const LARGE: usize = 64 << 10;

type Large = [u8; LARGE];

#[async_op]
fn async_handler_form(_context: &IoExecutor, op: Completion<fn(Large)>) {
    op.complete([7; LARGE]);
}

#[async_op]
async fn async_async_form(_context: &IoExecutor) -> Large {
    [7; LARGE]
}

macro_rules! both {
    ($($name:ident($context:ident, $start:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn handler_form() {
                without_hanging(|| {
                    let $context = IoContext::new().unwrap();
                    macro_rules! $start { ($token:expr) => { async_handler_form(&$context, $token) } }
                    $body
                });
            }

            #[test]
            fn async_form() {
                without_hanging(|| {
                    let $context = IoContext::new().unwrap();
                    macro_rules! $start { ($token:expr) => { async_async_form(&$context, $token) } }
                    $body
                });
            }
        }
    )*};
}

fn check(large: &Large) {
    assert!(large.iter().all(|byte| *byte == 7));
}

both! {
    called_back(context, start) {
        start!(|large: Large| check(&large));
        assert_eq!(context.run(), 1);
    }

    blocking(context, start) {
        check(&start!(Blocking));
    }

    awaited(context, start) {
        drive(&context, async { check(&start!(UseFuture).await) });
    }

    spawned(context, start) {
        let future = start!(UseFuture);
        spawn(&context, future, |large: Large| check(&large));
        context.run();
    }
}
