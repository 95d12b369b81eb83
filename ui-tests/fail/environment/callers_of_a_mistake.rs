// errors: 1

use async_op::{Completion, IoExecutor, UseFuture, async_op};

struct Socket(IoExecutor);

impl Socket {
    #[async_op(exectuor = self.0)]
    fn async_ping(&self, op: Completion<fn(u32)>) {
        op.complete(1);
    }
}

async fn caller(socket: &Socket) -> u32 {
    socket.async_ping(|n: u32| println!("{n}"));
    socket.ping().callback(|n| println!("{n}"));
    socket.ping().await + socket.async_ping(UseFuture).await
}

fn main() {}
