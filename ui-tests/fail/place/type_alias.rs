// errors: 1

use async_op::{async_op};

#[async_op]
type Name = String;

fn main() {
    let _: Name = String::new();
}
