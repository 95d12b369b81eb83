// errors: 1

use async_op::{async_op};

#[async_op]
union Bits {
    n: u32,
}

fn main() {
    let _ = Bits { n: 1 };
}
