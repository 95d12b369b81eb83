// errors: 1

use async_op::async_op;
use async_op::time::Timer;

struct Point {
    x: u32,
    y: u32,
}

#[async_op]
async fn async_ping(_timer: &Timer, Point { x, y }: Point) -> u32 {
    x + y
}

fn main() {}
