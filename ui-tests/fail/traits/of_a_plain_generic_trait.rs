// errors: 1

use async_op::{IoObject, SystemExecutor, async_op};

#[derive(Clone)]
struct Client;

impl IoObject for Client {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

mod wire {
    pub trait Ping<T> {
        fn async_ping(&self, value: T) -> impl Future<Output = T> + Send;
    }
}

impl<T: Send + 'static> wire::Ping<T> for Client
where
    T: Clone,
{
    #[async_op]
    async fn async_ping(&self, value: T) -> T {
        value
    }
}

fn main() {}
