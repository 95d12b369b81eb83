// errors: 1

use async_op::{async_op};

#[async_op]
extern crate std as library;

fn main() {
    let _ = library::mem::size_of::<u8>();
}
