//! The runtime under another name.

mod facade {
    pub mod rt {
        pub use async_op::*;
    }
}

use facade::rt::{SystemExecutor, async_op};

#[async_op(crate = crate::facade::rt)]
async fn async_answer(_executor: SystemExecutor) -> u32 {
    42
}

#[async_op(crate = "facade::rt", default = question)]
async fn async_question(_executor: SystemExecutor) -> u32 {
    answer(SystemExecutor).await
}

fn main() {
    assert_eq!(question(SystemExecutor).blocking(), 42);
}
