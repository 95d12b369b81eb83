// errors: 1

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_post(_context: &IoExecutor, text: &(impl AsRef<str> + ?Sized)) -> usize {
    text.as_ref().len()
}

fn main() {}
