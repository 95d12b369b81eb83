// errors: 1

use async_op::async_op;

trait Query: Clone + Send + Sync + 'static {
    #[async_op]
    async fn async_query(&self) -> u32 {
        1
    }
}

fn main() {}
