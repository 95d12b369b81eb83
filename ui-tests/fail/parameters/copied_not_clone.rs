// errors: 1

use async_op::async_op;
use async_op::time::Timer;

struct Item;

#[async_op]
async fn async_ping(_timer: &Timer, item: &Item) {
    let _ = item;
}

fn main() {}
