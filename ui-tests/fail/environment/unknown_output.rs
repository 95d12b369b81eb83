// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
async fn async_ping(_timer: &Timer) -> Result<Pong, ()> {
    Ok(1)
}

fn main() {}
