// errors: 1

mod disk {
    use async_op::{IoExecutor, async_op};

    #[async_op]
    pub async fn async_load(executor: &IoExecutor) -> u32;
}

fn main() {}
