// errors: 1

use async_op::Timer;

fn caller(timer: &Timer) {
    let count = 1;
    timer.wait().callback(|_| println!("{count}"));
}

fn main() {}
