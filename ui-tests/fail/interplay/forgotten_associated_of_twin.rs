// errors: 1

use async_op::{SystemExecutor, async_op};

fn name() -> &'static str {
    "outer"
}

#[async_op]
async fn async_hello(_executor: &SystemExecutor) -> String {
    name().to_owned()
}

mod inner {
    use super::*;

    fn name() -> &'static str {
        "inner"
    }

    struct Greeter;

    impl Greeter {
        #[async_op]
        async fn async_hello(_executor: &SystemExecutor) -> String {
            name().to_owned()
        }
    }
}

fn main() {}
