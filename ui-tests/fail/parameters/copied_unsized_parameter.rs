// errors: 1

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_send<T: AsRef<str> + ?Sized>(_context: &IoExecutor, text: &T) -> usize {
    text.as_ref().len()
}

fn main() {}
