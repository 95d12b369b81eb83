// errors: 1

use std::io;

use async_op::{Initiation, Timer, async_op};

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
