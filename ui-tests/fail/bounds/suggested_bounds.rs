// errors: 4

use async_op::{Completion, IoObject, SystemExecutor, async_op};
use std::future::ready;

#[derive(Clone)]
struct Socket;

impl IoObject for Socket {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

#[async_op]
async fn async_free<T>(_socket: &Socket, value: T) -> T {
    ready(()).await;
    value
}

impl Socket {
    #[async_op]
    async fn async_method<T>(&self, value: T) -> T {
        ready(()).await;
        value
    }

    #[async_op]
    async fn async_clause<T>(&self, value: T) -> T
    where
        T: Clone,
    {
        ready(()).await;
        value.clone()
    }

    #[async_op]
    fn async_handler<T: Clone>(&self, value: T, op: Completion<fn(u8)>) {
        let _ = value;
        op.complete(0);
    }
}

fn main() {}
