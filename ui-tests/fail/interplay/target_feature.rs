// errors: 1

use async_op::{Timer, async_op};

#[async_op]
#[target_feature(enable = "sse4.2")]
async fn async_sum(_timer: &Timer) {}

fn main() {}
