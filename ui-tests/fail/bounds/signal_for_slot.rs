// errors: 1

use async_op::bind_cancellation_slot;
use async_op::cancel::CancellationSignal;
use async_op::time::Timer;

fn caller(timer: &Timer) {
    let signal = CancellationSignal::new();
    timer.wait().with(bind_cancellation_slot(signal, |_: std::io::Result<()>| {}));
}

fn main() {}
