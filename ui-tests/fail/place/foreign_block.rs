// errors: 1

use async_op::{async_op};

#[async_op]
unsafe extern "C" {
    fn getpid() -> i32;
}

fn main() {
    let _ = unsafe { getpid() };
}
