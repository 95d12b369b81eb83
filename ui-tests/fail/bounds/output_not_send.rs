// errors: 1

use async_op::{SystemExecutor, async_op};
use std::rc::Rc;

#[async_op(executor = SystemExecutor)]
async fn async_shared() -> Rc<u32> {
    Rc::new(1)
}

fn main() {
    shared().detach();
}
