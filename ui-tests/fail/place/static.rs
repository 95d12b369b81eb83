// errors: 1

use async_op::{async_op};

#[async_op]
static ONE: u32 = 1;

fn main() {
    let _ = ONE;
}
