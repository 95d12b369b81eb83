// errors: 1

use async_op::{Completion, IoExecutor, async_op};

struct Socket(IoExecutor);

impl Socket {
    #[async_op(executor = self.0)]
    fn async_ping(&self, op: Completion) {
        op.complete(1);
    }
}

fn caller(socket: &Socket) {
    socket.async_ping(|n: u32| println!("{n}"));
}

fn main() {}
