// errors: 1

use async_op::{IoObject, SystemExecutor, async_op};

#[derive(Clone)]
struct Client(SystemExecutor);

impl IoObject for Client {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        self.0
    }
}

impl Client {
    #[async_op(executor = &mut self.0)]
    async fn async_ping(self) -> u32 {
        1
    }
}

fn main() {}
