// errors: 1

use async_op::{IoObject, SystemExecutor, async_op};

trait Read {
    #[async_op]
    async fn async_read(&self) -> usize;
}

#[derive(Clone)]
struct Socket;

impl IoObject for Socket {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl Read for Socket {
    #[async_op(implements)]
    async fn async_read(&self) -> usize {
        let n = std::rc::Rc::new(1);
        std::future::ready(()).await;
        *n
    }
}

fn main() {
    Socket.read().detach();
}
