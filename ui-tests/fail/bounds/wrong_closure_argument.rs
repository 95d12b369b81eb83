// errors: 1

use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.async_wait(|n: usize| println!("{n}"));
}

fn main() {}
