// errors: 2

use async_op::{Completion, IoObject, async_op};

trait Read {
    #[async_op]
    fn async_read(&self, op: Completion<fn(usize)>);
}

fn read(reader: &(impl Read + IoObject + Send)) {
    reader.read().detach();
}

fn main() {}
