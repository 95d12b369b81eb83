// errors: 2

use async_op::*;

struct Gzip;

impl Gzip {
    #[async_op]
    fn async_tick(timer: &Timer) -> impl Initiation<fn(u8)> {
        timer.wait().map(|_| 0)
    }
}

fn main() {}
