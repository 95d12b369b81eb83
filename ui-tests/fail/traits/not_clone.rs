// errors: 1

use async_op::{Completion, IoObject, SystemExecutor, async_op};

trait Read {
    #[async_op]
    fn async_read(&self, op: Completion<fn(usize)>);
}

fn read(reader: &(impl Read + IoObject + Send)) {
    reader.read().detach();
}

fn main() {}
