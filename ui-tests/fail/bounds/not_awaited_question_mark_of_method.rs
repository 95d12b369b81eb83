// errors: 1

use std::io;

use async_op::time::Timer;

async fn caller(timer: &Timer) -> io::Result<()> {
    timer.wait()?;
    Ok(())
}

fn main() {}
