// errors: 1

use async_op::*;

struct Gzip;

impl Gzip {
    #[async_op]
    fn async_wait(_executor: &IoExecutor, op: Completion<fn(u8)>) {
        op.complete(0);
    }
}

fn main() {}
