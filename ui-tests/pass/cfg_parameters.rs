//! `#[cfg]` on parameters, alone and together, whatever the form.

use async_op::{Completion, Initiation, SystemExecutor, async_op};

#[async_op]
async fn async_sum(
    _executor: &SystemExecutor,
    #[cfg(any())] a: Missing,
    b: u32,
    #[cfg(all())] c: u32,
    #[cfg(all())]
    #[cfg(any())]
    d: Missing,
) -> u32 {
    #[cfg(any())]
    let b = a.missing();
    b + c
}

struct Socket;

impl Socket {
    #[async_op(executor = SystemExecutor)]
    fn async_one(
        self,
        #[cfg(all())] n: u32,
        #[cfg(any())] _missing: Missing,
        op: Completion<fn(u32)>,
    ) {
        op.complete(n);
    }

    /// Only one of two parameters is there.
    #[async_op]
    fn async_either(
        &self,
        #[cfg(all())] n: u32,
        #[cfg(not(all()))] n: Missing,
    ) -> impl Initiation<fn(u32)> {
        Socket.one(n)
    }
}

fn main() {
    assert_eq!(sum(&SystemExecutor, 1, 2).blocking(), 3);
    assert_eq!(Socket.one(4).blocking(), 4);
    assert_eq!(Socket.either(5).blocking(), 5);
}
