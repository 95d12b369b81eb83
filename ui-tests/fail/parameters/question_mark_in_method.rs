// errors: 1

use async_op::{Completion, IoObject, SystemExecutor, async_op};

#[derive(Clone)]
struct Client;

impl IoObject for Client {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl Client {
    #[async_op]
    fn async_first(&self, names: Vec<String>, op: Completion<fn(Option<String>)>) {
        if !names.is_empty() {
            let first = names.first()?.clone();
            return op.complete(Some(first));
        }
        op.complete(None);
    }
}

fn main() {}
