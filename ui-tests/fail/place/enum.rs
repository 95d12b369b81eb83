// errors: 1

use async_op::{async_op};

#[async_op]
enum Color {
    Red,
}

fn main() {
    let _ = Color::Red;
}
