// errors: 1

use async_op::async_op;
use async_op::time::Timer;
use std::io;
use std::rc::Rc;

#[async_op]
async fn async_ping(timer: &Timer) -> io::Result<()> {
    let count = Rc::new(1);
    timer.wait().await?;
    println!("{count}");
    Ok(())
}

fn main() {}
