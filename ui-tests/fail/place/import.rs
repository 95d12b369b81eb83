// errors: 1

use async_op::{async_op};

#[async_op]
use std::io;

fn main() {
    let _: io::Result<()> = Ok(());
}
