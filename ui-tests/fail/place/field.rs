// errors: 1

use async_op::{async_op};

struct Socket {
    #[async_op]
    read: fn(u32),
}

fn main() {}
