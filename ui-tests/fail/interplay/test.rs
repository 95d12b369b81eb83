// errors: 1

use async_op::{SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
#[test]
async fn async_ping() {
    assert_eq!(1 + 1, 2);
}

fn main() {
    ping().detach();
}
