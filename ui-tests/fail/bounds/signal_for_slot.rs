// errors: 1

use async_op::{CancellationSignal, Timer, bind_cancellation_slot};

fn caller(timer: &Timer) {
    let signal = CancellationSignal::new();
    timer.wait().with(bind_cancellation_slot(signal, |_: std::io::Result<()>| {}));
}

fn main() {}
