// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
#[target_feature(enable = "sse4.2")]
async fn async_sum(_timer: &Timer) {}

fn main() {}
