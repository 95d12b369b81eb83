// errors: 1

use async_op::{Timer, async_op};
use std::io;
use std::rc::Rc;

#[async_op]
async fn async_ping(timer: Timer) -> io::Result<()> {
    let count = Rc::new(1);
    timer.wait().await?;
    println!("{count}");
    Ok(())
}

fn main() {}
