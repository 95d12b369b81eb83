// errors: 1

#![deny(deprecated)]

use async_op::async_op;

#[deprecated = "use `async_ping2`"]
#[async_op]
async fn async_ping() {}

fn main() {
    ping().detach();
}
