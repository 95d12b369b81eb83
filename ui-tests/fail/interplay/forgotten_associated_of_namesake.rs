// errors: 1

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_open(_executor: &IoExecutor, path: &str) -> String {
    path.to_owned()
}

struct Admin;

impl Admin {
    #[async_op]
    async fn async_open(_executor: &IoExecutor, path: &str) -> String {
        format!("admin: {path}")
    }
}

fn main() {
    Admin::open(todo!(), "").detach();
}
