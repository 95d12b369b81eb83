// errors: 1

use async_op::{IoObject, async_op};

trait Read: IoObject + Clone + Send + Sync {
    #[async_op]
    async fn async_read(&self) -> usize {
        1
    }
}

fn main() {}
