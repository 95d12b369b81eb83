// errors: 2

use async_op::{Completion, async_op};

trait Read {
    #[async_op]
    fn async_read(&self, op: Completion<fn(usize)>);
}

fn read(reader: &(impl Read + Clone + Send)) {
    reader.read().detach();
}

fn main() {}
