// errors: 1

use async_op::{Completion, async_op};

trait Read {
    #[async_op]
    fn async_read(&self, op: Completion<fn(usize)>);
}

fn read(reader: &dyn Read) {
    reader.async_read(|_: usize| {});
}

fn main() {}
