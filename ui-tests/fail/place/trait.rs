// errors: 1

use async_op::{async_op};

#[async_op]
trait Read {
    fn read(&self);
}

fn main() {}
