// errors: 1

use async_op::{async_op};

#[async_op]
macro_rules! one {
    () => {
        1
    };
}

fn main() {
    let _ = one!();
}
