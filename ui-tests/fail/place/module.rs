// errors: 1

use async_op::{async_op};

#[async_op]
mod inner {
    pub fn f() {}
}

fn main() {
    inner::f();
}
