// errors: 1

use async_op::{Completion, SystemExecutor, UseFuture, async_op};

struct Socket;

impl Socket {
    #[async_op(executor = SystemExecutor)]
    fn async_ping(&self, op: Completion) {
        op.complete(1);
    }
}

async fn caller() -> u32 {
    Socket.ping().callback(|n| println!("{n}"));
    Socket.ping().detach();
    let n: u32 = Socket.ping().await;
    let m: u32 = Socket.async_ping(UseFuture).await;
    n + m
}

fn main() {}
