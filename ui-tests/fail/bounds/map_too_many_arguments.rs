// errors: 1

use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.wait().map(|result, n| println!("{result:?} {n}")).detach();
}

fn main() {}
