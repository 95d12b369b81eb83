// errors: 1

use std::io;

use async_op::{Initiation, async_op};
use async_op::time::Timer;

trait Pause {
    fn async_pause(&self) -> impl Initiation<fn(io::Result<()>)>;
}

impl Pause for Timer {
    #[async_op]
    fn async_pause(&self) -> impl Initiation<fn(io::Result<()>)> {
        self.wait()
    }
}

fn main() {}
