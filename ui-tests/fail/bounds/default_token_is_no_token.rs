// errors: 1

use std::marker::PhantomData;

use async_op::{Handler, IoObject, SystemExecutor, async_op};

struct Client<Token>(PhantomData<fn() -> Token>);

impl<Token> Clone for Client<Token> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<Token> IoObject for Client<Token> {
    type Executor = SystemExecutor;
    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl<Token> Client<Token> {
    #[async_op(default_token = Token)]
    async fn async_ping(&self, n: u32) -> u32 {
        n
    }
}

fn main() {
    let client = Client::<Handler<u8>>(PhantomData);
    client.ping(1);
}
