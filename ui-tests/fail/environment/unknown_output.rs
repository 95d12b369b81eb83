// errors: 1

use async_op::{Timer, async_op};

#[async_op]
async fn async_ping(_timer: &Timer) -> Result<Pong, ()> {
    Ok(1)
}

fn main() {}
