// errors: 1

use async_op::IoContext;
use async_op::executor::Strand;
use async_op::time::Timer;

fn main() {
    let context = IoContext::new().unwrap();
    let strand = Strand::new(context.executor());
    let timer = Timer::new(&strand);
    timer.wait().blocking().unwrap();
}
