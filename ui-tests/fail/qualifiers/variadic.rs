// errors: 3 of 3 mistakes

use async_op::{Completion, async_op};

#[async_op]
unsafe extern "C" fn async_print(format: *const u8, op: Completion<fn(u32)>, arguments: ...) {
    let _ = (format, arguments);
    op.complete(1);
}

fn main() {}
