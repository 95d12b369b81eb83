// errors: 1

use async_op::async_op;
use async_op::time::Timer;

struct Item;

#[async_op]
async fn async_ping(_timer: &Timer, items: &[Item]) -> usize {
    items.len()
}

fn main() {}
