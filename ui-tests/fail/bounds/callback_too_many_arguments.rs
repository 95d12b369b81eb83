// errors: 1

use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.wait().callback(|result, n| println!("{result:?} {n}"));
}

fn main() {}
