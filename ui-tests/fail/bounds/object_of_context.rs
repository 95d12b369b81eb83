// errors: 1

use async_op::{IoContext, IoObject};

struct Server {
    context: IoContext,
}

impl IoObject for Server {
    type Executor = IoContext;

    fn executor(&self) -> IoContext {
        unreachable!()
    }
}

fn main() {}
