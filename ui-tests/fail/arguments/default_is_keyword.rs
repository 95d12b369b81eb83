// errors: 1

use async_op::{Timer, async_op};

#[async_op]
async fn async_move(_timer: &Timer) {}

fn main() {}
