// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
async fn async_names(_timer: &Timer) -> impl Iterator<Item = String> {
    std::iter::empty()
}

fn main() {}
