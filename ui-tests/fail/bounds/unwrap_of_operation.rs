// errors: 2

use async_op::time::Timer;
use std::io;

async fn caller(timer: &Timer) -> io::Result<()> {
    timer.wait().unwrap();
    timer.wait()?;
    Ok(())
}

fn main() {}
