// errors: 1

use async_op::time::Timer;
use std::io;

fn caller(timer: &Timer) {
    timer.async_wait(|result: io::Result<()>| -> io::Result<()> {
        result?;
        println!("expired");
        Ok(())
    });
}

fn main() {}
