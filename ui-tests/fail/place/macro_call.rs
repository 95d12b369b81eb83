// errors: 1

use async_op::{async_op};

#[async_op]
thread_local! {
    static ONE: u32 = 1;
}

fn main() {
    ONE.with(|_| ());
}
