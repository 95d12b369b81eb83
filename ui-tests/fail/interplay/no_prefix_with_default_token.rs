// errors: 1

use async_op::{Detached, IoObject, SystemExecutor, async_op};

#[derive(Clone)]
struct Client;

impl IoObject for Client {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl Client {
    #[async_op(default_token = Detached)]
    pub async fn ping(&self) -> u32 {
        1
    }
}

fn main() {}
