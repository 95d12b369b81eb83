// errors: 1

use std::error::Error;

use async_op::{Completion, async_op};

trait Load {
    #[async_op]
    fn async_load(&self, op: Completion<fn(u32, Option<Box<dyn Error>>)>);
}

fn main() {}
