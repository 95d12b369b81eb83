// errors: 1

use async_op::time::Timer;
use std::rc::Rc;

fn caller(timer: &Timer) {
    let count = Rc::new(1);
    timer.wait().callback(move |_| println!("{count}"));
}

fn main() {}
