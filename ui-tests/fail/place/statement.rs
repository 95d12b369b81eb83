// errors: 1

use async_op::{async_op};

fn main() {
    #[async_op]
    let ping = async { 1 };
    drop(ping);
}
