// errors: 1

use async_op::time::Timer;
use std::io;
use std::rc::Rc;

fn caller(timer: &Timer) {
    let count = Rc::new(1);
    timer.async_wait(move |result: io::Result<()>| println!("{result:?} {count}"));
}

fn main() {}
