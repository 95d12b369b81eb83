// errors: 1

use async_op::time::Timer;

fn caller(timer: &Timer) {
    let count = 1;
    timer.wait().callback(|_| println!("{count}"));
}

fn main() {}
