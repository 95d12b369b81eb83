// errors: 1

use async_op::{Timer, async_op};

struct Item;

#[async_op]
async fn async_ping(_timer: &Timer, items: &[Item]) -> usize {
    items.len()
}

fn main() {}
