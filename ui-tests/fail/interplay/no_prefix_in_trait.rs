// errors: 1

use async_op::{Completion, async_op};

trait Ping {
    #[async_op]
    fn ping(&self, op: Completion<fn()>);
}

fn main() {}
