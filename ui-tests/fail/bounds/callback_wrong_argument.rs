// errors: 1

use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.wait().callback(|n: usize| println!("{n}"));
}

fn main() {}
