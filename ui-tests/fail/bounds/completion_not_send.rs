// errors: 1

use async_op::{Completion, SystemExecutor, async_op};
use std::rc::Rc;

#[async_op(executor = SystemExecutor)]
fn async_shared(op: Completion<fn(Rc<u32>)>) {
    op.complete(Rc::new(1));
}

fn main() {}
